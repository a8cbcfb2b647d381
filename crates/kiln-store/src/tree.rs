//! A file tree on disk, written through a directory handle, whole or absent.
//!
//! Everything is made relative to a handle of the new directory, and no symbolic link is followed
//! on the way (openat2(2) with `RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH`): whatever a tree holds,
//! nothing outside it is touched. The tree is made beside its place and renamed into it at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat,
    chownat, fchmod, fsetxattr, linkat, mkdirat, open, openat2, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;

use crate::StoreError;

/// What stands at a path of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind<'a> {
    /// A file; its content comes with it.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its target.
    Symlink(&'a str),
    /// A hard link to a file of the tree, by its path.
    Hardlink(&'a str),
}

/// One entry of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// Its path, relative to the tree's root.
    pub path: &'a str,
    /// What it is.
    pub kind: NodeKind<'a>,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner; set when the process is root.
    pub uid: u32,
    /// Group; set when the process is root.
    pub gid: u32,
    /// Modification time in seconds since the epoch.
    pub mtime: i64,
    /// Extended attributes; set when the process is root.
    pub xattrs: &'a BTreeMap<String, Vec<u8>>,
}

/// A tree that is being written.
#[derive(Debug)]
pub struct TreeWriter {
    root: OwnedFd,
    building: Option<Building>,
    place: PathBuf,
    owners: bool,
    /// Directories get their modes and times at the end: until then they must be writable.
    directories: BTreeMap<String, (u32, i64)>,
}

