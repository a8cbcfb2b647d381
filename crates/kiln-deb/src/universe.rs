//! All packages there are for one architecture, from a universe file.
//!
//! [`crate::index::IndexBuilder`] makes the file from `Packages` indexes; its layout is described in
//! `universe/format.rs`. Opening reads the tables (some megabytes for all of Debian) and checks
//! them; records are read, parsed and kept when asked for. Nothing in the file can make the reader
//! panic or read outside it: a damaged one is an error or, where only texts are damaged, finds less.

mod format;
mod record;
mod similar;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use kiln_types::{FormatError, FormatErrorKind, PackageId, PackageRecord, Universe};

pub(crate) use format::{
    Encoder, FOOTER, Footer, HEADER, MAGIC, MAX_RECORD, NAME_ENTRY, RECORD_ENTRY, Source, VERSION,
    encode_sources, too_large,
};
pub(crate) use record::RawRecord;

/// Something that can be read at any place.
pub trait RandomAccess {
    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// When there are not as many bytes, or they cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// How many bytes there are.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn size(&self) -> io::Result<u64>;
}

impl RandomAccess for File {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl RandomAccess for &[u8] {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.get(offset..)?.get(..buffer.len()))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

impl RandomAccess for Vec<u8> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_at(offset, buffer)
    }

    fn size(&self) -> io::Result<u64> {
        self.as_slice().size()
    }
}

impl<T: RandomAccess + ?Sized> RandomAccess for Box<T> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (**self).read_at(offset, buffer)
    }

    fn size(&self) -> io::Result<u64> {
        (**self).size()
    }
}

/// An open universe file.
///
/// Pins: each source has the priority that it was built with. A pin by name given to
/// [`open`](Self::open) takes the place of that for all versions of the package, whatever their
/// source. A package whose priority is negative is no candidate, by its name or through Provides
/// (apt_preferences(5)).
#[derive(Debug)]
pub struct DebUniverse<R> {
    subject: String,
    input: R,
    tables: Tables,
    architecture: String,
    sources: Vec<Source>,
    /// The ids that a pin covers, sorted, with its priority.
    pins: Vec<(Range<u32>, i32)>,
    records: Mutex<HashMap<u32, Arc<PackageRecord>>>,
}

impl<R: RandomAccess> DebUniverse<R> {
    /// Opens a universe file; `subject` names it in errors, `pins` gives priorities by package name.
    ///
    /// # Errors
    /// When the file cannot be read, is no universe file of this version, or is damaged.
    pub fn open(
        subject: &str,
        input: R,
        pins: &BTreeMap<String, i32>,
    ) -> Result<Self, FormatError> {
        let damaged =
            |what: &str| FormatError::malformed(subject, format!("damaged universe file: {what}"));
        let no_universe =
            || FormatError::malformed(subject, "not a universe file of this version of kiln");
        let failed = |error: io::Error| {
            FormatError::new(
                FormatErrorKind::Io,
                subject,
                format!("cannot read: {error}"),
            )
        };
        let size = input.size().map_err(failed)?;
        if size < (HEADER + FOOTER) as u64 {
            return Err(no_universe());
        }
        let mut header = [0; HEADER];
        input.read_at(0, &mut header).map_err(failed)?;
        let mut footer = [0; FOOTER];
        input
            .read_at(size - FOOTER as u64, &mut footer)
            .map_err(failed)?;
        let footer = Footer::decode(&footer)
            .filter(|_| header.starts_with(&MAGIC) && header.ends_with(&VERSION.to_le_bytes()))
            .ok_or_else(no_universe)?;
        let end = footer.tables.checked_add(footer.tables_length());
        if footer.tables < HEADER as u64 || end != Some(size - FOOTER as u64) {
            return Err(damaged("its parts do not add up to its size"));
        }
        let length = usize::try_from(footer.tables_length())
            .map_err(|_| damaged("its tables are too large"))?;
        let mut bytes = vec![0; length];
        input.read_at(footer.tables, &mut bytes).map_err(failed)?;
        let tables = Tables { bytes, footer };
        let (architecture, sources) = format::decode_sources(tables.sources())
            .ok_or_else(|| damaged("its sources cannot be read"))?;
        tables.check(sources.len()).map_err(damaged)?;
        let mut universe = Self {
            subject: subject.to_owned(),
            input,
            tables,
            architecture,
            sources,
            pins: Vec::new(),
            records: Mutex::default(),
        };
        // Names and ids have the same order, so these are sorted.
        for (name, &priority) in pins {
            if let Some(index) = universe.tables.find(name.as_bytes()) {
                universe
                    .pins
                    .push((universe.tables.records_of(index), priority));
            }
        }
        Ok(universe)
    }

