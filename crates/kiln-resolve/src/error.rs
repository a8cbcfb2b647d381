//! Why there is no resolution.

use std::fmt::{self, Write as _};

use kiln_types::{Classify, ErrorClass, FormatError};

use crate::OpenDependency;

/// A request that names nothing that could be installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No package has this name, and none provides it.
    #[error("there is no package `{name}`{}", suggestion(.similar))]
    UnknownPackage {
        /// The name asked for.
        name: String,
        /// Real names that resemble it, best first.
        similar: Vec<String>,
    },
    /// The name is virtual and several packages provide it: one of them has to be asked for.
    #[error("`{name}` is a virtual package; ask for one that provides it: {}", ticks(.providers))]
    Virtual {
        /// The name asked for.
        name: String,
        /// The packages that provide it, by name.
        providers: Vec<String>,
    },
    /// The package is there, but in none of the versions asked for.
    #[error("no version of `{name}` satisfies `{constraint}`; the archive has {}", listed(.available))]
    NoVersion {
        /// The name asked for.
        name: String,
        /// The versions asked for, as written: `>= 2`, `/trixie-backports`.
        constraint: String,
        /// The versions there are, most preferred first, each with its suite: `1.26.3-3 (trixie)`.
        available: Vec<String>,
    },
}

/// Why there is no resolution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Requests that name nothing that could be installed: all of them.
    #[error("{}", lines("", .0.iter().map(ToString::to_string)))]
    Request(Vec<RequestError>),

    /// Requirements that cannot hold together. Each line is a sentence; without any one of them,
    /// the others could hold.
    #[error("{}", lines("these cannot hold together:", .core.iter().cloned()))]
    Conflict {
        /// The requirements, in the order in which one leads to the next.
        core: Vec<String>,
    },

    /// Exclusions leave dependencies open, and the request does not tolerate that: all of them.
    #[error("{}", lines("exclusions leave dependencies open:", .0.iter().map(ToString::to_string)))]
    OpenDependency(Vec<OpenDependency>),

    /// A record of the universe cannot be read.
    #[error(transparent)]
    Universe(#[from] FormatError),

    /// The search was given up after very many steps: neither a solution nor a contradiction.
    #[error("no answer after {steps} search steps: pin versions or ask for fewer packages at once")]
    TooHard {
        /// The limit.
        steps: u64,
    },
}

impl Classify for ResolveError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Request(_)
            | Self::Conflict { .. }
            | Self::OpenDependency(_)
            | Self::TooHard { .. } => ErrorClass::User,
            Self::Universe(error) => error.class(),
        }
    }
}

impl Classify for RequestError {
    fn class(&self) -> ErrorClass {
        ErrorClass::User
    }
}

impl fmt::Display for OpenDependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let excluded: Vec<&str> = self.excluded_by.iter().map(|name| name.as_str()).collect();
        write!(
            f,
            "`{}` needs `{}`, but {} excluded",
            self.package,
            self.relation,
            are(&excluded)
        )
    }
}

fn are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", ticks(names))
}

fn suggestion(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("; did you mean {}?", ticks(names))
    }
}

pub(crate) fn ticks<S: AsRef<str>>(names: &[S]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect::<Vec<_>>()
        .join(", ")
}

fn listed(versions: &[String]) -> String {
    if versions.is_empty() {
        "none".to_owned()
    } else {
        versions.join(", ")
    }
}

/// One item stands on the line of the heading (or alone); several stand on a line each.
fn lines(heading: &str, items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let mut text = heading.to_owned();
    if let ([only], true) = (items.as_slice(), heading.is_empty()) {
        text.push_str(only);
        return text;
    }
    for item in items {
        let start = if text.is_empty() { "" } else { "\n" };
        // Writing into a string cannot fail.
        let _ = write!(text, "{start}  - {item}");
    }
    text
}
