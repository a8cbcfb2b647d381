//! What an image was made of, kept beside it.

use std::collections::{BTreeMap, BTreeSet};

use kiln_store::{RecordKind, Stored};
use kiln_types::{BuildFact, BuiltFrom, BuiltPackage, Digest};
use serde::{Deserialize, Serialize};

use crate::build::{Assembly, PlatformImage};
use crate::mirrors::kept_at;
use crate::{Pipeline, PipelineError};

/// The record. It names the manifest as a blob, so that it goes when the image goes.
#[derive(Serialize, Deserialize)]
struct Record {
    manifest: Stored,
    built: BuiltFrom,
}

impl Assembly<'_> {
    /// What the lock says of the packages of which something stays.
    pub(crate) fn built_from(&self, left: &BTreeSet<usize>) -> BuiltFrom {
        let kept: BTreeMap<&str, Option<String>> = self
            .plan
            .sources
            .iter()
            .map(|source| (source.archive.as_str(), kept_at(source, self.lock)))
            .collect();
        let packages: Vec<BuiltPackage> = self
            .packages
            .iter()
            .enumerate()
            .filter(|(index, _)| !left.contains(index))
            .map(|(_, package)| {
                let base = kept
                    .get(package.archive.as_str())
                    .and_then(Option::as_deref);
                let download = base.map(|base| {
                    let path = package.path.trim_start_matches("./");
                    format!("{}/{path}", base.trim_end_matches('/'))
                });
                BuiltPackage::of(package, download)
            })
            .collect();
        let archives: BTreeSet<(&str, &str)> = packages
            .iter()
            .map(|package| {
                (
                    package.origin.archive.as_str(),
                    package.origin.suite.as_str(),
                )
            })
            .collect();
        let mut indexes: Vec<_> = self
            .lock
            .indexes
            .iter()
            .filter(|index| archives.contains(&(index.archive.as_str(), index.suite.as_str())))
            .cloned()
            .collect();
        indexes.sort();
        BuiltFrom {
            fact: BuildFact {
                image: self.lock.image.clone(),
                target: self.plan.target(),
                inputs: self.lock.inputs,
                snapshot: self.lock.snapshot,
                indexes,
            },
            packages,
        }
    }
}

impl Pipeline<'_> {
    pub(crate) fn keep_built(
        &self,
        image: &PlatformImage,
        built: BuiltFrom,
    ) -> Result<(), PipelineError> {
        let digest = image.manifest.digest;
        let Some(manifest) = image
            .blobs
            .iter()
            .find(|blob| blob.digest == digest)
            .copied()
        else {
            return Err(PipelineError::Internal(
                "an image without its manifest".to_owned(),
            ));
        };
        let bytes = serde_json::to_vec(&Record { manifest, built })
            .map_err(|error| PipelineError::Internal(error.to_string()))?;
        self.store.record_put(RecordKind::Built, &digest, &bytes)?;
        Ok(())
    }

    /// What the image of a manifest was made of; `None` for one that this store did not build, or
    /// whose record fell.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn built_from(&self, manifest: &Digest) -> Result<Option<BuiltFrom>, PipelineError> {
        let bytes = self.store.record_get(RecordKind::Built, manifest)?;
        let record = bytes.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        Ok(record
            .filter(|record| record.manifest.digest == *manifest)
            .map(|record| record.built))
    }
}
