//! The folder of the databases of this machine.
//!
//! A database is a file whose name says when it was made and what its digest is; it appears under
//! that name when it is whole and was read record by record. The newest is in use, unless somebody
//! went back to an older one: then a file `in-use` names it, until something newer comes in. Who
//! writes here holds the lock.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use kiln_types::{Digest, Timestamp};
use kiln_vuln::{Database, DatabaseError, signature};

use super::{AdvisoryError, file_error, open_database};

/// The largest database that is taken over.
pub(super) const LARGEST_DATABASE: u64 = 1 << 30;

/// The largest signature.
pub(super) const LARGEST_SIGNATURE: u64 = 4 << 10;

/// What follows a database's file name in that of its signature.
pub const SIGNATURE_SUFFIX: &str = ".sig";

const SUFFIX: &str = ".kilndb";

/// What a file is called while it is written.
pub(super) const PART: &str = ".part-";

/// Names the database that is in use where that is not the newest.
const IN_USE: &str = "in-use";

/// A database that is installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snapshot {
    /// When it was built.
    pub built: Timestamp,
    /// The digest of its file.
    pub digest: Digest,
    /// The file.
    pub path: PathBuf,
}

/// Held by the one process that changes the folder.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// The databases of this machine.
#[derive(Clone, Debug)]
pub struct AdvisoryFolder {
    folder: PathBuf,
}

impl AdvisoryFolder {
    /// Those below the folder of the store.
    #[must_use]
    pub fn new(home: &Path) -> Self {
        Self {
            folder: home.join("advisories"),
        }
    }

    /// Where they are.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Waits until nobody else changes the folder; `waiting` is called where that takes time. What a
    /// process left behind that was killed is removed.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn lock(&self, waiting: &mut dyn FnMut()) -> Result<FolderLock, AdvisoryError> {
        std::fs::create_dir_all(&self.folder).map_err(file_error(&self.folder))?;
        let path = self.folder.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(file_error(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(file_error(&path))?;
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(file_error(&path)(error)),
        }
        self.sweep(&self.folder)?;
        Ok(FolderLock { _file: file })
    }

    /// Removes files that were never finished: only who holds the lock writes any.
    pub(super) fn sweep(&self, folder: &Path) -> Result<(), AdvisoryError> {
        for (name, path) in list(folder)? {
            if name.starts_with(PART) {
                std::fs::remove_file(&path).map_err(file_error(&path))?;
            }
        }
        Ok(())
    }

