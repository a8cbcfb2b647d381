//! Answers in words: the edges of a resolution, the sentences of a core.

use std::collections::{BTreeSet, VecDeque};

use kiln_types::{FormatError, PackageName, PackageRecord, Relation};

use crate::catalog::{Catalog, Name, Package};
use crate::error::ticks;
use crate::request::Wanted;
use crate::search::Item;
use crate::{Edge, OpenDependency, Resolution, ResolveError};

/// How many versions or providers a sentence lists.
const LISTED: usize = 5;

/// The resolution that a set of packages is.
pub(crate) fn resolution(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
    chosen: &BTreeSet<Package>,
) -> Result<Resolution, ResolveError> {
    let mut packages: Vec<(Package, std::sync::Arc<PackageRecord>)> = chosen
        .iter()
        .map(|&package| (package, catalog.record(package)))
        .collect();
    packages.sort_by(|left, right| left.1.name.cmp(&right.1.name));
    let name = |package: &Package| catalog.record(*package).name.clone();
    let mut edges = Vec::new();
    for request in wanted {
        if let Some(version) = request
            .versions
            .iter()
            .find(|version| chosen.contains(version))
        {
            edges.push(Edge {
                requirer: None,
                relation: request.text.clone(),
                chosen: name(version),
            });
        }
    }
    let mut tolerated = Vec::new();
    for (package, record) in &packages {
        for group in catalog.groups(*package)?.iter() {
            if group.is_open() {
                let excluded_by = group
                    .excluded
                    .iter()
                    .filter_map(|name| PackageName::new(name.as_str()).ok())
                    .collect();
                let relation = group.text.clone();
                tolerated.push(OpenDependency {
                    package: record.name.clone(),
                    relation,
                    excluded_by,
                });
            }
            if let Some(member) = group.members.iter().find(|member| chosen.contains(member))
                && member != package
            {
                let requirer = Some(record.name.clone());
                edges.push(Edge {
                    requirer,
                    relation: group.text.clone(),
                    chosen: name(member),
                });
            }
        }
    }
    let packages = packages.into_iter().map(|(_, record)| record).collect();
    Ok(Resolution {
        packages,
        edges,
        tolerated,
    })
}

/// A core in words: requests first, and each requirement after what leads to it.
pub(crate) fn sentences(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
    core: &BTreeSet<Item>,
) -> Result<Vec<String>, FormatError> {
    let mut left = core.clone();
    // The names that the core speaks of; others that a relation means are noise.
    let mut spoken: BTreeSet<Name> = BTreeSet::new();
    for item in core {
        match item {
            Item::Request(number) => spoken.extend(wanted.get(*number).map(|request| request.name)),
            Item::Requirement(package, number) => {
                let groups = catalog.groups(*package)?;
                let members = groups
                    .get(*number)
                    .into_iter()
                    .flat_map(|group| &group.members);
                spoken.extend(members.map(|&member| catalog.name_of(member)));
            }
            Item::Conflict(..) => {}
        }
    }
    let mut sentences = Vec::new();
    let mut queue: VecDeque<Name> = VecDeque::new();
    for (number, request) in wanted.iter().enumerate() {
        if left.remove(&Item::Request(number)) {
            sentences.push(requested(catalog, request));
            queue.push_back(request.name);
        }
    }
    let mut told: BTreeSet<Name> = BTreeSet::new();
    loop {
        let Some(name) = queue.pop_front() else {
            // What no request leads to comes last, by name.
            let owner = |item: &Item| match item {
                Item::Request(_) => None,
                Item::Requirement(package, _) | Item::Conflict(package, _) => {
                    Some(catalog.name_of(*package))
                }
            };
            match left
                .iter()
                .filter_map(owner)
                .min_by_key(|name| catalog.text(*name))
            {
                Some(name) => {
                    told.remove(&name);
                    queue.push_back(name);
                    continue;
                }
                None => return Ok(sentences),
            }
        };
        if !told.insert(name) {
            continue;
        }
        for &version in catalog.versions(name)?.iter() {
            for (number, group) in catalog.groups(version)?.iter().enumerate() {
                if left.remove(&Item::Requirement(version, number)) {
                    sentences.push(need(catalog, version, number)?);
                    queue.extend(group.members.iter().map(|&member| catalog.name_of(member)));
                }
            }
            for number in 0..catalog.conflicts(version)?.len() {
                if left.remove(&Item::Conflict(version, number)) {
                    sentences.push(conflict(catalog, version, number, &spoken)?);
                }
            }
        }
    }
}

