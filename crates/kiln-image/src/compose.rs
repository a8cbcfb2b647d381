//! Fragments and made files become layers.
//!
//! A layer is a list of pieces: one directory segment that lists every directory of the layer
//! once, the segments of its fragments, and in the glue layer the made files. The list names its
//! bytes, so its digest is a key under which a finished layer can be found again without making
//! it. [`write_layer`] stitches the pieces into one single-member gzip stream.

use std::collections::BTreeMap;
use std::io::{self, Write};

use kiln_archive::deflate::{SegmentReader, SegmentWriter};
use kiln_archive::gzip::GzipStitcher;
use kiln_archive::{tar, zstd};
use kiln_types::{BlobSource, Digest, EntryKind, FileEntry, HashWriter, Plan, RelativePath};
use serde::{Deserialize, Serialize};

use crate::AssembleError;
use crate::fragment::{Fragment, LEVEL, SegmentRef, write_entry_header};
use crate::furnish::Furnished;
use crate::layering::{Item, Layering, pack};

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// gzip: what every engine reads.
    #[default]
    Gzip,
    /// zstd: smaller and faster to unpack; not for docker archives.
    Zstd,
}

impl Compression {
    /// The level of zstd layers.
    const ZSTD_LEVEL: i32 = 9;
}

/// A part of a layer.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Tar entries that were made for this layer, raw.
    Made(Vec<u8>),
    /// The segment of a fragment.
    Fragment(SegmentRef),
}

/// A layer, before it is written.
#[derive(Clone, Debug)]
pub struct LayerPlan {
    /// What it is for, for the image's history.
    pub title: String,
    /// The names of its packages.
    pub packages: Vec<String>,
    /// Its pieces.
    pub pieces: Vec<Piece>,
    /// How it is compressed.
    pub compression: Compression,
}

/// An image's layers, bottom first, and its time.
#[derive(Clone, Debug)]
pub struct Composition {
    /// The layers.
    pub layers: Vec<LayerPlan>,
    /// The newest time of all packages' files, in seconds since the epoch: when the image was
    /// `created`.
    pub created: i64,
}

/// What a written layer turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenLayer {
    /// The digest of its raw bytes (`diff_id`).
    pub diff_id: Digest,
    /// The number of its raw bytes.
    pub raw_size: u64,
}

