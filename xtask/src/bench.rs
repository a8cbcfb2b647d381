//! Benchmarks: ratios measured in one run, written to `docs/benchmarks.md`.

use std::path::Path;

/// Measures, and writes `docs/benchmarks.md`.
///
/// # Errors
/// Always, until the first benchmark is declared here.
pub fn run(_root: &Path, _arguments: &[&str]) -> Result<(), String> {
    Err("no benchmark is declared yet".to_owned())
}
