//! CPU architectures and platforms, in the words of OCI (`image-index.md`, `platform`) and of Debian.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A CPU architecture that kiln builds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// 64-bit Arm (AArch64).
    Arm64,
}

impl Architecture {
    /// All architectures, in the order in which they appear in an index.
    pub const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    /// The name that OCI (GOARCH) and Debian share.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// The multi-arch triplet of Debian's library directories (`/usr/lib/<triplet>`).
    #[must_use]
    pub const fn triplet(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operating system and architecture. The operating system is always `linux`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The CPU architecture.
    pub architecture: Architecture,
}

impl Platform {
    /// The platform of this architecture.
    #[must_use]
    pub const fn linux(architecture: Architecture) -> Self {
        Self { architecture }
    }

    /// Always `linux`.
    #[must_use]
    pub const fn os(self) -> &'static str {
        "linux"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture)
    }
}

/// A platform name that kiln does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown platform `{found}`: expected `linux/amd64` or `linux/arm64`")]
pub struct PlatformError {
    /// What was written.
    pub found: String,
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Accepts `linux/ARCH`, `ARCH`, and the kernel's names `x86_64` and `aarch64`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("linux/").unwrap_or(text) {
            "amd64" | "x86_64" => Ok(Self::linux(Architecture::Amd64)),
            "arm64" | "aarch64" | "arm64/v8" => Ok(Self::linux(Architecture::Arm64)),
            _ => Err(PlatformError {
                found: text.to_owned(),
            }),
        }
    }
}

impl Serialize for Platform {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
