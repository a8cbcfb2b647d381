//! What an image needs beside its packages' own word: the roots from which its contents are
//! reached, and the relations that no file states.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How the contents of an image are reached, and what happens to the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachPlan {
    /// Whether programs, scripts and packages that nothing reaches leave the image.
    pub cut: bool,
    /// Roots besides entrypoint, command and tests: names of programs, paths, or patterns of
    /// paths (as in [`crate::Cuts`], without `!`).
    pub keep: Vec<String>,
    /// What files open at run time without naming it in their headers.
    pub loads: Vec<Load>,
    /// The languages whose interpreters and modules are known.
    pub languages: Vec<Language>,
    /// The languages whose interpreters may be in the image.
    pub interpreters: BTreeSet<String>,
    /// Files that can start a shell and may stay in an image without one.
    pub without_shell: Vec<ShellCaller>,
}

/// A file and what it opens at run time: plug-in folders, libraries, data, other programs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Load {
    /// A pattern of paths.
    pub file: String,
    /// Patterns of paths, or names of libraries as the loader finds them. A pattern with a
    /// wildcard may match nothing; anything else must be there, unless it is optional.
    pub opens: Vec<String>,
    /// Whether the file does without what is not there.
    #[serde(default)]
    pub optional: bool,
}

/// A language: what runs it, and what only makes sense with that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Language {
    /// Its name, such as `perl`.
    pub name: String,
    /// Patterns of the paths of its interpreters.
    pub interpreters: Vec<String>,
    /// Patterns of the paths of its modules.
    pub modules: Vec<String>,
}

/// A file that can start a shell, and why it does well without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShellCaller {
    /// A pattern of paths.
    pub file: String,
    /// What does not work without a shell, and why that is right.
    pub reason: String,
}
