//! Blobs in memory, plans, and the way from packages to layers as the pipeline walks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::sync::Mutex;

use kiln_archive::deflate::SegmentReader;
use kiln_archive::{Limits, tar, zstd};
use kiln_deb::package::DebFormat;
use kiln_image::{
    AssembleError, Composition, Compression, Fragment, Furnished, Layering, Losses,
    NormaliseOptions, Scratch, WrittenLayer, compose, contested_files, furnish, normalise,
    write_layer,
};
use kiln_testkit::{Deb, DebBuilder, TarEntry, gzip_members, read_tar};
use kiln_types::{
    Accounts, Architecture, BlobSource, Cuts, Digest, FormatError, ImageName, PackageFormat as _,
    PackageRequest, PathKind, PathPlan, Plan, Platform, RelativePath, RuntimeConfig,
};

/// Blobs in memory.
#[derive(Default)]
pub(crate) struct World {
    blobs: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

impl BlobSource for World {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        match self.blobs.lock().unwrap().get(digest) {
            Some(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

struct TemporaryFiles;

impl Scratch for TemporaryFiles {
    fn file(&self) -> io::Result<File> {
        tempfile::tempfile()
    }
}

/// Options of normalising, as values.
#[derive(Clone, Default)]
pub(crate) struct How {
    pub(crate) cuts: Vec<&'static str>,
    pub(crate) merged_usr: bool,
    pub(crate) dropped: BTreeSet<RelativePath>,
    pub(crate) threads: usize,
}

impl How {
    pub(crate) fn with<T>(&self, with: impl FnOnce(&NormaliseOptions<'_>) -> T) -> T {
        let cuts = Cuts(self.cuts.iter().map(|&cut| cut.to_owned()).collect());
        with(&NormaliseOptions {
            cuts: &cuts,
            merged_usr: self.merged_usr,
            dropped: &self.dropped,
            threads: self.threads.max(1),
        })
    }
}

impl World {
    pub(crate) fn put(&self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.lock().unwrap().insert(digest, bytes);
        digest
    }

    /// Other bytes under a digest: what a damaged disk gives.
    pub(crate) fn damage(&self, digest: &Digest, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.blobs.lock().unwrap().get_mut(digest).unwrap());
    }

    pub(crate) fn try_normalise(&self, deb: &Deb, how: &How) -> Result<Fragment, FormatError> {
        let mut package = DebFormat.open(&deb.name, Box::new(Cursor::new(&deb.bytes)))?;
        let mut out = Vec::new();
        let normalised =
            how.with(|options| normalise(&mut *package, options, &TemporaryFiles, &mut out))?;
        let length = out.len() as u64;
        let fragment = normalised.stored_as(self.put(out));
        assert_eq!(fragment.segment.length, length);
        Ok(fragment)
    }

    pub(crate) fn normalise(&self, deb: &Deb, how: &How) -> Fragment {
        self.try_normalise(deb, how).unwrap()
    }

    /// The entries of a fragment's segment, which is checked against what it says of itself.
    pub(crate) fn entries(&self, fragment: &Fragment) -> Vec<TarEntry> {
        let mut raw = Vec::new();
        SegmentReader::verified(
            self.open(&fragment.segment.digest).unwrap(),
            fragment.segment.segment(),
        )
        .read_to_end(&mut raw)
        .unwrap();
        assert_eq!(raw.len() as u64, fragment.segment.raw_length);
        assert_eq!(Digest::of(&raw), fragment.segment.raw_digest);
        for file in &fragment.files {
            let end = file.offset + file.entry.size;
            assert!(end <= raw.len() as u64, "`{}`", file.entry.path);
        }
        raw.extend(tar::END);
        let entries = read_tar(&raw).unwrap();
        let described: Vec<String> = fragment
            .files
            .iter()
            .map(|file| file.entry.path.as_str().to_owned())
            .collect();
        let written: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        assert_eq!(described, written, "the description is of its segment");
        entries
    }

    /// The whole way of the pipeline.
    pub(crate) fn build(
        &self,
        plan: &Plan,
        debs: &[&Deb],
        layering: Layering,
        compression: Compression,
    ) -> Result<Built, AssembleError> {
        let again = |losses: &Losses| -> Result<Vec<Fragment>, FormatError> {
            debs.iter()
                .enumerate()
                .map(|(index, deb)| {
                    let how = How {
                        merged_usr: plan.merged_usr,
                        dropped: losses.get(&index).cloned().unwrap_or_default(),
                        ..How::default()
                    };
                    self.try_normalise(deb, &how)
                })
                .collect()
        };
        let fragments = again(&Losses::new())?;
        let mut losses = contested_files(&views(&fragments), &DebFormat)?;
        let fragments = again(&losses)?;
        let furnished = furnish(plan, &DebFormat, self, &views(&fragments))?;
        for (index, paths) in &furnished.overridden {
            losses
                .entry(*index)
                .or_default()
                .extend(paths.iter().cloned());
        }
        let mut fragments = again(&losses)?;
        let mut index = 0;
        fragments.retain(|_| {
            index += 1;
            !furnished.left.contains(&(index - 1))
        });
        let composition = compose(plan, layering, compression, &views(&fragments), &furnished)?;
        let mut layers = Vec::new();
        for layer in &composition.layers {
            let mut blob = Vec::new();
            let written = write_layer(layer, self, &mut blob)?;
            layers.push((written, blob));
        }
        Ok(Built {
            composition,
            furnished,
            layers,
            compression,
        })
    }

    /// The same, with the default layering and compression.
    pub(crate) fn image(&self, plan: &Plan, debs: &[&Deb]) -> Result<Built, AssembleError> {
        self.build(plan, debs, Layering::default(), Compression::default())
    }
}

fn views(fragments: &[Fragment]) -> Vec<&Fragment> {
    fragments.iter().collect()
}

/// An image, and how it came to be.
pub(crate) struct Built {
    pub(crate) composition: Composition,
    pub(crate) furnished: Furnished,
    pub(crate) layers: Vec<(WrittenLayer, Vec<u8>)>,
    compression: Compression,
}

impl std::fmt::Debug for Built {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an image of {} layers", self.layers.len())
    }
}

impl Built {
    /// The entries of each layer, bottom first. A layer must be one stream, and be what was said
    /// of it.
    pub(crate) fn entries(&self) -> Vec<Vec<TarEntry>> {
        self.layers
            .iter()
            .map(|(written, blob)| {
                let raw = match self.compression {
                    Compression::Gzip => {
                        let mut members = gzip_members(blob).unwrap();
                        assert_eq!(members.len(), 1, "engines read one member only");
                        members.remove(0)
                    }
                    Compression::Zstd => {
                        let mut raw = Vec::new();
                        zstd::FrameReader::new(blob.as_slice(), &Limits::default())
                            .unwrap()
                            .read_to_end(&mut raw)
                            .unwrap();
                        raw
                    }
                };
                assert_eq!(Digest::of(&raw), written.diff_id);
                assert_eq!(raw.len() as u64, written.raw_size);
                read_tar(&raw).unwrap()
            })
            .collect()
    }

