//! The advisory databases of this machine: a folder of immutable files, one for each build.
//!
//! A file appears under its name when it is whole and was opened and checked; until then the older
//! ones stay as they are, whatever goes wrong. The newest is in use; a question about another day is
//! answered by the newest of that day. Feeds that were fetched are kept, so that one that cannot be
//! fetched again keeps its last content and its date.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use kiln_net::{Client, DownloadSink, NetSettings, Rejection};
use kiln_types::{
    AdvisorySource, Classify, DatabaseFact, Digest, ErrorClass, HashReader, Timestamp,
};
use kiln_vuln::feed::{FeedKind, read_feed};
use kiln_vuln::{AdvisorySet, Database, DatabaseError, signature, write_database};

/// The largest feed that is fetched.
const LARGEST_FEED: u64 = 1 << 30;

/// The largest database that is taken over.
const LARGEST_DATABASE: u64 = 1 << 30;

/// What follows a database's file name in that of its signature.
pub const SIGNATURE_SUFFIX: &str = ".sig";

const SUFFIX: &str = ".kilndb";

/// Why the advisory database cannot be made, read or taken over.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// There is none.
    #[error("there is no advisory database{}", when(.at))]
    None {
        /// The day that was asked for.
        at: Option<Timestamp>,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A database is not what it should be.
    #[error("{path}: {source}")]
    Database {
        /// Which file.
        path: String,
        /// Why.
        source: DatabaseError,
    },
    /// A key or a signature is not good.
    #[error("{path}: {source}")]
    Signature {
        /// Which file.
        path: String,
        /// Why.
        source: signature::SignatureError,
    },
    /// A key is set, and the database is not signed.
    #[error("{path} has no signature beside it, and the settings name a key")]
    Unsigned {
        /// Which file.
        path: String,
    },
    /// No feed could be read.
    #[error("no feed could be read, so there is nothing to make a database of:{}", lines(.0))]
    NoFeed(Vec<String>),
    /// The network.
    #[error(transparent)]
    Net(#[from] kiln_net::NetError),
}

impl Classify for AdvisoryError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::None { .. } | Self::NoFeed(_) => ErrorClass::Unknown,
            Self::File { .. } => ErrorClass::Environment,
            Self::Database { source, .. } => source.class(),
            Self::Signature { source, .. } => source.class(),
            Self::Unsigned { .. } => ErrorClass::Integrity,
            Self::Net(_) => ErrorClass::Network,
        }
    }
}

fn when(at: &Option<Timestamp>) -> String {
    at.map(|at| format!(" of {at} or before"))
        .unwrap_or_default()
}

fn lines(list: &[String]) -> String {
    list.iter().map(|line| format!("\n  {line}")).collect()
}

/// A file of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFile {
    /// What it is.
    pub kind: FeedKind,
    /// Where it lies.
    pub path: PathBuf,
    /// Where it came from: a URL, or its path.
    pub origin: String,
    /// When it was current.
    pub as_of: Timestamp,
}

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

/// A database made of feeds.
#[derive(Debug)]
pub struct BuiltDatabase {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Feeds that could not be read, with the reason.
    pub failed: Vec<String>,
}

/// Makes a database of files of feeds. A feed that cannot be read is left out and named.
///
/// # Errors
/// When none can be read.
pub fn build_database(
    feeds: &[FeedFile],
    built: Timestamp,
    tell: &mut dyn FnMut(&FeedFile, u64),
) -> Result<BuiltDatabase, AdvisoryError> {
    let mut set = AdvisorySet::new();
    let mut failed = Vec::new();
    let mut read = 0;
    for feed in feeds {
        match read_one(feed) {
            Ok(found) => {
                read += 1;
                tell(feed, found.fact_count());
                set.merge(found);
            }
            Err(reason) => failed.push(format!("{} ({}): {reason}", feed.kind, feed.origin)),
        }
    }
    if read == 0 {
        return Err(AdvisoryError::NoFeed(failed));
    }
    set.finish();
    Ok(BuiltDatabase {
        bytes: write_database(&set, built),
        failed,
    })
}