/// `` `nginx` is requested ``; for a virtual name, which package stands for it.
fn requested(catalog: &Catalog<'_>, request: &Wanted) -> String {
    let mut sentence = format!("`{}` is requested", request.text);
    let name = catalog.text(request.name);
    let asked = request.text.split([' ', '/']).next().unwrap_or_default();
    if asked != &*name {
        sentence.push_str(&format!("; only `{name}` provides it"));
    }
    sentence
}

/// `` `nginx` 1.26.3-3 needs `libssl3t64 (>= 3.4)`; the archive has 3.2.1 ``.
fn need(catalog: &Catalog<'_>, package: Package, number: usize) -> Result<String, FormatError> {
    let record = catalog.record(package);
    let groups = catalog.groups(package)?;
    let (Some(group), Some(alternatives)) = (groups.get(number), record.depends.get(number)) else {
        return Ok(String::new());
    };
    let mut sentence = format!(
        "`{}` {} needs `{}`",
        record.name, record.version, group.text
    );
    if group.members.is_empty() {
        let mut there = Vec::new();
        for relation in alternatives {
            there.push(availability(catalog, relation, alternatives.len() > 1)?);
        }
        sentence.push_str(&format!("; the archive has {}", there.join(", ")));
    } else {
        // A virtual package says little: name who would provide it.
        let mut names: Vec<&str> = Vec::new();
        let records: Vec<_> = group
            .members
            .iter()
            .map(|&member| catalog.record(member))
            .collect();
        for record in &records {
            if !names.contains(&record.name.as_str()) {
                names.push(record.name.as_str());
            }
        }
        let named = |name: &&str| alternatives.iter().any(|relation| relation.name == **name);
        if !names.iter().all(named) {
            let more = names.len().saturating_sub(LISTED);
            names.truncate(LISTED);
            let more = if more == 0 {
                String::new()
            } else {
                format!(" and {more} more")
            };
            sentence.push_str(&format!(", which {}{more} would meet", ticks(&names)));
        }
    }
    Ok(sentence)
}

/// What there is of a name that nothing fitting has.
fn availability(
    catalog: &Catalog<'_>,
    relation: &Relation,
    named: bool,
) -> Result<String, FormatError> {
    let name = catalog.name(&relation.name);
    let versions = catalog.versions(name)?;
    let mut found: Vec<String> = Vec::new();
    for &version in versions.iter() {
        found.push(catalog.record(version).version.to_string());
    }
    if found.is_empty() {
        for &provider in catalog.providers(name)?.iter() {
            let record = catalog.record(provider);
            for provide in record
                .provides
                .iter()
                .filter(|provide| provide.name == relation.name)
            {
                found.push(match &provide.version {
                    Some(version) => format!("{version} from `{}`", record.name),
                    None => format!("one without a version from `{}`", record.name),
                });
            }
        }
    }
    found.dedup();
    let more = found.len().saturating_sub(LISTED);
    found.truncate(LISTED);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    Ok(match (found.is_empty(), named) {
        (true, true) => format!("no `{}`", relation.name),
        (true, false) => "no such package".to_owned(),
        (false, true) => format!("`{}` {}", relation.name, found.join(", ")),
        (false, false) => found.join(", "),
    })
}

/// `` `mawk` 1.3 conflicts with `gawk (<< 5)` ``.
fn conflict(
    catalog: &Catalog<'_>,
    package: Package,
    number: usize,
    spoken: &BTreeSet<Name>,
) -> Result<String, FormatError> {
    let record = catalog.record(package);
    let Some(relation) = record.conflicts.get(number) else {
        return Ok(String::new());
    };
    let mut sentence = format!(
        "`{}` {} conflicts with `{relation}`",
        record.name, record.version
    );
    let conflicts = catalog.conflicts(package)?;
    let mut providers: Vec<String> = Vec::new();
    let targets = conflicts.get(number).cloned().unwrap_or_default();
    for &target in targets.iter() {
        let name = catalog.name_of(target);
        let text = catalog.text(name).to_string();
        if spoken.contains(&name) && text != relation.name && !providers.contains(&text) {
            providers.push(text);
        }
    }
    if !providers.is_empty() {
        let verb = if providers.len() == 1 { "is" } else { "are" };
        let more = providers.len().saturating_sub(LISTED);
        providers.truncate(LISTED);
        let more = if more == 0 {
            String::new()
        } else {
            format!(" and {more} more")
        };
        sentence.push_str(&format!(", which {}{more} {verb}", ticks(&providers)));
    }
    Ok(sentence)
}
