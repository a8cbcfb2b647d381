//! A package, normalised once.
//!
//! A fragment is what a package contributes to a layer: its files and links as tar entries in
//! canonical order (by path), compressed into one deflate segment that can be stitched with
//! others, and beside it a description of everything in it. **A fragment holds no directory
//! entries**: engines refuse a layer that names a path twice, so each layer opens with one
//! segment that lists every directory once, and the fragment only describes the directories that
//! its package owns.
//!
//! A fragment depends on the package's bytes and the [`NormaliseOptions`], on nothing else; its
//! [`fragment_key`] says so. Where it loses a path (to another package by Replaces, or to the
//! definition), it is normalised again with that path among `dropped`: another key, other bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use kiln_archive::deflate::{ParallelSegmentWriter, Segment};
use kiln_archive::tar;
use kiln_types::{
    Control, Cuts, Digest, EntryKind, FileEntry, FormatError, FormatErrorKind, HashWriter,
    OpenPackage, RelativePath,
};
use serde::{Deserialize, Serialize};

use crate::cuts::Cutter;
use crate::elf::{self, ElfFacts};
use crate::opening::Opening;
use crate::spool::{Scratch, Span, Spool};

/// The compression level of segments. Compression is paid once per package.
pub const LEVEL: u32 = 6;

/// What normalising depends on besides the package.
#[derive(Clone, Debug)]
pub struct NormaliseOptions<'a> {
    /// The policy of what is left out.
    pub cuts: &'a Cuts,
    /// Whether `/bin`, `/sbin` and `/lib*` are links into `/usr`: paths below them are rewritten.
    pub merged_usr: bool,
    /// Paths that this package loses.
    pub dropped: &'a BTreeSet<RelativePath>,
    /// Threads to compress with; never changes the bytes.
    pub threads: usize,
}

/// A compressed run of tar entries, and what stitching it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// The digest of the compressed bytes.
    pub digest: Digest,
    /// The number of compressed bytes.
    pub length: u64,
    /// The digest of the raw bytes.
    pub raw_digest: Digest,
    /// The number of raw bytes.
    pub raw_length: u64,
    /// CRC-32 of the raw bytes.
    pub crc32: u32,
}

impl SegmentRef {
    /// What stitching and inflating need.
    #[must_use]
    pub const fn segment(&self) -> Segment {
        Segment {
            raw_length: self.raw_length,
            crc32: self.crc32,
            length: self.length,
        }
    }
}

/// A file or link of a fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentFile {
    /// The entry as it stands in the segment.
    #[serde(flatten)]
    pub entry: FileEntry,
    /// Where its content begins in the raw segment.
    pub offset: u64,
    /// What it says of itself, where it is an ELF file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elf: Option<ElfFacts>,
    /// What its first bytes say, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Opening>,
}

/// A package as it goes into layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// The package's control information.
    pub control: Control,
    /// Files and links, by path.
    pub files: Vec<FragmentFile>,
    /// The directories it owns, by path.
    pub directories: Vec<FileEntry>,
    /// What the policy left out, by path.
    pub cut: Vec<RelativePath>,
    /// The newest time of its files, in seconds since the epoch: what its times are clamped to.
    pub newest: i64,
    /// Its bytes.
    pub segment: SegmentRef,
}

impl Fragment {
    /// The file at a path.
    #[must_use]
    pub fn file(&self, path: &RelativePath) -> Option<&FragmentFile> {
        let found = self
            .files
            .binary_search_by(|file| file.entry.path.cmp(path));
        found.ok().and_then(|index| self.files.get(index))
    }
}

/// What was normalised, before the segment's digest is known to whoever stores it.
#[derive(Clone, Debug)]
pub struct Normalised {
    fragment: Fragment,
}

impl Normalised {
    /// The fragment, with its segment stored under this digest.
    #[must_use]
    pub fn stored_as(mut self, digest: Digest) -> Fragment {
        self.fragment.segment.digest = digest;
        self.fragment
    }
}

