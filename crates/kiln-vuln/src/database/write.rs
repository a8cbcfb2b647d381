//! Writes a database.

use std::collections::BTreeMap;

use kiln_types::{Fact, FixState, RangeEnd, RiskLevel, Timestamp, Vulnerability};

use super::bytes::Out;
use super::{
    BUCKET_BITS, DIRECTORY, DatabaseMeta, ENTRY, HEADER, MAGIC, hash, package_key, short_check,
};
use crate::advisories::AdvisorySet;

/// Length of the check before a record.
const CHECK: usize = 8;

/// The bytes of a database of a finished set.
#[must_use]
pub fn write_database(set: &AdvisorySet, built: Timestamp) -> Vec<u8> {
    let mut names: Vec<String> = set
        .all_facts()
        .map(|(_, _, fact)| fact.source.clone())
        .collect();
    names.sort();
    names.dedup();
    let mut used: BTreeMap<&str, &Vulnerability> = BTreeMap::new();
    let mut packages = Vec::new();
    for (ecosystem, of) in &set.facts {
        for (package, list) in of {
            let mut record = Out::default();
            let key = package_key(ecosystem, package);
            record.text(ecosystem);
            record.text(package);
            record.number(list.len() as u64);
            let mut previous = "";
            for fact in list {
                write_fact(&mut record, fact, previous, &names);
                previous = &fact.vulnerability;
                if let Some(found) = set.vulnerabilities.get(&fact.vulnerability) {
                    used.insert(&fact.vulnerability, found);
                }
            }
            packages.push((vec![hash(&key)], record.0));
        }
    }
    let mut records = Vec::new();
    for (id, vulnerability) in &used {
        let mut record = Out::default();
        write_vulnerability(&mut record, vulnerability);
        let keys = std::iter::once(*id).chain(vulnerability.aliases.iter().map(String::as_str));
        records.push((keys.map(|id| hash(id.as_bytes())).collect(), record.0));
    }
    let meta = DatabaseMeta {
        built,
        sources: set.sources.clone(),
        ecosystems: set.facts.keys().cloned().collect(),
        ends: set.ends.iter().cloned().collect(),
        facts: set.fact_count(),
        vulnerabilities: used.len() as u64,
        names,
    };
    let meta = serde_json::to_vec(&meta).expect("plain values have a JSON form");
    assemble(&meta, &packages, &records, u64::MAX).unwrap_or_default()
}

/// A record, and the hashes of the keys that lead to it.
pub(super) type Keyed<B> = (Vec<u64>, B);

/// The file of these parts; nothing where it would be longer than `limit`.
pub(super) fn assemble<B: AsRef<[u8]>>(
    meta: &[u8],
    packages: &[Keyed<B>],
    records: &[Keyed<B>],
    limit: u64,
) -> Option<Vec<u8>> {
    let length = |list: &[Keyed<B>]| -> usize {
        let one = |(keys, record): &Keyed<B>| keys.len() * ENTRY + record.as_ref().len() + CHECK;
        list.iter().map(one).sum()
    };
    let length = HEADER + 2 * DIRECTORY + meta.len() + length(packages) + length(records);
    if length as u64 > limit {
        return None;
    }
    let (facts, mut packages) = placed(packages);
    let (records, mut ids) = placed(records);
    let parts = [
        meta.to_vec(),
        directory(&mut packages),
        facts,
        directory(&mut ids),
        records,
    ];
    let mut out = Vec::with_capacity(HEADER + parts.iter().map(Vec::len).sum::<usize>());
    out.extend_from_slice(&MAGIC);
    let mut offset = HEADER as u64;
    for part in &parts {
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
        offset += part.len() as u64;
    }
    // The header's check covers what is read at the beginning: meta and both directories.
    let [meta, packages, _, ids, _] = &parts;
    let head = |part: &Vec<u8>| {
        part.get(..DIRECTORY)
            .map(<[u8]>::to_vec)
            .unwrap_or_default()
    };
    let check = hash(
        &[&out, meta, &head(packages), &head(ids)]
            .map(Vec::as_slice)
            .concat(),
    );
    out.extend_from_slice(&check.to_le_bytes());
    for part in parts {
        out.extend_from_slice(&part);
    }
    Some(out)
}

/// Records behind each other, each with its check in front, and the entries that lead to them.
fn placed<B: AsRef<[u8]>>(list: &[Keyed<B>]) -> (Vec<u8>, Vec<(u64, u64, u32)>) {
    let mut part = Vec::new();
    let mut entries = Vec::new();
    for (keys, record) in list {
        let record = record.as_ref();
        let offset = part.len() as u64;
        part.extend_from_slice(&hash(record).to_le_bytes());
        part.extend_from_slice(record);
        let length = u32::try_from(record.len() + CHECK).unwrap_or(u32::MAX);
        entries.extend(keys.iter().map(|key| (*key, offset, length)));
    }
    (part, entries)
}

