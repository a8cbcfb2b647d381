//! Every dependency has a line in docs/dependencies.md, and every line a dependency.

use std::collections::BTreeSet;

use super::rooms::Crate;
use crate::Problem;

/// Names in `[workspace.dependencies]` that are not our own rooms.
#[must_use]
pub fn declared(manifest: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim() != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.contains("path = "))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| !name.starts_with('#'))
        .collect()
}

/// Compares what is declared and used with what `document` explains.
#[must_use]
pub fn check(declared: &BTreeSet<String>, document: &str, crates: &[Crate]) -> Vec<Problem> {
    let explained: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let own: BTreeSet<&str> = crates.iter().map(|room| room.name.as_str()).collect();
    let mut problems = Vec::new();
    let place = "docs/dependencies.md";
    for name in declared.difference(&explained) {
        problems.push(Problem::new(place, format!("`{name}` has no line here")));
    }
    for name in explained.difference(declared) {
        problems.push(Problem::new(
            place,
            format!("`{name}` is no dependency of the workspace"),
        ));
    }
    for room in crates {
        for name in room.dependencies.union(&room.dev_dependencies) {
            if !own.contains(name.as_str()) && !declared.contains(name) {
                problems.push(Problem::new(
                    &room.name,
                    format!("`{name}` is not in `[workspace.dependencies]`"),
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_lists_must_be_equal() {
        let manifest = "[workspace]\n[workspace.dependencies]\n# Ours.\nkiln-types = { path = \"x\" }\nserde = \"1\"\nclap = \"4\"\n\n[profile.dev]\nopt-level = 1\n";
        let declared = declared(manifest);
        assert_eq!(declared.iter().collect::<Vec<_>>(), ["clap", "serde"]);
        let complete = "| `clap` | x |\n| `serde` | x |\n";
        assert_eq!(check(&declared, complete, &[]), []);
        assert_eq!(check(&declared, "| `clap` | x |\n", &[]).len(), 1);
        let more = format!("{complete}| `gone` | x |\n");
        assert_eq!(check(&declared, &more, &[]).len(), 1);
        let room = Crate {
            name: "a".to_owned(),
            dependencies: ["serde".to_owned(), "other".to_owned()].into(),
            ..Crate::default()
        };
        assert_eq!(check(&declared, complete, &[room]).len(), 1);
    }
}
