//! Images of several platforms become one index with names.

use kiln_image::{MadeBy, annotations};
use kiln_oci::{Descriptor, Index, media_type, to_json};
use kiln_store::{RecordKind, Stored};
use kiln_types::{ImageName, Plan, Platform};
use serde::{Deserialize, Serialize};

use crate::build::{PlatformImage, Work};
use crate::{Pipeline, PipelineError};

/// One platform of a gathered image.
#[derive(Clone, Debug)]
pub struct GatheredPlatform {
    /// The platform.
    pub platform: Platform,
    /// Its image.
    pub image: PlatformImage,
    /// What was done for it.
    pub work: Work,
}

/// An image with all its platforms and names, in the store.
#[derive(Clone, Debug)]
pub struct GatheredImage {
    /// The image's name.
    pub name: ImageName,
    /// The version line.
    pub line: String,
    /// The variant.
    pub variant: String,
    /// The tags, most exact first.
    pub tags: Vec<String>,
    /// The descriptor of the index.
    pub index: Descriptor,
    /// Its platforms, sorted.
    pub platforms: Vec<GatheredPlatform>,
}

/// An image by its name, as the store keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NamedImage {
    /// The index.
    pub index: Stored,
    /// Every other blob of it.
    pub blobs: Vec<Stored>,
}

impl Pipeline<'_> {
    /// Makes the index of these platforms' images, which are all of one line and variant, and
    /// gives it its names: `IMAGE:TAG` in the store.
    ///
    /// # Errors
    /// When there are no images, or the store cannot be written.
    pub fn gather(
        &self,
        plans: &[&Plan],
        images: Vec<(PlatformImage, Work)>,
        tags: Vec<String>,
    ) -> Result<GatheredImage, PipelineError> {
        let Some(first) = plans.first() else {
            return Err(PipelineError::Internal(
                "an image without platforms".to_owned(),
            ));
        };
        let mut platforms: Vec<GatheredPlatform> = plans
            .iter()
            .zip(images)
            .map(|(plan, (image, work))| GatheredPlatform {
                platform: plan.platform,
                image,
                work,
            })
            .collect();
        platforms.sort_by_key(|gathered| gathered.platform);
        let mut index = Index::new(
            platforms
                .iter()
                .map(|gathered| gathered.image.manifest.clone())
                .collect(),
        );
        let newest = platforms
            .iter()
            .map(|gathered| gathered.image.created)
            .max()
            .unwrap_or_default();
        let version = platforms
            .iter()
            .find_map(|gathered| gathered.image.version.clone());
        index.annotations = annotations(
            first,
            &MadeBy {
                created: newest,
                version,
            },
        );
        let bytes = to_json(&index).map_err(|error| PipelineError::Internal(error.to_string()))?;
        let descriptor = Descriptor::of(media_type::INDEX, &bytes);
        self.name(&first.image, &tags, &descriptor, &bytes, &platforms)?;
        Ok(GatheredImage {
            name: first.image.clone(),
            line: first.line.clone(),
            variant: first.variant.clone(),
            tags,
            index: descriptor,
            platforms,
        })
    }

    fn name(
        &self,
        image: &ImageName,
        tags: &[String],
        descriptor: &Descriptor,
        bytes: &[u8],
        platforms: &[GatheredPlatform],
    ) -> Result<(), PipelineError> {
        let blobs: Vec<Stored> = platforms
            .iter()
            .flat_map(|gathered| gathered.image.blobs.clone())
            .collect();
        let mut index: Option<Stored> = None;
        for tag in tags {
            let key = format!("{image}:{tag}");
            if let Some(named) = self.named(&key)?
                && named.index.digest == descriptor.digest
                && named.blobs == blobs
                && self
                    .store
                    .ensure(&named.index)?
                    .is_some_and(|stored| stored == named.index)
            {
                continue;
            }
            let stored = match &index {
                Some(stored) => *stored,
                None => *index.insert(self.store.put(bytes)?),
            };
            let named = NamedImage {
                index: stored,
                blobs: blobs.clone(),
            };
            let record = serde_json::to_vec(&named)
                .map_err(|error| PipelineError::Internal(error.to_string()))?;
            self.store
                .record_put(RecordKind::Name, key.as_str(), &record)?;
        }
        Ok(())
    }

    /// The image of a name (`nginx:1.26-dev`), if it was built.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn named(&self, name: &str) -> Result<Option<NamedImage>, PipelineError> {
        let bytes = self.store.record_get(RecordKind::Name, name)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }
}
