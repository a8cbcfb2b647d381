//! Downloads that survive: a file named by the digest it should have, appended to by one process
//! at a time, verified and moved among the blobs at its end.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use kiln_types::{Digest, Sha256};
use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, ftruncate};
use rustix::io::Errno;

use crate::blob::Stored;
use crate::layout::PARTIAL;
use crate::lock::is_free;
use crate::{Store, StoreError};

/// What there is of a download when it begins.
#[derive(Debug)]
pub enum Partial {
    /// The blob is there already, and its content right.
    Done(Stored),
    /// It is yours to write; some of it may be there.
    Open(PartialFile),
    /// Another task or process writes it at this moment: ask again a little later.
    Busy,
}

/// A download that this process alone writes. When dropped it stays, for the next run to go on.
#[derive(Debug)]
pub struct PartialFile {
    store: Store,
    path: String,
    /// Absent once finished.
    file: Option<File>,
    expected: Digest,
    size: Option<u64>,
    length: u64,
    hasher: Sha256,
}

impl Store {
    /// Begins or goes on with the download of a blob of this digest and, where known, size. Never
    /// waits. What is there of it is hashed now (some milliseconds for ten megabytes).
    ///
    /// # Errors
    /// When the file cannot be made or read, or when the rest of it does not fit on the disk.
    pub fn partial(&self, expected: &Digest, size: Option<u64>) -> Result<Partial, StoreError> {
        if let Some(stored) = self.recheck(expected)? {
            return Ok(Partial::Done(stored));
        }
        let path = format!("{PARTIAL}/{}", expected.hex());
        let missing = || {
            self.fail(
                "open",
                &path,
                std::io::Error::from(std::io::ErrorKind::NotFound),
            )
        };
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::APPEND;
        let file = match self.open_file(&path, flags) {
            Ok(file) => file.ok_or_else(missing)?,
            Err(error @ StoreError::Permission { .. }) => {
                self.reopen_for_writing(&path, error)?;
                return Ok(Partial::Busy);
            }
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(Partial::Busy),
            Err(error) => return Err(self.fail("lock", &path, error)),
        }
        // Between opening and locking the one before may have finished it or thrown it away.
        if !self.is_at(&file, &path)? {
            return Ok(Partial::Busy);
        }
        // It may have finished before that, too.
        if let Some(stored) = self.recheck(expected)? {
            self.remove(&path)?;
            return Ok(Partial::Done(stored));
        }
        let meta = self.meta_of(&file, &path)?;
        let mut partial = PartialFile {
            store: self.clone(),
            path,
            file: Some(file),
            expected: *expected,
            size,
            length: 0,
            hasher: Sha256::new(),
        };
        if !meta.regular || size.is_some_and(|size| meta.size > size) {
            partial.restart()?;
        } else if meta.size > 0 {
            partial.take_up()?;
        }
        if let Some(size) = size {
            self.require_space(size.saturating_sub(partial.length))?;
        }
        Ok(Partial::Open(partial))
    }

    /// A kill between the last two steps of [`Store::publish`] leaves the file read-only: makes it
    /// writable again, unless somebody is between those steps now.
    fn reopen_for_writing(&self, path: &str, denied: StoreError) -> Result<(), StoreError> {
        let Ok(file) = self.open_file(path, OFlags::RDONLY) else {
            return Err(denied);
        };
        let Some(file) = file else { return Ok(()) };
        if is_free(&file) && self.is_at(&file, path)? {
            fchmod(&file, Mode::from_raw_mode(0o600))
                .map_err(|error| self.fail("open", path, error))?;
        }
        Ok(())
    }
}

impl PartialFile {
    /// The number of bytes that are there.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The digest that the whole should have.
    #[must_use]
    pub const fn expected(&self) -> &Digest {
        &self.expected
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// When they cannot be written; what was there before still counts.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let result = self.open().and_then(|mut file| {
            file.write_all(bytes).map_err(|error| {
                let rest = self
                    .size
                    .map_or(bytes.len() as u64, |size| size.saturating_sub(self.length));
                self.store.fail_needing("write", &self.path, error, rest)
            })
        });
        match result {
            Ok(()) => {
                self.hasher.update(bytes);
                self.length = self.length.saturating_add(bytes.len() as u64);
                Ok(())
            }
            Err(error) => {
                // A part of `bytes` may have been written: back to what was hashed.
                if let Some(file) = &self.file {
                    let _ = ftruncate(file, self.length);
                }
                Err(error)
            }
        }
    }

    /// Throws away what is there and begins anew.
    ///
    /// # Errors
    /// When the file cannot be emptied.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        ftruncate(self.open()?, 0).map_err(|error| self.store.fail("empty", &self.path, error))?;
        self.length = 0;
        self.hasher = Sha256::new();
        Ok(())
    }

    /// Verifies digest and size and makes the blob visible. When that fails the content is thrown
    /// away, and the download may begin anew on this value.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] for wrong content; others when moving the file fails.
    pub fn finish(&mut self) -> Result<Stored, StoreError> {
        let found = self.hasher.clone().finish();
        if found != self.expected || self.size.is_some_and(|size| size != self.length) {
            let size = self.length;
            self.restart()?;
            return Err(StoreError::Mismatch {
                expected: self.expected,
                found,
                size,
            });
        }
        let (stored, moved) = self
            .store
            .publish(self.open()?, &self.path, self.expected)?;
        if !moved {
            self.store.remove(&self.path)?;
        }
        self.file = None;
        Ok(stored)
    }

    fn open(&self) -> Result<&File, StoreError> {
        let over = || std::io::Error::other("the download is already finished");
        self.file
            .as_ref()
            .ok_or_else(|| self.store.fail("write", &self.path, over()))
    }

    /// Hashes what an earlier run left.
    fn take_up(&mut self) -> Result<(), StoreError> {
        let mut file = self.open()?;
        let fail = |error| self.store.fail("read", &self.path, error);
        fchmod(file, Mode::from_raw_mode(0o600))
            .map_err(|error| self.store.fail("open", &self.path, error))?;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        let mut seen = 0_u64;
        loop {
            let count = std::io::Read::read(&mut file, &mut buffer).map_err(fail)?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
            seen = seen.saturating_add(count as u64);
        }
        self.hasher = hasher;
        self.length = seen;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        let Some(file) = &self.file else { return };
        if self.length == 0 {
            let _ = self.store.remove(&self.path);
        }
        // For the reason that `LockGuard` has: a child of another thread may hold the file open.
        let _ = flock(file, FlockOperation::Unlock);
    }
}
