//! The advisory databases of this machine: a folder of immutable files, one for each build.
//!
//! A file appears under its name when it is whole and was opened and checked; until then the older
//! ones stay as they are, whatever goes wrong. The newest is in use; a question about another day is
//! answered by the newest of that day. Feeds that were fetched are kept, so that one that cannot be
//! fetched again keeps its last content and its date.

mod feeds;
mod folder;
mod publication;
mod subscription;

pub use feeds::{FeedFailure, FeedFetch, FetchedFeeds};
pub use folder::{AdvisoryFolder, FolderLock, SIGNATURE_SUFFIX, Snapshot};
pub use publication::{Publication, PublicationPlace, Published, publish, unpack_sent};
pub use subscription::{Older, Subscription, Taken};

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use kiln_types::{
    AdvisorySource, Classify, DatabaseFact, Digest, ErrorClass, HashReader, Timestamp,
};
use kiln_vuln::feed::{FeedKind, read_feed};
use kiln_vuln::{AdvisorySet, Database, DatabaseError, signature, write_database};

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
    /// A publication is not what it should be.
    #[error("{place}: {reason}")]
    Publication {
        /// Where it is.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A layout cannot be read or written.
    #[error(transparent)]
    Layout(Box<kiln_oci::OciError>),
    /// A database is older than what was had before.
    #[error(
        "{place}: the database of {built} is older than the one of {newest}: somebody gives out an old one"
    )]
    RolledBack {
        /// Where it is.
        place: String,
        /// When it was built.
        built: Timestamp,
        /// When the other was.
        newest: Timestamp,
    },
    /// A database is of a day that is to come.
    #[error(
        "{place}: the database was built on {built}, which is to come: a clock is wrong, here or there"
    )]
    ToCome {
        /// Where it is.
        place: String,
        /// When it was built.
        built: Timestamp,
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
            Self::Unsigned { .. }
            | Self::Publication { .. }
            | Self::RolledBack { .. }
            | Self::ToCome { .. } => ErrorClass::Integrity,
            Self::Layout(error) => error.class(),
            Self::Net(error) => error.class(),
        }
    }
}

/// The error of a file that cannot be read or written.
fn file_error(path: &Path) -> impl FnOnce(io::Error) -> AdvisoryError {
    let path = path.display().to_string();
    move |source| AdvisoryError::File { path, source }
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
    tell: &mut dyn FnMut(&FeedFile, &AdvisorySource),
) -> Result<BuiltDatabase, AdvisoryError> {
    let mut set = AdvisorySet::new();
    let mut failed: BTreeMap<FeedKind, Vec<String>> = BTreeMap::new();
    // Single records may be about something that nothing is matched with; all of them must not.
    let mut empty: BTreeMap<FeedKind, u64> = BTreeMap::new();
    let mut read: BTreeSet<FeedKind> = BTreeSet::new();
    for feed in feeds {
        match read_one(feed) {
            Ok((found, source)) => {
                tell(feed, &source);
                match found.is_empty() {
                    true => *empty.entry(feed.kind).or_default() += 1,
                    false => _ = read.insert(feed.kind),
                }
                set.merge(found);
            }
            Err(reason) => {
                let lines = failed.entry(feed.kind).or_default();
                lines.push(format!("{} ({}): {reason}", feed.kind, feed.origin));
            }
        }
    }
    for (kind, count) in empty.into_iter().filter(|(kind, _)| !read.contains(kind)) {
        let reason = "nothing in them is about an ecosystem that kiln matches";
        let lines = failed.entry(kind).or_default();
        lines.push(format!("{kind} ({count} files): {reason}"));
    }
    let failed = capped(failed);
    if read.is_empty() {
        return Err(AdvisoryError::NoFeed(failed));
    }
    set.finish();
    Ok(BuiltDatabase {
        bytes: write_database(&set, built),
        failed,
    })
}

/// The first lines of each kind, and how many more there are: a folder of ten thousand records that
/// are none is one mistake.
fn capped(failed: BTreeMap<FeedKind, Vec<String>>) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut out = Vec::new();
    for (kind, mut lines) in failed {
        let more = lines.len().saturating_sub(SHOWN);
        lines.truncate(SHOWN);
        out.extend(lines);
        if more > 0 {
            out.push(format!("{kind}: {more} more files could not be read"));
        }
    }
    out
}

fn read_one(feed: &FeedFile) -> Result<(AdvisorySet, AdvisorySource), String> {
    let open = || File::open(&feed.path).map_err(|error| error.to_string());
    let (digest, _) = digest_of(open()?).map_err(|error| error.to_string())?;
    // A folder of records was joined by the caller; what is here is one file.
    let found = read_feed(feed.kind, &feed.origin, open()?).map_err(|error| error.to_string())?;
    let mut set = found.set;
    let source = AdvisorySource {
        name: feed.kind.to_string(),
        origin: feed.origin.clone(),
        as_of: found.as_of.unwrap_or(feed.as_of),
        sha256: digest.hex(),
        facts: set.fact_count(),
        others: set.other_counts(),
    };
    set.note_source(source.clone());
    Ok((set, source))
}

fn digest_of(file: File) -> io::Result<(Digest, u64)> {
    let mut reader = HashReader::new(file);
    io::copy(&mut reader, &mut io::sink())?;
    let (digest, length, _) = reader.finish();
    Ok((digest, length))
}

/// Opens a database file.
///
/// # Errors
/// When it is none, or damaged.
pub fn open_database(path: &Path) -> Result<Database<File>, AdvisoryError> {
    let file = File::open(path).map_err(file_error(path))?;
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
