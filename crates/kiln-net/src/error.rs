//! What can go wrong with the network: every address that was tried, and what happened there.

use std::fmt;
use std::io;
use std::time::Duration;

use kiln_types::{Classify, ErrorClass};

use crate::mirror::MirrorError;

/// An error of the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// A setting of the network cannot be used.
    #[error("network setting `{setting}`: {reason}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Why.
        reason: String,
    },
    /// A mirror's address, or a path that came from an index, cannot be used.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// There is no mirror to ask.
    #[error("cannot fetch `{path}`: no mirror is configured for it")]
    NoMirror {
        /// What was wanted.
        path: String,
    },
    /// No mirror gave it.
    #[error("cannot fetch `{path}`: {}", Told(attempts))]
    Fetch {
        /// What was wanted.
        path: String,
        /// What happened, in order.
        attempts: Vec<Attempt>,
    },
    /// It came, but could not be written.
    #[error("cannot keep `{path}`: {source}")]
    Local {
        /// What was wanted.
        path: String,
        /// What the sink said.
        source: io::Error,
    },
}

impl NetError {
    /// Whether every mirror that was asked said that there is no such file.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let none = |attempt: &Attempt| matches!(attempt.outcome, Outcome::NotFound);
        !self.attempts().is_empty() && self.attempts().iter().all(none)
    }

    /// What was tried; empty where it did not come to that.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        match self {
            Self::Fetch { attempts, .. } => attempts,
            _ => &[],
        }
    }
}

impl Classify for NetError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Setting { .. } | Self::Mirror(_) | Self::NoMirror { .. } => ErrorClass::User,
            Self::Local { .. } => ErrorClass::Environment,
            Self::Fetch { attempts, .. }
                if attempts.iter().any(|attempt| attempt.outcome.is_lie()) =>
            {
                ErrorClass::Integrity
            }
            Self::Fetch { .. } => ErrorClass::Network,
        }
    }
}

/// One try at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The address, without user and password.
    pub url: String,
    /// What happened.
    pub outcome: Outcome,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Outcome {
    /// There is no such file.
    #[error("not found")]
    NotFound,
    /// Another answer than the file.
    #[error("the server answered {0}")]
    Status(u16),
    /// No connection came about.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server's certificate is not trusted.
    #[error("no trust: {0}")]
    Untrusted(String),
    /// Nothing, or next to nothing, came for so long.
    #[error("nothing came for {} s", .0.as_secs_f32())]
    Stalled(Duration),
    /// The answer ended early.
    #[error("the answer ended after {received} bytes{}", .expected.map(|size| format!(" of {size}")).unwrap_or_default())]
    Cut {
        /// How many bytes there were.
        received: u64,
        /// How many there should have been, where known.
        expected: Option<u64>,
    },
    /// The file has another size than it should.
    #[error("the file has {found} bytes, expected {expected}")]
    WrongSize {
        /// The size it should have.
        expected: u64,
        /// The size that the mirror says or shows it has.
        found: u64,
    },
    /// The file is longer than is accepted.
    #[error("the file has more than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: u64,
    },
    /// The server sent another part than was asked for.
    #[error("the server sent another part of the file than was asked for")]
    WrongRange,
    /// A redirect that is not followed: why.
    #[error("redirect refused: {0}")]
    Redirect(String),
    /// The content was not what was asked for: why.
    #[error("{0}")]
    Rejected(String),
    /// Another failure of the transfer, or of reading a local file.
    #[error("{0}")]
    Failed(String),
}

impl Outcome {
    /// Whether the mirror gave something, and it was not what was asked for.
    const fn is_lie(&self) -> bool {
        matches!(
            self,
            Self::WrongSize { .. } | Self::TooLong { .. } | Self::Rejected(_)
        )
    }
}

/// Attempts in words; the same thing at the same address once.
struct Told<'a>(&'a [Attempt]);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told: Vec<(&Attempt, usize)> = Vec::new();
        for attempt in self.0 {
            match told.iter_mut().find(|(other, _)| *other == attempt) {
                Some((_, count)) => *count += 1,
                None => told.push((attempt, 1)),
            }
        }
        for (index, (attempt, count)) in told.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{}`: {}", attempt.url, attempt.outcome)?;
            if *count > 1 {
                write!(f, " ({count} times)")?;
            }
        }
        Ok(())
    }
}
