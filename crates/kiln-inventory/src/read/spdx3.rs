//! SPDX 3.0 as JSON-LD: the packages of the graph and what they depend on.

use std::collections::BTreeMap;

use kiln_types::{Component, LicenceText, Licences};
use serde::Deserialize;

use super::spdx2::{known_from, source};
use super::{Builder, is_image};
use crate::licence::Collector;

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
    #[serde(rename = "software_primaryPurpose")]
    purpose: Option<String>,
    #[serde(rename = "software_sourceInfo")]
    source_info: Option<String>,
    comment: Option<String>,
    #[serde(rename = "software_copyrightText")]
    copyright: Option<String>,
    summary: Option<String>,
    #[serde(rename = "simplelicensing_licenseExpression")]
    expression: Option<String>,
    #[serde(rename = "simplelicensing_customIdToUri", default)]
    custom_ids: Vec<CustomId>,
    #[serde(rename = "simplelicensing_licenseText")]
    licence_text: Option<String>,
    from: Option<String>,
    #[serde(default)]
    to: Vec<String>,
    relationship_type: Option<String>,
}

/// The element that holds the text of a `LicenseRef-`.
#[derive(Deserialize)]
struct CustomId {
    key: String,
    value: String,
}

/// Licences are elements of their own, and stand anywhere in the graph.
#[derive(Default)]
struct GraphLicences {
    /// Expressions, with where the texts of their references stand, by identifier.
    expressions: BTreeMap<String, (String, Vec<CustomId>)>,
    /// Name and text, by identifier.
    texts: BTreeMap<String, LicenceText>,
    /// Package and expression: what it declares, and what others concluded.
    declared: Vec<(String, String)>,
    concluded: Vec<(String, String)>,
}

impl GraphLicences {
    /// Gives each package what it declares, and only where it declares nothing what was concluded.
    fn give_to(&self, entries: &mut [(String, Component)]) {
        let mut said: BTreeMap<&str, Licences> = BTreeMap::new();
        for relations in [&self.declared, &self.concluded] {
            let mut collectors: BTreeMap<&str, (Collector, Vec<&CustomId>)> = BTreeMap::new();
            for (package, expression) in relations {
                if said.contains_key(package.as_str()) {
                    continue;
                }
                // What is no expression of the graph is an individual such as `NoAssertion`.
                if let Some((expression, custom_ids)) = self.expressions.get(expression) {
                    let (collector, known) = collectors.entry(package).or_default();
                    collector.add(expression, None);
                    known.extend(custom_ids);
                }
            }
            for (package, (collector, custom_ids)) in collectors {
                let mut licences = collector.finish();
                for (reference, text) in &mut licences.texts {
                    let custom = custom_ids.iter().find(|custom| custom.key == *reference);
                    if let Some(known) = custom.and_then(|custom| self.texts.get(&custom.value)) {
                        text.clone_from(known);
                    }
                }
                said.insert(package, licences);
            }
        }
        for (id, component) in entries {
            if let Some(licences) = said.get(id.as_str()) {
                component.licences = licences.clone();
            }
        }
    }
}

pub(super) fn read(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let document: Document = serde_json::from_slice(bytes)?;
    let mut licences = GraphLicences::default();
    for element in document.graph {
        match element.kind.as_str() {
            "SpdxDocument" => {
                builder.inventory.subject.name = element.name.unwrap_or_default();
            }
            "CreationInfo" => {
                builder.inventory.subject.created =
                    element.created.and_then(|time| time.parse().ok());
            }
            "software_Package" if element.purl.as_deref().is_some_and(|purl| !is_image(purl)) => {
                let name = element.name.unwrap_or_default();
                let version = element.version.unwrap_or_default();
                let mut component = builder.component(element.purl.as_deref(), &name, &version);
                if component.kind.is_system()
                    && let Some(source) = element.source_info.as_deref().and_then(source)
                {
                    component.source = Some(source);
                }
                let said = [element.comment.as_deref(), element.source_info.as_deref()];
                component.evidence = said.into_iter().flatten().flat_map(known_from).collect();
                component.copyright = element.copyright;
                component.summary = element.summary;
                builder
                    .entries
                    .push((element.id.unwrap_or_default(), component));
            }
            // What the document is about; its version is its digest.
            "software_Package"
                if element.purpose.as_deref() == Some("container")
                    && builder.inventory.subject.manifest.is_none() =>
            {
                let version = element.version.unwrap_or_default();
                builder.inventory.subject.manifest = version.parse().ok();
            }
            "simplelicensing_LicenseExpression" => {
                let expression = element.expression.unwrap_or_default();
                let id = element.id.unwrap_or_default();
                licences
                    .expressions
                    .insert(id, (expression, element.custom_ids));
            }
            "simplelicensing_SimpleLicensingText" => {
                let text = LicenceText {
                    name: element.name.unwrap_or_default(),
                    text: element.licence_text.unwrap_or_default(),
                };
                licences.texts.insert(element.id.unwrap_or_default(), text);
            }
            "Relationship" | "LifecycleScopedRelationship" => {
                let from = element.from.unwrap_or_default();
                let to = element.to.into_iter();
                match element.relationship_type.as_deref() {
                    Some("dependsOn") => builder.needs.extend(to.map(|to| (from.clone(), to))),
                    Some("hasDeclaredLicense") => {
                        licences.declared.extend(to.map(|to| (from.clone(), to)));
                    }
                    Some("hasConcludedLicense") => {
                        licences.concluded.extend(to.map(|to| (from.clone(), to)));
                    }
                    // Kiln, where a package of the distribution brought it.
                    Some("contains") => builder.owned.extend(to.map(|to| (to, from.clone()))),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    licences.give_to(&mut builder.entries);
    Ok(())
}
