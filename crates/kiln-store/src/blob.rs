//! Blobs that are there: what was recorded of them, and whether it still holds.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

use kiln_types::{BlobSource, Digest, Mark, Sha256};
use rustix::fs::{OFlags, fdatasync};
use serde::{Deserialize, Serialize};

use crate::layout::{Meta, blob_name};
use crate::{Store, StoreError};

/// What was seen of a blob when its content was last known to be right.
///
/// Written as one string, `blob:<hex>:<size>:<mtime_ns>:<inode>:<boot or ->`: by these strings
/// the store knows which blobs a record refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stored {
    /// The digest of the content.
    pub digest: Digest,
    /// The size in bytes.
    pub size: u64,
    /// The time of the last modification, in nanoseconds since the epoch.
    pub mtime_ns: i64,
    /// The inode number.
    pub inode: u64,
    /// The boot of the machine in which the blob was written, where it was not flushed to the disk:
    /// in another boot it must be hashed again.
    pub unflushed_in: Option<u64>,
}

/// What a look at a blob says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Size, mtime and inode are as recorded, and no power cut can have come between.
    Intact,
    /// It is not there.
    Missing,
    /// It is not as recorded: [`Store::recheck`] says whether its content is still right.
    Changed,
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{PREFIX}{}:{}:{}:{}:",
            self.digest.hex(),
            self.size,
            self.mtime_ns,
            self.inode
        )?;
        match self.unflushed_in {
            Some(boot) => write!(f, "{boot:016x}"),
            None => f.write_str("-"),
        }
    }
}

const PREFIX: &str = "blob:";

/// A text that is not a [`Stored`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` does not describe a stored blob")]
pub struct StoredError {
    /// What was written, shortened.
    pub found: String,
}

impl FromStr for Stored {
    type Err = StoredError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || -> Option<Self> {
            let mut parts = text.strip_prefix(PREFIX)?.split(':');
            let digest = Digest::from_hex(parts.next()?).ok()?;
            let size = parts.next()?.parse().ok()?;
            let mtime_ns = parts.next()?.parse().ok()?;
            let inode = parts.next()?.parse().ok()?;
            let unflushed_in = match parts.next()? {
                "-" => None,
                boot => Some(u64::from_str_radix(boot, 16).ok()?),
            };
            parts.next().is_none().then_some(Self {
                digest,
                size,
                mtime_ns,
                inode,
                unflushed_in,
            })
        };
        parse().ok_or_else(|| StoredError {
            found: text.chars().take(80).collect(),
        })
    }
}

impl Serialize for Stored {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Stored {
    /// The digests of the blobs that a record refers to: of every [`Stored`] written in it.
    pub(crate) fn named_in(bytes: &[u8]) -> Vec<Digest> {
        let mut digests = Vec::new();
        let marker = b"\"blob:";
        let mut rest = bytes;
        while let Some(at) = rest
            .windows(marker.len())
            .position(|window| window == marker)
        {
            rest = rest.get(at + marker.len()..).unwrap_or_default();
            let hex = rest.get(..64).and_then(|hex| std::str::from_utf8(hex).ok());
            if let Some(digest) = hex.and_then(|hex| Digest::from_hex(hex).ok()) {
                digests.push(digest);
            }
        }
        digests.sort_unstable();
        digests.dedup();
        digests
    }

    pub(crate) fn seen(digest: Digest, meta: &Meta, unflushed_in: Option<u64>) -> Self {
        Self {
            digest,
            size: meta.size,
            mtime_ns: meta.mtime_ns,
            inode: meta.inode,
            unflushed_in,
        }
    }
}

impl Store {
    /// Whether a blob is as recorded: one `fstatat`, no reading. Renews its access stamp.
    ///
    /// It does not see a change that kept size, inode and mtime: [`Store::verify`] does.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn check(&self, stored: &Stored) -> Result<Check, StoreError> {
        let path = blob_name(&stored.digest);
        let Some(meta) = self.meta(&path)? else {
            return Ok(Check::Missing);
        };
        let flushed = stored.unflushed_in.is_none() || stored.unflushed_in == self.boot();
        let same = meta.regular
            && meta.size == stored.size
            && meta.mtime_ns == stored.mtime_ns
            && meta.inode == stored.inode;
        if !(same && flushed) {
            return Ok(Check::Changed);
        }
        self.stamp(&path, meta.accessed, false);
        Ok(Check::Intact)
    }

