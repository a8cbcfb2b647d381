//! Relations between packages, as the solver sees them (deb-control(5), Debian policy 7).

use serde::{Deserialize, Serialize};

use crate::PackageVersion;

/// A version comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Comparison {
    /// `<<`: strictly earlier.
    #[serde(rename = "<<")]
    Earlier,
    /// `<=`: earlier or equal.
    #[serde(rename = "<=")]
    EarlierOrEqual,
    /// `=`: exactly equal.
    #[serde(rename = "=")]
    Equal,
    /// `>=`: later or equal.
    #[serde(rename = ">=")]
    LaterOrEqual,
    /// `>>`: strictly later.
    #[serde(rename = ">>")]
    Later,
}

impl Comparison {
    /// As Debian writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }

    /// Whether `ordering` (of the version at hand against the wanted one) satisfies this.
    #[must_use]
    pub const fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Earlier => ordering.is_lt(),
            Self::EarlierOrEqual => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::LaterOrEqual => ordering.is_ge(),
            Self::Later => ordering.is_gt(),
        }
    }
}

/// A wanted range of versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Constraint {
    /// How the version at hand must compare.
    pub comparison: Comparison,
    /// With what.
    pub version: PackageVersion,
}

/// One wanted (or unwanted) package: a name, perhaps qualified and constrained.
/// The name may be that of a virtual package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// The name of a real or virtual package.
    pub name: String,
    /// The architecture qualifier: `any`, `native` or an architecture; `python3:any`.
    pub qualifier: Option<String>,
    /// The wanted versions; all of them where absent.
    pub constraint: Option<Constraint>,
}

impl std::fmt::Display for Relation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some(constraint) = &self.constraint {
            write!(
                f,
                " ({} {})",
                constraint.comparison.as_str(),
                constraint.version
            )?;
        }
        Ok(())
    }
}

/// `a | b | c`: one of these must hold; the earlier ones are preferred.
pub type Alternatives = Vec<Relation>;

/// A name that a package offers beside its own. Without a version it satisfies only
/// unversioned relations (deb-control(5), "Provides").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Provide {
    /// The virtual name.
    pub name: String,
    /// The version offered.
    pub version: Option<PackageVersion>,
}

/// The `Multi-Arch` field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MultiArch {
    /// Absent or `no`.
    #[default]
    No,
    /// `same`: several architectures side by side.
    Same,
    /// `foreign`: satisfies relations of any architecture.
    Foreign,
    /// `allowed`: satisfies `name:any` of any architecture.
    Allowed,
}
