//! Locks that are JSON.

use std::collections::BTreeMap;

use kiln_types::ComponentKind;
use serde::Deserialize;

use super::List;

fn parsed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct NpmLock {
    /// By place in the tree (`node_modules/a/node_modules/b`), since version 2.
    packages: Option<BTreeMap<String, NpmPackage>>,
    /// By name, nested, until version 2.
    #[serde(default)]
    dependencies: BTreeMap<String, NpmDependency>,
}

#[derive(Deserialize)]
struct NpmPackage {
    /// Where it differs from the place: an alias.
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dev: bool,
}

#[derive(Deserialize)]
struct NpmDependency {
    version: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, NpmDependency>,
}

pub(super) fn npm(bytes: &[u8], list: &mut List) -> Result<(), String> {
    let lock: NpmLock = parsed(bytes)?;
    let Some(packages) = lock.packages else {
        nested(&lock.dependencies, list);
        return Ok(());
    };
    for (place, package) in &packages {
        // The project itself and its workspaces lie outside of `node_modules`.
        let Some((_, name)) = place.rsplit_once("node_modules/") else {
            continue;
        };
        if package.link || package.dev {
            continue;
        }
        let name = package.name.as_deref().unwrap_or(name);
        let version = package.version.as_deref().unwrap_or_default();
        list.add(ComponentKind::Npm, name, version);
    }
    Ok(())
}

/// Serde's limit on depth bounds this recursion.
fn nested(dependencies: &BTreeMap<String, NpmDependency>, list: &mut List) {
    for (name, dependency) in dependencies {
        let version = dependency.version.as_deref().unwrap_or_default();
        // `npm:other@1.0`, an alias; addresses of archives and repositories are no versions.
        let (name, version) = match version.strip_prefix("npm:") {
            Some(alias) => alias.rsplit_once('@').unwrap_or((name, "")),
            None => (name.as_str(), version),
        };
        if !dependency.dev && !version.contains([':', '/']) {
            list.add(ComponentKind::Npm, name, version);
        }
        nested(&dependency.dependencies, list);
    }
}

#[derive(Deserialize)]
struct Pipfile {
    #[serde(default)]
    default: BTreeMap<String, Pinned>,
}

#[derive(Deserialize)]
struct Pinned {
    version: Option<String>,
}

pub(super) fn pipfile(bytes: &[u8], list: &mut List) -> Result<(), String> {
    let lock: Pipfile = parsed(bytes)?;
    for (name, pinned) in &lock.default {
        let version = pinned.version.as_deref().unwrap_or_default();
        list.add(ComponentKind::Pypi, name, version.trim_start_matches('='));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Composer {
    #[serde(default)]
    packages: Vec<ComposerPackage>,
}

#[derive(Deserialize)]
struct ComposerPackage {
    name: String,
    version: String,
}

pub(super) fn composer(bytes: &[u8], list: &mut List) -> Result<(), String> {
    let lock: Composer = parsed(bytes)?;
    for package in &lock.packages {
        list.add(ComponentKind::Composer, &package.name, &package.version);
    }
    Ok(())
}

#[derive(Deserialize)]
struct Nuget {
    #[serde(default)]
    dependencies: BTreeMap<String, BTreeMap<String, NugetPackage>>,
}

#[derive(Deserialize)]
struct NugetPackage {
    #[serde(rename = "type")]
    kind: String,
    resolved: Option<String>,
}

pub(super) fn nuget(bytes: &[u8], list: &mut List) -> Result<(), String> {
    let lock: Nuget = parsed(bytes)?;
    for (name, package) in lock.dependencies.values().flatten() {
        if package.kind != "Project" {
            let version = package.resolved.as_deref().unwrap_or_default();
            list.add(ComponentKind::Nuget, name, version);
        }
    }
    Ok(())
}
