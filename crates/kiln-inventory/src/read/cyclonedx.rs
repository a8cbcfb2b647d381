//! CycloneDX, from Syft, Trivy, Scout and kiln.

use std::borrow::Cow;
use std::ops::Deref;

use kiln_types::{Component, ComponentKind, DistributionFact, SourcePackage};
use serde::Deserialize;

use super::{Builder, MOST, evidence, is_image, released};
use crate::licence::Collector;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default, deserialize_with = "super::bounded")]
    components: Vec<Entry<'a>>,
    #[serde(default, deserialize_with = "super::bounded_relations")]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    timestamp: Option<String>,
    #[serde(borrow)]
    component: Option<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "type")]
    kind: Seen<'a>,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    name: String,
    group: Option<String>,
    version: Option<String>,
    description: Option<String>,
    copyright: Option<String>,
    publisher: Option<String>,
    supplier: Option<Supplier>,
    #[serde(borrow)]
    purl: Option<Seen<'a>>,
    #[serde(borrow, default)]
    licenses: Vec<Choice<'a>>,
    #[serde(borrow, default)]
    properties: Vec<Property<'a>>,
    #[serde(borrow)]
    evidence: Option<Proof<'a>>,
    #[serde(borrow, default, deserialize_with = "super::bounded")]
    components: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Supplier {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    license: Option<License<'a>>,
    #[serde(borrow)]
    expression: Option<Seen<'a>>,
}

#[derive(Deserialize)]
struct License<'a> {
    #[serde(borrow)]
    id: Option<Seen<'a>>,
    #[serde(borrow)]
    name: Option<Seen<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    encoding: Option<Seen<'a>>,
}

/// A text that is only looked at, and not copied unless something is escaped in it.
#[derive(Deserialize)]
struct Seen<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Seen<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
struct Property<'a> {
    #[serde(borrow)]
    name: Seen<'a>,
    #[serde(borrow)]
    value: Option<Seen<'a>>,
}

#[derive(Deserialize)]
struct Proof<'a> {
    #[serde(borrow, default)]
    occurrences: Vec<Occurrence<'a>>,
}

#[derive(Deserialize)]
struct Occurrence<'a> {
    #[serde(borrow)]
    location: Seen<'a>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "ref")]
    from: String,
    #[serde(rename = "dependsOn", default)]
    to: Vec<String>,
}

pub(super) fn read(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let document: Document<'_> = serde_json::from_slice(bytes)?;
    if let Some(metadata) = document.metadata {
        builder.inventory.subject.created = metadata.timestamp.and_then(|time| time.parse().ok());
        if let Some(mut root) = metadata.component {
            let version = root.version.as_deref();
            builder.inventory.subject.name.clone_from(&root.name);
            builder.inventory.subject.manifest = version.and_then(|version| version.parse().ok());
            if is_package(&root) {
                add(root, builder);
            } else {
                for entry in std::mem::take(&mut root.components) {
                    add(entry, builder);
                }
            }
        }
    }
    builder.entries.reserve(document.components.len());
    for entry in document.components {
        add(entry, builder);
    }
    for dependency in document.dependencies {
        for to in dependency.to {
            builder.needs.push((dependency.from.clone(), to));
        }
    }
    Ok(())
}

/// Whether what a document is about is a package itself, as in the list of an application's or a
/// library's dependencies: it is then as vulnerable as any of them. An image is none, nor is anything
/// without a package URL, of which no advisory could speak. So do Grype and Trivy.
fn is_package(root: &Entry<'_>) -> bool {
    matches!(&*root.kind, "application" | "framework" | "library")
        && root.purl.as_deref().is_some_and(|purl| !is_image(purl))
}

