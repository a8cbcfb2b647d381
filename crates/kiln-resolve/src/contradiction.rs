//! The smallest explanation: which requirements cannot hold together.
//!
//! A set of items is a *core* when it has no solution, and minimal when every item is needed for
//! that. Deletion finds one: try to leave out a part, keep what is needed. Parts start large and
//! end with single items, so that few searches are needed where much can go; each search that still
//! finds no solution also says which items it saw, and all others go with the part.
//!
//! A hostile index can make that take very long, so it ends after so many steps with the core it has:
//! still without a solution, and perhaps not the smallest.
//!
//! The last pass leaves out single items. One pass suffices: an item that was needed among more
//! items is needed among fewer.

use std::collections::BTreeSet;

use crate::ResolveError;
use crate::search::{Item, Outcome, Search};

/// What is left of the items.
pub(crate) struct Core {
    pub(crate) items: BTreeSet<Item>,
    /// Whether every one of them is needed.
    pub(crate) minimal: bool,
}

/// A minimal core within `items`, which must have no solution.
pub(crate) fn minimise(
    search: &Search<'_, '_>,
    items: BTreeSet<Item>,
) -> Result<Core, ResolveError> {
    search.explain_only();
    // There may be several minimal cores. What is tried first is what goes if it can: two orders,
    // and the shorter core wins.
    let mut deepest_first: Vec<Item> = items.iter().copied().collect();
    deepest_first.reverse();
    let one = shrink(search, deepest_first)?;
    let other = shrink(search, items.into_iter().collect())?;
    // One that was cut short has all that was not tried yet, and the other was not tried at all.
    Ok(
        if (!other.minimal, other.items.len()) < (!one.minimal, one.items.len()) {
            other
        } else {
            one
        },
    )
}

fn shrink(search: &Search<'_, '_>, mut items: Vec<Item>) -> Result<Core, ResolveError> {
    let mut part = items.len().next_power_of_two().max(2) / 2;
    loop {
        let mut at = 0;
        while at < items.len() {
            let end = at.saturating_add(part).min(items.len());
            let without: BTreeSet<Item> = items
                .iter()
                .enumerate()
                .filter(|(i, _)| !(at..end).contains(i))
                .map(|(_, item)| *item)
                .collect();
            let outcome = match search.solve(Some(&without)) {
                Err(ResolveError::TooHard { .. }) => {
                    return Ok(Core {
                        items: items.into_iter().collect(),
                        minimal: false,
                    });
                }
                outcome => outcome?,
            };
            match outcome {
                Outcome::Found(_) => at = end,
                Outcome::Contradiction(seen) => {
                    // Items before `at` may go too, when this search did without them.
                    let before = items
                        .iter()
                        .take(at)
                        .filter(|item| seen.contains(item))
                        .count();
                    items.retain(|item| seen.contains(item));
                    at = before;
                }
            }
        }
        if part == 1 {
            return Ok(Core {
                items: items.into_iter().collect(),
                minimal: true,
            });
        }
        part /= 2;
    }
}
