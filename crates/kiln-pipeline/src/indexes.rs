//! Signed indexes become a universe of packages.
//!
//! Each verified release file (`releases`) lists package indexes by digest. All of them together are
//! compiled once into a universe file, which is found again by their digests.

mod read_ahead;

use std::collections::BTreeMap;
use std::fs::File;

use kiln_archive::decompress::{Codec, decoder};
use kiln_deb::index::{IndexBuilder, IndexSource};
use kiln_deb::release::{IndexFile, Release};
use kiln_deb::universe::DebUniverse;
use kiln_store::{RecordKind, Stored};
use kiln_types::{Architecture, ArchiveSource, Digest, FormatError, LockedIndex, Plan, Stage};

use crate::fetch::Wanted;
use crate::releases::{VerifiedRelease, shown};
use crate::{Pipeline, PipelineError};
use read_ahead::read_ahead;

/// The packages of one plan's architecture, and the indexes they come from.
pub(crate) struct ReadIndexes {
    pub(crate) universe: DebUniverse<File>,
    pub(crate) indexes: Vec<LockedIndex>,
}

/// How much an index may unpack to: so many times its size, at least and at most so many bytes
/// (trixie's main is 10 MiB, 57 MiB unpacked).
const INDEX_RATIO: u64 = 40;
const INDEX_LEAST: u64 = 16 << 20;
const INDEX_MOST: u64 = 512 << 20;

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
                max_unpacked: kiln_archive::Limits::unpacked_of(
                    wanted.size,
                    INDEX_RATIO,
                    INDEX_LEAST,
                    INDEX_MOST,
                ),
                ..kiln_archive::Limits::default()
            };
            let open = || {
                let input = std::io::BufReader::new(file);
                Ok(decoder(Codec::from_name(name), input, &limits)?)
            };
            let source = IndexSource {
                subject: &wanted.what,
                archive: &wanted.archive,
                suite: &origin.suite,
                priority: origin.priority,
            };
            // Decoding takes as long as everything else that happens to an index.
            read_ahead(open, |reader| builder.add(&source, reader))?;
        }
        builder.finish()?;
        let stored = writer.commit(None)?;
        let bytes = serde_json::to_vec(&stored)
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store.record_put(RecordKind::Index, &key, &bytes)?;
        Ok(stored)
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
        last_resort: None,
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