/// The key under which a fragment is kept: the same key, the same bytes. `code` names the code that
/// makes it, so that no other code's fragment gets into an image.
#[must_use]
pub fn fragment_key(package: &Digest, options: &NormaliseOptions<'_>, code: &str) -> Digest {
    let mut text = format!(
        "fragment {code} level {LEVEL} usr {}\n{package}\n",
        options.merged_usr
    );
    for pattern in &options.cuts.0 {
        text.push_str(&format!("cut {pattern}\n"));
    }
    for path in options.dropped {
        text.push_str(&format!("drop {path}\n"));
    }
    Digest::of(text.as_bytes())
}

/// Normalises a package: reads it once, writes its segment to `out`.
///
/// # Errors
/// When the package is malformed, or reading or writing fails.
pub fn normalise(
    package: &mut dyn OpenPackage,
    options: &NormaliseOptions<'_>,
    scratch: &dyn Scratch,
    out: &mut (dyn Write + Send),
) -> Result<Normalised, FormatError> {
    let subject = format!("{}_{}", package.control().name, package.control().version);
    let mut spool = Spool::new(scratch);
    let mut members = read_members(package, options, &mut spool, &subject)?;
    members.resolve_hard_links(&subject)?;

    // The content of cut files was spooled because a kept hard link may need it; now it may go.
    let cutter = Cutter::new(options.cuts);
    let (mut kept, mut cut) = (Vec::new(), Vec::new());
    for (path, member) in members.files {
        if cutter.cuts(&path) {
            cut.push(path);
        } else if !options.dropped.contains(&path) {
            kept.push((path, member));
        }
    }
    let files = write_segment(kept, &spool, options, out, &subject)?;
    let control = package.control().clone();
    // A directory that is cut stays the package's where something of it is kept below.
    let mut needed: BTreeSet<RelativePath> = BTreeSet::new();
    for file in &files.entries {
        let mut parent = file.entry.path.parent();
        while !parent.is_root() && needed.insert(parent.clone()) {
            parent = parent.parent();
        }
    }
    let directories: Vec<FileEntry> = members
        .directories
        .into_values()
        .filter(|entry| !cutter.cuts(&entry.path) || needed.contains(&entry.path))
        .collect();
    Ok(Normalised {
        fragment: Fragment {
            control,
            files: files.entries,
            directories,
            cut,
            newest: members.newest,
            segment: SegmentRef {
                digest: Digest::of(b""),
                length: files.segment.length,
                raw_digest: files.raw_digest,
                raw_length: files.segment.raw_length,
                crc32: files.segment.crc32,
            },
        },
    })
}

/// The entries of a package, before cutting and sorting into a segment.
struct Members {
    files: BTreeMap<RelativePath, Member>,
    directories: BTreeMap<RelativePath, FileEntry>,
    newest: i64,
}

struct Member {
    entry: FileEntry,
    content: Span,
}

fn read_members(
    package: &mut dyn OpenPackage,
    options: &NormaliseOptions<'_>,
    spool: &mut Spool<'_>,
    subject: &str,
) -> Result<Members, FormatError> {
    let mut members = Members {
        files: BTreeMap::new(),
        directories: BTreeMap::new(),
        newest: 0,
    };
    package.entries(&mut |mut entry, content| {
        if options.merged_usr {
            merge_usr(&mut entry);
        }
        if is_whiteout(&entry.path) {
            let reason = format!("`{}` is a name that removes files in a layer", entry.path);
            return Err(FormatError::new(FormatErrorKind::Lies, subject, reason));
        }
        if entry.kind == EntryKind::Directory {
            if !entry.path.is_root() {
                members
                    .directories
                    .entry(entry.path.clone())
                    .or_insert(entry);
            }
            return Ok(());
        }
        let span = spool
            .append(content, entry.size)
            .map_err(|error| io_error(subject, &format!("unpacking `{}`", entry.path), &error))?;
        members.newest = members.newest.max(entry.mtime);
        let path = entry.path.clone();
        if members
            .files
            .insert(
                path.clone(),
                Member {
                    entry,
                    content: span,
                },
            )
            .is_some()
        {
            return Err(FormatError::malformed(
                subject,
                format!("`{path}` occurs twice"),
            ));
        }
        Ok(())
    })?;
    for path in members.files.keys() {
        if members.directories.contains_key(path) {
            return Err(FormatError::malformed(
                subject,
                format!("`{path}` is both a directory and a file"),
            ));
        }
    }
    // A directory is as old as the package's files say: archives carry the time of unpacking there.
    for directory in members.directories.values_mut() {
        directory.mtime = directory.mtime.min(members.newest);
    }
    Ok(members)
}

