//! Content-addressed blobs on disk: whole or absent, verified, garbage-collected.
//!
//! A [`Store`] is one directory that several kiln processes use at once. It holds
//!
//! ```text
//! version             the layout's number; a newer one is refused
//! blobs/sha256/<hex>  blobs by digest, mode 0444 (the names are those of an OCI image layout)
//! records/<kind>/<key> small documents that say what blobs mean (a fragment, an image, a lock)
//! partial/<hex>       downloads that can be resumed, named by the digest they should have
//! tmp/                what is being written, each file locked by its writer while it lives
//! locks/<name>        files to lock, always empty
//! ```
//!
//! # Invariants
//! - **Whole or absent.** A blob is written under `tmp/` (or `partial/`), hashed as it goes, and
//!   renamed to its digest. The first one stays; a second writer of the same digest drops its copy.
//! - **Nothing is believed without a reason.** [`Stored`] is what was seen when a blob came in;
//!   [`Store::check`] compares size, mtime and inode (one `fstatat`), [`Store::recheck`] hashes
//!   again and removes what is wrong, [`Store::verify`] does so for everything. Whoever changes a
//!   blob and puts its mtime back is found by `verify` only.
//! - **A power cut is survived without an `fsync` per blob.** A blob that was not flushed carries
//!   the id of the boot in which it was written; in another boot `check` calls it changed, so that
//!   it is hashed once before it is used. Where the kernel names no boot, every blob is flushed.
//! - **Records are torn or right.** A record ends in its own SHA-256; one that does not match is as
//!   good as absent. A record refers to exactly the blobs whose [`Stored`] stands in it.
//! - **Locks are the kernel's** (`flock(2)`): they go with the process, however it dies.
//! - Every name inside the store is made from a digest or an escaped key, relative to a directory
//!   handle; nothing from outside becomes a path.
//!
//! It reads no clock: "now" comes in with [`Store::stamp_at`] and [`Store::prune`].

mod blob;
mod error;
mod layout;
mod lock;
mod partial;
mod prune;
mod record;
mod tree;
mod usage;
mod writer;

pub use blob::{Check, Stored, StoredError};
pub use error::StoreError;
pub use layout::{Store, StoreOptions};
pub use lock::{LockGuard, LockMode, Wait};
pub use partial::{Partial, PartialFile};
pub use prune::{PrunePolicy, Pruned};
pub use record::{RecordInfo, RecordKey, RecordKind};
pub use tree::{Node, NodeKind, TreeWriter};
pub use usage::{Problem, Tally, Usage};
pub use writer::BlobWriter;
