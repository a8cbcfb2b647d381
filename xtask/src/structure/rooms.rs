//! Floors and owners: a crate depends only on crates of strictly lower floors, and a heavy
//! dependency only appears in the crates that own it.
//!
//! Both are read from the table of rooms in ARCHITECTURE.md: `| floor | crate | what | owns |`.
//! The floor `dev` may use every room, and any room may use it for its tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use crate::Problem;

/// Where a room stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    /// A floor of the product, from 0.
    Number(u8),
    /// Tools for development.
    Dev,
}

/// A row of the table of rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Where it stands.
    pub floor: Floor,
    /// The heavy dependencies that only it (and others that list them) may have.
    pub owns: BTreeSet<String>,
}

/// The rooms by the name of their crate.
pub type Rooms = BTreeMap<String, Room>;

/// A crate of the workspace, as cargo sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Names of dependencies that get into its product.
    pub dependencies: BTreeSet<String>,
    /// Names of dependencies of its tests only.
    pub dev_dependencies: BTreeSet<String>,
    /// Whether the manifest takes the lints of the workspace.
    pub workspace_lints: bool,
}

/// Reads the table of rooms.
///
/// # Errors
/// When there is no such table or a row is not understood.
pub fn table(architecture: &str) -> Result<Rooms, String> {
    let mut lines = architecture
        .lines()
        .skip_while(|line| cells(line).first().map(String::as_str) != Some("floor"));
    lines
        .next()
        .ok_or("ARCHITECTURE.md has no table that begins with `| floor |`")?;
    let mut rooms = Rooms::new();
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let cells = cells(line);
        let [floor, names, _, owns] = cells.as_slice() else {
            return Err(format!("ARCHITECTURE.md: not four columns: `{line}`"));
        };
        let floor = match floor.as_str() {
            "dev" => Floor::Dev,
            number => Floor::Number(
                number
                    .parse()
                    .map_err(|_| format!("ARCHITECTURE.md: `{number}` is not a floor"))?,
            ),
        };
        let owns: BTreeSet<String> = quoted(owns);
        for name in quoted(names) {
            let room = Room {
                floor,
                owns: owns.clone(),
            };
            if rooms.insert(name.clone(), room).is_some() {
                return Err(format!("ARCHITECTURE.md: `{name}` stands there twice"));
            }
        }
    }
    Ok(rooms)
}

fn cells(line: &str) -> Vec<String> {
    let Some(inner) = line.trim().strip_prefix('|') else {
        return Vec::new();
    };
    let inner = inner.strip_suffix('|').unwrap_or(inner);
    inner
        .split('|')
        .map(|cell| cell.trim().to_owned())
        .collect()
}

/// The texts between backticks.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The crates of the workspace, from `cargo metadata` (no network, no resolution).
///
/// # Errors
/// When cargo fails or answers something else.
pub fn crates(root: &Path) -> Result<Vec<Crate>, String> {
    let output = Command::new(crate::cargo_program())
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "`cargo metadata` failed: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`cargo metadata` answered no JSON: {error}"))?;
    let packages = metadata["packages"]
        .as_array()
        .ok_or("`cargo metadata` names no packages")?;
    packages.iter().map(package).collect()
}

fn package(value: &serde_json::Value) -> Result<Crate, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut room = Crate {
        name: text(&value["name"]),
        ..Crate::default()
    };
    for dependency in value["dependencies"].as_array().into_iter().flatten() {
        let name = text(&dependency["name"]);
        if dependency["kind"].as_str() == Some("dev") {
            room.dev_dependencies.insert(name);
        } else {
            room.dependencies.insert(name);
        }
    }
    let manifest = text(&value["manifest_path"]);
    let manifest = std::fs::read_to_string(&manifest)
        .map_err(|error| format!("cannot read `{manifest}`: {error}"))?;
    room.workspace_lints = manifest.contains("[lints]\nworkspace = true");
    Ok(room)
}

/// Checks floors and owners.
#[must_use]
pub fn check(rooms: &Rooms, crates: &[Crate]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for room in crates {
        let Some(place) = rooms.get(&room.name) else {
            problems.push(Problem::new(
                &room.name,
                "not in the table of rooms in ARCHITECTURE.md",
            ));
            continue;
        };
        if !room.workspace_lints {
            problems.push(Problem::new(
                &room.name,
                "its manifest lacks `[lints] workspace = true`",
            ));
        }
        floors(rooms, room, place.floor, &mut problems);
        owners(rooms, room, place.floor, &mut problems);
    }
    for name in rooms.keys() {
        if !crates.iter().any(|room| &room.name == name) {
            problems.push(Problem::new(
                "ARCHITECTURE.md",
                format!("the table of rooms names `{name}`, which does not exist"),
            ));
        }
    }
    problems
}

