//! The files of an image in a directory. Links are never followed: what they lead to may be
//! outside.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use kiln_types::Subject;

use super::{Files, Image};
use crate::InventoryError;
use crate::content::{Budget, Remaining};
use crate::layer::{LayerScan, ScanLimits};
use crate::node::{Node, NodeKind};
use crate::path::normalised;

/// Bytes of a file that are read at first, and those of each piece after that.
const FIRST: usize = 64;
const PIECE: usize = 256 << 10;
/// How deep directories may nest.
const DEEPEST: usize = 512;

/// The image that a directory is.
pub(super) fn image(directory: &Path, is_project: bool) -> Result<Image, InventoryError> {
    let error = |source| InventoryError::Read {
        path: directory.to_owned(),
        source,
    };
    if !fs::metadata(directory).map_err(error)?.is_dir() {
        return Err(InventoryError::malformed(
            directory.display().to_string(),
            "it is no directory",
        ));
    }
    Ok(Image {
        subject: Subject {
            name: directory.file_name().map_or_else(
                || "rootfs".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
            ..Subject::default()
        },
        config: None,
        files: Files::Directory(directory.to_owned(), is_project),
    })
}

/// Reads all files, in the order of their names.
pub(super) fn scan(
    directory: &Path,
    is_project: bool,
    limits: &ScanLimits,
) -> Result<LayerScan, InventoryError> {
    let mut scan = LayerScan::default();
    let left = Remaining::new(limits);
    let budget = match is_project {
        true => Budget::of_project(limits, &left),
        false => Budget::new(limits, &left),
    };
    let mut walk = Walk {
        root: directory.to_owned(),
        scan: &mut scan,
        budget: &budget,
        seen: BTreeSet::new(),
        entries: 0,
        most: limits.layer.max_entries,
        buffer: vec![0; PIECE],
    };
    walk.directory(Path::new(""), 0)?;
    Ok(scan)
}

struct Walk<'a> {
    root: PathBuf,
    scan: &'a mut LayerScan,
    budget: &'a Budget<'a>,
    /// Device and inode of files with several names.
    seen: BTreeSet<(u64, u64)>,
    entries: u64,
    most: u64,
    /// Where pieces of files lie while they are looked at.
    buffer: Vec<u8>,
}

/// A file, read in one small piece that tells most files apart, and in large ones if that is not
/// enough.
struct Content<'a> {
    file: io::Take<File>,
    buffer: &'a mut Vec<u8>,
    /// Bytes of the buffer that are filled, and how many of them were taken.
    filled: usize,
    at: usize,
    /// Bytes of the next piece.
    next: usize,
}

impl BufRead for Content<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            let (piece, _) = self.buffer.split_at_mut(self.next);
            (self.at, self.filled) = (0, 0);
            self.filled = self.file.read(piece)?;
            self.next = PIECE;
        }
        Ok(self.buffer.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.filled);
    }
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // What is wanted in large pieces is not copied.
        if self.at == self.filled && into.len() >= self.next {
            return self.file.read(into);
        }
        let known = self.fill_buf()?;
        let count = known.len().min(into.len());
        let (to, _) = into.split_at_mut(count);
        to.copy_from_slice(known.get(..count).unwrap_or_default());
        self.consume(count);
        Ok(count)
    }
}

impl Walk<'_> {
    fn directory(&mut self, below: &Path, depth: usize) -> Result<(), InventoryError> {
        let path = self.root.join(below);
        let error = |source| InventoryError::Read {
            path: path.clone(),
            source,
        };
        if depth > DEEPEST {
            self.scan
                .miss(&below.to_string_lossy(), "directories nest too deep");
            return Ok(());
        }
        let listing = match fs::read_dir(&path) {
            Ok(listing) => listing,
            Err(source) if depth == 0 => return Err(error(source)),
            Err(source) => {
                self.scan
                    .miss(&below.to_string_lossy(), &source.to_string());
                return Ok(());
            }
        };
        let mut names = Vec::new();
        for entry in listing {
            names.push(entry.map_err(error)?.file_name());
            self.entries += 1;
            if self.entries > self.most {
                return Err(InventoryError::malformed(
                    self.root.display().to_string(),
                    format!("it has more than {} entries", self.most),
                ));
            }
        }
        names.sort();
        for name in names {
            let path = below.join(&name);
            if let Err(source) = self.entry(&path, depth) {
                self.scan.miss(&path.to_string_lossy(), &source.to_string());
            }
        }
        Ok(())
    }

    fn entry(&mut self, below: &Path, depth: usize) -> io::Result<()> {
        let path = self.root.join(below);
        let meta = fs::symlink_metadata(&path)?;
        let kind = match meta.file_type() {
            kind if kind.is_file() => NodeKind::File,
            kind if kind.is_dir() => NodeKind::Directory,
            kind if kind.is_symlink() => NodeKind::Symlink,
            _ => NodeKind::Other,
        };
        let Some(name) = normalised(below.as_os_str().as_encoded_bytes()) else {
            return Ok(());
        };
        let link = match kind {
            NodeKind::Symlink => fs::read_link(&path)?.to_string_lossy().into_owned(),
            _ => String::new(),
        };
        let mut node = Node {
            path: name,
            kind,
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.len(),
            link,
            capable: false,
            findings: Vec::new(),
        };
        if kind != NodeKind::File {
            self.scan.nodes.push(node);
            if kind == NodeKind::Directory
                && let Err(error) = self.directory(below, depth + 1)
            {
                return Err(io::Error::other(error));
            }
            return Ok(());
        }
        if meta.nlink() < 2 || self.seen.insert((meta.dev(), meta.ino())) {
            self.scan.unpacked = self.scan.unpacked.saturating_add(meta.len());
        }
        let file = File::open(&path);
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                // The file is there, even if nobody may look into it.
                self.scan.nodes.push(node);
                return Err(error);
            }
        };
        let opened = file.metadata()?;
        if (opened.dev(), opened.ino()) != (meta.dev(), meta.ino()) {
            self.scan.nodes.push(node);
            return Err(io::Error::other("it was replaced while it was read"));
        }
        match is_capable(&file) {
            Ok(capable) => node.capable = capable,
            // The file counts all the same.
            Err(source) => self.scan.miss(
                &node.path,
                &format!("its capabilities cannot be read: {source}"),
            ),
        }
        let mut content = Content {
            file: file.take(node.size),
            buffer: &mut self.buffer,
            filled: 0,
            at: 0,
            next: FIRST,
        };
        self.scan.add_file(node, &mut content, self.budget)
    }
}

/// Whether a file has capabilities (capabilities(7)); a file system without extended attributes gives
/// none.
fn is_capable(file: &File) -> rustix::io::Result<bool> {
    // They have 20 or 24 bytes.
    let mut value = [0_u8; 64];
    match rustix::fs::fgetxattr(file, "security.capability", &mut value) {
        Ok(length) => Ok(length > 0),
        Err(rustix::io::Errno::RANGE) => Ok(true),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error),
    }
}
