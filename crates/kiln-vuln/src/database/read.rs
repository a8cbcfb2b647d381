//! Reads a database by places.

use std::collections::BTreeSet;

use kiln_deb::RandomAccess;
use kiln_types::{
    AdvisorySource, Epss, Exploited, Fact, RangeEnd, Rating, Timestamp, VersionRange, Vulnerability,
};

use super::bytes::In;
use super::write::{level_of, state_of};
use super::{
    BUCKET_BITS, DIRECTORY, DatabaseError, DatabaseMeta, ENTRY, HEADER, LONGEST, MAGIC, PARTS,
    hash, package_key, short_check,
};
use crate::advisories::{Advisories, EndOfLife};

/// The most bytes of one bucket that are read: a hundred times what millions of packages need.
const BUCKET: u64 = 4 << 20;

/// An open database.
#[derive(Debug)]
pub struct Database<R> {
    file: R,
    parts: [(u64, u64); PARTS],
    meta: DatabaseMeta,
    /// First entry and check of each bucket, of packages and of ids.
    directories: [Vec<(u32, u32)>; 2],
}

impl<R: RandomAccess> Database<R> {
    /// Opens a database: reads its header, what it says of itself, and the two directories.
    ///
    /// # Errors
    /// When it is none, or any of that is damaged.
    pub fn open(file: R) -> Result<Self, DatabaseError> {
        let size = file.size()?;
        let mut header = [0; HEADER];
        if size < HEADER as u64 {
            return Err(DatabaseError::Format);
        }
        file.read_at(0, &mut header)?;
        let (head, check) = header.split_at(HEADER - 8);
        let Some((magic, places)) = head.split_at_checked(MAGIC.len()) else {
            return Err(DatabaseError::Format);
        };
        if magic != MAGIC {
            return Err(DatabaseError::Format);
        }
        let mut parts = [(0, 0); PARTS];
        for (part, bytes) in parts.iter_mut().zip(places.chunks_exact(16)) {
            let (offset, length) = bytes.split_at(8);
            *part = (number(offset), number(length));
            let end = part.0.checked_add(part.1);
            if end.is_none_or(|end| end > size) {
                return Err(DatabaseError::Damaged(
                    "the file is shorter than it says".to_owned(),
                ));
            }
        }
        let [meta_part, ..] = parts;
        let meta = read(&file, meta_part, 0, meta_part.1)?;
        let [_, packages, _, ids, _] = parts;
        let packages = read(&file, packages, 0, DIRECTORY as u64)?;
        let ids = read(&file, ids, 0, DIRECTORY as u64)?;
        if hash(&[head, &meta, &packages, &ids].concat()) != number(check) {
            return Err(DatabaseError::Damaged(
                "the header is not what was written".to_owned(),
            ));
        }
        let meta: DatabaseMeta = serde_json::from_slice(&meta)
            .map_err(|error| DatabaseError::Damaged(error.to_string()))?;
        let directories = [directory(&packages), directory(&ids)];
        Ok(Self {
            file,
            parts,
            meta,
            directories,
        })
    }

    /// What it says of itself.
    pub fn meta(&self) -> &DatabaseMeta {
        &self.meta
    }

    /// When a release of a product is no longer supported.
    #[must_use]
    pub fn end_of_life(&self, product: &str, release: &str) -> Option<&EndOfLife> {
        self.meta
            .ends
            .iter()
            .find(|end| end.product == product && end.release == release)
    }

    /// Reads every record, so that damage anywhere is found.
    ///
    /// # Errors
    /// At the first damaged record.
    pub fn check(&self) -> Result<(), DatabaseError> {
        let mut facts = 0_u64;
        for bucket in 0..(1 << BUCKET_BITS) {
            for (_, offset, length) in self.bucket(0, bucket)? {
                let bytes = self.record(2, offset, length)?;
                facts += self.package(&bytes)?.2.len() as u64;
            }
            for (_, offset, length) in self.bucket(1, bucket)? {
                vulnerability(&self.record(4, offset, length)?)?;
            }
        }
        if facts != self.meta.facts {
            let reason = format!("it has {facts} facts and says {}", self.meta.facts);
            return Err(DatabaseError::Damaged(reason));
        }
        Ok(())
    }

