//! The two stages, one after the other.

use std::collections::BTreeSet;

use kiln_types::{PackageRequest, Universe, Unmet};

use crate::catalog::{Catalog, Package};
use crate::contradiction::Core;
use crate::request::Wanted;
use crate::search::{Item, Outcome, Search};
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
pub fn resolve(
    universe: &dyn Universe,
    request: &PackageRequest,
) -> Result<Resolution, ResolveError> {
    if request.unmet == Unmet::Refuse && !request.exclude.is_empty() {
        let strict = Catalog::new(universe, request, true);
        let wanted = request::interpret(&strict, request)?;
        let any = &mut |_: &Search<'_, '_>, items| {
            Ok(Core {
                items,
                minimal: false,
            })
        };
        if let Answer::Found(chosen) = solve(&strict, &wanted, any)? {
            return explain::resolution(&strict, &wanted, &chosen);
        }
        // What is wrong, the exclusions or the rest? See whether the rest holds without them.
    }
    let catalog = Catalog::new(universe, request, false);
    let wanted = request::interpret(&catalog, request)?;
    match solve(&catalog, &wanted, &mut contradiction::minimise)? {
        Answer::Found(chosen) => {
            let resolution = explain::resolution(&catalog, &wanted, &chosen)?;
            if request.unmet == Unmet::Refuse && !resolution.tolerated.is_empty() {
                return Err(ResolveError::OpenDependency(resolution.tolerated));
            }
            Ok(resolution)
        }
        Answer::Contradiction(core) => {
            let mut sentences = explain::sentences(&catalog, &wanted, &core.items)?;
            if !core.minimal {
                let more = sentences.len().saturating_sub(TOLD);
                sentences.truncate(TOLD);
                if more > 0 {
                    sentences.push(format!("and {more} more"));
                }
                sentences.push(
                    "a shorter explanation was not found in reasonable time; some of these may not matter"
                        .to_owned(),
                );
            }
            Err(ResolveError::Conflict { core: sentences })
        }
    }
}

/// How many sentences are told of a contradiction that is not minimal.
const TOLD: usize = 20;

/// What came of both stages.
enum Answer {
    Found(BTreeSet<Package>),
    Contradiction(Core),
}

/// What is done with the items that a search without solution saw.
type Reduce<'r> = &'r mut dyn FnMut(&Search<'_, '_>, BTreeSet<Item>) -> Result<Core, ResolveError>;

/// First the walk, then the search.
fn solve(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
    reduce: Reduce<'_>,
) -> Result<Answer, ResolveError> {
    let walked = walk::walk(catalog, wanted)?;
    let reachable = check::reachable(catalog, wanted, &walked)?;
    if check::holds(catalog, wanted, &reachable)? {
        return Ok(Answer::Found(reachable));
    }
    let search = Search::new(catalog, wanted, &walked);
    Ok(match search.solve(None)? {
        Outcome::Found(found) => Answer::Found(check::reachable(catalog, wanted, &found)?),
        Outcome::Contradiction(seen) => Answer::Contradiction(reduce(&search, seen)?),
    })
}