/// Packs fragments into layers. `fragments` are those that lost what [`Furnished::overridden`]
/// says, in the order of the plan's packages, without those that [`Furnished::left`] names.
///
/// # Errors
/// When a made file cannot be written into memory (never, in practice).
pub fn compose(
    plan: &Plan,
    layering: Layering,
    compression: Compression,
    fragments: &[&Fragment],
    furnished: &Furnished,
) -> Result<Composition, AssembleError> {
    let items: Vec<Item<'_>> = fragments
        .iter()
        .map(|fragment| Item {
            name: &fragment.control.name,
            source: &fragment.control.source,
            size: fragment.segment.raw_length,
        })
        .collect();
    let own = plan.track.as_ref().map(kiln_types::PackageName::as_str);
    let groups = pack(layering, &items, &plan.foundation, own);
    let single = layering == Layering::Single;
    let final_directories: BTreeMap<&RelativePath, &FileEntry> = index(&furnished.directories);
    let package_directories: BTreeMap<&RelativePath, &FileEntry> =
        index(&furnished.package_directories);
    // A layer for itself has the final owners and modes; shared layers have the packages' own, so
    // that they are the same in every image, and the glue layer above them has the final ones.
    let below = if single {
        &final_directories
    } else {
        &package_directories
    };

    let glue_directories = needed_directories(
        &final_directories,
        furnished
            .made
            .iter()
            .map(|file| (&file.entry.path, file.entry.kind == EntryKind::Directory)),
    );
    let mut layers: Vec<LayerPlan> = Vec::with_capacity(groups.len() + 1);
    for group in groups {
        let members: Vec<&Fragment> = group.items.iter().map(|&item| fragments[item]).collect();
        let paths = members.iter().flat_map(|fragment| {
            let directories = fragment.directories.iter().map(|entry| (&entry.path, true));
            directories.chain(fragment.files.iter().map(|file| (&file.entry.path, false)))
        });
        let mut directories = needed_directories(below, paths);
        if single {
            directories.extend(glue_directories.clone());
        }
        let mut pieces = vec![Piece::Made(directory_entries(
            directories.values().copied(),
        )?)];
        let filled = members
            .iter()
            .filter(|fragment| fragment.segment.raw_length > 0);
        pieces.extend(filled.map(|fragment| Piece::Fragment(fragment.segment.clone())));
        let packages = members
            .iter()
            .map(|fragment| fragment.control.name.clone())
            .collect();
        layers.push(LayerPlan {
            title: group.title,
            packages,
            pieces,
            compression,
        });
    }
    let files = made_files(furnished)?;
    if single && let Some(layer) = layers.first_mut() {
        layer.pieces.push(Piece::Made(files));
    } else {
        let mut raw = directory_entries(glue_directories.values().copied())?;
        raw.extend(files);
        let title = "made by kiln".to_owned();
        layers.push(LayerPlan {
            title,
            packages: Vec::new(),
            pieces: vec![Piece::Made(raw)],
            compression,
        });
    }
    for layer in &mut layers {
        layer.pieces.push(Piece::Made(tar::END.to_vec()));
    }
    let created = fragments
        .iter()
        .map(|fragment| fragment.newest)
        .max()
        .unwrap_or(0)
        .max(0);
    Ok(Composition { layers, created })
}

fn index(entries: &[FileEntry]) -> BTreeMap<&RelativePath, &FileEntry> {
    entries.iter().map(|entry| (&entry.path, entry)).collect()
}

/// The directories among these paths, and the parents of them all.
fn needed_directories<'a>(
    directories: &BTreeMap<&'a RelativePath, &'a FileEntry>,
    paths: impl Iterator<Item = (&'a RelativePath, bool)>,
) -> BTreeMap<RelativePath, &'a FileEntry> {
    let mut needed: BTreeMap<RelativePath, &FileEntry> = BTreeMap::new();
    for (path, is_directory) in paths {
        let mut next = if is_directory {
            path.clone()
        } else {
            path.parent()
        };
        while !next.is_root() && !needed.contains_key(&next) {
            let parent = next.parent();
            if let Some(entry) = directories.get(&next) {
                needed.insert(next, entry);
            }
            next = parent;
        }
    }
    needed
}

fn directory_entries<'a>(
    directories: impl Iterator<Item = &'a FileEntry>,
) -> Result<Vec<u8>, AssembleError> {
    let mut raw = Vec::new();
    for directory in directories {
        write_entry_header(&mut raw, directory)
            .map_err(|source| io("writing a directory", source))?;
    }
    Ok(raw)
}

fn made_files(furnished: &Furnished) -> Result<Vec<u8>, AssembleError> {
    let mut raw = Vec::new();
    for file in furnished
        .made
        .iter()
        .filter(|file| file.entry.kind != EntryKind::Directory)
    {
        let is_file = file.entry.kind == EntryKind::File;
        let size = if is_file {
            file.content.len() as u64
        } else {
            0
        };
        let entry = FileEntry {
            size,
            ..file.entry.clone()
        };
        let written = write_entry_header(&mut raw, &entry).and_then(|()| {
            if is_file {
                raw.extend_from_slice(&file.content);
                tar::write_padding(&mut raw, size)?;
            }
            Ok(())
        });
        written.map_err(|source| io("writing a made file", source))?;
    }
    Ok(raw)
}