    /// The entries of a bucket.
    fn bucket(&self, which: usize, bucket: usize) -> Result<Vec<(u64, u64, u32)>, DatabaseError> {
        let damaged = || DatabaseError::Damaged("a directory leads nowhere".to_owned());
        let directory = self.directories.get(which).ok_or_else(damaged)?;
        let (Some(&(first, check)), Some(&(end, _))) =
            (directory.get(bucket), directory.get(bucket + 1))
        else {
            return Err(damaged());
        };
        let count = end.checked_sub(first).ok_or_else(damaged)?;
        let length = u64::from(count) * ENTRY as u64;
        if length > BUCKET {
            return Err(damaged());
        }
        let part = self.parts.get(which * 2 + 1).copied().ok_or_else(damaged)?;
        let start = DIRECTORY as u64 + u64::from(first) * ENTRY as u64;
        let bytes = read(&self.file, part, start, length)?;
        if short_check(&bytes) != check {
            return Err(damaged());
        }
        let entries = bytes.chunks_exact(ENTRY).map(|entry| {
            let (key, rest) = entry.split_at(8);
            let (offset, length) = rest.split_at(8);
            let length = length
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
            (number(key), number(offset), length)
        });
        Ok(entries.collect())
    }

    fn lookup(&self, which: usize, key: u64) -> Result<Vec<(u64, u32)>, DatabaseError> {
        let bucket = usize::try_from(key >> (64 - BUCKET_BITS)).unwrap_or(usize::MAX);
        let entries = self.bucket(which, bucket)?;
        Ok(entries
            .into_iter()
            .filter(|(found, _, _)| *found == key)
            .map(|(_, offset, length)| (offset, length))
            .collect())
    }

    /// Where records are, as a directory names them.
    pub(super) fn places(&self, which: usize) -> Result<Vec<(u64, u32)>, DatabaseError> {
        let mut out = Vec::new();
        for bucket in 0..(1 << BUCKET_BITS) {
            let entries = self.bucket(which, bucket)?;
            out.extend(
                entries
                    .into_iter()
                    .map(|(_, offset, length)| (offset, length)),
            );
        }
        Ok(out)
    }

    pub(super) fn record(
        &self,
        part: usize,
        offset: u64,
        length: u32,
    ) -> Result<Vec<u8>, DatabaseError> {
        let damaged = |reason: &str| DatabaseError::Damaged(reason.to_owned());
        let place = self
            .parts
            .get(part)
            .copied()
            .ok_or_else(|| damaged("a part is missing"))?;
        let bytes = read(&self.file, place, offset, u64::from(length))?;
        let (check, record) = bytes
            .split_at_checked(8)
            .ok_or_else(|| damaged("a record is too short"))?;
        if number(check) != hash(record) {
            return Err(damaged("a record is not what was written"));
        }
        Ok(record.to_vec())
    }

    /// Ecosystem, package and facts of a record.
    fn package<'a>(&self, bytes: &'a [u8]) -> Result<(&'a str, &'a str, Vec<Fact>), DatabaseError> {
        let mut input = In(bytes);
        let ecosystem = input.text()?;
        let package = input.text()?;
        let count = input.count()?;
        // A fact is far larger than the byte that counts for one, so no room is made on its word.
        let mut facts: Vec<Fact> = Vec::new();
        for _ in 0..count {
            let previous = facts.last().map_or("", |fact| fact.vulnerability.as_str());
            let fact = fact(&mut input, previous, &self.meta.names)?;
            facts.push(fact);
        }
        Ok((ecosystem, package, facts))
    }
}

impl<'a> Database<&'a [u8]> {
    /// The bytes of a part.
    pub(super) fn part(&self, part: usize) -> Result<&'a [u8], DatabaseError> {
        let place = self.parts.get(part).and_then(|(offset, length)| {
            let start = usize::try_from(*offset).ok()?;
            let end = start.checked_add(usize::try_from(*length).ok()?)?;
            self.file.get(start..end)
        });
        place.ok_or_else(|| DatabaseError::Damaged("a part is missing".to_owned()))
    }
}

impl<R: RandomAccess> Advisories for Database<R> {
    type Error = DatabaseError;

    fn facts(&self, ecosystem: &str, package: &str) -> Result<Vec<Fact>, DatabaseError> {
        for (offset, length) in self.lookup(0, hash(&package_key(ecosystem, package)))? {
            let bytes = self.record(2, offset, length)?;
            let (found_ecosystem, found, facts) = self.package(&bytes)?;
            // Two keys may have one hash.
            if (found_ecosystem, found) == (ecosystem, package) {
                return Ok(facts);
            }
        }
        Ok(Vec::new())
    }

    fn vulnerability(&self, id: &str) -> Result<Option<Vulnerability>, DatabaseError> {
        let mut by_alias = None;
        for (offset, length) in self.lookup(1, hash(id.as_bytes()))? {
            let found = vulnerability(&self.record(4, offset, length)?)?;
            if found.id == id {
                return Ok(Some(found));
            }
            if found.aliases.contains(id) {
                by_alias = by_alias.or(Some(found));
            }
        }
        Ok(by_alias)
    }

    fn covers(&self, ecosystem: &str) -> bool {
        self.meta
            .ecosystems
            .binary_search_by(|found| found.as_str().cmp(ecosystem))
            .is_ok()
    }

