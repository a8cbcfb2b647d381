//! The store's directory: how it is made and opened, and the few file operations all others use.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kiln_types::{Digest, Timestamp};
use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod,
    flock, fstat, fstatvfs, mkdirat, openat, statat, unlinkat, utimensat,
};
use rustix::io::Errno;

use crate::StoreError;

/// The layout that this code reads and writes.
const LAYOUT: u32 = 1;
const VERSION: &str = "version";
pub(crate) const BLOBS: &str = "blobs/sha256";
pub(crate) const PARTIAL: &str = "partial";
pub(crate) const TMP: &str = "tmp";
pub(crate) const LOCKS: &str = "locks";
pub(crate) const RECORDS: &str = "records";
const DIRECTORIES: [&str; 6] = ["blobs", BLOBS, PARTIAL, TMP, LOCKS, RECORDS];
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Access stamps are renewed when they are older than this, in seconds.
const STAMP_AGE: i64 = 86_400;

/// How a store is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// Flush every blob to the disk before it appears. Without it blobs are hashed again after a
    /// reboot, which is as safe and much faster to write.
    pub sync: bool,
}

/// A content-addressed store. Cheap to clone; all methods may be called from many threads.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    directory: OwnedFd,
    sync: bool,
    /// A number for this boot of the machine; absent where the kernel does not tell.
    boot: Option<u64>,
    /// The time that access stamps get, in seconds; `i64::MIN` while nothing is stamped.
    now: AtomicI64,
}

/// What `stat` says of a file, as far as the store looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
    /// Seconds.
    pub(crate) accessed: i64,
    /// Seconds.
    pub(crate) modified: i64,
    pub(crate) regular: bool,
}

impl From<Stat> for Meta {
    fn from(stat: Stat) -> Self {
        let nanoseconds = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime_ns: stat
                .st_mtime
                .saturating_mul(1_000_000_000)
                .saturating_add(nanoseconds),
            inode: stat.st_ino,
            device: stat.st_dev,
            accessed: stat.st_atime,
            modified: stat.st_mtime,
            regular: rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file(),
        }
    }
}

