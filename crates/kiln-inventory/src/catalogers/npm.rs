//! npm: the `package.json` of an installed package.

use kiln_types::{ComponentKind, EvidenceKind};
use serde_json::Value;

use super::{Cataloged, component, is_sane};
use crate::licence::Collector;
use crate::node::Found;

/// The package that a `package.json` describes; none without name and version.
pub(crate) fn package(bytes: &[u8]) -> Cataloged {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let (Some(full), Some(version)) = (text("name"), text("version")) else {
        return Ok(Vec::new());
    };
    let (full, version) = (full.trim(), version.trim());
    if full.is_empty() || version.is_empty() {
        return Ok(Vec::new());
    }
    if !is_sane(full) || !is_sane(version) {
        return Err("its name or its version is none".to_owned());
    }
    let (scope, name) = match full.split_once('/') {
        Some((scope, name)) => (Some(scope), name),
        None => (None, full),
    };
    let mut component = component(ComponentKind::Npm, scope, name, full, version);
    let mut collector = Collector::default();
    // Old packages have objects and lists.
    let mut add = |licence: &Value| match licence {
        Value::String(said) => collector.add(said, None),
        Value::Object(fields) => {
            let said = fields.get("type").or(fields.get("name"));
            if let Some(said) = said.and_then(Value::as_str) {
                collector.add(said, None);
            }
        }
        _ => {}
    };
    for field in ["license", "licenses"] {
        match value.get(field) {
            Some(Value::Array(licences)) => licences.iter().for_each(&mut add),
            Some(licence) => add(licence),
            None => {}
        }
    }
    component.licences = collector.finish();
    component.supplier = match value.get("author") {
        Some(Value::String(author)) => Some(author.clone()),
        Some(Value::Object(author)) => {
            let part = |name: &str| author.get(name).and_then(Value::as_str);
            part("name").map(|name| match part("email") {
                Some(email) => format!("{name} <{email}>"),
                None => name.to_owned(),
            })
        }
        _ => None,
    };
    component.summary = text("description").map(str::to_owned);
    component.homepage = text("homepage").map(str::to_owned);
    let mut found = Found::new(component, EvidenceKind::Metadata);
    if let Some(needed) = value.get("dependencies").and_then(Value::as_object) {
        found.needs = needed.keys().cloned().collect();
    }
    Ok(vec![found])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_every_age() {
        let new = br#"{"name":"@babel/core","version":"7.1.0","license":"MIT","author":{"name":"A","email":"a@b.c"},"dependencies":{"x":"1"}}"#;
        let found = &package(new).unwrap()[0];
        let purl = found.component.purl.as_ref().unwrap().to_string();
        assert_eq!(purl, "pkg:npm/%40babel/core@7.1.0");
        assert_eq!(found.component.supplier.as_deref(), Some("A <a@b.c>"));
        assert_eq!(found.needs, ["x"]);
        let old =
            br#"{"name":"x","version":"1","licenses":[{"type":"MIT"},{"type":"Apache-2.0"}]}"#;
        let found = &package(old).unwrap()[0];
        assert_eq!(
            found.component.licences.expression.as_deref(),
            Some("Apache-2.0 AND MIT")
        );
        assert!(package(br#"{"type":"module"}"#).unwrap().is_empty());
        assert!(package(b"{").is_err());
        let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
        assert!(package(&deep).is_err());
    }
}
