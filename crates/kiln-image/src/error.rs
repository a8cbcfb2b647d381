//! Why an image cannot be assembled.

use kiln_types::{Classify, ErrorClass, FormatError, RelativePath};

use crate::emulate::EmulateError;
use crate::reach::Hole;

/// Why an image cannot be assembled.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// Several packages ship a file, and no Replaces says whose it is: path, first and second owner.
    #[error("{}", conflicts(.0))]
    Conflicts(Vec<(RelativePath, String, String)>),
    /// A package ships a file where another has a directory.
    #[error("package `{owner}` ships `{path}` as a file, another package as a directory")]
    FileOverDirectory {
        /// The path.
        path: RelativePath,
        /// The package with the file.
        owner: String,
    },
    /// Something lies below a path that is a file or a link.
    #[error(
        "`{path}` of package `{owner}` is a file or link, but other packages ship files below it"
    )]
    BelowFile {
        /// The path.
        path: RelativePath,
        /// The package that ships it.
        owner: String,
    },
    /// The plan names an emulator that does not exist.
    #[error("there is no emulator named `{0}`")]
    UnknownEmulator(String),
    /// The plan names a check that does not exist.
    #[error("there is no check named `{0}`: expected one of {list}", list = crate::checks::CHECKS.join(", "))]
    UnknownCheck(String),
    /// A path of the definition cannot be put where it should go.
    #[error("path `{path}` of the definition: {reason}")]
    Path {
        /// The path.
        path: RelativePath,
        /// Why not.
        reason: String,
    },
    /// Things that are reached are not there.
    #[error("{}", holes(.0))]
    Holes(Vec<Hole>),
    /// An emulator failed.
    #[error(transparent)]
    Emulate(#[from] EmulateError),
    /// A package cannot be used.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Reading or writing failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What went wrong.
        source: std::io::Error,
    },
}

fn conflicts(list: &[(RelativePath, String, String)]) -> String {
    let mut text =
        String::from("packages ship the same files, and none of them replaces the other:");
    for (path, first, second) in list.iter().take(20) {
        text.push_str(&format!("\n  `{path}` is in `{first}` and in `{second}`"));
    }
    if list.len() > 20 {
        text.push_str(&format!("\n  and {} more", list.len() - 20));
    }
    text
}

fn holes(list: &[Hole]) -> String {
    let mut text = String::from("the image would lack what it needs:");
    for hole in list.iter().take(20) {
        text.push_str(&format!("\n  {hole}"));
    }
    if list.len() > 20 {
        text.push_str(&format!("\n  and {} more", list.len() - 20));
    }
    text
}

impl Classify for AssembleError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Conflicts(_) | Self::Path { .. } | Self::Holes(_) => ErrorClass::User,
            Self::FileOverDirectory { .. } | Self::BelowFile { .. } => ErrorClass::Integrity,
            Self::UnknownEmulator(_) | Self::UnknownCheck(_) => ErrorClass::User,
            Self::Emulate(error) => error.class(),
            Self::Format(error) => error.class(),
            Self::Io { .. } => ErrorClass::Environment,
        }
    }
}
