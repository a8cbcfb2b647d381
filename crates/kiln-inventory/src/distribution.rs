//! Which distribution an image is of, and the package URLs of its packages.

use std::collections::BTreeMap;

use kiln_types::{Component, ComponentKind, DistributionFact, Purl};

use crate::assemble::text;
use crate::tree::Tree;

/// What a root is of that does not say it: a distribution of which nobody has data.
const UNKNOWN: &str = "unknown";

/// os-release(5): `/etc/os-release`, and where that is missing `/usr/lib/os-release`.
pub(crate) fn distribution(tree: &Tree<'_>) -> Option<DistributionFact> {
    released(tree, "")
}

/// The distribution of another root inside the image, whose folder ends with a slash. What that root
/// does not say of itself is not known: the packages of one distribution are never held against the
/// advisories of another.
pub(crate) fn distribution_below(tree: &Tree<'_>, root: &str) -> DistributionFact {
    released(tree, root).unwrap_or_else(|| DistributionFact {
        id: UNKNOWN.to_owned(),
        ..DistributionFact::default()
    })
}

fn released(tree: &Tree<'_>, root: &str) -> Option<DistributionFact> {
    // An absolute link in another root leads into this one, whose word does not count there.
    let own = |path: &str| {
        let path = format!("{root}{path}");
        let (real, _, _) = tree.resolve(&path)?;
        text(tree, &real).filter(|_| real.starts_with(root))
    };
    let release = own("etc/os-release").or_else(|| own("usr/lib/os-release"))?;
    let mut fields = BTreeMap::new();
    for line in release.lines() {
        let line = line.trim();
        if let Some((name, value)) = line.split_once('=')
            && !name.starts_with('#')
        {
            fields.insert(name.trim(), unquoted(value.trim()));
        }
    }
    let mut field = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
    let id = field("ID")?.to_lowercase();
    let codename = field("VERSION_CODENAME").or_else(|| {
        // testing and unstable: `forky/sid`.
        let version = own("etc/debian_version")?.trim().to_owned();
        let is_name = id == "debian" && version.starts_with(|letter: char| letter.is_alphabetic());
        is_name.then_some(version)
    });
    Some(DistributionFact {
        id_like: field("ID_LIKE")
            .map(|like| {
                like.split_ascii_whitespace()
                    .map(str::to_lowercase)
                    .collect()
            })
            .unwrap_or_default(),
        version: field("VERSION_ID"),
        codename,
        pretty_name: field("PRETTY_NAME"),
        id,
    })
}

/// A value of os-release: as a shell would read it.
fn unquoted(value: &str) -> String {
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    let mut text = String::new();
    let mut letters = inner.unwrap_or(value).chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if !value.starts_with('\'') => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// Whether it is the start program that kiln puts into images: a package in the form of the
/// distribution, and none of its packages. No advisory of the distribution speaks of it.
fn is_own(component: &Component) -> bool {
    component.kind == ComponentKind::Deb
        && component.name == "kiln-start"
        && component.supplier.as_deref() == Some("kiln")
}

/// A distribution and its release, as package URLs name them: `debian-13`.
pub(crate) fn named(distribution: &DistributionFact) -> String {
    let id = &distribution.id;
    match (&distribution.version, &distribution.codename) {
        (Some(version), _) => format!("{id}-{version}"),
        (None, Some(codename)) => format!("{id}-{codename}"),
        (None, None) => id.clone(),
    }
}

/// The package URL of a distribution's package: architecture and distribution as qualifiers.
pub(crate) fn system_purl(
    component: &Component,
    distribution: Option<&DistributionFact>,
    usual: &str,
) -> Option<Purl> {
    if is_own(component) {
        let purl = Purl::new(
            component.kind.as_str(),
            Some("kiln"),
            &component.name,
            Some(&component.version),
        )
        .ok()?;
        return match &component.architecture {
            Some(architecture) => purl.with("arch", architecture).ok(),
            None => Some(purl),
        };
    }
    let id = distribution.map_or(usual, |distribution| distribution.id.as_str());
    let mut purl = Purl::new(
        component.kind.as_str(),
        Some(id),
        &component.name,
        Some(&component.version),
    )
    .ok()?;
    if let Some(architecture) = &component.architecture {
        purl = purl.with("arch", architecture).ok()?;
    }
    if let Some(distribution) = distribution {
        purl = purl.with("distro", &named(distribution)).ok()?;
    }
    Some(purl)
}

/// The package URL of a package of rpm: the epoch is a qualifier, the source package a file name.
pub(crate) fn rpm_purl(
    component: &Component,
    distribution: Option<&DistributionFact>,
) -> Option<Purl> {
    let id = distribution.map_or("", |distribution| distribution.id.as_str());
    // As the registry of package URLs names these vendors.
    let namespace = match id {
        "rhel" => "redhat",
        id if id.starts_with("opensuse") => "opensuse",
        id => id,
    };
    let (epoch, version) = match component.version.split_once(':') {
        Some((epoch, version)) => (Some(epoch), version),
        None => (None, component.version.as_str()),
    };
    let namespace = (!namespace.is_empty()).then_some(namespace);
    let mut purl = Purl::new("rpm", namespace, &component.name, Some(version)).ok()?;
    let distro = distribution.map(|distribution| match &distribution.version {
        Some(version) => format!("{id}-{version}"),
        None => id.to_owned(),
    });
    let upstream = component.properties.get("rpm-source").cloned();
    for (name, value) in [
        ("arch", component.architecture.clone()),
        ("distro", distro),
        ("epoch", epoch.map(str::to_owned)),
        ("upstream", upstream),
    ] {
        if let Some(value) = value {
            purl = purl.with(name, &value).ok()?;
        }
    }
    Some(purl)
}
