//! What can go wrong with a store, and of what kind it is.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use kiln_types::{Classify, Digest, ErrorClass};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system does not let this user do it.
    #[error("no permission to {doing} `{path}`: {source}")]
    Permission {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk, or the quota, is full.
    #[error(
        "no space left to {doing} `{path}`: needed at least {needed} bytes, {available} are free on that file system"
    )]
    Full {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// How many bytes were needed, as far as was known.
        needed: u64,
        /// How many bytes are free there for this user.
        available: u64,
    },
    /// The store was made by a newer kiln.
    #[error(
        "the store `{path}` has layout {found}, and this kiln knows layouts up to {known}: use a newer kiln or another directory"
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its layout.
        found: u32,
        /// The newest layout known here.
        known: u32,
    },
    /// The directory is something else.
    #[error("`{path}` is not a store of kiln: {reason}")]
    NotAStore {
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The bytes are not those that were asked for.
    #[error(
        "the content is not what was asked for: expected {expected}, found {found} ({size} bytes)"
    )]
    Mismatch {
        /// The digest it should have had.
        expected: Digest,
        /// The digest it has.
        found: Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// Another process holds a lock.
    #[error("another kiln process holds `{path}` (waited {} s)", waited.as_secs())]
    Busy {
        /// The file that is locked.
        path: PathBuf,
        /// How long was waited for it.
        waited: Duration,
    },
    /// A key or a lock's name that the store does not take.
    #[error("`{name}` cannot be a name in the store: {reason}")]
    Name {
        /// The name, shortened.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// A record that is larger than records may be.
    #[error("record `{path}` has {size} bytes, and records have at most {limit}")]
    TooLarge {
        /// The record.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

impl Classify for StoreError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Mismatch { .. } => ErrorClass::Integrity,
            Self::Name { .. } => ErrorClass::User,
            _ => ErrorClass::Environment,
        }
    }
}

impl StoreError {
    /// Whether the disk or the quota was full.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// Whether another process holds a lock.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// The error that a [`crate::BlobWriter`] wrapped into what `Write` returned; `None` where it
    /// came from elsewhere.
    #[must_use]
    pub fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

/// `Write` speaks `io::Error`: the kind stays, the words become ours.
impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Io { source, .. } | StoreError::Permission { source, .. } => source.kind(),
            StoreError::Full { .. } => io::ErrorKind::StorageFull,
            StoreError::Busy { .. } => io::ErrorKind::WouldBlock,
            StoreError::Mismatch { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