impl LayerPlan {
    /// The key of this layer: the same key, the same bytes.
    #[must_use]
    pub fn key(&self) -> Digest {
        let mut text = match self.compression {
            Compression::Gzip => format!("layer 1 gzip {LEVEL}\n"),
            Compression::Zstd => format!("layer 1 zstd {}\n", Compression::ZSTD_LEVEL),
        };
        for piece in &self.pieces {
            match piece {
                Piece::Made(raw) => text.push_str(&format!("raw {}\n", Digest::of(raw))),
                Piece::Fragment(segment) => text.push_str(&format!("segment {}\n", segment.digest)),
            }
        }
        Digest::of(text.as_bytes())
    }

    /// The number of raw bytes.
    #[must_use]
    pub fn raw_size(&self) -> u64 {
        let sizes = self.pieces.iter().map(|piece| match piece {
            Piece::Made(raw) => raw.len() as u64,
            Piece::Fragment(segment) => segment.raw_length,
        });
        sizes.sum()
    }
}

/// Writes a layer. The caller hashes what is written.
///
/// # Errors
/// When a segment cannot be read or is not what its fragment says, or writing fails.
pub fn write_layer(
    layer: &LayerPlan,
    blobs: &dyn BlobSource,
    out: &mut dyn Write,
) -> Result<WrittenLayer, AssembleError> {
    let doing = |source| io(&format!("writing layer `{}`", layer.title), source);
    let mut raw = HashWriter::new(io::sink());
    match layer.compression {
        Compression::Gzip => stitch(layer, blobs, out, &mut raw),
        Compression::Zstd => write_zstd(layer, blobs, out, &mut raw),
    }
    .map_err(doing)?;
    let (diff_id, raw_size, _) = raw.finish();
    Ok(WrittenLayer { diff_id, raw_size })
}

fn stitch(
    layer: &LayerPlan,
    blobs: &dyn BlobSource,
    out: &mut dyn Write,
    raw: &mut HashWriter<io::Sink>,
) -> io::Result<()> {
    let mut stitcher = GzipStitcher::new(out)?;
    for piece in &layer.pieces {
        match piece {
            Piece::Made(bytes) => {
                raw.write_all(bytes)?;
                let mut writer = SegmentWriter::new(Vec::new(), LEVEL);
                writer.write_all(bytes)?;
                let (segment, compressed) = writer.finish()?;
                stitcher.append(&segment, &mut compressed.as_slice())?;
            }
            Piece::Fragment(segment) => {
                inflate(segment, blobs, raw)?;
                stitcher.append(&segment.segment(), &mut blobs.open(&segment.digest)?)?;
            }
        }
    }
    stitcher.finish()?;
    Ok(())
}

fn write_zstd(
    layer: &LayerPlan,
    blobs: &dyn BlobSource,
    out: &mut dyn Write,
    raw: &mut HashWriter<io::Sink>,
) -> io::Result<()> {
    let mut writer = zstd::FrameWriter::new(out, Compression::ZSTD_LEVEL)?;
    for piece in &layer.pieces {
        match piece {
            Piece::Made(bytes) => {
                raw.write_all(bytes)?;
                writer.write_all(bytes)?;
            }
            Piece::Fragment(segment) => inflate(segment, blobs, &mut Tee(raw, &mut writer))?,
        }
    }
    writer.finish()?;
    Ok(())
}

/// Writes a segment's raw bytes, which are checked against its length and CRC-32 on the way.
fn inflate(segment: &SegmentRef, blobs: &dyn BlobSource, out: &mut dyn Write) -> io::Result<()> {
    let mut reader = SegmentReader::verified(blobs.open(&segment.digest)?, segment.segment());
    let count = io::copy(&mut reader, out)?;
    if count == segment.raw_length {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

struct Tee<'a, A, B>(&'a mut A, &'a mut B);

impl<A: Write, B: Write> Write for Tee<'_, A, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        self.1.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

fn io(doing: &str, source: io::Error) -> AssembleError {
    AssembleError::Io {
        doing: doing.to_owned(),
        source,
    }
}
