//! Documents about components that lie in an image: SPDX and CycloneDX that packages bring along
//! (Bitnami's `.spdx-*.spdx`, Wolfi's `var/lib/db/sbom`, `*.cdx.json`), and Syft's.
//!
//! They are somebody's word: a component that a cataloger found as well is one component with one
//! more evidence, and a package that the distribution's own database does not have is none.

use kiln_types::{ComponentKind, EvidenceKind};
use memchr::memmem;

use super::{Cataloged, is_sane};
use crate::node::Found;
use crate::path::name;
use crate::read;

/// Components of one document in an image.
const MOST: usize = 100_000;

/// Whether a file is called as such documents are.
pub(crate) fn is_document(path: &str) -> bool {
    let base = name(path);
    [".spdx.json", ".cdx.json", ".syft.json"]
        .iter()
        .any(|suffix| base.ends_with(suffix))
        || matches!(base, "bom.json" | "sbom.json")
        || (base.starts_with(".spdx-") && base.ends_with(".spdx"))
}

/// The components of a document.
pub(crate) fn components(path: &str, bytes: &[u8]) -> Cataloged {
    // Other things have such names, too; only what says that it is a document must be a right one.
    let marks = [
        &b"\"bomFormat\""[..],
        b"\"spdxVersion\"",
        b"\"SpdxDocument\"",
    ];
    let is_one = marks.iter().any(|mark| memmem::find(bytes, mark).is_some());
    if !is_one && !name(path).ends_with(".syft.json") {
        return Ok(Vec::new());
    }
    let inventory = read::document(name(path), bytes).map_err(|error| error.to_string())?;
    if inventory.components.len() > MOST {
        return Err(format!("it lists more than {MOST} components"));
    }
    let mut found = Vec::new();
    for mut component in inventory.components {
        let is_known = component.purl.is_some() || component.kind != ComponentKind::Other;
        if !is_known || !is_sane(&component.name) || !is_sane(&component.version) {
            continue;
        }
        // What a document says of files and needs is about the place where it was written.
        component.evidence.clear();
        component.depends.clear();
        component.owner = None;
        found.push(Found::new(component, EvidenceKind::Document));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_name_and_content() {
        for (path, expected) in [
            ("opt/bitnami/redis/.spdx-redis.spdx", true),
            ("var/lib/db/sbom/jq-1.7.1-r0.spdx.json", true),
            ("usr/lib/python3/a.dist-info/sboms/a.cdx.json", true),
            ("app/bom.json", true),
            ("app/package.json", false),
            ("app/a.spdx", false),
        ] {
            assert_eq!(is_document(path), expected, "{path}");
        }
        let other = br#"{"parts":["wheel"]}"#;
        assert_eq!(components("app/bom.json", other), Ok(Vec::new()));
        let broken = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{]}"#;
        assert!(components("app/bom.json", broken).is_err());
        let right = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
            {"type":"library","name":"a","version":"1.0","purl":"pkg:npm/a@1.0"},
            {"type":"library","name":"nothing known"}]}"#;
        let found = components("app/bom.json", right).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].component.kind, ComponentKind::Npm);
    }
}
