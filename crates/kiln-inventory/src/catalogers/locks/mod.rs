//! Lock files of projects: what a build of a directory would use. In an image they are no evidence
//! that anything is there, so they are read of a directory only (`dir:`).
//!
//! What a lock marks as needed only to develop is left out, as it is of what gets built.

mod json;
mod lines;

use kiln_types::{ComponentKind, EvidenceKind};

use super::{Cataloged, component, is_sane};
use crate::node::Found;
use crate::path::name;

/// Components of one lock.
const MOST: usize = 100_000;

/// A lock file of some ecosystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// `package-lock.json`, `npm-shrinkwrap.json`.
    Npm,
    /// `yarn.lock`, of the first version and since.
    Yarn,
    /// `pnpm-lock.yaml`.
    Pnpm,
    /// `requirements.txt` and its like, as far as it pins.
    Requirements,
    /// `poetry.lock`, `uv.lock`.
    Python,
    /// `Pipfile.lock`.
    Pipfile,
    /// `Cargo.lock`.
    Cargo,
    /// `go.mod`.
    Go,
    /// `Gemfile.lock`.
    Gem,
    /// `composer.lock`.
    Composer,
    /// `packages.lock.json`.
    Nuget,
    /// `gradle.lockfile`.
    Gradle,
}

/// The kind of lock that a file of this name is.
pub(crate) fn kind(path: &str) -> Option<Lock> {
    let base = name(path);
    Some(match base {
        "package-lock.json" | "npm-shrinkwrap.json" => Lock::Npm,
        "yarn.lock" => Lock::Yarn,
        "pnpm-lock.yaml" => Lock::Pnpm,
        "poetry.lock" | "uv.lock" => Lock::Python,
        "Pipfile.lock" => Lock::Pipfile,
        "Cargo.lock" => Lock::Cargo,
        "go.mod" => Lock::Go,
        "Gemfile.lock" => Lock::Gem,
        "composer.lock" => Lock::Composer,
        "packages.lock.json" => Lock::Nuget,
        "gradle.lockfile" => Lock::Gradle,
        _ if base.contains("requirements") && base.ends_with(".txt") => Lock::Requirements,
        _ => return None,
    })
}

/// The components of a lock.
pub(crate) fn components(lock: Lock, bytes: &[u8]) -> Cataloged {
    let mut list = List::default();
    let text = String::from_utf8_lossy(bytes);
    match lock {
        Lock::Npm => json::npm(bytes, &mut list)?,
        Lock::Pipfile => json::pipfile(bytes, &mut list)?,
        Lock::Composer => json::composer(bytes, &mut list)?,
        Lock::Nuget => json::nuget(bytes, &mut list)?,
        Lock::Yarn => lines::yarn(&text, &mut list),
        Lock::Pnpm => lines::pnpm(&text, &mut list),
        Lock::Requirements => lines::requirements(&text, &mut list),
        Lock::Python => lines::packages(&text, ComponentKind::Pypi, &mut list),
        Lock::Cargo => lines::packages(&text, ComponentKind::Cargo, &mut list),
        Lock::Go => lines::go(&text, &mut list),
        Lock::Gem => lines::gem(&text, &mut list),
        Lock::Gradle => lines::gradle(&text, &mut list),
    }
    match list.is_full {
        true => Err(format!("it lists more than {MOST} components")),
        false => Ok(list.found),
    }
}

/// Takes in components.
#[derive(Default)]
struct List {
    found: Vec<Found>,
    is_full: bool,
}

impl List {
    fn add(&mut self, kind: ComponentKind, full: &str, version: &str) {
        if !is_sane(full) || !is_sane(version) {
            return;
        }
        if self.found.len() >= MOST {
            self.is_full = true;
            return;
        }
        let separator = match kind {
            ComponentKind::Maven => ':',
            _ => '/',
        };
        let (namespace, name) = match kind {
            ComponentKind::Npm
            | ComponentKind::Golang
            | ComponentKind::Composer
            | ComponentKind::Maven => match full.rsplit_once(separator) {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, full),
            },
            _ => (None, full),
        };
        let component = component(kind, namespace, name, full, version);
        self.found
            .push(Found::new(component, EvidenceKind::Document));
    }
}

#[cfg(test)]
mod tests;
