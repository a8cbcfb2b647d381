//! What is wrong with what is inside an image: the answer of matching an inventory against advisories.
//!
//! Nothing is dropped silently: what is no finding to act on stands among the suppressed ones, with
//! the reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    AdvisorySource, ComponentId, Digest, DistributionFact, Fact, FixState, Incomplete, RiskLevel,
    Subject, Timestamp, VexDocumentFact, VexFact, Vulnerability,
};

/// Whether a component is affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Affected {
    /// It is.
    Yes,
    /// Nobody can say: the version cannot be compared, or nobody has analysed it.
    Unknown,
}

/// Why a finding is none to act on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Suppression {
    /// The distribution that owns the component's files says that it is fixed or not affected.
    Owner {
        /// The package that owns them.
        package: String,
        /// What it says.
        reason: String,
    },
    /// A VEX statement.
    Vex {
        /// The document and the place of the statement in it.
        statement: String,
        /// The digest of the document.
        digest: Digest,
        /// Who says so.
        author: String,
        /// Its status.
        status: String,
        /// Its justification, or its impact statement.
        justification: String,
    },
    /// An entry of the policy's allow-list or of an ignore file.
    Allowed {
        /// Where the entry stands.
        entry: String,
        /// Its reason.
        reason: String,
    },
    /// The source says that it has no consequence for security.
    Unimportant {
        /// In its words.
        reason: String,
    },
    /// It is only news, such as an unmaintained package.
    Informational {
        /// What it is.
        reason: String,
    },
    /// Nobody has analysed it yet (Debian's `undetermined`, ids without a CVE).
    Undetermined {
        /// In the source's words.
        reason: String,
    },
}

impl Suppression {
    /// By whom, in a word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Owner { .. } => "owner",
            Self::Vex { .. } => "vex",
            Self::Allowed { .. } => "allowed",
            Self::Unimportant { .. } => "unimportant",
            Self::Informational { .. } => "informational",
            Self::Undetermined { .. } => "undetermined",
        }
    }

    /// The reason, in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Owner { package, reason } => format!("{package}: {reason}"),
            Self::Vex {
                statement,
                author,
                status,
                justification,
                ..
            } => {
                let by = match author.as_str() {
                    "" => String::new(),
                    author => format!(" by {author}"),
                };
                let why = match justification.as_str() {
                    "" => String::new(),
                    justification => format!(", {justification}"),
                };
                format!("{status}{why} ({statement}{by})")
            }
            Self::Allowed { entry, reason } => format!("{entry}: {reason}"),
            Self::Unimportant { reason }
            | Self::Informational { reason }
            | Self::Undetermined { reason } => reason.clone(),
        }
    }
}

/// One vulnerability in one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The component, by its place in the inventory.
    pub component: ComponentId,
    /// Its kind (`deb`, `npm`).
    pub kind: String,
    /// Its name.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its package URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
    /// The first file that speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The layer that this file comes from: its place among [`Subject::layers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// The name that was looked up, where it is another (the source package).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_package: Option<String>,
    /// The version that was compared, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_version: Option<String>,
    /// The advisories that were asked (`debian:13`, `npm`).
    pub ecosystem: String,
    /// The vulnerability.
    pub vulnerability: Vulnerability,
    /// Whether it is affected.
    pub affected: Affected,
    /// What is known of a fix.
    pub state: FixState,
    /// The lowest version that has the fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// When that came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_at: Option<Timestamp>,
    /// How bad it is.
    pub level: RiskLevel,
    /// Who says so; absent where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_source: Option<String>,
    /// Whether sources disagree on being affected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disputed: bool,
    /// Every fact that was used.
    pub facts: Vec<Fact>,
    /// Every VEX statement that is about it, the one that holds among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex: Vec<VexFact>,
    /// Why it is none to act on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

impl Finding {
    /// Whether an update would cure it now.
    #[must_use]
    pub fn is_fixable(&self) -> bool {
        self.state == FixState::Fixed && self.fixed_version.is_some()
    }
}

/// How many of each level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelCounts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
    /// Negligible ones.
    pub negligible: u64,
    /// Those that nobody has rated.
    pub unknown: u64,
}

impl LevelCounts {
    /// Counts one more.
    pub fn add(&mut self, level: RiskLevel) {
        let place = match level {
            RiskLevel::Critical => &mut self.critical,
            RiskLevel::High => &mut self.high,
            RiskLevel::Medium => &mut self.medium,
            RiskLevel::Low => &mut self.low,
            RiskLevel::Negligible => &mut self.negligible,
            RiskLevel::Unknown => &mut self.unknown,
        };
        *place += 1;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.critical + self.high + self.medium + self.low + self.negligible + self.unknown
    }
}

impl fmt::Display for LevelCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} critical, {} high, {} medium, {} low",
            self.critical, self.high, self.medium, self.low
        )?;
        if self.negligible > 0 {
            write!(f, ", {} negligible", self.negligible)?;
        }
        if self.unknown > 0 {
            write!(f, ", {} unrated", self.unknown)?;
        }
        Ok(())
    }
}

