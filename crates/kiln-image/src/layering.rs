//! Which packages share a layer.
//!
//! Two costs pull against each other. A layer that two images have in common is stored and pulled
//! once, so common packages belong in layers of their own; a layer must be pulled again when any
//! package in it changes, so things that change often, or at different times, belong apart. And
//! engines pay for each layer, so there are at most [`LAYER_BUDGET`].
//!
//! The packing, from the bottom of the image up:
//!
//! 1. the **foundation**: the groups that the distribution names (base files, the C library, the
//!    TLS libraries …), one layer each, whatever the image, so that all images share them;
//! 2. the **heavy** sources: of the remaining source packages, the largest get a layer each. They
//!    are the same in every image that holds them, and a change of another package does not make
//!    anybody pull them again;
//! 3. the **rest**: everything small, together;
//! 4. the **own** layer: the source package whose version names the image's tags, because it is
//!    what changes with each release;
//! 5. the **glue**: the files that kiln makes (made by the caller, not packed here).
//!
//! The packing depends on names and sizes only, never on order, so equal inputs give equal layers.

use std::collections::{BTreeMap, BTreeSet};

/// The most layers an image has, the glue layer included.
pub const LAYER_BUDGET: usize = 12;

/// A source package smaller than this (raw bytes) never gets a layer of its own.
const HEAVY: u64 = 2 << 20;

/// How the packages of an image become layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layering {
    /// Shared: as this module describes.
    #[default]
    Shared,
    /// Everything in one layer.
    Single,
    /// One layer for each package, as far as the engines' limit of layers allows.
    Package,
}

/// The engines' limit is 127 layers; one is the glue, and derived images want some.
const PACKAGE_BUDGET: usize = 100;

/// What the packing needs to know of a package.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    /// The binary package's name.
    pub name: &'a str,
    /// The source package's name.
    pub source: &'a str,
    /// The raw size of its fragment in bytes.
    pub size: u64,
}

/// One layer: what it is for, and the indexes of its items, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerGroup {
    /// A short name for the image's history: `base-files …`, `openssl`, `rest`.
    pub title: String,
    /// Indexes into the items.
    pub items: Vec<usize>,
}

/// Packs items into layers, bottom first. The glue layer is not among them, but counted.
#[must_use]
pub(crate) fn pack(
    layering: Layering,
    items: &[Item<'_>],
    foundation: &[BTreeSet<String>],
    own: Option<&str>,
) -> Vec<LayerGroup> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|&index| items[index].name);
    match layering {
        Layering::Single => vec![LayerGroup {
            title: "packages".to_owned(),
            items: order,
        }],
        Layering::Package => pack_each(items, order),
        Layering::Shared => pack_shared(items, order, foundation, own),
    }
    .into_iter()
    .filter(|group| !group.items.is_empty())
    .collect()
}

