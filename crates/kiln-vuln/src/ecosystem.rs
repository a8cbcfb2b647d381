//! Ecosystems: how they are named here, in OSV and for components, and which order their versions have.

use kiln_types::{Component, ComponentKind, DistributionFact};

use crate::version::Scheme;

/// The order of versions of an ecosystem; none for one that kiln cannot match.
#[must_use]
pub fn scheme_of(ecosystem: &str) -> Option<Scheme> {
    let name = ecosystem.split(':').next().unwrap_or(ecosystem);
    Some(match name {
        "debian" | "ubuntu" | "echo" => Scheme::Deb,
        "alpine" | "wolfi" | "chainguard" | "minimos" | "alpaquita" | "postmarketos" => Scheme::Apk,
        "npm" | "cargo" => Scheme::Semver,
        "go" => Scheme::Go,
        "pypi" => Scheme::Pep440,
        "maven" => Scheme::Maven,
        "gem" => Scheme::Gem,
        "composer" => Scheme::Packagist,
        "nuget" => Scheme::Nuget,
        "bitnami" => Scheme::Bitnami,
        "pub" => Scheme::Pub,
        "cran" => Scheme::Cran,
        "hackage" => Scheme::Hackage,
        _ => return None,
    })
}

/// Our name for an ecosystem of OSV (`Debian:13`, `Alpine:v3.20`); none for one that
/// kiln cannot match.
#[must_use]
pub fn of_osv(name: &str) -> Option<String> {
    let (head, release) = match name.split_once(':') {
        None => (name, None),
        Some((head, release)) => (head, Some(release)),
    };
    // Named after the registry, whose address stands nowhere here.
    if head == concat!("crates", ".io") {
        return Some("cargo".to_owned());
    }
    Some(match (head, release) {
        ("npm", _) => "npm".to_owned(),
        ("PyPI", _) => "pypi".to_owned(),
        ("Go", _) => "go".to_owned(),
        // `Maven:https://…` is a repository of its own with the same coordinates.
        ("Maven", _) => "maven".to_owned(),
        ("RubyGems", _) => "gem".to_owned(),
        ("Packagist", _) => "composer".to_owned(),
        ("NuGet", _) => "nuget".to_owned(),
        ("Bitnami", _) => "bitnami".to_owned(),
        ("Pub", _) => "pub".to_owned(),
        ("CRAN", _) => "cran".to_owned(),
        ("Hackage", _) => "hackage".to_owned(),
        ("Wolfi", _) => "wolfi".to_owned(),
        ("Chainguard", _) => "chainguard".to_owned(),
        ("MinimOS", _) => "minimos".to_owned(),
        ("Debian", Some(release)) => format!("debian:{release}"),
        ("Alpine", Some(release)) => {
            format!("alpine:{}", release.strip_prefix('v').unwrap_or(release))
        }
        ("Alpaquita", Some(release)) => format!("alpaquita:{release}"),
        // `Ubuntu:22.04:LTS`; what only a subscription gets (`Ubuntu:Pro:…`) is no fix for others.
        ("Ubuntu", Some(release)) if !release.starts_with("Pro") => {
            format!("ubuntu:{}", release.split(':').next().unwrap_or(release))
        }
        _ => return None,
    })
}

/// The name of a package as advisories are kept under it.
#[must_use]
pub fn package_key(ecosystem: &str, name: &str) -> String {
    match ecosystem {
        // PEP 503.
        "pypi" => {
            let mut out = String::with_capacity(name.len());
            for character in name.chars() {
                if matches!(character, '-' | '_' | '.') {
                    if !out.ends_with('-') {
                        out.push('-');
                    }
                } else {
                    out.extend(character.to_lowercase());
                }
            }
            out
        }
        "composer" | "nuget" => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

/// What to ask about a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The advisories.
    pub ecosystem: String,
    /// The package, as they key it.
    pub package: String,
    /// The version to compare.
    pub version: String,
}

/// Why a component cannot be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unasked {
    /// It has no version.
    NoVersion,
    /// No advisories speak of its kind.
    NoAdvisories,
    /// It is of a distribution, and which one is not known.
    NoDistribution,
    /// It is an artifact of Maven's without its group, by which advisories name it.
    NoGroup,
}

