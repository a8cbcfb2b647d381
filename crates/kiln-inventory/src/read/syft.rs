//! Syft's own JSON.

use std::borrow::Cow;

use kiln_types::{DistributionFact, SourcePackage};
use serde::Deserialize;
use serde_json::Value;

use super::{Builder, evidence};
use crate::licence::Collector;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(deserialize_with = "super::bounded")]
    artifacts: Vec<Artifact>,
    #[serde(borrow, default, deserialize_with = "super::bounded_relations")]
    artifact_relationships: Vec<Relation<'a>>,
    distro: Option<Distro>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Artifact {
    id: String,
    name: String,
    version: String,
    purl: Option<String>,
    #[serde(default)]
    licenses: Vec<Value>,
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Location {
    path: String,
}

#[derive(Deserialize)]
struct Relation<'a> {
    #[serde(borrow)]
    parent: Cow<'a, str>,
    #[serde(borrow)]
    child: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Distro {
    id: Option<String>,
    #[serde(rename = "versionID")]
    version_id: Option<String>,
    version_codename: Option<String>,
    pretty_name: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    name: Option<String>,
}

pub(super) fn read(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let document: Document<'_> = serde_json::from_slice(bytes)?;
    if let Some(distro) = document.distro
        && let Some(id) = distro.id.filter(|id| !id.is_empty())
    {
        builder.inventory.distribution = Some(DistributionFact {
            id,
            version: distro.version_id.filter(|version| !version.is_empty()),
            codename: distro.version_codename.filter(|name| !name.is_empty()),
            pretty_name: distro.pretty_name,
            ..DistributionFact::default()
        });
    }
    if let Some(name) = document.source.and_then(|source| source.name) {
        builder.inventory.subject.name = name;
    }
    for artifact in document.artifacts {
        let mut component =
            builder.component(artifact.purl.as_deref(), &artifact.name, &artifact.version);
        let metadata = |name: &str| {
            artifact
                .metadata
                .get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        if component.kind.is_system()
            && let Some(name) = metadata("source").or_else(|| metadata("originPackage"))
        {
            component.source = Some(SourcePackage {
                name: name.to_owned(),
                version: metadata("sourceVersion")
                    .unwrap_or(&component.version)
                    .to_owned(),
            });
        }
        component.supplier = metadata("maintainer").map(str::to_owned);
        let mut collector = Collector::default();
        for licence in &artifact.licenses {
            // A plain text before schema 7.
            let said = licence.as_str().or_else(|| {
                let field = |name: &str| {
                    licence
                        .get(name)
                        .and_then(Value::as_str)
                        .filter(|text| !text.is_empty())
                };
                field("spdxExpression").or_else(|| field("value"))
            });
            if let Some(said) = said.filter(|said| said.len() < 4096) {
                collector.add(said, None);
            }
        }
        component.licences = collector.finish();
        component.evidence = artifact
            .locations
            .iter()
            .map(|location| evidence(&location.path))
            .collect();
        builder.entries.push((artifact.id, component));
    }
    for relation in document.artifact_relationships {
        let ends = || (relation.child.to_string(), relation.parent.to_string());
        match &*relation.kind {
            "dependency-of" => builder.needs.push(ends()),
            "ownership-by-file-overlap" => builder.owned.push(ends()),
            _ => {}
        }
    }
    Ok(())
}
