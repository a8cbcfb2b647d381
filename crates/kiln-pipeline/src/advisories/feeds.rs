//! Fetching feeds.
//!
//! What was fetched is kept, so that a feed that did not change is not fetched again, and one that
//! cannot be fetched keeps its last content and its date. A record (`KIND-….json`) names the file of
//! the content with its digest: the record is what counts, so that a process that is killed between
//! the two leaves the old content in use. A content is read by its reader before it is recorded; a
//! page of errors never replaces a feed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use kiln_net::{
    Client, Condition, DownloadSink, NetError, NetSettings, Rejection, in_parallel, redacted,
};
use kiln_types::{Classify, Digest, ErrorClass, Reporter, Stage, Timestamp};
use kiln_vuln::feed::{FeedKind, read_feed};
use serde::{Deserialize, Serialize};

use super::folder::{kept, list, part, write_whole};
use super::{AdvisoryError, AdvisoryFolder, FeedFile, digest_of, file_error};

/// The largest record that is read.
const LARGEST_RECORD: u64 = 64 << 10;

/// The largest content of a feed.
const fn largest(kind: FeedKind) -> u64 {
    match kind {
        FeedKind::Kev
        | FeedKind::Epss
        | FeedKind::EndOfLife
        | FeedKind::DebianAdvisories
        | FeedKind::DebianLtsAdvisories
        | FeedKind::DebianReleases
        | FeedKind::UbuntuReleases => 64 << 20,
        _ => 1 << 30,
    }
}

/// How feeds are fetched.
pub struct FeedFetch<'a> {
    /// Which, and where each is.
    pub feeds: &'a BTreeMap<FeedKind, Vec<String>>,
    /// How the network is used.
    pub net: &'a NetSettings,
    /// The present time.
    pub now: Timestamp,
    /// Hears of progress.
    pub reporter: &'a dyn Reporter,
    /// Hears of each feed that came: its address, and whether it has other content than before.
    pub tell: &'a dyn Fn(&str, bool),
}

/// A feed that could not be fetched, or not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedFailure {
    /// Which.
    pub kind: FeedKind,
    /// Its address, without user and password.
    pub url: String,
    /// Why.
    pub reason: String,
    /// Whose fault it is.
    pub class: ErrorClass,
    /// The date of the content that stays in its place.
    pub kept: Option<Timestamp>,
}

impl std::fmt::Display for FeedFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The network names the address by itself.
        match self.reason.contains(&self.url) {
            true => write!(f, "{}: {}", self.kind, self.reason),
            false => write!(f, "{} ({}): {}", self.kind, self.url, self.reason),
        }
    }
}

/// What fetching gave.
#[derive(Debug, Default)]
pub struct FetchedFeeds {
    /// The files of all feeds, those of older content too.
    pub files: Vec<FeedFile>,
    /// What went wrong.
    pub failed: Vec<FeedFailure>,
    /// How many feeds have other content than before.
    pub changed: usize,
    /// How many are as they were.
    pub unchanged: usize,
}

/// What is known of a feed that was fetched.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Record {
    /// The name of the file with its content.
    file: String,
    sha256: Digest,
    /// When it was last known to be current.
    as_of: Timestamp,
    etag: Option<String>,
    last_modified: Option<String>,
    /// The address that gave it.
    from: String,
}

