//! Whether an image may ship: the answer of judging it by a policy, with every reason and the digest
//! of everything that was used, so that the same inputs give the same document on any other day.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Digest, LevelCounts, RiskLevel, Timestamp};

/// The version of the document. It changes when a field changes its meaning.
pub const VERDICT_FORMAT: u32 = 1;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It may ship.
    Pass,
    /// It may not.
    Fail,
    /// Something that the policy asks about cannot be known.
    Unknown,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a reason does to the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// The image fails.
    Fail,
    /// The answer cannot be known.
    Unknown,
    /// Nothing; somebody should look.
    Warning,
}

impl Effect {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Warning => "warning",
        }
    }
}

/// One reason of a verdict. Its order is that of the document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// What it does.
    pub effect: Effect,
    /// A stable code such as `vulnerability/fixable`, which an allow-list may name.
    pub code: String,
    /// The vulnerability, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
    /// How bad that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<RiskLevel>,
    /// The package, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The version that has the fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// A path in the image, or the place of an entry in a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// In words.
    pub message: String,
}

/// Something that would have been a reason, or a finding that is none to act on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Suppressed {
    /// The vulnerability, or the code of the rule.
    pub id: String,
    /// The package or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// By what: `owner`, `vex`, `allowed`, `unimportant`, `informational`, `undetermined`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The place of the entry, where an entry allows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// From when on it holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// The image that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedImage {
    /// As the person named it.
    pub name: String,
    /// Its platform; of one that names none, the platform that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The digest of its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The digest of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Digest>,
    /// The digest of everything that was found in it, its name aside.
    pub inventory: Digest,
}

/// A document that was used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UsedFile {
    /// Where it was.
    pub name: String,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// The advisories that were used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedDatabase {
    /// The digest of its file.
    pub sha256: Digest,
    /// When it was built.
    pub built: Timestamp,
}

/// Everything that a verdict depends on besides the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictInputs {
    /// The image.
    pub image: JudgedImage,
    /// The policy; absent for the default policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<UsedFile>,
    /// The advisories; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<UsedDatabase>,
    /// Documents with VEX statements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex: Vec<UsedFile>,
    /// References by which those documents may name the image besides the one it was asked for by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vex_products: Vec<String>,
    /// Up to when their statements count; absent where that is the moment of the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vex_until: Option<Timestamp>,
    /// Ignore files of other tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_files: Vec<UsedFile>,
    /// Documents about what is in the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sboms: Vec<UsedFile>,
}

/// Whether an image may ship.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// [`VERDICT_FORMAT`].
    pub format: u32,
    /// The answer.
    pub outcome: Outcome,
    /// The name of the policy.
    pub policy: String,
    /// The moment that ages and expiries were counted to.
    pub at: Timestamp,
    /// The version of kiln that judged.
    pub kiln: String,
    /// What it depends on.
    pub inputs: VerdictInputs,
    /// How many components were looked at.
    pub components: u64,
    /// How many findings to act on there are of each level, whatever the policy says of them.
    pub counts: LevelCounts,
    /// Every reason, sorted: failures, what cannot be known, warnings.
    pub reasons: Vec<Reason>,
    /// What was not counted, sorted.
    pub suppressed: Vec<Suppressed>,
}

impl Verdict {
    /// The reasons of one effect.
    pub fn of(&self, effect: Effect) -> impl Iterator<Item = &Reason> {
        self.reasons
            .iter()
            .filter(move |reason| reason.effect == effect)
    }
}
