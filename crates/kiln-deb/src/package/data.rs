//! The data member of a package.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use kiln_archive::tar;
use kiln_types::{EntryKind, FileEntry, FormatError, FormatErrorKind, RelativePath};
use md5::{Digest as _, Md5};

use super::{format_error, path, text};

/// The most bytes of all paths of a package together: its own, those of its links' targets, and those
/// of the directories above them, each once. A path of a thousand directories implies a thousand
/// paths.
const MAX_PATHS: usize = 48 << 20;

/// The deepest path; no package of Debian comes near a third of it.
const MAX_DEPTH: usize = 128;

/// What has been seen at a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// A directory, shipped or implied by an entry below it.
    Directory,
    /// A file or a hard link to one.
    File,
    /// A symbolic link.
    Symlink,
}

/// Walks over all entries once. Gives the MD5 in hex of the files among `conffiles`.
pub(super) fn walk<R: Read>(
    mut archive: tar::Reader<R>,
    subject: &str,
    conffiles: &[String],
    visit: &mut dyn FnMut(FileEntry, &mut dyn Read) -> Result<(), FormatError>,
) -> Result<BTreeMap<String, String>, FormatError> {
    let conffiles: BTreeSet<&str> = conffiles.iter().map(String::as_str).collect();
    let mut digests = BTreeMap::new();
    let mut seen = SeenPaths::default();
    while let Some(entry) = archive
        .next()
        .map_err(|error| format_error(subject, error))?
    {
        let entry = convert(entry, subject)?;
        seen.record(&entry, subject)?;
        if entry.kind != EntryKind::File {
            visit(entry, &mut io::empty())?;
            continue;
        }
        match conffiles.get(entry.path.as_str()) {
            None => visit(entry, archive.content())?,
            Some(path) => {
                let mut content = Md5Reader {
                    inner: archive.content(),
                    hasher: Md5::new(),
                };
                visit(entry, &mut content)?;
                // What the visitor left unread counts too.
                io::copy(&mut content, &mut io::sink())
                    .map_err(|error| format_error(subject, error.into()))?;
                digests.insert((*path).to_owned(), hex(&content.hasher.finalize()));
            }
        }
    }
    Ok(digests)
}

/// Checks an entry of the archive by itself.
fn convert(entry: tar::Entry, subject: &str) -> Result<FileEntry, FormatError> {
    let path = path(&entry.path, subject)?;
    if path.as_str().split('/').count() > MAX_DEPTH {
        let shown: String = path.as_str().chars().take(60).collect();
        return Err(FormatError::new(
            FormatErrorKind::Limit,
            subject,
            format!(
                "`{}…` is deeper than {MAX_DEPTH} directories",
                shown.escape_debug()
            ),
        ));
    }
    let unsupported = |what: &str| {
        FormatError::new(
            FormatErrorKind::Unsupported,
            subject,
            format!("`{path}` {what}"),
        )
    };
    let kind = match entry.kind {
        tar::Kind::File => EntryKind::File,
        tar::Kind::Directory => EntryKind::Directory,
        tar::Kind::Symlink => {
            let target = text(&entry.link, subject)?;
            if target.is_empty() || target.len() > RelativePath::MAX || target.contains('\0') {
                return Err(FormatError::malformed(
                    subject,
                    format!("`{path}` has no usable link target"),
                ));
            }
            EntryKind::Symlink(target.to_owned())
        }
        tar::Kind::Hardlink => EntryKind::Hardlink(super::path(&entry.link, subject)?),
        tar::Kind::CharDevice | tar::Kind::BlockDevice => {
            return Err(unsupported("is a device node"));
        }
        tar::Kind::Fifo => return Err(unsupported("is a named pipe")),
        tar::Kind::Other(flag) => {
            return Err(unsupported(&format!(
                "is of an unknown kind (type flag {flag:#04x})"
            )));
        }
    };
    if path.is_root() && kind != EntryKind::Directory {
        return Err(FormatError::malformed(
            subject,
            "the root is not a directory",
        ));
    }
    // dpkg sets no extended attributes at all. Capabilities are the one kind that packages mean;
    // anything else (overlay's own, access lists) would change what the image does unseen.
    if let Some(name) = entry
        .xattrs
        .keys()
        .find(|name| *name != "security.capability")
    {
        let shown: String = name.chars().take(60).collect();
        return Err(unsupported(&format!(
            "has the extended attribute `{}`",
            shown.escape_debug()
        )));
    }
    // capability.h: a magic number, two pairs of words, and in revision 3 the owner of the namespace.
    if let Some(value) = entry.xattrs.get("security.capability")
        && value.len() > 24
    {
        return Err(FormatError::malformed(
            subject,
            format!(
                "`{path}` has capabilities of {} bytes, more than a kernel knows",
                value.len()
            ),
        ));
    }
    Ok(FileEntry {
        path,
        kind,
        mode: entry.mode & 0o7777,
        uid: entry.uid,
        gid: entry.gid,
        mtime: entry.mtime,
        size: entry.size,
        xattrs: entry.xattrs,
    })
}

