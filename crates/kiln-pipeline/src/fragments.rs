//! Locked packages become fragments: from the store where they are there, otherwise normalised,
//! several at a time, the largest first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use kiln_image::{Fragment, NormaliseOptions, Scratch, fragment_key, normalise};
use kiln_store::{RecordKind, Stored};
use kiln_types::{
    Cuts, Digest, FormatError, FormatErrorKind, LockedPackage, PackageFormat, RelativePath, Stage,
};
use serde::{Deserialize, Serialize};

use crate::build::CODE;
use crate::fetch::Wanted;
use crate::mirrors::PackageAddresses;
use crate::{Pipeline, PipelineError};

/// A fragment as the store keeps it.
#[derive(Serialize, Deserialize)]
struct FragmentRecord {
    stored: Stored,
    fragment: Fragment,
}

/// What is wanted: a package, by which rules.
#[derive(Clone)]
pub(crate) struct FragmentRequest<'a> {
    pub(crate) package: &'a LockedPackage,
    pub(crate) addresses: PackageAddresses,
    pub(crate) cuts: &'a Cuts,
    pub(crate) merged_usr: bool,
    pub(crate) dropped: BTreeSet<RelativePath>,
}

impl FragmentRequest<'_> {
    fn options(&self, threads: usize) -> NormaliseOptions<'_> {
        NormaliseOptions {
            cuts: self.cuts,
            merged_usr: self.merged_usr,
            dropped: &self.dropped,
            threads,
        }
    }

    fn key(&self) -> Digest {
        fragment_key(&self.package.sha256, &self.options(1), CODE)
    }

    fn subject(&self) -> String {
        format!(
            "{}_{}_{}",
            self.package.name, self.package.version, self.package.architecture
        )
    }
}

/// What all packages of one image may weigh together in memory, in bytes: their entries, paths and
/// control members. Each package by itself is limited where it is read.
const HEAVIEST: u64 = 256 << 20;
/// What an entry weighs beside its path.
const ENTRY: u64 = 384;

/// What the fragments of one image weigh so far.
#[derive(Default)]
struct Weight(AtomicU64);

impl Weight {
    fn add(&self, fragment: &Fragment, subject: &str) -> Result<(), FormatError> {
        let entries = fragment.files.iter().map(|file| &file.entry);
        let paths: usize = entries
            .chain(&fragment.directories)
            .map(|entry| entry.path.as_str().len())
            .chain(fragment.cut.iter().map(|path| path.as_str().len()))
            .sum();
        let members: usize = fragment.control.members.values().map(Vec::len).sum();
        let count = fragment.files.len() + fragment.directories.len() + fragment.cut.len();
        let weight = ENTRY * count as u64 + (paths + members) as u64;
        let before = self.0.fetch_add(weight, Ordering::Relaxed);
        if before.saturating_add(weight) <= HEAVIEST {
            return Ok(());
        }
        let reason = format!(
            "with its {count} entries the packages of the image hold more than kiln keeps in memory"
        );
        Err(FormatError::new(FormatErrorKind::Limit, subject, reason))
    }
}

/// Fragments, and how many of them had to be made.
pub(crate) struct Fragments {
    pub(crate) by_request: Vec<Arc<Fragment>>,
    pub(crate) made: usize,
}