    fn sources(&self) -> Vec<AdvisorySource> {
        self.meta.sources.clone()
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Bytes of a part.
fn read<R: RandomAccess>(
    file: &R,
    part: (u64, u64),
    offset: u64,
    length: u64,
) -> Result<Vec<u8>, DatabaseError> {
    let is_inside = offset.checked_add(length).is_some_and(|end| end <= part.1);
    let start = part
        .0
        .checked_add(offset)
        .filter(|_| is_inside && length <= LONGEST);
    let (Some(start), Ok(length)) = (start, usize::try_from(length)) else {
        return Err(DatabaseError::Damaged(
            "a place lies outside of its part".to_owned(),
        ));
    };
    let mut bytes = vec![0; length];
    file.read_at(start, &mut bytes)?;
    Ok(bytes)
}

fn directory(bytes: &[u8]) -> Vec<(u32, u32)> {
    let half = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    };
    bytes
        .chunks_exact(8)
        .map(|bytes| {
            let (first, check) = bytes.split_at(4);
            (half(first), half(check))
        })
        .collect()
}

fn fact(input: &mut In<'_>, previous: &str, names: &[String]) -> Result<Fact, DatabaseError> {
    let damaged = |reason: &str| DatabaseError::Damaged(reason.to_owned());
    let shared = usize::try_from(input.number()?).unwrap_or(usize::MAX);
    let head = previous
        .get(..shared)
        .ok_or_else(|| damaged("an id shares more than there is"))?;
    let vulnerability = format!("{head}{}", input.text()?);
    let flags = input.byte()?;
    let state_and_level = input.byte()?;
    let state = state_of(state_and_level & 0x0f).ok_or_else(|| damaged("no state"))?;
    let level = level_of(state_and_level >> 4).ok_or_else(|| damaged("no level"))?;
    let source = usize::try_from(input.number()?).unwrap_or(usize::MAX);
    let source = names
        .get(source)
        .ok_or_else(|| damaged("no source"))?
        .clone();
    let record = match flags & 1 {
        0 => input.text()?.to_owned(),
        _ => vulnerability.clone(),
    };
    let count = input.count()?;
    let mut ranges = Vec::new();
    for _ in 0..count {
        let kind = input.byte()?;
        let from = match kind & 4 {
            0 => None,
            _ => Some(input.text()?.to_owned()),
        };
        let end = match kind & 3 {
            0 => RangeEnd::Open,
            1 => RangeEnd::Before(input.text()?.to_owned()),
            2 => RangeEnd::With(input.text()?.to_owned()),
            _ => return Err(damaged("no end of a range")),
        };
        ranges.push(VersionRange { from, end });
    }
    let mut versions = Vec::new();
    if flags & 16 != 0 {
        for _ in 0..input.count()? {
            versions.push(input.text()?.to_owned());
        }
    }
    let reason = match flags & 4 {
        0 => String::new(),
        _ => input.text()?.to_owned(),
    };
    let fixed_at = match flags & 8 {
        0 => None,
        _ => Some(Timestamp::from_unix(input.signed()?)),
    };
    Ok(Fact {
        vulnerability,
        record,
        source,
        ranges,
        versions,
        state,
        level,
        informational: flags & 2 != 0,
        reason,
        fixed_at,
    })
}

fn vulnerability(bytes: &[u8]) -> Result<Vulnerability, DatabaseError> {
    let damaged = |reason: &str| DatabaseError::Damaged(reason.to_owned());
    let mut input = In(bytes);
    let id = input.text()?.to_owned();
    let mut aliases = BTreeSet::new();
    for _ in 0..input.count()? {
        aliases.insert(input.text()?.to_owned());
    }
    let summary = input.text()?.to_owned();
    let mut ratings = Vec::new();
    for _ in 0..input.count()? {
        let source = input.text()?.to_owned();
        let level = level_of(input.byte()?).ok_or_else(|| damaged("no level"))?;
        let score = Some(input.byte()?).filter(|score| *score != u8::MAX);
        let vector = Some(input.text()?.to_owned()).filter(|vector| !vector.is_empty());
        ratings.push(Rating {
            source,
            level,
            score,
            vector,
        });
    }
    let flags = input.byte()?;
    let published = match flags & 1 {
        0 => None,
        _ => Some(Timestamp::from_unix(input.signed()?)),
    };
    let exploited = match flags & 2 {
        0 => None,
        _ => Some(Exploited {
            added: input.text()?.to_owned(),
            ransomware: input.byte()? != 0,
        }),
    };
    let mut part = || -> Result<u32, DatabaseError> {
        u32::try_from(input.number()?).map_err(|_| damaged("no probability"))
    };
    let epss = match flags & 4 {
        0 => None,
        _ => Some(Epss {
            probability: part()?,
            percentile: part()?,
        }),
    };
    Ok(Vulnerability {
        id,
        aliases,
        summary,
        ratings,
        published,
        exploited,
        epss,
    })
}
