//! What the first bytes of a file say of it: that it is a script, and of what; or that it holds a
//! secret.

use serde::{Deserialize, Serialize};

/// What the first bytes of a file say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// `#!`: the rest of that line, blanks around it removed (execve(2), "Interpreter scripts").
    Script(String),
    /// A private key in PEM (RFC 7468): `-----BEGIN … PRIVATE KEY-----`.
    PrivateKey,
}

impl Opening {
    /// As many bytes as are looked at. Keys often stand behind certificates or words.
    pub const ENOUGH: usize = 16 << 10;
    /// What Linux reads of a script's first line.
    const LINE: usize = 256;

    /// Looks at the first bytes of a file.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = &start[..start.len().min(Self::ENOUGH)];
        let first = &start[..start.len().min(Self::LINE)];
        let line = first.split(|byte| *byte == b'\n').next()?;
        if let Some(rest) = line.strip_prefix(b"#!") {
            let text = std::str::from_utf8(rest).ok()?.trim();
            return (!text.is_empty()).then(|| Self::Script(text.to_owned()));
        }
        let key = |line: &[u8]| {
            let line = line.trim_ascii();
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")
        };
        // Programs that write keys have the line as one of their texts, between zero bytes.
        (!start.contains(&0) && start.split(|byte| *byte == b'\n').any(key))
            .then_some(Self::PrivateKey)
    }

    /// The interpreter of a script, and its one argument.
    #[must_use]
    pub fn interpreter(&self) -> Option<(&str, Option<&str>)> {
        let Self::Script(line) = self else {
            return None;
        };
        Some(match line.split_once([' ', '\t']) {
            Some((program, argument)) => (program, Some(argument.trim_start())),
            None => (line, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_keys() {
        let script = |line: &str| Some(Opening::Script(line.to_owned()));
        for (start, expected) in [
            ("#!/bin/sh\necho", script("/bin/sh")),
            ("#! /usr/bin/env python3 \n", script("/usr/bin/env python3")),
            ("#!\n", None),
            ("# !/bin/sh", None),
            (
                "-----BEGIN PRIVATE KEY-----\nMII",
                Some(Opening::PrivateKey),
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\r\n",
                Some(Opening::PrivateKey),
            ),
            ("-----BEGIN CERTIFICATE-----\n", None),
            (
                "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n",
                Some(Opening::PrivateKey),
            ),
            (
                "\u{feff}-----BEGIN PRIVATE KEY-----\n",
                Some(Opening::PrivateKey),
            ),
            ("begins with -----BEGIN PRIVATE KEY-----\n", None),
            ("\0-----BEGIN PRIVATE KEY-----\n\0", None),
            ("", None),
        ] {
            assert_eq!(Opening::of(start.as_bytes()), expected, "{start}");
        }
        let env = Opening::of(b"#!/usr/bin/env -S python3 -u\n").unwrap();
        assert_eq!(
            env.interpreter(),
            Some(("/usr/bin/env", Some("-S python3 -u")))
        );
    }
}
