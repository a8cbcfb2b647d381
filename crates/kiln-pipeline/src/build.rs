//! Plans and a lock become images.
//!
//! An image is found again by the key of everything that decides about its bytes: its plan, the
//! digests of its packages, the layering, the compression, and the code. Found, its blobs are only
//! looked at (size, time, inode), and nothing else happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use kiln_image::{
    CheckOutcome, Compression, Coverage, Fragment, Furnished, ImageFacts, LayerPlan, LayerRecord,
    Layering, Losses, MadeBy, START_PACKAGE, WrittenLayer, compose, contested_files, coverage,
    describe, furnish, start_package, write_layer,
};
use kiln_oci::Descriptor;
use kiln_store::{RecordKind, Stored};
use kiln_types::{
    BuiltFrom, Digest, Lock, LockedPackage, PackageFormat, PackageName, PackageVersion, Plan,
    Stage, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::fragments::{FragmentRequest, take};
use crate::mirrors::PackageAddresses;
use crate::{Pipeline, PipelineError, package_format};

/// How to build, besides what plan and lock say.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// How packages share layers.
    pub layering: Layering,
    /// How layers are compressed.
    pub compression: Compression,
}

/// An image of one platform, in the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlatformImage {
    /// The descriptor of its manifest.
    pub manifest: Descriptor,
    /// Every blob: manifest, configuration, layers.
    pub blobs: Vec<Stored>,
    /// Its layers, bottom first.
    pub layers: Vec<LayerSummary>,
    /// The sum of the sizes of its blobs: what a registry stores.
    pub compressed: u64,
    /// When it was created, by its packages.
    pub created: Timestamp,
    /// The version of the package that names the tags.
    pub version: Option<String>,
    /// What is known of its tree.
    pub facts: ImageFacts,
    /// How the checks of its profile came out.
    pub checks: Vec<CheckOutcome>,
    /// What became of the maintainer scripts of its packages.
    pub coverage: Coverage,
    /// What the container engine runs it as.
    pub user: String,
}

/// A layer of an image, for people.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerSummary {
    /// What it is for.
    pub title: String,
    /// Its packages.
    pub packages: Vec<String>,
    /// The digest of the blob.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Its raw size in bytes.
    pub raw_size: u64,
}

/// What happened while an image was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// The whole image was found in the store.
    pub found: bool,
    /// Packages normalised.
    pub fragments_made: usize,
    /// Layers written.
    pub layers_written: usize,
}

/// What a layer became, as the store keeps it.
#[derive(Serialize, Deserialize)]
struct LayerStoreRecord {
    stored: Stored,
    written: WrittenLayer,
}

/// Names this kiln's code in cache keys; never in an image.
pub(crate) const CODE: &str = env!("KILN_CODE");