fn floors(rooms: &Rooms, room: &Crate, own: Floor, problems: &mut Vec<Problem>) {
    let product = room.dependencies.iter().map(|name| (name, false));
    let tests = room.dev_dependencies.iter().map(|name| (name, true));
    for (name, for_tests) in product.chain(tests) {
        let Some(other) = rooms.get(name) else {
            continue;
        };
        let allowed = match (own, other.floor) {
            (Floor::Dev, Floor::Dev) => room.name == "xtask" && name != "xtask",
            (Floor::Dev, Floor::Number(_)) => true,
            (Floor::Number(_), Floor::Dev) => for_tests,
            (Floor::Number(own), Floor::Number(other)) => other < own,
        };
        if !allowed {
            problems.push(Problem::new(
                &room.name,
                format!(
                    "depends on `{name}`{}, which does not stand on a lower floor",
                    if for_tests { " (for its tests)" } else { "" }
                ),
            ));
        }
    }
}

fn owners(rooms: &Rooms, room: &Crate, own: Floor, problems: &mut Vec<Problem>) {
    if own == Floor::Dev {
        return;
    }
    for name in room.dependencies.union(&room.dev_dependencies) {
        let owners: Vec<&str> = rooms
            .iter()
            .filter(|(_, other)| other.owns.contains(name))
            .map(|(owner, _)| owner.as_str())
            .collect();
        if !owners.is_empty() && !owners.contains(&room.name.as_str()) {
            problems.push(Problem::new(
                &room.name,
                format!("depends on `{name}`, which only {} may", owners.join(", ")),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
text
| floor | crate | one line | sole owner of |
|---|---|---|---|
| 1 | `top` | above | `tokio`, `clap` |
| 0 | `left`, `right` | below | – |
| dev | `kit` | for tests | – |

| floor | other | table |
";

    fn room(name: &str, dependencies: &[&str], dev: &[&str]) -> Crate {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Crate {
            name: name.to_owned(),
            dependencies: set(dependencies),
            dev_dependencies: set(dev),
            workspace_lints: true,
        }
    }

    fn messages(crates: &[Crate]) -> Vec<String> {
        let rooms = table(TABLE).unwrap();
        let mut all = crates.to_vec();
        for name in ["top", "left", "right", "kit"] {
            if !all.iter().any(|room| room.name == name) {
                all.push(room(name, &[], &[]));
            }
        }
        check(&rooms, &all).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn lower_floors_and_test_tools_are_allowed() {
        let crates = [
            room("top", &["left", "right", "tokio", "serde"], &["kit"]),
            room("left", &[], &["kit"]),
            room("kit", &["top", "left", "tokio"], &[]),
        ];
        assert_eq!(messages(&crates), Vec::<String>::new());
    }

    #[test]
    fn neighbours_higher_floors_and_foreign_dependencies_are_refused() {
        for (crates, part) in [
            ([room("left", &["right"], &[])], "`right`"),
            ([room("left", &[], &["right"])], "`right` (for its tests)"),
            ([room("left", &["top"], &[])], "`top`"),
            ([room("left", &["kit"], &[])], "`kit`"),
            ([room("left", &["tokio"], &[])], "only top may"),
            ([room("left", &[], &["tokio"])], "only top may"),
            ([room("cellar", &[], &[])], "not in the table"),
        ] {
            let found = messages(&crates);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(part), "{found:?}");
        }
        let rooms = table(TABLE).unwrap();
        assert_eq!(check(&rooms, &[]).len(), 4, "rooms that do not exist");
    }

    #[test]
    fn a_missing_or_broken_table_is_an_error() {
        for text in [
            "",
            "| floor | crate | one line | sole owner of |\n|---|---|---|---|\n| ground | `a` | x | – |",
            "| floor | crate | one line | sole owner of |\n|---|---|---|---|\n| 1 | `a` | x |",
            "| floor | crate | one line | sole owner of |\n|-|-|-|-|\n| 1 | `a` | x | – |\n| 2 | `a` | x | – |",
        ] {
            assert!(table(text).is_err(), "{text}");
        }
    }
}
