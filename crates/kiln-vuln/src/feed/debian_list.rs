//! Debian's tracker as it is edited: the lists of vulnerabilities (`data/CVE/list`) and of advisories
//! (`data/DSA/list`, `data/DLA/list`), and fixes that only changelogs name.
//!
//! In the list of vulnerabilities a line without a release speaks of unstable, and of every release
//! that has no line of its own: where such a release's version is older, it is affected and has no
//! fix, whatever unstable has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};

use kiln_types::{Fact, FixState, RiskLevel, Timestamp};
use md5::{Digest as _, Md5};
use serde::Deserialize;

use super::{FeedError, LONGEST, all_versions, before, debian_release};
use crate::advisories::AdvisorySet;

const VULNERABILITIES: &str = "debian-list";
const ADVISORIES: &str = "debian-advisories";
const CHANGELOGS: &str = "debian-changelogs";

/// The releases that a line without a release speaks of.
const RELEASES: [&str; 5] = ["11", "12", "13", "14", "unstable"];

/// The longest line, in bytes.
const LINE: usize = 64 << 10;

/// One line about a package.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Annotation {
    release: Option<String>,
    package: String,
    kind: Kind,
    level: RiskLevel,
    reason: String,
    bug: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Fixed(String),
    Unfixed,
    NotAffected,
    NoAdvisory,
    WontFix,
    Deferred,
    EndOfLife,
    Undetermined,
    /// Removed from the archive, or never in it: says nothing about what is installed.
    Absent,
}

/// A head line with what follows it.
#[derive(Clone, Debug, Default)]
struct Record {
    head: String,
    line: u64,
    annotations: Vec<Annotation>,
    references: Vec<String>,
    is_void: bool,
}

/// Reads the lists.
#[derive(Debug, Default)]
pub struct DebianLists {
    set: AdvisorySet,
    /// Vulnerabilities of an advisory's number, for later ones of the same number without any.
    numbers: BTreeMap<String, Vec<String>>,
}

impl DebianLists {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was read.
    #[must_use]
    pub fn finish(self) -> AdvisorySet {
        self.set
    }

    /// Reads `data/CVE/list`.
    ///
    /// # Errors
    /// When a line is none of that list.
    pub fn read_vulnerabilities(&mut self, input: impl Read) -> Result<(), FeedError> {
        for release in RELEASES {
            self.set.cover(&format!("debian:{release}"));
        }
        let mut count = 0_u64;
        records(VULNERABILITIES, input, |record| {
            count += 1;
            self.note_vulnerability(record)
        })?;
        if count == 0 {
            return Err(FeedError::new(VULNERABILITIES, "the end", "it is empty"));
        }
        Ok(())
    }

    /// Reads `data/DSA/list` or `data/DLA/list`.
    ///
    /// # Errors
    /// When a line is none of that list.
    pub fn read_advisories(&mut self, input: impl Read) -> Result<(), FeedError> {
        let mut read: Vec<Record> = Vec::new();
        records(ADVISORIES, input, |record| {
            read.push(record);
            Ok(())
        })?;
        if read.is_empty() {
            return Err(FeedError::new(ADVISORIES, "the end", "it is empty"));
        }
        // The list has the newest first; a later advisory takes over what the first one names.
        for record in read.into_iter().rev() {
            self.note_advisory(&record)?;
        }
        Ok(())
    }

    fn note_vulnerability(&mut self, record: Record) -> Result<(), FeedError> {
        if record.is_void || record.annotations.is_empty() {
            return Ok(());
        }
        let (id, text) = match record.head.split_once(' ') {
            None => (record.head.as_str(), ""),
            Some((id, text)) => (id, text.trim()),
        };
        let inner = text
            .trim_start_matches(['(', '['])
            .trim_end_matches([')', ']']);
        let bug = record.annotations.iter().find_map(|line| line.bug);
        let temporary;
        let id = if id.ends_with("-XXXX") {
            // As the tracker itself names what has no id yet.
            let digest = Md5::digest(inner.as_bytes());
            let hash: String = digest
                .iter()
                .take(3)
                .map(|byte| format!("{byte:02X}"))
                .collect();
            temporary = format!("TEMP-{:07}-{hash}", bug.unwrap_or(0));
            temporary.as_str()
        } else {
            id
        };
        if id.is_empty() || id.len() > LONGEST {
            return Err(FeedError::new(
                VULNERABILITIES,
                format!("line {}", record.line),
                "this is no id",
            ));
        }
        self.set.describe(id, &[], inner, None, &[]);
        let packages: BTreeSet<&str> = record
            .annotations
            .iter()
            .map(|line| line.package.as_str())
            .collect();
        for package in packages {
            let lines = || {
                record
                    .annotations
                    .iter()
                    .filter(|line| line.package == package)
            };
            let general = lines().find(|line| line.release.is_none());
            for release in RELEASES {
                let own = lines()
                    .find(|line| line.release.as_deref().and_then(debian_release) == Some(release));
                let Some((line, is_own)) = own
                    .map(|line| (line, true))
                    .or_else(|| general.map(|line| (line, release == "unstable")))
                else {
                    continue;
                };
                // How bad it is stands in the line about unstable.
                let level = line
                    .level
                    .max(general.map_or(RiskLevel::Unknown, |line| line.level));
                let references = &record.references;
                if let Some(fact) = fact(id, line, is_own, general, level, references) {
                    self.set.add(&format!("debian:{release}"), package, fact);
                }
            }
        }
        Ok(())
    }

