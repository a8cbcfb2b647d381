//! What was learnt of layers before, so that the same layer is not read twice.
//!
//! Invariants
//! - Only what a layer with verified digests says is kept, and only when all of it could be read. So
//!   no archive can put anything into the answer about another one: to get at its key, its bytes
//!   must have the digests of that other one.
//! - The key names the digests, the limits, and the code that made the answer ([`CODE`]).
//! - An answer is taken only for bytes that are known to have their digest: hashed again, or
//!   recognised by their [`Mark`] as the ones that were hashed before.

pub(crate) mod pack;

use kiln_types::{Digest, Mark};

use crate::layer::ScanLimits;

/// The code that catalogs: another one may find more in the same layer.
const CODE: &str = env!("KILN_CATALOGERS");

/// Keeps what was learnt of layers and images. Whoever implements it may forget anything at any time, and must
/// give back the bytes that came in or none.
pub trait LayerMemory: Sync {
    /// What was kept under a key.
    fn recall(&self, key: &Digest) -> Option<Vec<u8>>;

    /// Keeps bytes under a key.
    fn keep(&self, key: &Digest, bytes: &[u8]);

    /// Whether bytes with this mark were seen to have this digest. The answer is no for a mark that
    /// is so young that a write after it could have left it as it is.
    fn has_seen(&self, mark: &Mark, digest: &Digest) -> bool;

    /// The bytes with this mark have this digest.
    fn saw(&self, mark: &Mark, digest: &Digest);
}

/// Remembers nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl LayerMemory for NoMemory {
    fn recall(&self, _: &Digest) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _: &Digest, _: &[u8]) {}

    fn has_seen(&self, _: &Mark, _: &Digest) -> bool {
        false
    }

    fn saw(&self, _: &Mark, _: &Digest) {}
}

/// The key of what a layer says whose bytes and whose archive have these digests.
pub(crate) fn key(blob: &Digest, diff_id: &Digest, limits: &ScanLimits) -> Digest {
    Digest::of(format!("layer {CODE} {blob} {diff_id} {limits:?}").as_bytes())
}

/// The key of what an image says with this configuration and these layers: the digest of each one's
/// bytes where one is promised, their number, and the digest of its archive.
pub(crate) fn whole_key(
    config: &Digest,
    layers: &[(Option<Digest>, u64, Digest)],
    limits: &ScanLimits,
) -> Digest {
    Digest::of(format!("image {CODE} {config} {layers:?} {limits:?}").as_bytes())
}
