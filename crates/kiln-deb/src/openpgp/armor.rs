//! ASCII armor (RFC 9580, section 6.2), read strictly: no text before the block, an end line of
//! the same kind, nothing but base64 between.
//!
//! The CRC-24 footer is skipped, as section 6.1 demands: it protects nothing.

/// One armored block, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block<'a> {
    /// The bytes in it.
    pub(crate) data: Vec<u8>,
    /// What follows it.
    pub(crate) rest: &'a [u8],
}

/// Whether the bytes begin, blank space aside, as an armored block does.
pub(crate) fn is_armored(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"-----BEGIN ")
}

/// Splits the first line off: without its line end, and what comes after it.
pub(crate) fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let (line, rest) = match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &text[text.len()..]),
    };
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest))
}

/// Reads the block of this kind at the start of `text`; `None` when only blank space is left.
///
/// # Errors
/// The reason, when there is something else than an armored block of this kind.
pub(crate) fn read<'a>(
    text: &'a [u8],
    kind: &str,
    limit: usize,
) -> Result<Option<Block<'a>>, String> {
    let text = text.trim_ascii_start();
    let Some((first, mut rest)) = split_line(text) else {
        return Ok(None);
    };
    let found = first
        .trim_ascii_end()
        .strip_prefix(b"-----BEGIN ")
        .and_then(|line| line.strip_suffix(b"-----"))
        .ok_or_else(|| format!("expected an armored block `{kind}`, found other text"))?;
    if found != kind.as_bytes() {
        let found: String = String::from_utf8_lossy(found).chars().take(40).collect();
        let found = found.escape_debug();
        return Err(format!(
            "expected an armored block `{kind}`, found one of `{found}`"
        ));
    }
    let truncated = || format!("armored block `{kind}` ends before its `-----END` line");
    // Armor headers (`Version: …`) up to a blank line.
    loop {
        let (line, after) = split_line(rest).ok_or_else(truncated)?;
        rest = after;
        if line.trim_ascii().is_empty() {
            break;
        }
        if line.starts_with(b"-----") || !line.contains(&b':') {
            return Err(format!(
                "armored block `{kind}` has no blank line after its headers"
            ));
        }
    }
    let mut base64 = Vec::new();
    let mut footer = false;
    loop {
        let (line, after) = split_line(rest).ok_or_else(truncated)?;
        rest = after;
        let line = line.trim_ascii_end();
        if let Some(end) = line.strip_prefix(b"-----") {
            if end != format!("END {kind}-----").as_bytes() {
                return Err(format!(
                    "armored block `{kind}` has another end line than `-----END {kind}-----`"
                ));
            }
            break;
        }
        if footer && !line.is_empty() {
            return Err(format!(
                "armored block `{kind}` has text after its checksum"
            ));
        }
        if line.len() == 5 && line.starts_with(b"=") {
            footer = true;
        } else {
            base64.extend_from_slice(line);
        }
        if base64.len() / 4 * 3 > limit {
            return Err(format!(
                "armored block `{kind}` is larger than {limit} bytes"
            ));
        }
    }
    let data =
        decode_base64(&base64).ok_or_else(|| format!("armored block `{kind}` is not base64"))?;
    Ok(Some(Block { data, rest }))
}

/// Base64 with padding (RFC 4648, section 4); `None` when it is not.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let digits = text.get(..text.len() - padding)?;
    let mut data = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for index in 0..4 {
            let digit = match group.get(index) {
                Some(byte @ b'A'..=b'Z') => byte - b'A',
                Some(byte @ b'a'..=b'z') => byte - b'a' + 26,
                Some(byte @ b'0'..=b'9') => byte - b'0' + 52,
                Some(b'+') => 62,
                Some(b'/') => 63,
                None => 0,
                Some(_) => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        // Two digits hold one byte, three hold two, four hold three; one alone holds none.
        let bytes = bits.to_be_bytes();
        if group.len() < 2 {
            return None;
        }
        data.extend_from_slice(bytes.get(1..group.len())?);
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        // RFC 4648, section 10.
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(decode_base64(text.as_bytes()).unwrap(), plain.as_bytes());
        }
        for bad in [
            "Z", "Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm9 ", "Zm\0v",
        ] {
            assert!(decode_base64(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn one_block_and_what_follows() {
        let text = b"\n-----BEGIN PGP SIGNATURE-----\r\nVersion: x\r\n\r\nZm9v\r\nYmFy\r\n=abcd\r\n-----END PGP SIGNATURE-----\r\nrest";
        let Block { data, rest } = read(text, "PGP SIGNATURE", 100).unwrap().unwrap();
        assert_eq!((data.as_slice(), rest), (&b"foobar"[..], &b"rest"[..]));
        assert_eq!(read(b" \n", "PGP SIGNATURE", 100).unwrap(), None);
        assert!(read(b"rest", "PGP SIGNATURE", 100).is_err());
    }

    #[test]
    fn truncated_armor_at_every_byte() {
        let text = b"-----BEGIN PGP SIGNATURE-----\n\nZm9v\n=abcd\n-----END PGP SIGNATURE-----";
        assert!(read(text, "PGP SIGNATURE", 100).is_ok());
        for length in 1..text.len() {
            assert!(
                read(&text[..length], "PGP SIGNATURE", 100).is_err(),
                "{length}"
            );
        }
        assert!(
            read(text, "PGP SIGNATURE", 2)
                .unwrap_err()
                .contains("larger than")
        );
    }

    #[test]
    fn text_smuggled_into_the_block() {
        for bad in [
            "-----BEGIN PGP SIGNATURE-----\nZm9v\n-----END PGP SIGNATURE-----\n",
            "-----BEGIN PGP SIGNATURE-----\n\nZm9v\n=abcd\nZm9v\n-----END PGP SIGNATURE-----\n",
            "-----BEGIN PGP SIGNATURE-----\n\nZm9v\n-----END PGP MESSAGE-----\n",
            "-----BEGIN PGP SIGNATURE-----\n\nhello world!\n-----END PGP SIGNATURE-----\n",
        ] {
            assert!(read(bad.as_bytes(), "PGP SIGNATURE", 100).is_err(), "{bad}");
        }
    }
}
