//! Taking over the database that an organisation publishes.
//!
//! In this order: the index and the manifest, which are small; the signature, which must be by a key
//! of the settings over the digest that the manifest names; a delta from a database that is here, or
//! else the whole; and the digest of the file that comes of it. Only then is it opened, and it must
//! not be older than the one in use, nor of a day that is to come.

use std::io;
use std::path::Path;

use kiln_net::{Client, DownloadSink, NetSettings, Rejection, redacted};
use kiln_oci::{Descriptor, Document, Index, from_json};
use kiln_types::{Digest, Reporter, Stage, Timestamp};
use kiln_vuln::{Database, pack_database, signature};

use super::folder::{LARGEST_SIGNATURE, is_to_come};
use super::publication::{Artifact, LARGEST_PACKED, PublicationPlace, tagged, unpack_sent};
use super::{AdvisoryError, AdvisoryFolder, Snapshot, file_error};

/// The largest index or manifest.
const LARGEST_DOCUMENT: u64 = 1 << 20;

/// What becomes of a database that is older than the one in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Older {
    /// It is refused.
    Refuse,
    /// It is kept for questions about its day.
    Keep,
    /// It is put into use.
    Use,
}

/// How a published database is taken over.
pub struct Subscription<'a> {
    /// Where it is.
    pub place: &'a PublicationPlace,
    /// The public keys, PEM; any of them must have signed it. None where nobody needs to have.
    pub keys: Option<&'a str>,
    /// How the network is used.
    pub net: &'a NetSettings,
    /// The present time.
    pub now: Timestamp,
    /// What becomes of an older one.
    pub older: Older,
    /// Hears of progress.
    pub reporter: &'a dyn Reporter,
    /// Hears of what did not go as hoped.
    pub tell: &'a dyn Fn(&str),
}

/// A database that was taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The database.
    pub snapshot: Snapshot,
    /// Whether it was here already.
    pub is_there: bool,
    /// The bytes of it that were sent.
    pub sent: u64,
    /// Whether that was a delta.
    pub is_delta: bool,
}

struct Place<'a> {
    root: String,
    /// For people.
    name: String,
    client: Client,
    runtime: tokio::runtime::Runtime,
    reporter: &'a dyn Reporter,
}

impl AdvisoryFolder {
    /// Takes over a published database. The caller holds the lock.
    ///
    /// # Errors
    /// When it cannot be had, is not signed as it must be, is not what its signature says, is older
    /// than the one in use and that is refused, or cannot be kept. What was in use stays in use.
    pub fn take(&self, wanted: &Subscription<'_>) -> Result<Taken, AdvisoryError> {
        let (place, tag) = Place::of(wanted)?;
        let artifact = place.artifact(tag)?;
        if let Some(keys) = wanted.keys {
            let text = place.blob(&artifact.signature, LARGEST_SIGNATURE)?;
            signature::verify(keys, &artifact.digest, &String::from_utf8_lossy(&text)).map_err(
                |source| AdvisoryError::Signature {
                    path: place.name.clone(),
                    source,
                },
            )?;
        }
        let snapshots = self.snapshots()?;
        let in_use = self.in_use()?;
        // One that was compiled here by a wrong clock is no reason to refuse what is right.
        let is_wrong = |in_use: &Snapshot| is_to_come(in_use.built, wanted.now);
        let back = wanted.older == Older::Use || in_use.as_ref().is_some_and(is_wrong);
        let rival = in_use.as_ref().filter(|in_use| !is_wrong(in_use));
        let here = snapshots.iter().find(|one| one.digest == artifact.digest);
        // What is here is taken for itself only if it still is.
        if let Some(snapshot) = here
            && let Ok(bytes) = std::fs::read(&snapshot.path)
            && Digest::of(&bytes) == snapshot.digest
        {
            acceptable(&place.name, snapshot.built, rival, wanted)?;
            return Ok(Taken {
                snapshot: self.install(&bytes, back)?,
                is_there: true,
                sent: 0,
                is_delta: false,
            });
        }
        let by_delta = self.by_delta(&place, &artifact, in_use.as_ref(), &snapshots, wanted);
        let (bytes, sent, is_delta) = match by_delta {
            Some((bytes, sent)) => (bytes, sent, true),
            None => {
                let sent = place.blob(&artifact.database, LARGEST_PACKED)?;
                let bytes = unpack_sent(&sent, &[]).map_err(|reason| place.wrong(reason))?;
                (bytes, sent.len() as u64, false)
            }
        };
        if Digest::of(&bytes) != artifact.digest {
            return Err(place.wrong(format!("what was sent is not {}", artifact.digest)));
        }
        let database =
            Database::open(bytes.as_slice()).map_err(|source| AdvisoryError::Database {
                path: place.name.clone(),
                source,
            })?;
        acceptable(&place.name, database.meta().built, rival, wanted)?;
        Ok(Taken {
            snapshot: self.install(&bytes, back)?,
            is_there: false,
            sent,
            is_delta,
        })
    }

