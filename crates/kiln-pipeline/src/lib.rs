//! The stages in order, the stage cache, concurrency, and the one bridge between async and sync.
//!
//! A [`Pipeline`] joins the rooms below: it reads indexes through `kiln-net` and `kiln-deb`,
//! resolves with `kiln-resolve`, keeps everything in `kiln-store`, and assembles with
//! `kiln-image`. Each stage is one method from values to values:
//!
//! | stage | method | from | to |
//! |---|---|---|---|
//! | resolve | [`Pipeline::lock`] | plans | lock |
//! | explain | [`Pipeline::resolve`] | plan | resolution |
//! | build | [`Pipeline::build`] | plan, lock | image of a platform, in the store |
//! | gather | [`Pipeline::gather`] | images of platforms | index, names |
//! | write | [`Pipeline::write`] | index | whatever was asked for |
//!
//! A stage whose inputs have the same digests is skipped. Time comes in as a [`Clock`]; settings
//! come in as [`PipelineSettings`]; nothing here reads the environment.

mod advisories;
mod build;
mod built;
mod diff;
mod error;
mod examine;
mod fetch;
mod fragments;
mod gather;
mod indexes;
mod lock_stage;
mod mirrors;
mod releases;
mod remembered;
mod rootfs;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;

use kiln_store::Store;
use kiln_types::{Architecture, Clock, PackageFormat, Platform, Reporter};

pub use advisories::{
    AdvisoryError, AdvisoryFolder, BuiltDatabase, FeedFailure, FeedFetch, FeedFile, FetchedFeeds,
    FolderLock, Older, Publication, PublicationPlace, Published, SIGNATURE_SUFFIX, Snapshot,
    Subscription, Taken, build_database, database_fact, open_database, publish, unpack_sent,
};
pub use build::{BuildOptions, LayerSummary, PlatformImage, Work};
pub use diff::{Change, LockDiff, diff_locks};
pub use error::{GonePackage, PipelineError};
pub use examine::Examined;
pub use gather::{GatheredImage, GatheredPlatform};
pub use kiln_image::reach::{CutFiles, CutList, CutPackage, CutRule, Step};
pub use kiln_image::{CheckOutcome, Compression, Coverage, ImageFacts, Layering, ScriptCoverage};
pub use kiln_net::NetSettings;
pub use kiln_resolve::{Edge, OpenDependency, Resolution, ResolveError};
pub use kiln_store::{
    Problem, PrunePolicy, Pruned, RecordKind, Store as BlobStore, StoreOptions, Usage, Wait,
};
pub use lock_stage::{LockOutcome, Tolerated};
pub use mirrors::{MirrorSettings, apt_mirrors};
pub use remembered::RememberedLayers;
pub use write::{Output, OutputError};

/// What the machine and its people set.
#[derive(Clone, Debug)]
pub struct PipelineSettings {
    /// Touch no network.
    pub offline: bool,
    /// Threads.
    pub jobs: usize,
    /// Downloads at once.
    pub parallel: usize,
    /// The platform of this machine, where kiln knows it: what an output that holds a single
    /// platform takes of several.
    pub native: Option<Platform>,
    /// Where archives are.
    pub mirrors: MirrorSettings,
    /// How the network is used.
    pub net: NetSettings,
    /// The start program of images, for each architecture that this kiln was built with.
    pub start_programs: BTreeMap<Architecture, &'static [u8]>,
    /// Where keyring files are that a definition names by relative paths: its folder.
    pub keyring_folder: PathBuf,
}

/// The stages, and what they work with.
#[derive(Clone, Copy)]
pub struct Pipeline<'a> {
    /// Where everything is kept.
    pub store: &'a Store,
    /// What the machine and its people set.
    pub settings: &'a PipelineSettings,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Who wants to hear how it goes.
    pub reporter: &'a dyn Reporter,
}

/// The package formats there are: one line each.
pub(crate) fn package_format(id: &str) -> Result<&'static dyn PackageFormat, PipelineError> {
    const FORMATS: [&dyn PackageFormat; 1] = [&kiln_deb::package::DebFormat];
    FORMATS
        .into_iter()
        .find(|format| format.id() == id)
        .ok_or_else(|| PipelineError::UnknownFormat(id.to_owned()))
}
