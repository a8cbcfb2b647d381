//! PAX extended headers: `LENGTH KEY=VALUE\n` records (POSIX.1-2017, `pax`, "pax Extended Header").

use std::collections::BTreeMap;

use crate::ArchiveError;

/// The prefix under which star, GNU tar and everybody after them keep extended attributes.
pub(super) const XATTR: &str = "SCHILY.xattr.";

/// What extended headers say about an entry. `None` leaves what the ustar header says.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<i64>,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
}

impl Extensions {
    /// Adds the records of one extended header; a later record replaces an earlier one of its key.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> Result<(), ArchiveError> {
        while !bytes.is_empty() {
            let record = Record::split(bytes)?;
            self.set(record.key, record.value)?;
            bytes = record.rest;
        }
        Ok(())
    }

    /// These, over what global headers said.
    pub(super) fn over(self, global: &Self) -> Self {
        let mut xattrs = global.xattrs.clone();
        xattrs.extend(self.xattrs);
        Self {
            path: self.path.or_else(|| global.path.clone()),
            link: self.link.or_else(|| global.link.clone()),
            size: self.size.or(global.size),
            uid: self.uid.or(global.uid),
            gid: self.gid.or(global.gid),
            mtime: self.mtime.or(global.mtime),
            xattrs,
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), ArchiveError> {
        match key {
            b"path" => self.path = name(key, value)?,
            b"linkpath" => self.link = name(key, value)?,
            b"size" => self.size = unsigned(key, value)?,
            b"uid" => self.uid = unsigned(key, value)?,
            b"gid" => self.gid = unsigned(key, value)?,
            b"mtime" => self.mtime = seconds(key, value)?,
            _ => {
                if let Some(attribute) = key.strip_prefix(XATTR.as_bytes()) {
                    let attribute = std::str::from_utf8(attribute)
                        .ok()
                        .filter(|text| !text.is_empty() && !text.contains('\0'))
                        .ok_or_else(|| bad(key, "is not the name of an extended attribute"))?;
                    self.xattrs.insert(attribute.to_owned(), value.to_vec());
                } else if key.starts_with(b"GNU.sparse.") {
                    return Err(ArchiveError::unsupported("sparse files are not supported"));
                }
                // Everything else (atime, comment, uname, hdrcharset, vendor keys) changes nothing
                // that kiln uses: POSIX has unknown keys ignored.
            }
        }
        Ok(())
    }
}

/// The first record of an extended header.
struct Record<'a> {
    key: &'a [u8],
    value: &'a [u8],
    /// What follows it.
    rest: &'a [u8],
}

impl<'a> Record<'a> {
    fn split(bytes: &'a [u8]) -> Result<Self, ArchiveError> {
        let broken = |why: &str| ArchiveError::malformed(format!("a PAX record {why}"));
        // A length has at most 20 digits.
        let space = bytes
            .iter()
            .take(21)
            .position(|byte| *byte == b' ')
            .ok_or_else(|| broken("does not begin with its length"))?;
        let (digits, _) = bytes.split_at(space);
        let length = decimal(digits).ok_or_else(|| broken("does not begin with its length"))?;
        let (record, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| bytes.split_at_checked(length))
            .ok_or_else(|| broken("is longer than its header"))?;
        let body = record
            .get(space + 1..)
            .and_then(|body| body.strip_suffix(b"\n"))
            .ok_or_else(|| broken("does not end in a newline where its length says"))?;
        let equals = body
            .iter()
            .position(|byte| *byte == b'=')
            .filter(|at| *at > 0)
            .ok_or_else(|| broken("has no `KEY=`"))?;
        let (key, value) = body.split_at(equals);
        Ok(Self {
            key,
            value: value.get(1..).unwrap_or_default(),
            rest,
        })
    }
}

fn bad(key: &[u8], why: &str) -> ArchiveError {
    let shown = key.get(..80).unwrap_or(key);
    ArchiveError::malformed(format!("the PAX record `{}` {why}", shown.escape_ascii()))
}