    /// What a container sees: later layers over earlier ones.
    pub(crate) fn tree(&self) -> BTreeMap<String, TarEntry> {
        let mut tree = BTreeMap::new();
        for entry in self.entries().into_iter().flatten() {
            tree.insert(entry.path.trim_end_matches('/').to_owned(), entry);
        }
        tree
    }

    pub(crate) fn text(&self, path: &str) -> String {
        let tree = self.tree();
        let entry = tree.get(path).unwrap_or_else(|| panic!("no `{path}`"));
        String::from_utf8(entry.content.clone()).unwrap()
    }
}

/// A plan that asks for nothing but its packages.
pub(crate) fn plan() -> Plan {
    Plan {
        image: ImageName::new("demo").unwrap(),
        title: "Demo".to_owned(),
        line: "1".to_owned(),
        variant: "standard".to_owned(),
        platform: Platform::linux(Architecture::Amd64),
        distribution: "debian-13".to_owned(),
        format: "deb".to_owned(),
        track: None,
        end_of_life: None,
        sources: Vec::new(),
        request: PackageRequest::default(),
        cuts: Cuts::default(),
        reach: Default::default(),
        merged_usr: true,
        foundation: Vec::new(),
        emulators: Vec::new(),
        maintainer_scripts: false,
        accounts: Accounts::default(),
        paths: Vec::new(),
        config: RuntimeConfig::default(),
        start: None,
        checks: Vec::new(),
        tests: Vec::new(),
    }
}

/// A plan with these paths of the definition.
pub(crate) fn plan_with(paths: Vec<PathPlan>) -> Plan {
    Plan { paths, ..plan() }
}

/// A path of the definition, of root's.
pub(crate) fn path(at: &str, kind: PathKind) -> PathPlan {
    PathPlan {
        path: relative(at),
        kind,
        mode: None,
        uid: 0,
        gid: 0,
        writable: false,
    }
}

pub(crate) fn relative(path: &str) -> RelativePath {
    RelativePath::new(path).unwrap()
}

pub(crate) fn paths(list: &[&str]) -> BTreeSet<RelativePath> {
    list.iter().map(|path| relative(path)).collect()
}

/// What base-files has of links, and a program.
pub(crate) fn base_files() -> Deb {
    DebBuilder::new("base-files", "13")
        .symlink("/bin", "usr/bin")
        .symlink("/lib", "usr/lib")
        .directory("/tmp", 0o1777)
        .directory("/etc", 0o755)
        .file("/usr/bin/tool", "tool", 0o755)
        .build()
}
