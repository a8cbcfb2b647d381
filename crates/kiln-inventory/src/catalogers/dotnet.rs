//! .NET: the `*.deps.json` beside a program, which names the packages it was published with.

use std::collections::BTreeMap;

use kiln_types::{ComponentKind, EvidenceKind};
use serde::Deserialize;

use super::{Cataloged, component, is_sane};
use crate::node::Found;

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(rename = "type", default)]
    kind: String,
}

/// The packages.
pub(crate) fn dependencies(bytes: &[u8]) -> Cataloged {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Document = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(document
        .libraries
        .iter()
        .filter(|(_, library)| library.kind != "project")
        .filter_map(|(key, _)| {
            let (name, version) = key.split_once('/')?;
            // `runtimepack.Microsoft.NETCore.App.Runtime.linux-x64` is that package.
            let name = name.strip_prefix("runtimepack.").unwrap_or(name);
            (is_sane(name) && is_sane(version)).then(|| {
                let component = component(ComponentKind::Nuget, None, name, name, version);
                Found::new(component, EvidenceKind::Metadata)
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_and_not_the_project_itself() {
        let text = br#"{"runtimeTarget":{},"libraries":{"App/1.0.0":{"type":"project"},"Newtonsoft.Json/13.0.3":{"type":"package"}}}"#;
        let found = dependencies(text).unwrap();
        assert_eq!(found.len(), 1);
        let purl = found[0].component.purl.as_ref().unwrap().to_string();
        assert_eq!(purl, "pkg:nuget/Newtonsoft.Json@13.0.3");
        assert!(dependencies(b"{").is_err());
    }
}
