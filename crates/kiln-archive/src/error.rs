//! The one error of this crate.

use std::io;

/// What kind of failure an [`ArchiveError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveErrorKind {
    /// The bytes break their format: damaged, truncated, contradictory, or followed by more.
    Malformed,
    /// A limit of [`Limits`](crate::Limits) was passed.
    Limit,
    /// The bytes are well-formed, but kiln does not read this feature.
    Unsupported,
    /// Reading below failed.
    Io,
}

/// Bytes that cannot be read: why, and where as far as it is known.
#[derive(Debug, thiserror::Error)]
#[error("{}{reason}", self.place())]
pub struct ArchiveError {
    /// The kind of failure.
    pub kind: ArchiveErrorKind,
    /// What is wrong, in words.
    pub reason: String,
    /// The entry (or member) it happened in, where there is one; not trusted, shortened, printable.
    pub entry: Option<String>,
    /// The offset in the (uncompressed) archive, where it is known.
    pub offset: Option<u64>,
    /// What the reader below said.
    #[source]
    source: Option<io::Error>,
}

impl ArchiveError {
    /// An error of a kind.
    pub fn new(kind: ArchiveErrorKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
            entry: None,
            offset: None,
            source: None,
        }
    }

    /// The bytes break their format.
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::new(ArchiveErrorKind::Malformed, reason)
    }

    /// A limit was passed.
    pub fn limit(reason: impl Into<String>) -> Self {
        Self::new(ArchiveErrorKind::Limit, reason)
    }

    /// A feature that kiln does not read.
    pub fn unsupported(reason: impl Into<String>) -> Self {
        Self::new(ArchiveErrorKind::Unsupported, reason)
    }

    /// The bytes end too early.
    pub(crate) fn truncated(what: &str) -> Self {
        Self::malformed(format!("truncated: the input ends inside {what}"))
    }

    /// Says at which offset it happened, unless that is known already.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.offset.get_or_insert(offset);
        self
    }

    /// Says in which entry it happened, unless that is known already.
    #[must_use]
    pub fn in_entry(mut self, name: &[u8]) -> Self {
        self.entry.get_or_insert_with(|| printable(name));
        self
    }

    fn place(&self) -> String {
        match (&self.entry, self.offset) {
            (Some(entry), Some(offset)) => format!("entry `{entry}` at byte {offset}: "),
            (Some(entry), None) => format!("entry `{entry}`: "),
            (None, Some(offset)) => format!("at byte {offset}: "),
            (None, None) => String::new(),
        }
    }
}

/// An error of a reader below. One that carries an [`ArchiveError`] (a decoder of this crate made
/// it) is taken out again, so that its kind survives the passage through [`io::Read`].
impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self {
                kind: ArchiveErrorKind::Io,
                reason: format!("cannot read: {error}"),
                entry: None,
                offset: None,
                source: Some(error),
            },
        }
    }
}

/// The way through [`io::Read`]; [`From<io::Error>`] takes the error out again.
impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        let kind = match &error.source {
            Some(source) => source.kind(),
            None => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// A name of foreign bytes as it may stand in a message.
fn printable(name: &[u8]) -> String {
    const LONGEST: usize = 120;
    let shown: String = String::from_utf8_lossy(name.get(..LONGEST * 2).unwrap_or(name))
        .chars()
        .take(LONGEST)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect();
    if name.len() > LONGEST {
        shown + "…"
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_kind_on_the_way_through_read() {
        let error = io::Error::from(ArchiveError::limit("too much").in_entry(b"a\nb").at(512));
        let back = ArchiveError::from(error);
        assert_eq!(back.kind, ArchiveErrorKind::Limit);
        assert_eq!(back.to_string(), "entry `a\\nb` at byte 512: too much");
    }

    #[test]
    fn a_foreign_error_becomes_io_and_keeps_its_source() {
        let error = ArchiveError::from(io::Error::new(io::ErrorKind::TimedOut, "slow"));
        assert_eq!(error.kind, ArchiveErrorKind::Io);
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
    }
}
