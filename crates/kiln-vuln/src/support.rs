//! When the support of what is in an image ends: of its distribution, of others that have a root in
//! it, and of runtimes that were copied into it and that no distribution answers for.

use std::collections::BTreeMap;

use kiln_types::{
    Component, ComponentKind, DistributionFact, Inventory, Purl, Support, SupportFact,
};

use crate::EndOfLife;
use crate::ecosystem::{of_distribution, of_qualifier};

/// What a runtime is called in an image, and among the products of `endoflife.date`.
const PRODUCTS: [(&str, &str); 15] = [
    ("haproxy", "haproxy"),
    ("httpd", "apache-http-server"),
    ("mariadb", "mariadb"),
    ("memcached", "memcached"),
    ("mysql", "mysql"),
    ("nginx", "nginx"),
    ("node", "nodejs"),
    ("perl", "perl"),
    ("php", "php"),
    ("postgresql", "postgresql"),
    ("python", "python"),
    ("redis", "redis"),
    ("ruby", "ruby"),
    ("traefik", "traefik"),
    ("valkey", "valkey"),
];

/// A runtime that no package of the distribution owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime<'a> {
    /// The component.
    pub component: &'a Component,
    /// The product that its end is listed under.
    pub product: &'static str,
    /// The line that it belongs to, where the product has such a one.
    pub release: Option<&'a str>,
    /// The last day of the line's support (`2026-04-30`), where it is known.
    pub last_day: Option<String>,
    /// Whether the line is known and no day was named yet: it is supported.
    pub is_open_ended: bool,
}

/// The product and release that ends of support are listed under; none for a rolling distribution,
/// which has no releases that could end.
#[must_use]
pub fn distribution_release(distribution: &DistributionFact) -> Option<(String, String)> {
    let ecosystem = of_distribution(distribution);
    match ecosystem.as_deref().map(|name| name.split_once(':')) {
        Some(Some((product, release))) => Some((product.to_owned(), release.to_owned())),
        Some(None) => None,
        None => Some((
            distribution.id.clone(),
            distribution.version.clone().unwrap_or_default(),
        )),
    }
}

/// The last day of a distribution's support; none where no source knows it, or it has no end.
#[must_use]
pub fn last_day(
    distribution: &DistributionFact,
    ends: &[EndOfLife],
    support: Support,
) -> Option<String> {
    let (product, release) = distribution_release(distribution)?;
    last_of(&product, &release, ends, support)
}

fn last_of(product: &str, release: &str, ends: &[EndOfLife], support: Support) -> Option<String> {
    // Of several sources the one that is later knows of an extension.
    ends.iter()
        .filter(|end| end.product == product && end.release == release)
        .filter_map(|end| last(end, support))
        .max()
}

/// A distribution whose packages lie in an image beside those of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The distribution.
    pub product: String,
    /// Its release.
    pub release: String,
    /// The database that holds the first of its packages.
    pub place: Option<String>,
    /// The last day of its support, where it is known.
    pub last_day: Option<String>,
}

/// The distributions of which an image has packages besides its own, by what the package URLs say: of
/// roots inside it, or of a document that names none for the whole. One without releases has no end.
#[must_use]
pub fn others(inventory: &Inventory, ends: &[EndOfLife], support: Support) -> Vec<Other> {
    let own = inventory.distribution.as_ref();
    let own_release = own.and_then(distribution_release);
    let mut found: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    let mut before = None;
    for component in &inventory.components {
        let purl = component.purl.as_ref();
        let Some(purl) = purl.filter(|_| component.kind.is_system()) else {
            continue;
        };
        // Nearly all say the same.
        let said = (purl.namespace(), purl.qualifier("distro"));
        if said.1.is_some() && before.replace(said) == Some(said) {
            continue;
        }
        let Some(release) = release_named(purl) else {
            continue;
        };
        let is_own = Some(&release) == own_release.as_ref()
            || own.is_some_and(|own| spelled(own, purl.qualifier("distro")));
        if !is_own {
            let place = component.evidence.first();
            let place = place.map(|evidence| evidence.path.clone());
            found.entry(release).or_insert(place);
        }
    }
    found
        .into_iter()
        .map(|((product, release), place)| Other {
            last_day: last_of(&product, &release, ends, support),
            product,
            release,
            place,
        })
        .collect()
}

/// The release that a package URL names; none where it names none, or the distribution has none.
fn release_named(purl: &Purl) -> Option<(String, String)> {
    if let Some(ecosystem) = of_qualifier(purl) {
        let (product, release) = ecosystem.split_once(':')?;
        return Some((product.to_owned(), release.to_owned()));
    }
    // One that no advisories are read of. Names may have a dash, versions of such have none.
    let (product, release) = purl.qualifier("distro")?.rsplit_once('-')?;
    (!release.is_empty()).then(|| (product.to_owned(), release.to_owned()))
}

/// Whether a qualifier says of a package what the distribution says of itself.
fn spelled(own: &DistributionFact, qualifier: Option<&str>) -> bool {
    let Some(rest) = qualifier.and_then(|text| text.strip_prefix(&*own.id)) else {
        return false;
    };
    let said = rest.strip_prefix('-').unwrap_or(rest);
    said.is_empty() || [&own.version, &own.codename].contains(&&Some(said.to_owned()))
}

