//! Descriptors: what a blob is, its digest and its size (OCI image-spec `descriptor.md`).

use std::collections::BTreeMap;

use kiln_types::{Digest, Platform};
use serde::{Deserialize, Serialize};

/// A reference to a blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
    /// Annotations, sorted.
    #[serde(
        default,
        deserialize_with = "crate::json::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
    /// The platform, of manifests in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescriptorPlatform>,
    /// What an artifact is, of manifests in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

impl Descriptor {
    /// A descriptor without annotations and platform.
    #[must_use]
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            annotations: BTreeMap::new(),
            platform: None,
            artifact_type: None,
        }
    }

    /// The descriptor of these bytes.
    #[must_use]
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The same, for a platform.
    #[must_use]
    pub fn for_platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform.into());
        self
    }
}

/// A platform as others write it: any operating system and architecture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DescriptorPlatform {
    /// The architecture (GOARCH); `unknown` in Docker's attestation manifests.
    pub architecture: String,
    /// The operating system (GOOS).
    pub os: String,
    /// The version of the operating system.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// The variant of the architecture, such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl DescriptorPlatform {
    /// Whether an image for this platform is one for `platform`. `v8` is the only variant of arm64
    /// that matches; every other variant asks for more than the platform promises.
    #[must_use]
    pub fn is(&self, platform: Platform) -> bool {
        self.os == platform.os()
            && self.architecture == platform.architecture.as_str()
            && matches!(
                (platform.architecture, self.variant.as_deref()),
                (_, None | Some("")) | (kiln_types::Architecture::Arm64, Some("v8"))
            )
    }
}

impl From<Platform> for DescriptorPlatform {
    fn from(platform: Platform) -> Self {
        Self {
            architecture: platform.architecture.as_str().to_owned(),
            os: platform.os().to_owned(),
            os_version: None,
            variant: None,
        }
    }
}
