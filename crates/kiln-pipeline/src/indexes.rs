//! Signed indexes become a universe of packages.
//!
//! For each suite of each archive: fetch `InRelease` (or `Release` and `Release.gpg`), verify its
//! signature, that it is of the wanted origin and suite, that it has not expired and is not older
//! than one seen before; then fetch the package indexes it lists, by digest. All of them together
//! are compiled once into a universe file, which is found again by their digests.

use std::collections::BTreeMap;
use std::fs::File;

use kiln_archive::decompress::{Codec, decoder};
use kiln_deb::index::{IndexBuilder, IndexSource};
use kiln_deb::keyring::Keyring;
use kiln_deb::openpgp::{unverified_text, verify_detached, verify_inline};
use kiln_deb::release::{Expectation, IndexFile, Release};
use kiln_deb::universe::DebUniverse;
use kiln_net::{Client, Fetched, NetError};
use kiln_store::{RecordKind, Stored};
use kiln_types::{
    Architecture, ArchiveSource, Classify, Diagnostic, Digest, ErrorClass, FormatError,
    LockedIndex, Plan, Stage, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::fetch::Wanted;
use crate::mirrors::{Candidates, Certainty};
use crate::{Pipeline, PipelineError};

/// The packages of one plan's architecture, and the indexes they come from.
pub(crate) struct ReadIndexes {
    pub(crate) universe: DebUniverse<File>,
    pub(crate) indexes: Vec<LockedIndex>,
}

/// A release file larger than this is refused (Debian's are 300 KiB).
const LARGEST_RELEASE: u64 = 16 << 20;
/// An index larger than this is refused (trixie's main is 10 MiB, 57 MiB unpacked).
const LARGEST_INDEX: u64 = 1 << 30;
/// How much older than one seen before an index may be, in seconds: the machines behind a mirror's
/// name are not updated at the same moment.
const TOLERATED_LAG: i64 = 86_400;

/// A release file that was verified.
struct VerifiedRelease {
    release: Release,
    locked: LockedIndex,
    /// The address that gave it.
    mirror: String,
    /// The directory of the release file below the address.
    directory: String,
}

/// The newest release of a suite that was seen.
#[derive(Serialize, Deserialize)]
struct SeenRelease {
    date: Timestamp,
    stored: Stored,
    signature: Option<Stored>,
    mirror: String,
}

impl Pipeline<'_> {
    /// Everything that a plan may choose from.
    pub(crate) fn universe(
        &self,
        plan: &Plan,
        architecture: Architecture,
    ) -> Result<ReadIndexes, PipelineError> {
        self.reporter.begin(Stage::Indexes, None, "");
        let mut releases: Vec<(&ArchiveSource, VerifiedRelease)> = Vec::new();
        for source in &plan.sources {
            let suites = if source.flat.is_some() {
                vec![String::new()]
            } else {
                source.suites.clone()
            };
            for suite in suites {
                releases.push((source, self.release(source, &suite)?));
            }
        }
        let mut files: Vec<(IndexOrigin, Wanted)> = Vec::new();
        for (source, release) in &releases {
            for file in index_files(source, release, architecture)? {
                files.push((
                    index_origin(source, release),
                    wanted(source, release, &file),
                ));
            }
        }
        let stored = self.universe_file(architecture, &files)?;
        self.reporter.end(Stage::Indexes);
        let file = self
            .store
            .open_blob(&stored.digest)?
            .ok_or_else(|| PipelineError::Internal("the universe left the store".to_owned()))?;
        let universe = DebUniverse::open("universe", file, &plan.request.pins)?;
        let indexes = releases
            .into_iter()
            .map(|(_, release)| release.locked)
            .collect();
        Ok(ReadIndexes { universe, indexes })
    }

    /// The compiled universe of these indexes: found, or made.
    fn universe_file(
        &self,
        architecture: Architecture,
        files: &[(IndexOrigin, Wanted)],
    ) -> Result<Stored, PipelineError> {
        let mut key = format!("universe {} {architecture}\n", env!("KILN_CODE"));
        for (source, file) in files {
            key.push_str(&format!(
                "{source:?} {} {} {:?}\n",
                file.archive,
                file.digest,
                file.paths.last()
            ));
        }
        let key = Digest::of(key.as_bytes());
        if let Some(bytes) = self.store.record_get(RecordKind::Index, &key)?
            && let Ok(stored) = serde_json::from_slice::<Stored>(&bytes)
            && let Some(stored) = self.store.ensure(&stored)?
        {
            return Ok(stored);
        }
        let fetched = self.fetch(
            Stage::Indexes,
            files.iter().map(|(_, wanted)| wanted.clone()).collect(),
        )?;
        let mut writer = self.store.writer()?;
        let mut builder = IndexBuilder::new(&mut writer, architecture.as_str());
        for ((origin, wanted), stored) in files.iter().zip(&fetched) {
            let file = self
                .store
                .open_blob(&stored.digest)?
                .ok_or_else(|| PipelineError::Internal("an index left the store".to_owned()))?;
            let name = wanted.paths.last().map_or("", String::as_str);
            let limits = kiln_archive::Limits {
                max_unpacked: LARGEST_INDEX,
                ..kiln_archive::Limits::default()
            };
            let mut reader = decoder(
                Codec::from_name(name),
                Box::new(std::io::BufReader::new(file)),
                &limits,
            )
            .map_err(|error| FormatError::malformed(&wanted.what, error.to_string()))?;
            let source = IndexSource {
                subject: &wanted.what,
                archive: &wanted.archive,
                suite: &origin.suite,
                priority: origin.priority,
            };
            builder.add(&source, &mut reader)?;
        }
        builder.finish()?;
        let stored = writer.commit(None)?;
        let bytes = serde_json::to_vec(&stored)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store.record_put(RecordKind::Index, &key, &bytes)?;
        Ok(stored)
    }

    /// The verified release file of a suite (of the whole repository, for a flat one).
    fn release(
        &self,
        source: &ArchiveSource,
        suite: &str,
    ) -> Result<VerifiedRelease, PipelineError> {
        let now = self.clock.now();
        let candidates = self
            .settings
            .mirrors
            .candidates(source, now)
            .ok_or_else(|| PipelineError::NoMirror {
                archive: source.archive.clone(),
            })?;
        let directory = match &source.flat {
            Some(path) => path
                .trim_matches('/')
                .trim_start_matches("./")
                .trim_matches('.')
                .to_owned(),
            None => format!("dists/{suite}"),
        };
        if self.settings.offline {
            return self.seen_release(source, suite, &directory, &candidates);
        }
        let client = Client::new(self.settings.net.clone())?;
        let mut attempts: Vec<String> = Vec::new();
        let mut class = ErrorClass::Network;
        for mirror in &candidates.urls {
            let outcome = self
                .fetch_release(&client, mirror, &directory)
                .and_then(|files| {
                    self.verify_release(source, suite, &candidates, files, mirror, &directory)
                });
            match outcome {
                Ok(release) => {
                    if candidates.snapshot.is_none() {
                        self.refuse_rollback(source, suite, &release)?;
                    }
                    return Ok(release.verified);
                }
                Err(error) => {
                    // A guessed address that has another archive's index, or none, is no fault.
                    let about_it =
                        matches!(&error, PipelineError::Net(error) if error.is_not_found());
                    if error.class() == ErrorClass::Integrity
                        && candidates.certainty == Certainty::Told
                    {
                        class = ErrorClass::Integrity;
                    }
                    attempts.push(if about_it {
                        format!("{}: has no such suite", shown(mirror))
                    } else {
                        error.to_string()
                    });
                    if matches!(error, PipelineError::Store(_) | PipelineError::Io { .. }) {
                        return Err(error);
                    }
                }
            }
        }
        Err(PipelineError::NoIndex {
            archive: source.archive.clone(),
            suite: suite.to_owned(),
            attempts,
            class,
        })
    }

    fn fetch_release(
        &self,
        client: &Client,
        mirror: &str,
        directory: &str,
    ) -> Result<ReleaseFiles, PipelineError> {
        let mirrors = [mirror.to_owned()];
        let path = |name: &str| {
            if directory.is_empty() {
                name.to_owned()
            } else {
                format!("{directory}/{name}")
            }
        };
        let get = |name: &'static str| -> Result<Vec<u8>, PipelineError> {
            let fetched = self
                .block_on(client.get_small(&mirrors, &path(name), LARGEST_RELEASE, None))?
                .map_err(PipelineError::Net)?;
            match fetched {
                Fetched::New(document) => Ok(document.bytes),
                Fetched::Unchanged(_) => Err(PipelineError::Internal(
                    "an unconditional request was answered `unchanged`".to_owned(),
                )),
            }
        };
        let not_found = |error: &PipelineError| matches!(error, PipelineError::Net(error) if NetError::is_not_found(error));
        match get("InRelease") {
            Ok(text) => Ok(ReleaseFiles {
                text,
                signature: None,
                inline: true,
            }),
            Err(error) if not_found(&error) => {
                let text = get("Release")?;
                let signature = match get("Release.gpg") {
                    Ok(signature) => Some(signature),
                    Err(error) if not_found(&error) => None,
                    Err(error) => return Err(error),
                };
                Ok(ReleaseFiles {
                    text,
                    signature,
                    inline: false,
                })
            }
            Err(error) => Err(error),
        }
    }

    fn verify_release(
        &self,
        source: &ArchiveSource,
        suite: &str,
        candidates: &Candidates,
        files: ReleaseFiles,
        mirror: &str,
        directory: &str,
    ) -> Result<Checked, PipelineError> {
        let now = self.clock.now();
        let name = if files.inline { "InRelease" } else { "Release" };
        let subject = format!("{}/{directory}/{name}", shown(mirror));
        let at = candidates.snapshot.unwrap_or(now);
        let text = if source.trusted {
            // `[trusted=yes]` was written: what is signed is read without looking at the signature.
            if files.inline {
                unverified_text(&files.text, &subject)?
            } else {
                files.text.clone()
            }
        } else {
            let keyring = self.keyring(source)?;
            // Keys may have expired since a snapshot was signed; what counts is the time of signing.
            let verified = match &files.signature {
                None if files.inline => verify_inline(&files.text, &subject, &keyring, at)?,
                None => {
                    return Err(FormatError::new(
                        kiln_types::FormatErrorKind::Lies,
                        subject,
                        "it is not signed; `[trusted=yes]` would accept it".to_owned(),
                    )
                    .into());
                }
                Some(signature) => verify_detached(&files.text, signature, &subject, &keyring, at)?,
            };
            verified.text
        };
        let release = Release::parse(&text, &subject)?;
        let expectation = Expectation {
            suite: (!suite.is_empty()).then_some(suite),
            origin: source.origin.as_deref(),
            label: source.label.as_deref(),
            at,
            verify_valid_until: true,
        };
        let findings = release.check(&subject, &expectation);
        if !findings.is_empty() {
            return Err(PipelineError::Index(findings));
        }
        let locked = LockedIndex {
            archive: source.archive.clone(),
            suite: suite.to_owned(),
            date: release.date,
            release: Digest::of(&files.text),
        };
        let verified = VerifiedRelease {
            release,
            locked,
            mirror: mirror.to_owned(),
            directory: directory.to_owned(),
        };
        Ok(Checked { verified, files })
    }

    /// Refuses an index older than one seen before, and remembers a newer one.
    fn refuse_rollback(
        &self,
        source: &ArchiveSource,
        suite: &str,
        checked: &Checked,
    ) -> Result<(), PipelineError> {
        let key = seen_key(source, suite);
        let date = checked.verified.release.date;
        if let Some(seen) = self.seen(&key)? {
            if date.unix() + TOLERATED_LAG < seen.date.unix() {
                return Err(PipelineError::RolledBack {
                    archive: source.archive.clone(),
                    suite: suite.to_owned(),
                    date: date.to_string(),
                    seen: seen.date.to_string(),
                });
            }
            if date < seen.date {
                let message = format!(
                    "index of `{}` `{suite}` is of {date}, a little older than the one of {} seen before",
                    source.archive, seen.date
                );
                self.reporter.warn(
                    &Diagnostic::warning("index/behind", message).help(
                        "the machines behind a mirror's name differ for some hours; it passes",
                    ),
                );
                return Ok(());
            }
        }
        let stored = self.store.put(&checked.files.text)?;
        let signature = checked
            .files
            .signature
            .as_ref()
            .map(|bytes| self.store.put(bytes))
            .transpose()?;
        let seen = SeenRelease {
            date,
            stored,
            signature,
            mirror: checked.verified.mirror.clone(),
        };
        let bytes = serde_json::to_vec(&seen)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store
            .record_put(RecordKind::ReleaseSeen, key.as_str(), &bytes)?;
        Ok(())
    }

    fn seen(&self, key: &str) -> Result<Option<SeenRelease>, PipelineError> {
        let bytes = self.store.record_get(RecordKind::ReleaseSeen, key)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// The release file of the last time, verified again.
    fn seen_release(
        &self,
        source: &ArchiveSource,
        suite: &str,
        directory: &str,
        candidates: &Candidates,
    ) -> Result<VerifiedRelease, PipelineError> {
        let offline = || PipelineError::Offline {
            what: format!("the index of `{}` `{suite}`", source.archive),
        };
        let seen = self.seen(&seen_key(source, suite))?.ok_or_else(offline)?;
        let read = |stored: &Stored| -> Result<Vec<u8>, PipelineError> {
            let file = self.store.open_blob(&stored.digest)?.ok_or_else(offline)?;
            let bytes = kiln_archive::read_to_vec(&mut { file }, LARGEST_RELEASE)
                .map_err(|error| FormatError::malformed("stored index", error.to_string()))?;
            if Digest::of(&bytes) == stored.digest {
                Ok(bytes)
            } else {
                Err(offline())
            }
        };
        let signature = seen.signature.as_ref().map(read).transpose()?;
        let text = read(&seen.stored)?;
        let inline = signature.is_none() && text.starts_with(b"-----BEGIN");
        let files = ReleaseFiles {
            text,
            signature,
            inline,
        };
        // Offline nothing newer can be had; the index is judged as of its own day, and its age said.
        let as_of = Candidates {
            snapshot: Some(candidates.snapshot.unwrap_or(seen.date)),
            ..candidates.clone()
        };
        Ok(self
            .verify_release(source, suite, &as_of, files, &seen.mirror, directory)?
            .verified)
    }

    fn keyring(&self, source: &ArchiveSource) -> Result<Keyring, PipelineError> {
        let mut keyring: Option<Keyring> = None;
        for name in &source.keyrings {
            let next = match Keyring::embedded(name) {
                Some(embedded) => embedded,
                None => {
                    let doing = || format!("reading keyring `{name}`");
                    let file = File::open(name).map_err(|source| PipelineError::Io {
                        doing: doing(),
                        source,
                    })?;
                    let bytes = kiln_archive::read_to_vec(&mut { file }, LARGEST_RELEASE)
                        .map_err(|error| FormatError::malformed(name, error.to_string()))?;
                    Keyring::parse(&bytes, name)?
                }
            };
            match &mut keyring {
                Some(keyring) => keyring.extend(next),
                None => keyring = Some(next),
            }
        }
        keyring.ok_or_else(|| {
            FormatError::new(
                kiln_types::FormatErrorKind::Lies,
                format!("archive `{}`", source.archive),
                "no keyring is named that could verify it".to_owned(),
            )
            .into()
        })
    }
}

