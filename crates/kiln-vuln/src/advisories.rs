//! A set of advisories in memory: what feeds are read into, and what a database is written from.
//!
//! Facts are kept by ecosystem and package. An ecosystem is named as in `debian:13`, `alpine:3.20`,
//! `wolfi`, `npm`; that it is listed means that its source was read, even where it has no fact, and
//! only then does "nothing found" mean anything.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    AdvisorySource, Epss, Exploited, Fact, FixState, RangeEnd, Rating, Timestamp, Vulnerability,
};

use crate::version::{Scheme, compare};

/// The longest summary that is kept, in characters; texts of hundreds of lines stay with the source.
const SUMMARY: usize = 240;

/// Where facts can be looked up: a set in memory, or a database file.
pub trait Advisories {
    /// What goes wrong in looking up.
    type Error;

    /// The facts about a package.
    ///
    /// # Errors
    /// When the place that holds them cannot be read.
    fn facts(&self, ecosystem: &str, package: &str) -> Result<Vec<Fact>, Self::Error>;

    /// What is known of a vulnerability, by the id it is shown under.
    ///
    /// # Errors
    /// When the place that holds it cannot be read.
    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, Self::Error>;

    /// Whether there is a source for this ecosystem at all.
    fn covers(&self, ecosystem: &str) -> bool;

    /// The sources.
    fn sources(&self) -> Vec<AdvisorySource>;
}

/// When a release of a distribution, or a line of a runtime, is no longer supported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct EndOfLife {
    /// The product (`debian`, `alpine`, `nodejs`).
    pub product: String,
    /// The release (`12`, `3.20`).
    pub release: String,
    /// The last day of regular support (`2026-07-11`).
    pub ends: Option<String>,
    /// The last day of long-term support, where there is one.
    pub extended: Option<String>,
}

/// Advisories in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdvisorySet {
    /// Facts by ecosystem and package.
    pub(crate) facts: BTreeMap<String, BTreeMap<String, Vec<Fact>>>,
    /// Vulnerabilities by the id they are shown under.
    pub(crate) vulnerabilities: BTreeMap<String, Vulnerability>,
    /// Sources that were read.
    pub(crate) sources: Vec<AdvisorySource>,
    /// Ends of support.
    pub(crate) ends: BTreeSet<EndOfLife>,
    /// Ratings, exploitation and probability by id, for ids that facts may name.
    pub(crate) exploited: BTreeMap<String, Exploited>,
    pub(crate) epss: BTreeMap<String, Epss>,
    pub(crate) ratings: BTreeMap<String, Vec<Rating>>,
    /// Dates of publication by id, likewise.
    pub(crate) published: BTreeMap<String, Timestamp>,
}

impl AdvisorySet {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the source of an ecosystem was read.
    pub fn cover(&mut self, ecosystem: &str) {
        if !self.facts.contains_key(ecosystem) {
            self.facts.insert(ecosystem.to_owned(), BTreeMap::new());
        }
    }

    /// Adds a fact about a package.
    pub fn add(&mut self, ecosystem: &str, package: &str, fact: Fact) {
        self.cover(ecosystem);
        if !self.vulnerabilities.contains_key(&fact.vulnerability) {
            self.describe(&fact.vulnerability, &[], "", None, &[]);
        }
        if let Some(packages) = self.facts.get_mut(ecosystem) {
            packages.entry(package.to_owned()).or_default().push(fact);
        }
    }

    /// Adds what a source says of a vulnerability.
    pub fn describe(
        &mut self,
        id: &str,
        aliases: &[&str],
        summary: &str,
        published: Option<Timestamp>,
        ratings: &[Rating],
    ) {
        let entry = self
            .vulnerabilities
            .entry(id.to_owned())
            .or_insert_with(|| Vulnerability {
                id: id.to_owned(),
                ..Vulnerability::default()
            });
        entry.aliases.extend(
            aliases
                .iter()
                .filter(|alias| **alias != id)
                .map(ToString::to_string),
        );
        if entry.summary.is_empty() {
            entry.summary = shorten(summary);
        }
        entry.published = match (entry.published, published) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for rating in ratings {
            if !entry.ratings.contains(rating) {
                entry.ratings.push(rating.clone());
            }
        }
        entry.ratings.sort();
    }

