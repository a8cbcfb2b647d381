//! OSV records (ossf.github.io/osv-schema): one document, or one a line.
//!
//! Ranges over commits say nothing about a package without its commit and are left out. Records that
//! were withdrawn are left out. The alias that a vulnerability is shown under is chosen per record;
//! `related` is no alias.

use std::cmp::Ordering;
use std::io::Read;

use kiln_types::{Fact, FixState, RangeEnd, Rating, RiskLevel, Timestamp, VersionRange};
use serde::Deserialize;
use serde_json::Value;

use super::unique::Unique;
use super::{FeedError, LONGEST};
use crate::advisories::{AdvisorySet, shown_id};
use crate::ecosystem::{of_osv, package_key, scheme_of};
use crate::rating::of_vector;
use crate::version::{compare, sorted};

/// The most events of one range, and the most versions of one package, that are read.
const MOST: usize = 100_000;
/// Other names of one record, and packages of one. The longest lists are those of kernels: some
/// hundred names, a few thousand packages.
const MOST_NAMES: usize = 5_000;
const MOST_PACKAGES: usize = 50_000;

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    affected: Vec<AffectedPackage>,
    #[serde(default)]
    database_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Severity {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct AffectedPackage {
    #[serde(default)]
    package: Option<Package>,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    database_specific: Option<Value>,
    #[serde(default)]
    ecosystem_specific: Option<Value>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    ecosystem: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    events: Vec<Unique<String>>,
}

/// Reads one record into a set.
///
/// # Errors
/// When it is no OSV record.
pub fn read_osv(name: &str, bytes: &[u8], set: &mut AdvisorySet) -> Result<(), FeedError> {
    let record: Record = serde_json::from_slice(bytes).map_err(|error| {
        let mut error = FeedError::json("osv", &error);
        error.place = format!("{name}, {}", error.place);
        error
    })?;
    note(&record, set)
        .map_err(|reason| FeedError::new("osv", format!("{name}, {}", record.id), reason))
}

/// Reads records that follow one another, as in a file with one a line, and says how many there are.
///
/// # Errors
/// When one is no OSV record.
pub fn read_osv_lines(input: impl Read, set: &mut AdvisorySet) -> Result<u64, FeedError> {
    let mut count = 0;
    let reader = std::io::BufReader::new(input);
    for record in serde_json::Deserializer::from_reader(reader).into_iter::<Record>() {
        let record = record.map_err(|error| FeedError::json("osv", &error))?;
        note(&record, set).map_err(|reason| FeedError::new("osv", &record.id, reason))?;
        count += 1;
    }
    Ok(count)
}

fn note(record: &Record, set: &mut AdvisorySet) -> Result<(), String> {
    if record.id.is_empty() || record.id.len() > LONGEST {
        return Err("the id is empty or too long".to_owned());
    }
    // Each name is looked up and kept with the vulnerability.
    if record.aliases.len().saturating_add(record.upstream.len()) > MOST_NAMES {
        return Err(format!("it has more than {MOST_NAMES} other names"));
    }
    if record.affected.len() > MOST_PACKAGES {
        return Err(format!("it is about more than {MOST_PACKAGES} packages"));
    }
    let aliases: Vec<&str> = record
        .aliases
        .iter()
        .chain(&record.upstream)
        .map(String::as_str)
        .filter(|alias| !alias.is_empty() && alias.len() <= LONGEST)
        .collect();
    let is_withdrawn = record
        .withdrawn
        .as_deref()
        .is_some_and(|text| !text.is_empty());
    for affected in &record.affected {
        if let Some(ecosystem) = affected
            .package
            .as_ref()
            .and_then(|one| of_osv(&one.ecosystem))
        {
            set.cover(&ecosystem);
        }
    }
    if is_withdrawn {
        return Ok(());
    }
    let source = source_of(&record.id);
    let shown = shown_id(&record.id, &aliases);
    let mut ratings = ratings(source, &record.severity);
    let word = record
        .database_specific
        .as_ref()
        .and_then(|value| value.get("severity"))
        .and_then(Value::as_str)
        .and_then(RiskLevel::of_word);
    if let (Some(level), true) = (word, ratings.is_empty()) {
        ratings.push(Rating {
            source: source.to_owned(),
            level,
            score: None,
            vector: None,
        });
    }
    let mut is_known = false;
    for affected in &record.affected {
        let Some(package) = &affected.package else {
            continue;
        };
        let Some(ecosystem) = of_osv(&package.ecosystem) else {
            continue;
        };
        if package.name.is_empty() || package.name.len() > LONGEST {
            return Err("the name of a package is empty or too long".to_owned());
        }
        if affected.versions.len() > MOST
            || affected
                .ranges
                .iter()
                .any(|range| range.events.len() > MOST)
        {
            return Err(format!("{} has more than {MOST} versions", package.name));
        }
        is_known = true;
        ratings.extend(self::ratings(source, &affected.severity));
        let fact = fact(record, shown, source, &ecosystem, affected);
        let key = package_key(&ecosystem, &package.name);
        // Package URLs of modules may be in lower case (purl-spec), in which the name is found too.
        let lower = key.to_lowercase();
        if ecosystem == "go" && lower != key {
            set.add(&ecosystem, &lower, fact.clone());
        }
        set.add(&ecosystem, &key, fact);
    }
    if is_known {
        let mut all: Vec<&str> = aliases;
        all.push(&record.id);
        let text = record.summary.as_deref().filter(|text| !text.is_empty());
        let text = text.or(record.details.as_deref()).unwrap_or_default();
        let published = record.published.as_deref().and_then(moment);
        set.describe(shown, &all, text, published, &ratings);
    }
    Ok(())
}

fn fact(
    record: &Record,
    shown: &str,
    source: &str,
    ecosystem: &str,
    affected: &AffectedPackage,
) -> Fact {
    let ranges: Vec<VersionRange> = affected
        .ranges
        .iter()
        .filter(|range| range.kind != "GIT")
        .flat_map(|range| ranges(ecosystem, range))
        .collect();
    let has_fix = ranges
        .iter()
        .any(|range| matches!(range.end, RangeEnd::Before(_)));
    let text = |value: &Option<Value>, key: &str| {
        value
            .as_ref()
            .and_then(|value| value.get(key))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let informational = text(&affected.database_specific, "informational")
        .or_else(|| text(&record.database_specific, "informational"));
    let urgency = text(&affected.ecosystem_specific, "urgency").unwrap_or_default();
    // A list of versions beside ranges repeats what they say, unless there are none.
    let versions = match ranges.is_empty() {
        true => affected.versions.clone(),
        false => outside(ecosystem, &ranges, &affected.versions),
    };
    Fact {
        vulnerability: shown.to_owned(),
        record: record.id.clone(),
        source: source.to_owned(),
        state: match (has_fix, urgency.as_str()) {
            (true, _) => FixState::Fixed,
            (false, "end-of-life") => FixState::EndOfLife,
            (false, _) => FixState::Open,
        },
        ranges,
        versions,
        level: RiskLevel::of_word(&urgency).unwrap_or_default(),
        informational: informational.is_some(),
        reason: informational.unwrap_or_default(),
        fixed_at: None,
    }
}

/// The listed versions that no range holds.
fn outside(ecosystem: &str, ranges: &[VersionRange], versions: &[String]) -> Vec<String> {
    versions
        .iter()
        .filter(|version| {
            version.len() <= LONGEST
                && !ranges.iter().any(|range| {
                    crate::matching::is_within(ecosystem, version, range) == Some(true)
                })
        })
        .cloned()
        .collect()
}

/// The ranges of a list of events, which need not be in order.
fn ranges(ecosystem: &str, range: &Range) -> Vec<VersionRange> {
    // (version, kind): at the same version an end comes before a new beginning.
    let mut events: Vec<(&str, u8)> = Vec::new();
    for event in &range.events {
        for (kind, version) in &event.0 {
            let kind = match kind.as_str() {
                "fixed" => 0,
                "introduced" => 1,
                "last_affected" => 2,
                _ => continue,
            };
            if version.len() <= LONGEST {
                events.push((version, kind));
            }
        }
    }
    let scheme = scheme_of(ecosystem);
    let order = |(one, one_kind): &(&str, u8), (other, other_kind): &(&str, u8)| {
        let order = match (
            *one == "0" && *one_kind == 1,
            *other == "0" && *other_kind == 1,
        ) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => scheme
                .and_then(|scheme| compare(scheme, one, other))
                .unwrap_or(Ordering::Equal),
        };
        order.then(one_kind.cmp(other_kind))
    };
    let is_same = |one: &str, other: &str| {
        let order = scheme.and_then(|scheme| compare(scheme, one, other));
        one == other || order == Some(Ordering::Equal)
    };
    let events = sorted(events, &order);
    let mut out = Vec::new();
    let mut open: Option<&str> = None;
    // An end that ended nothing. A beginning at the same version is a range that holds nothing, as
    // RustSec's have them where a fix was there from the first release of a branch.
    let mut ended: Option<&str> = None;
    for (version, kind) in events {
        let from = |open: &str| (open != "0").then(|| open.to_owned());
        match (kind, open) {
            (1, None) if ended.is_some_and(|end| is_same(end, version)) => {}
            (1, None) => open = Some(version),
            (0, None) => ended = Some(version),
            (0, Some(begin)) => {
                out.push(VersionRange {
                    from: from(begin),
                    end: RangeEnd::Before(version.to_owned()),
                });
                open = None;
            }
            (2, Some(begin)) => {
                out.push(VersionRange {
                    from: from(begin),
                    end: RangeEnd::With(version.to_owned()),
                });
                open = None;
            }
            // A second beginning inside a range, or an end of none, adds nothing.
            _ => {}
        }
    }
    if let Some(begin) = open {
        out.push(VersionRange {
            from: (begin != "0").then(|| begin.to_owned()),
            end: RangeEnd::Open,
        });
    }
    out
}

fn ratings(source: &str, severities: &[Severity]) -> Vec<Rating> {
    severities
        .iter()
        .filter_map(|severity| {
            if severity.kind.starts_with("CVSS") {
                return of_vector(source, &severity.score);
            }
            RiskLevel::of_word(&severity.score).map(|level| Rating {
                source: source.to_owned(),
                level,
                score: None,
                vector: None,
            })
        })
        .collect()
}

/// The name of the database that a record's id belongs to.
fn source_of(id: &str) -> &'static str {
    match id.split('-').next().unwrap_or_default() {
        "GHSA" => "ghsa",
        "PYSEC" => "pypa",
        "GO" => "go-vulndb",
        "RUSTSEC" => "rustsec",
        "DEBIAN" | "DSA" | "DLA" | "DTSA" => "debian-osv",
        "UBUNTU" | "USN" => "ubuntu-osv",
        "ALPINE" => "alpine-osv",
        "CGA" => "chainguard-osv",
        "MAL" => "malicious-packages",
        "BIT" => "bitnami",
        _ => "osv",
    }
}

/// A moment with or without a fraction of a second.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let moment: Option<Timestamp> = text.parse().ok().or_else(|| {
        let seconds = text.get(..19)?;
        format!("{seconds}Z").parse().ok()
    });
    // Go writes the year 1 where it knows no time.
    moment.filter(|moment| moment.unix() > 0)
}
