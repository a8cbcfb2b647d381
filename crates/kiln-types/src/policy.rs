//! What an organisation demands of an image before it may ship. `kiln-definition` reads it from the
//! document that people write, `kiln-vuln` judges by it.
//!
//! [`Policy::default`] is the policy that holds where none is named; a key that a document leaves out
//! has the value that it has there.

use serde::Serialize;

use crate::{FixState, Purl, RiskLevel, Timestamp};

/// What becomes of an image that has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// It fails.
    Deny,
    /// It passes, and the verdict says so.
    Warn,
    /// It passes.
    Allow,
}

/// Which vulnerabilities fail an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VulnerabilityRules {
    /// From which level on, where an update cures it; none: never.
    pub fixable: Option<RiskLevel>,
    /// From which level on, where there is no fix; none: never.
    pub no_fix: Option<RiskLevel>,
    /// As which level one counts that nobody has rated.
    pub unrated: RiskLevel,
    /// For so many days after the fix came, it is only warned of.
    pub grace_days: u32,
    /// One that is known to be exploited, whatever its level and whether it has a fix.
    pub exploited: Demand,
    /// The least probability of exploitation (EPSS) that fails, in hundred-thousandths.
    pub epss: Option<u32>,
}

/// What is demanded of the advisories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseRules {
    /// The most days since the database was built.
    pub max_age_days: u32,
    /// The most days since each of its sources of advisories was current; none: not asked. Ends of
    /// support are no advisories: they are known years before.
    pub source_max_age_days: Option<u32>,
    /// Ecosystems and kinds that may be without advisories (`binary`).
    pub may_lack: Vec<String>,
}

/// Which support of the distribution counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// Regular support.
    Regular,
    /// Long-term support too, where there is one.
    Extended,
}

/// What is demanded of the support of the distribution, and of runtimes that came without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndOfLifeRules {
    /// A release whose support has ended. With [`Demand::Allow`] nothing about it need be known.
    pub ended: Demand,
    /// Which support.
    pub support: Support,
    /// So many days before the end it is warned of.
    pub warn_days: u32,
}

/// What is demanded of the image itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageRules {
    /// Runs as root.
    pub root: Demand,
    /// Has a shell.
    pub shell: Demand,
    /// Has a package manager.
    pub package_manager: Demand,
    /// Has files with the setuid bit.
    pub setuid: Demand,
    /// Has files with the setgid bit.
    pub setgid: Demand,
    /// Has files with capabilities.
    pub capabilities: Demand,
    /// Has files that everybody may write to.
    pub world_writable: Demand,
    /// Has files that look like secrets.
    pub secrets: Demand,
    /// Labels that must be there and say something.
    pub labels: Vec<String>,
}

/// What is demanded of licences. Patterns over SPDX identifiers, with `*` for any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LicenceRules {
    /// What is allowed; empty: everything that is not denied.
    pub allowed: Vec<String>,
    /// What is denied.
    pub denied: Vec<String>,
    /// A component of which no licence is known.
    pub unknown: Demand,
}

/// Something that must be known of an image, so that others can check the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceDemand {
    /// The image has a digest of its own, that of its manifest or its configuration.
    Digest,
    /// Every component of the distribution stands in a package database or in kiln's lock.
    PackageDatabase,
    /// A document (SBOM) is at hand that lists every component of the image.
    Sbom,
    /// Every component says who made or maintains it.
    Supplier,
}

impl EvidenceDemand {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Digest,
        Self::PackageDatabase,
        Self::Sbom,
        Self::Supplier,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::PackageDatabase => "package-database",
            Self::Sbom => "sbom",
            Self::Supplier => "supplier",
        }
    }
}

/// One condition of an [`Allowance`]; of several alternatives in a list one is enough. Patterns have
/// `*` for any text; in paths `*` ends at a slash and `**` does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "of")]
pub enum Condition {
    /// The id of the vulnerability or the code of the rule.
    Id {
        /// The id.
        id: String,
        /// Whether it may be another name of the vulnerability.
        or_alias: bool,
    },
    /// The name of the image.
    Image(Vec<String>),
    /// The name of the package, of its source package, or its package URL.
    Package(Vec<String>),
    /// A package URL, of which only what is written must be so.
    Purl(Vec<Purl>),
    /// A path in the image.
    Path(Vec<String>),
    /// The version of the package.
    Version(String),
    /// The kind of the package (`deb`, `npm`).
    Kind(String),
    /// The name of the source package.
    Source(String),
    /// The advisories (`debian:13`, `npm`).
    Ecosystem(String),
    /// What is known of a fix.
    State(Vec<FixState>),
    /// Something that kiln cannot judge: such an entry allows nothing.
    Unjudged(String),
}

/// An entry of an allow-list or of an ignore file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// Where it stands: file, line and column.
    pub place: String,
    /// What must all hold.
    pub conditions: Vec<Condition>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// From when on it holds no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What an organisation demands of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Vulnerabilities.
    pub vulnerabilities: VulnerabilityRules,
    /// Advisories.
    pub database: DatabaseRules,
    /// Support of the distribution.
    pub end_of_life: EndOfLifeRules,
    /// The image itself.
    pub image: ImageRules,
    /// Licences.
    pub licences: LicenceRules,
    /// What must be known, sorted.
    pub evidence: Vec<EvidenceDemand>,
    /// Whether ignore files of other tools may be given too.
    pub accepts_ignore_files: bool,
    /// Whether VEX documents may be given, whoever wrote them.
    pub accepts_vex: bool,
    /// The allow-list.
    pub allow: Vec<Allowance>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            vulnerabilities: VulnerabilityRules {
                fixable: Some(RiskLevel::High),
                no_fix: None,
                unrated: RiskLevel::High,
                grace_days: 0,
                exploited: Demand::Deny,
                epss: None,
            },
            database: DatabaseRules {
                max_age_days: 7,
                source_max_age_days: Some(7),
                may_lack: Vec::new(),
            },
            end_of_life: EndOfLifeRules {
                ended: Demand::Deny,
                support: Support::Extended,
                warn_days: 90,
            },
            image: ImageRules {
                root: Demand::Deny,
                shell: Demand::Warn,
                package_manager: Demand::Warn,
                setuid: Demand::Deny,
                setgid: Demand::Warn,
                capabilities: Demand::Warn,
                world_writable: Demand::Warn,
                secrets: Demand::Deny,
                labels: Vec::new(),
            },
            licences: LicenceRules {
                allowed: Vec::new(),
                denied: Vec::new(),
                unknown: Demand::Allow,
            },
            evidence: Vec::new(),
            accepts_ignore_files: true,
            accepts_vex: true,
            allow: Vec::new(),
        }
    }
}
