//! From `Packages` indexes to a universe file.
//!
//! An [`IndexBuilder`] reads decompressed `Packages` files (deb822(5); Debian wiki,
//! RepositoryFormat) one after the other, keeps what the solver and the lock need of each package,
//! and writes the universe file that [`crate::universe::DebUniverse`] opens. Records go out while the
//! indexes come in, so that memory holds names and versions only. Names are numbered in the order in
//! which they are mentioned, as apt does (`index/mentions.rs`). The bytes depend on nothing but the
//! indexes, their order and their priorities.
//!
//! Required fields are checked here, once: a package without a version, a path that leaves the
//! archive or a size that is no number refuse the whole index, with file and line. Relations are
//! checked when a record is asked for, except Provides, which the tables are made of.

mod fields;
mod mentions;

use std::collections::BTreeSet;
use std::io::{Read, Write};

use kiln_types::{FormatError, FormatErrorKind};

use crate::control::{Limits, Stanza, StanzaReader};
use crate::relation::parse_provides;
use crate::universe::{
    Encoder, Footer, MAGIC, MAX_RECORD, Source, VERSION, encode_sources, too_large,
};
use crate::version;
use fields::{Fields, Name};
use mentions::Mentions;

/// The most names that all packages provide together; Debian's main has some sixty thousand.
const MAX_PROVIDED: usize = 2_000_000;
/// The most bytes of names and versions, which are kept in memory; Debian's main has three million.
const MAX_TEXTS: usize = 128 << 20;

/// Records are handed to the writer in pieces of this size.
const CHUNK: usize = 256 << 10;

/// Where a `Packages` file comes from.
#[derive(Clone, Copy, Debug)]
pub struct IndexSource<'a> {
    /// Its name in errors.
    pub subject: &'a str,
    /// The archive, such as `debian`.
    pub archive: &'a str,
    /// The suite, such as `trixie-updates`; empty for a flat repository.
    pub suite: &'a str,
    /// The pin priority of its packages (apt_preferences(5)).
    pub priority: i32,
}

/// What was read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexSummary {
    /// Packages read, of any architecture.
    pub read: usize,
    /// Packages written.
    pub packages: usize,
    /// Packages left out because an index before (or one of higher priority) has the same version.
    pub repeated: usize,
    /// Names of packages and names that packages provide.
    pub names: usize,
    /// The length of the universe file in bytes.
    pub size: u64,
}

/// Builds a universe file from indexes.
pub struct IndexBuilder<'w> {
    output: &'w mut dyn Write,
    architecture: String,
    sources: Vec<Source>,
    /// Records that are not yet written.
    encoder: Encoder,
    /// The length of what is written.
    written: u64,
    /// Names and versions of all packages, and provided names.
    texts: Vec<u8>,
    /// In the order of the indexes.
    packages: Vec<Package>,
    provided: Vec<Provided>,
    mentions: Mentions,
    read: usize,
    failed: bool,
}

/// A stretch of the builder's texts.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: u32,
    length: u32,
}

#[derive(Clone, Copy, Debug)]
struct Package {
    name: Text,
    version: Text,
    /// `all` rather than the architecture of the universe.
    independent: bool,
    source: u32,
    offset: u32,
    length: u32,
    /// The number of its name in the order of mention.
    mention: u32,
}

#[derive(Clone, Copy, Debug)]
struct Provided {
    name: Text,
    /// The place in `packages`.
    package: u32,
}

impl<'w> IndexBuilder<'w> {
    /// Begins a universe file for packages of `architecture` and `all`.
    #[must_use]
    pub fn new(output: &'w mut dyn Write, architecture: &str) -> Self {
        let mut builder = Self {
            output,
            architecture: architecture.to_owned(),
            sources: Vec::new(),
            encoder: Encoder::default(),
            written: 0,
            texts: Vec::new(),
            packages: Vec::new(),
            provided: Vec::new(),
            mentions: Mentions::default(),
            read: 0,
            failed: false,
        };
        builder.encoder.bytes.extend(MAGIC);
        builder.encoder.bytes.extend(VERSION.to_le_bytes());
        builder
    }

    /// Reads one `Packages` file. Where two have the same version of a package, that of higher
    /// priority counts, and then that which was added first. After an error the builder is of no
    /// further use.
    ///
    /// # Errors
    /// When the index is malformed, passes a limit or cannot be read, or the output cannot be
    /// written.
    pub fn add(
        &mut self,
        source: &IndexSource<'_>,
        packages: &mut dyn Read,
    ) -> Result<(), FormatError> {
        let result = self.add_source(source, packages);
        self.failed |= result.is_err();
        result
    }