    /// The database, made of one that is here and a delta. What goes wrong on this way is told, and
    /// the whole is fetched.
    fn by_delta(
        &self,
        place: &Place<'_>,
        artifact: &Artifact,
        in_use: Option<&Snapshot>,
        snapshots: &[Snapshot],
        wanted: &Subscription<'_>,
    ) -> Option<(Vec<u8>, u64)> {
        // The one in use is the likeliest to be near; of the others the smallest delta.
        let candidates = snapshots.iter().filter_map(|snapshot| {
            let delta = artifact.deltas.get(&snapshot.digest)?;
            Some((Some(snapshot) != in_use, delta.size, snapshot, delta))
        });
        let (_, _, base, delta) = candidates.min_by_key(|(other, size, ..)| (*other, *size))?;
        if delta.size >= artifact.database.size {
            return None;
        }
        let make = || {
            let bytes = std::fs::read(&base.path).map_err(|error| error.to_string())?;
            if Digest::of(&bytes) != base.digest {
                return Err(format!("`{}` is damaged", base.path.display()));
            }
            let packed = pack_database(&bytes).map_err(|error| error.to_string())?;
            let sent = place
                .blob(delta, LARGEST_PACKED)
                .map_err(|error| error.to_string())?;
            let bytes = unpack_sent(&sent, &packed)?;
            match Digest::of(&bytes) == artifact.digest {
                true => Ok((bytes, sent.len() as u64)),
                false => Err("it leads to another database".to_owned()),
            }
        };
        make()
            .inspect_err(|reason| {
                (wanted.tell)(&format!(
                    "the delta from {} is of no use: {reason}",
                    base.built
                ));
            })
            .ok()
    }
}

/// Refuses what is of a day to come, and what is older than the database in use unless it may be.
fn acceptable(
    place: &str,
    built: Timestamp,
    in_use: Option<&Snapshot>,
    wanted: &Subscription<'_>,
) -> Result<(), AdvisoryError> {
    if is_to_come(built, wanted.now) {
        return Err(AdvisoryError::ToCome {
            place: place.to_owned(),
            built,
        });
    }
    match in_use {
        Some(in_use) if in_use.built > built && wanted.older == Older::Refuse => {
            Err(AdvisoryError::RolledBack {
                place: place.to_owned(),
                built,
                newest: in_use.built,
            })
        }
        _ => Ok(()),
    }
}

impl<'a> Place<'a> {
    /// The place, and the tag in it.
    fn of(wanted: &Subscription<'a>) -> Result<(Self, Option<&'a str>), AdvisoryError> {
        let (root, tag) = match wanted.place {
            PublicationPlace::Web { root } => (root.clone(), None),
            PublicationPlace::Folder { directory, tag } => {
                let path = directory.canonicalize().map_err(file_error(directory))?;
                (file_url(&path), tag.as_deref())
            }
        };
        let name = match wanted.place {
            PublicationPlace::Web { root } => redacted(root),
            PublicationPlace::Folder { directory, .. } => directory.display().to_string(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(file_error(Path::new(&name)))?;
        let place = Self {
            root,
            name,
            client: Client::new(wanted.net.clone())?,
            runtime,
            reporter: wanted.reporter,
        };
        Ok((place, tag))
    }

    fn wrong(&self, reason: impl Into<String>) -> AdvisoryError {
        AdvisoryError::Publication {
            place: self.name.clone(),
            reason: reason.into(),
        }
    }

    /// The artifact of a tag.
    fn artifact(&self, tag: Option<&str>) -> Result<Artifact, AdvisoryError> {
        let bytes = self.fetch("index.json", None, LARGEST_DOCUMENT)?;
        let index: Index = from_json(&format!("{}: index.json", self.name), &bytes)?;
        let descriptor = tagged(&self.name, &index.manifests, tag)?;
        let bytes = self.blob(descriptor, LARGEST_DOCUMENT)?;
        let subject = format!("{}: {}", self.name, descriptor.digest);
        match Document::parse(&subject, &descriptor.media_type, &bytes)? {
            Document::Manifest(manifest) => Artifact::of(&self.name, &manifest),
            Document::Index(_) => Err(self.wrong("it is no advisory database")),
        }
    }

    /// A blob, verified.
    fn blob(&self, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, AdvisoryError> {
        if blob.size > limit {
            return Err(self.wrong(format!(
                "{} has {} bytes, which is more than {limit}",
                blob.digest, blob.size
            )));
        }
        let path = format!("blobs/sha256/{}", blob.digest.hex());
        self.fetch(&path, Some(blob), limit)
    }

    fn fetch(
        &self,
        path: &str,
        expected: Option<&Descriptor>,
        limit: u64,
    ) -> Result<Vec<u8>, AdvisoryError> {
        let size = expected.map(|blob| blob.size);
        let mut sink = Sink {
            bytes: Vec::new(),
            digest: expected.map(|blob| blob.digest),
        };
        self.reporter.begin(Stage::Fetch, size, "bytes");
        let mirrors = [self.root.clone()];
        let report = |bytes| self.reporter.advance(Stage::Fetch, bytes, &self.name);
        let job = self
            .client
            .download(&mirrors, path, size, limit, &mut sink, &report);
        let done = self.runtime.block_on(job);
        self.reporter.end(Stage::Fetch);
        done?;
        Ok(sink.bytes)
    }
}

/// An absolute path as a URL (RFC 8089).
fn file_url(path: &Path) -> String {
    let mut url = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => url.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => url.push(char::from(*byte)),
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url
}

/// Bytes in memory, which are verified where it is known what they must be.
struct Sink {
    bytes: Vec<u8>,
    digest: Option<Digest>,
}

impl DownloadSink for Sink {
    fn resume_at(&mut self) -> io::Result<u64> {
        // Halves of two answers may be joined only where a digest tells whether they fit.
        if self.digest.is_none() {
            self.bytes.clear();
        }
        Ok(self.bytes.len() as u64)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.bytes.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Rejection> {
        let found = Digest::of(&self.bytes);
        match self.digest {
            Some(wanted) if wanted != found => Err(Rejection::Content(format!(
                "its digest is {found}, expected {wanted}"
            ))),
            _ => Ok(()),
        }
    }
}
