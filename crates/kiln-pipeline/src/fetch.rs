//! Files by digest: from the store where they are there, otherwise from a mirror, several at a
//! time, resumed where an earlier run left off, verified before anybody sees them.

use std::io;
use std::time::Duration;

use kiln_net::{Client, DownloadSink, NetError, Rejection, in_parallel};
use kiln_store::{Partial, PartialFile, RecordKind, StoreError, Stored};
use kiln_types::{Digest, LockedPackage, Stage};

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
    /// Paths below them, best first: by-hash, then by name.
    pub(crate) paths: Vec<String>,
    /// What it must be.
    pub(crate) digest: Digest,
    /// Its size in bytes.
    pub(crate) size: u64,
}

impl Wanted {
    pub(crate) fn package(package: &LockedPackage, mirrors: Vec<String>) -> Self {
        Self {
            what: format!(
                "{}_{}_{}",
                package.name, package.version, package.architecture
            ),
            archive: package.archive.clone(),
            mirrors,
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
                .map(|(at, file)| Ok((at, self.from_store(file)?)))
                .collect();
        }
        let total: u64 = missing.iter().map(|(_, file)| file.size).sum();
        self.store.require_space(total)?;
        let client = Client::new(self.settings.net.clone())?;
        self.reporter.begin(stage, Some(total), "bytes");
        let results = self.block_on(in_parallel(
            self.settings.parallel,
            missing,
            async |(at, file)| (at, file, self.fetch_one(&client, stage, file).await),
        ))?;
        self.reporter.end(stage);
        let (mut fetched, mut errors, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (at, file, result) in results {
            match result {
                Ok(stored) => fetched.push((at, stored)),
                Err(PipelineError::Net(error)) if error.is_not_found() && stage == Stage::Fetch => {
                    gone.push(GonePackage {
                        package: file.what.clone(),
                        archive: file.archive.clone(),
                        path: file.paths.first().cloned().unwrap_or_default(),
                    })
                }
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

    fn from_store(&self, file: &Wanted) -> Result<Stored, PipelineError> {
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
        client: &Client,
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
        let mut outcome: Option<Result<(), NetError>> = None;
        for path in &file.paths {
            let progress = |bytes: u64| self.reporter.advance(stage, bytes, &file.what);
            let limit = file.size;
            let result = client
                .download(
                    &file.mirrors,
                    path,
                    Some(file.size),
                    limit,
                    &mut sink,
                    &progress,
                )
                .await
                .map(|_| ());
            let next = result.as_ref().is_err_and(NetError::is_not_found);
            outcome = Some(result);
            if !next {
                break;
            }
        }
        outcome.unwrap_or(Ok(()))?;
        let stored = match sink.stored {
            Some(stored) => stored,
            None => sink.partial.finish()?,
        };
        self.keep_file(stored)
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
