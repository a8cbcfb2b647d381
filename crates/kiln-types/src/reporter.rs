//! Progress and warnings, without knowing who listens. All methods have empty defaults, so that
//! progress never leaks into a library's interface.

use crate::Diagnostic;

/// A stage of a build, for progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Fetching and verifying indexes.
    Indexes,
    /// Resolving.
    Resolve,
    /// Fetching packages.
    Fetch,
    /// Normalising packages into fragments.
    Normalise,
    /// Assembling layers.
    Assemble,
    /// Writing outputs.
    Output,
}

impl Stage {
    /// A verb for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Indexes => "reading indexes",
            Self::Resolve => "resolving",
            Self::Fetch => "fetching",
            Self::Normalise => "unpacking",
            Self::Assemble => "assembling",
            Self::Output => "writing",
        }
    }
}

/// Somebody who may want to hear how work goes on.
pub trait Reporter: Send + Sync {
    /// A stage begins; `total` is its size in `unit` (`bytes`, `packages`), where known.
    fn begin(&self, stage: Stage, total: Option<u64>, unit: &'static str) {
        let _ = (stage, total, unit);
    }

    /// A stage went on by `amount` of its unit; `what` is the thing at hand (a package's name).
    fn advance(&self, stage: Stage, amount: u64, what: &str) {
        let _ = (stage, amount, what);
    }

    /// A stage is done.
    fn end(&self, stage: Stage) {
        let _ = stage;
    }

    /// Something a person should know, though the work goes on.
    fn warn(&self, diagnostic: &Diagnostic) {
        let _ = diagnostic;
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentReporter;

impl Reporter for SilentReporter {}
