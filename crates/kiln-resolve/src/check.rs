//! Whether a set of packages keeps every rule. Knows nothing of how the set was found.

use std::collections::BTreeSet;

use kiln_types::FormatError;

use crate::catalog::{Catalog, Package};
use crate::request::Wanted;

/// Whether the set meets every request and every requirement of its packages, holds no two versions
/// of a package and no two packages that conflict.
pub(crate) fn holds(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
    chosen: &BTreeSet<Package>,
) -> Result<bool, FormatError> {
    let mut names = BTreeSet::new();
    if !chosen
        .iter()
        .all(|package| names.insert(catalog.name_of(*package)))
    {
        return Ok(false);
    }
    let has = |package: &Package| chosen.contains(package);
    if !wanted
        .iter()
        .all(|request| request.versions.iter().any(has))
    {
        return Ok(false);
    }
    for &package in chosen {
        for group in catalog.groups(package)?.iter() {
            if !catalog.is_dropped(group) && !group.members.iter().any(has) {
                return Ok(false);
            }
        }
        for targets in catalog.conflicts(package)?.iter() {
            if targets.iter().any(has) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The part of the set that the requests lead to. Dropping the rest breaks nothing: no requirement
/// of what stays is met by what goes only.
pub(crate) fn reachable(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
    chosen: &BTreeSet<Package>,
) -> Result<BTreeSet<Package>, FormatError> {
    let mut reached = BTreeSet::new();
    let mut todo: Vec<Package> = wanted
        .iter()
        .flat_map(|request| request.versions.iter().copied())
        .filter(|package| chosen.contains(package))
        .collect();
    while let Some(package) = todo.pop() {
        if reached.insert(package) {
            for group in catalog.groups(package)?.iter() {
                todo.extend(
                    group
                        .members
                        .iter()
                        .copied()
                        .filter(|member| chosen.contains(member)),
                );
            }
        }
    }
    Ok(reached)
}
