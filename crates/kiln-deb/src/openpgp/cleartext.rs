//! The cleartext signature framework (RFC 9580, section 7; RFC 4880, section 7), which is the
//! form of `InRelease`.
//!
//! Read strictly, because every leniency has been somebody's way to show one text to the verifier
//! and another to the reader: nothing before the first line or after the last, no header but
//! `Hash`, every dash escaped, one text. The text given back is made from the very lines that were
//! hashed, never cut from the input.

use super::armor::{self, split_line};

/// The most bytes of armored signatures accepted.
pub(super) const MAX_SIGNATURES: usize = 256 << 10;

/// A clear-signed message, taken apart but not verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The lines as they are hashed: blanks at line ends gone, CR LF between the lines, none after
    /// the last.
    pub(super) canonical: Vec<u8>,
    /// The same lines, each ended by LF.
    pub(super) text: Vec<u8>,
    /// The signature packets of all blocks, one after the other.
    pub(super) signatures: Vec<u8>,
}

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// Takes a message apart.
///
/// # Errors
/// The reason, when it breaks the framework.
pub(super) fn parse(bytes: &[u8]) -> Result<Message, String> {
    let truncated = || "clear-signed text ends before its signature".to_owned();
    let (first, mut rest) = split_line(bytes).ok_or("empty, not a clear-signed text")?;
    if first != BEGIN {
        return Err("does not begin with `-----BEGIN PGP SIGNED MESSAGE-----`".to_owned());
    }
    loop {
        let (line, after) = split_line(rest).ok_or_else(truncated)?;
        rest = after;
        if line.is_empty() {
            break;
        }
        check_hash_header(line)?;
    }
    let (mut canonical, mut text) = (
        Vec::with_capacity(rest.len()),
        Vec::with_capacity(rest.len()),
    );
    loop {
        let (line, after) = split_line(rest).ok_or_else(truncated)?;
        if line.starts_with(b"-----") {
            if line.trim_ascii_end() != SIGNATURE {
                return Err("a line of the signed text begins with an unescaped `-----`".to_owned());
            }
            break;
        }
        rest = after;
        let line = match line.strip_prefix(b"- ") {
            Some(escaped) => escaped,
            None if line.starts_with(b"-") => {
                return Err("a line of the signed text begins with an unescaped `-`".to_owned());
            }
            None => line,
        };
        // A CR elsewhere than at the line's end is a line end to some readers and none to others.
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err("a line of the signed text holds a CR or NUL".to_owned());
        }
        let blanks = line
            .iter()
            .rev()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let line = &line[..line.len() - blanks];
        if !text.is_empty() {
            canonical.extend_from_slice(b"\r\n");
        }
        canonical.extend_from_slice(line);
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    let signatures = read_signatures(rest)?;
    Ok(Message {
        canonical,
        text,
        signatures,
    })
}

/// Reads one or more armored signature blocks up to the end of the input.
///
/// # Errors
/// The reason, when anything else stands there.
pub(super) fn read_signatures(mut text: &[u8]) -> Result<Vec<u8>, String> {
    let mut signatures = Vec::new();
    while let Some(block) = armor::read(text, "PGP SIGNATURE", MAX_SIGNATURES)
        .map_err(|reason| format!("in the signature: {reason}"))?
    {
        signatures.extend_from_slice(&block.data);
        if signatures.len() > MAX_SIGNATURES {
            return Err(format!("more than {MAX_SIGNATURES} bytes of signatures"));
        }
        text = block.rest;
    }
    Ok(signatures)
}

/// `Hash: SHA256, SHA512`. The names are not used (each signature says its own), only their shape
/// is checked: a header that is no header may be a text that somebody reads as signed.
fn check_hash_header(line: &[u8]) -> Result<(), String> {
    let names = line.strip_prefix(b"Hash: ").filter(|names| {
        names.split(|byte| *byte == b',').all(|name| {
            let name = name.trim_ascii();
            !name.is_empty()
                && name.len() <= 16
                && name
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        })
    });
    match names {
        Some(_) => Ok(()),
        None => Err("a header of the clear-signed text is not `Hash: …`, or the blank line after the headers is missing".to_owned()),
    }
}
