//! Packages to fragments, fragments to layers, layers to an image.
//!
//! The way of a package into an image:
//!
//! 1. [`normalise`] makes a [`Fragment`] of it, once for all images;
//! 2. [`contested_files`] says which fragments lose files to others by Replaces; the caller
//!    normalises those again without them;
//! 3. [`furnish`] merges the fragments into one tree, runs the emulators and the definition's own
//!    paths over it, and gives what kiln makes and what that hides; the caller normalises again
//!    the few fragments of which a file is hidden;
//! 4. [`compose`] packs fragments into layers, as a list of [`LayerPlan`]s whose keys name their
//!    bytes; [`write_layer`] makes one;
//! 5. [`describe`] makes configuration and manifest of an image from its layers.
//!
//! Nothing here touches a disk or knows where blobs live: packages come in as
//! [`kiln_types::OpenPackage`], blobs through [`kiln_types::BlobSource`], and bytes go out through
//! `Write`. There is no clock; times come from the packages.

mod checks;
mod compose;
mod config;
mod coverage;
mod cuts;
pub mod elf;
pub mod emulate;
mod error;
mod fragment;
mod furnish;
mod layering;
mod merge;
mod opening;
pub mod reach;
mod spool;
mod start;
mod tree;

pub use checks::{CHECKS, CheckOutcome, CutCount, ImageFacts};
pub use compose::{Composition, Compression, LayerPlan, Piece, WrittenLayer, compose, write_layer};
pub use config::{Described, LayerRecord, MadeBy, annotations, describe};
pub use coverage::{Coverage, CoverageCounts, ScriptCoverage, Unreviewed, coverage, to_review};
pub use cuts::Cutter;
pub use elf::ElfFacts;
pub use error::AssembleError;
pub use fragment::{
    Fragment, FragmentFile, LEVEL, NormaliseOptions, Normalised, SegmentRef, fragment_key,
    normalise,
};
pub use furnish::{Furnished, furnish};
pub use layering::{LAYER_BUDGET, LayerGroup, Layering};
pub use merge::{Losses, contested_files};
pub use opening::Opening;
pub use spool::Scratch;
pub use start::{START_PACKAGE, start_package};
pub use tree::Maker;