impl Members {
    /// Gives every set of hard links one carrier, the first by path, which holds the content;
    /// the others link to it. So the order of the archive does not reach the segment.
    fn resolve_hard_links(&mut self, subject: &str) -> Result<(), FormatError> {
        let mut groups: BTreeMap<RelativePath, Vec<RelativePath>> = BTreeMap::new();
        for (path, member) in &self.files {
            if let EntryKind::Hardlink(target) = &member.entry.kind {
                let root = self.link_root(target).ok_or_else(|| {
                    let reason = format!(
                        "hard link `{path}` points to `{target}`, which is not a file of it"
                    );
                    FormatError::malformed(subject, reason)
                })?;
                groups.entry(root).or_default().push(path.clone());
            }
        }
        for (root, mut links) in groups {
            links.push(root.clone());
            links.sort();
            let carrier = links.remove(0);
            let Some(original) = self.files.get(&root) else {
                continue;
            };
            let (template, content) = (original.entry.clone(), original.content);
            self.files.insert(
                carrier.clone(),
                Member {
                    entry: FileEntry {
                        path: carrier.clone(),
                        ..template.clone()
                    },
                    content,
                },
            );
            for link in links {
                let kind = EntryKind::Hardlink(carrier.clone());
                let entry = FileEntry {
                    path: link.clone(),
                    kind,
                    ..template.clone()
                };
                self.files.insert(link, Member { entry, content });
            }
        }
        Ok(())
    }

    /// The file that a chain of hard links ends in.
    fn link_root(&self, target: &RelativePath) -> Option<RelativePath> {
        let mut path = target;
        for _ in 0..64 {
            match &self.files.get(path)?.entry.kind {
                EntryKind::Hardlink(next) => path = next,
                EntryKind::File => return Some(path.clone()),
                EntryKind::Symlink(_) | EntryKind::Directory => return None,
            }
        }
        None
    }
}

struct Written {
    entries: Vec<FragmentFile>,
    raw_digest: Digest,
    segment: Segment,
}

fn write_segment(
    kept: Vec<(RelativePath, Member)>,
    spool: &Spool<'_>,
    options: &NormaliseOptions<'_>,
    out: &mut (dyn Write + Send),
    subject: &str,
) -> Result<Written, FormatError> {
    let fail = |what: &str, error: &std::io::Error| io_error(subject, what, error);
    let segment = ParallelSegmentWriter::new(out, LEVEL, options.threads)
        .map_err(|error| fail("starting to compress", &error))?;
    let mut raw = HashWriter::new(segment);
    let mut entries: Vec<FragmentFile> = Vec::with_capacity(kept.len());
    let mut carriers: BTreeMap<RelativePath, RelativePath> = BTreeMap::new();
    let mut weight = 0_usize;
    for (path, member) in kept {
        let Member { mut entry, content } = member;
        // A set of hard links whose carrier was cut is carried by the first that stays.
        let mut holds_content = entry.kind == EntryKind::File;
        if let EntryKind::Hardlink(target) = &entry.kind {
            let kept_target = entries
                .binary_search_by(|file| file.entry.path.cmp(target))
                .is_ok();
            if !kept_target {
                let carrier = carriers
                    .entry(target.clone())
                    .or_insert_with(|| path.clone());
                holds_content = *carrier == path;
                entry.kind = if holds_content {
                    EntryKind::File
                } else {
                    EntryKind::Hardlink(carrier.clone())
                };
            }
        }
        entry.size = if holds_content { content.length } else { 0 };
        write_entry_header(&mut raw, &entry).map_err(|error| fail("writing a header", &error))?;
        let offset = raw.length();
        let (mut facts, mut opening) = (None, None);
        if holds_content && content.length > 0 {
            let start = spool.peek(content, Opening::ENOUGH);
            let mut start = start.map_err(|error| fail("reading back", &error))?;
            if start.len() == Opening::ENOUGH && Opening::wants_more(&start) {
                let more = spool.peek(content, Opening::MOST);
                start = more.map_err(|error| fail("reading back", &error))?;
            }
            opening = Opening::of(&start);
            facts = elf_facts(spool, content).map_err(|error| fail("reading back", &error))?;
            let names = facts.as_ref().map_or(0, ElfFacts::weight);
            weight = weight.saturating_add(names);
            if names > elf::MAX_WEIGHT || weight > LARGEST_FACTS {
                let most = if weight > LARGEST_FACTS {
                    LARGEST_FACTS
                } else {
                    elf::MAX_WEIGHT
                };
                let reason = format!(
                    "what its ELF files name takes more than {most} bytes, with `{}`",
                    entry.path
                );
                return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
            }
            spool
                .copy(content, &mut raw)
                .map_err(|error| fail("compressing", &error))?;
            tar::write_padding(&mut raw, content.length)
                .map_err(|error| fail("compressing", &error))?;
        }
        entries.push(FragmentFile {
            entry,
            offset,
            elf: facts,
            opening,
        });
    }
    let (raw_digest, _, segment) = raw.finish();
    let (segment, _) = segment
        .finish()
        .map_err(|error| fail("compressing", &error))?;
    Ok(Written {
        entries,
        raw_digest,
        segment,
    })
}

