//! Committed JSON schemas. Each is made from the types of its room and compared with the tree by a
//! test of that room, which writes it again when `UPDATE_SCHEMAS` is set; here they are all
//! started at once.

use std::collections::BTreeSet;
use std::path::Path;

use crate::Problem;

/// The tests that own schemas: the arguments of `cargo test`, and what they write below `schemas/`.
/// They are built as a part of the whole workspace: chosen by package, dependencies would have other
/// features and would be compiled a second time.
const OWNERS: [(&[&str], &[&str]); 2] = [
    (
        &["--test", "it", "schema::"],
        &[
            "definition.json",
            "distribution.json",
            "lock.json",
            "policy.json",
            "profile.json",
        ],
    ),
    (&["--bin", "kiln", "schema::"], &["cli.json", "cut.json"]),
];

/// Writes each schema.
///
/// # Errors
/// When a test cannot be run.
pub fn write(root: &Path) -> Result<(), String> {
    run(root, &[("UPDATE_SCHEMAS", "1")])
}

/// Compares each schema with the one in the tree.
///
/// # Errors
/// When one is missing or differs.
pub fn check(root: &Path) -> Result<(), String> {
    run(root, &[])
}

fn run(root: &Path, variables: &[(&str, &str)]) -> Result<(), String> {
    for (arguments, _) in OWNERS {
        let mut all = vec!["test", "--quiet", "--workspace", "--locked"];
        all.extend_from_slice(arguments);
        crate::cargo_with(root, &all, variables)?;
    }
    Ok(())
}

/// Every file in `schemas/` has an owner, and every owner's file is there. What is in them, the
/// owners' tests compare.
///
/// # Errors
/// When the folder cannot be read.
pub fn owned(root: &Path) -> std::io::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(root.join("schemas"))? {
        there.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    let owned: BTreeSet<String> = OWNERS
        .iter()
        .flat_map(|(_, files)| *files)
        .map(|&file| file.to_owned())
        .collect();
    for file in there.difference(&owned) {
        problems.push(Problem::new(
            format!("schemas/{file}"),
            "no test compares it with its types: name one in xtask/src/schemas.rs",
        ));
    }
    for file in owned.difference(&there) {
        problems.push(Problem::new(
            format!("schemas/{file}"),
            "it is missing: run `cargo xtask schemas`",
        ));
    }
    Ok(problems)
}