    /// All databases, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, AdvisoryError> {
        let mut out = Vec::new();
        for (name, path) in list(&self.folder)? {
            let parts = name
                .strip_suffix(SUFFIX)
                .and_then(|name| name.split_once('-'));
            let Some((built, hex)) = parts else { continue };
            if let (Ok(built), Ok(digest)) = (built.parse(), Digest::from_hex(hex)) {
                out.push(Snapshot {
                    built,
                    digest,
                    path,
                });
            }
        }
        out.sort();
        Ok(out)
    }

    /// The database in use.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn in_use(&self) -> Result<Option<Snapshot>, AdvisoryError> {
        let snapshots = self.snapshots()?;
        let named = std::fs::read_to_string(self.folder.join(IN_USE)).unwrap_or_default();
        let named = self.folder.join(named.trim());
        let chosen = snapshots.iter().find(|snapshot| snapshot.path == named);
        Ok(chosen.or(snapshots.last()).cloned())
    }

    /// The database in use, or the newest that was made at a moment or before.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn open(&self, at: Option<Timestamp>) -> Result<(Snapshot, Database<File>), AdvisoryError> {
        let found = match at {
            None => self.in_use()?,
            Some(at) => self
                .snapshots()?
                .into_iter()
                .rfind(|snapshot| snapshot.built <= at),
        };
        let snapshot = found.ok_or(AdvisoryError::None { at })?;
        let database = open_database(&snapshot.path)?;
        Ok((snapshot, database))
    }

    /// Keeps a database, and puts it into use where it is not older than the one that is: it is checked
    /// record by record first. `back` puts an older one into use too.
    ///
    /// # Errors
    /// When it is damaged, or cannot be written; what was in use stays in use.
    pub fn install(&self, bytes: &[u8], back: bool) -> Result<Snapshot, AdvisoryError> {
        let damaged = |source| AdvisoryError::Database {
            path: "the new database".to_owned(),
            source,
        };
        let database = Database::open(bytes).map_err(damaged)?;
        database.check().map_err(damaged)?;
        let built = database.meta().built;
        let digest = Digest::of(bytes);
        std::fs::create_dir_all(&self.folder).map_err(file_error(&self.folder))?;
        let before = self.in_use()?;
        let name = format!("{}-{}{SUFFIX}", compact(built), digest.hex());
        let path = self.folder.join(&name);
        write_whole(&path, bytes)?;
        let snapshot = Snapshot {
            built,
            digest,
            path,
        };
        let is_later = before.is_none_or(|before| before.built <= built);
        if back || is_later {
            self.put_into_use(&snapshot)?;
        }
        Ok(snapshot)
    }

    fn put_into_use(&self, snapshot: &Snapshot) -> Result<(), AdvisoryError> {
        let pointer = self.folder.join(IN_USE);
        if self.snapshots()?.last() != Some(snapshot) {
            let name = snapshot.path.file_name().unwrap_or_default();
            return write_whole(&pointer, name.as_encoded_bytes());
        }
        match std::fs::remove_file(&pointer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(file_error(&pointer)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes databases until so many are left: first those of a day that has a newer one, then the
    /// oldest. The one in use stays. Gives those that went.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn prune(&self, keep: usize) -> Result<Vec<Snapshot>, AdvisoryError> {
        let snapshots = self.snapshots()?;
        let in_use = self.in_use()?;
        let day = |snapshot: &Snapshot| snapshot.built.unix().div_euclid(86_400);
        let is_last_of_day = |at: usize| {
            let next = snapshots.get(at + 1);
            next.is_none_or(|next| snapshots.get(at).map(day) != Some(day(next)))
        };
        let mut order: Vec<usize> = (0..snapshots.len()).collect();
        order.sort_by_key(|at| (is_last_of_day(*at), *at));
        let count = snapshots.len().saturating_sub(keep.max(1));
        let gone: BTreeSet<usize> = order
            .into_iter()
            .filter(|at| snapshots.get(*at) != in_use.as_ref())
            .take(count)
            .collect();
        let mut out = Vec::new();
        for (at, snapshot) in snapshots.into_iter().enumerate() {
            if gone.contains(&at) {
                std::fs::remove_file(&snapshot.path).map_err(file_error(&snapshot.path))?;
                out.push(snapshot);
            }
        }
        Ok(out)
    }

    /// Takes over a database file that somebody else made. Where keys are given, one of them must have
    /// signed the file. An older one than that in use is kept, and does not come into use.
    ///
    /// # Errors
    /// When the signature is missing or wrong, when the file is of a day that is to come, or as [`AdvisoryFolder::install`].
    pub fn import(
        &self,
        path: &Path,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<Snapshot, AdvisoryError> {
        // A pipe would wait for somebody to write into it.
        if !std::fs::metadata(path).map_err(file_error(path))?.is_file() {
            let reason = std::io::Error::other("it is no regular file");
            return Err(file_error(path)(reason));
        }
        let file = File::open(path).map_err(file_error(path))?;
        let mut bytes = Vec::new();
        file.take(LARGEST_DATABASE + 1)
            .read_to_end(&mut bytes)
            .map_err(file_error(path))?;
        if bytes.len() as u64 > LARGEST_DATABASE {
            return Err(AdvisoryError::Database {
                path: path.display().to_string(),
                source: DatabaseError::Format,
            });
        }
        if let Some(key) = key {
            let mut beside = path.as_os_str().to_owned();
            beside.push(SIGNATURE_SUFFIX);
            let mut text = String::new();
            File::open(&beside)
                .and_then(|file| file.take(LARGEST_SIGNATURE).read_to_string(&mut text))
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => AdvisoryError::Unsigned {
                        path: path.display().to_string(),
                    },
                    io::ErrorKind::InvalidData => AdvisoryError::Signature {
                        path: path.display().to_string(),
                        source: signature::SignatureError::Form,
                    },
                    _ => file_error(Path::new(&beside))(error),
                })?;
            signature::verify(key, &Digest::of(&bytes), &text).map_err(|source| {
                AdvisoryError::Signature {
                    path: path.display().to_string(),
                    source,
                }
            })?;
        }
        let opened =
            Database::open(bytes.as_slice()).map_err(|source| AdvisoryError::Database {
                path: path.display().to_string(),
                source,
            })?;
        let built = opened.meta().built;
        if is_to_come(built, now) {
            return Err(AdvisoryError::ToCome {
                place: path.display().to_string(),
                built,
            });
        }
        self.install(&bytes, false)
    }
}

