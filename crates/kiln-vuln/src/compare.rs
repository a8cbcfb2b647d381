//! Two images side by side, for a decision: what came, what went, what is larger.
//!
//! The value is what `--json` prints; [`sheet`] lays it out as tables, which text, Markdown and HTML
//! share. Both sides are judged by the same advisories. What one side lacks (a document has no files,
//! a docker archive no compressed size) is absent, never zero.

mod sheet;
mod values;
mod write;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    Component, ComponentKind, Digest, DirectoryFact, Finding, Findings, Inventory, LevelCounts,
    RiskLevel, Support,
};
use serde::Serialize;

use crate::EndOfLife;
use crate::ecosystem::{of_distribution, scheme_of};
use crate::support::{last_day, others, runtimes};
use crate::version::{Scheme, compare as order, sorted};

use values::{directories, values};

pub use crate::filter::Filter;
pub use sheet::{Sheet, Table, sheet};
pub use write::{html, markdown};

/// One image, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What is in it.
    pub inventory: &'a Inventory,
    /// What is wrong with it; none where there are no advisories.
    pub findings: Option<&'a Findings>,
    /// The ends of support that the advisories know.
    pub ends: &'a [EndOfLife],
}

/// A runtime that no package of the distribution owns, or another distribution in the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuntimeSupport {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The last day of the support of its line, where known.
    pub end_of_life: Option<String>,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// The digest of its manifest, or of its configuration.
    pub digest: Option<Digest>,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// When it was made.
    pub created: Option<kiln_types::Timestamp>,
    /// Its distribution.
    pub distribution: Option<String>,
    /// The last day of that distribution's support.
    pub end_of_life: Option<String>,
    /// Runtimes that came without the distribution, and other distributions with a root in it.
    pub runtimes: Vec<RuntimeSupport>,
    /// How many vulnerabilities; absent where there are no advisories.
    pub vulnerabilities: Option<LevelCounts>,
    /// How many of them an update cures.
    pub fixable: Option<LevelCounts>,
    /// Whether there may be more: of some components no advisory speaks, or something could not be
    /// read.
    pub is_lower_bound: bool,
    /// How many packages.
    pub packages: u64,
    /// Bytes of its layers as a registry stores them.
    pub compressed: Option<u64>,
    /// Bytes of its layers unpacked.
    pub unpacked: Option<u64>,
    /// How many layers.
    pub layers: Option<u64>,
    /// How many files.
    pub files: Option<u64>,
    /// The user it runs as.
    pub user: Option<String>,
    /// Whether that is root.
    pub is_root: Option<bool>,
    /// How many shells.
    pub shells: Option<u64>,
    /// How many package managers.
    pub package_managers: Option<u64>,
    /// How many setuid and setgid files.
    pub setuid: Option<u64>,
    /// What is not known, each in a sentence: where this is not empty, its numbers are lower bounds.
    pub not_known: Vec<String>,
}

/// A vulnerability of one side that the other has not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Vulnerable {
    /// How bad it is; the worst come first.
    pub level: std::cmp::Reverse<RiskLevel>,
    /// Its id.
    pub id: String,
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The version that has the fix.
    pub fixed_version: Option<String>,
    /// Whether it is known to be exploited.
    pub exploited: bool,
}

/// What became of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It went.
    Removed,
    /// It came.
    Added,
    /// Its version is later.
    Up,
    /// Its version is earlier.
    Down,
    /// Its version is another, and nobody can say which is later.
    Other,
}

impl Change {
    /// The sign for it.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Removed => "-",
            Self::Added => "+",
            Self::Up => "↑",
            Self::Down => "↓",
            Self::Other => "~",
        }
    }
}

/// A package that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PackageChange {
    /// What became of it.
    pub change: Change,
    /// Its kind.
    pub kind: ComponentKind,
    /// Its name.
    pub name: String,
    /// Its version before.
    pub from: Option<String>,
    /// Its version after.
    pub to: Option<String>,
    /// Vulnerabilities that went with it.
    pub went: Vec<String>,
    /// Vulnerabilities that came with it.
    pub came: Vec<String>,
}

/// A setting, list or file that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ValueChange {
    /// What it belongs to: `environment`, `label`, `port`, `shell`, `setuid`, `licence` …
    pub of: &'static str,
    /// Its name.
    pub name: String,
    /// Before, without what looks like a secret; absent where it was not there.
    pub from: Option<String>,
    /// After, without what looks like a secret; absent where it is not there.
    pub to: Option<String>,
    /// Whether something of it is hidden; where both sides look the same then, that is what changed.
    pub is_hidden: bool,
}

/// Files below a directory, on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DirectoryChange {
    /// The directory.
    pub path: String,
    /// Before.
    pub from: DirectoryFact,
    /// After.
    pub to: DirectoryFact,
}