/// For each bucket (and the end) its first entry and the check of its entries; then the entries:
/// hash, offset, length.
fn directory(entries: &mut Vec<(u64, u64, u32)>) -> Vec<u8> {
    entries.sort_unstable();
    entries.dedup();
    let mut list = Vec::with_capacity(entries.len() * ENTRY);
    for (key, offset, length) in entries.iter() {
        list.extend_from_slice(&key.to_le_bytes());
        list.extend_from_slice(&offset.to_le_bytes());
        list.extend_from_slice(&length.to_le_bytes());
    }
    let first_of =
        |bucket: u64| entries.partition_point(|(key, _, _)| (key >> (64 - BUCKET_BITS)) < bucket);
    let mut out = Vec::with_capacity(DIRECTORY + list.len());
    for bucket in 0..=(1_u64 << BUCKET_BITS) {
        let (first, end) = (first_of(bucket), first_of(bucket + 1));
        let held = list.get(first * ENTRY..end * ENTRY).unwrap_or_default();
        out.extend_from_slice(&u32::try_from(first).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&short_check(held).to_le_bytes());
    }
    out.extend_from_slice(&list);
    out
}

fn write_fact(out: &mut Out, fact: &Fact, previous: &str, names: &[String]) {
    // Ids follow each other in order and share their beginning.
    let shared = previous
        .bytes()
        .zip(fact.vulnerability.bytes())
        .take_while(|(one, other)| one == other && one.is_ascii())
        .count();
    out.number(shared as u64);
    out.text(fact.vulnerability.get(shared..).unwrap_or_default());
    let is_same = fact.record == fact.vulnerability;
    let flags = u8::from(is_same)
        | u8::from(fact.informational) << 1
        | u8::from(!fact.reason.is_empty()) << 2
        | u8::from(fact.fixed_at.is_some()) << 3
        | u8::from(!fact.versions.is_empty()) << 4;
    out.0.push(flags);
    out.0
        .push(state_number(fact.state) | level_number(fact.level) << 4);
    let source = names.binary_search(&fact.source).unwrap_or_default();
    out.number(source as u64);
    if !is_same {
        out.text(&fact.record);
    }
    out.number(fact.ranges.len() as u64);
    for range in &fact.ranges {
        let (end, version) = match &range.end {
            RangeEnd::Open => (0, None),
            RangeEnd::Before(version) => (1, Some(version)),
            RangeEnd::With(version) => (2, Some(version)),
        };
        out.0.push(end | u8::from(range.from.is_some()) << 2);
        if let Some(from) = &range.from {
            out.text(from);
        }
        if let Some(version) = version {
            out.text(version);
        }
    }
    if !fact.versions.is_empty() {
        out.number(fact.versions.len() as u64);
        for version in &fact.versions {
            out.text(version);
        }
    }
    if !fact.reason.is_empty() {
        out.text(&fact.reason);
    }
    if let Some(date) = fact.fixed_at {
        out.signed(date.unix());
    }
}

fn write_vulnerability(out: &mut Out, vulnerability: &Vulnerability) {
    out.text(&vulnerability.id);
    out.number(vulnerability.aliases.len() as u64);
    for alias in &vulnerability.aliases {
        out.text(alias);
    }
    out.text(&vulnerability.summary);
    out.number(vulnerability.ratings.len() as u64);
    for rating in &vulnerability.ratings {
        out.text(&rating.source);
        out.0.push(level_number(rating.level));
        // No score is 255: a score is at most 100.
        out.0.push(rating.score.unwrap_or(u8::MAX));
        out.text(rating.vector.as_deref().unwrap_or_default());
    }
    let flags = u8::from(vulnerability.published.is_some())
        | u8::from(vulnerability.exploited.is_some()) << 1
        | u8::from(vulnerability.epss.is_some()) << 2;
    out.0.push(flags);
    if let Some(published) = vulnerability.published {
        out.signed(published.unix());
    }
    if let Some(exploited) = &vulnerability.exploited {
        out.text(&exploited.added);
        out.0.push(u8::from(exploited.ransomware));
    }
    if let Some(epss) = vulnerability.epss {
        out.number(u64::from(epss.probability));
        out.number(u64::from(epss.percentile));
    }
}

const STATES: [FixState; 8] = [
    FixState::Fixed,
    FixState::Open,
    FixState::NoAdvisory,
    FixState::WontFix,
    FixState::Deferred,
    FixState::EndOfLife,
    FixState::Undetermined,
    FixState::NotAffected,
];

fn state_number(state: FixState) -> u8 {
    let place = STATES.iter().position(|one| *one == state);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

pub(super) fn state_of(number: u8) -> Option<FixState> {
    STATES.get(usize::from(number)).copied()
}

fn level_number(level: RiskLevel) -> u8 {
    let place = RiskLevel::ALL.iter().position(|one| *one == level);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(0)
}

pub(super) fn level_of(number: u8) -> Option<RiskLevel> {
    RiskLevel::ALL.get(usize::from(number)).copied()
}
