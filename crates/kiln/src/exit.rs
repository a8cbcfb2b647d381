//! Exit codes, the same for every command.

use kiln_types::ErrorClass;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; yes.
    Done,
    /// Could not be done: network, environment, fault.
    Failed,
    /// The answer is no: lint, check, gate, tests.
    No,
    /// It cannot be known: no data, data too old, evidence out of reach.
    Unknown,
    /// An input is not what it claims: hash, signature, format.
    Integrity,
    /// The command line makes no sense.
    Usage,
}

impl Exit {
    /// The number that the process ends with.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::No => 2,
            Self::Unknown => 3,
            Self::Integrity => 4,
            Self::Usage => 64,
        }
    }
}

impl From<ErrorClass> for Exit {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::User
            | ErrorClass::Network
            | ErrorClass::Environment
            | ErrorClass::Internal => Self::Failed,
            ErrorClass::Policy => Self::No,
            ErrorClass::Unknown => Self::Unknown,
            ErrorClass::Integrity => Self::Integrity,
        }
    }
}
