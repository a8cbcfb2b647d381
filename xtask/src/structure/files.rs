//! The files of the tree: which there are, how long, how named.

use std::path::Path;

use crate::Problem;

/// Folders that hold what was made, not what was written.
const MADE: &[&str] = &[
    "target",
    ".git",
    ".cache",
    "fuzz/target",
    "fuzz/artifacts",
    "fuzz/corpus",
    "fuzz/coverage",
];

/// A Rust file longer than this must be split.
const TOO_LONG: usize = 800;
/// A Rust file longer than this deserves a second look.
const LONG: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common", "helper", "helpers", "manager", "misc", "util", "utils",
];

/// A file of the tree. The text is absent where the file is not UTF-8.
#[derive(Clone, Debug)]
pub struct File {
    /// The path below the root, with `/`.
    pub path: String,
    /// The content.
    pub text: Option<String>,
}

impl File {
    /// A text file.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: Some(text.into()),
        }
    }

    /// The text, where this is a Rust source.
    #[must_use]
    pub fn rust(&self) -> Option<&str> {
        self.path
            .ends_with(".rs")
            .then_some(self.text.as_deref())
            .flatten()
    }

    /// The last part of the path without its extension.
    #[must_use]
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.split_once('.').map_or(name, |(stem, _)| stem)
    }
}

/// All written files below `root`, sorted by path. Links are not followed.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn tree(root: &Path) -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let place = root.join(&folder);
        let error = |error: std::io::Error| format!("cannot read `{}`: {error}", place.display());
        for entry in std::fs::read_dir(&place).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let kind = entry.file_type().map_err(error)?;
            if kind.is_dir() && !MADE.contains(&path.as_str()) {
                folders.push(path);
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path())
                    .map_err(|error| format!("cannot read `{path}`: {error}"))?;
                files.push(File {
                    path,
                    text: String::from_utf8(bytes).ok(),
                });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Rust files that are too long, and those that are getting there.
#[must_use]
pub fn lengths(files: &[File]) -> (Vec<Problem>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    for file in files {
        let Some(text) = file.rust() else { continue };
        let lines = text.lines().count();
        if lines > TOO_LONG {
            problems.push(Problem::new(
                &file.path,
                format!("{lines} lines; split it (at most {TOO_LONG})"),
            ));
        } else if lines > LONG {
            notes.push(Problem::new(
                &file.path,
                format!("{lines} lines (over {LONG})"),
            ));
        }
    }
    (problems, notes)
}

/// Rust files whose name says nothing.
#[must_use]
pub fn names(files: &[File]) -> Vec<Problem> {
    files
        .iter()
        .filter(|file| file.rust().is_some())
        .filter_map(|file| {
            let mut parts = file.path.trim_end_matches(".rs").split('/');
            let part = parts.find(|part| EMPTY_NAMES.contains(part))?;
            Some(Problem::new(
                &file.path,
                format!("`{part}` says nothing about what is inside; name the thing"),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_noted_and_longer_ones_refused() {
        let file = |path: &str, lines: usize| File::new(path, "x\n".repeat(lines));
        let files = [
            file("a.rs", 600),
            file("b.rs", 601),
            file("c.rs", 801),
            file("d.md", 9_000),
        ];
        let (problems, notes) = lengths(&files);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].place, "c.rs");
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].place, "b.rs");
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        let files = [
            File::new("crates/a/src/utils.rs", ""),
            File::new("crates/a/tests/common/mod.rs", ""),
            File::new("crates/a/src/utility.rs", ""),
            File::new("docs/common.md", ""),
        ];
        let places: Vec<String> = names(&files).into_iter().map(|p| p.place).collect();
        assert_eq!(
            places,
            ["crates/a/src/utils.rs", "crates/a/tests/common/mod.rs"]
        );
    }
}
