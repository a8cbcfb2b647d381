//! The signed release files of archives: had from a mirror or from the last time, and verified.
//!
//! A release file counts only when it is signed by a key that the archive names, is of the wanted
//! origin and suite, has not expired, and is not older than one seen before.

use std::fs::File;

use kiln_deb::keyring::Keyring;
use kiln_deb::openpgp::{unverified_text, verify_detached, verify_inline};
use kiln_deb::release::{Expectation, Release};
use kiln_net::{Client, Fetched, NetError};
use kiln_store::{RecordKind, Stored};
use kiln_types::{
    ArchiveSource, Classify, Diagnostic, Digest, ErrorClass, FormatError, LockedIndex, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::mirrors::{Candidates, Certainty};
use crate::{Pipeline, PipelineError};

/// A release file larger than this is refused (Debian's are 300 KiB).
const LARGEST_RELEASE: u64 = 16 << 20;
/// How much older than one seen before an index may be, in seconds: the machines behind a mirror's
/// name are not updated at the same moment.
const TOLERATED_LAG: i64 = 86_400;

/// A release file that was verified.
pub(crate) struct VerifiedRelease {
    pub(crate) release: Release,
    pub(crate) locked: LockedIndex,
    /// The address that gave it.
    pub(crate) mirror: String,
    /// The directory of the release file below the address.
    pub(crate) directory: String,
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
    /// The verified release file of a suite (of the whole repository, for a flat one).
    pub(crate) fn release(
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
                    attempts.push(if about_it && source.flat.is_some() {
                        format!(
                            "{}/{directory}: has no `InRelease` or `Release`, without which nothing says \
                             what belongs to it; `apt-ftparchive release . > Release` makes one",
                            shown(mirror).trim_end_matches('/')
                        )
                    } else if about_it {
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
                    let path = self.settings.keyring_folder.join(name);
                    let doing = || format!("reading keyring `{}`", path.display());
                    let file = File::open(&path).map_err(|source| PipelineError::Io {
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
pub(crate) fn shown(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}