/// A name; an empty one takes the record back.
fn name(key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
    if value.contains(&0) {
        return Err(bad(key, "holds a NUL"));
    }
    Ok(Some(value.to_vec()).filter(|value| !value.is_empty()))
}

fn unsigned(key: &[u8], value: &[u8]) -> Result<Option<u64>, ArchiveError> {
    if value.is_empty() {
        return Ok(None);
    }
    decimal(value)
        .map(Some)
        .ok_or_else(|| bad(key, "is not a number, or too large"))
}

/// Seconds with an optional sign and fraction, rounded down.
fn seconds(key: &[u8], value: &[u8]) -> Result<Option<i64>, ArchiveError> {
    if value.is_empty() {
        return Ok(None);
    }
    let parsed = || {
        let (negative, text) = match value.strip_prefix(b"-") {
            Some(text) => (true, text),
            None => (false, value),
        };
        let mut parts = text.splitn(2, |byte| *byte == b'.');
        let whole = i64::try_from(decimal(parts.next()?)?).ok()?;
        let fraction = parts.next().unwrap_or_default();
        if !fraction.iter().all(u8::is_ascii_digit) {
            return None;
        }
        match (negative, fraction.iter().any(|digit| *digit != b'0')) {
            (false, _) => Some(whole),
            (true, false) => Some(-whole),
            (true, true) => (-whole).checked_sub(1),
        }
    };
    parsed().map(Some).ok_or_else(|| bad(key, "is not a time"))
}

/// Decimal digits only, at least one.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Extensions, ArchiveError> {
        let mut extensions = Extensions::default();
        extensions.add(bytes).map(|()| extensions)
    }

    #[test]
    fn records() {
        let read = parse(b"12 path=a b\n9 uid=70\n30 SCHILY.xattr.user.k=a=\0\nb\n\n").unwrap();
        assert_eq!(read.path.as_deref(), Some(&b"a b"[..]));
        assert_eq!(read.uid, Some(70));
        assert_eq!(
            read.xattrs.get("user.k").map(Vec::as_slice),
            Some(&b"a=\0\nb\n"[..])
        );
    }

    #[test]
    fn a_later_record_replaces_an_earlier_one_and_an_empty_one_takes_it_back() {
        let read = parse(b"9 uid=70\n9 uid=71\n10 path=a\n8 path=\n").unwrap();
        assert_eq!((read.uid, read.path), (Some(71), None));
    }

    #[test]
    fn times_round_down() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1234.999999999", Some(1234)),
            ("-1", Some(-1)),
            ("-1.5", Some(-2)),
            ("-1.0", Some(-1)),
            ("-0.1", Some(-1)),
            ("1.", Some(1)),
            ("9223372036854775808", None),
            ("1e9", None),
            (".5", None),
            ("1.2.3", None),
            ("--1", None),
        ] {
            assert_eq!(
                seconds(b"mtime", text.as_bytes()).ok().flatten(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn broken_records_are_refused() {
        for bytes in [
            &b"path=a\n"[..],
            b" path=a\n",
            b"99 path=a\n",
            b"0 path=a\n",
            b"2 path=a\n",
            b"9 path=ab\n",
            b"11 path=ab\nx",
            b"6 =ab\n",
            b"5 ab\n",
            b"-9 path=a\n",
            b"+9 path=a\n",
            b"18446744073709551616 path=a\n",
            b"000000000000000000000000009 path=a\n",
            b"10 size=-1\n",
            b"28 size=18446744073709551616\n",
            b"11 uid=0x10\n",
            b"10 path=a\0b",
            b"12 path=a\0b\n\n",
            b"16 SCHILY.xattr.=\n",
        ] {
            assert!(parse(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn sparse_files_are_unsupported() {
        let error = parse(b"22 GNU.sparse.major=1\n").unwrap_err();
        assert_eq!(error.kind, crate::ArchiveErrorKind::Unsupported);
    }
}
