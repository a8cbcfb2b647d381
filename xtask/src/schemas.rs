//! Committed JSON schemas: made from the types, kept in the tree, compared by a test.

use std::path::{Path, PathBuf};

/// The schemas as the types say them: path below the workspace, content.
fn documents() -> Vec<(PathBuf, String)> {
    Vec::new()
}

/// Writes each schema.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path) -> Result<(), String> {
    for (path, content) in documents() {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        }
        std::fs::write(&path, content)
            .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    }
    Ok(())
}

/// Compares each schema with the one in the tree.
///
/// # Errors
/// When one is missing or differs.
pub fn check(root: &Path) -> Result<(), String> {
    let stale: Vec<String> = documents()
        .into_iter()
        .filter(|(path, content)| {
            std::fs::read_to_string(root.join(path)).ok().as_ref() != Some(content)
        })
        .map(|(path, _)| format!("`{}`", path.display()))
        .collect();
    if stale.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "out of date: {}; run `cargo xtask schemas`",
            stale.join(", ")
        ))
    }
}