    /// Notes a source.
    pub fn note_source(&mut self, source: AdvisorySource) {
        self.sources.push(source);
        self.sources.sort();
    }

    /// How many facts there are.
    #[must_use]
    pub fn fact_count(&self) -> u64 {
        self.facts
            .values()
            .flat_map(BTreeMap::values)
            .map(|facts| facts.len() as u64)
            .sum()
    }

    /// How many of what else there are, as [`AdvisorySource::others`] names them.
    #[must_use]
    pub fn other_counts(&self) -> BTreeMap<String, u64> {
        let ratings = self.ratings.values().map(Vec::len).sum();
        [
            ("exploited", self.exploited.len()),
            ("probabilities", self.epss.len()),
            ("ratings", ratings),
            ("dates of publication", self.published.len()),
            ("ends of support", self.ends.len()),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(what, count)| (what.to_owned(), count as u64))
        .collect()
    }

    /// Whether nothing at all was read into it: no ecosystem is covered, nothing is rated, exploited
    /// or out of support.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.vulnerabilities.is_empty()
            && self.ends.is_empty()
            && self.exploited.is_empty()
            && self.epss.is_empty()
            && self.ratings.is_empty()
            && self.published.is_empty()
    }

    /// The ecosystems that it covers.
    pub fn ecosystems(&self) -> impl Iterator<Item = &str> {
        self.facts.keys().map(String::as_str)
    }

    /// The ends of support that it knows.
    pub fn ends_of_life(&self) -> impl Iterator<Item = &EndOfLife> {
        self.ends.iter()
    }

    /// Every fact with its ecosystem and package.
    pub fn all_facts(&self) -> impl Iterator<Item = (&str, &str, &Fact)> {
        self.facts.iter().flat_map(|(ecosystem, packages)| {
            packages.iter().flat_map(move |(package, facts)| {
                facts
                    .iter()
                    .map(move |fact| (ecosystem.as_str(), package.as_str(), fact))
            })
        })
    }

    /// Takes in all of another set.
    pub fn merge(&mut self, other: Self) {
        for (ecosystem, packages) in other.facts {
            let mine = self.facts.entry(ecosystem).or_default();
            for (package, facts) in packages {
                mine.entry(package).or_default().extend(facts);
            }
        }
        for (id, entry) in other.vulnerabilities {
            let aliases: Vec<&str> = entry.aliases.iter().map(String::as_str).collect();
            self.describe(
                &id,
                &aliases,
                &entry.summary,
                entry.published,
                &entry.ratings,
            );
        }
        self.sources.extend(other.sources);
        self.sources.sort();
        self.ends.extend(other.ends);
        self.exploited.extend(other.exploited);
        self.epss.extend(other.epss);
        for (id, ratings) in other.ratings {
            self.ratings.entry(id).or_default().extend(ratings);
        }
        for (id, date) in other.published {
            let known = self.published.entry(id).or_insert(date);
            *known = date.min(*known);
        }
    }

    /// Brings a set that all feeds were read into in order: facts sorted and without duplicates,
    /// those of Debian folded into one for each package and vulnerability, and what catalogues say
    /// of exploitation and severity put to the vulnerabilities.
    pub fn finish(&mut self) {
        for (ecosystem, packages) in &mut self.facts {
            for facts in packages.values_mut() {
                facts.sort();
                facts.dedup();
                if ecosystem.starts_with("debian:") {
                    *facts = fold_debian(std::mem::take(facts));
                }
            }
        }
        for entry in self.vulnerabilities.values_mut() {
            let ids = || std::iter::once(&entry.id).chain(&entry.aliases);
            entry.exploited = ids().find_map(|id| self.exploited.get(id)).cloned();
            entry.epss = ids().find_map(|id| self.epss.get(id)).copied();
            let dates = ids().filter_map(|id| self.published.get(id)).copied();
            entry.published = dates.chain(entry.published).min();
            let more: Vec<Rating> = ids()
                .filter_map(|id| self.ratings.get(id))
                .flatten()
                .cloned()
                .collect();
            entry.ratings.extend(more);
            entry.ratings.sort();
            entry.ratings.dedup();
        }
    }
}

impl Advisories for AdvisorySet {
    type Error = std::convert::Infallible;

