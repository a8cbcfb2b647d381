//! The rules of the house as checks over the whole tree.
//!
//! What they hold is said in CONTRIBUTING.md and ARCHITECTURE.md; the table of rooms there *is*
//! the table that [`rooms`] reads, so that the document and the check cannot disagree.

pub mod calls;
pub mod dependencies;
pub mod files;
pub mod fuzz;
pub mod links;
pub mod paths;
pub mod rooms;
pub mod source;
pub mod words;

use std::path::Path;

use crate::Problem;

/// What a check of the whole tree found.
#[derive(Debug, Default)]
pub struct Report {
    /// Broken rules; sorted.
    pub problems: Vec<Problem>,
    /// Worth a look, but not wrong.
    pub notes: Vec<Problem>,
    /// How many crates were checked.
    pub crates: usize,
    /// How many files were checked.
    pub files: usize,
}

/// Checks everything.
///
/// # Errors
/// When the tree cannot be read or `cargo metadata` fails.
pub fn check(root: &Path) -> Result<Report, String> {
    let architecture = read(&root.join("ARCHITECTURE.md"))?;
    let rooms = rooms::table(&architecture)?;
    let crates = rooms::crates(root)?;
    let files = files::tree(root)?;
    let mut report = Report {
        crates: crates.len(),
        files: files.len(),
        ..Report::default()
    };
    let problems = &mut report.problems;
    problems.extend(rooms::check(&rooms, &crates));
    problems.extend(dependencies::check(
        &dependencies::declared(&read(&root.join("Cargo.toml"))?),
        &read(&root.join("docs/dependencies.md"))?,
        &crates,
    ));
    problems.extend(calls::check(&rooms, &files));
    problems.extend(words::check(root, &files));
    problems.extend(links::check(&files));
    problems.extend(fuzz::check(&files));
    let (too_long, long) = files::lengths(&files);
    problems.extend(too_long);
    problems.extend(files::names(&files));
    problems.sort();
    report.notes.extend(long);
    report
        .notes
        .extend(calls::unused_exceptions(&rooms, &files));
    Ok(report)
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
