//! The commands that the documents show, run as a test of the binary.

use std::path::Path;

/// Runs the commands of README.md and docs/**/*.md (`crates/kiln/tests/engine/documents.rs`, where an engine is); `arguments`
/// go to the test.
///
/// # Errors
/// When a command does not do what its document shows.
pub fn test(root: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut all = vec![
        "test",
        "--workspace",
        "--locked",
        "--test",
        "engine",
        "--",
        "documents::",
    ];
    all.extend_from_slice(arguments);
    crate::cargo(root, &all)
}
