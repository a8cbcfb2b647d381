//! The files of an image in a directory. Links are never followed: what they lead to may be
//! outside.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use kiln_types::Subject;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
use rustix::io::Errno;

use super::{Files, Image};
use crate::InventoryError;
use crate::content::{Budget, Remaining};
use crate::layer::{LayerScan, ScanLimits};
use crate::node::{Node, NodeKind};
use crate::path::child;

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
    let how = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, how, Mode::empty());
    let opened = opened.map_err(|source| InventoryError::Read {
        path: directory.to_owned(),
        source: source.into(),
    })?;
    walk.directory(opened, "", 0)?;
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
    /// Reads what is in a directory; `below` is its path in the root.
    fn directory(
        &mut self,
        directory: OwnedFd,
        below: &str,
        depth: usize,
    ) -> Result<(), InventoryError> {
        let error = |source: Errno| InventoryError::Read {
            path: self.root.join(below),
            source: source.into(),
        };
        let mut listing = Dir::new(directory).map_err(error)?;
        let mut entries = Vec::new();
        while let Some(entry) = listing.read() {
            let entry = entry.map_err(error)?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            entries.push((entry.file_name().to_owned(), entry.file_type()));
            self.entries += 1;
            if self.entries > self.most {
                return Err(InventoryError::malformed(
                    self.root.display().to_string(),
                    format!("it has more than {} entries", self.most),
                ));
            }
        }
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        let parent = listing.fd().map_err(error)?;
        for (name, kind) in entries {
            let path = child(below, name.to_bytes());
            if let Err(source) = self.entry(parent, &name, kind, &path, depth) {
                self.scan.miss(&path, &source.to_string());
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        kind: FileType,
        path: &str,
        depth: usize,
    ) -> io::Result<()> {
        // A file is looked at when it is open; not every file system says here what is one.
        let opened = match kind {
            FileType::RegularFile => open(parent, name, OFlags::empty()),
            _ => Err(Errno::NOSYS),
        };
        let meta = match &opened {
            Ok(file) => fstat(file)?,
            Err(_) => statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?,
        };
        let kind = match FileType::from_raw_mode(meta.st_mode) {
            FileType::RegularFile => NodeKind::File,
            FileType::Directory => NodeKind::Directory,
            FileType::Symlink => NodeKind::Symlink,
            _ => NodeKind::Other,
        };
        let link = match kind {
            NodeKind::Symlink => {
                let link = readlinkat(parent, name, Vec::new())?;
                link.to_string_lossy().into_owned()
            }
            _ => String::new(),
        };
        let mut node = Node {
            path: path.to_owned(),
            kind,
            mode: meta.st_mode & 0o7777,
            uid: meta.st_uid,
            gid: meta.st_gid,
            size: u64::try_from(meta.st_size).unwrap_or_default(),
            link,
            capable: false,
            findings: Vec::new(),
        };
        if kind == NodeKind::Directory {
            self.scan.nodes.push(node);
            if depth == DEEPEST {
                self.scan.miss(path, "directories nest too deep");
                return Ok(());
            }
            let directory = open(parent, name, OFlags::DIRECTORY)?;
            return self
                .directory(directory, path, depth + 1)
                .map_err(io::Error::other);
        }
        if kind != NodeKind::File {
            self.scan.nodes.push(node);
            return Ok(());
        }
        if meta.st_nlink < 2 || self.seen.insert((meta.st_dev, meta.st_ino)) {
            self.scan.unpacked = self.scan.unpacked.saturating_add(node.size);
        }
        let opened = match opened {
            Err(Errno::NOSYS) => open(parent, name, OFlags::empty()).map(|file| (file, true)),
            opened => opened.map(|file| (file, false)),
        };
        let (file, is_late) = match opened {
            Ok((file, is_late)) => (File::from(file), is_late),
            Err(error) => {
                // The file is there, even if nobody may look into it.
                self.scan.nodes.push(node);
                return Err(error.into());
            }
        };
        if is_late {
            let now = fstat(&file)?;
            if (now.st_dev, now.st_ino) != (meta.st_dev, meta.st_ino) {
                self.scan.nodes.push(node);
                return Err(io::Error::other("it was replaced while it was read"));
            }
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

/// Opens what stands in a directory, but no link, and without waiting for somebody who writes to it.
fn open(parent: BorrowedFd<'_>, name: &CStr, kind: OFlags) -> rustix::io::Result<OwnedFd> {
    let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat(parent, name, how | OFlags::CLOEXEC | kind, Mode::empty())
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