fn pack_each(items: &[Item<'_>], order: Vec<usize>) -> Vec<LayerGroup> {
    let mut by_size = order.clone();
    by_size.sort_by_key(|&index| (std::cmp::Reverse(items[index].size), items[index].name));
    let alone: BTreeSet<usize> = by_size.into_iter().take(PACKAGE_BUDGET - 2).collect();
    let (own, rest): (Vec<_>, Vec<_>) = order.into_iter().partition(|index| alone.contains(index));
    let mut groups = vec![LayerGroup {
        title: "rest".to_owned(),
        items: rest,
    }];
    groups.extend(own.into_iter().map(|index| LayerGroup {
        title: items[index].name.to_owned(),
        items: vec![index],
    }));
    groups
}

fn pack_shared(
    items: &[Item<'_>],
    order: Vec<usize>,
    foundation: &[BTreeSet<String>],
    own: Option<&str>,
) -> Vec<LayerGroup> {
    // Glue, rest and own layers are always set aside.
    let foundation_budget = LAYER_BUDGET - 4;
    let mut groups: Vec<LayerGroup> = foundation
        .iter()
        .take(foundation_budget)
        .map(|_| LayerGroup {
            title: String::new(),
            items: Vec::new(),
        })
        .collect();
    let mut sources: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for index in order {
        let item = &items[index];
        match foundation
            .iter()
            .take(foundation_budget)
            .position(|names| names.contains(item.name))
        {
            Some(group) => groups[group].items.push(index),
            None => sources.entry(item.source).or_default().push(index),
        }
    }
    groups.retain(|group| !group.items.is_empty());
    for group in &mut groups {
        let largest = group
            .items
            .iter()
            .max_by_key(|&&index| (items[index].size, items[index].name));
        group.title = largest
            .map(|&index| items[index].name.to_owned())
            .unwrap_or_default();
    }
    let own_source = own
        .and_then(|own| items.iter().find(|item| item.name == own))
        .map(|item| item.source);
    let own_items = own_source
        .and_then(|source| sources.remove(source))
        .unwrap_or_default();

    let mut heavy: Vec<(u64, &str)> = sources
        .iter()
        .map(|(source, indexes)| {
            (
                indexes.iter().map(|&index| items[index].size).sum(),
                *source,
            )
        })
        .filter(|(size, _)| *size >= HEAVY)
        .collect();
    heavy.sort_by_key(|&(size, source)| (std::cmp::Reverse(size), source));
    heavy.truncate(LAYER_BUDGET.saturating_sub(groups.len() + 3));
    heavy.sort_by_key(|&(_, source)| source);
    for (_, source) in heavy {
        let items = sources.remove(source).unwrap_or_default();
        groups.push(LayerGroup {
            title: source.to_owned(),
            items,
        });
    }
    let mut rest: Vec<usize> = sources.into_values().flatten().collect();
    rest.sort_by_key(|&index| items[index].name);
    groups.push(LayerGroup {
        title: "libraries".to_owned(),
        items: rest,
    });
    groups.push(LayerGroup {
        title: own_source.unwrap_or_default().to_owned(),
        items: own_items,
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn items() -> Vec<Item<'static>> {
        vec![
            Item {
                name: "nginx",
                source: "nginx",
                size: MIB,
            },
            Item {
                name: "libc6",
                source: "glibc",
                size: 10 * MIB,
            },
            Item {
                name: "base-files",
                source: "base-files",
                size: 1000,
            },
            Item {
                name: "libssl3t64",
                source: "openssl",
                size: 8 * MIB,
            },
            Item {
                name: "libpcre2-8-0",
                source: "pcre2",
                size: MIB / 2,
            },
            Item {
                name: "libicu76",
                source: "icu",
                size: 30 * MIB,
            },
            Item {
                name: "nginx-common",
                source: "nginx",
                size: 1000,
            },
        ]
    }

    fn named(groups: &[LayerGroup], items: &[Item<'_>]) -> Vec<(String, Vec<String>)> {
        groups
            .iter()
            .map(|group| {
                let names = group
                    .items
                    .iter()
                    .map(|&index| items[index].name.to_owned())
                    .collect();
                (group.title.clone(), names)
            })
            .collect()
    }

    fn foundation() -> Vec<BTreeSet<String>> {
        vec![
            ["base-files".to_owned()].into(),
            ["libc6".to_owned(), "libgcc-s1".to_owned()].into(),
        ]
    }

    #[test]
    fn foundation_then_heavy_then_rest_then_own() {
        let items = items();
        let groups = pack(Layering::Shared, &items, &foundation(), Some("nginx"));
        let expected = [
            ("base-files", vec!["base-files"]),
            ("libc6", vec!["libc6"]),
            ("icu", vec!["libicu76"]),
            ("openssl", vec!["libssl3t64"]),
            ("libraries", vec!["libpcre2-8-0"]),
            ("nginx", vec!["nginx", "nginx-common"]),
        ];
        let expected: Vec<(String, Vec<String>)> = expected
            .into_iter()
            .map(|(title, names)| {
                (
                    title.to_owned(),
                    names.into_iter().map(str::to_owned).collect(),
                )
            })
            .collect();
        assert_eq!(named(&groups, &items), expected);
    }

    #[test]
    fn order_of_items_does_not_matter() {
        let mut items = items();
        let groups = pack(Layering::Shared, &items, &foundation(), Some("nginx"));
        let before = named(&groups, &items);
        items.reverse();
        let groups = pack(Layering::Shared, &items, &foundation(), Some("nginx"));
        assert_eq!(named(&groups, &items), before);
    }

    #[test]
    fn never_more_layers_than_the_budget_and_every_item_once() {
        let names: Vec<String> = (0..400).map(|number| format!("p{number}")).collect();
        let items: Vec<Item<'_>> = names
            .iter()
            .map(|name| Item {
                name,
                source: name,
                size: 3 * MIB,
            })
            .collect();
        let foundation: Vec<BTreeSet<String>> = names[..20]
            .iter()
            .map(|name| [name.clone()].into())
            .collect();
        for (layering, most) in [
            (Layering::Shared, LAYER_BUDGET - 1),
            (Layering::Single, 1),
            (Layering::Package, PACKAGE_BUDGET - 1),
        ] {
            let groups = pack(layering, &items, &foundation, Some("p300"));
            assert!(groups.len() <= most, "{layering:?}: {}", groups.len());
            let mut all: Vec<usize> = groups.into_iter().flat_map(|group| group.items).collect();
            all.sort_unstable();
            assert_eq!(all, (0..400).collect::<Vec<_>>());
        }
    }
}
