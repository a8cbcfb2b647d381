//! Files by digest: from the store where they are there, otherwise from a mirror, several at a
//! time, resumed where an earlier run left off, verified before anybody sees them.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use kiln_net::{
    Attempt, Client, DownloadSink, NetError, NetSettings, Outcome, Rejection, in_parallel,
};
use kiln_store::{Partial, PartialFile, RecordKind, StoreError, Stored};
use kiln_types::{Classify, Digest, ErrorClass, LockedPackage, Stage};

use crate::mirrors::PackageAddresses;
use crate::{GonePackage, Pipeline, PipelineError};

/// A file that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// What it is, for people.
    pub(crate) what: String,
    /// Its archive, for people.
    pub(crate) archive: String,
    /// Base URLs, best first.
    pub(crate) mirrors: Vec<String>,
    /// The base URL to ask when none of them has it.
    pub(crate) last_resort: Option<String>,
    /// Paths below them, best first: by-hash, then by name.
    pub(crate) paths: Vec<String>,
    /// What it must be.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Wanted {
    pub(crate) fn package(package: &LockedPackage, addresses: PackageAddresses) -> Self {
        Self {
            what: format!(
                "{}_{}_{}",
                package.name, package.version, package.architecture
            ),
            archive: package.archive.clone(),
            mirrors: addresses.mirrors,
            last_resort: addresses.last_resort,
            paths: vec![package.path.clone()],
            digest: package.sha256,
            size: package.size,
        }
    }
}

/// How long another process that fetches the same file is waited for, in steps of a tenth of a second.
const PATIENCE: u32 = 10 * 60 * 10;

