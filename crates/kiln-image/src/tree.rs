//! The tree of an image while it grows: packages below, what kiln makes on top.
//!
//! Emulators and the definition's own paths add to the top; nothing below is changed. What the
//! top hides of the packages is [`GrowingTree::overridden`]: those files leave their fragments,
//! because a layer must not name a path twice and an image should not carry bytes nobody sees.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use kiln_archive::deflate::SegmentReader;
use kiln_types::{BlobSource, Control, EntryKind, FileEntry, Plan, RelativePath, SynthesisedFile};

use crate::elf::{self, ElfFacts};
use crate::emulate::{self, EmulateError, MAX_CONTENT, Tree};
use crate::fragment::{Fragment, read_exactly};
use crate::merge::{Losses, Merged, Origin, plain_directory};
use crate::opening::Opening;
use serde::{Deserialize, Serialize};

/// A fragment whose raw bytes are not larger than this is kept in memory while its files are read
/// one after the other.
const REMEMBERED: u64 = 4 << 20;

/// Who made a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Maker {
    /// An emulator, by name.
    Emulator(String),
    /// The package database.
    Database,
    /// The definition.
    Definition,
    /// kiln's own list of what it cut.
    CutList,
}

impl std::fmt::Display for Maker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Emulator(name) => write!(f, "emulator {name}"),
            Self::Database => f.write_str("package database"),
            Self::Definition => f.write_str("definition"),
            Self::CutList => f.write_str("list of cuts"),
        }
    }
}

/// A made file with what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) file: SynthesisedFile,
    pub(crate) maker: Maker,
    elf: Option<ElfFacts>,
    opening: Option<Opening>,
}

impl Made {
    fn new(file: SynthesisedFile, maker: Maker) -> Self {
        Self {
            elf: elf::facts(&file.content),
            opening: Opening::of(&file.content),
            file,
            maker,
        }
    }
}

/// The tree of an image while it grows.
pub(crate) struct GrowingTree<'a> {
    plan: &'a Plan,
    merged: &'a Merged<'a>,
    blobs: &'a dyn BlobSource,
    made: BTreeMap<RelativePath, Made>,
    deleted: BTreeSet<RelativePath>,
    /// The raw bytes of the fragment that was read last.
    remembered: RefCell<Option<(usize, Vec<u8>)>>,
}

impl<'a> GrowingTree<'a> {
    pub(crate) fn new(plan: &'a Plan, merged: &'a Merged<'a>, blobs: &'a dyn BlobSource) -> Self {
        let (made, deleted) = (BTreeMap::new(), BTreeSet::new());
        Self {
            plan,
            merged,
            blobs,
            made,
            deleted,
            remembered: RefCell::new(None),
        }
    }

    /// Puts something at its path, over whatever is there. Missing parents become directories.
    pub(crate) fn put(&mut self, file: SynthesisedFile, maker: &Maker) {
        let mut parent = file.entry.path.parent();
        while !parent.is_root() && self.entry(parent.as_str()).is_none() {
            let entry = plain_directory(parent.clone());
            self.deleted.remove(&parent);
            let directory = SynthesisedFile {
                entry,
                content: Vec::new(),
            };
            self.made
                .insert(parent.clone(), Made::new(directory, maker.clone()));
            parent = parent.parent();
        }
        self.deleted.remove(&file.entry.path);
        let path = file.entry.path.clone();
        self.made.insert(path, Made::new(file, maker.clone()));
    }

    /// Removes a path and everything below it.
    pub(crate) fn delete(&mut self, path: &RelativePath) {
        let below: Vec<RelativePath> = self
            .below(path.as_str())
            .into_iter()
            .map(|entry| entry.path.clone())
            .collect();
        for path in below.into_iter().chain([path.clone()]) {
            self.made.remove(&path);
            if self.merged.entries.contains_key(&path) {
                self.deleted.insert(path);
            }
        }
    }

    /// Files of packages that are hidden by what was made, or deleted.
    pub(crate) fn overridden(&self) -> Losses {
        let mut losses = Losses::new();
        for path in self.made.keys().chain(&self.deleted) {
            if let Some((_, Origin::File(index, _))) = self.merged.entries.get(path) {
                losses.entry(*index).or_default().insert(path.clone());
            }
        }
        losses
    }

    /// Everything there is, packages and made, by path.
    pub(crate) fn entries(&self) -> BTreeMap<&RelativePath, &FileEntry> {
        let below = self
            .merged
            .entries
            .iter()
            .filter(|(path, _)| !self.deleted.contains(*path));
        let mut entries: BTreeMap<_, _> = below.map(|(path, (entry, _))| (path, entry)).collect();
        entries.extend(
            self.made
                .iter()
                .map(|(path, made)| (path, &made.file.entry)),
        );
        entries
    }

    pub(crate) fn made(&self) -> &BTreeMap<RelativePath, Made> {
        &self.made
    }

    /// The package that ships what is at a path, or what is hidden there by something made.
    pub(crate) fn owner(&self, path: &RelativePath) -> Option<usize> {
        match self.merged.entries.get(path)? {
            (_, Origin::File(index, _)) => Some(*index),
            (_, Origin::Directory) => None,
        }
    }

    /// What the ELF file at a path says of itself.
    pub(crate) fn facts(&self, path: &RelativePath) -> Option<&ElfFacts> {
        self.elf(path.as_str())
    }