/// Two images side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The first image.
    pub from: Side,
    /// The second image.
    pub to: Side,
    /// Vulnerabilities that only the first has, the worst first; absent without advisories.
    pub went: Option<Vec<Vulnerable>>,
    /// Vulnerabilities that only the second has.
    pub came: Option<Vec<Vulnerable>>,
    /// Packages that are not the same, sorted.
    pub packages: Vec<PackageChange>,
    /// How many packages are the same.
    pub same_packages: u64,
    /// Settings, lists and files that are not the same, sorted.
    pub values: Vec<ValueChange>,
    /// Directories whose size is not the same, the largest difference first.
    pub directories: Vec<DirectoryChange>,
}

/// Compares two images.
#[must_use]
pub fn compare(from: Subject<'_>, to: Subject<'_>, filter: &Filter) -> Comparison {
    let (packages, same_packages) = packages(from, to, filter);
    let only = |one: Subject<'_>, other: Subject<'_>| -> Option<Vec<Vulnerable>> {
        let theirs: BTreeSet<(&str, &str, &str)> = found(other, filter)?.map(key).collect();
        let list: BTreeSet<Vulnerable> = found(one, filter)?
            .filter(|finding| !theirs.contains(&key(finding)))
            .map(vulnerable)
            .collect();
        Some(list.into_iter().collect())
    };
    Comparison {
        from: side(from, filter),
        to: side(to, filter),
        went: only(from, to),
        came: only(to, from),
        packages,
        same_packages,
        values: values(from.inventory, to.inventory),
        directories: directories(from.inventory, to.inventory),
    }
}

/// The findings to act on that the filter lets through.
fn found<'a>(subject: Subject<'a>, filter: &Filter) -> Option<impl Iterator<Item = &'a Finding>> {
    let filter = filter.clone();
    let shown = subject.findings?.active();
    Some(shown.filter(move |finding| filter.shows(finding)))
}

/// What makes two findings the same: the vulnerability in the package, whatever its version.
fn key(finding: &Finding) -> (&str, &str, &str) {
    (&finding.vulnerability.id, &finding.kind, &finding.package)
}

fn vulnerable(finding: &Finding) -> Vulnerable {
    Vulnerable {
        level: std::cmp::Reverse(finding.level),
        id: finding.vulnerability.id.clone(),
        package: finding.package.clone(),
        version: finding.version.clone(),
        fixed_version: finding.fixed_version.clone(),
        exploited: finding.vulnerability.exploited.is_some(),
    }
}

fn side(subject: Subject<'_>, filter: &Filter) -> Side {
    let inventory = subject.inventory;
    let about = &inventory.subject;
    let facts = inventory.facts.as_ref();
    let configured = facts.filter(|_| about.config.is_some());
    let count = |only_fixable: bool| {
        let mut counts = LevelCounts::default();
        for finding in found(subject, filter)?.filter(|one| !only_fixable || one.is_fixable()) {
            counts.add(finding.level);
        }
        Some(counts)
    };
    let length = |list: usize| u64::try_from(list).unwrap_or(u64::MAX);
    let has_layers = !about.layers.is_empty();
    let is_packed = has_layers && about.layers.iter().all(|layer| layer.blob.is_some());
    let sum = |of: fn(&kiln_types::LayerFact) -> u64| about.layers.iter().map(of).sum();
    let distribution = inventory.distribution.as_ref().map(|distribution| {
        let version = distribution.version.as_deref().unwrap_or_default();
        let plain = format!("{} {version}", distribution.id);
        distribution
            .pretty_name
            .clone()
            .unwrap_or_else(|| plain.trim().to_owned())
    });
    let mut not_known: Vec<String> = inventory
        .incomplete
        .iter()
        .map(|missed| format!("{}: {}", missed.place, missed.reason))
        .collect();
    if inventory.components.is_empty() {
        not_known.push("nothing in it was recognised".to_owned());
    }
    if let Some(distribution) = &inventory.distribution
        && of_distribution(distribution).is_none()
    {
        let id = &distribution.id;
        not_known.push(format!("no advisories speak of the distribution `{id}`"));
    }
    match facts {
        None => not_known.push("its files, and how it runs: it is a document".to_owned()),
        Some(facts) if facts.is_user_unknown => not_known.push(format!(
            "who runs it: its accounts do not have `{}`",
            facts.user
        )),
        Some(_) => {}
    }
    // A document that kiln wrote.
    if let count @ 1.. = facts.map_or(0, values::hidden) {
        not_known.push(format!("secrets of its configuration: {count} are hidden"));
    }
    match subject.findings {
        None => not_known.push("there are no advisories".to_owned()),
        Some(findings) => not_known.extend(findings.blind.iter().map(|blind| {
            let (count, name) = (blind.components, &blind.ecosystem);
            format!("{count} components of {name}: {}", blind.reason)
        })),
    }
    Side {
        name: about.name.clone(),
        digest: about.manifest.or(about.config),
        platform: about.platform.clone(),
        created: about.created,
        distribution,
        end_of_life: inventory
            .distribution
            .as_ref()
            .and_then(|distribution| last_day(distribution, subject.ends, Support::Extended)),
        runtimes: supported(subject),
        vulnerabilities: count(false),
        fixable: count(true),
        is_lower_bound: !inventory.incomplete.is_empty()
            || subject
                .findings
                .is_some_and(|findings| !findings.blind.is_empty()),
        packages: length(components(inventory, filter).count()),
        compressed: is_packed.then(|| sum(|layer| layer.size)),
        unpacked: match has_layers {
            true => Some(sum(|layer| layer.unpacked)),
            false => facts.map(|facts| facts.content_bytes),
        },
        layers: has_layers.then(|| length(about.layers.len())),
        files: facts.map(|facts| facts.files),
        user: configured.map(|facts| match facts.user.as_str() {
            "" => "root".to_owned(),
            user => user.to_owned(),
        }),
        is_root: configured
            .filter(|facts| !facts.is_user_unknown)
            .map(|facts| facts.is_root),
        shells: facts.map(|facts| length(facts.shells.len())),
        package_managers: facts.map(|facts| length(facts.package_managers.len())),
        setuid: facts.map(|facts| length(facts.setuid.len() + facts.setgid.len())),
        not_known,
    }
}

