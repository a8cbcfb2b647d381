//! What an image needs, followed from its roots, and what may therefore leave it.
//!
//! Roots are what the definition names: entrypoint, command, the commands of tests, `keep`, its
//! own paths, and the shared libraries of the packages that it asks for. From there everything is
//! followed that a file says of itself or that is declared of it: the program interpreter and the
//! libraries of ELF files (as ld.so(8) finds them, with the symbol versions they must have), the
//! interpreter of scripts, symbolic links, and `loads`.
//!
//! - A package **stays** when the definition asks for it by name, when something of it is reached,
//!   or when a package that stays depends on it and it holds data only (or modules of a language
//!   whose interpreter is reached).
//! - Of a package that stays, data and shared libraries stay; so the C library is the same in all
//!   images. Programs that nothing reaches and modules without an interpreter go.
//! - Links to what left go with it.
//!
//! Each cut carries its [`CutRule`], each reached path the edge that reached it first. What is
//! reached and is not there is a [`Hole`]: the image is not made.
//!
//! Everything is walked in the order of paths and names, so that the order of packages decides
//! nothing. Files are never read: what matters of them was noted when they were normalised.
//!
//! What is not seen: programs that a script or a program starts by name. They are declared with
//! `keep` or `loads`.

mod callers;
mod cut;
mod hints;
mod loader;
mod report;
mod roots;
mod walk;

use std::collections::BTreeMap;

use kiln_types::{EntryKind, FileEntry, RelativePath};
use serde::{Deserialize, Serialize};

use crate::cuts::Pattern;
use crate::elf::ElfFacts;
use crate::opening::Opening;

pub(crate) use callers::shell_callers;
pub(crate) use cut::{Removed, cut};
pub use report::{CutFiles, CutList, CutPackage, KeptCaller, ReachReport, Step};
pub(crate) use walk::walk;

/// Why something was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutRule {
    /// A package with programs, libraries or modules, of which nothing is reached.
    UnreachedPackage,
    /// A package of data on which no package that stays depends.
    UnneededData,
    /// A package of which nothing but documentation was left.
    EmptyPackage,
    /// A program or script that nothing reaches.
    UnreachedProgram,
    /// A module of a language whose interpreter is not in the image.
    NoInterpreter,
    /// A link to something that left.
    DanglingLink,
}

impl CutRule {
    /// All rules.
    pub const ALL: [Self; 6] = [
        Self::UnreachedPackage,
        Self::UnneededData,
        Self::EmptyPackage,
        Self::UnreachedProgram,
        Self::NoInterpreter,
        Self::DanglingLink,
    ];

    /// Its name, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnreachedPackage => "unreached-package",
            Self::UnneededData => "unneeded-data",
            Self::EmptyPackage => "empty-package",
            Self::UnreachedProgram => "unreached-program",
            Self::NoInterpreter => "no-interpreter",
            Self::DanglingLink => "dangling-link",
        }
    }

    /// The rule in words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::UnreachedPackage => "nothing of the package is reached from what the image runs",
            Self::UnneededData => "the package holds data, and no package that stays depends on it",
            Self::EmptyPackage => "nothing but documentation was left of the package",
            Self::UnreachedProgram => "nothing that the image runs reaches this program or script",
            Self::NoInterpreter => "the interpreter of this module is not in the image",
            Self::DanglingLink => "what this links to has left the image",
        }
    }
}

/// Why a path is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is a root.
    Root(String),
    /// Another file reaches it.
    From {
        /// The file.
        path: RelativePath,
        /// How.
        how: String,
    },
}

/// Why a package stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stay {
    /// The definition, its profile or the distribution asks for it by name.
    Requested,
    /// This file of it is reached.
    Reached(RelativePath),
    /// It holds data, or modules of a reached interpreter, and this package depends on it.
    Needed(String),
}

/// Something that is reached and is not there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hole {
    /// The file (or the part of the definition) that needs it.
    pub by: String,
    /// What is needed.
    pub needs: String,
    /// What is known of where it would come from.
    pub hint: Option<String>,
}

impl std::fmt::Display for Hole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} needs {}, which is not there", self.by, self.needs)?;
        match &self.hint {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

/// What a file is, for the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Something to start.
    Program,
    /// Something to load.
    Library,
    /// Anything else.
    Data,
}

/// The role of a file. A program is an ELF file that can be started, an executable script, or
/// any executable file in a folder of programs.
pub(crate) fn role(entry: &FileEntry, elf: Option<&ElfFacts>, opening: Option<&Opening>) -> Role {
    if !matches!(entry.kind, EntryKind::File | EntryKind::Hardlink(_)) {
        return Role::Data;
    }
    if let Some(facts) = elf {
        // What is below `/usr/share` runs on no machine in particular (FHS 3.0, 4.11): samples.
        if entry.path.is_below("usr/share") {
            return Role::Data;
        }
        return match facts {
            facts if facts.is_program() => Role::Program,
            facts if facts.is_shared_object() => Role::Library,
            _ => Role::Data,
        };
    }
    let executable = entry.mode & 0o111 != 0;
    let script = matches!(opening, Some(Opening::Script(_)));
    if executable && (script || in_program_folder(&entry.path)) {
        Role::Program
    } else {
        Role::Data
    }
}

/// Whether a script among the modules of a language is for something else: a shell script in a
/// folder of Python modules is a program like any other.
pub(crate) fn is_foreign_script(
    entry: &FileEntry,
    opening: Option<&Opening>,
    interpreters: &[Pattern],
) -> bool {
    let Some(name) = opening.and_then(Opening::interpreter_name) else {
        return false;
    };
    let program = format!("usr/bin/{}", name.rsplit('/').next().unwrap_or_default());
    entry.mode & 0o111 != 0 && !interpreters.iter().any(|pattern| pattern.matches(&program))
}

/// Whether a path is in a folder whose files people start by name.
pub(crate) fn in_program_folder(path: &RelativePath) -> bool {
    let parent = path.parent();
    matches!(parent.file_name(), "bin" | "sbin" | "games")
}

/// Reasons by path.
pub(crate) type Reasons = BTreeMap<RelativePath, Reason>;
