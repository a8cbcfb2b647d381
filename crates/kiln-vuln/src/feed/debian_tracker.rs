//! Debian's security tracker as JSON: package → vulnerability → state in each release.
//!
//! The tracker leaves out releases that are no longer supported at all; a release that it does not
//! name is not covered, which the matcher says.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;

use kiln_types::{Fact, FixState, RiskLevel};
use serde::Deserialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};

use super::unique::Unique;
use super::{FeedError, LONGEST, all_versions, before, debian_release};
use crate::advisories::AdvisorySet;

const FEED: &str = "debian-tracker";

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    description: Option<String>,
    /// A vulnerability in no release has an empty list where the map should be.
    releases: Unique<Release>,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
    /// Absent, or a text that may be empty.
    #[serde(default)]
    nodsa: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

/// Reads the tracker's JSON, package by package; no more than one package is in memory beside the
/// facts.
///
/// # Errors
/// When it is not the JSON of the tracker, or a state is one that kiln does not know.
pub fn read_debian_tracker(input: impl Read) -> Result<AdvisorySet, FeedError> {
    let mut set = AdvisorySet::new();
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    let end = reader
        .deserialize_map(Packages { set: &mut set })
        .and_then(|()| reader.end());
    end.map_err(|error| FeedError::json(FEED, &error))?;
    if set.facts.is_empty() {
        return Err(FeedError::new(
            FEED,
            "the end",
            "it says nothing about any release",
        ));
    }
    Ok(set)
}

struct Packages<'a> {
    set: &'a mut AdvisorySet,
}

impl<'de> Visitor<'de> for Packages<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the packages of the tracker")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        use serde::de::Error as _;
        let mut seen = BTreeSet::new();
        while let Some(package) = map.next_key::<String>()? {
            if package.is_empty() || package.len() > LONGEST {
                return Err(M::Error::custom(
                    "the name of a package is empty or too long",
                ));
            }
            let named = |error: M::Error| M::Error::custom(format!("{package}: {error}"));
            if !seen.insert(package.clone()) {
                return Err(named(M::Error::custom("the package stands there twice")));
            }
            let entries = map.next_value::<Unique<Entry>>().map_err(named)?;
            for (id, entry) in entries.0 {
                note(self.set, &package, &id, &entry)
                    .map_err(|reason| M::Error::custom(format!("{package}, {id}: {reason}")))?;
            }
        }
        Ok(())
    }
}

fn note(set: &mut AdvisorySet, package: &str, id: &str, entry: &Entry) -> Result<(), String> {
    if id.len() > LONGEST {
        return Err("an id is too long".to_owned());
    }
    set.describe(
        id,
        &[],
        entry.description.as_deref().unwrap_or_default(),
        None,
        &[],
    );
    for (codename, release) in &entry.releases.0 {
        // Suites that are no release (`experimental`) say nothing about one.
        let Some(number) = debian_release(codename) else {
            continue;
        };
        let fact = fact(id, release)?;
        set.add(&format!("debian:{number}"), package, fact);
    }
    Ok(())
}

fn fact(id: &str, release: &Release) -> Result<Fact, String> {
    let urgency = release.urgency.as_deref().unwrap_or_default();
    let mut fact = Fact {
        vulnerability: id.to_owned(),
        record: id.to_owned(),
        source: FEED.to_owned(),
        ranges: Vec::new(),
        versions: Vec::new(),
        state: FixState::Open,
        level: RiskLevel::of_word(urgency).unwrap_or_default(),
        informational: false,
        reason: String::new(),
        fixed_at: None,
    };
    match release.status.as_str() {
        "resolved" => match release.fixed_version.as_deref() {
            Some("0") => fact.state = FixState::NotAffected,
            Some(version) if !version.is_empty() && version.len() <= LONGEST => {
                fact.state = FixState::Fixed;
                fact.ranges = before(version);
            }
            _ => return Err("it is resolved, and no version is named".to_owned()),
        },
        "open" => {
            fact.ranges = all_versions();
            let reason = release.nodsa_reason.as_deref();
            fact.state = match (urgency, &release.nodsa, reason) {
                ("end-of-life", ..) => FixState::EndOfLife,
                (_, _, Some("ignored")) => FixState::WontFix,
                (_, _, Some("postponed")) => FixState::Deferred,
                (_, Some(_), _) | (_, None, Some(_)) => FixState::NoAdvisory,
                (_, None, None) => FixState::Open,
            };
            fact.reason = release.nodsa.clone().unwrap_or_default();
        }
        "undetermined" => {
            fact.state = FixState::Undetermined;
            fact.ranges = all_versions();
        }
        other => return Err(format!("the state `{other}` is unknown")),
    }
    Ok(fact)
}
