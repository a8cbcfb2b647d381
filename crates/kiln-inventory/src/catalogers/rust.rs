//! Rust: the list of crates that `cargo auditable` links into a program as zlib-compressed JSON
//! (rust-secure-code/cargo-auditable, `PARSING.md`). It is found by what it begins with, so that no
//! section table is needed.

use kiln_types::{ComponentKind, EvidenceKind};
use serde::Deserialize;

use super::{Cataloged, component, is_sane};
use crate::node::Found;

/// What the content begins with.
pub(crate) const FIRST: u8 = b'{';
/// Bytes of the content that are looked at to know it.
pub(crate) const BEGIN: usize = 256;
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

/// Whether these first bytes are those of a list: `packages` is its first field, or the second behind
/// the number of the format; blanks count for nothing.
pub(crate) fn is_list(begin: &[u8]) -> bool {
    let mut rest = begin.trim_ascii_start();
    let known: [&[&[u8]]; 2] = [
        &[b"{", b"\"packages\"", b":", b"["],
        &[
            b"{",
            b"\"format\"",
            b":",
            b"0",
            b",",
            b"\"packages\"",
            b":",
            b"[",
        ],
    ];
    let first = rest;
    known.iter().any(|words| {
        rest = first;
        words.iter().all(|word| {
            let after = match *word {
                b"0" => {
                    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    rest.get(digits..).filter(|_| digits > 0)
                }
                word => rest.strip_prefix(word),
            };
            // What begins with more blanks than are looked at may be one.
            let is_cut = rest.is_empty() && begin.len() == BEGIN;
            rest = after.unwrap_or_default().trim_ascii_start();
            after.is_some() || is_cut
        })
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_their_begin() {
        let blanks = format!("{{\n{}", " ".repeat(BEGIN - 2));
        for (begin, is_one) in [
            (r#"{"packages":[]}"#, true),
            ("{\n \"packages\": [\n", true),
            (r#"{"format":1,"packages":[{"#, true),
            ("{ \"format\" : 12 ,\n\"packages\" : [", true),
            (blanks.as_str(), true),
            (r#"{"format":,"packages":["#, false),
            (r#"{"format":1,"other":["#, false),
            (r#"{"packages":{"#, false),
            (r#"{"packages""#, false),
            ("{", false),
            ("", false),
        ] {
            assert_eq!(is_list(begin.as_bytes()), is_one, "{begin}");
        }
    }
}