impl Pipeline<'_> {
    /// The fragments of these requests, in their order.
    pub(crate) fn fragments(
        &self,
        format: &dyn PackageFormat,
        requests: &[FragmentRequest<'_>],
    ) -> Result<Fragments, PipelineError> {
        let weight = Weight::default();
        let keys: Vec<Digest> = requests.iter().map(FragmentRequest::key).collect();
        let mut known: BTreeMap<Digest, Arc<Fragment>> = BTreeMap::new();
        let mut missing: BTreeMap<Digest, &FragmentRequest<'_>> = BTreeMap::new();
        for (key, request) in keys.iter().zip(requests) {
            if known.contains_key(key) || missing.contains_key(key) {
                continue;
            }
            match self.kept_fragment(key)? {
                Some(fragment) => {
                    weight.add(&fragment, &request.subject())?;
                    known.insert(*key, Arc::new(fragment));
                }
                None => {
                    missing.insert(*key, request);
                }
            }
        }
        let made = missing.len();
        known.extend(self.make_fragments(format, missing, &weight)?);
        let by_request = keys
            .iter()
            .filter_map(|key| known.get(key).cloned())
            .collect::<Vec<_>>();
        if by_request.len() != requests.len() {
            return Err(PipelineError::Internal("a fragment got lost".to_owned()));
        }
        Ok(Fragments { by_request, made })
    }

    fn kept_fragment(&self, key: &Digest) -> Result<Option<Fragment>, PipelineError> {
        let Some(bytes) = self.store.record_get(RecordKind::Fragment, key)? else {
            return Ok(None);
        };
        // A record of another kiln may have another shape: as good as absent.
        let Ok(record) = serde_json::from_slice::<FragmentRecord>(&bytes) else {
            return Ok(None);
        };
        Ok(self.store.ensure(&record.stored)?.map(|_| record.fragment))
    }

    fn make_fragments(
        &self,
        format: &dyn PackageFormat,
        missing: BTreeMap<Digest, &FragmentRequest<'_>>,
        weight: &Weight,
    ) -> Result<Vec<(Digest, Arc<Fragment>)>, PipelineError> {
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let mut jobs: Vec<(Digest, &FragmentRequest<'_>)> = missing.into_iter().collect();
        // The largest first, so that no thread is left alone with one at the end.
        jobs.sort_by_key(|(key, request)| (std::cmp::Reverse(request.package.size), *key));
        let wanted = jobs
            .iter()
            .map(|(_, request)| Wanted::package(request.package, request.addresses.clone()))
            .collect();
        let packages = self.fetch(Stage::Fetch, wanted)?;

        let total = jobs.iter().map(|(_, request)| request.package.size).sum();
        self.reporter.begin(Stage::Normalise, Some(total), "bytes");
        let workers = self.settings.jobs.clamp(1, jobs.len());
        let threads = (self.settings.jobs / workers).max(1);
        let next = AtomicUsize::new(0);
        let results = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers)
                .map(|_| {
                    scope.spawn(|| {
                        let mut done = Vec::new();
                        while let Some(index) = take(&next, jobs.len()) {
                            let (key, request) = &jobs[index];
                            let result =
                                self.make_fragment(format, key, request, &packages[index], threads);
                            let result = result.and_then(|fragment| {
                                weight.add(&fragment, &request.subject())?;
                                Ok(fragment)
                            });
                            let failed = result.is_err();
                            done.push(result.map(|fragment| (*key, Arc::new(fragment))));
                            if failed {
                                // The others finish what they are at; nobody begins anything new.
                                next.store(jobs.len(), Ordering::Relaxed);
                            }
                            self.reporter.advance(
                                Stage::Normalise,
                                request.package.size,
                                request.package.name.as_str(),
                            );
                        }
                        done
                    })
                })
                .collect();
            handles
                .into_iter()
                .map(std::thread::ScopedJoinHandle::join)
                .collect::<Vec<_>>()
        });
        self.reporter.end(Stage::Normalise);
        let (mut fragments, mut errors) = (Vec::new(), Vec::new());
        for result in results {
            let done =
                result.map_err(|_| PipelineError::Internal("a worker thread failed".to_owned()))?;
            for outcome in done {
                match outcome {
                    Ok(fragment) => fragments.push(fragment),
                    Err(error) => errors.push(error),
                }
            }
        }
        match errors.len() {
            0 => Ok(fragments),
            1 => Err(errors.remove(0)),
            _ => Err(PipelineError::Several(errors)),
        }
    }

    fn make_fragment(
        &self,
        format: &dyn PackageFormat,
        key: &Digest,
        request: &FragmentRequest<'_>,
        package: &Stored,
        threads: usize,
    ) -> Result<Fragment, PipelineError> {
        let subject = request.subject();
        let file = self.store.open_blob(&package.digest)?.ok_or_else(|| {
            PipelineError::Internal(format!("package `{subject}` left the store"))
        })?;
        let mut open = format.open(
            &subject,
            Box::new(std::io::BufReader::with_capacity(128 << 10, file)),
        )?;
        let control = open.control();
        let claims = (
            control.name.as_str(),
            control.version.as_str(),
            control.architecture.as_str(),
        );
        let wanted = (
            request.package.name.as_str(),
            request.package.version.as_str(),
            request.package.architecture.as_str(),
        );
        if claims != wanted {
            let reason = format!(
                "the file says that it is {} {} {}",
                claims.0, claims.1, claims.2
            );
            return Err(
                FormatError::new(kiln_types::FormatErrorKind::Lies, subject, reason).into(),
            );
        }
        let mut writer = self.store.writer()?;
        let normalised = normalise(
            open.as_mut(),
            &request.options(threads),
            &StoreScratch(self),
            &mut writer,
        )?;
        let stored = writer.commit(None)?;
        let fragment = normalised.stored_as(stored.digest);
        let record = FragmentRecord { stored, fragment };
        let bytes = serde_json::to_vec(&record)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store.record_put(RecordKind::Fragment, key, &bytes)?;
        Ok(record.fragment)
    }
}

/// The next job of a list, until there is none.
pub(crate) fn take(next: &AtomicUsize, length: usize) -> Option<usize> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    (index < length).then_some(index)
}

/// Scratch files in the store's own folder, so that the disk that is checked is the disk used.
struct StoreScratch<'a>(&'a Pipeline<'a>);

impl Scratch for StoreScratch<'_> {
    fn file(&self) -> std::io::Result<std::fs::File> {
        tempfile::tempfile_in(self.0.store.root().join("tmp"))
    }
}