    /// The number of packages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.footer.records as usize
    }

    /// Whether there is no package.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All packages, sorted by name and then by preference. Pins do not count.
    pub fn ids(&self) -> impl Iterator<Item = PackageId> + use<R> {
        (0..self.tables.footer.records).map(PackageId)
    }

    /// All names, real and virtual, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.tables.footer.names)
            .filter_map(|index| std::str::from_utf8(self.tables.name(index)).ok())
    }

    /// The priority of a package: that of the pin on its name, or else that of its source.
    #[must_use]
    pub fn priority(&self, id: PackageId) -> i32 {
        self.pin(id.0).unwrap_or_else(|| {
            let source = self.tables.record(id.0).map(|entry| entry.source);
            source
                .and_then(|source| self.sources.get(source as usize))
                .map_or(0, |source| source.priority)
        })
    }

    fn pin(&self, id: u32) -> Option<i32> {
        let after = self.pins.partition_point(|(ids, _)| ids.end <= id);
        self.pins
            .get(after)
            .filter(|(ids, _)| ids.contains(&id))
            .map(|&(_, priority)| priority)
    }

    fn is_candidate(&self, id: u32) -> bool {
        self.priority(PackageId(id)) >= 0
    }

    fn read_record(&self, id: u32) -> Result<PackageRecord, FormatError> {
        let damaged = |what: &str| {
            FormatError::malformed(&self.subject, format!("damaged universe file: {what} {id}"))
        };
        let entry = self
            .tables
            .record(id)
            .ok_or_else(|| damaged("there is no package"))?;
        let source = self
            .sources
            .get(entry.source as usize)
            .ok_or_else(|| damaged("no source of package"))?;
        let mut bytes = vec![0; entry.length as usize];
        self.input
            .read_at(u64::from(entry.offset), &mut bytes)
            .map_err(|error| {
                FormatError::new(
                    FormatErrorKind::Io,
                    &self.subject,
                    format!("cannot read package {id}: {error}"),
                )
            })?;
        let record = RawRecord::decode(&bytes).ok_or_else(|| damaged("cannot read package"))?;
        record.parse(&self.architecture, source)
    }
}

impl<R: RandomAccess> Universe for DebUniverse<R> {
    fn named(&self, name: &str) -> Vec<PackageId> {
        let Some(index) = self.tables.find(name.as_bytes()) else {
            return Vec::new();
        };
        let range = self.tables.records_of(index);
        let pinned = self.pin(range.start).is_some();
        let mut ids: Vec<_> = range
            .filter(|&id| self.is_candidate(id))
            .map(PackageId)
            .collect();
        if pinned && ids.len() > 1 {
            // All have the same priority now: the version decides, then the order of the sources.
            let mut keyed: Vec<_> = ids
                .into_iter()
                .map(|id| {
                    let version = self.record(id).ok().map(|record| record.version.clone());
                    (
                        version,
                        self.tables.record(id.0).map(|entry| entry.source),
                        id,
                    )
                })
                .collect();
            keyed.sort_by(|(left, left_source, _), (right, right_source, _)| {
                let versions = match (left, right) {
                    (Some(left), Some(right)) => self.compare(right.as_str(), left.as_str()),
                    _ => right.is_some().cmp(&left.is_some()),
                };
                versions.then_with(|| left_source.cmp(right_source))
            });
            ids = keyed.into_iter().map(|(_, _, id)| id).collect();
        }
        ids
    }

    fn providing(&self, name: &str) -> Vec<PackageId> {
        let Some(index) = self.tables.find(name.as_bytes()) else {
            return Vec::new();
        };
        let range = self.tables.providers_of(index);
        range
            .filter_map(|place| self.tables.provider(place))
            .filter(|&id| self.is_candidate(id))
            .map(PackageId)
            .collect()
    }

    fn record(&self, id: PackageId) -> Result<Arc<PackageRecord>, FormatError> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = records.get(&id.0) {
            return Ok(Arc::clone(record));
        }
        let record = Arc::new(self.read_record(id.0)?);
        records.insert(id.0, Arc::clone(&record));
        Ok(record)
    }

    fn compare(&self, left: &str, right: &str) -> Ordering {
        crate::version::compare(left, right)
    }

    fn similar(&self, name: &str, limit: usize) -> Vec<String> {
        let wanted = name.to_ascii_lowercase();
        let mut found: Vec<_> = (0..self.tables.footer.names)
            .filter(|&index| !self.tables.records_of(index).is_empty())
            .filter_map(|index| {
                let name = self.tables.name(index);
                similar::likeness(wanted.as_bytes(), name).map(|rank| (rank, name))
            })
            .collect();
        found.sort_unstable();
        found
            .into_iter()
            .take(limit)
            .map(|(_, name)| String::from_utf8_lossy(name).into_owned())
            .collect()
    }

    fn first_mention(&self, id: PackageId) -> u32 {
        self.tables.record(id.0).map_or(id.0, |entry| entry.mention)
    }

    fn architecture(&self) -> &str {
        &self.architecture
    }
}