impl TreeWriter {
    /// Begins a tree for a place where nothing, or an empty directory, is.
    ///
    /// # Errors
    /// When something else is there, or its parent cannot be written.
    pub fn create(place: &Path) -> Result<Self, StoreError> {
        let fail = |source: io::Error| StoreError::Io {
            doing: "write",
            path: place.to_owned(),
            source,
        };
        let empty = match std::fs::read_dir(place) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(fail(error)),
        };
        if !empty {
            return Err(fail(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the directory is not empty",
            )));
        }
        let parent = match place.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = place.file_name().ok_or_else(|| {
            fail(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a directory with a name is needed",
            ))
        })?;
        let building = Building::claim(parent, &name.to_string_lossy()).map_err(fail)?;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let root =
            open(&building.path, flags, Mode::empty()).map_err(|error| fail(error.into()))?;
        let owners = rustix::process::geteuid().is_root();
        Ok(Self {
            root,
            building: Some(building),
            place: place.to_owned(),
            owners,
            directories: BTreeMap::new(),
        })
    }

    /// Adds an entry. A directory may come again, with its last owner and mode; a file or link takes
    /// the place of one that was there.
    ///
    /// # Errors
    /// When its path leads out of the tree or through a symbolic link, or writing fails.
    pub fn put(&mut self, node: &Node<'_>, content: &mut dyn Read) -> Result<(), StoreError> {
        let path = node.path.trim_matches('/').to_owned();
        self.put_at(&path, node, content)
            .map_err(|source| self.fail(&path, source))
    }

    fn put_at(&mut self, path: &str, node: &Node<'_>, content: &mut dyn Read) -> io::Result<()> {
        if path.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a path below the tree's root",
            ));
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.directory(parent)?;
        match node.kind {
            NodeKind::Directory => {
                match mkdirat(&parent, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                self.directory(path)?;
                self.directories
                    .insert(path.to_owned(), (node.mode, node.mtime));
            }
            NodeKind::File => {
                self.make_room(&parent, name)?;
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = rustix::fs::openat(&parent, name, flags, Mode::RUSR | Mode::WUSR)?;
                let mut file = std::fs::File::from(file);
                io::copy(content, &mut file)?;
                file.flush()?;
                if self.owners {
                    for (attribute, value) in node.xattrs {
                        fsetxattr(&file, attribute.as_str(), value, XattrFlags::empty())?;
                    }
                    rustix::fs::fchown(
                        &file,
                        Some(Uid::from_raw(node.uid)),
                        Some(Gid::from_raw(node.gid)),
                    )?;
                }
                // After the owner: chown(2) clears setuid and setgid.
                fchmod(&file, Mode::from_raw_mode(node.mode & 0o7777))?;
                if self.owners
                    && let Some(value) = node.xattrs.get("security.capability")
                {
                    // And after that: chown(2) clears capabilities, too.
                    fsetxattr(&file, "security.capability", value, XattrFlags::empty())?;
                }
                rustix::fs::futimens(&file, &times(node.mtime))?;
                return Ok(());
            }
            NodeKind::Symlink(target) => {
                self.make_room(&parent, name)?;
                symlinkat(target, &parent, name)?;
                utimensat(&parent, name, &times(node.mtime), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            NodeKind::Hardlink(target) => {
                self.make_room(&parent, name)?;
                let target = target.trim_matches('/');
                let (target_parent, target_name) = target.rsplit_once('/').unwrap_or(("", target));
                let target_parent = self.directory(target_parent)?;
                linkat(&target_parent, target_name, &parent, name, AtFlags::empty())?;
                return Ok(());
            }
        }
        if self.owners {
            let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
            chownat(
                &parent,
                name,
                Some(uid),
                Some(gid),
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
        }
        Ok(())
    }

    /// A handle of a directory of the tree; no link is followed on the way.
    fn directory(&self, path: &str) -> io::Result<OwnedFd> {
        let path = if path.is_empty() { "." } else { path };
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        Ok(openat2(&self.root, path, flags, Mode::empty(), resolve)?)
    }

    fn make_room(&self, parent: &OwnedFd, name: &str) -> io::Result<()> {
        match unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives directories their modes and times, and puts the tree in its place.
    ///
    /// # Errors
    /// When that fails; nothing is then at its place.
    pub fn finish(mut self) -> Result<(), StoreError> {
        for (path, (mode, mtime)) in std::mem::take(&mut self.directories).into_iter().rev() {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            let set = || -> io::Result<()> {
                let parent = self.directory(parent)?;
                chmodat(
                    &parent,
                    name,
                    Mode::from_raw_mode(mode & 0o7777),
                    AtFlags::empty(),
                )?;
                utimensat(&parent, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW)?;
                Ok(())
            };
            set().map_err(|source| self.fail(&path, source))?;
        }
        let place = self.place.clone();
        let fail = |source: io::Error| StoreError::Io {
            doing: "write",
            path: place.clone(),
            source,
        };
        fchmod(&self.root, Mode::from_raw_mode(0o755)).map_err(|error| fail(error.into()))?;
        if let Some(building) = self.building.take() {
            // An empty directory gives way to a rename; anything else makes it fail.
            building.rename(&place).map_err(fail)?;
        }
        Ok(())
    }

    fn fail(&self, path: &str, source: io::Error) -> StoreError {
        StoreError::Io {
            doing: "write",
            path: self.place.join(path),
            source,
        }
    }
}

/// How many unfinished directories of other writers are passed by.
const MAX_WRITERS: u32 = 1_000;

/// A directory in which a tree is made, beside its place. It goes when it is dropped; one whose
/// writer was killed is removed by the next writer to the same place.
#[derive(Debug)]
struct Building {
    path: PathBuf,
    /// Whoever holds the lock owns the directory; the kernel gives it back when they die.
    _lock: File,
}

impl Building {
    fn claim(parent: &Path, name: &str) -> io::Result<Self> {
        let mut claimed = None;
        for number in 0..MAX_WRITERS {
            let path = parent.join(format!(".{name}.{number}.kiln-partial"));
            match std::fs::create_dir(&path) {
                // There are no more of them; this one is only needed when none before was free.
                Ok(()) if claimed.is_some() => {
                    std::fs::remove_dir(&path)?;
                    break;
                }
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let Ok(lock) = File::open(&path) else {
                continue;
            };
            if lock.try_lock().is_err() || !is_same(&lock, &path) {
                continue;
            }
            std::fs::remove_dir_all(&path)?;
            if claimed.is_some() {
                continue;
            }
            std::fs::create_dir(&path)?;
            let lock = File::open(&path)?;
            if lock.try_lock().is_ok() && is_same(&lock, &path) {
                claimed = Some(Self { path, _lock: lock });
            }
        }
        claimed.ok_or_else(|| io::Error::other(format!("{MAX_WRITERS} writers are at work on it")))
    }

    fn rename(mut self, place: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, place)?;
        // Nothing is left to remove under the old name.
        self.path = PathBuf::new();
        Ok(())
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Whether an open directory is still the one at its path, which is no link.
fn is_same(open: &File, path: &Path) -> bool {
    match (open.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => {
            there.is_dir() && (open.dev(), open.ino()) == (there.dev(), there.ino())
        }
        _ => false,
    }
}

fn times(mtime: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &BTreeMap<String, Vec<u8>> = &BTreeMap::new();

    fn node<'a>(path: &'a str, kind: NodeKind<'a>, mode: u32) -> Node<'a> {
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        Node {
            path,
            kind,
            mode,
            uid,
            gid,
            mtime: 1000,
            xattrs: NONE,
        }
    }

    #[test]
    fn a_tree_appears_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("root");
        let mut tree = TreeWriter::create(&place).unwrap();
        tree.put(&node("a/", NodeKind::Directory, 0o555), &mut io::empty())
            .unwrap();
        tree.put(
            &node("a/file", NodeKind::File, 0o640),
            &mut b"content".as_slice(),
        )
        .unwrap();
        tree.put(
            &node("a/hard", NodeKind::Hardlink("a/file"), 0o640),
            &mut io::empty(),
        )
        .unwrap();
        tree.put(
            &node("link", NodeKind::Symlink("/a/file"), 0o777),
            &mut io::empty(),
        )
        .unwrap();
        assert!(!place.exists());
        tree.finish().unwrap();
        assert_eq!(std::fs::read(place.join("a/hard")).unwrap(), b"content");
        assert_eq!(
            std::fs::read_link(place.join("link")).unwrap(),
            Path::new("/a/file")
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(place.join("a")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o7777, 0o555);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn escape_through_a_symlink_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        let mut tree = TreeWriter::create(&folder.path().join("root")).unwrap();
        let target = outside.to_string_lossy().into_owned();
        tree.put(
            &node("out", NodeKind::Symlink(&target), 0o777),
            &mut io::empty(),
        )
        .unwrap();
        for path in ["out/file", "../file", "a/../../file", ""] {
            assert!(
                tree.put(&node(path, NodeKind::File, 0o644), &mut b"x".as_slice())
                    .is_err(),
                "{path}"
            );
        }
        assert!(
            tree.put(
                &node("hard", NodeKind::Hardlink("out/file"), 0o644),
                &mut io::empty()
            )
            .is_err()
        );
        drop(tree);
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
        assert!(!folder.path().join("root").exists());
    }

    #[test]
    fn what_a_killed_writer_left_goes_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..3 {
            let left = folder.path().join(format!(".root.{number}.kiln-partial"));
            std::fs::create_dir_all(left.join("usr")).unwrap();
        }
        let place = folder.path().join("root");
        let one = TreeWriter::create(&place).unwrap();
        // Another one at the same time has a directory of its own.
        let two = TreeWriter::create(&place).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        drop(two);
        one.finish().unwrap();
        let names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["root"]);
    }

    #[test]
    fn a_place_that_is_taken_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("mine"), "x").unwrap();
        assert!(TreeWriter::create(folder.path()).is_err());
    }
}