impl Store {
    /// Opens the store at `root`, and makes it where there is none (directories of mode 0700).
    ///
    /// # Errors
    /// When the directory cannot be made or read, when it is something else, or when a newer kiln
    /// made it.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        Self::open_with(root, &StoreOptions::default())
    }

    /// The same, with options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(root: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || rustix::fs::open(root, flags, Mode::empty());
        let directory = match open() {
            Err(Errno::NOENT) => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(root)
                    .map_err(|error| failure("make", root, error, 0, None))?;
                open()
            }
            other => other,
        }
        .map_err(|error| failure("open", root, error.into(), 0, None))?;
        let boot = boot_id();
        let store = Self {
            inner: Arc::new(Inner {
                root: root.to_owned(),
                directory,
                sync: options.sync || boot.is_none(),
                boot,
                now: AtomicI64::new(i64::MIN),
            }),
        };
        match store.read_small(VERSION, 64)? {
            Some(bytes) => {
                store.check_version(&bytes)?;
                store.heal();
            }
            None => store.make()?,
        }
        Ok(store)
    }

    /// From now on blobs and records that are used get this time as their access stamp (once a
    /// day each). Without it nothing is stamped, and [`Store::prune`] takes the oldest first.
    pub fn stamp_at(&self, now: Timestamp) {
        self.inner.now.store(now.unix(), Ordering::Relaxed);
    }

    /// Where the store is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The path of a blob, whether it is there or not.
    #[must_use]
    pub fn path_of(&self, digest: &Digest) -> PathBuf {
        self.inner.root.join(blob_name(digest))
    }

    /// The bytes that are free for this user on the store's file system.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free_space(&self) -> Result<u64, StoreError> {
        let space =
            fstatvfs(&self.inner.directory).map_err(|error| self.fail("look at", "", error))?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// An error at once when `needed` more bytes do not fit, rather than after writing many.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn require_space(&self, needed: u64) -> Result<(), StoreError> {
        let available = self.free_space()?;
        if available < needed {
            let path = self.inner.root.clone();
            return Err(StoreError::Full {
                doing: "write",
                path,
                needed,
                available,
            });
        }
        Ok(())
    }

    fn check_version(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let text = String::from_utf8_lossy(bytes);
        let found: u32 = text.trim().parse().map_err(|_| StoreError::NotAStore {
            path: self.inner.root.clone(),
            reason: format!("its file `{VERSION}` does not hold a number"),
        })?;
        if found > LAYOUT {
            return Err(StoreError::Newer {
                path: self.inner.root.clone(),
                found,
                known: LAYOUT,
            });
        }
        Ok(())
    }

    /// Makes the directories that somebody removed. Where that cannot be done (a store that is only
    /// read), whatever needs them says so.
    fn heal(&self) {
        for name in DIRECTORIES {
            let _ = self.make_directory(name);
        }
    }

    /// Makes the directories and then the marker; several processes may do so at once.
    fn make(&self) -> Result<(), StoreError> {
        for name in DIRECTORIES {
            self.make_directory(name)?;
        }
        let mut temporary = self.temporary(0o644)?;
        temporary.write(format!("{LAYOUT}\n").as_bytes())?;
        temporary.replace(VERSION)
    }

    // What follows is for the other files of this crate. Paths are relative to the root.

    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.inner.directory
    }

    pub(crate) fn sync(&self) -> bool {
        self.inner.sync
    }

    /// A number for this boot of the machine; absent where the kernel does not tell.
    #[must_use]
    pub fn boot(&self) -> Option<u64> {
        self.inner.boot
    }

    pub(crate) fn full_path(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.inner.root.clone()
        } else {
            self.inner.root.join(path)
        }
    }

    pub(crate) fn fail(
        &self,
        doing: &'static str,
        path: &str,
        error: impl Into<io::Error>,
    ) -> StoreError {
        self.fail_needing(doing, path, error, 0)
    }

    /// The error of a failed operation that needed so many bytes.
    pub(crate) fn fail_needing(
        &self,
        doing: &'static str,
        path: &str,
        error: impl Into<io::Error>,
        needed: u64,
    ) -> StoreError {
        failure(
            doing,
            &self.full_path(path),
            error.into(),
            needed,
            Some(&self.inner.directory),
        )
    }

    pub(crate) fn make_directory(&self, name: &str) -> Result<(), StoreError> {
        match mkdirat(&self.inner.directory, name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(self.fail("make", name, error)),
        }
    }

    /// Opens a file of the store; `None` where it is not there. A link in its place is an error.
    pub(crate) fn open_file(&self, path: &str, flags: OFlags) -> Result<Option<File>, StoreError> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        match openat(
            &self.inner.directory,
            path,
            flags,
            Mode::from_raw_mode(0o600),
        ) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.fail("open", path, error)),
        }
    }

    pub(crate) fn meta(&self, path: &str) -> Result<Option<Meta>, StoreError> {
        match statat(&self.inner.directory, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.fail("look at", path, error)),
        }
    }

    pub(crate) fn meta_of(&self, file: &File, path: &str) -> Result<Meta, StoreError> {
        fstat(file)
            .map(Meta::from)
            .map_err(|error| self.fail("look at", path, error))
    }

    /// Whether the open file is still the one that stands at this path.
    pub(crate) fn is_at(&self, file: &File, path: &str) -> Result<bool, StoreError> {
        let open = self.meta_of(file, path)?;
        let there = self.meta(path)?;
        Ok(there.is_some_and(|there| there.inode == open.inode && there.device == open.device))
    }

    /// Removes a file; whether it was there.
    pub(crate) fn remove(&self, path: &str) -> Result<bool, StoreError> {
        match unlinkat(&self.inner.directory, path, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.fail("remove", path, error)),
        }
    }

    /// Reads a whole file of at most `limit` bytes; `None` where it is not there.
    pub(crate) fn read_small(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(file) = self.open_file(path, OFlags::RDONLY)? else {
            return Ok(None);
        };
        // No more memory than the file has bytes, and one read where it does not grow meanwhile.
        let size = file.metadata().map_or(0, |meta| meta.len());
        let room = size.min(limit).saturating_add(1);
        let mut bytes = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
        file.take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| self.fail("read", path, error))?;
        if bytes.len() as u64 > limit {
            let size = bytes.len() as u64;
            return Err(StoreError::TooLarge {
                path: self.full_path(path),
                size,
                limit,
            });
        }
        Ok(Some(bytes))
    }

    /// The names in a directory, sorted; names that are no UTF-8 are shown with replacements.
    pub(crate) fn names_in(&self, path: &str) -> Result<Vec<String>, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let directory = match openat(&self.inner.directory, path, flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(Vec::new()),
            Err(error) => return Err(self.fail("read", path, error)),
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(|error| self.fail("read", path, error))? {
            let entry = entry.map_err(|error| self.fail("read", path, error))?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Renews a stamp that is older than a day. That it fails (a read-only disk) does not matter.
    pub(crate) fn stamp(&self, path: &str, stamped: i64, modification: bool) {
        let now = self.inner.now.load(Ordering::Relaxed);
        if now != i64::MIN && stamped < now.saturating_sub(STAMP_AGE) {
            let now = Timespec {
                tv_sec: now,
                tv_nsec: 0,
            };
            let omit = Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            };
            let last_modification = if modification { now } else { omit };
            let times = Timestamps {
                last_access: now,
                last_modification,
            };
            let _ = utimensat(
                &self.inner.directory,
                path,
                &times,
                AtFlags::SYMLINK_NOFOLLOW,
            );
        }
    }

    /// A new file under `tmp/`, locked by this process for as long as it is open.
    pub(crate) fn temporary(&self, mode: u32) -> Result<Temporary, StoreError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        loop {
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let path = format!("{TMP}/{}-{serial}", std::process::id());
            let file = match openat(
                &self.inner.directory,
                path.as_str(),
                flags,
                Mode::from_raw_mode(0o600),
            ) {
                Ok(file) => File::from(file),
                // Another process of the same number, in another container.
                Err(Errno::EXIST) => continue,
                Err(error) => return Err(self.fail("make", &path, error)),
            };
            // Somebody who prunes may have seen the file before it was locked, and removed it.
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
                || !self.is_at(&file, &path)?
            {
                continue;
            }
            fchmod(&file, Mode::from_raw_mode(mode))
                .map_err(|error| self.fail("make", &path, error))?;
            return Ok(Temporary {
                store: self.clone(),
                path,
                file: Some(file),
            });
        }
    }
}