/// What is in an image and supported up to a day by somebody, as far as that is known: its
/// distribution first.
#[must_use]
pub fn facts(inventory: &Inventory, ends: &[EndOfLife], support: Support) -> Vec<SupportFact> {
    let own = inventory.distribution.as_ref().and_then(|own| {
        let (name, release) = distribution_release(own)?;
        Some(SupportFact {
            name: format!("{name} {release}").trim_end().to_owned(),
            place: None,
            last_day: last_day(own, ends, support)?,
        })
    });
    let others = others(inventory, ends, support).into_iter().map(|one| {
        Some(SupportFact {
            name: format!("{} {}", one.product, one.release),
            place: one.place,
            last_day: one.last_day?,
        })
    });
    let runtimes = runtimes(inventory, ends, support).into_iter().map(|one| {
        let place = one.component.evidence.first();
        Some(SupportFact {
            name: format!("{} {}", one.component.name, one.component.version),
            place: place.map(|evidence| evidence.path.clone()),
            last_day: one.last_day?,
        })
    });
    own.into_iter()
        .chain(others.flatten())
        .chain(runtimes.flatten())
        .collect()
}

fn last(end: &EndOfLife, support: Support) -> Option<String> {
    match support {
        Support::Regular => end.ends.clone(),
        Support::Extended => end.extended.clone().max(end.ends.clone()),
    }
}

/// The runtimes that somebody else than the distribution must support.
#[must_use]
pub fn runtimes<'a>(
    inventory: &'a Inventory,
    ends: &'a [EndOfLife],
    support: Support,
) -> Vec<Runtime<'a>> {
    inventory
        .components
        .iter()
        .filter(|component| component.kind == ComponentKind::Binary && component.owner.is_none())
        .filter_map(|component| {
            let product = product(component)?;
            let mut lines: Vec<&EndOfLife> = ends
                .iter()
                .filter(|end| end.product == product && is_of(&component.version, &end.release))
                .collect();
            // `3.10` is nearer to 3.10.2 than `3` is.
            lines.sort_by_key(|end| end.release.len());
            let line = lines.last();
            let last_day = line.and_then(|end| last(end, support));
            Some(Runtime {
                component,
                product,
                release: line.map(|end| end.release.as_str()),
                is_open_ended: line.is_some() && last_day.is_none(),
                last_day,
            })
        })
        .collect()
}

fn product(component: &Component) -> Option<&'static str> {
    PRODUCTS
        .iter()
        .find(|(name, _)| *name == component.name)
        .map(|(_, product)| *product)
}

/// Whether a version belongs to a line: `3.10.2` to `3.10` and to `3`, not to `3.1`.
fn is_of(version: &str, line: &str) -> bool {
    let version = version.strip_prefix('v').unwrap_or(version);
    let rest = version.strip_prefix(line);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(product: &str, release: &str, ends: Option<&str>, extended: Option<&str>) -> EndOfLife {
        EndOfLife {
            product: product.to_owned(),
            release: release.to_owned(),
            ends: ends.map(str::to_owned),
            extended: extended.map(str::to_owned),
        }
    }

    fn image(name: &str, version: &str) -> Inventory {
        Inventory {
            components: vec![Component::new(ComponentKind::Binary, name, version)],
            ..Inventory::default()
        }
    }

    #[test]
    fn a_runtime_belongs_to_the_nearest_line() {
        let ends = [
            end("python", "3.1", Some("2012-04-09"), None),
            end("python", "3.10", Some("2026-10-31"), None),
            end("nodejs", "20", Some("2026-04-30"), Some("2027-04-30")),
            end("nginx", "1.29", None, None),
        ];
        for (name, version, line, day) in [
            ("python", "3.10.2", Some("3.10"), Some("2026-10-31")),
            ("python", "3.1rc1", Some("3.1"), Some("2012-04-09")),
            ("python", "3.11.0", None, None),
            ("node", "v20.11.1", Some("20"), Some("2027-04-30")),
            ("node", "2.0.0", None, None),
            ("nginx", "1.29.3", Some("1.29"), None),
        ] {
            let inventory = image(name, version);
            let found = runtimes(&inventory, &ends, Support::Extended);
            assert_eq!(found[0].release, line, "{name} {version}");
            assert_eq!(found[0].last_day.as_deref(), day, "{name} {version}");
            assert_eq!(found[0].is_open_ended, line.is_some() && day.is_none());
        }
        let inventory = image("node", "20.1.0");
        let regular = runtimes(&inventory, &ends, Support::Regular);
        assert_eq!(regular[0].last_day.as_deref(), Some("2026-04-30"));
    }

    #[test]
    fn the_distribution_answers_for_what_it_packages() {
        let mut inventory = image("node", "20.1.0");
        inventory.components[0].owner = Some(kiln_types::ComponentId(0));
        assert_eq!(runtimes(&inventory, &[], Support::Regular), []);
        assert_eq!(runtimes(&image("jq", "1.7"), &[], Support::Regular), []);
    }
}