fn supported(subject: Subject<'_>) -> Vec<RuntimeSupport> {
    let (inventory, ends) = (subject.inventory, subject.ends);
    let others = others(inventory, ends, Support::Extended).into_iter();
    let others = others.map(|other| RuntimeSupport {
        name: other.product,
        version: other.release,
        end_of_life: other.last_day,
    });
    let runtimes = runtimes(inventory, ends, Support::Extended).into_iter();
    let runtimes = runtimes.map(|runtime| RuntimeSupport {
        name: runtime.component.name.clone(),
        version: runtime.component.version.clone(),
        end_of_life: runtime.last_day,
    });
    others.chain(runtimes).collect()
}

fn components<'a>(
    inventory: &'a Inventory,
    filter: &'a Filter,
) -> impl Iterator<Item = &'a Component> {
    inventory
        .components
        .iter()
        .filter(|one| filter.kinds.is_empty() || filter.kinds.contains(&one.kind))
}

type Versions<'a> = BTreeMap<(ComponentKind, &'a str), BTreeSet<&'a str>>;

fn packages(from: Subject<'_>, to: Subject<'_>, filter: &Filter) -> (Vec<PackageChange>, u64) {
    let of = |inventory| {
        let mut versions = Versions::new();
        for one in components(inventory, filter) {
            let key = (one.kind, one.name.as_str());
            versions.entry(key).or_default().insert(&one.version);
        }
        versions
    };
    let (before, after) = (of(from.inventory), of(to.inventory));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let none = BTreeSet::new();
    let (mut changes, mut same) = (Vec::new(), 0);
    for (kind, name) in keys {
        let old = before.get(&(kind, name)).unwrap_or(&none);
        let new = after.get(&(kind, name)).unwrap_or(&none);
        same += u64::try_from(old.intersection(new).count()).unwrap_or(0);
        let gone: Vec<&str> = old.difference(new).copied().collect();
        let come: Vec<&str> = new.difference(old).copied().collect();
        let scheme = scheme(kind);
        let by_version = |one: &&str, other: &&str| {
            scheme
                .and_then(|scheme| order(scheme, one, other))
                .unwrap_or_else(|| one.cmp(other))
        };
        let (gone, come) = (sorted(gone, &by_version), sorted(come, &by_version));
        let ids = |subject| -> BTreeSet<String> {
            found(subject, filter)
                .into_iter()
                .flatten()
                .filter(|one| one.kind == kind.as_str() && one.package == name)
                .map(|one| one.vulnerability.id.clone())
                .collect()
        };
        if gone.is_empty() && come.is_empty() {
            continue;
        }
        let (theirs, ours) = (ids(from), ids(to));
        for place in 0..gone.len().max(come.len()) {
            let (from, to) = (gone.get(place).copied(), come.get(place).copied());
            let is_first = place == 0;
            changes.push(PackageChange {
                change: change(scheme, from, to),
                kind,
                name: name.to_owned(),
                from: from.map(str::to_owned),
                to: to.map(str::to_owned),
                // Of a package in several versions they are told once.
                went: theirs
                    .difference(&ours)
                    .filter(|_| is_first)
                    .cloned()
                    .collect(),
                came: ours
                    .difference(&theirs)
                    .filter(|_| is_first)
                    .cloned()
                    .collect(),
            });
        }
    }
    changes.sort();
    (changes, same)
}

fn change(scheme: Option<Scheme>, from: Option<&str>, to: Option<&str>) -> Change {
    match (from, to) {
        (Some(from), Some(to)) => match scheme.and_then(|scheme| order(scheme, from, to)) {
            Some(Ordering::Less) => Change::Up,
            Some(Ordering::Greater) => Change::Down,
            Some(Ordering::Equal) | None => Change::Other,
        },
        (None, _) => Change::Added,
        (Some(_), None) => Change::Removed,
    }
}

fn scheme(kind: ComponentKind) -> Option<Scheme> {
    match kind {
        ComponentKind::Deb => Some(Scheme::Deb),
        ComponentKind::Apk => Some(Scheme::Apk),
        ComponentKind::Rpm => Some(Scheme::Rpm),
        ComponentKind::Golang => Some(Scheme::Go),
        ComponentKind::Binary => Some(Scheme::Semver),
        kind => scheme_of(kind.as_str()),
    }
}