impl Pipeline<'_> {
    /// Builds the image of one plan, or finds it.
    ///
    /// # Errors
    /// When packages cannot be fetched or used, the image cannot be assembled, or it breaks the
    /// rules of its profile.
    pub fn build(
        &self,
        plan: &Plan,
        lock: &Lock,
        options: &BuildOptions,
    ) -> Result<(PlatformImage, Work), PipelineError> {
        let start = self.start_package(plan)?;
        let locked = start.as_ref().map(|(package, _)| package);
        let assembly = self.assembly(plan, lock, locked, options)?;
        let key = image_key(plan, &assembly.packages, options)?;
        if let Some(image) = self.kept_image(&key)? {
            return Ok((
                image,
                Work {
                    found: true,
                    ..Work::default()
                },
            ));
        }
        if let Some((_, bytes)) = &start {
            self.store.put(bytes)?;
        }
        let (image, built, work) = assembly.run()?;
        self.keep_built(&image, built)?;
        let bytes = serde_json::to_vec(&image)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store.record_put(RecordKind::Image, &key, &bytes)?;
        Ok((image, work))
    }

    /// The assembly of a plan with a lock that fits it, and the package of the start program.
    pub(crate) fn assembly<'a>(
        &'a self,
        plan: &'a Plan,
        lock: &'a Lock,
        start: Option<&'a LockedPackage>,
        options: &'a BuildOptions,
    ) -> Result<Assembly<'a>, PipelineError> {
        let target = plan.target();
        let mut packages: Vec<&LockedPackage> = lock
            .packages
            .iter()
            .filter(|package| package.targets.binary_search(&target).is_ok())
            .collect();
        if packages.is_empty() {
            return Err(PipelineError::Lock(format!(
                "the lock has no packages for `{target}`"
            )));
        }
        if lock.image != plan.image {
            let (found, wanted) = (&lock.image, &plan.image);
            let reason = format!("the lock is of image `{found}`, not of `{wanted}`");
            return Err(PipelineError::Lock(reason));
        }
        for request in &plan.request.include {
            if !packages.iter().any(|package| package.name == request.name) {
                return Err(PipelineError::Lock(format!(
                    "the lock lacks `{}`, which `{target}` asks for: resolve again with `--update`",
                    request.name
                )));
            }
        }
        packages.extend(start);
        Ok(Assembly {
            pipeline: self,
            plan,
            lock,
            packages,
            options,
            format: package_format(&plan.format)?,
        })
    }

    /// The start program as a package, where the plan wants it. No lock names it: it is kiln's own,
    /// as the emulators are.
    pub(crate) fn start_package(
        &self,
        plan: &Plan,
    ) -> Result<Option<(LockedPackage, Vec<u8>)>, PipelineError> {
        if plan.start.is_none() {
            return Ok(None);
        }
        let architecture = plan.platform.architecture;
        let program = self.settings.start_programs.get(&architecture);
        let program = program.ok_or_else(|| PipelineError::NoStartProgram {
            target: format!("{} {}", plan.image, plan.target()),
            architecture: architecture.as_str().to_owned(),
        })?;
        let version = env!("CARGO_PKG_VERSION");
        let bytes = start_package(program, version, architecture).map_err(|source| {
            let doing = "packing the start program".to_owned();
            PipelineError::Io { doing, source }
        })?;
        let internal = |error: &dyn std::fmt::Display| PipelineError::Internal(error.to_string());
        let package = LockedPackage {
            name: PackageName::new(START_PACKAGE).map_err(|error| internal(&error))?,
            version: PackageVersion::new(version).map_err(|error| internal(&error))?,
            architecture: architecture.as_str().to_owned(),
            archive: "kiln".to_owned(),
            suite: String::new(),
            path: String::new(),
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            targets: vec![plan.target()],
        };
        Ok(Some((package, bytes)))
    }

    /// An image that was built before and whose blobs are all as they were.
    fn kept_image(&self, key: &Digest) -> Result<Option<PlatformImage>, PipelineError> {
        let Some(bytes) = self.store.record_get(RecordKind::Image, key)? else {
            return Ok(None);
        };
        let Ok(mut image) = serde_json::from_slice::<PlatformImage>(&bytes) else {
            return Ok(None);
        };
        let mut renewed = false;
        for blob in &mut image.blobs {
            match self.store.ensure(blob)? {
                None => return Ok(None),
                Some(stored) if stored != *blob => {
                    *blob = stored;
                    renewed = true;
                }
                Some(_) => {}
            }
        }
        if renewed && let Ok(bytes) = serde_json::to_vec(&image) {
            self.store.record_put(RecordKind::Image, key, &bytes)?;
        }
        Ok(Some(image))
    }
}

fn image_key(
    plan: &Plan,
    packages: &[&LockedPackage],
    options: &BuildOptions,
) -> Result<Digest, PipelineError> {
    #[derive(Serialize)]
    struct Key<'a> {
        code: &'a str,
        // Tests and titles that do not reach the bytes are part of the plan too; a needless miss
        // costs some milliseconds, because fragments and layers are found.
        plan: &'a Plan,
        packages: Vec<(&'a str, &'a Digest)>,
        layering: Layering,
        compression: Compression,
    }
    let packages = packages
        .iter()
        .map(|package| (package.name.as_str(), &package.sha256))
        .collect();
    let key = Key {
        code: CODE,
        plan,
        packages,
        layering: options.layering,
        compression: options.compression,
    };
    let bytes =
        serde_json::to_vec(&key).map_err(|error| PipelineError::Internal(error.to_string()))?;
    Ok(Digest::of(&bytes))
}

/// The assembly of one image.
pub(crate) struct Assembly<'a> {
    pipeline: &'a Pipeline<'a>,
    pub(crate) plan: &'a Plan,
    pub(crate) lock: &'a Lock,
    pub(crate) packages: Vec<&'a LockedPackage>,
    options: &'a BuildOptions,
    format: &'static dyn PackageFormat,
}

