//! What is in the store, and whether it is all right.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use kiln_types::Digest;
use rustix::fs::OFlags;
use serde::Serialize;

use crate::layout::{BLOBS, Meta, PARTIAL, RECORDS, TMP, blob_name};
use crate::{RecordKind, Store, StoreError};

/// A number of things and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes together.
    pub bytes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What is in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Blobs.
    pub blobs: Tally,
    /// Records, by kind; their own bytes, not those of their blobs.
    pub records: BTreeMap<String, Tally>,
    /// The blobs that records of a kind refer to, by kind. A blob may count for several.
    pub blobs_of: BTreeMap<String, Tally>,
    /// Downloads that can be resumed.
    pub partial: Tally,
    /// What is being written, or was when somebody died.
    pub temporary: Tally,
    /// All bytes together.
    pub bytes: u64,
}

/// Something that was not right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// A blob whose content was not that of its name. It was removed.
    CorruptBlob {
        /// The name.
        digest: Digest,
        /// The size of what was there.
        size: u64,
    },
    /// A record that was not as written. It was removed.
    CorruptRecord {
        /// Its kind.
        kind: String,
        /// Its file's name.
        key: String,
    },
    /// A record that refers to a blob that is not there. It was removed.
    MissingBlob {
        /// The record's kind.
        kind: String,
        /// Its file's name.
        key: String,
        /// The blob.
        digest: Digest,
    },
    /// A file that could not be read. It stays.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file that kiln did not put there. It stays.
    Stranger {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CorruptBlob { digest, size } => {
                write!(
                    f,
                    "blob {digest} ({size} bytes) did not have that digest: removed"
                )
            }
            Self::CorruptRecord { kind, key } => {
                write!(f, "{kind} record `{key}` was damaged: removed")
            }
            Self::MissingBlob { kind, key, digest } => {
                write!(
                    f,
                    "{kind} record `{key}` refers to blob {digest}, which is not there: removed"
                )
            }
            Self::Unreadable { path, reason } => {
                write!(f, "cannot read `{}`: {reason}", path.display())
            }
            Self::Stranger { path } => write!(f, "`{}` was not put there by kiln", path.display()),
        }
    }
}

/// A blob and what `stat` says of it, or the name of a file that is none.
pub(crate) type BlobEntry = Result<(Digest, Meta), String>;

/// A record as [`Store::scan_records`] finds it.
#[derive(Clone, Debug)]
pub(crate) struct ScannedRecord {
    pub(crate) kind: RecordKind,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) size: u64,
    /// Seconds.
    pub(crate) used: i64,
    /// The blobs it refers to; `None` where it is damaged.
    pub(crate) blobs: Option<Vec<Digest>>,
}