fn read_one(feed: &FeedFile) -> Result<AdvisorySet, String> {
    let open = || File::open(&feed.path).map_err(|error| error.to_string());
    let (digest, _) = digest_of(open()?).map_err(|error| error.to_string())?;
    // A folder of records was joined by the caller; what is here is one file.
    let found = read_feed(feed.kind, &feed.origin, open()?).map_err(|error| error.to_string())?;
    let mut set = found.set;
    set.note_source(AdvisorySource {
        name: feed.kind.to_string(),
        origin: feed.origin.clone(),
        as_of: found.as_of.unwrap_or(feed.as_of),
        sha256: digest.hex(),
        facts: set.fact_count(),
    });
    Ok(set)
}

fn digest_of(file: File) -> io::Result<(Digest, u64)> {
    let mut reader = HashReader::new(file);
    io::copy(&mut reader, &mut io::sink())?;
    let (digest, length, _) = reader.finish();
    Ok((digest, length))
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

    fn fail(path: &Path) -> impl FnOnce(io::Error) -> AdvisoryError {
        let path = path.display().to_string();
        move |source| AdvisoryError::File { path, source }
    }

    /// All databases, the oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>, AdvisoryError> {
        let list = match std::fs::read_dir(&self.folder) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Self::fail(&self.folder)(error)),
        };
        let mut out = Vec::new();
        for entry in list {
            let path = entry.map_err(Self::fail(&self.folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let parts = name
                .and_then(|name| name.strip_suffix(SUFFIX))
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

    /// The database in use, or the one that was in use on a day.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn open(&self, at: Option<Timestamp>) -> Result<(Snapshot, Database<File>), AdvisoryError> {
        let snapshot = self
            .snapshots()?
            .into_iter()
            .rfind(|snapshot| at.is_none_or(|at| snapshot.built <= at))
            .ok_or(AdvisoryError::None { at })?;
        let database = open_database(&snapshot.path)?;
        Ok((snapshot, database))
    }

    /// Puts a database into use: it is checked record by record first.
    ///
    /// # Errors
    /// When it is damaged, or cannot be written; what was in use stays in use.
    pub fn install(&self, bytes: &[u8]) -> Result<Snapshot, AdvisoryError> {
        let damaged = |source| AdvisoryError::Database {
            path: "the new database".to_owned(),
            source,
        };
        let database = Database::open(bytes).map_err(damaged)?;
        database.check().map_err(damaged)?;
        let built = database.meta().built;
        let digest = Digest::of(bytes);
        std::fs::create_dir_all(&self.folder).map_err(Self::fail(&self.folder))?;
        let name = format!("{}-{}{SUFFIX}", compact(built), digest.hex());
        let path = self.folder.join(name);
        let mut file =
            tempfile::NamedTempFile::new_in(&self.folder).map_err(Self::fail(&self.folder))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(Self::fail(&path))?;
        file.persist(&path)
            .map_err(|error| Self::fail(&path)(error.error))?;
        Ok(Snapshot {
            built,
            digest,
            path,
        })
    }

    /// Takes over a database file that somebody else made. Where a key is given, the file must be
    /// signed with it.
    ///
    /// # Errors
    /// When the signature is missing or wrong, or as [`AdvisoryFolder::install`].
    pub fn import(&self, path: &Path, key: Option<&str>) -> Result<Snapshot, AdvisoryError> {
        let file = File::open(path).map_err(Self::fail(path))?;
        let mut bytes = Vec::new();
        file.take(LARGEST_DATABASE + 1)
            .read_to_end(&mut bytes)
            .map_err(Self::fail(path))?;
        if bytes.len() as u64 > LARGEST_DATABASE {
            return Err(AdvisoryError::Database {
                path: path.display().to_string(),
                source: DatabaseError::Format,
            });
        }
        if let Some(key) = key {
            let mut beside = path.as_os_str().to_owned();
            beside.push(SIGNATURE_SUFFIX);
            let text = std::fs::read_to_string(&beside).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => AdvisoryError::Unsigned {
                    path: path.display().to_string(),
                },
                _ => Self::fail(path)(error),
            })?;
            signature::verify(key, &Digest::of(&bytes), &text).map_err(|source| {
                AdvisoryError::Signature {
                    path: path.display().to_string(),
                    source,
                }
            })?;
        }
        self.install(&bytes)
    }

    /// Fetches feeds and keeps them. One that cannot be fetched keeps its last content, if there is
    /// one. Gives the files, and what went wrong.
    ///
    /// # Errors
    /// When the network cannot be used at all, or the folder not be written.
    pub fn fetch(
        &self,
        feeds: &BTreeMap<FeedKind, Vec<String>>,
        net: &NetSettings,
        now: Timestamp,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(Vec<FeedFile>, Vec<String>), AdvisoryError> {
        let folder = self.folder.join("feeds");
        std::fs::create_dir_all(&folder).map_err(Self::fail(&folder))?;
        let client = Client::new(net.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Self::fail(&folder))?;
        let mut files = Vec::new();
        let mut failed = Vec::new();
        for (kind, urls) in feeds {
            for url in urls {
                tell(url);
                let name = format!("{kind}-{}", Digest::of(url.as_bytes()).short());
                let path = folder.join(&name);
                let fetched = split(url).map_err(str::to_owned).and_then(|(root, rest)| {
                    let mut sink = FileSink::new(&folder).map_err(|error| error.to_string())?;
                    let mirrors = [root.to_owned()];
                    let job =
                        client.download(&mirrors, rest, None, LARGEST_FEED, &mut sink, &|_| {});
                    runtime.block_on(job).map_err(|error| error.to_string())?;
                    // Read before it replaces the last one: an error page must not.
                    let file = sink.file.reopen().map_err(|error| error.to_string())?;
                    read_feed(*kind, url, file).map_err(|error| error.to_string())?;
                    sink.file
                        .persist(&path)
                        .map(|_| ())
                        .map_err(|error| error.error.to_string())
                });
                let stamp = path.with_extension("date");
                let as_of = match fetched {
                    Ok(()) => {
                        std::fs::write(&stamp, now.to_string()).map_err(Self::fail(&stamp))?;
                        Some(now)
                    }
                    Err(reason) => {
                        let last = std::fs::read_to_string(&stamp)
                            .ok()
                            .and_then(|text| text.trim().parse::<Timestamp>().ok())
                            .filter(|_| path.is_file());
                        failed.push(match last {
                            None => format!("{kind} ({url}): {reason}"),
                            Some(date) => {
                                format!("{kind} ({url}): {reason}; its content of {date} stays")
                            }
                        });
                        last
                    }
                };
                files.extend(as_of.map(|as_of| FeedFile {
                    kind: *kind,
                    path: path.clone(),
                    origin: url.clone(),
                    as_of,
                }));
            }
        }
        Ok((files, failed))
    }
}

