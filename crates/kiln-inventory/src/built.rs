//! An image that kiln built: what its lock says of the packages that its layers hold.

use std::collections::BTreeMap;

use kiln_types::{BuiltFrom, BuiltPackage, ComponentKind, Evidence, Inventory};

use crate::InventoryError;

/// Adds to an inventory what the image was made of. Both must name the same packages: a package
/// that only one of them knows means that the image is not the one that was built.
///
/// # Errors
/// When the layers hold a package that was not installed, or lack one that was. An inventory that
/// is a lower bound may lack some.
pub fn with_build(inventory: &mut Inventory, built: &BuiltFrom) -> Result<(), InventoryError> {
    let key = |name: &str, version: &str, architecture: &str| {
        (name.to_owned(), version.to_owned(), architecture.to_owned())
    };
    let mut installed: BTreeMap<(String, String, String), &BuiltPackage> = built
        .packages
        .iter()
        .map(|package| {
            let (name, version) = (package.name.as_str(), package.version.as_str());
            (key(name, version, &package.architecture), package)
        })
        .collect();
    let mut strangers = Vec::new();
    for component in &mut inventory.components {
        let is_installed = matches!(component.kind, ComponentKind::Deb | ComponentKind::Apk)
            && component.evidence.iter().any(is_of_the_root);
        if !is_installed {
            continue;
        }
        let architecture = component.architecture.as_deref().unwrap_or_default();
        match installed.remove(&key(&component.name, &component.version, architecture)) {
            Some(package) => {
                component.sha256 = Some(package.sha256);
                component.origin = Some(package.origin.clone());
            }
            None => strangers.push(format!("{} {}", component.name, component.version)),
        }
    }
    let subject = &inventory.subject.name;
    if let Some(first) = strangers.first() {
        return Err(InventoryError::malformed(
            subject,
            format!(
                "its layers hold {first}, which its lock does not name ({} such packages)",
                strangers.len()
            ),
        ));
    }
    if let Some(package) = installed.values().next()
        && inventory.is_complete()
    {
        return Err(InventoryError::malformed(
            subject,
            format!(
                "its layers lack {} {}, which its lock names ({} such packages)",
                package.name,
                package.version,
                installed.len()
            ),
        ));
    }
    inventory.built = Some(built.fact.clone());
    Ok(())
}

/// Whether a database of the image itself speaks, and not one of a root that lies inside it.
fn is_of_the_root(evidence: &Evidence) -> bool {
    ["var/lib/dpkg/", "usr/lib/dpkg/", "usr/lib/apk/", "lib/apk/"]
        .iter()
        .any(|place| evidence.path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_types::{Component, EvidenceKind, Incomplete};

    fn built() -> BuiltFrom {
        let digest = "0".repeat(64);
        serde_json::from_value(serde_json::json!({
            "image": "web",
            "target": "1/standard/amd64",
            "inputs": format!("sha256:{digest}"),
            "indexes": [],
            "packages": [{
                "name": "zlib1g", "version": "1:1.3-1+b1", "architecture": "amd64",
                "sha256": format!("sha256:{digest}"),
                "archive": "debian", "suite": "trixie", "path": "pool/z.deb", "size": 7,
            }],
        }))
        .unwrap()
    }

    fn component(name: &str, path: &str) -> Component {
        let mut component = Component::new(ComponentKind::Deb, name, "1:1.3-1+b1");
        component.architecture = Some("amd64".to_owned());
        component.evidence.push(Evidence {
            path: path.to_owned(),
            layer: Some(0),
            kind: EvidenceKind::Database,
        });
        component
    }

    const STATUS: &str = "var/lib/dpkg/status.d/x";

    #[test]
    fn the_lock_says_where_a_package_came_from() {
        let inner = component("other", "srv/root/var/lib/dpkg/status");
        let mut inventory = Inventory {
            components: vec![inner, component("zlib1g", STATUS)],
            ..Inventory::default()
        };
        with_build(&mut inventory, &built()).unwrap();
        let origin = inventory.components[1].origin.as_ref().unwrap();
        assert_eq!((origin.archive.as_str(), origin.size), ("debian", 7));
        assert!(inventory.components[1].sha256.is_some());
        assert!(inventory.components[0].origin.is_none());
        assert_eq!(inventory.built.unwrap().image.as_str(), "web");
    }

    #[test]
    fn attack_layers_that_are_not_of_this_lock() {
        let mut more = Inventory {
            components: vec![component("extra", STATUS), component("zlib1g", STATUS)],
            ..Inventory::default()
        };
        let error = with_build(&mut more, &built()).unwrap_err();
        assert!(error.to_string().contains("hold extra"), "{error}");
        let mut less = Inventory::default();
        let error = with_build(&mut less, &built()).unwrap_err();
        assert!(error.to_string().contains("lack zlib1g"), "{error}");
        less.incomplete.push(Incomplete {
            place: "layer".to_owned(),
            reason: "torn".to_owned(),
        });
        with_build(&mut less, &built()).unwrap();
    }
}
