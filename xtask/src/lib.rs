//! Tasks of the project itself: the rules of the house as checks, generated documents, benches.
//!
//! The checks are functions from texts to [`Problem`]s, so that each has its own table tests with
//! texts that must be refused; `xtask/tests/structure.rs` runs them all over the real tree.
#![expect(
    clippy::disallowed_methods,
    reason = "a developer's tool starts cargo and reads its own environment"
)]

pub mod bench;
pub mod catalog;
pub mod docs;
pub mod schemas;
pub mod structure;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A broken rule, with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// `file:line`, a file, or the name of a crate.
    pub place: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Runs cargo in the workspace and waits for it.
///
/// # Errors
/// When cargo cannot be started or does not succeed.
pub fn cargo(root: &Path, arguments: &[&str]) -> Result<(), String> {
    cargo_with(root, arguments, &[])
}

/// The same with more variables.
///
/// # Errors
/// As [`cargo`].
pub fn cargo_with(
    root: &Path,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let status = Command::new(cargo_program())
        .args(arguments)
        .envs(variables.iter().copied())
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {}` failed: {status}", arguments.join(" ")))
    }
}

/// The cargo that started this program, or the one on the path.
fn cargo_program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
