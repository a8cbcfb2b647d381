//! The lock: exact packages for every target of one image, and the indexes that said so.
//!
//! The lock names archives, never mirrors. Its text form lives in `kiln-definition`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Architecture, Digest, ImageName, PackageName, PackageVersion, Timestamp};

/// One target of an image: version line, variant and architecture. Written `1.26/standard/amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId {
    /// The version line.
    pub line: String,
    /// The variant.
    pub variant: String,
    /// The architecture.
    pub architecture: Architecture,
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.line, self.variant, self.architecture)
    }
}

impl FromStr for TargetId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || {
            let found: String = text.chars().take(80).collect();
            format!("`{found}` is not a target of the form `LINE/VARIANT/ARCHITECTURE`")
        };
        let mut parts = text.split('/');
        let (Some(line), Some(variant), Some(architecture), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error());
        };
        let architecture = match architecture {
            "amd64" => Architecture::Amd64,
            "arm64" => Architecture::Arm64,
            _ => return Err(error()),
        };
        Ok(Self {
            line: line.to_owned(),
            variant: variant.to_owned(),
            architecture,
        })
    }
}

impl Serialize for TargetId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TargetId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// An index that was read for this lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedIndex {
    /// The archive.
    pub archive: String,
    /// The suite; empty for a flat repository.
    pub suite: String,
    /// The `Date` of its Release file.
    pub date: Timestamp,
    /// The digest of its InRelease (or Release) file.
    pub release: Digest,
}

/// One exact package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedPackage {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// `amd64`, `arm64` or `all`.
    #[serde(rename = "arch")]
    pub architecture: String,
    /// The archive that holds it.
    pub archive: String,
    /// The suite whose index named it; empty for a flat repository.
    pub suite: String,
    /// The path of the file below the archive's root.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of the file.
    pub sha256: Digest,
    /// The targets that hold it, sorted.
    #[serde(rename = "in")]
    pub targets: Vec<TargetId>,
}

/// Exact packages for every target of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// The image.
    pub image: ImageName,
    /// The digest of everything in the definition that resolution depends on (requests, sources,
    /// targets). A definition that changed since has another one.
    pub inputs: Digest,
    /// The snapshot that was read, where it was one.
    pub snapshot: Option<Timestamp>,
    /// The indexes read, sorted.
    pub indexes: Vec<LockedIndex>,
    /// The packages, sorted by name, architecture, version.
    pub packages: Vec<LockedPackage>,
}

impl Lock {
    /// The packages of one target, in the lock's order.
    pub fn packages_of<'a>(
        &'a self,
        target: &'a TargetId,
    ) -> impl Iterator<Item = &'a LockedPackage> {
        self.packages
            .iter()
            .filter(move |package| package.targets.binary_search(target).is_ok())
    }

    /// All targets of this lock, sorted.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetId> {
        let mut targets: Vec<_> = self
            .packages
            .iter()
            .flat_map(|package| package.targets.clone())
            .collect();
        targets.sort();
        targets.dedup();
        targets
    }
}