struct ReleaseFiles {
    text: Vec<u8>,
    signature: Option<Vec<u8>>,
    inline: bool,
}

struct Checked {
    verified: VerifiedRelease,
    files: ReleaseFiles,
}

fn seen_key(source: &ArchiveSource, suite: &str) -> String {
    let place = source.url.as_deref().unwrap_or(&source.archive);
    format!(
        "{place} {} {suite}",
        source.flat.as_deref().unwrap_or_default()
    )
}

/// An address without user and password.
fn shown(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}

fn index_files(
    source: &ArchiveSource,
    release: &VerifiedRelease,
    architecture: Architecture,
) -> Result<Vec<OwnedIndexFile>, PipelineError> {
    let subject = || format!("{}/{}", shown(&release.mirror), release.directory);
    let missing =
        |what: String| FormatError::malformed(subject(), format!("it lists no packages of {what}"));
    let own = |file: IndexFile<'_>| OwnedIndexFile {
        path: file.path.to_owned(),
        by_hash: release.release.acquire_by_hash.then(|| file.by_hash_path()),
        digest: file.file.sha256,
        size: file.file.size,
    };
    if source.flat.is_some() {
        let file = release
            .release
            .flat_packages()
            .ok_or_else(|| missing("any kind".to_owned()))?;
        return Ok(vec![own(file)]);
    }
    let mut files = Vec::new();
    for component in &source.components {
        let file = release
            .release
            .packages(component, architecture.as_str())
            .ok_or_else(|| missing(format!("component `{component}` for `{architecture}`")))?;
        files.push(own(file));
        if release.release.has_separate_all()
            && let Some(file) = release.release.packages(component, "all")
        {
            files.push(own(file));
        }
    }
    Ok(files)
}