/// A part of the image about which the database cannot say anything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Blind {
    /// The advisories that would be needed (`debian:10`, `npm`).
    pub ecosystem: String,
    /// How many components it concerns.
    pub components: u64,
    /// What is missing.
    pub reason: String,
}

/// Which database gave the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFact {
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// When it was built.
    pub built: Timestamp,
    /// Its sources.
    pub sources: Vec<AdvisorySource>,
}

/// What has no date where a day is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndatedPart {
    /// Everything: nobody says when it was known, so it is no finding.
    Advisory,
    /// The fix: it is a finding without one.
    Fix,
}

/// A vulnerability of something in the image of which it cannot be said what was known on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Undated {
    /// What has no date.
    pub part: UndatedPart,
    /// The vulnerability.
    pub vulnerability: String,
    /// The advisories that speak of it.
    pub ecosystem: String,
    /// The package.
    pub package: String,
}

/// What findings of a past day leave open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFact {
    /// The moment: what was known then.
    pub at: Timestamp,
    /// How many findings came later.
    pub later: u64,
    /// What carries no date, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undated: Vec<Undated>,
    /// The database whose EPSS scores are of that day, by its digest; without one there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<String>,
}

impl DayFact {
    /// The vulnerabilities without a date of this part, each once.
    #[must_use]
    pub fn undated(&self, part: UndatedPart) -> Vec<&str> {
        let of = self.undated.iter().filter(|one| one.part == part);
        let mut ids: Vec<&str> = of.map(|one| one.vulnerability.as_str()).collect();
        ids.dedup();
        ids
    }
}

/// That not all findings are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterFact {
    /// Only these levels, the worst first; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<RiskLevel>,
    /// Only those that an update cures, or only those that none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixable: Option<bool>,
    /// Only these kinds of packages, sorted; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// How many findings to act on there are of each level, shown or not.
    pub counts: LevelCounts,
    /// How many findings to act on are not shown.
    pub hidden: u64,
    /// How many suppressed ones are not.
    pub hidden_suppressed: u64,
}

impl fmt::Display for FilterFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let levels: Vec<String> = self.levels.iter().map(ToString::to_string).collect();
        let fixable = match self.fixable {
            Some(true) => "with a fix",
            Some(false) => "without a fix",
            None => "",
        };
        let parts = [levels.join(", "), fixable.to_owned(), self.kinds.join(", ")];
        let parts: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        write!(
            f,
            "{} findings and {} suppressed ones are hidden: only {} are shown",
            self.hidden,
            self.hidden_suppressed,
            parts.join("; ")
        )
    }
}

/// For fields that are left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Up to when somebody supports something in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SupportFact {
    /// Its name and release: `debian 13`, `node 20.11.0`.
    pub name: String,
    /// The file that speaks for it; absent for the distribution of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The last day (`2028-08-09`).
    pub last_day: String,
}

/// What is wrong with one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// What was known on a past day, where that was asked; none for what is known by the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DayFact>,
    /// Which findings stand here, where not all do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterFact>,
    /// Which image.
    pub subject: Subject,
    /// Its distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionFact>,
    /// Which database.
    pub database: DatabaseFact,
    /// How many components the image has.
    pub components: u64,
    /// How many of them are asked about through the packages that own them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub owned: u64,
    /// How many are of a kind that has no advisories anywhere, such as what kiln itself adds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unasked: u64,
    /// The findings, the worst first; suppressed ones among them.
    pub findings: Vec<Finding>,
    /// Whose support ends on a known day: the distribution, others that have a root in the image, and
    /// runtimes that were copied into it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub support: Vec<SupportFact>,
    /// What the database has nothing about. Where this is not empty, "none found" means nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blind: Vec<Blind>,
    /// What of the image could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Incomplete>,
    /// The VEX documents that they were held against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex: Vec<VexDocumentFact>,
}

impl Findings {
    /// The findings to act on.
    pub fn active(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.suppressed.is_none())
    }

    /// The others.
    pub fn suppressed(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.suppressed.is_some())
    }

    /// How many components there are, and how many of them no advisories were asked about by
    /// themselves, as a part of a sentence.
    #[must_use]
    pub fn scope(&self) -> String {
        let blind: u64 = self.blind.iter().map(|blind| blind.components).sum();
        let mut out = format!("{} components", self.components);
        for (count, what) in [
            (self.owned, "of them asked about through their owners"),
            (self.unasked, "that no advisories are written about"),
            (blind, "not known"),
        ] {
            if count > 0 {
                out.push_str(&format!(", {count} {what}"));
            }
        }
        out
    }

    /// How many to act on of each level, those that a filter hides among them.
    #[must_use]
    pub fn all_counts(&self) -> LevelCounts {
        match &self.filter {
            Some(filter) => filter.counts,
            None => self.counts(),
        }
    }

    /// How many to act on of each level stand here.
    #[must_use]
    pub fn counts(&self) -> LevelCounts {
        let mut counts = LevelCounts::default();
        for finding in self.active() {
            counts.add(finding.level);
        }
        counts
    }
}