    /// Hashes a blob again: what to record of it now, or `None` where there is none or its content
    /// was wrong, in which case it is removed.
    ///
    /// # Errors
    /// When the blob cannot be read, flushed or removed.
    pub fn recheck(&self, digest: &Digest) -> Result<Option<Stored>, StoreError> {
        let path = blob_name(digest);
        if self.meta(&path)?.is_some_and(|meta| !meta.regular) {
            self.remove(&path)?;
        }
        let Some(file) = self.open_file(&path, OFlags::RDONLY | OFlags::NONBLOCK)? else {
            return Ok(None);
        };
        let before = self.meta_of(&file, &path)?;
        let right = before.regular && {
            let found = self.hash(&file, &path, &mut |_| {})?;
            let after = self.meta_of(&file, &path)?;
            found == *digest && after.mtime_ns == before.mtime_ns && after.size == before.size
        };
        if right {
            // Free where the blob was flushed long ago; from now on no boot matters.
            fdatasync(&file).map_err(|error| self.fail("flush", &path, error))?;
            return Ok(Some(Stored::seen(*digest, &before, None)));
        }
        if self.is_at(&file, &path)? {
            self.remove(&path)?;
        }
        Ok(None)
    }

    /// [`Store::check`], and where something changed [`Store::recheck`]: what to record now, or
    /// `None` where the blob is gone or was wrong. The same value comes back while all is well.
    ///
    /// # Errors
    /// As those two.
    pub fn ensure(&self, stored: &Stored) -> Result<Option<Stored>, StoreError> {
        match self.check(stored)? {
            Check::Intact => Ok(Some(*stored)),
            Check::Missing => Ok(None),
            Check::Changed => self.recheck(&stored.digest),
        }
    }

    /// Opens a blob for reading and seeking; `None` where it is not there. Its content is not
    /// verified: [`Store::check`] comes first.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<File>, StoreError> {
        self.open_file(&blob_name(digest), OFlags::RDONLY)
    }

    pub(crate) fn hash(
        &self,
        mut file: &File,
        path: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Digest, StoreError> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(count) => {
                    hasher.update(buffer.get(..count).unwrap_or_default());
                    progress(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail("read", path, error)),
            }
        }
    }
}

impl BlobSource for Store {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        match self.open_blob(digest)? {
            Some(file) => Ok(Box::new(file)),
            None => {
                let text = format!(
                    "blob {digest} is not in the store `{}`",
                    self.root().display()
                );
                Err(io::Error::new(io::ErrorKind::NotFound, text))
            }
        }
    }

    /// By what the store itself knows its blobs by, and the boot: what was not flushed is hashed
    /// again after the next one.
    fn mark(&self, digest: &Digest) -> io::Result<Option<Mark>> {
        let path = blob_name(digest);
        let Some(meta) = self.meta(&path)?.filter(|meta| meta.regular) else {
            return Ok(None);
        };
        self.stamp(&path, meta.accessed, false);
        Ok(Some(Mark {
            text: Stored::seen(*digest, &meta, self.boot()).to_string(),
            // Nobody writes to a blob of the store once it is there; its age says nothing more.
            changed_ns: i64::MIN,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_stored() -> impl Strategy<Value = Stored> {
        (
            any::<[u8; 32]>(),
            any::<(u64, i64, u64)>(),
            any::<Option<u64>>(),
        )
            .prop_map(|(bytes, numbers, unflushed_in)| {
                let (size, mtime_ns, inode) = numbers;
                Stored {
                    digest: Digest::from_bytes(bytes),
                    size,
                    mtime_ns,
                    inode,
                    unflushed_in,
                }
            })
    }

    proptest! {
        #[test]
        fn written_and_read_is_the_same(stored in any_stored()) {
            prop_assert_eq!(stored.to_string().parse::<Stored>().unwrap(), stored);
            let json = serde_json::to_string(&stored).unwrap();
            prop_assert_eq!(serde_json::from_str::<Stored>(&json).unwrap(), stored);
        }

        #[test]
        fn foreign_text_never_panics(text: String, bytes: Vec<u8>) {
            let _ = text.parse::<Stored>();
            let _ = format!("blob:{text}").parse::<Stored>();
            let _ = Stored::named_in(&bytes);
        }

        #[test]
        fn a_record_refers_to_what_stands_in_it(list in prop::collection::vec(any_stored(), 0..5)) {
            let other = Digest::of(b"only mentioned");
            let json = serde_json::to_vec_pretty(&(&list, other)).unwrap();
            let mut expected: Vec<_> = list.iter().map(|stored| stored.digest).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(Stored::named_in(&json), expected);
        }
    }

    #[test]
    fn refuses_other_spellings() {
        let right = Stored {
            digest: Digest::of(b""),
            size: 1,
            mtime_ns: -2,
            inode: 3,
            unflushed_in: None,
        }
        .to_string();
        assert!(right.parse::<Stored>().is_ok());
        for text in [
            "",
            "blob:",
            &right[5..],
            &right[..right.len() - 2],
            &format!("{right}:"),
            &format!("{right}x"),
        ] {
            assert!(text.parse::<Stored>().is_err(), "{text}");
        }
    }
}
