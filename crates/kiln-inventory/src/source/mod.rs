//! Where images are, and their layers as streams of bytes whose digests are checked.

mod ahead;
mod archive;
mod both;
mod directory;
mod docker;
mod file_system;
mod layer;
mod oci;
mod whole;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kiln_oci::{Descriptor, ImageConfig, Transport, media_type};
use kiln_types::{BlobSource, Digest, LayerFact, Mark, Subject};

use crate::InventoryError;
use crate::content::Remaining;
use crate::layer::{LayerScan, ScanLimits};
use crate::memory::LayerMemory;

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An OCI layout, or an archive of one, or what `docker save` writes, or a directory or an
    /// archive with the files of an image; archives may be compressed.
    Transport(Transport),
    /// A document that lists components.
    Document(PathBuf),
    /// A directory, with what its lock files say.
    Project(PathBuf),
}

impl FromStr for Place {
    type Err = InventoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(file) = text.strip_prefix("sbom:").filter(|file| !file.is_empty()) {
            return Ok(Self::Document(file.into()));
        }
        if let Some(directory) = text.strip_prefix("dir:").filter(|file| !file.is_empty()) {
            return Ok(Self::Project(directory.into()));
        }
        text.parse()
            .map(Self::Transport)
            .map_err(|source: kiln_oci::TransportError| InventoryError::Place {
                reason: source.to_string(),
            })
    }
}

impl Place {
    /// Whether a text begins with the name of a kind of place.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        Transport::is_one(text) || text.starts_with("sbom:") || text.starts_with("dir:")
    }
}

/// Opens the bytes of a layer anew.
type Opener = Box<dyn Fn() -> io::Result<Box<dyn Read>> + Send + Sync>;

/// The mark of the bytes of a layer as they lie there now.
type Marker = Box<dyn Fn() -> io::Result<Option<Mark>> + Send + Sync>;

/// A layer that has not been read yet.
struct Layer {
    /// For messages.
    subject: String,
    open: Opener,
    mark: Marker,
    /// The digest of the bytes as they come, where one is promised.
    blob: Option<Digest>,
    /// The digest of the archive inside.
    diff_id: Option<Digest>,
    size: u64,
}

/// What an image's files are.
enum Files {
    Layers(Vec<Layer>),
    /// Whether it is a project's, whose lock files are read.
    Directory(PathBuf, bool),
    /// An archive of them all.
    FileSystem(Box<Layer>),
}

/// An image on one platform, found but not read.
pub struct Image {
    /// Which.
    pub subject: Subject,
    /// How it runs; absent for a directory.
    pub config: Option<ImageConfig>,
    files: Files,
}

/// The layers of an image, read.
#[derive(Debug)]
pub struct Scanned {
    /// What the layers say, the lowest first.
    pub layers: Vec<LayerScan>,
    /// Which they are; none for a directory.
    pub facts: Vec<LayerFact>,
}

/// Finds the images at a place, one a platform.
///
/// # Errors
/// When there is none, or what is there is not what the place says.
pub fn open(place: &Transport) -> Result<Vec<Image>, InventoryError> {
    match place {
        Transport::Oci { directory, tag } => oci::directory(directory, tag.as_deref()),
        Transport::OciArchive { file, tag } => oci::archive(file, tag.as_deref()),
        Transport::DockerArchive { file, reference } => docker::archive(file, reference.as_ref()),
        Transport::RootFs { directory } if directory.is_file() => {
            Ok(vec![file_system::archive(directory)?])
        }
        Transport::RootFs { directory } => Ok(vec![directory::image(directory, false)?]),
        Transport::DockerDaemon { .. } | Transport::Registry { .. } => Err(InventoryError::Place {
            reason: format!("`{place}`: images there are not read from here"),
        }),
    }
}

/// The directory of a project as an image: its files, and what its lock files say.
///
/// # Errors
/// When there is none.
pub fn open_project(directory: &Path) -> Result<Image, InventoryError> {
    directory::image(directory, true)
}

/// Finds the images of an OCI index whose blobs somebody keeps, one a platform.
///
/// # Errors
/// When a document is missing or malformed.
pub fn open_index(
    name: &str,
    index: Digest,
    size: u64,
    blobs: &Arc<dyn BlobSource>,
) -> Result<Vec<Image>, InventoryError> {
    let descriptor = Descriptor::new(media_type::INDEX, index, size);
    oci::images(name, &descriptor, blobs)
}

impl Image {
    /// Reads everything that `memory` does not know, with so many threads. The answer is the same as
    /// that of reading everything.
    ///
    /// # Errors
    /// When bytes cannot be read or have another digest than was promised.
    pub fn scan(
        &self,
        limits: &ScanLimits,
        threads: usize,
        memory: &dyn LayerMemory,
    ) -> Result<Scanned, InventoryError> {
        let layers = match &self.files {
            Files::Directory(directory, is_project) => {
                return Ok(Scanned {
                    layers: vec![directory::scan(directory, *is_project, limits)?],
                    facts: Vec::new(),
                });
            }
            Files::FileSystem(layer) => {
                let (scan, fact) = layer.read_root(limits)?;
                file_system::expect_files(&layer.subject, &scan)?;
                return Ok(Scanned {
                    layers: vec![scan],
                    facts: vec![fact],
                });
            }
            Files::Layers(layers) => layers,
        };
        let left = Remaining::new(limits);
        let (mut scans, mut facts) = (Vec::new(), Vec::new());
        let read = |layer: &Layer| layer.recalled(limits, &left, memory);
        for result in in_parallel(layers, threads, read) {
            let (scan, fact) = result?;
            scans.push(scan);
            facts.push(fact);
        }
        Ok(Scanned {
            layers: scans,
            facts,
        })
    }
}

/// Applies `work` to all items with so many threads; the results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.clamp(1, items.len().max(1));
    if threads == 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let run = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                match items.get(index) {
                    Some(item) => mine.push((index, work(item))),
                    None => return mine,
                }
            }
        };
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut all = run();
        for other in others {
            match other.join() {
                Ok(mine) => all.extend(mine),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The platform and the time that a configuration names.
fn describe(subject: &mut Subject, config: &ImageConfig) {
    let mut platform = format!("{}/{}", config.os, config.architecture);
    if let Some(variant) = config
        .variant
        .as_deref()
        .filter(|variant| !variant.is_empty())
    {
        platform.push('/');
        platform.push_str(variant);
    }
    subject.platform = Some(platform);
    // Others write fractions of seconds; a time that is no time is as good as none.
    subject.created = config.created.as_ref().and_then(|created| {
        let text = created.as_str();
        let whole = match text.split_once('.') {
            Some((whole, _)) => format!("{whole}Z"),
            None => text.to_owned(),
        };
        whole.parse().ok()
    });
}

/// The layers of an image must be as many as its configuration says.
fn expect_as_many(
    subject: &str,
    layers: usize,
    config: &ImageConfig,
) -> Result<(), InventoryError> {
    let named = config.rootfs.diff_ids.len();
    if layers == named {
        return Ok(());
    }
    Err(InventoryError::malformed(
        subject,
        format!("it has {layers} layers, but its configuration names {named}"),
    ))
}