fn add(entry: Entry<'_>, builder: &mut Builder) {
    let property = |name: &str| {
        entry
            .properties
            .iter()
            .find(|property| *property.name == *name)
            .and_then(|property| property.value.as_deref())
            .filter(|value| !value.is_empty())
    };
    let version = entry.version.as_deref().unwrap_or_default();
    if &*entry.kind == "operating-system" {
        let said = released(&entry.name, version);
        let codename =
            property("kiln:version-codename").or(property("syft:distro:versionCodename"));
        let like = property("kiln:id-like").unwrap_or_default();
        builder.inventory.distribution = Some(DistributionFact {
            id_like: like.split_ascii_whitespace().map(str::to_owned).collect(),
            codename: codename.map(str::to_owned).or(said.codename),
            pretty_name: entry.description,
            ..said
        });
    } else if entry.purl.is_some()
        || matches!(&*entry.kind, "library" | "framework")
        || property("kiln:kind").is_some()
    {
        let name = match &entry.group {
            Some(group) if !group.is_empty() => format!("{group}/{}", entry.name),
            _ => entry.name.clone(),
        };
        let mut component = builder.component(entry.purl.as_deref(), &name, version);
        if let (None, Some(kind)) = (&entry.purl, property("kiln:kind")) {
            component.kind = match kind {
                "binary" => ComponentKind::Binary,
                kind => ComponentKind::of_purl_type(kind),
            };
        }
        if let Some(source) = source(&component, &property) {
            component.source = Some(source);
        }
        component.licences = licences(&entry.licenses);
        component.supplier = entry
            .supplier
            .and_then(|supplier| supplier.name)
            .or(entry.publisher);
        component.summary = entry.description;
        component.copyright = entry.copyright;
        for occurrence in entry.evidence.iter().flat_map(|proof| &proof.occurrences) {
            component.evidence.push(evidence(&occurrence.location));
        }
        let paths = ["aquasecurity:trivy:FilePath", "syft:location:0:path"];
        for path in paths.iter().filter_map(|name| property(name)) {
            component.evidence.push(evidence(path));
        }
        let reference = entry.reference.unwrap_or_default();
        if let Some(owner) = property("kiln:owner") {
            builder.owned.push((reference.clone(), owner.to_owned()));
        }
        builder.entries.push((reference, component));
    }
    // Serde's limit on depth bounds this recursion.
    for inner in entry.components {
        if builder.entries.len() <= MOST {
            add(inner, builder);
        }
    }
}

/// The source package, where the properties of a dialect name it.
fn source<'a>(
    component: &Component,
    property: &impl Fn(&str) -> Option<&'a str>,
) -> Option<SourcePackage> {
    if !component.kind.is_system() {
        return None;
    }
    if let (Some(name), Some(version)) = (
        property("kiln:source-name"),
        property("kiln:source-version"),
    ) {
        return Some(SourcePackage {
            name: name.to_owned(),
            version: version.to_owned(),
        });
    }
    if let Some(name) = property("aquasecurity:trivy:SrcName") {
        let mut version = property("aquasecurity:trivy:SrcVersion")?.to_owned();
        if let Some(release) = property("aquasecurity:trivy:SrcRelease") {
            version = format!("{version}-{release}");
        }
        if let Some(epoch) = property("aquasecurity:trivy:SrcEpoch").filter(|epoch| *epoch != "0") {
            version = format!("{epoch}:{version}");
        }
        return Some(SourcePackage {
            name: name.to_owned(),
            version,
        });
    }
    let name = property("syft:metadata:source").or_else(|| {
        property("syft:metadata:originPackage").filter(|_| component.kind == ComponentKind::Apk)
    })?;
    Some(SourcePackage {
        name: name.to_owned(),
        version: property("syft:metadata:sourceVersion")
            .unwrap_or(&component.version)
            .to_owned(),
    })
}

fn licences(choices: &[Choice<'_>]) -> kiln_types::Licences {
    let mut collector = Collector::default();
    for choice in choices {
        if let Some(expression) = &choice.expression {
            collector.add(expression, None);
        }
        if let Some(license) = &choice.license
            && let Some(said) = license.id.as_ref().or(license.name.as_ref())
        {
            let text = license.text.as_ref().filter(|text| text.encoding.is_none());
            collector.add(said, text.map(|text| &*text.content));
        }
    }
    collector.finish()
}
