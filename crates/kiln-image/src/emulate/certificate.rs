//! As much of X.509 as `openssl rehash` needs: the certificate in a PEM file, and the hash of its
//! subject under which OpenSSL looks it up in a directory.
//!
//! The hash is the first four bytes, least significant first, of SHA-1 over the *canonical*
//! encoding of the subject (`X509_NAME_hash_ex`): strings become UTF-8, ASCII letters lower case,
//! blanks are trimmed and folded, and the outer SEQUENCE header is left out.
//!
//! The bytes are foreign: everything that breaks PEM or DER is `None`, lengths are checked before
//! they are used, and there is no recursion.

use sha1::{Digest as _, Sha1};

const BEGIN: &str = "-----BEGIN ";
/// The largest certificate decoded, in bytes of DER; real ones have about a thousand.
const MAX_DER: usize = 1 << 20;

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// The DER bytes of the certificate in this PEM file, if it holds exactly one object and that is
/// a certificate; `openssl rehash` passes over all other files.
pub(super) fn single_certificate(pem: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(pem).ok().or_else(|| {
        // Comments before the first object may be in any encoding.
        let start = pem
            .windows(BEGIN.len())
            .position(|window| window == BEGIN.as_bytes())?;
        str::from_utf8(pem.get(start..)?).ok()
    })?;
    let mut blocks = text.split(BEGIN).skip(1);
    let block = blocks.next()?;
    if blocks.next().is_some() {
        return None;
    }
    let (label, rest) = block.split_once("-----")?;
    if !matches!(
        label,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"
    ) {
        return None;
    }
    let (body, _) = rest.split_once("-----END ")?;
    base64(body)
}

/// The subject hash of a certificate, as `openssl x509 -subject_hash` prints it.
pub(super) fn subject_hash(der: &[u8]) -> Option<u32> {
    let subject = canonical_subject(der)?;
    let digest = Sha1::digest(&subject);
    Some(u32::from_le_bytes(digest.get(..4)?.try_into().ok()?))
}

fn canonical_subject(der: &[u8]) -> Option<Vec<u8>> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (body, _) = expect(certificate, SEQUENCE)?;
    let rest = match body.first()? {
        &VERSION => expect(body, VERSION)?.1,
        _ => body,
    };
    let (_, rest) = expect(rest, INTEGER)?;
    let (_signature, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (_validity, rest) = expect(rest, SEQUENCE)?;
    let (mut subject, _) = expect(rest, SEQUENCE)?;
    let mut canonical = Vec::new();
    while !subject.is_empty() {
        let (mut names, rest) = expect(subject, SET)?;
        subject = rest;
        let mut set: Vec<Vec<u8>> = Vec::new();
        while !names.is_empty() {
            let (name, rest) = expect(names, SEQUENCE)?;
            names = rest;
            let (oid, value) = expect(name, OID)?;
            let (tag, value, _) = element(value)?;
            let mut entry = encode(OID, oid);
            entry.extend(canonical_value(tag, value)?);
            set.push(encode(SEQUENCE, &entry));
        }
        // SET OF is sorted by its members' encodings (X.690, 11.6).
        set.sort();
        canonical.extend(encode(SET, &set.concat()));
    }
    Some(canonical)
}

/// `asn1_string_canon` of OpenSSL: strings are folded, other types stay as they are.
fn canonical_value(tag: u8, value: &[u8]) -> Option<Vec<u8>> {
    let text: String = match tag {
        UTF8_STRING => str::from_utf8(value).ok()?.to_owned(),
        // PrintableString, T61String (read as Latin-1, as OpenSSL does), IA5String, VisibleString.
        0x13 | 0x14 | 0x16 | 0x1a => value.iter().copied().map(char::from).collect(),
        // BMPString.
        0x1e => code_points(value, 2)?,
        // UniversalString.
        0x1c => code_points(value, 4)?,
        _ => return Some(encode(tag, value)),
    };
    let mut folded = String::with_capacity(text.len());
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
    }
    Some(encode(UTF8_STRING, folded.as_bytes()))
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn code_points(value: &[u8], width: usize) -> Option<String> {
    if !value.len().is_multiple_of(width) {
        return None;
    }
    value
        .chunks_exact(width)
        .map(|chunk| {
            char::from_u32(
                chunk
                    .iter()
                    .fold(0, |number, byte| number << 8 | u32::from(*byte)),
            )
        })
        .collect()
}

/// The content of the first element, which must have this tag, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and rest of a DER element (X.690, 8.1 and 10.1): definite lengths only.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = rest.get(..count)?;
            (
                digits
                    .iter()
                    .fold(0, |length, byte| length << 8 | usize::from(*byte)),
                rest.get(count..)?,
            )
        }
        _ => return None,
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

fn encode(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len().to_be_bytes();
    let digits = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    match digits {
        [] => bytes.push(0),
        [short @ 0..=0x7f] => bytes.push(*short),
        long => {
            bytes.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            bytes.extend(long);
        }
    }
    bytes.extend(content);
    bytes
}

/// Decodes base64 (RFC 4648) with white space between the digits.
fn base64(text: &str) -> Option<Vec<u8>> {
    if text.len() / 4 * 3 > MAX_DER {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0u32, 0u32, 0u32);
    for letter in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count == 4 {
            bytes.extend_from_slice(bits.to_be_bytes().get(1..)?);
            (bits, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => {}
        (2, 2) => bytes.extend_from_slice((bits << 12).to_be_bytes().get(1..2)?),
        (3, 1) => bytes.extend_from_slice((bits << 6).to_be_bytes().get(1..3)?),
        _ => return None,
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_known_answers() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v\nYmFy\n", "foobar"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        for bad in ["Zg=", "Z", "Zg==Zg==", "Z!==", "Zg==="] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }

    #[test]
    fn strings_are_folded_as_openssl_does() {
        let folded = |tag, value: &[u8]| canonical_value(tag, value).unwrap();
        assert_eq!(
            folded(0x13, b"  Big \t CA  "),
            [&[0x0c, 6][..], b"big ca"].concat()
        );
        assert_eq!(
            folded(0x1e, &[0, b'A', 1, 0x50]),
            [&[0x0c, 3][..], "a\u{150}".as_bytes()].concat()
        );
        assert_eq!(
            folded(0x14, &[0xe9]),
            [&[0x0c, 2][..], "é".as_bytes()].concat()
        );
        assert_eq!(
            folded(0x12, b" 1 "),
            [&[0x12, 3][..], b" 1 "].concat(),
            "a NumericString stays"
        );
    }

    #[test]
    fn lengths_are_encoded_in_their_shortest_form() {
        assert_eq!(encode(4, &[])[..], [4, 0]);
        assert_eq!(encode(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(encode(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(encode(4, &[0; 300])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn attack_lengths_beyond_the_end() {
        for bytes in [
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff][..],
            &[0x30, 5, 1],
            &[0x30, 0x80, 0, 0],
            &[0x3f, 1],
            &[],
        ] {
            assert_eq!(element(bytes), None);
            assert_eq!(subject_hash(bytes), None);
        }
    }

    #[test]
    fn only_files_with_one_certificate_count() {
        let one = "# comment\n-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";
        assert_eq!(
            single_certificate(one.as_bytes()).as_deref(),
            Some(&b"foo"[..])
        );
        assert_eq!(single_certificate(format!("{one}{one}").as_bytes()), None);
        assert_eq!(
            single_certificate(b"-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----\n"),
            None
        );
        assert_eq!(single_certificate(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = subject_hash(&bytes);
            let _ = single_certificate(&bytes);
        }
    }
}