impl Store {
    /// What is in the store.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        let mut usage = Usage::default();
        let mut sizes = BTreeMap::new();
        for (digest, meta) in self.scan_blobs()?.into_iter().flatten() {
            usage.blobs.add(meta.size);
            sizes.insert(digest, meta.size);
        }
        let mut blobs_of: BTreeMap<RecordKind, std::collections::BTreeSet<Digest>> =
            BTreeMap::new();
        for record in self.scan_records()? {
            usage
                .records
                .entry(record.kind.to_string())
                .or_default()
                .add(record.size);
            blobs_of
                .entry(record.kind)
                .or_default()
                .extend(record.blobs.unwrap_or_default());
        }
        for (kind, digests) in blobs_of {
            let tally = usage.blobs_of.entry(kind.to_string()).or_default();
            digests
                .iter()
                .filter_map(|digest| sizes.get(digest))
                .for_each(|size| tally.add(*size));
        }
        for (directory, tally) in [(PARTIAL, &mut usage.partial), (TMP, &mut usage.temporary)] {
            for name in self.names_in(directory)? {
                if let Some(meta) = self.meta(&format!("{directory}/{name}"))? {
                    tally.add(meta.size);
                }
            }
        }
        let records: u64 = usage.records.values().map(|tally| tally.bytes).sum();
        usage.bytes = usage.blobs.bytes + records + usage.partial.bytes + usage.temporary.bytes;
        Ok(usage)
    }

    /// Hashes every blob and every record, and removes those that are wrong or lack a blob, so that
    /// the next run makes or fetches them again and a second look finds nothing. `progress` hears of the bytes read so far, and of all there are.
    ///
    /// # Errors
    /// When a directory cannot be read or a wrong file cannot be removed.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<Problem>, StoreError> {
        let mut problems = Vec::new();
        let entries = self.scan_blobs()?;
        let total = entries
            .iter()
            .flatten()
            .map(|(_, meta)| meta.size)
            .fold(0, u64::saturating_add);
        let mut done = 0_u64;
        for entry in entries {
            match entry {
                Ok((digest, meta)) => {
                    let mut advance = |bytes: u64| {
                        done = done.saturating_add(bytes);
                        progress(done, total);
                    };
                    problems.extend(self.verify_blob(&digest, &meta, &mut advance)?);
                }
                Err(name) => problems.push(Problem::Stranger {
                    path: self.full_path(&format!("{BLOBS}/{name}")),
                }),
            }
        }
        for record in self.scan_records()? {
            let (kind, key) = (record.kind.to_string(), record.name.clone());
            let Some(blobs) = record.blobs else {
                // A writer may have replaced it since it was read.
                if self.record_at(&record.path)?.is_none() && self.remove(&record.path)? {
                    problems.push(Problem::CorruptRecord { kind, key });
                }
                continue;
            };
            let mut lacking = false;
            for digest in blobs {
                if self.meta(&blob_name(&digest))?.is_none() {
                    lacking = true;
                    problems.push(Problem::MissingBlob {
                        kind: kind.clone(),
                        key: key.clone(),
                        digest,
                    });
                }
            }
            // A build that makes the blob again at this moment makes the record again, too, or does
            // without it the next time.
            if lacking {
                self.remove(&record.path)?;
            }
        }
        Ok(problems)
    }

    fn verify_blob(
        &self,
        digest: &Digest,
        meta: &Meta,
        advance: &mut dyn FnMut(u64),
    ) -> Result<Option<Problem>, StoreError> {
        let path = blob_name(digest);
        let unreadable = |error: StoreError| Problem::Unreadable {
            path: self.full_path(&path),
            reason: error.to_string(),
        };
        if !meta.regular {
            return Ok(Some(Problem::Stranger {
                path: self.full_path(&path),
            }));
        }
        let file = match self.open_file(&path, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) => return Ok(Some(unreadable(error))),
        };
        match self.hash(&file, &path, advance) {
            Ok(found) if found == *digest => Ok(None),
            Ok(_) => {
                if self.is_at(&file, &path)? {
                    self.remove(&path)?;
                }
                Ok(Some(Problem::CorruptBlob {
                    digest: *digest,
                    size: meta.size,
                }))
            }
            Err(error) => Ok(Some(unreadable(error))),
        }
    }

    /// All files among the blobs, sorted by name.
    pub(crate) fn scan_blobs(&self) -> Result<Vec<BlobEntry>, StoreError> {
        let mut entries = Vec::new();
        for name in self.names_in(BLOBS)? {
            let digest = Digest::from_hex(&name)
                .ok()
                .filter(|digest| digest.hex() == name);
            let Some(digest) = digest else {
                entries.push(Err(name));
                continue;
            };
            if let Some(meta) = self.meta(&blob_name(&digest))? {
                entries.push(Ok((digest, meta)));
            }
        }
        Ok(entries)
    }

    /// All records, sorted by kind and name.
    pub(crate) fn scan_records(&self) -> Result<Vec<ScannedRecord>, StoreError> {
        let mut records = Vec::new();
        for kind in RecordKind::ALL {
            for name in self.names_in(&format!("{RECORDS}/{kind}"))? {
                let path = format!("{RECORDS}/{kind}/{name}");
                let Some(meta) = self.meta(&path)?.filter(|meta| meta.regular) else {
                    continue;
                };
                let blobs = match self.record_at(&path) {
                    Ok(content) => content.map(|content| match kind.refers_to_blobs() {
                        true => crate::Stored::named_in(&content),
                        false => Vec::new(),
                    }),
                    Err(StoreError::TooLarge { .. }) => None,
                    Err(error) => return Err(error),
                };
                records.push(ScannedRecord {
                    kind,
                    path,
                    name,
                    size: meta.size,
                    used: meta.modified,
                    blobs,
                });
            }
        }
        Ok(records)
    }
}