impl AdvisoryFolder {
    /// Fetches feeds that have changed. The caller holds the lock.
    ///
    /// # Errors
    /// When the network cannot be used at all, or the folder not be written.
    pub fn fetch(&self, wanted: &FeedFetch<'_>) -> Result<FetchedFeeds, AdvisoryError> {
        let folder = self.path().join("feeds");
        std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
        self.sweep(&folder)?;
        let client = Client::new(wanted.net.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(file_error(&folder))?;
        let jobs: Vec<(FeedKind, &str)> = wanted
            .feeds
            .iter()
            .flat_map(|(kind, urls)| urls.iter().map(|url| (*kind, url.as_str())))
            .collect();
        wanted.reporter.begin(Stage::Fetch, None, "bytes");
        let parallel = wanted.net.max_parallel;
        let results = runtime.block_on(in_parallel(parallel, jobs, async |(kind, url)| {
            one(&client, &folder, kind, url, wanted).await
        }));
        wanted.reporter.end(Stage::Fetch);
        let mut out = FetchedFeeds::default();
        for (file, outcome) in results {
            out.files.extend(file);
            match outcome {
                Ok(true) => out.changed += 1,
                Ok(false) => out.unchanged += 1,
                Err(failure) => out.failed.push(failure),
            }
        }
        forget_unused(&folder)?;
        Ok(out)
    }
}

/// Fetches one feed: its file, and whether that is new.
async fn one(
    client: &Client,
    folder: &Path,
    kind: FeedKind,
    url: &str,
    wanted: &FeedFetch<'_>,
) -> (Option<FeedFile>, Result<bool, FeedFailure>) {
    let shown = redacted(url);
    let name = format!("{kind}-{}", Digest::of(url.as_bytes()).short());
    let record_path = folder.join(format!("{name}.json"));
    let last = last(folder, &record_path);
    let file = |record: &Record| FeedFile {
        kind,
        path: folder.join(&record.file),
        origin: shown.clone(),
        as_of: record.as_of,
    };
    let failure = |(class, reason)| FeedFailure {
        kind,
        url: shown.clone(),
        reason,
        class,
        kept: last.as_ref().map(|record| record.as_of),
    };
    match refresh(client, folder, kind, url, last.as_ref(), wanted).await {
        Err(reason) => (last.as_ref().map(file), Err(failure(reason))),
        Ok(record) => {
            let is_new = last
                .as_ref()
                .is_none_or(|last| last.sha256 != record.sha256);
            let text = serde_json::to_vec(&record).expect("plain values have a JSON form");
            if let Err(error) = write_whole(&record_path, &text) {
                let why = (error.class(), error.to_string());
                return (last.as_ref().map(file), Err(failure(why)));
            }
            (wanted.tell)(&shown, is_new);
            (Some(file(&record)), Ok(is_new))
        }
    }
}

/// What a feed's address has now.
async fn refresh(
    client: &Client,
    folder: &Path,
    kind: FeedKind,
    url: &str,
    last: Option<&Record>,
    wanted: &FeedFetch<'_>,
) -> Result<Record, (ErrorClass, String)> {
    let user = |reason: &str| (ErrorClass::User, reason.to_owned());
    let local = |error: io::Error| (ErrorClass::Environment, error.to_string());
    let (root, rest) = split(url).map_err(user)?;
    let condition = last.map(|last| Condition {
        etag: last.etag.clone().map(|etag| (etag, last.from.clone())),
        last_modified: last.last_modified.clone(),
    });
    let mut sink = FeedSink {
        file: part(folder).map_err(local)?,
        kind,
        name: without_query(rest),
    };
    let what = format!("{kind} {}", without_query(rest));
    let received = client
        .download_changed(
            &[root.to_owned()],
            rest,
            condition.as_ref(),
            largest(kind),
            &mut sink,
            &|bytes| wanted.reporter.advance(Stage::Fetch, bytes, &what),
        )
        .await
        .map_err(|error: NetError| (error.class(), error.to_string()))?;
    if received.unchanged {
        let last = last
            .ok_or_else(|| user("the server says that nothing changed, and nothing was asked"))?;
        return Ok(Record {
            as_of: wanted.now,
            etag: received.etag.or_else(|| last.etag.clone()),
            last_modified: received
                .last_modified
                .or_else(|| last.last_modified.clone()),
            ..last.clone()
        });
    }
    let (sha256, _) = digest_of(sink.file.reopen().map_err(local)?).map_err(local)?;
    let name = format!(
        "{kind}-{}-{}",
        Digest::of(url.as_bytes()).short(),
        sha256.short()
    );
    kept(sink.file, &folder.join(&name)).map_err(local)?;
    Ok(Record {
        file: name,
        sha256,
        as_of: wanted.now,
        etag: received.etag,
        last_modified: received.last_modified,
        from: received.from.url,
    })
}

/// What is known of a feed from the last time, if its content is there and is what was recorded.
fn last(folder: &Path, record: &Path) -> Option<Record> {
    let mut text = Vec::new();
    let file = File::open(record).ok()?;
    io::Read::read_to_end(&mut io::Read::take(file, LARGEST_RECORD), &mut text).ok()?;
    let record: Record = serde_json::from_slice(&text).ok()?;
    if record.file.contains('/') {
        return None;
    }
    let content = File::open(folder.join(&record.file)).ok()?;
    let (found, _) = digest_of(content).ok()?;
    (found == record.sha256).then_some(record)
}

/// Removes contents that no record names any more.
fn forget_unused(folder: &Path) -> Result<(), AdvisoryError> {
    let mut named = BTreeSet::new();
    let mut contents: Vec<(String, PathBuf)> = Vec::new();
    for (name, path) in list(folder)? {
        if !name.ends_with(".json") {
            contents.push((name, path));
        } else if let Some(record) = last(folder, &path) {
            named.insert(record.file);
        }
    }
    for (name, path) in contents {
        if !named.contains(&name) {
            std::fs::remove_file(&path).map_err(file_error(&path))?;
        }
    }
    Ok(())
}

/// A URL as the root of a mirror and a path below it, with its query.
fn split(url: &str) -> Result<(&str, &str), &'static str> {
    let at = without_query(url).rfind('/').ok_or("it is no URL")?;
    match (url.get(..=at), url.get(at + 1..)) {
        (Some(root), Some(rest)) if !without_query(rest).is_empty() => Ok((root, rest)),
        _ => Err("it names no file"),
    }
}

fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

/// A download into a file that vanishes unless it is kept; it is taken only if it is a feed.
struct FeedSink<'a> {
    file: tempfile::NamedTempFile,
    kind: FeedKind,
    name: &'a str,
}

impl DownloadSink for FeedSink<'_> {
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
        self.file.flush()?;
        let file = self.file.reopen()?;
        match read_feed(self.kind, self.name, file) {
            Ok(_) => Ok(()),
            Err(error) => Err(Rejection::Content(error.to_string())),
        }
    }
}
