//! A whole image: put together from its layers, or remembered.
//!
//! What an image says is settled by its configuration and its layers, by the limits and by the code.
//! So it is kept under all of these, and taken again only when every layer's bytes are known by their
//! mark to be the ones that were read.

use kiln_types::{Digest, Inventory};

use super::{Files, Image, Layer};
use crate::InventoryError;
use crate::assemble;
use crate::layer::ScanLimits;
use crate::memory::{LayerMemory, pack, whole_key};

impl Image {
    /// Reads everything that `memory` does not know, and says what is inside.
    ///
    /// # Errors
    /// As [`Image::scan`].
    pub fn inventory(
        &self,
        limits: &ScanLimits,
        threads: usize,
        memory: &dyn LayerMemory,
    ) -> Result<Inventory, InventoryError> {
        let key = self.key(limits);
        if let Some(mut known) = key.and_then(|key| self.recalled(&key, memory)) {
            let layers = std::mem::take(&mut known.subject.layers);
            known.subject = self.subject.clone();
            known.subject.layers = layers;
            return Ok(known);
        }
        let scanned = self.scan(limits, threads, memory)?;
        let mut subject = self.subject.clone();
        subject.layers = scanned.facts;
        let inventory = assemble(subject, self.config.as_ref(), &scanned.layers);
        if let Some(key) = key
            && inventory.is_complete()
            && let Some(bytes) = pack::packed_whole(&inventory)
        {
            memory.keep(&key, &bytes);
        }
        Ok(inventory)
    }

    fn layers(&self) -> &[Layer] {
        match &self.files {
            Files::Layers(layers) => layers,
            Files::Directory(..) | Files::FileSystem(_) => &[],
        }
    }

    /// What settles the answer; `None` where something is not known by a digest.
    fn key(&self, limits: &ScanLimits) -> Option<Digest> {
        let config = self.subject.config?;
        let layers = self.layers().iter();
        let promised: Vec<(Option<Digest>, u64, Digest)> = layers
            .map(|layer| Some((layer.blob, layer.size, layer.diff_id?)))
            .collect::<Option<_>>()?;
        (!promised.is_empty()).then(|| whole_key(&config, &promised, limits))
    }

    fn recalled(&self, key: &Digest, memory: &dyn LayerMemory) -> Option<Inventory> {
        let is_known = self.layers().iter().all(|layer| {
            let promised = layer.blob.or(layer.diff_id);
            let mark = layer.mark_now();
            matches!((promised, mark), (Some(promised), Some(mark)) if memory.has_seen(&mark, &promised))
        });
        let bytes = is_known.then(|| memory.recall(key)).flatten()?;
        pack::unpacked_whole(&bytes)
    }
}