struct OwnedIndexFile {
    path: String,
    by_hash: Option<String>,
    digest: Digest,
    size: u64,
}

fn wanted(source: &ArchiveSource, release: &VerifiedRelease, file: &OwnedIndexFile) -> Wanted {
    let below = |path: &str| match release.directory.as_str() {
        "" => path.to_owned(),
        directory => format!("{directory}/{path}"),
    };
    let paths = file
        .by_hash
        .iter()
        .chain([&file.path])
        .map(|path| below(path))
        .collect();
    Wanted {
        what: format!("{} {} {}", source.archive, release.locked.suite, file.path),
        archive: source.archive.clone(),
        mirrors: vec![release.mirror.clone()],
        paths,
        digest: file.digest,
        size: file.size,
    }
}

/// What the universe is told of an index.
#[derive(Debug)]
struct IndexOrigin {
    suite: String,
    priority: i32,
}

fn index_origin(source: &ArchiveSource, release: &VerifiedRelease) -> IndexOrigin {
    IndexOrigin {
        suite: release.locked.suite.clone(),
        priority: priority(source, &release.release),
    }
}

/// apt_preferences(5): an archive may ask not to be taken from unless told.
fn priority(source: &ArchiveSource, release: &Release) -> i32 {
    match (
        source.priority,
        release.not_automatic,
        release.but_automatic_upgrades,
    ) {
        (500, true, true) => 100,
        (500, true, false) => 1,
        (priority, ..) => priority,
    }
}

/// The names of packages that no index of a plan has, with names that resemble them.
impl Pipeline<'_> {
    /// Packages that the plan names and no index has, with what resembles them.
    ///
    /// # Errors
    /// When indexes cannot be had or trusted.
    pub fn unknown_packages(
        &self,
        plan: &Plan,
    ) -> Result<Vec<(String, Vec<String>)>, PipelineError> {
        use kiln_types::Universe as _;
        let universe = self.universe(plan, plan.platform.architecture)?.universe;
        let names: BTreeMap<&str, ()> = plan
            .request
            .include
            .iter()
            .map(|request| (request.name.as_str(), ()))
            .collect();
        Ok(names
            .into_keys()
            .filter(|name| universe.named(name).is_empty() && universe.providing(name).is_empty())
            .map(|name| (name.to_owned(), universe.similar(name, 3)))
            .collect())
    }
}
