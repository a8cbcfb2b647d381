//! What the request asks for, in terms of packages.

use std::collections::BTreeSet;

use kiln_types::{PackageRequest, Relation, Request};

use crate::catalog::{Catalog, Name, Package};
use crate::{RequestError, ResolveError};

/// One requirement of the request: exactly one of these versions of this package.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// As it was asked for.
    pub(crate) text: String,
    /// The package that stands for it.
    pub(crate) name: Name,
    /// The versions that meet it, most preferred first; never empty.
    pub(crate) versions: Vec<Package>,
}

/// Looks up every request.
///
/// # Errors
/// With everything that is wrong with the requests.
pub(crate) fn interpret(
    catalog: &Catalog<'_>,
    request: &PackageRequest,
) -> Result<Vec<Wanted>, ResolveError> {
    let mut wanted = Vec::new();
    let mut errors = Vec::new();
    for item in &request.include {
        match look_up(catalog, item)? {
            Ok(found) => wanted.push(found),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(wanted)
    } else {
        Err(ResolveError::Request(errors))
    }
}

fn look_up(
    catalog: &Catalog<'_>,
    item: &Request,
) -> Result<Result<Wanted, RequestError>, ResolveError> {
    let text = wording(item);
    let asked = item.name.as_str().to_owned();
    let name = catalog.name(&asked);
    let relation = Relation {
        name: asked.clone(),
        qualifier: None,
        constraint: item.constraint.clone(),
    };
    let in_suite = |package: &Package| {
        item.suite
            .as_ref()
            .is_none_or(|suite| catalog.record(*package).suite == *suite)
    };
    let targets = catalog.targets(&relation)?;
    let all = catalog.versions(name)?;
    if !all.is_empty() {
        let versions: Vec<Package> = targets
            .iter()
            .copied()
            .filter(|package| catalog.name_of(*package) == name && in_suite(package))
            // A package may also offer its own name at another version; that is not its version.
            .filter(|package| fits(catalog, item, *package))
            .collect();
        if versions.is_empty() {
            let available = all
                .iter()
                .map(|package| {
                    let record = catalog.record(*package);
                    if record.suite.is_empty() {
                        record.version.to_string()
                    } else {
                        format!("{} ({})", record.version, record.suite)
                    }
                })
                .collect();
            let constraint = text.strip_prefix(&asked).unwrap_or(&text).trim().to_owned();
            return Ok(Err(RequestError::NoVersion {
                name: asked,
                constraint,
                available,
            }));
        }
        return Ok(Ok(Wanted {
            text,
            name,
            versions,
        }));
    }
    // A virtual name stands for its only provider, as in apt ("Note, selecting … instead of …").
    let offered: Vec<Package> = targets
        .iter()
        .copied()
        .filter(|package| !catalog.is_excluded(catalog.name_of(*package)) && in_suite(package))
        .collect();
    let names: BTreeSet<Name> = offered
        .iter()
        .map(|package| catalog.name_of(*package))
        .collect();
    let mut names = names.into_iter();
    match (names.next(), names.next()) {
        (Some(only), None) => Ok(Ok(Wanted {
            text,
            name: only,
            versions: offered,
        })),
        (Some(_), Some(_)) => {
            let providers: BTreeSet<String> = offered
                .iter()
                .map(|package| catalog.record(*package).name.to_string())
                .collect();
            Ok(Err(RequestError::Virtual {
                name: asked,
                providers: providers.into_iter().collect(),
            }))
        }
        (None, _) => {
            let similar = catalog.universe().similar(&asked, 3);
            Ok(Err(RequestError::UnknownPackage {
                name: asked,
                similar,
            }))
        }
    }
}

fn fits(catalog: &Catalog<'_>, item: &Request, package: Package) -> bool {
    item.constraint.as_ref().is_none_or(|wanted| {
        let record = catalog.record(package);
        catalog.universe().satisfies(
            record.version.as_str(),
            wanted.comparison,
            wanted.version.as_str(),
        )
    })
}

/// `nginx (>= 1.26)/trixie-backports`, in the order in which apt takes the parts.
fn wording(item: &Request) -> String {
    let mut text = item.name.to_string();
    if let Some(constraint) = &item.constraint {
        text.push_str(&format!(
            " ({} {})",
            constraint.comparison.as_str(),
            constraint.version
        ));
    }
    if let Some(suite) = &item.suite {
        text.push('/');
        text.push_str(suite);
    }
    text
}
