//! What changed between two locks.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Lock, LockedPackage, TargetId};
use serde::Serialize;

/// How a package changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Change {
    /// It came.
    Added {
        /// Its version.
        to: String,
    },
    /// It went.
    Removed {
        /// Its version.
        from: String,
    },
    /// Its version went up.
    Up {
        /// The old version.
        from: String,
        /// The new version.
        to: String,
    },
    /// Its version went down.
    Down {
        /// The old version.
        from: String,
        /// The new version.
        to: String,
    },
    /// The version is the same, the file is not.
    Rebuilt {
        /// The version.
        version: String,
    },
}

/// What changed, by package; the targets in which it changed so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LockDiff {
    /// The changes, by package name and then by kind.
    pub changes: Vec<PackageChange>,
}

/// One package's change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageChange {
    /// The package.
    pub package: String,
    /// How it changed.
    #[serde(flatten)]
    pub change: Change,
    /// In which targets.
    pub targets: Vec<TargetId>,
}

/// Compares two locks, over the targets that either has. With `only`, over those targets.
#[must_use]
pub fn diff_locks(old: &Lock, new: &Lock, only: Option<&BTreeSet<TargetId>>) -> LockDiff {
    let mut targets: BTreeSet<TargetId> = old.targets().into_iter().chain(new.targets()).collect();
    if let Some(only) = only {
        targets.retain(|target| only.contains(target));
    }
    let mut changes: BTreeMap<(String, Change), Vec<TargetId>> = BTreeMap::new();
    for target in targets {
        let (before, after) = (by_name(old, &target), by_name(new, &target));
        let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
        for name in names {
            if let Some(change) = change(before.get(name).copied(), after.get(name).copied()) {
                changes
                    .entry((name.to_owned(), change))
                    .or_default()
                    .push(target.clone());
            }
        }
    }
    let changes = changes
        .into_iter()
        .map(|((package, change), targets)| PackageChange {
            package,
            change,
            targets,
        })
        .collect();
    LockDiff { changes }
}

fn by_name<'a>(lock: &'a Lock, target: &'a TargetId) -> BTreeMap<&'a str, &'a LockedPackage> {
    lock.packages_of(target)
        .map(|package| (package.name.as_str(), package))
        .collect()
}

fn change(before: Option<&LockedPackage>, after: Option<&LockedPackage>) -> Option<Change> {
    let text = |package: &LockedPackage| package.version.to_string();
    match (before, after) {
        (None, None) => None,
        (None, Some(after)) => Some(Change::Added { to: text(after) }),
        (Some(before), None) => Some(Change::Removed { from: text(before) }),
        (Some(before), Some(after)) => {
            let (from, to) = (text(before), text(after));
            match kiln_deb::version::compare(&from, &to) {
                std::cmp::Ordering::Less => Some(Change::Up { from, to }),
                std::cmp::Ordering::Greater => Some(Change::Down { from, to }),
                std::cmp::Ordering::Equal if before.sha256 != after.sha256 => {
                    Some(Change::Rebuilt { version: to })
                }
                std::cmp::Ordering::Equal => None,
            }
        }
    }
}
