//! Manifests and indexes (OCI image-spec `manifest.md`, `image-index.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{from_json, or_default};
use crate::spelling::{Spelling, check_spelling};
use crate::{Descriptor, OciError, media_type};

/// The most layers or manifests in one document; engines stop at 127 layers.
const MAX_DESCRIPTORS: usize = 4096;

/// One image of one platform: its configuration and its layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`media_type::MANIFEST`], or Docker's.
    #[serde(default)]
    pub media_type: String,
    /// What an artifact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations, sorted.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// An OCI image manifest.
    #[must_use]
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: media_type::MANIFEST.to_owned(),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// Several manifests, one a platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// [`media_type::INDEX`], or Docker's.
    #[serde(default)]
    pub media_type: String,
    /// What an artifact is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests.
    #[serde(deserialize_with = "or_default")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations, sorted.
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// An OCI image index.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: media_type::INDEX.to_owned(),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A manifest or an index, as its media type says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and a box would be in every reader's way"
)]
pub enum Document {
    /// One image or artifact.
    Manifest(Manifest),
    /// Several manifests.
    Index(Index),
}

/// What tells manifests and indexes apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
}

impl Document {
    /// Reads a manifest or index of the media type that its descriptor (or the registry) gave.
    ///
    /// # Errors
    /// When it is neither; when it says of itself that it is of another type; and when it has the
    /// members of both, which two readers would take for different images (CVE-2021-41190).
    pub fn parse(subject: &str, expected: &str, bytes: &[u8]) -> Result<Self, OciError> {
        let shape: Shape = from_json(subject, bytes)?;
        check_spelling(subject, bytes, Spelling::Manifest)?;
        let error = |reason: String| Err(OciError::malformed(subject, reason));
        if shape.schema_version != 2 {
            return error(format!(
                "its schema version is {}, expected 2",
                shape.schema_version
            ));
        }
        if let Some(found) = shape
            .media_type
            .as_deref()
            .filter(|found| !found.is_empty() && *found != expected)
        {
            return error(format!(
                "it calls itself `{found}`, but was announced as `{expected}`"
            ));
        }
        if shape.manifests.is_some() && (shape.layers.is_some() || shape.config.is_some()) {
            return error("it has the members of both a manifest and an index".to_owned());
        }
        let document = if media_type::is_index(expected) {
            Self::Index(from_json(subject, bytes)?)
        } else if media_type::is_manifest(expected) {
            Self::Manifest(from_json(subject, bytes)?)
        } else {
            return error(format!("`{expected}` is neither a manifest nor an index"));
        };
        let count = match &document {
            Self::Manifest(manifest) => manifest.layers.len(),
            Self::Index(index) => index.manifests.len(),
        };
        if count > MAX_DESCRIPTORS {
            return error(format!(
                "it lists {count} blobs, more than {MAX_DESCRIPTORS}"
            ));
        }
        Ok(document)
    }
}
