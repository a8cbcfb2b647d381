//! The answer: packages, and why each of them is there.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use kiln_types::{PackageName, PackageRecord};

/// A requirement and the package that was chosen to meet it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The package that requires it; none for the request itself.
    pub requirer: Option<PackageName>,
    /// What is required, as the index (or the request) words it: `libssl3t64 (>= 3.4)`,
    /// `default-mta | mail-transport-agent`.
    pub relation: String,
    /// The chosen package.
    pub chosen: PackageName,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.requirer {
            None => write!(f, "requested: {}", self.relation)?,
            Some(requirer) => write!(f, "{requirer} needs {}", self.relation)?,
        }
        if self.relation == self.chosen.as_str() {
            Ok(())
        } else {
            write!(f, " -> {}", self.chosen)
        }
    }
}

/// A dependency that is not met because everything that would meet it is excluded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenDependency {
    /// The package whose dependency it is.
    pub package: PackageName,
    /// The dependency, as the index words it.
    pub relation: String,
    /// The excluded packages that would have met it, sorted.
    pub excluded_by: Vec<PackageName>,
}

/// The packages that meet a request.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The packages, sorted by name; one version of each.
    pub packages: Vec<Arc<PackageRecord>>,
    /// The requirements and what was chosen for them: those of the request in its order, then those
    /// of each package by name, in the order of the index.
    pub edges: Vec<Edge>,
    /// Dependencies that the exclusions leave open, by package, in the order of the index.
    pub tolerated: Vec<OpenDependency>,
}

impl Resolution {
    /// The package of this name, if it is part of the resolution.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Arc<PackageRecord>> {
        let at = self
            .packages
            .binary_search_by(|record| record.name.as_str().cmp(name))
            .ok()?;
        self.packages.get(at)
    }

    /// The shortest chain of requirements from a request to the package; of several, the one whose
    /// edges come first. None when the package is not part of the resolution.
    #[must_use]
    pub fn why(&self, package: &str) -> Option<Vec<&Edge>> {
        // Breadth first from the request: `reached` holds the edge over which each package was
        // reached first.
        let mut outgoing: BTreeMap<Option<&str>, Vec<&Edge>> = BTreeMap::new();
        for edge in &self.edges {
            outgoing
                .entry(edge.requirer.as_ref().map(PackageName::as_str))
                .or_default()
                .push(edge);
        }
        let mut reached: BTreeMap<&str, &Edge> = BTreeMap::new();
        let mut queue = VecDeque::from([None]);
        while let Some(at) = queue.pop_front() {
            for edge in outgoing.get(&at).into_iter().flatten() {
                let name = edge.chosen.as_str();
                if !reached.contains_key(name) {
                    reached.insert(name, edge);
                    queue.push_back(Some(name));
                }
            }
        }
        let mut chain = Vec::new();
        let mut edge = *reached.get(package)?;
        loop {
            chain.push(edge);
            match &edge.requirer {
                None => break,
                Some(requirer) => edge = *reached.get(requirer.as_str())?,
            }
        }
        chain.reverse();
        Some(chain)
    }

    /// Every requirement that the package meets, in the order of [`Self::edges`].
    pub fn why_all<'a>(&'a self, package: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.edges
            .iter()
            .filter(move |edge| edge.chosen.as_str() == package)
    }
}
