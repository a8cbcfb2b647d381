//! What the first bytes of a file say of it: that it is a script, and of what; or that it holds a
//! secret.

use serde::{Deserialize, Serialize};

/// What the first bytes of a file say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// `#!`: the rest of that line, blanks around it removed (execve(2), "Interpreter scripts").
    Script(String),
    /// A private key: in PEM (RFC 7468, `-----BEGIN … PRIVATE KEY-----`), in DER (PKCS #8, PKCS #1,
    /// SEC 1), or in PuTTY's form.
    PrivateKey,
}

impl Opening {
    /// As many bytes as are looked at of any file.
    pub const ENOUGH: usize = 16 << 10;
    /// As many bytes as are looked at where more may follow: keys stand behind chains of
    /// certificates.
    pub const MOST: usize = 4 << 20;
    /// What Linux reads of a script's first line.
    const LINE: usize = 256;

    /// Whether a file that begins so may hold a key further on: text with something in PEM.
    #[must_use]
    pub fn wants_more(start: &[u8]) -> bool {
        !start.contains(&0) && memchr::memmem::find(start, b"-----BEGIN ").is_some()
    }

    /// Looks at the first bytes of a file.
    #[must_use]
    pub fn of(start: &[u8]) -> Option<Self> {
        let start = &start[..start.len().min(Self::MOST)];
        let first = &start[..start.len().min(Self::LINE)];
        let line = first.split(|byte| *byte == b'\n').next()?;
        if let Some(rest) = line.strip_prefix(b"#!") {
            let text = std::str::from_utf8(rest).ok()?.trim();
            return (!text.is_empty()).then(|| Self::Script(text.to_owned()));
        }
        let key = |line: &[u8]| {
            let line = line.trim_ascii();
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            line.starts_with(b"-----BEGIN ")
                && (line.ends_with(b"PRIVATE KEY-----")
                    || line.ends_with(b"PRIVATE KEY BLOCK-----"))
        };
        if is_key_in_der(start) || start.starts_with(b"PuTTY-User-Key-File-") {
            return Some(Self::PrivateKey);
        }
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

    /// The program that interprets a script: its interpreter, or what env(1) is told to start,
    /// behind options and variables.
    #[must_use]
    pub fn interpreter_name(&self) -> Option<&str> {
        let (program, argument) = self.interpreter()?;
        if program.rsplit('/').next() != Some("env") {
            return Some(program);
        }
        argument?
            .split_whitespace()
            .find(|word| !word.starts_with('-') && !word.contains('='))
    }
}

/// Whether a whole file is a private key in DER: a sequence as long as the file that begins with the
/// version and then the algorithm (RFC 5208, RFC 5958), the modulus (RFC 8017, A.1.2), or the key of a
/// curve (RFC 5915).
fn is_key_in_der(file: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = file else {
        return false;
    };
    let (length, content) = match (first, rest) {
        (0..=0x7f, _) => (usize::from(*first), rest),
        (0x81, [length, rest @ ..]) => (usize::from(*length), rest),
        (0x82, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return false,
    };
    length == content.len()
        && matches!(
            content,
            [2, 1, 0 | 1, 0x30, ..] | [2, 1, 0, 2, 0x40..=0x84, ..] | [2, 1, 1, 4, 0x1c..=0x42, ..]
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_der() {
        let sequence = |content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[0x30, 0x81, length], content].concat()
        };
        for (content, key) in [
            // Version 0, then AlgorithmIdentifier: PKCS #8.
            (&[2, 1, 0, 0x30, 5, 6, 3, 43, 101, 112][..], true),
            // Version 0, then a modulus of 512 bits: PKCS #1.
            (&[&[2, 1, 0, 2, 0x41][..], &[1; 65]].concat()[..], true),
            // Version 1, then 32 bytes: SEC 1.
            (&[&[2, 1, 1, 4, 32][..], &[1; 32]].concat()[..], true),
            // A certificate: a sequence at once. A message of SNMP: a community.
            (&[0x30, 3, 2, 1, 0], false),
            (&[2, 1, 0, 4, 6, 112, 117, 98, 108, 105, 99], false),
        ] {
            let expected = key.then_some(Opening::PrivateKey);
            assert_eq!(Opening::of(&sequence(content)), expected, "{content:?}");
            let mut longer = sequence(content);
            longer.push(0);
            assert_eq!(Opening::of(&longer), None, "{content:?} and a byte");
        }
    }

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
            (
                "PuTTY-User-Key-File-3: ssh-ed25519\n",
                Some(Opening::PrivateKey),
            ),
            ("", None),
        ] {
            assert_eq!(Opening::of(start.as_bytes()), expected, "{start}");
        }
        let env = Opening::of(b"#!/usr/bin/env -S python3 -u\n").unwrap();
        assert_eq!(
            env.interpreter(),
            Some(("/usr/bin/env", Some("-S python3 -u")))
        );
        for (line, name) in [
            ("/usr/bin/env -S python3 -u", Some("python3")),
            ("/usr/bin/env -S A=/x bash", Some("bash")),
            ("/usr/bin/env", None),
            ("/bin/sh -e", Some("/bin/sh")),
        ] {
            let script = Opening::Script(line.to_owned());
            assert_eq!(script.interpreter_name(), name, "{line}");
        }
    }

    #[test]
    fn keys_behind_chains() {
        let chain = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n".repeat(1000);
        let key = "-----BEGIN PRIVATE KEY-----\n";
        let start = &chain.as_bytes()[..Opening::ENOUGH];
        assert!(Opening::wants_more(start));
        assert_eq!(Opening::of(start), None);
        let all = Opening::of(format!("{chain}{key}").as_bytes());
        assert_eq!(all, Some(Opening::PrivateKey));
        assert!(!Opening::wants_more(b"no key\n"));
        assert!(!Opening::wants_more(b"-----BEGIN \0"));
    }
}