/// A file under `tmp/` that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    store: Store,
    pub(crate) path: String,
    /// Present until the file was moved away.
    file: Option<File>,
}

impl Temporary {
    pub(crate) fn file(&self) -> io::Result<&File> {
        self.file
            .as_ref()
            .ok_or_else(|| io::Error::other("the file was already moved away"))
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let result = self
            .file()
            .and_then(|mut file| io::Write::write_all(&mut file, bytes));
        result.map_err(|error| {
            self.store
                .fail_needing("write", &self.path, error, bytes.len() as u64)
        })
    }

    /// Puts the file at `target`, in place of what is there.
    pub(crate) fn replace(mut self, target: &str) -> Result<(), StoreError> {
        let directory = &self.store.inner.directory;
        rustix::fs::renameat(directory, self.path.as_str(), directory, target)
            .map_err(|error| self.store.fail("write", target, error))?;
        self.moved();
        Ok(())
    }

    /// The file was moved away: nothing to remove.
    pub(crate) fn moved(&mut self) {
        self.file = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = self.store.remove(&self.path);
        }
    }
}

/// The name of a blob below the root.
pub(crate) fn blob_name(digest: &Digest) -> String {
    format!("{BLOBS}/{}", digest.hex())
}

/// Sorts what the system said into the kinds that a person can do something about.
fn failure(
    doing: &'static str,
    path: &Path,
    source: io::Error,
    needed: u64,
    directory: Option<&OwnedFd>,
) -> StoreError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let available = directory
                .and_then(|directory| fstatvfs(directory.as_fd()).ok())
                .map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize));
            StoreError::Full {
                doing,
                path,
                needed,
                available,
            }
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Permission {
                doing,
                path,
                source,
            }
        }
        _ => StoreError::Io {
            doing,
            path,
            source,
        },
    }
}

/// A number for this boot, from the kernel's random id of it (`random(4)`).
fn boot_id() -> Option<u64> {
    let mut text = String::new();
    File::open(BOOT_ID)
        .ok()?
        .take(64)
        .read_to_string(&mut text)
        .ok()?;
    let digits: String = text.trim().chars().filter(|c| *c != '-').take(16).collect();
    u64::from_str_radix(&digits, 16)
        .ok()
        .filter(|_| digits.len() == 16)
}
