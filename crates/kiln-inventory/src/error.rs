//! What keeps an inventory from being made at all. What only makes it smaller is an
//! [`Incomplete`](kiln_types::Incomplete) in it.

use std::io;
use std::path::PathBuf;

use kiln_archive::{ArchiveError, ArchiveErrorKind};
use kiln_oci::OciError;
use kiln_types::{Classify, Digest, ErrorClass};

/// Why there is no inventory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// A text names no image.
    #[error("{reason}")]
    Place {
        /// What was written, and what is wrong with it.
        reason: String,
    },
    /// A file or directory cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive cannot be understood.
    #[error("`{}`", path.display())]
    Archive {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ArchiveError,
    },
    /// A layer, manifest or configuration breaks the rules of OCI.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// An archive or document is not what its name says.
    #[error("{subject}: {reason}")]
    Malformed {
        /// Which.
        subject: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes have another digest than was promised.
    #[error("{subject}: its bytes have the digest {found}, expected {expected}")]
    Lies {
        /// Whose bytes.
        subject: String,
        /// What was promised.
        expected: Digest,
        /// What they are.
        found: Digest,
    },
    /// There is no image for this platform or of this name.
    #[error("{subject}: {reason}")]
    NotFound {
        /// Where it was looked for.
        subject: String,
        /// What is missing, and what is there.
        reason: String,
    },
}

impl InventoryError {
    pub(crate) fn malformed(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Malformed {
            subject: subject.into(),
            reason: reason.into(),
        }
    }
}

impl Classify for InventoryError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Place { .. } | Self::NotFound { .. } => ErrorClass::User,
            Self::Read { .. } => ErrorClass::Environment,
            Self::Archive { source, .. } => match source.kind {
                ArchiveErrorKind::Io => ErrorClass::Environment,
                ArchiveErrorKind::Unsupported => ErrorClass::User,
                ArchiveErrorKind::Malformed | ArchiveErrorKind::Limit => ErrorClass::Integrity,
            },
            Self::Oci(error) => error.class(),
            Self::Malformed { .. } | Self::Lies { .. } => ErrorClass::Integrity,
        }
    }
}
