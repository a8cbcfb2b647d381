//! The database: one immutable file, written from an [`AdvisorySet`] and read by places.
//!
//! ```text
//! header    magic, format, then offset and length of each part; its own check at the end
//! meta      JSON: when it was built, sources, ecosystems, ends of support, names of sources
//! packages  a directory of 4,096 buckets (first entry, check), then entries (hash, offset, length)
//! facts     for each package: check, key, facts
//! ids       directory and entries as above, for vulnerabilities and their aliases
//! records   for each vulnerability: check, record
//! ```
//!
//! The file is read, not mapped: a lookup reads one bucket and one record, some hundred bytes each, so
//! that mapping would gain nothing, while a file cut short under a map ends the process with a signal.
//! Everything that is read has a check, so a torn or altered file is an error and never a wrong answer.
//! Equal sets give equal bytes.

mod bytes;
mod pack;
mod read;
mod seal;
mod write;

pub use pack::{pack_database, unpack_database};
pub use read::Database;
pub use seal::seal_database;
pub use write::write_database;

use kiln_types::{AdvisorySource, Classify, ErrorClass, Timestamp};
use serde::{Deserialize, Serialize};

use crate::advisories::EndOfLife;

/// What a database file begins with.
pub const MAGIC: [u8; 8] = *b"KILNADV1";

/// Parts after the header: meta, packages, facts, ids, records.
const PARTS: usize = 5;

/// Length of the header: magic, five times offset and length, check.
const HEADER: usize = 8 + PARTS * 16 + 8;

/// Buckets of a directory, as a power of two.
const BUCKET_BITS: u32 = 12;

/// Length of a directory: first entry and check of each bucket, and the end.
const DIRECTORY: usize = 8 * ((1 << BUCKET_BITS) + 1);

/// Length of an entry: hash, offset, length.
const ENTRY: usize = 20;

/// The longest part that is read into memory at once.
const LONGEST: u64 = 64 << 20;

/// What a database says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseMeta {
    /// When it was built.
    pub built: Timestamp,
    /// The feeds.
    pub sources: Vec<AdvisorySource>,
    /// The ecosystems that it covers, sorted.
    pub ecosystems: Vec<String>,
    /// Ends of support.
    pub ends: Vec<EndOfLife>,
    /// How many facts there are.
    pub facts: u64,
    /// How many vulnerabilities.
    pub vulnerabilities: u64,
    /// The names of sources, as facts number them.
    names: Vec<String>,
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It is no database, or not of this format.
    #[error("this is no advisory database that this kiln reads")]
    Format,
    /// Its bytes are not what was written.
    #[error("the advisory database is damaged: {0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("the advisory database cannot be read: {0}")]
    Read(#[from] std::io::Error),
}

impl Classify for DatabaseError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Format | Self::Damaged(_) => ErrorClass::Integrity,
            Self::Read(_) => ErrorClass::Environment,
        }
    }
}

/// FNV-1a, 64 bits: for places and checks, not for security; who changes a file on purpose is found
/// out by its signature.
fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        state ^= u64::from(*byte);
        state = state.wrapping_mul(0x0000_0100_0000_01b3);
    }
    // The upper bits, which choose the bucket, depend on all of the input.
    state ^ (state >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The check of a bucket's entries.
fn short_check(bytes: &[u8]) -> u32 {
    u32::try_from(hash(bytes) >> 32).unwrap_or(0)
}

/// The key of a package.
fn package_key(ecosystem: &str, package: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(ecosystem.len() + package.len() + 1);
    key.extend_from_slice(ecosystem.as_bytes());
    key.push(0);
    key.extend_from_slice(package.as_bytes());
    key
}