    fn facts(&self, ecosystem: &str, package: &str) -> Result<Vec<Fact>, Self::Error> {
        let facts = self
            .facts
            .get(ecosystem)
            .and_then(|packages| packages.get(package));
        Ok(facts.cloned().unwrap_or_default())
    }

    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, Self::Error> {
        Ok(self.vulnerabilities.get(id).cloned())
    }

    fn covers(&self, ecosystem: &str) -> bool {
        self.facts.contains_key(ecosystem)
    }

    fn sources(&self) -> Vec<AdvisorySource> {
        self.sources.clone()
    }
}

/// The id that a record is shown under: its first CVE id, else its first GHSA id, else its own.
#[must_use]
pub fn shown_id<'a>(id: &'a str, aliases: &[&'a str]) -> &'a str {
    let of = |prefix: &str| {
        std::iter::once(id)
            .chain(aliases.iter().copied())
            .filter(|one| one.starts_with(prefix))
            .min()
    };
    of("CVE-").or_else(|| of("GHSA-")).unwrap_or(id)
}

/// One line of at most so many characters.
fn shorten(text: &str) -> String {
    let mut out = String::new();
    for (count, character) in text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .enumerate()
    {
        if count == SUMMARY {
            out.push('…');
            break;
        }
        out.push(character);
    }
    out
}

/// One fact for each vulnerability out of those of the tracker, the lists of advisories and the
/// changelogs. The tracker decides where it names a fixed version; where it names none and an
/// advisory does, there is one (the tracker's marks of "no advisory" are sometimes stale); of several
/// advisories for one vulnerability the greatest version holds.
fn fold_debian(facts: Vec<Fact>) -> Vec<Fact> {
    let rank = |fact: &Fact| match (fact.source.as_str(), fact.state) {
        ("debian-tracker", FixState::Fixed | FixState::NotAffected) => 0,
        ("debian-advisories", FixState::Fixed) => 1,
        ("debian-list", FixState::Fixed | FixState::NotAffected) => 2,
        ("debian-changelogs", FixState::Fixed) => 3,
        ("debian-tracker", _) => 4,
        ("debian-list", _) => 5,
        _ => 6,
    };
    let mut groups: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for fact in facts {
        groups
            .entry(fact.vulnerability.clone())
            .or_default()
            .push(fact);
    }
    let mut out = Vec::new();
    for (_, mut group) in groups {
        let Some(best) = group.iter().map(rank).min() else {
            continue;
        };
        let level = group
            .iter()
            .map(|fact| fact.level)
            .max()
            .unwrap_or_default();
        let said = group
            .iter()
            .filter(|fact| rank(fact) > best && fact.state != FixState::Fixed)
            .map(|fact| format!("{} says {}", fact.source, fact.state))
            .next();
        let dates: Vec<(Option<String>, Timestamp)> = group
            .iter()
            .filter_map(|fact| Some((fix_of(fact).map(str::to_owned), fact.fixed_at?)))
            .collect();
        group.retain(|fact| rank(fact) == best);
        let greatest = group
            .into_iter()
            .max_by(|one, other| match (fix_of(one), fix_of(other)) {
                (Some(one), Some(other)) => {
                    compare(Scheme::Deb, one, other).unwrap_or(std::cmp::Ordering::Equal)
                }
                (one, other) => one.cmp(&other),
            });
        let Some(mut fact) = greatest else {
            continue;
        };
        fact.level = level;
        // The date of the advisory that names this very version, else of the first there was.
        let fix = fix_of(&fact).map(str::to_owned);
        let same = dates.iter().filter(|(version, _)| *version == fix);
        let date = same.map(|(_, date)| *date).min();
        let first = || dates.iter().map(|(_, date)| *date).min();
        fact.fixed_at = fact.fixed_at.or(date).or_else(first);
        if let (true, Some(said)) = (fact.reason.is_empty(), said) {
            fact.reason = said;
        }
        out.push(fact);
    }
    out
}

/// The version at which a fact's last range ends.
fn fix_of(fact: &Fact) -> Option<&str> {
    fact.ranges.iter().rev().find_map(|range| match &range.end {
        RangeEnd::Before(version) => Some(version.as_str()),
        _ => None,
    })
}
