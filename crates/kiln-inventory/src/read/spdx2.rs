//! SPDX 2.2 and 2.3 as JSON.

use std::borrow::Cow;

use kiln_types::{ComponentKind, DistributionFact, Evidence, SourcePackage};
use serde::Deserialize;

use super::{Builder, evidence, is_image, released};
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
    #[serde(default)]
    creators: Vec<String>,
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
    comment: Option<String>,
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
    #[serde(borrow, default)]
    comment: Cow<'a, str>,
}

pub(super) fn read(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let document: Document<'_> = serde_json::from_slice(bytes)?;
    builder.inventory.subject.name = document.name.unwrap_or_default();
    let (created, creators) = document
        .creation_info
        .map(|info| (info.created, info.creators))
        .unwrap_or_default();
    builder.inventory.subject.created = created.and_then(|time| time.parse().ok());
    let is_own = creators.iter().any(|by| by.starts_with("Tool: kiln-"));
    for package in document.packages {
        add(package, is_own, builder);
    }
    for relation in document.relationships {
        let (from, to) = (relation.spdx_element_id, relation.related_spdx_element);
        let (from, to) = match &*relation.relationship_type {
            "DEPENDS_ON" => (from, to),
            "DEPENDENCY_OF" => (to, from),
            // Kiln, where a package of the distribution brought it; Syft, in words.
            "CONTAINS" => {
                builder.owned.push((to.into_owned(), from.into_owned()));
                continue;
            }
            "OTHER" if relation.comment.starts_with("ownership-by-file-overlap") => {
                builder.owned.push((to.into_owned(), from.into_owned()));
                continue;
            }
            _ => continue,
        };
        builder.needs.push((from.into_owned(), to.into_owned()));
    }
    Ok(())
}

fn add(package: Package, is_own: bool, builder: &mut Builder) {
    let purl = package
        .external_refs
        .iter()
        .find(|reference| reference.reference_type == "purl")
        .map(|reference| reference.reference_locator.as_str());
    let version = package.version_info.as_deref().unwrap_or_default();
    let purpose = package.primary_package_purpose.as_deref();
    if matches!(purpose, Some("OPERATING-SYSTEM" | "OPERATING_SYSTEM")) {
        builder.inventory.distribution = Some(DistributionFact {
            pretty_name: package.summary,
            ..released(&package.name, version)
        });
        return;
    }
    // The first image is what the document is about; its version is its digest, in kiln's documents and
    // in Syft's.
    if purpose == Some("CONTAINER") && builder.inventory.subject.manifest.is_none() {
        builder.inventory.subject.manifest = version.parse().ok();
    }
    // The image itself, its layers, source packages and files are no components. Of its own
    // components without a package URL kiln names the kind.
    let kind = package
        .id
        .strip_prefix("SPDXRef-Package-")
        .filter(|_| is_own)
        .and_then(|rest| rest.split('-').next())
        .map(|word| match word {
            "binary" => ComponentKind::Binary,
            word => ComponentKind::of_purl_type(word),
        });
    if purl.map_or(kind.is_none(), is_image) {
        return;
    }
    let said = |text: Option<String>| {
        text.filter(|text| !matches!(text.as_str(), "" | "NOASSERTION" | "NONE"))
    };
    let mut component = builder.component(purl, &package.name, version);
    component.kind = kind.unwrap_or(component.kind);
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
    let said = [package.comment.as_deref(), package.source_info.as_deref()];
    component.evidence = said.into_iter().flatten().flat_map(known_from).collect();
    component.summary = package.summary;
    builder.entries.push((package.id, component));
}

/// The source package in Trivy's words, which are kiln's, and in those that kiln had before. They come
/// first: what follows may hold names of the image.
pub(super) fn source(text: &str) -> Option<SourcePackage> {
    let rest = ["built package from: ", "built from the source package "]
        .iter()
        .find_map(|words| text.strip_prefix(words))?;
    let (name, version) = rest.split(';').next()?.trim().split_once(' ')?;
    Some(SourcePackage {
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// The files that speak for a component, in kiln's words.
pub(super) fn known_from(text: &str) -> Vec<Evidence> {
    let words = "known from: ";
    let paths = text
        .strip_prefix(words)
        .or_else(|| Some(text.split_once(&format!("; {words}"))?.1));
    paths
        .into_iter()
        .flat_map(|paths| paths.split(", "))
        .filter(|path| !path.is_empty() && *path != "…")
        .map(evidence)
        .collect()
}
