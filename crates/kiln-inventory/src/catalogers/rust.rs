//! Rust: the list of crates that `cargo auditable` links into a program as zlib-compressed JSON
//! (rust-secure-code/cargo-auditable, `PARSING.md`). It is found by what it begins with, so that no
//! section table is needed.

use kiln_types::{ComponentKind, EvidenceKind};
use serde::Deserialize;

use super::{Cataloged, component, is_sane};
use crate::node::Found;

/// What the content begins with.
pub(crate) const START: &[u8] = b"{\"packages\":[";
pub(crate) const FIRST: u8 = b'{';
/// Bytes of the compressed list, and of the list.
pub(crate) const LONGEST: usize = 4 << 20;
const UNPACKED: u64 = 32 << 20;

#[derive(Deserialize)]
struct Document {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    source: String,
    kind: Option<String>,
    #[serde(default)]
    root: bool,
}

/// The crates of a program whose compressed list begins `bytes`.
pub(crate) fn crates(bytes: &[u8]) -> Cataloged {
    let json = kiln_archive::inflate::zlib(bytes, UNPACKED).map_err(|error| error.to_string())?;
    let document: Document = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    Ok(document
        .packages
        .into_iter()
        // What only the build needed is not in the program.
        .filter(|package| package.kind.as_deref() != Some("build"))
        .filter(|package| is_sane(&package.name) && is_sane(&package.version))
        .map(|package| {
            let name = &package.name;
            let mut component = component(ComponentKind::Cargo, None, name, name, &package.version);
            let properties = &mut component.properties;
            if package.root {
                properties.insert("cargo-root".to_owned(), "true".to_owned());
            }
            // All other sources are the public registry.
            if matches!(package.source.as_str(), "git" | "local" | "registry") {
                properties.insert("cargo-source".to_owned(), package.source);
            }
            Found::new(component, EvidenceKind::BuildInformation)
        })
        .collect())
}
