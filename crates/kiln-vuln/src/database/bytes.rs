//! Numbers and texts as bytes, and back with checks.

use super::DatabaseError;

/// Writes numbers of seven bits a byte, the lowest first, and texts with their length.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn number(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A number that may be negative.
    pub(super) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }
}

/// Reads what [`Out`] wrote.
#[derive(Debug)]
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl<'a> In<'a> {
    fn damaged(reason: &str) -> DatabaseError {
        DatabaseError::Damaged(reason.to_owned())
    }

    pub(super) fn byte(&mut self) -> Result<u8, DatabaseError> {
        let (first, rest) = self
            .0
            .split_first()
            .ok_or_else(|| Self::damaged("a record ends early"))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, DatabaseError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Self::damaged("a number is too long"))
    }

    pub(super) fn signed(&mut self) -> Result<i64, DatabaseError> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A count of things of at least one byte each: no more than there are bytes left.
    pub(super) fn count(&mut self) -> Result<usize, DatabaseError> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > self.0.len() {
            return Err(Self::damaged("a count is larger than what follows"));
        }
        Ok(count)
    }

    /// So many bytes as the number before them says.
    pub(super) fn slice(&mut self) -> Result<&'a [u8], DatabaseError> {
        let length = self.count()?;
        let (bytes, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| Self::damaged("a text ends early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DatabaseError> {
        std::str::from_utf8(self.slice()?).map_err(|_| Self::damaged("a text is not UTF-8"))
    }
}