/// The tables of a universe file, read through bounds checks.
#[derive(Debug)]
struct Tables {
    bytes: Vec<u8>,
    footer: Footer,
}

/// An entry of the record table.
#[derive(Clone, Copy, Debug)]
struct RecordEntry {
    offset: u32,
    length: u32,
    source: u32,
    mention: u32,
}

/// An entry of the name table.
#[derive(Clone, Copy, Debug)]
struct NameEntry {
    text: u32,
    record: u32,
    provider: u32,
}

impl Tables {
    fn sources(&self) -> &[u8] {
        self.bytes
            .get(..self.footer.sources as usize)
            .unwrap_or_default()
    }

    /// The offsets of the record table, the name table, the provider list, and the name texts.
    fn offsets(&self) -> [usize; 4] {
        let records = self.footer.sources as usize;
        let names = records + self.footer.records as usize * RECORD_ENTRY;
        let providers = names + (self.footer.names as usize + 1) * NAME_ENTRY;
        [
            records,
            names,
            providers,
            providers + self.footer.providers as usize * 4,
        ]
    }

    fn numbers<const N: usize>(&self, start: usize, index: u32) -> Option<[u32; N]> {
        let bytes = self.bytes.get(start + index as usize * N * 4..)?;
        let mut numbers = [0; N];
        let (chunks, _) = bytes.as_chunks::<4>();
        for (number, chunk) in numbers.iter_mut().zip(chunks.get(..N)?) {
            *number = u32::from_le_bytes(*chunk);
        }
        Some(numbers)
    }

    fn record(&self, id: u32) -> Option<RecordEntry> {
        let [offset, length, source, mention] = self
            .numbers(self.offsets()[0], id)
            .filter(|_| id < self.footer.records)?;
        Some(RecordEntry {
            offset,
            length,
            source,
            mention,
        })
    }

    /// An entry of the name table; the one after the last name closes it.
    fn name_entry(&self, index: u32) -> Option<NameEntry> {
        let [text, record, provider] = self
            .numbers(self.offsets()[1], index)
            .filter(|_| index <= self.footer.names)?;
        Some(NameEntry {
            text,
            record,
            provider,
        })
    }

    fn provider(&self, place: u32) -> Option<u32> {
        let [id] = self
            .numbers(self.offsets()[2], place)
            .filter(|_| place < self.footer.providers)?;
        Some(id)
    }

    /// The range between a name's entry and the next, of one of its numbers.
    fn range(&self, index: u32, number: fn(NameEntry) -> u32) -> Range<u32> {
        match (
            self.name_entry(index),
            self.name_entry(index.saturating_add(1)),
        ) {
            (Some(entry), Some(next)) => number(entry)..number(next),
            _ => 0..0,
        }
    }

    fn records_of(&self, index: u32) -> Range<u32> {
        self.range(index, |entry| entry.record)
    }

    fn providers_of(&self, index: u32) -> Range<u32> {
        self.range(index, |entry| entry.provider)
    }

    fn name(&self, index: u32) -> &[u8] {
        let texts = self.bytes.get(self.offsets()[3]..).unwrap_or_default();
        let range = self.range(index, |entry| entry.text);
        texts
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }

    /// The place of a name in the name table.
    fn find(&self, name: &[u8]) -> Option<u32> {
        let (mut low, mut high) = (0, self.footer.names);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.name(middle).cmp(name) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Checks every number that leads somewhere.
    fn check(&self, sources: usize) -> Result<(), &'static str> {
        const CUT_OFF: &str = "its tables are cut off";
        let [records, names, providers, texts] = self.offsets();
        let table = |from: usize, to: usize| self.bytes.get(from..to).ok_or(CUT_OFF);
        let (entries, _) = table(records, names)?.as_chunks::<4>();
        for entry in entries.as_chunks::<4>().0 {
            let [offset, length, source, _] = entry.map(u32::from_le_bytes);
            let end = u64::from(offset) + u64::from(length);
            if (offset as usize) < HEADER
                || end > self.footer.tables
                || length as usize > MAX_RECORD
            {
                return Err("a record lies outside it");
            }
            if source as usize >= sources {
                return Err("a record has no source");
            }
        }
        let (entries, _) = table(names, providers)?.as_chunks::<4>();
        let mut last = [0; 3];
        for entry in entries.as_chunks::<3>().0 {
            let entry = entry.map(u32::from_le_bytes);
            if entry[0] < last[0] || entry[1] < last[1] || entry[2] < last[2] {
                return Err("its name table is out of order");
            }
            last = entry;
        }
        if last
            != [
                self.footer.texts,
                self.footer.records,
                self.footer.providers,
            ]
        {
            return Err("its name table does not cover the others");
        }
        let (ids, _) = table(providers, texts)?.as_chunks::<4>();
        if ids
            .iter()
            .any(|&id| u32::from_le_bytes(id) >= self.footer.records)
        {
            return Err("a provider is not there");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
