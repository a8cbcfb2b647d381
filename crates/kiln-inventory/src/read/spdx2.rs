//! SPDX 2.2 and 2.3 as JSON.

use std::borrow::Cow;

use kiln_types::SourcePackage;
use serde::Deserialize;

use super::Builder;
use crate::licence;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    name: Option<String>,
    creation_info: Option<Creation>,
    #[serde(default, deserialize_with = "super::bounded")]
    packages: Vec<Package>,
    #[serde(borrow, default, deserialize_with = "super::bounded_relations")]
    relationships: Vec<Relation<'a>>,
}

#[derive(Deserialize)]
struct Creation {
    created: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    version_info: Option<String>,
    supplier: Option<String>,
    license_declared: Option<String>,
    copyright_text: Option<String>,
    source_info: Option<String>,
    summary: Option<String>,
    primary_package_purpose: Option<String>,
    #[serde(default)]
    external_refs: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_type: String,
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relation<'a> {
    #[serde(borrow)]
    spdx_element_id: Cow<'a, str>,
    #[serde(borrow)]
    relationship_type: Cow<'a, str>,
    #[serde(borrow)]
    related_spdx_element: Cow<'a, str>,
}

pub(super) fn read(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let document: Document<'_> = serde_json::from_slice(bytes)?;
    builder.inventory.subject.name = document.name.unwrap_or_default();
    builder.inventory.subject.created = document
        .creation_info
        .and_then(|info| info.created)
        .and_then(|time| time.parse().ok());
    for package in document.packages {
        add(package, builder);
    }
    for relation in document.relationships {
        let (from, to) = (relation.spdx_element_id, relation.related_spdx_element);
        let (from, to) = match &*relation.relationship_type {
            "DEPENDS_ON" => (from, to),
            "DEPENDENCY_OF" => (to, from),
            _ => continue,
        };
        builder.needs.push((from.into_owned(), to.into_owned()));
    }
    Ok(())
}

fn add(package: Package, builder: &mut Builder) {
    let purl = package
        .external_refs
        .iter()
        .find(|reference| reference.reference_type == "purl")
        .map(|reference| reference.reference_locator.as_str());
    let version = package.version_info.as_deref().unwrap_or_default();
    let purpose = package.primary_package_purpose.as_deref();
    if matches!(purpose, Some("OPERATING-SYSTEM" | "OPERATING_SYSTEM")) {
        builder.inventory.distribution = Some(kiln_types::DistributionFact {
            id: package.name.to_lowercase(),
            version: (!version.is_empty()).then(|| version.to_owned()),
            ..kiln_types::DistributionFact::default()
        });
        return;
    }
    // The image itself, its layers, and files are no components.
    if purl.is_none_or(|purl| purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/")) {
        return;
    }
    let said = |text: Option<String>| {
        text.filter(|text| !matches!(text.as_str(), "" | "NOASSERTION" | "NONE"))
    };
    let mut component = builder.component(purl, &package.name, version);
    if component.kind.is_system()
        && let Some(source) = package.source_info.as_deref().and_then(source)
    {
        component.source = Some(source);
    }
    if let Some(declared) = said(package.license_declared) {
        component.licences = licence::of_field(&declared);
    }
    component.supplier = said(package.supplier).map(|supplier| {
        supplier
            .split_once(": ")
            .map_or(supplier.clone(), |(_, name)| name.to_owned())
    });
    component.copyright = said(package.copyright_text);
    component.summary = package.summary;
    builder.entries.push((package.id, component));
}

/// The source package in Trivy's and in kiln's words.
pub(super) fn source(text: &str) -> Option<SourcePackage> {
    let rest = ["built package from: ", "built from the source package "]
        .iter()
        .find_map(|words| text.split_once(words))?
        .1;
    let (name, version) = rest.split(';').next()?.trim().split_once(' ')?;
    Some(SourcePackage {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}
