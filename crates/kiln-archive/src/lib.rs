//! Bytes: reading foreign archives with limits, and writing our own deterministically.
//!
//! - [`tar`]: a streaming reader (V7, ustar, GNU long names, PAX) and a deterministic writer;
//! - [`ar`]: a streaming reader of Unix `ar`, the outer format of `.deb`;
//! - [`decompress`]: gzip, xz and zstd behind one bounded reader;
//! - [`deflate`] and [`gzip`]: raw deflate segments that are compressed once and stitched into one
//!   single-member gzip stream (`docs/design/0001-stitched-gzip.md`);
//! - [`zip`]: entries by the list at its end, zip64 included;
//! - [`zstd`]: concatenable zstd frames;
//! - [`inflate`]: deflate streams in the middle of other bytes.
//!
//! Invariants: whatever the bytes, reading ends in a value or in an [`ArchiveError`] and never in a
//! panic; nothing is allocated by a number that the bytes merely claim; a truncated input is an
//! error and never an early end; equal input and settings give equal output, on every machine and
//! for every number of threads. Nothing here reads a clock or the environment, or touches a file.

pub mod ar;
pub mod decompress;
pub mod deflate;
mod error;
pub mod gzip;
pub mod inflate;
mod input;
mod limits;
pub mod tar;
mod xz;
pub mod zip;
pub mod zstd;

pub use error::{ArchiveError, ArchiveErrorKind};
pub use limits::{Limits, read_to_vec};
