//! What kind of failure an error is. Libraries classify; only the binary words and colours.

/// The kind of a failure; the binary derives its exit code from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The person asked for something that cannot be: a bad definition, an unknown name (exit 1).
    User,
    /// The answer is no: a check, a gate, a test said so (exit 2).
    Policy,
    /// It cannot be known: no data, data too old, evidence out of reach (exit 3).
    Unknown,
    /// An input is not what it claims: hash, signature, format (exit 4).
    Integrity,
    /// The network, or what answers there (exit 1).
    Network,
    /// The machine: disk, permissions, missing program (exit 1).
    Environment,
    /// A defect in kiln (exit 1).
    Internal,
}

/// An error that knows its kind.
pub trait Classify: std::error::Error {
    /// The kind of this error.
    fn class(&self) -> ErrorClass;
}