impl Pipeline<'_> {
    /// The blobs of these files, in their order.
    pub(crate) fn fetch(
        &self,
        stage: Stage,
        wanted: Vec<Wanted>,
    ) -> Result<Vec<Stored>, PipelineError> {
        let mut found: Vec<Option<Stored>> = Vec::with_capacity(wanted.len());
        for file in &wanted {
            found.push(self.kept_file(&file.digest)?);
        }
        let missing: Vec<(usize, &Wanted)> = wanted
            .iter()
            .enumerate()
            .filter(|(at, _)| found[*at].is_none())
            .collect();
        if !missing.is_empty() {
            for (at, stored) in self.fetch_missing(stage, missing)? {
                found[at] = Some(stored);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// A file that came in before and is as it was.
    fn kept_file(&self, digest: &Digest) -> Result<Option<Stored>, PipelineError> {
        let Some(bytes) = self.store.record_get(RecordKind::Package, digest)? else {
            return Ok(None);
        };
        let Ok(stored) = serde_json::from_slice::<Stored>(&bytes) else {
            return Ok(None);
        };
        Ok(self.store.ensure(&stored)?)
    }

    fn fetch_missing(
        &self,
        stage: Stage,
        missing: Vec<(usize, &Wanted)>,
    ) -> Result<Vec<(usize, Stored)>, PipelineError> {
        if self.settings.offline {
            // What an interrupted run left verified but unrecorded is still there.
            return missing
                .into_iter()
                .map(|(at, file)| Ok((at, self.stored_file(file)?)))
                .collect();
        }
        let total: u64 = missing.iter().map(|(_, file)| file.size).sum();
        self.store.require_space(total)?;
        let clients = Clients::new(&self.settings.net)?;
        self.reporter.begin(stage, Some(total), "bytes");
        let results = self.block_on(in_parallel(
            self.settings.parallel,
            missing,
            async |(at, file): (usize, &Wanted)| {
                let named = |error| match error {
                    PipelineError::Net(source) => PipelineError::Fetch {
                        what: file.what.clone(),
                        source,
                    },
                    other => other,
                };
                (
                    at,
                    self.fetch_one(&clients, stage, file).await.map_err(named),
                )
            },
        ))?;
        self.reporter.end(stage);
        let (mut fetched, mut errors, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (at, result) in results {
            match result {
                Ok(stored) => fetched.push((at, stored)),
                Err(PipelineError::Gone(packages)) => gone.extend(packages),
                Err(error) => errors.push(error),
            }
        }
        if !gone.is_empty() {
            errors.insert(0, PipelineError::Gone(gone));
        }
        match errors.len() {
            0 => Ok(fetched),
            1 => Err(errors.remove(0)),
            _ => Err(PipelineError::Several(errors)),
        }
    }

    fn stored_file(&self, file: &Wanted) -> Result<Stored, PipelineError> {
        match self.store.recheck(&file.digest)? {
            Some(stored) => self.keep_file(stored),
            None => Err(PipelineError::Offline {
                what: format!("`{}`", file.what),
            }),
        }
    }

    fn keep_file(&self, stored: Stored) -> Result<Stored, PipelineError> {
        let bytes = serde_json::to_vec(&stored)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store
            .record_put(RecordKind::Package, &stored.digest, &bytes)?;
        Ok(stored)
    }

    async fn fetch_one(
        &self,
        clients: &Clients,
        stage: Stage,
        file: &Wanted,
    ) -> Result<Stored, PipelineError> {
        let partial = match self.partial(file).await? {
            Ok(stored) => return self.keep_file(stored),
            Err(partial) => partial,
        };
        if file.mirrors.is_empty() {
            return Err(PipelineError::NoMirror {
                archive: file.archive.clone(),
            });
        }
        let mut sink = StoreSink {
            partial,
            stored: None,
        };
        let mut outcome: Result<(), NetError> = Ok(());
        for path in &file.paths {
            outcome = self
                .download(
                    &clients.mirrors,
                    &file.mirrors,
                    path,
                    stage,
                    file,
                    &mut sink,
                )
                .await;
            if !outcome.as_ref().is_err_and(NetError::is_not_found) {
                break;
            }
        }
        match outcome {
            Err(error) if error.is_not_found() && stage == Stage::Fetch => {
                self.last_resort(clients, stage, file, &error, &mut sink)
                    .await?;
            }
            other => other?,
        }
        let stored = match sink.stored {
            Some(stored) => stored,
            None => sink.partial.finish()?,
        };
        self.keep_file(stored)
    }

    async fn download(
        &self,
        client: &Client,
        mirrors: &[String],
        path: &str,
        stage: Stage,
        file: &Wanted,
        sink: &mut StoreSink,
    ) -> Result<(), NetError> {
        let progress = |bytes: u64| self.reporter.advance(stage, bytes, &file.what);
        client
            .download(mirrors, path, Some(file.size), file.size, sink, &progress)
            .await
            .map(|_| ())
    }

    /// Asks where old states are kept for a file that no mirror has any more. Whether it answers
    /// is no part of what went wrong: only what it gave, and that was not the file, is an error of
    /// its own.
    async fn last_resort(
        &self,
        clients: &Clients,
        stage: Stage,
        file: &Wanted,
        missing: &NetError,
        sink: &mut StoreSink,
    ) -> Result<(), PipelineError> {
        let path = file.paths.last().map_or("", String::as_str);
        let mut attempts = attempts_below(missing, path);
        if let Some(base) = &file.last_resort {
            match clients.silent.get() {
                Some(reason) => attempts.push(format!("`{base}`: {reason}")),
                None => {
                    let mirrors = [base.clone()];
                    let outcome = self
                        .download(&clients.last_resort, &mirrors, path, stage, file, sink)
                        .await;
                    match outcome {
                        Ok(()) => return Ok(()),
                        Err(error @ NetError::Local { .. }) => return Err(error.into()),
                        Err(error) if error.class() == ErrorClass::Integrity => {
                            return Err(error.into());
                        }
                        Err(error) => {
                            if let Some(Attempt {
                                outcome: outcome @ (Outcome::Connect(_) | Outcome::Stalled(_)),
                                ..
                            }) = error.attempts().first()
                            {
                                // The first of several that found nobody there speaks for all.
                                let _ = clients.silent.set(outcome.to_string());
                            }
                            attempts.extend(attempts_below(&error, path));
                        }
                    }
                }
            }
        }
        Err(PipelineError::Gone(vec![GonePackage {
            package: file.what.clone(),
            archive: file.archive.clone(),
            path: path.to_owned(),
            attempts,
        }]))
    }

    /// The file to write to, or the blob when somebody else has written it.
    async fn partial(&self, file: &Wanted) -> Result<Result<Stored, PartialFile>, PipelineError> {
        for _ in 0..PATIENCE {
            match self.store.partial(&file.digest, Some(file.size))? {
                Partial::Done(stored) => return Ok(Ok(stored)),
                Partial::Open(partial) => return Ok(Err(partial)),
                Partial::Busy => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        let (path, waited) = (
            self.store.path_of(&file.digest),
            Duration::from_secs(u64::from(PATIENCE) / 10),
        );
        Err(StoreError::Busy { path, waited }.into())
    }

    /// Runs a future to its end: the one bridge from the async rooms to all others.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, PipelineError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| PipelineError::Io {
                doing: "starting the network".to_owned(),
                source,
            })?;
        Ok(runtime.block_on(future))
    }
}

/// Where files come from in one run.
struct Clients {
    mirrors: Client,
    /// Asks once: it is a favour, and its silence must not keep anybody waiting.
    last_resort: Client,
    /// Why nobody answers there, once that is known.
    silent: OnceLock<String>,
}

impl Clients {
    fn new(settings: &NetSettings) -> Result<Self, NetError> {
        Ok(Self {
            mirrors: Client::new(settings.clone())?,
            last_resort: Client::new(NetSettings {
                retries: 0,
                ..settings.clone()
            })?,
            silent: OnceLock::new(),
        })
    }
}

/// What was tried, by base URL.
fn attempts_below(error: &NetError, path: &str) -> Vec<String> {
    if error.attempts().is_empty() {
        return vec![error.to_string()];
    }
    let mut told: Vec<String> = error
        .attempts()
        .iter()
        .map(|attempt| {
            let base = attempt.url.strip_suffix(path).unwrap_or(&attempt.url);
            format!("`{}`: {}", base.trim_end_matches('/'), attempt.outcome)
        })
        .collect();
    told.dedup();
    told
}

/// A download that goes into the store.
struct StoreSink {
    partial: PartialFile,
    stored: Option<Stored>,
}

impl DownloadSink for StoreSink {
    fn resume_at(&mut self) -> io::Result<u64> {
        Ok(self.partial.length())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.partial.restart().map_err(io::Error::other)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.partial.write(bytes).map_err(io::Error::other)
    }

    fn complete(&mut self) -> Result<(), Rejection> {
        match self.partial.finish() {
            Ok(stored) => {
                self.stored = Some(stored);
                Ok(())
            }
            Err(error @ StoreError::Mismatch { .. }) => Err(Rejection::Content(error.to_string())),
            Err(error) => Err(Rejection::Local(io::Error::other(error))),
        }
    }
}

#[cfg(test)]
mod tests;