    fn add_source(
        &mut self,
        source: &IndexSource<'_>,
        packages: &mut dyn Read,
    ) -> Result<(), FormatError> {
        let number = u32::try_from(self.sources.len())
            .map_err(|_| too_large(source.subject, "the list of indexes is"))?;
        self.sources.push(Source {
            archive: source.archive.to_owned(),
            suite: source.suite.to_owned(),
            priority: source.priority,
        });
        let mut reader = StanzaReader::new(packages, Limits::INDEX);
        while let Some(stanza) = reader.next().map_err(|error| error.of(source.subject))? {
            self.read += 1;
            self.add_package(number, source.subject, &stanza)?;
        }
        Ok(())
    }

    fn add_package(
        &mut self,
        source: u32,
        subject: &str,
        stanza: &Stanza<'_>,
    ) -> Result<(), FormatError> {
        let fields = Fields::of(stanza);
        let architecture = fields
            .required(Name::Architecture)
            .map_err(|error| error.of(subject))?;
        if architecture != self.architecture && architecture != "all" {
            return Ok(());
        }
        // Borrowed texts that had comments in them live here.
        let mut owned: [String; 5] = Default::default();
        let record = fields
            .record(architecture, &mut owned)
            .map_err(|error| error.of(subject))?;
        let number = u32::try_from(self.packages.len())
            .map_err(|_| too_large(subject, "the number of packages is"))?;
        for provide in parse_provides(record.provides, &self.architecture)
            .map_err(|error| fields.wrong(Name::Provides, error.to_string()).of(subject))?
        {
            if self.provided.len() >= MAX_PROVIDED {
                return Err(too_large(subject, "the number of provided names is"));
            }
            let name = self.keep(subject, &provide.name)?;
            self.provided.push(Provided {
                name,
                package: number,
            });
        }
        let mention = fields
            .mention(&record, &mut self.mentions, &self.architecture)
            .ok_or_else(|| too_large(subject, "the number of names is"))?;
        let name = self.keep(subject, record.name)?;
        let version = self.keep(subject, record.version)?;
        let before = self.encoder.bytes.len();
        let offset = u32::try_from(self.written + before as u64)
            .map_err(|_| too_large(subject, "the indexes are"))?;
        record.encode(&mut self.encoder);
        let length = self.encoder.bytes.len() - before;
        let length = u32::try_from(length).ok().filter(|_| length <= MAX_RECORD);
        let length =
            length.ok_or_else(|| too_large(subject, &format!("package `{}` is", record.name)))?;
        self.packages.push(Package {
            name,
            version,
            independent: architecture == "all",
            source,
            offset,
            length,
            mention,
        });
        if self.encoder.bytes.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    /// Appends a text to those that are kept.
    fn keep(&mut self, subject: &str, text: &str) -> Result<Text, FormatError> {
        let start = u32::try_from(self.texts.len())
            .ok()
            .filter(|_| self.texts.len() + text.len() <= MAX_TEXTS);
        let start = start.ok_or_else(|| too_large(subject, "the names are"))?;
        let length = u32::try_from(text.len()).map_err(|_| too_large(subject, "a name is"))?;
        self.texts.extend(text.as_bytes());
        Ok(Text { start, length })
    }

    fn text(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        self.texts
            .get(start..start + text.length as usize)
            .unwrap_or_default()
    }

    /// Writes what is encoded.
    fn flush(&mut self) -> Result<(), FormatError> {
        self.output
            .write_all(&self.encoder.bytes)
            .map_err(|error| {
                FormatError::new(
                    FormatErrorKind::Io,
                    "package universe",
                    format!("cannot write: {error}"),
                )
            })?;
        self.written += self.encoder.bytes.len() as u64;
        self.encoder.bytes.clear();
        Ok(())
    }

    /// Writes the tables, which ends the file.
    ///
    /// # Errors
    /// When the output cannot be written, a limit of the format is passed, or [`add`](Self::add) has
    /// failed before.
    pub fn finish(mut self) -> Result<IndexSummary, FormatError> {
        const SUBJECT: &str = "package universe";
        if self.failed {
            return Err(FormatError::malformed(
                SUBJECT,
                "an index could not be read",
            ));
        }
        self.flush()?;
        let count =
            |number: usize, what: &str| u32::try_from(number).map_err(|_| too_large(SUBJECT, what));
        let order = self.order();
        let mut ids = vec![None; self.packages.len()];
        for (id, &package) in (0..).zip(&order) {
            if let Some(place) = ids.get_mut(package as usize) {
                *place = Some(id);
            }
        }
        let providers = self.providers(&ids);

        let tables = self.written;
        let sources = encode_sources(&self.architecture, &self.sources);
        self.encoder.bytes.extend(&sources);
        for package in order
            .iter()
            .filter_map(|&package| self.packages.get(package as usize))
        {
            for number in [
                package.offset,
                package.length,
                package.source,
                package.mention,
            ] {
                self.encoder.bytes.extend(number.to_le_bytes());
            }
        }

        let mut names = std::mem::take(&mut self.encoder.bytes);
        let mut texts = Vec::new();
        let mut name_count = 0_usize;
        let (mut record, mut provider) = (0, 0);
        loop {
            let real = order
                .get(record)
                .and_then(|&package| self.packages.get(package as usize));
            let real = real.map(|package| self.text(package.name));
            let virtual_name = providers.get(provider).map(|&(name, _)| self.text(name));
            let name = match (real, virtual_name) {
                (Some(real), Some(virtual_name)) => Some(real.min(virtual_name)),
                (name, None) | (None, name) => name,
            };
            for number in [texts.len(), record, provider] {
                names.extend(count(number, "the name table is")?.to_le_bytes());
            }
            let Some(name) = name else { break };
            name_count += 1;
            texts.extend(name);
            let is_this = |package: &&u32| {
                self.packages
                    .get(**package as usize)
                    .is_some_and(|package| self.text(package.name) == name)
            };
            record += order.iter().skip(record).take_while(is_this).count();
            provider += providers
                .iter()
                .skip(provider)
                .take_while(|(text, _)| self.text(*text) == name)
                .count();
        }
        for (_, id) in &providers {
            names.extend(id.to_le_bytes());
        }
        names.extend(&texts);
        self.encoder.bytes = names;

        let footer = Footer {
            tables,
            sources: count(sources.len(), "the list of indexes is")?,
            records: count(order.len(), "the number of packages is")?,
            names: count(name_count, "the number of names is")?,
            providers: count(providers.len(), "the number of provided names is")?,
            texts: count(texts.len(), "the names are")?,
        };
        self.encoder.bytes.extend(footer.encode());
        self.flush()?;
        Ok(IndexSummary {
            read: self.read,
            packages: order.len(),
            repeated: self.packages.len() - order.len(),
            names: name_count,
            size: self.written,
        })
    }

    /// The packages sorted by name and preference, without those that repeat an earlier one.
    fn order(&self) -> Vec<u32> {
        let mut order: Vec<(u32, &Package)> = (0..).zip(&self.packages).collect();
        let priority = |package: &Package| {
            self.sources
                .get(package.source as usize)
                .map_or(0, |source| source.priority)
        };
        let version =
            |package: &Package| std::str::from_utf8(self.text(package.version)).unwrap_or_default();
        order.sort_by(|(left_number, left), (right_number, right)| {
            self.text(left.name)
                .cmp(self.text(right.name))
                .then_with(|| priority(right).cmp(&priority(left)))
                .then_with(|| version::compare(version(right), version(left)))
                .then_with(|| left.source.cmp(&right.source))
                .then_with(|| left.independent.cmp(&right.independent))
                .then_with(|| left_number.cmp(right_number))
        });
        let mut kept = Vec::with_capacity(order.len());
        for group in
            order.chunk_by(|(_, left), (_, right)| self.text(left.name) == self.text(right.name))
        {
            let mut seen = BTreeSet::new();
            let is_new = |(_, package): &&(u32, &Package)| {
                group.len() == 1 || seen.insert((self.text(package.version), package.independent))
            };
            kept.extend(group.iter().filter(is_new).map(|&(number, _)| number));
        }
        kept
    }

    /// The provided names with the ids of their providers, sorted by name and then in the order of
    /// the indexes, each provider once.
    fn providers(&self, ids: &[Option<u32>]) -> Vec<(Text, u32)> {
        let mut provided = self.provided.clone();
        provided.sort_by(|left, right| {
            self.text(left.name)
                .cmp(self.text(right.name))
                .then_with(|| left.package.cmp(&right.package))
        });
        provided.dedup_by(|left, right| {
            left.package == right.package && self.text(left.name) == self.text(right.name)
        });
        provided
            .iter()
            .filter_map(|provided| Some((provided.name, (*ids.get(provided.package as usize)?)?)))
            .collect()
    }
}

impl std::fmt::Debug for IndexBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexBuilder")
            .field("architecture", &self.architecture)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
