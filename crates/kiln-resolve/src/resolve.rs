//! The two stages, one after the other.

use std::collections::BTreeSet;

use kiln_types::{PackageRequest, Universe, Unmet};

use crate::catalog::{Catalog, Package};
use crate::request::Wanted;
use crate::search::{Outcome, Search};
use crate::{Resolution, ResolveError, check, contradiction, explain, request, walk};

/// Finds the packages that meet a request.
///
/// For a request without exclusions, and where apt's classic solver finds an answer without its
/// scored problem resolver, the set is the one that `apt-get install --no-install-recommends` picks
/// on an empty system.
///
/// # Errors
/// When requested names are unknown, when the requirements contradict each other, when exclusions
/// leave dependencies open and the request refuses that, or when the universe is malformed.
pub fn resolve(universe: &dyn Universe, request: &PackageRequest) -> Result<Resolution, ResolveError> {
    let strict = request.unmet == Unmet::Refuse;
    let catalog = Catalog::new(universe, request, strict);
    let wanted = request::interpret(&catalog, request)?;
    match solve(&catalog, &wanted)? {
        Ok(chosen) => explain::resolution(&catalog, &wanted, &chosen),
        Err(core) => {
            if strict {
                // Would it do if open dependencies were tolerated? Then they are what is wrong.
                let lenient = Catalog::new(universe, request, false);
                let wanted = request::interpret(&lenient, request)?;
                if let Ok(chosen) = solve(&lenient, &wanted)? {
                    let resolution = explain::resolution(&lenient, &wanted, &chosen)?;
                    if !resolution.tolerated.is_empty() {
                        return Err(ResolveError::OpenDependency(resolution.tolerated));
                    }
                }
            }
            Err(ResolveError::Conflict { core })
        }
    }
}

/// The chosen packages, or the sentences of the minimal core.
fn solve(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
) -> Result<Result<BTreeSet<Package>, Vec<String>>, ResolveError> {
    let walked = walk::walk(catalog, wanted)?;
    let reachable = check::reachable(catalog, wanted, &walked)?;
    if check::holds(catalog, wanted, &reachable)? {
        return Ok(Ok(reachable));
    }
    let search = Search::new(catalog, wanted, &walked);
    match search.solve(None)? {
        Outcome::Found(found) => Ok(Ok(check::reachable(catalog, wanted, &found)?)),
        Outcome::Contradiction(seen) => {
            let core = contradiction::minimise(&search, seen)?;
            Ok(Err(explain::sentences(catalog, wanted, &core)?))
        }
    }
}