/// What the ELF files of one package may name, in bytes: libraries, their versions, search paths.
const LARGEST_FACTS: usize = 16 << 20;

fn elf_facts(spool: &Spool<'_>, content: Span) -> std::io::Result<Option<ElfFacts>> {
    if content.length < 64 {
        return Ok(None);
    }
    elf::facts_of(&spool.span(content))
}

/// Writes the tar header of an entry the way all of kiln's layers have it.
pub(crate) fn write_entry_header(out: &mut impl Write, entry: &FileEntry) -> std::io::Result<()> {
    let (kind, link) = match &entry.kind {
        EntryKind::File => (tar::Kind::File, ""),
        EntryKind::Directory => (tar::Kind::Directory, ""),
        EntryKind::Symlink(target) => (tar::Kind::Symlink, target.as_str()),
        EntryKind::Hardlink(target) => (tar::Kind::Hardlink, target.as_str()),
    };
    let mode = if matches!(entry.kind, EntryKind::Symlink(_)) {
        0o777
    } else {
        entry.mode
    };
    tar::write_header(
        out,
        &tar::Header {
            path: entry.path.as_str(),
            kind,
            mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            size: if entry.kind == EntryKind::File {
                entry.size
            } else {
                0
            },
            link,
            xattrs: &entry.xattrs,
        },
    )
}

/// Whether a part of a path begins with `.wh.`: engines take it for an order to remove what lies
/// below (OCI image-spec `layer.md`, "Whiteouts"), so that what runs would not be what was checked.
pub(crate) fn is_whiteout(path: &RelativePath) -> bool {
    path.as_str()
        .split('/')
        .any(|part| part.starts_with(".wh."))
}

/// Moves an entry below `/usr` where the distribution has links at the old place. The links
/// themselves (base-files ships them) stay where they are.
fn merge_usr(entry: &mut FileEntry) {
    if let Some(path) = merged(entry.path.as_str(), entry.kind == EntryKind::Directory) {
        entry.path = path;
    }
    if let EntryKind::Hardlink(target) = &entry.kind
        && let Some(target) = merged(target.as_str(), false)
    {
        entry.kind = EntryKind::Hardlink(target);
    }
}

fn merged(path: &str, directory: bool) -> Option<RelativePath> {
    let (first, rest) = path
        .split_once('/')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    if !matches!(
        first,
        "bin" | "sbin" | "lib" | "lib32" | "lib64" | "libx32" | "libo32"
    ) {
        return None;
    }
    match rest {
        Some(rest) => RelativePath::new(&format!("usr/{first}/{rest}")).ok(),
        None if directory => RelativePath::new(&format!("usr/{first}")).ok(),
        None => None,
    }
}

fn io_error(subject: &str, doing: &str, error: &std::io::Error) -> FormatError {
    // Errors of the decoders below come through `io::Error` with `InvalidData`: those are the package's.
    let kind = match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
            FormatErrorKind::Malformed
        }
        _ => FormatErrorKind::Io,
    };
    FormatError::new(kind, subject, format!("{doing}: {error}"))
}

/// Reads all of a reader that must give exactly `length` bytes more.
pub(crate) fn read_exactly(reader: &mut dyn Read, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}
