//! A layer: read from front to end, or remembered.

use std::io;
use std::path::PathBuf;

use kiln_archive::decompress::Codec;
use kiln_archive::{ArchiveError, Limits};
use kiln_types::{Digest, HashReader, LayerFact, Mark};

use super::{Layer, ahead};
use crate::InventoryError;
use crate::content::{Budget, Remaining, Taken};
use crate::layer::{LayerScan, ScanLimits, scan_layer_within};
use crate::memory::{LayerMemory, key, pack};

/// What reading a layer to its end gave.
struct Read {
    scan: LayerScan,
    fact: LayerFact,
    /// The digest of its bytes as they came.
    blob: Digest,
    /// What it took of what an image may have.
    taken: Taken,
    /// Whether the digest of the archive inside was seen to be the promised one.
    is_verified: bool,
}

impl Layer {
    /// What the layer says, from memory where its bytes are known to be the ones that were read.
    pub(super) fn recalled(
        &self,
        limits: &ScanLimits,
        left: &Remaining,
        memory: &dyn LayerMemory,
    ) -> Result<(LayerScan, LayerFact), InventoryError> {
        // Where no digest is promised there is nothing to know a layer by.
        let Some(diff_id) = self.diff_id else {
            let read = self.scan(limits, left, false)?;
            return Ok((read.scan, read.fact));
        };
        // Without a promise of its own a layer is taken for one that is not compressed; one that is
        // will not have this digest, and is read.
        let blob = self.blob.unwrap_or(diff_id);
        let key = key(&blob, &diff_id, limits);
        let before = self.mark_now();
        let known = memory.recall(&key).and_then(|bytes| pack::unpacked(&bytes));
        let fits = |kept: &pack::Kept| {
            kept.size == self.size && kept.scan.unpacked <= self.most_unpacked(limits)
        };
        if let Some(kept) = known.filter(fits) {
            let is_seen = before
                .as_ref()
                .is_some_and(|mark| memory.has_seen(mark, &blob));
            let is_right = is_seen || self.is_still(&blob, before.as_ref(), memory)?;
            // A layer that is too much beside the others is read, to say what is left out.
            if is_right && left.take(kept.taken) {
                let fact = LayerFact {
                    diff_id,
                    blob: self.blob,
                    size: self.size,
                    unpacked: kept.scan.unpacked,
                };
                return Ok((kept.scan, fact));
            }
        }
        let read = self.scan(limits, left, false)?;
        if read.is_verified
            && read.blob == blob
            && let Some(bytes) = pack::packed(&read.scan, self.size, read.taken)
        {
            memory.keep(&key, &bytes);
            self.saw(&blob, before.as_ref(), memory);
        }
        Ok((read.scan, read.fact))
    }

    /// What an archive of a whole root says, which nothing lies below. Nothing of it is remembered.
    pub(super) fn read_root(
        &self,
        limits: &ScanLimits,
    ) -> Result<(LayerScan, LayerFact), InventoryError> {
        let read = self.scan(limits, &Remaining::new(limits), true)?;
        Ok((read.scan, read.fact))
    }

    /// Hashes the layer: whether it has the digest. Another one is an error where this one was
    /// promised.
    fn is_still(
        &self,
        blob: &Digest,
        before: Option<&Mark>,
        memory: &dyn LayerMemory,
    ) -> Result<bool, InventoryError> {
        let mut input = HashReader::new(self.raw()?);
        io::copy(&mut input, &mut io::sink()).map_err(|source| self.unreadable(source))?;
        let (found, size, _) = input.finish();
        self.expect_size(size)?;
        self.expect(self.blob, found)?;
        if found != *blob {
            return Ok(false);
        }
        self.saw(blob, before, memory);
        Ok(true)
    }

    /// Remembers the mark of bytes that were just read, if nobody wrote to them meanwhile.
    fn saw(&self, blob: &Digest, before: Option<&Mark>, memory: &dyn LayerMemory) {
        if let Some(before) = before
            && self.mark_now().as_ref() == Some(before)
        {
            memory.saw(before, blob);
        }
    }

    /// Bytes that cannot be looked at have no mark; reading them says why.
    pub(super) fn mark_now(&self) -> Option<Mark> {
        (self.mark)().ok().flatten()
    }

    fn unreadable(&self, source: io::Error) -> InventoryError {
        InventoryError::Read {
            path: PathBuf::from(&self.subject),
            source,
        }
    }

    fn raw(&self) -> Result<impl io::Read + use<>, InventoryError> {
        let raw = (self.open)().map_err(|source| self.unreadable(source))?;
        // One byte more than promised tells a longer blob from a right one.
        Ok(io::Read::take(raw, self.size.saturating_add(1)))
    }

    fn expect_size(&self, size: u64) -> Result<(), InventoryError> {
        if size == self.size {
            return Ok(());
        }
        let more = if size > self.size { " or more" } else { "" };
        Err(InventoryError::malformed(
            &self.subject,
            format!("it has {size}{more} bytes, expected {}", self.size),
        ))
    }

    fn most_unpacked(&self, limits: &ScanLimits) -> u64 {
        Limits::unpacked_of(self.size, 200, 1 << 30, limits.layer.max_unpacked)
    }

    fn scan(
        &self,
        limits: &ScanLimits,
        left: &Remaining,
        is_root: bool,
    ) -> Result<Read, InventoryError> {
        let mut limits = *limits;
        limits.layer.max_unpacked = self.most_unpacked(&limits);
        let budget = match is_root {
            true => Budget::of_root(&limits, left),
            false => Budget::new(&limits, left),
        };
        let (feed, mut content) = ahead::pieces();
        let (mut scan, unpacked, read) = std::thread::scope(|scope| {
            let layer = limits.layer;
            let reading = std::thread::Builder::new()
                .spawn_scoped(scope, move || {
                    let raw = self.raw()?;
                    feed.read(raw, &layer)
                        .map_err(|source| self.unreadable(source))
                })
                .map_err(|source| self.unreadable(source))?;
            let mut scan = scan_layer_within(&mut content, &budget);
            let unpacked = content.finish().unwrap_or_else(|error| {
                scan.miss_layer(&ArchiveError::from(error));
                None
            });
            let read = match reading.join() {
                Ok(read) => read?,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            Ok::<_, InventoryError>((scan, unpacked, read))
        })?;
        let ahead::Blob {
            digest: blob,
            size,
            codec,
        } = read;
        self.expect_size(size)?;
        self.expect(self.blob, blob)?;
        let unpacked = match codec {
            Codec::None => Some((blob, size)),
            _ => unpacked,
        };
        scan.name_layer(&self.subject);
        if let Some((digest, length)) = unpacked {
            self.expect(self.diff_id, digest)?;
            scan.unpacked = length;
        }
        let fact = LayerFact {
            diff_id: self
                .diff_id
                .or(unpacked.map(|(digest, _)| digest))
                .unwrap_or(blob),
            blob: self.blob,
            size,
            unpacked: scan.unpacked,
        };
        Ok(Read {
            scan,
            fact,
            blob,
            taken: budget.taken(),
            is_verified: unpacked.is_some(),
        })
    }

    fn expect(&self, promised: Option<Digest>, found: Digest) -> Result<(), InventoryError> {
        match promised {
            Some(expected) if expected != found => Err(InventoryError::Lies {
                subject: self.subject.clone(),
                expected,
                found,
            }),
            _ => Ok(()),
        }
    }
}