    /// What the first bytes of the file at a path say; links are not followed.
    pub(crate) fn opening(&self, path: &RelativePath) -> Option<&Opening> {
        if let Some(made) = self.made.get(path) {
            return made.opening.as_ref();
        }
        if self.deleted.contains(path) {
            return None;
        }
        self.merged.carrier(path)?.1.opening.as_ref()
    }

    pub(crate) fn deleted(&self) -> &BTreeSet<RelativePath> {
        &self.deleted
    }

    fn content(&self, path: &RelativePath) -> Result<Option<Vec<u8>>, EmulateError> {
        if let Some(made) = self.made.get(path) {
            return Ok(Some(made.file.content.clone()));
        }
        let error = |reason: String| EmulateError::Read {
            path: path.as_str().to_owned(),
            reason,
        };
        let Some((index, file)) = self.merged.carrier(path) else {
            return Ok(None);
        };
        if file.entry.size > MAX_CONTENT {
            return Err(error(format!(
                "{} bytes are more than an emulator reads",
                file.entry.size
            )));
        }
        self.raw(
            index,
            self.merged.fragments[index],
            file.offset,
            file.entry.size,
        )
        .map(Some)
        .map_err(|source| error(source.to_string()))
    }

    /// Bytes of a fragment's raw segment.
    fn raw(
        &self,
        index: usize,
        fragment: &Fragment,
        offset: u64,
        length: u64,
    ) -> std::io::Result<Vec<u8>> {
        let segment = &fragment.segment;
        let open = || -> std::io::Result<_> {
            Ok(SegmentReader::verified(
                self.blobs.open(&segment.digest)?,
                segment.segment(),
            ))
        };
        if segment.raw_length > REMEMBERED {
            let mut reader = open()?;
            std::io::copy(&mut (&mut reader).take(offset), &mut std::io::sink())?;
            return read_exactly(&mut reader, length);
        }
        let mut remembered = self.remembered.borrow_mut();
        if remembered.as_ref().is_none_or(|(held, _)| *held != index) {
            *remembered = Some((index, read_exactly(&mut open()?, segment.raw_length)?));
        }
        let range = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(offset + length).ok());
        let bytes = remembered
            .as_ref()
            .zip(range)
            .and_then(|((_, bytes), (from, to))| bytes.get(from..to));
        bytes
            .map(<[u8]>::to_vec)
            .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

impl Tree for GrowingTree<'_> {
    fn plan(&self) -> &Plan {
        self.plan
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        if let Some(made) = self.made.get(path) {
            return Some(&made.file.entry);
        }
        if self.deleted.contains(path) {
            return None;
        }
        self.merged.entries.get(path).map(|(entry, _)| entry)
    }

    fn below(&self, directory: &str) -> Vec<&FileEntry> {
        let Ok(start) = RelativePath::new(directory) else {
            return Vec::new();
        };
        let inside = |path: &RelativePath| path.is_below(directory) && *path != start;
        // Paths below `a` are not contiguous after `a` (`a-b` sorts before `a/b`), so begin at `a`
        // and stop at the first path that no longer begins with it.
        let packages = self
            .merged
            .entries
            .range(start.clone()..)
            .take_while(|(path, _)| path.as_str().starts_with(directory))
            .filter(|(path, _)| {
                inside(path) && !self.deleted.contains(*path) && !self.made.contains_key(*path)
            })
            .map(|(_, (entry, _))| entry);
        let made = self
            .made
            .range(start.clone()..)
            .take_while(|(path, _)| path.as_str().starts_with(directory))
            .filter(|(path, _)| inside(path))
            .map(|(_, made)| &made.file.entry);
        let mut entries: Vec<&FileEntry> = packages.chain(made).collect();
        entries.sort_by(|left, right| left.path.cmp(&right.path));
        entries
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EmulateError> {
        let Some(path) = emulate::resolve(self, path) else {
            return Ok(None);
        };
        match self.entry(path.as_str()) {
            Some(entry) if matches!(entry.kind, EntryKind::File | EntryKind::Hardlink(_)) => {
                self.content(&entry.path.clone())
            }
            _ => Ok(None),
        }
    }

    fn elf(&self, path: &str) -> Option<&ElfFacts> {
        if let Some(made) = self.made.get(path) {
            return made.elf.as_ref();
        }
        if self.deleted.contains(path) {
            return None;
        }
        let path = RelativePath::new(path).ok()?;
        self.merged.carrier(&path)?.1.elf.as_ref()
    }

    fn has_package(&self, name: &str) -> bool {
        self.package(name).is_some()
    }

    fn packages(&self) -> Vec<&Control> {
        let mut packages: Vec<&Control> = self
            .merged
            .fragments
            .iter()
            .map(|fragment| &fragment.control)
            .collect();
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        packages
    }

    fn package_version(&self, name: &str) -> Option<&str> {
        Some(&self.package(name)?.control.version)
    }
}

impl<'a> GrowingTree<'a> {
    fn package(&self, name: &str) -> Option<&'a Fragment> {
        self.merged
            .fragments
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.merged.removal.packages.contains(index))
            .map(|(_, fragment)| *fragment)
            .find(|fragment| fragment.control.name == name)
    }
}
