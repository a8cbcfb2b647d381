//! Numbers in tar headers: octal text, or base-256 as GNU tar and star write large ones.

use crate::ArchiveError;

/// A number field; `what` names it in errors.
pub(super) fn parse(field: &[u8], what: &str) -> Result<i64, ArchiveError> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base256(field, what),
        _ => octal(field, what),
    }
}

/// The same, where a negative number has no meaning.
pub(super) fn parse_unsigned(field: &[u8], what: &str) -> Result<u64, ArchiveError> {
    let value = parse(field, what)?;
    u64::try_from(value)
        .map_err(|_| ArchiveError::malformed(format!("the {what} is negative ({value})")))
}

fn octal(field: &[u8], what: &str) -> Result<i64, ArchiveError> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field
        .iter()
        .position(|byte| !is_blank(byte))
        .unwrap_or(field.len());
    let digits = field.get(start..).unwrap_or_default();
    let end = digits.iter().position(is_blank).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if !rest.iter().all(is_blank) || !digits.iter().all(|byte| matches!(byte, b'0'..=b'7')) {
        return Err(ArchiveError::malformed(format!(
            "the {what} field `{}` is not an octal number",
            field.escape_ascii()
        )));
    }
    // At most 12 digits in every field of a header, so 36 bits.
    digits
        .iter()
        .try_fold(0_i64, |value, digit| {
            value.checked_mul(8)?.checked_add(i64::from(digit - b'0'))
        })
        .ok_or_else(|| ArchiveError::malformed(format!("the {what} is out of range")))
}

/// The first bit marks the form, the second is the sign of a two's complement number.
fn base256(field: &[u8], what: &str) -> Result<i64, ArchiveError> {
    let negative = field.first().is_some_and(|first| first & 0x40 != 0);
    let mut value: i128 = if negative { -1 } else { 0 };
    for (index, byte) in field.iter().enumerate() {
        let byte = match (index, negative) {
            (0, true) => *byte,
            (0, false) => byte & 0x7f,
            _ => *byte,
        };
        value = (value << 8) | i128::from(byte);
        if i64::try_from(value).is_err() {
            return Err(ArchiveError::malformed(format!(
                "the {what} is out of range"
            )));
        }
    }
    i64::try_from(value).map_err(|_| ArchiveError::malformed(format!("the {what} is out of range")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases: &[(&[u8], Option<i64>)] = &[
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"644     ", Some(0o644)),
            (b"77777777777\0", Some((8 << 30) - 1)),
            (b"777777777777", Some((64 << 30) - 1)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"", Some(0)),
            (b"0000648\0", None),
            (b"-000001\0", None),
            (b"+000001\0", None),
            (b"644\0 7\0\0", None),
            (b"0x1\0\0\0\0\0", None),
            (b"\x80\0\0\0\0\0\0\x01", Some(1)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                Some(-1),
            ),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", Some(-2)),
            (
                b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
                Some(i64::MAX),
            ),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", None),
            (b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\xc0\0\0\0\0\0\0\0\0\0\0\0", None),
        ];
        for (field, expected) in cases {
            assert_eq!(
                parse(field, "size").ok(),
                *expected,
                "{}",
                field.escape_ascii()
            );
        }
        assert!(
            parse_unsigned(b"\xff\xff\xff\xff\xff\xff\xff\xff", "size")
                .unwrap_err()
                .reason
                .contains("negative")
        );
    }
}
