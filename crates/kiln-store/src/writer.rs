//! How a blob comes in: a temporary file, hashed as it is written, renamed to its digest.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use kiln_types::{Digest, HashWriter};
use rustix::fs::{Mode, RenameFlags, fchmod, fdatasync, renameat, renameat_with};
use rustix::io::Errno;

use crate::blob::Stored;
use crate::layout::{Temporary, blob_name};
use crate::{Store, StoreError};

/// How often a blob that stands in the way is looked at before it is simply replaced.
const TRIES: usize = 3;
const BUFFER: usize = 128 * 1024;

/// A blob that is being written. Dropped without [`BlobWriter::commit`], it never was.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    temporary: Temporary,
    sink: HashWriter<BufWriter<File>>,
}

impl Store {
    /// Begins a blob.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn writer(&self) -> Result<BlobWriter, StoreError> {
        let temporary = self.temporary(0o600)?;
        let file = temporary.file().and_then(File::try_clone);
        let file = file.map_err(|error| self.fail("make", &temporary.path, error))?;
        let sink = HashWriter::new(BufWriter::with_capacity(BUFFER, file));
        Ok(BlobWriter {
            store: self.clone(),
            temporary,
            sink,
        })
    }

    /// Keeps these bytes.
    ///
    /// # Errors
    /// As [`BlobWriter::commit`].
    pub fn put(&self, bytes: &[u8]) -> Result<Stored, StoreError> {
        let mut writer = self.writer()?;
        let needed = bytes.len() as u64;
        writer
            .write_all(bytes)
            .map_err(|error| self.fail_needing("write", &writer.temporary.path, error, needed))?;
        writer.commit(None)
    }

    /// Moves the finished file at `from` to its digest; `file` is a handle of it. Where the blob is
    /// there already and right, that one stays, and the file at `from` is left to the caller:
    /// the second value says whether `from` was moved.
    pub(crate) fn publish(
        &self,
        file: &File,
        from: &str,
        digest: Digest,
    ) -> Result<(Stored, bool), StoreError> {
        let target = blob_name(&digest);
        let fail = |error: Errno| self.fail("write", &target, error);
        fchmod(file, Mode::from_raw_mode(0o444)).map_err(fail)?;
        if self.sync() {
            fdatasync(file).map_err(fail)?;
        }
        let unflushed_in = if self.sync() { None } else { self.boot() };
        let stored = Stored::seen(digest, &self.meta_of(file, from)?, unflushed_in);
        let directory = self.directory();
        for _ in 0..TRIES {
            match renameat_with(
                directory,
                from,
                directory,
                target.as_str(),
                RenameFlags::NOREPLACE,
            ) {
                Ok(()) => return Ok((stored, true)),
                // The one that is there may be what a power cut left: it is hashed, not believed.
                Err(Errno::EXIST) => {
                    if let Some(first) = self.recheck(&digest)? {
                        return Ok((first, false));
                    }
                }
                // A file system that cannot (NFS): the last writer wins, with the same content.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => break,
                Err(error) => return Err(fail(error)),
            }
        }
        renameat(directory, from, directory, target.as_str()).map_err(fail)?;
        Ok((stored, true))
    }
}

impl BlobWriter {
    /// The number of bytes written so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.sink.length()
    }

    /// Ends the blob and makes it visible under its digest. Where the same blob is there already,
    /// that one stays and is what comes back.
    ///
    /// # Errors
    /// When the digest is not `expected`, or when writing fails. In both cases nothing is left.
    pub fn commit(self, expected: Option<&Digest>) -> Result<Stored, StoreError> {
        let Self {
            store,
            mut temporary,
            sink,
        } = self;
        let (digest, size, buffer) = sink.finish();
        let file = buffer.into_inner().map_err(|error| {
            store.fail_needing("write", &temporary.path, error.into_error(), size)
        })?;
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(StoreError::Mismatch {
                expected: *expected,
                found: digest,
                size,
            });
        }
        let (stored, moved) = store.publish(&file, &temporary.path, digest)?;
        if moved {
            temporary.moved();
        }
        Ok(stored)
    }

    fn wrap(&self, error: io::Error, more: usize) -> io::Error {
        let needed = self.sink.length().saturating_add(more as u64);
        self.store
            .fail_needing("write", &self.temporary.path, error, needed)
            .into()
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.sink.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            result => result.map_err(|error| self.wrap(error, bytes.len())),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush().map_err(|error| self.wrap(error, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_types::{Classify as _, ErrorClass};

    /// A writer whose disk is full: `full(4)`.
    fn writer_on_a_full_disk(store: &Store) -> BlobWriter {
        let mut writer = store.writer().unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        writer.sink = HashWriter::new(BufWriter::with_capacity(16, full));
        writer
    }

    #[test]
    fn full_disk_says_where_and_how_much_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let mut writer = writer_on_a_full_disk(&store);
        let error = writer.write_all(&[7; 64]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let inner = StoreError::within(&error).unwrap();
        assert!(inner.is_full(), "{inner:?}");
        assert_eq!(inner.class(), ErrorClass::Environment);
        assert!(
            error
                .to_string()
                .contains(&directory.path().display().to_string()),
            "{error}"
        );
        drop(writer);

        let mut writer = writer_on_a_full_disk(&store);
        writer.write_all(b"buffered").unwrap();
        let error = writer.commit(None).unwrap_err();
        assert!(
            matches!(error, StoreError::Full { needed: 8, .. }),
            "{error:?}"
        );
        let usage = store.usage().unwrap();
        assert_eq!((usage.blobs.count, usage.temporary.count), (0, 0));
    }
}