/// Opens a database file.
///
/// # Errors
/// When it is none, or damaged.
pub fn open_database(path: &Path) -> Result<Database<File>, AdvisoryError> {
    let file = File::open(path).map_err(AdvisoryFolder::fail(path))?;
    Database::open(file).map_err(|source| AdvisoryError::Database {
        path: path.display().to_string(),
        source,
    })
}

/// What findings say of the database that gave them.
pub fn database_fact(snapshot: &Snapshot, database: &Database<File>) -> DatabaseFact {
    DatabaseFact {
        sha256: snapshot.digest.hex(),
        built: snapshot.built,
        sources: database.meta().sources.clone(),
    }
}

/// A URL as the root of a mirror and a path below it.
fn split(url: &str) -> Result<(&str, &str), &'static str> {
    let at = url.rfind('/').ok_or("it is no URL")?;
    match (url.get(..=at), url.get(at + 1..)) {
        (Some(root), Some(rest)) if !rest.is_empty() => Ok((root, rest)),
        _ => Err("it names no file"),
    }
}

/// `20261127T101500Z`: a date without what file systems dislike.
fn compact(date: Timestamp) -> String {
    date.to_string().replace(['-', ':'], "")
}

/// A download into a file that vanishes unless it is kept.
struct FileSink {
    file: tempfile::NamedTempFile,
}

impl FileSink {
    fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::NamedTempFile::new_in(folder)?,
        })
    }
}

impl DownloadSink for FileSink {
    fn resume_at(&mut self) -> io::Result<u64> {
        // Without a digest to check against, halves of two answers must not be joined.
        self.restart()?;
        Ok(0)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        io::Seek::rewind(self.file.as_file_mut())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn complete(&mut self) -> Result<(), Rejection> {
        Ok(self.file.flush()?)
    }
}
