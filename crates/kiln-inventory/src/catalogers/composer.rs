//! PHP: `vendor/composer/installed.json` of Composer 1 and 2.

use kiln_types::{ComponentKind, EvidenceKind};
use serde::Deserialize;
use serde_json::Value;

use super::{Cataloged, component, is_sane};
use crate::licence::Collector;
use crate::node::Found;

#[derive(Deserialize)]
#[serde(untagged)]
enum Installed {
    Two { packages: Vec<Package> },
    One(Vec<Package>),
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    license: Value,
    description: Option<String>,
    homepage: Option<String>,
    #[serde(default)]
    require: Value,
}

/// The installed packages.
pub(crate) fn installed(bytes: &[u8]) -> Cataloged {
    let installed: Installed = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let (Installed::Two { packages } | Installed::One(packages)) = installed;
    Ok(packages
        .into_iter()
        .filter(|package| is_sane(&package.name) && is_sane(&package.version))
        .map(|package| {
            let (vendor, name) = match package.name.split_once('/') {
                Some((vendor, name)) => (Some(vendor), name),
                None => (None, package.name.as_str()),
            };
            let mut component = component(
                ComponentKind::Composer,
                vendor,
                name,
                &package.name,
                &package.version,
            );
            let mut collector = Collector::default();
            match &package.license {
                Value::String(said) => collector.add(said, None),
                // Several: the user may choose (Composer's schema, `license`).
                Value::Array(list) => {
                    let said: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                    collector.add(&said.join(" OR "), None);
                }
                _ => {}
            }
            component.licences = collector.finish();
            component.summary = package.description;
            component.homepage = package.homepage;
            let mut found = Found::new(component, EvidenceKind::Metadata);
            if let Value::Object(needed) = package.require {
                found.needs = needed.into_iter().map(|(name, _)| name).collect();
            }
            found
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let package = r#"{"name":"symfony/yaml","version":"v6.4.3","license":["MIT","GPL-2.0-only"],"require":{"php":"8"}}"#;
        for text in [
            format!("[{package}]"),
            format!(r#"{{"packages":[{package}],"dev":true}}"#),
        ] {
            let found = &installed(text.as_bytes()).unwrap()[0];
            let purl = found.component.purl.as_ref().unwrap().to_string();
            assert_eq!(purl, "pkg:composer/symfony/yaml@v6.4.3");
            assert_eq!(
                found.component.licences.expression.as_deref(),
                Some("GPL-2.0-only OR MIT")
            );
        }
        assert!(installed(b"{}").is_err());
    }
}