/// What stands at every path so far.
#[derive(Default)]
struct SeenPaths {
    paths: BTreeMap<RelativePath, Seen>,
    /// Bytes of all paths and link targets.
    bytes: usize,
}

impl SeenPaths {
    /// Checks an entry against those before it, and notes it.
    fn record(&mut self, entry: &FileEntry, subject: &str) -> Result<(), FormatError> {
        let malformed = |reason: String| FormatError::malformed(subject, reason);
        let path = &entry.path;
        // Every directory above is noted too, so the first one that is known vouches for those above it.
        let mut above = path.parent();
        while !above.is_root() {
            match self.paths.get(&above) {
                Some(Seen::Directory) => break,
                Some(Seen::Symlink) => {
                    return Err(malformed(format!(
                        "`{path}` lies below the symbolic link `{above}` of the same package"
                    )));
                }
                Some(Seen::File) => {
                    return Err(malformed(format!(
                        "`{path}` lies below the file `{above}` of the same package"
                    )));
                }
                None => {
                    let next = above.parent();
                    self.count(above.as_str().len(), subject)?;
                    self.paths.insert(above, Seen::Directory);
                    above = next;
                }
            }
        }
        self.count(path.as_str().len(), subject)?;
        let shape = match &entry.kind {
            EntryKind::Directory => Seen::Directory,
            EntryKind::Symlink(target) => {
                self.count(target.len(), subject)?;
                Seen::Symlink
            }
            EntryKind::File => Seen::File,
            EntryKind::Hardlink(target) => match self.paths.get(target) {
                Some(Seen::File) => {
                    self.count(target.as_str().len(), subject)?;
                    Seen::File
                }
                _ => {
                    let reason = format!(
                        "`{path}` is a hard link to `{target}`, which is no file before it in the package"
                    );
                    return Err(malformed(reason));
                }
            },
        };
        match self.paths.insert(path.clone(), shape) {
            None => Ok(()),
            Some(Seen::Directory) if shape == Seen::Directory => Ok(()),
            Some(_) => Err(malformed(format!("`{path}` is there twice"))),
        }
    }

    fn count(&mut self, bytes: usize, subject: &str) -> Result<(), FormatError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= MAX_PATHS {
            return Ok(());
        }
        let reason = format!(
            "its paths, with the directories they imply, take more than {} MiB",
            MAX_PATHS >> 20
        );
        Err(FormatError::new(FormatErrorKind::Limit, subject, reason))
    }
}

/// A reader that computes the MD5 of what passes through it. dpkg records conffiles by MD5; it
/// protects nothing.
struct Md5Reader<'a> {
    inner: &'a mut dyn Read,
    hasher: Md5,
}

impl Read for Md5Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
