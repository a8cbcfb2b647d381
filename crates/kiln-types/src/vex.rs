//! What others say about whether a product is affected, as findings record it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, Timestamp};

/// What a VEX statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// It is not affected.
    NotAffected,
    /// It is.
    Affected,
    /// It was, and this version no longer is.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

impl VexStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::NotAffected,
        Self::Affected,
        Self::Fixed,
        Self::UnderInvestigation,
    ];

    /// The word of OpenVEX.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }

    /// The status of a word of OpenVEX.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether a finding that it holds for is none to act on.
    #[must_use]
    pub const fn suppresses(self) -> bool {
        matches!(self, Self::NotAffected | Self::Fixed)
    }
}

impl fmt::Display for VexStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A statement that is about a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VexFact {
    /// The document.
    pub document: String,
    /// Its digest.
    pub digest: Digest,
    /// The place in it: `statement 3`.
    pub place: String,
    /// Who says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// When it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// What it says.
    pub status: VexStatus,
    /// Why, in a word of its form.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub justification: String,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub impact: String,
    /// The product by which it is about this component.
    pub product: String,
    /// Whether it is the latest, which holds.
    pub holds: bool,
}

/// A VEX document that findings were held against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VexDocumentFact {
    /// Its name.
    pub name: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// `openvex`, `csaf` or `cyclonedx`.
    pub form: String,
    /// Who says what it says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// How many statements it has.
    pub statements: u64,
    /// How many of them suppressed a finding.
    pub applied: u64,
}