impl Assembly<'_> {
    fn run(&self) -> Result<(PlatformImage, BuiltFrom, Work), PipelineError> {
        let mut work = Work::default();
        let (fragments, furnished, contested) = self.furnish(&mut work)?;
        let built = self.built_from(&furnished.left);
        self.judge(&furnished.checks)?;
        let mut losses = contested.clone();
        for (index, paths) in &furnished.overridden {
            losses
                .entry(*index)
                .or_default()
                .extend(paths.iter().cloned());
        }
        let before = Some((&contested, fragments.as_slice()));
        let fragments = self.fragments(&losses, &furnished.left, before, &mut work)?;
        let image = self.assemble(&fragments, furnished, &mut work)?;
        self.pipeline.reporter.end(Stage::Assemble);
        Ok((image, built, work))
    }

    /// Everything that comes before the layers: the fragments of all packages, what kiln makes
    /// and cuts, and what packages lose to each other.
    pub(crate) fn furnish(
        &self,
        work: &mut Work,
    ) -> Result<(Vec<Arc<Fragment>>, Furnished, Losses), PipelineError> {
        let (whole, all) = (Losses::new(), BTreeSet::new());
        let fragments = self.fragments(&whole, &all, None, work)?;
        let contested =
            contested_files(&views(&fragments), self.format).map_err(|source| self.fail(source))?;
        let fragments = self.fragments(&contested, &all, Some((&whole, &fragments)), work)?;
        self.pipeline.reporter.begin(Stage::Assemble, None, "");
        let furnished = furnish(
            self.plan,
            self.format,
            self.pipeline.store,
            &views(&fragments),
        );
        // Who gets it ends the stage.
        if furnished.is_err() {
            self.pipeline.reporter.end(Stage::Assemble);
        }
        let furnished = furnished.map_err(|source| self.fail(source))?;
        Ok((fragments, furnished, contested))
    }

    /// The fragments of all packages but those that left, without what they lose. `before` is what they were with other
    /// losses: a package that loses the same as then is not looked for again.
    fn fragments(
        &self,
        losses: &Losses,
        left: &BTreeSet<usize>,
        before: Option<(&Losses, &[Arc<Fragment>])>,
        work: &mut Work,
    ) -> Result<Vec<Arc<Fragment>>, PipelineError> {
        let mut kept: BTreeMap<usize, Arc<Fragment>> = BTreeMap::new();
        if let Some((lost, fragments)) = before {
            let same = fragments
                .iter()
                .enumerate()
                .filter(|(index, _)| !left.contains(index) && lost.get(index) == losses.get(index));
            kept.extend(same.map(|(index, fragment)| (index, Arc::clone(fragment))));
        }
        let wanted = self.wanted_fragments(losses, left, &kept, work)?;
        kept.extend(wanted);
        Ok(kept.into_values().collect())
    }

    /// The fragments that are not `known`, by the package's index.
    fn wanted_fragments(
        &self,
        losses: &Losses,
        left: &BTreeSet<usize>,
        known: &BTreeMap<usize, Arc<Fragment>>,
        work: &mut Work,
    ) -> Result<Vec<(usize, Arc<Fragment>)>, PipelineError> {
        let now = self.pipeline.clock.now();
        let mirrors = &self.pipeline.settings.mirrors;
        let mut addresses: BTreeMap<&str, PackageAddresses> = BTreeMap::new();
        for source in &self.plan.sources {
            addresses
                .entry(&source.archive)
                .or_insert_with(|| mirrors.for_packages(source, self.lock, now));
        }
        let (indexes, requests): (Vec<usize>, Vec<FragmentRequest<'_>>) = self
            .packages
            .iter()
            .enumerate()
            .filter(|(index, _)| !known.contains_key(index) && !left.contains(index))
            .map(|(index, package)| {
                let request = FragmentRequest {
                    package,
                    addresses: addresses
                        .get(package.archive.as_str())
                        .cloned()
                        .unwrap_or_default(),
                    cuts: &self.plan.cuts,
                    merged_usr: self.plan.merged_usr,
                    dropped: losses.get(&index).cloned().unwrap_or_default(),
                };
                (index, request)
            })
            .unzip();
        let fragments = self.pipeline.fragments(self.format, &requests)?;
        work.fragments_made += fragments.made;
        Ok(indexes.into_iter().zip(fragments.by_request).collect())
    }

    /// A profile's invariants are checks on the image, not hopes: an image that breaks one is not
    /// made.
    fn judge(&self, checks: &[CheckOutcome]) -> Result<(), PipelineError> {
        let violations: Vec<String> = checks
            .iter()
            .flat_map(|check| {
                check
                    .violations
                    .iter()
                    .map(|violation| format!("{}: {violation}", check.check))
            })
            .collect();
        if violations.is_empty() {
            return Ok(());
        }
        Err(PipelineError::Checks {
            target: self.target(),
            violations,
        })
    }

    fn assemble(
        &self,
        fragments: &[Arc<Fragment>],
        furnished: Furnished,
        work: &mut Work,
    ) -> Result<PlatformImage, PipelineError> {
        let (layering, compression) = (self.options.layering, self.options.compression);
        let composition = compose(
            self.plan,
            layering,
            compression,
            &views(fragments),
            &furnished,
        )
        .map_err(|source| self.fail(source))?;
        let layers = self.layers(&composition.layers, work)?;
        let version = self
            .plan
            .track
            .as_ref()
            .and_then(|track| self.packages.iter().find(|package| package.name == *track))
            .map(|package| package.version.to_string());
        let records: Vec<LayerRecord> = composition
            .layers
            .iter()
            .zip(&layers)
            .map(|(plan, record)| LayerRecord {
                title: plan.title.clone(),
                packages: plan.packages.clone(),
                digest: record.stored.digest,
                size: record.stored.size,
                diff_id: record.written.diff_id,
                compression,
            })
            .collect();
        let created = Timestamp::from_unix(composition.created);
        let made_by = MadeBy {
            created,
            version: version.clone(),
        };
        let described =
            describe(self.plan, &records, &made_by).map_err(|source| self.fail(source))?;
        let store = self.pipeline.store;
        let config = store.put(&described.config)?;
        let manifest = store.put(&described.manifest)?;
        let mut blobs = vec![manifest, config];
        blobs.extend(layers.iter().map(|layer| layer.stored));
        let mut seen = BTreeSet::new();
        let compressed = blobs
            .iter()
            .filter(|blob| seen.insert(blob.digest))
            .map(|blob| blob.size)
            .sum();
        let layers = composition
            .layers
            .iter()
            .zip(&layers)
            .map(|(plan, record)| LayerSummary {
                title: plan.title.clone(),
                packages: plan.packages.clone(),
                digest: record.stored.digest,
                size: record.stored.size,
                raw_size: record.written.raw_size,
            })
            .collect();
        Ok(PlatformImage {
            manifest: described.descriptor,
            blobs,
            layers,
            compressed,
            created,
            version,
            facts: furnished.facts,
            checks: furnished.checks,
            coverage: coverage(self.plan, &views(fragments)),
            user: self.plan.config.user.clone(),
        })
    }

    /// Writes the layers that the store does not have, several at a time.
    fn layers(
        &self,
        plans: &[LayerPlan],
        work: &mut Work,
    ) -> Result<Vec<LayerStoreRecord>, PipelineError> {
        // The largest first, so that no thread is left alone with one at the end.
        let mut order: Vec<usize> = (0..plans.len()).collect();
        order.sort_by_key(|&index| std::cmp::Reverse(plans[index].raw_size()));
        let next = AtomicUsize::new(0);
        let workers = self.pipeline.settings.jobs.clamp(1, plans.len().max(1));
        let results = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers)
                .map(|_| {
                    scope.spawn(|| {
                        let mut done = Vec::new();
                        while let Some(turn) = take(&next, order.len()) {
                            let index = order[turn];
                            done.push((index, self.layer(&plans[index])));
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
        let mut layers: BTreeMap<usize, LayerStoreRecord> = BTreeMap::new();
        for result in results {
            for (index, outcome) in
                result.map_err(|_| PipelineError::Internal("a worker thread failed".to_owned()))?
            {
                let (record, written) = outcome?;
                work.layers_written += usize::from(written);
                layers.insert(index, record);
            }
        }
        Ok(layers.into_values().collect())
    }

    fn layer(&self, plan: &LayerPlan) -> Result<(LayerStoreRecord, bool), PipelineError> {
        let store = self.pipeline.store;
        let key = plan.key();
        if let Some(bytes) = store.record_get(RecordKind::Layer, &key)?
            && let Ok(mut record) = serde_json::from_slice::<LayerStoreRecord>(&bytes)
            && let Some(stored) = store.ensure(&record.stored)?
        {
            record.stored = stored;
            return Ok((record, false));
        }
        let mut writer = store.writer()?;
        let written = write_layer(plan, store, &mut writer).map_err(|source| self.fail(source))?;
        let stored = writer.commit(None)?;
        let record = LayerStoreRecord { stored, written };
        let bytes = serde_json::to_vec(&record)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        store.record_put(RecordKind::Layer, &key, &bytes)?;
        Ok((record, true))
    }

    fn target(&self) -> String {
        format!("{} {}", self.plan.image, self.plan.target())
    }

    fn fail(&self, source: kiln_image::AssembleError) -> PipelineError {
        PipelineError::Assemble {
            target: self.target(),
            source,
        }
    }
}

fn views(fragments: &[Arc<Fragment>]) -> Vec<&Fragment> {
    fragments.iter().map(Arc::as_ref).collect()
}
