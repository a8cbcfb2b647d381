//! What can go wrong with images, references and outputs.

use std::io;
use std::path::PathBuf;

use kiln_types::{Classify, Digest, ErrorClass};

/// An error about an image in one of its containers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// A document breaks its format.
    #[error("{subject}: {reason}")]
    Malformed {
        /// Which document.
        subject: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A blob is not what its descriptor says.
    #[error("blob {digest}: {reason}")]
    Lies {
        /// The digest that was promised.
        digest: Digest,
        /// What was found instead.
        reason: String,
    },
    /// Nothing in a layout has this tag or platform.
    #[error("{subject}: {reason}")]
    NotFound {
        /// Where it was looked for.
        subject: String,
        /// What is not there, and what is.
        reason: String,
    },
    /// This container cannot hold this image.
    #[error("{subject}: {reason}")]
    Unsupported {
        /// The container.
        subject: String,
        /// Why it cannot.
        reason: String,
    },
    /// A file or directory could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried: `read`, `write`, `create`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A blob could not be read from its source.
    #[error("cannot read blob {digest}")]
    Blob {
        /// Which.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// The output could not be written.
    #[error("cannot write {subject}")]
    Write {
        /// What was being written.
        subject: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl OciError {
    pub(crate) fn malformed(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Malformed {
            subject: subject.into(),
            reason: reason.into(),
        }
    }
}

impl Classify for OciError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Malformed { .. } | Self::Lies { .. } => ErrorClass::Integrity,
            Self::NotFound { .. } | Self::Unsupported { .. } => ErrorClass::User,
            Self::File { .. } | Self::Blob { .. } | Self::Write { .. } => ErrorClass::Environment,
        }
    }
}