    fn note_advisory(&mut self, record: &Record) -> Result<(), FeedError> {
        let error =
            |reason: &str| FeedError::new(ADVISORIES, format!("line {}", record.line), reason);
        // `[02 Nov 2023] DSA-5546-1 chromium - security update`
        let (date, rest) = record
            .head
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .ok_or_else(|| error("a head line begins with a date in brackets"))?;
        let date = day(date).ok_or_else(|| error("its date is none"))?;
        let id = rest
            .split_whitespace()
            .next()
            .ok_or_else(|| error("no advisory is named"))?;
        let base = match id.match_indices('-').nth(1) {
            None => id,
            Some((at, _)) => id.get(..at).unwrap_or(id),
        };
        let named: Vec<String> = record
            .references
            .iter()
            .filter(|reference| reference.starts_with("CVE-"))
            .cloned()
            .collect();
        let known = self.numbers.entry(base.to_owned()).or_default();
        let vulnerabilities = if named.is_empty() {
            known.clone()
        } else {
            named
        };
        if known.is_empty() {
            known.clone_from(&vulnerabilities);
        }
        for line in &record.annotations {
            let Some(release) = line.release.as_deref().and_then(debian_release) else {
                continue;
            };
            self.set.cover(&format!("debian:{release}"));
            let Kind::Fixed(version) = &line.kind else {
                continue;
            };
            let shown: Vec<String> = match vulnerabilities.is_empty() {
                // An advisory without any id is a vulnerability of its own.
                true => vec![base.to_owned()],
                false => vulnerabilities.clone(),
            };
            for vulnerability in shown {
                let fact = Fact {
                    vulnerability,
                    record: id.to_owned(),
                    source: ADVISORIES.to_owned(),
                    ranges: before(version),
                    versions: Vec::new(),
                    state: FixState::Fixed,
                    level: RiskLevel::Unknown,
                    informational: false,
                    reason: String::new(),
                    fixed_at: Some(date),
                };
                self.set
                    .add(&format!("debian:{release}"), &line.package, fact);
            }
        }
        Ok(())
    }
}

/// What a line means for one release.
fn fact(
    id: &str,
    line: &Annotation,
    is_own: bool,
    general: Option<&Annotation>,
    level: RiskLevel,
    references: &[String],
) -> Option<Fact> {
    let record = references
        .iter()
        .find(|reference| reference.starts_with('D'))
        .map_or(id, String::as_str);
    let mut fact = Fact {
        vulnerability: id.to_owned(),
        record: record.to_owned(),
        source: VULNERABILITIES.to_owned(),
        ranges: all_versions(),
        versions: Vec::new(),
        state: FixState::Open,
        level,
        informational: false,
        reason: line.reason.clone(),
        fixed_at: None,
    };
    match &line.kind {
        Kind::Fixed(version) if version == "0" => {
            fact.state = FixState::NotAffected;
            fact.ranges.clear();
        }
        Kind::Fixed(version) => {
            fact.ranges = before(version);
            if is_own {
                fact.state = FixState::Fixed;
            } else {
                fact.reason = format!("fixed in unstable with {version}");
            }
        }
        Kind::NotAffected => {
            fact.state = FixState::NotAffected;
            fact.ranges.clear();
        }
        Kind::Unfixed => fact.state = FixState::Open,
        Kind::NoAdvisory => fact.state = FixState::NoAdvisory,
        Kind::WontFix => fact.state = FixState::WontFix,
        Kind::Deferred => fact.state = FixState::Deferred,
        Kind::EndOfLife => fact.state = FixState::EndOfLife,
        Kind::Undetermined => fact.state = FixState::Undetermined,
        Kind::Absent => return None,
    }
    // A release whose version is that of unstable or newer has the fix, whatever its line says.
    let is_unfixed = !matches!(fact.state, FixState::Fixed | FixState::NotAffected);
    match general.map(|line| &line.kind) {
        Some(Kind::Fixed(version)) if is_own && is_unfixed && version != "0" => {
            fact.ranges = before(version);
        }
        _ => {}
    }
    Some(fact)
}

