//! The documents people write: definitions, profiles, distributions and locks, with spans, lints
//! and a schema.
//!
//! A [`Document`] is parsed into a [`Definition`] (as written, every value with its place), which
//! [`plans`] evaluates into [`kiln_types::Plan`]s, one for each version line, variant and
//! platform. [`lint`] says what a careful person would change. [`lock`] reads and writes the lock.
//!
//! Invariants
//! - Bad input gives *all* its diagnostics, each with file, line and column; no input panics.
//! - The keys of every format stand in one table (`format`); readers check against it, and the
//!   JSON Schema is printed from it.
//! - Nothing here reads a file: texts and files beside a definition come in as arguments.

mod builtin;
pub mod catalog;
mod entry;
mod format;
pub mod ignores;
mod lint;
pub mod lock;
mod model;
mod parse;
mod plan;
pub mod policy;
mod read;
pub mod schema;
mod shape;
mod show;
mod span;
mod substitute;
mod suggest;
mod tags;
mod yaml;

pub use builtin::{
    distribution, distribution_document, distribution_ids, profile, profile_document, profile_names,
};
pub use lint::{CODES as LINT_CODES, lint};
pub use model::{
    About, AccountSettings, Contents, Dates, Definition, Distribution, ExpectationEntry,
    GroupEntry, HttpEntry, Only, PackageEntry, Pair, PathEntry, PathEntryKind, ProbeEntry, Profile,
    RepositoryEntry, RepositoryFields, RepositoryKind, Settings, StepEntry, TestEntry,
    TestFileContent, TestFileEntry, TextEntry, UserEntry, Variant, VersionLine,
};
pub use parse::{Parsed, parse, parse_distribution, parse_profile, yaml_to_json};
pub use plan::{PlanOptions, SourceFiles, inputs_digest, plans, platforms, variants};
pub use show::{show, to_yaml};
pub use span::{Document, Span, Spanned};
pub use suggest::nearest;
pub use tags::{belongs_to_line, tags, upstream_version};
