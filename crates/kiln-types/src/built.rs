//! What an image was made of, as the lock says: what no reader of its layers can know.
//!
//! A build keeps it under the digest of the image's manifest, so that it speaks for exactly these
//! bytes and no others.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, ImageName, LockedIndex, LockedPackage, PackageName, PackageVersion, TargetId, Timestamp,
};

/// What the image of one platform was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltFrom {
    /// How, in all.
    #[serde(flatten)]
    pub fact: BuildFact,
    /// The packages of which something is in the image, in the order of the lock.
    pub packages: Vec<BuiltPackage>,
}

/// How an image was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildFact {
    /// The image of the definition.
    pub image: ImageName,
    /// Which target of it.
    pub target: TargetId,
    /// The digest of what the definition asks for ([`crate::Lock::inputs`]).
    pub inputs: Digest,
    /// The snapshot of the archives that was read, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Timestamp>,
    /// The signed indexes that named the packages, sorted.
    pub indexes: Vec<LockedIndex>,
}

/// A package that was installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltPackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// Its architecture.
    pub architecture: String,
    /// The digest of its file.
    pub sha256: Digest,
    /// Where the file came from.
    #[serde(flatten)]
    pub origin: PackageOrigin,
}

/// Where a package file came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageOrigin {
    /// The archive (`debian-security`); `kiln` for what kiln itself puts in.
    pub archive: String,
    /// The suite whose index named it; empty for a flat repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suite: String,
    /// Its path below the archive's root; empty for what kiln itself puts in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where anybody can have the same bytes later: at the archive of old versions of its
    /// distribution, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<String>,
}

impl BuiltPackage {
    /// What a lock says of a package, and where its bytes can be had later.
    #[must_use]
    pub fn of(package: &LockedPackage, download: Option<String>) -> Self {
        Self {
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: package.architecture.clone(),
            sha256: package.sha256,
            origin: PackageOrigin {
                archive: package.archive.clone(),
                suite: package.suite.clone(),
                path: package.path.clone(),
                size: package.size,
                download,
            },
        }
    }
}