/// The question for a component in an image of this distribution.
///
/// # Errors
/// Why there is none.
pub fn question(
    component: &Component,
    distribution: Option<&DistributionFact>,
) -> Result<Question, Unasked> {
    if component.version.is_empty() {
        return Err(Unasked::NoVersion);
    }
    let ecosystem = match component.kind {
        // What kiln itself puts into images is in the form of a distribution and none of its packages.
        ComponentKind::Deb
            if component.name == "kiln-start"
                && component
                    .purl
                    .as_ref()
                    .is_some_and(|purl| purl.namespace() == Some("kiln")) =>
        {
            return Err(Unasked::NoAdvisories);
        }
        ComponentKind::Deb | ComponentKind::Apk => {
            let of_purl = component.purl.as_ref().and_then(of_qualifier);
            // What a package URL says of another distribution the one around it does not answer.
            let around = distribution.filter(|around| {
                let named = component.purl.as_ref().and_then(distribution_named);
                named.is_none_or(|named| named.eq_ignore_ascii_case(&around.id))
            });
            let ecosystem = of_purl
                .or_else(|| around.and_then(of_distribution))
                .ok_or(Unasked::NoDistribution)?;
            // A package of another format than the distribution's is known to none of its advisories,
            // which is not the same as being free of them.
            let id = ecosystem.split(':').next().unwrap_or_default();
            let is_deb = matches!(id, "debian" | "ubuntu");
            if is_deb != (component.kind == ComponentKind::Deb) {
                return Err(Unasked::NoDistribution);
            }
            ecosystem
        }
        ComponentKind::Npm => "npm".to_owned(),
        ComponentKind::Pypi => "pypi".to_owned(),
        ComponentKind::Golang => "go".to_owned(),
        ComponentKind::Cargo => "cargo".to_owned(),
        ComponentKind::Maven if component.name.contains(':') => "maven".to_owned(),
        ComponentKind::Maven => return Err(Unasked::NoGroup),
        ComponentKind::Gem => "gem".to_owned(),
        ComponentKind::Composer => "composer".to_owned(),
        ComponentKind::Nuget => "nuget".to_owned(),
        _ => return Err(Unasked::NoAdvisories),
    };
    let (name, version) = if component.kind.is_system() {
        (component.source_name(), component.source_version())
    } else {
        (component.name.as_str(), component.version.as_str())
    };
    Ok(Question {
        package: package_key(&ecosystem, name),
        version: version.to_owned(),
        ecosystem,
    })
}

/// The ecosystem of a distribution (`debian:13`, `wolfi`); none where its release is not known.
#[must_use]
pub fn of_distribution(distribution: &DistributionFact) -> Option<String> {
    let version = distribution.version.as_deref().unwrap_or_default();
    let codename = distribution.codename.as_deref().unwrap_or_default();
    // Derivatives have packages of their own: `ID_LIKE` is not enough to match by.
    release_of(&distribution.id, version, codename).map(|found| {
        match (distribution.id.as_str(), &distribution.pretty_name) {
            ("alpine", Some(name)) if name.contains("edge") => "alpine:edge".to_owned(),
            _ => found,
        }
    })
}

fn release_of(id: &str, version: &str, codename: &str) -> Option<String> {
    let major = version.split('.').next().unwrap_or(version);
    match id {
        "wolfi" | "chainguard" | "minimos" => Some(id.to_owned()),
        "debian" => {
            let by_name = || {
                let name = codename.split('/').next_back().unwrap_or(codename);
                crate::feed::debian_release(name).map(|release| format!("debian:{release}"))
            };
            match major {
                "" => by_name(),
                _ if super::version::is_number(major) => Some(format!("debian:{major}")),
                // A codename or a suite where a version should be.
                "sid" | "unstable" => Some("debian:unstable".to_owned()),
                name => {
                    crate::feed::debian_release(name).map(|release| format!("debian:{release}"))
                }
            }
        }
        "ubuntu" if !version.is_empty() => Some(format!("ubuntu:{version}")),
        "alpine" | "alpaquita" | "postmarketos" => {
            if version.contains("_alpha") || version == "edge" {
                return Some(format!("{id}:edge"));
            }
            let mut parts = version.trim_start_matches('v').split('.');
            let (major, minor) = (parts.next()?, parts.next()?);
            (super::version::is_number(major) && super::version::is_number(minor))
                .then(|| format!("{id}:{major}.{minor}"))
        }
        _ => None,
    }
}

/// The distribution that a package URL names, be it one that kiln knows or not.
fn distribution_named(purl: &kiln_types::Purl) -> Option<&str> {
    let distro = purl.qualifier("distro").and_then(|distro| {
        // `distro=trixie` and `distro=13.7` name a release alone.
        let (id, _) = distro.split_once('-')?;
        Some(id)
    });
    distro
        .or_else(|| purl.qualifier("os_name"))
        .or_else(|| purl.namespace())
}

/// The distribution as a package URL says it: `distro=debian-13.7`, or `os_name` and `os_version`.
pub(crate) fn of_qualifier(purl: &kiln_types::Purl) -> Option<String> {
    let namespace = purl.namespace().unwrap_or_default();
    if let Some(distro) = purl.qualifier("distro") {
        let (id, version) = distro.split_once('-').unwrap_or((namespace, distro));
        return release_of(id, version, version);
    }
    let version = purl.qualifier("os_version").unwrap_or_default();
    let codename = purl.qualifier("os_distro").unwrap_or_default();
    let name = purl.qualifier("os_name").unwrap_or(namespace);
    if version.is_empty() && codename.is_empty() {
        return None;
    }
    release_of(name, version, codename)
}