/// Whether a database is of a day that is to come: it would make all that follow old. Clocks may
/// differ by a day.
pub(super) fn is_to_come(built: Timestamp, now: Timestamp) -> bool {
    built.unix() > now.unix().saturating_add(86_400)
}

/// The files of a folder by name; none where there is no folder.
pub(super) fn list(folder: &Path) -> Result<Vec<(String, PathBuf)>, AdvisoryError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error(folder)(error)),
    };
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry.map_err(file_error(folder))?;
        if let Ok(name) = entry.file_name().into_string() {
            out.push((name, entry.path()));
        }
    }
    out.sort();
    Ok(out)
}

/// A file that is written under another name until it is [`kept`].
pub(super) fn part(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(PART).tempfile_in(folder)
}

/// Gives a written file its name, when it is on the disk.
pub(super) fn kept(file: tempfile::NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map(|_| ()).map_err(|error| error.error)
}

/// Writes a file whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), AdvisoryError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = part(folder)?;
        file.write_all(bytes)?;
        kept(file, path)
    };
    write().map_err(file_error(path))
}

/// `20261127T101500Z`: a date without what file systems dislike.
pub(super) fn compact(date: Timestamp) -> String {
    date.to_string().replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use kiln_vuln::{AdvisorySet, write_database};

    use super::*;

    fn database(date: &str) -> Vec<u8> {
        let mut set = AdvisorySet::new();
        set.finish();
        write_database(&set, date.parse().unwrap())
    }

    fn built(list: &[Snapshot]) -> Vec<String> {
        list.iter().map(|one| one.built.to_string()).collect()
    }

    #[test]
    fn the_newest_is_in_use_until_somebody_goes_back() {
        let home = tempfile::tempdir().unwrap();
        let folder = AdvisoryFolder::new(home.path());
        let in_use = || folder.in_use().unwrap().unwrap().built.to_string();
        folder
            .install(&database("2030-01-02T00:00:00Z"), false)
            .unwrap();
        folder
            .install(&database("2030-01-01T00:00:00Z"), false)
            .unwrap();
        assert_eq!(in_use(), "2030-01-02T00:00:00Z");
        folder
            .install(&database("2030-01-01T00:00:00Z"), true)
            .unwrap();
        assert_eq!(in_use(), "2030-01-01T00:00:00Z");
        // Between the two: newer than what is in use, and not the newest.
        folder
            .install(&database("2030-01-01T12:00:00Z"), false)
            .unwrap();
        assert_eq!(in_use(), "2030-01-01T12:00:00Z");
        folder
            .install(&database("2030-01-03T00:00:00Z"), false)
            .unwrap();
        assert_eq!(in_use(), "2030-01-03T00:00:00Z");
        assert!(!home.path().join("advisories/in-use").exists());
    }

    #[test]
    fn the_last_of_each_day_stays_longest_and_the_one_in_use_always() {
        let home = tempfile::tempdir().unwrap();
        let folder = AdvisoryFolder::new(home.path());
        for date in [
            "2030-01-01T06:00:00Z",
            "2030-01-01T18:00:00Z",
            "2030-01-02T06:00:00Z",
            "2030-01-03T06:00:00Z",
            "2030-01-03T18:00:00Z",
        ] {
            folder.install(&database(date), false).unwrap();
        }
        let gone = folder.prune(3).unwrap();
        assert_eq!(
            built(&gone),
            ["2030-01-01T06:00:00Z", "2030-01-03T06:00:00Z"]
        );
        folder
            .install(&database("2030-01-01T18:00:00Z"), true)
            .unwrap();
        assert_eq!(
            built(&folder.prune(0).unwrap()),
            ["2030-01-02T06:00:00Z", "2030-01-03T18:00:00Z"]
        );
        assert_eq!(
            built(&folder.snapshots().unwrap()),
            ["2030-01-01T18:00:00Z"]
        );
    }
}
