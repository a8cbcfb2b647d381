//! What the world says about packages: facts of advisories, and the vulnerabilities they speak of.
//! `kiln-vuln` reads them from feeds; matching and gate read them from its database.
//!
//! A [`Fact`] never says more than its source does: "open, no decision yet" and "will not be fixed"
//! are different states, and a fact that a version is not affected is kept as evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How bad a vulnerability is, in one word.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum RiskLevel {
    /// Nobody has said.
    #[default]
    Unknown,
    /// Without consequence for security (Debian's `unimportant`).
    Negligible,
    /// Low.
    Low,
    /// Medium; GitHub says moderate.
    Medium,
    /// High; Red Hat says important.
    High,
    /// Critical.
    Critical,
}

impl RiskLevel {
    /// All levels, the worst first.
    pub const ALL: [Self; 6] = [
        Self::Critical,
        Self::High,
        Self::Medium,
        Self::Low,
        Self::Negligible,
        Self::Unknown,
    ];

    /// The word for it in documents for programs. People read `unrated` for what nobody has rated:
    /// "not known" means other things too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Negligible => "negligible",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The level that a word of any source means; none for a word that means no level.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        // Debian marks an urgency that nobody has confirmed with asterisks.
        Some(
            match word
                .trim()
                .trim_end_matches('*')
                .to_ascii_lowercase()
                .as_str()
            {
                "negligible" | "unimportant" | "none" => Self::Negligible,
                "low" => Self::Low,
                "medium" | "moderate" => Self::Medium,
                "high" | "important" => Self::High,
                "critical" => Self::Critical,
                _ => return None,
            },
        )
    }

    /// The band of a CVSS score (version 3 and later; version 2 has no critical).
    #[must_use]
    pub const fn of_score(tenths: u8, version: u8) -> Self {
        match tenths {
            0 => Self::Negligible,
            1..=39 => Self::Low,
            40..=69 => Self::Medium,
            70..=89 => Self::High,
            _ if version < 3 => Self::High,
            _ => Self::Critical,
        }
    }
}

impl fmt::Display for RiskLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unrated",
            level => level.as_str(),
        })
    }
}

/// What one source says of how bad a vulnerability is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rating {
    /// Who says so (`nvd`, `ghsa`, `debian`).
    pub source: String,
    /// The level.
    pub level: RiskLevel,
    /// The CVSS score in tenths, where one is given or can be computed from the vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// The CVSS vector, with its version in front (`CVSS:3.1/AV:N/…`; version 2 has none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
}

/// That it is exploited, as CISA's catalog says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploited {
    /// The day on which it was added (`2026-08-07`).
    pub added: String,
    /// Whether ransomware uses it.
    pub ransomware: bool,
}

/// The probability that it will be exploited within 30 days, as EPSS says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epss {
    /// The probability in hundred-thousandths.
    pub probability: u32,
    /// The percentile in hundred-thousandths.
    pub percentile: u32,
}

/// A vulnerability, whatever it affects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// The id it is shown under: its CVE id, else that of GHSA, else that of its source.
    pub id: String,
    /// All other ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// What it is, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What sources say of how bad it is, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<Rating>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
    /// Whether it is exploited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploited: Option<Exploited>,
    /// How likely that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<Epss>,
}

/// Where a range of affected versions ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RangeEnd {
    /// Nowhere: every later version is affected too.
    Open,
    /// Before this version.
    Before(String),
    /// With this version.
    With(String),
}

/// A range of affected versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionRange {
    /// The first affected version; none where it is the very first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Where it ends.
    pub end: RangeEnd,
}

/// What the source says about a fix for the versions that are affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixState {
    /// There is one, where the range ends.
    Fixed,
    /// There is none yet, and nobody has said that there will be none.
    Open,
    /// Minor: no advisory of its own; a point release may bring it (Debian's `no-dsa`).
    NoAdvisory,
    /// There will be none (`ignored`).
    WontFix,
    /// Later, with another update (`postponed`).
    Deferred,
    /// The package or the release is no longer supported.
    EndOfLife,
    /// Nobody has looked (`undetermined`).
    Undetermined,
    /// No version was ever affected.
    NotAffected,
}

impl FixState {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Open => "open",
            Self::NoAdvisory => "no-advisory",
            Self::WontFix => "wont-fix",
            Self::Deferred => "deferred",
            Self::EndOfLife => "end-of-life",
            Self::Undetermined => "undetermined",
            Self::NotAffected => "not-affected",
        }
    }
}

impl fmt::Display for FixState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one source says about one package and one vulnerability.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// The vulnerability, by the id it is shown under.
    pub vulnerability: String,
    /// The record of the source that says so (`DSA-5546-1`, `GO-2021-0052`, the id itself).
    pub record: String,
    /// The source, by name.
    pub source: String,
    /// The affected versions; any of them is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<VersionRange>,
    /// Affected versions one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// What it says about a fix.
    pub state: FixState,
    /// How bad the source holds it to be for this package.
    #[serde(default)]
    pub level: RiskLevel,
    /// Whether it is only news (an unmaintained crate), no vulnerability.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub informational: bool,
    /// Why, in the source's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When the fix came, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_at: Option<Timestamp>,
}

/// A feed that facts came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AdvisorySource {
    /// Its name (`debian-tracker`).
    pub name: String,
    /// Where it was read: a URL, or the name of a file.
    pub origin: String,
    /// When its content was current.
    pub as_of: Timestamp,
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// How many facts about packages it gave.
    pub facts: u64,
    /// How many of what else, by name: `exploited`, `probabilities`, `ratings`,
    /// `dates of publication`, `ends of support`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, u64>,
}

impl AdvisorySource {
    /// What it gave, as `32876 facts` or `148 exploited`.
    #[must_use]
    pub fn gave(&self) -> String {
        let facts = (self.facts > 0).then(|| format!("{} facts", self.facts));
        let others = self
            .others
            .iter()
            .map(|(what, count)| format!("{count} {what}"));
        let parts: Vec<String> = facts.into_iter().chain(others).collect();
        match parts.is_empty() {
            true => "nothing".to_owned(),
            false => parts.join(", "),
        }
    }
}
