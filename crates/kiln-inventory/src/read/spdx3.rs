//! SPDX 3.0 as JSON-LD: the packages of the graph and what they depend on.

use serde::Deserialize;

use super::Builder;
use super::spdx2::{known_from, source};

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "@graph", deserialize_with = "super::bounded_relations")]
    graph: Vec<Element>,
}

/// Any element; of most only the type matters.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    #[serde(rename = "type", alias = "@type")]
    kind: String,
    #[serde(rename = "spdxId", alias = "@id")]
    id: Option<String>,
    name: Option<String>,
    created: Option<String>,
    #[serde(rename = "software_packageVersion")]
    version: Option<String>,
    #[serde(rename = "software_packageUrl")]
    purl: Option<String>,
    #[serde(rename = "software_sourceInfo")]
    source_info: Option<String>,
    from: Option<String>,
    #[serde(default)]
    to: Vec<String>,
    relationship_type: Option<String>,
}

pub(super) fn read(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let document: Document = serde_json::from_slice(bytes)?;
    for element in document.graph {
        match element.kind.as_str() {
            "SpdxDocument" => {
                builder.inventory.subject.name = element.name.unwrap_or_default();
            }
            "CreationInfo" => {
                builder.inventory.subject.created =
                    element.created.and_then(|time| time.parse().ok());
            }
            "software_Package" if element.purl.is_some() => {
                let name = element.name.unwrap_or_default();
                let version = element.version.unwrap_or_default();
                let mut component = builder.component(element.purl.as_deref(), &name, &version);
                if component.kind.is_system()
                    && let Some(source) = element.source_info.as_deref().and_then(source)
                {
                    component.source = Some(source);
                }
                let said = element.source_info.as_deref();
                component.evidence = said.map_or_else(Vec::new, known_from);
                builder
                    .entries
                    .push((element.id.unwrap_or_default(), component));
            }
            "Relationship" | "LifecycleScopedRelationship" => {
                let from = element.from.unwrap_or_default();
                let to = element.to.into_iter();
                match element.relationship_type.as_deref() {
                    Some("dependsOn") => builder.needs.extend(to.map(|to| (from.clone(), to))),
                    // Kiln, where a package of the distribution brought it.
                    Some("contains") => builder.owned.extend(to.map(|to| (to, from.clone()))),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}