/// Calls `take` for each record of a list.
fn records(
    feed: &str,
    input: impl Read,
    mut take: impl FnMut(Record) -> Result<(), FeedError>,
) -> Result<(), FeedError> {
    let mut reader = BufReader::new(input);
    let mut current: Option<Record> = None;
    let mut bytes = Vec::new();
    let mut number = 0_u64;
    loop {
        bytes.clear();
        number += 1;
        let place = format!("line {number}");
        let length = (&mut reader)
            .take(LINE as u64)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| FeedError::io(feed, &place, &error))?;
        if length == 0 {
            break;
        }
        if length == LINE {
            return Err(FeedError::new(
                feed,
                place,
                "the line is longer than 64 KiB",
            ));
        }
        let line = std::str::from_utf8(&bytes)
            .map_err(|_| FeedError::new(feed, &place, "it is not UTF-8"))?
            .trim_end();
        if line.is_empty() {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            if let Some(record) = current.take() {
                take(record)?;
            }
            if !line.starts_with(['C', '[', 'T']) {
                return Err(FeedError::new(
                    feed,
                    place,
                    "a head line begins with an id or with a date in brackets",
                ));
            }
            current = Some(Record {
                head: line.to_owned(),
                line: number,
                ..Record::default()
            });
            continue;
        }
        let Some(record) = &mut current else {
            return Err(FeedError::new(
                feed,
                place,
                "an indented line has no head line",
            ));
        };
        annotate(record, line.trim()).map_err(|reason| FeedError::new(feed, place, reason))?;
    }
    if let Some(record) = current {
        take(record)?;
    }
    Ok(())
}

fn annotate(record: &mut Record, line: &str) -> Result<(), String> {
    if let Some(list) = line.strip_prefix('{') {
        let list = list.strip_suffix('}').ok_or("a list of ids has no end")?;
        record
            .references
            .extend(list.split_whitespace().map(str::to_owned));
        return Ok(());
    }
    if line == "REJECTED" || line.starts_with("NOT-FOR-US") {
        record.is_void = true;
        return Ok(());
    }
    let (release, rest) = match line.strip_prefix('[') {
        None => (None, line),
        Some(rest) => {
            let (release, rest) = rest.split_once(']').ok_or("a release has no end")?;
            (Some(release.to_owned()), rest.trim_start())
        }
    };
    let Some(rest) = rest.strip_prefix("- ") else {
        // Remarks for people, and ids without a description yet.
        return Ok(());
    };
    let mut words = rest.splitn(2, ' ');
    let package = words.next().unwrap_or_default();
    let rest = words.next().unwrap_or_default().trim();
    let (what, remark) = match rest.split_once(' ') {
        None => (rest, ""),
        Some((what, remark)) => (what, remark.trim()),
    };
    if package.is_empty() || package.len() > LONGEST || what.len() > LONGEST {
        return Err("a line about a package has no package or no state".to_owned());
    }
    let remark = remark
        .strip_prefix('(')
        .and_then(|remark| remark.strip_suffix(')'))
        .unwrap_or(remark);
    let mut level = RiskLevel::Unknown;
    let mut bug = None;
    let mut reasons = Vec::new();
    for part in remark
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        if let Some(found) = RiskLevel::of_word(part) {
            level = found;
        } else if let Some(number) = part.strip_prefix("bug #") {
            bug = number.parse().ok();
        } else {
            reasons.push(part);
        }
    }
    let kind = match what {
        "" | "<unfixed>" => Kind::Unfixed,
        "<not-affected>" => Kind::NotAffected,
        "<no-dsa>" => Kind::NoAdvisory,
        "<ignored>" => Kind::WontFix,
        "<postponed>" => Kind::Deferred,
        "<end-of-life>" => Kind::EndOfLife,
        "<undetermined>" => Kind::Undetermined,
        "<removed>" | "<itp>" | "<not-for-us>" => Kind::Absent,
        state if state.starts_with('<') => return Err(format!("the state `{state}` is unknown")),
        version => Kind::Fixed(version.to_owned()),
    };
    record.annotations.push(Annotation {
        release,
        package: package.to_owned(),
        kind,
        level,
        reason: reasons.join("; "),
        bug,
    });
    Ok(())
}

/// `02 Nov 2023`
fn day(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut parts = text.split_whitespace();
    let day: u8 = parts.next()?.parse().ok()?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| name.starts_with(month))?;
    let year: i64 = parts.next()?.parse().ok()?;
    Timestamp::from_civil(year, u8::try_from(month + 1).ok()?, day, 0, 0, 0)
}

#[derive(Deserialize)]
struct ChangelogFix {
    release: String,
    source: String,
    cve: String,
    fixed_version: String,
    #[serde(default)]
    date: Option<String>,
}

/// Reads fixes that only changelogs name: one JSON object a line.
///
/// # Errors
/// When a line is no such object.
pub fn read_changelog_fixes(input: impl Read) -> Result<AdvisorySet, FeedError> {
    let mut set = AdvisorySet::new();
    for row in serde_json::Deserializer::from_reader(BufReader::new(input)).into_iter() {
        let row: ChangelogFix = row.map_err(|error| FeedError::json(CHANGELOGS, &error))?;
        let Some(release) = debian_release(&row.release) else {
            continue;
        };
        let fact = Fact {
            vulnerability: row.cve.clone(),
            record: "changelog".to_owned(),
            source: CHANGELOGS.to_owned(),
            ranges: before(&row.fixed_version),
            versions: Vec::new(),
            state: FixState::Fixed,
            level: RiskLevel::Unknown,
            informational: false,
            reason: String::new(),
            fixed_at: row.date.as_deref().and_then(|date| date.parse().ok()),
        };
        set.add(&format!("debian:{release}"), &row.source, fact);
    }
    Ok(set)
}
