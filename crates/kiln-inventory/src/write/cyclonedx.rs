//! CycloneDX 1.6 and 1.7 as JSON (ECMA-424).

use std::collections::BTreeMap;

use kiln_types::{
    Component, ComponentId, DistributionFact, Inventory, Licences, Purl, SourcePackage,
};
use serde_json::{Map, Value, json};

use super::party::{organisation, supplier};
use super::spdx::{built_source, is_url, plain};
use super::{
    DocumentOptions, comment, content_digest, fingerprint, is_application, is_of, moved, release,
    root_supplier, root_version,
};

/// Which version to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CycloneDxVersion {
    /// 1.6.
    #[default]
    V1_6,
    /// 1.7.
    V1_7,
}

impl CycloneDxVersion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

const ROOT: &str = "image";
const SYSTEM: &str = "distribution";

/// The document.
#[must_use]
pub fn cyclonedx(
    inventory: &Inventory,
    options: &DocumentOptions,
    version: CycloneDxVersion,
) -> Value {
    let references: Vec<String> = inventory.components.iter().map(reference).collect();
    let reference_of = |id: &ComponentId| {
        usize::try_from(id.0)
            .ok()
            .and_then(|place| references.get(place))
            .cloned()
    };
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    // Of the image, and of its distribution: whose packages are the distribution's is told that way.
    let (mut below, mut system): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    if let Some(distribution) = &inventory.distribution {
        components.push(json!({
            "type": "operating-system",
            "bom-ref": SYSTEM,
            "name": plain(&distribution.id),
            "version": release(distribution).unwrap_or_default(),
            "description": distribution.pretty_name.as_deref().unwrap_or_default(),
            "properties": of_distribution(distribution),
        }));
        below.push(SYSTEM.to_owned());
    }
    // What a package of the distribution brought is a part of it. Trivy leaves that to the package in
    // images too; others look into the parts.
    let mut parts: BTreeMap<ComponentId, Vec<Value>> = BTreeMap::new();
    let mut outermost = Vec::new();
    for ((id, component), own) in inventory.entries().zip(&references) {
        let owner = component.owner.as_ref().and_then(reference_of);
        let entry = entry(inventory, component, own, owner.as_deref());
        match component
            .owner
            .filter(|owner| is_outermost(inventory, *owner))
        {
            Some(owner) => parts.entry(owner).or_default().push(entry),
            None => outermost.push((id, entry)),
        }
        let distribution = inventory.distribution.as_ref();
        match distribution.is_some_and(|distribution| is_of(component, distribution)) {
            true => system.push(own.clone()),
            false => below.push(own.clone()),
        }
        let needed: Vec<String> = component.depends.iter().filter_map(reference_of).collect();
        dependencies.push(json!({ "ref": own, "dependsOn": needed }));
    }
    for (id, mut entry) in outermost {
        if let Some(parts) = parts.remove(&id) {
            moved(&mut entry, "components", parts);
        }
        components.push(entry);
    }
    if inventory.distribution.is_some() {
        dependencies.push(json!({ "ref": SYSTEM, "dependsOn": system }));
    }
    dependencies.insert(0, json!({ "ref": ROOT, "dependsOn": below }));
    let aggregate = match inventory.is_complete() {
        true => "unknown",
        false => "incomplete",
    };
    let phase = match inventory.built {
        Some(_) => "build",
        None => "post-build",
    };
    let mut metadata = json!({
        "timestamp": options.created.to_string(),
        "lifecycles": [{ "phase": phase }],
        "tools": { "components": [{
            "type": "application",
            "name": "kiln",
            "version": options.tool_version,
        }] },
        "authors": [{ "name": "kiln" }],
        "component": {
            "type": "container",
            "bom-ref": ROOT,
            "name": plain(&inventory.subject.name),
            "version": root_version(inventory),
        },
        "properties": [{ "name": "kiln:completeness", "value": plain(&comment(inventory)) }],
    });
    if let Some(name) = root_supplier(inventory, options) {
        let supplier = json!({ "name": plain(&organisation(&name).name) });
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("supplier".to_owned(), supplier.clone());
            if let Some(component) = metadata.get_mut("component").and_then(Value::as_object_mut) {
                component.insert("supplier".to_owned(), supplier);
            }
        }
    }
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": version.as_str(),
        "serialNumber": content_digest(inventory).uuid_urn(),
        "version": 1,
        "metadata": metadata,
        "components": [],
        "dependencies": [],
        "compositions": [{ "aggregate": aggregate, "assemblies": [ROOT] }],
    });
    moved(&mut document, "components", components);
    moved(&mut document, "dependencies", dependencies);
    document
}

/// Whether a component is no part of another itself.
fn is_outermost(inventory: &Inventory, id: ComponentId) -> bool {
    inventory
        .component(id)
        .is_some_and(|component| component.owner.is_none())
}

fn reference(component: &Component) -> String {
    let fingerprint = fingerprint(component);
    match &component.purl {
        Some(purl) => format!("{purl}#{fingerprint}"),
        None => format!("{}:{}#{fingerprint}", component.kind, component.name),
    }
}

fn of_distribution(distribution: &DistributionFact) -> Vec<Value> {
    let codename = distribution.codename.clone().unwrap_or_default();
    let fields = [
        ("kiln:id-like", distribution.id_like.join(" ")),
        ("kiln:version-codename", codename),
    ];
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| json!({ "name": name, "value": plain(&value) }))
        .collect()
}

fn entry(
    inventory: &Inventory,
    component: &Component,
    reference: &str,
    owner: Option<&str>,
) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    let kind = match is_application(component) {
        true => "application",
        false => "library",
    };
    put("type", kind.into());
    put("bom-ref", reference.into());
    if let Some(party) = supplier(component) {
        let mut supplier = json!({ "name": plain(&party.name) });
        if let (Some(email), Some(fields)) = (&party.email, supplier.as_object_mut())
            && is_email(email)
        {
            fields.insert("contact".to_owned(), json!([{ "email": email }]));
        }
        put("supplier", supplier);
    }
    put("name", plain(&component.name).into());
    if !component.version.is_empty() {
        put("version", plain(&component.version).into());
    }
    if let Some(summary) = &component.summary {
        put("description", plain(summary).into());
    }
    if let Some(digest) = component.sha256 {
        put(
            "hashes",
            json!([{ "alg": "SHA-256", "content": digest.hex() }]),
        );
    }
    if let Some(licences) = licences(&component.licences) {
        put("licenses", licences);
    }
    if let Some(copyright) = &component.copyright {
        put("copyright", plain(copyright).into());
    }
    if let Some(purl) = &component.purl {
        put("purl", json!(purl));
    }
    let references = external_references(component);
    if !references.is_empty() {
        put("externalReferences", references.into());
    }
    if let Some(source) = built_source(component) {
        // Not among the components: it is not in the image.
        put(
            "pedigree",
            json!({ "ancestors": [ancestor(component, source)] }),
        );
    }
    let occurrences: Vec<Value> = component
        .evidence
        .iter()
        .map(|evidence| json!({ "location": plain(&evidence.path) }))
        .collect();
    if !occurrences.is_empty() {
        put("evidence", json!({ "occurrences": occurrences }));
    }
    put("properties", properties(inventory, component, owner).into());
    Value::Object(fields)
}

fn external_references(component: &Component) -> Vec<Value> {
    let mut references = Vec::new();
    if let Some(page) = component.homepage.as_deref().filter(|page| is_url(page)) {
        references.push(json!({ "type": "website", "url": page }));
    }
    let download = component
        .origin
        .as_ref()
        .and_then(|origin| origin.download.as_deref());
    if let Some(url) = download.filter(|url| is_url(url)) {
        references.push(json!({ "type": "distribution", "url": url }));
    }
    references
}

/// The source package that a package was built from.
fn ancestor(component: &Component, source: &SourcePackage) -> Value {
    let mut ancestor = json!({
        "type": "library",
        "name": plain(&source.name),
        "version": plain(&source.version),
    });
    let namespace = component.purl.as_ref().and_then(Purl::namespace);
    let purl = Purl::new(
        component.kind.as_str(),
        namespace,
        &source.name,
        Some(&source.version),
    )
    .and_then(|purl| purl.with("arch", "source"));
    if let (Ok(purl), Some(fields)) = (purl, ancestor.as_object_mut()) {
        fields.insert("purl".to_owned(), json!(purl));
    }
    ancestor
}

fn properties(inventory: &Inventory, component: &Component, owner: Option<&str>) -> Vec<Value> {
    let mut properties = Vec::new();
    let mut add = |name: &str, value: &str| {
        properties.push(json!({ "name": name, "value": plain(value) }));
    };
    add("kiln:kind", component.kind.as_str());
    if let Some(source) = &component.source {
        // The one way in which Trivy is told; others read it in the package URL.
        add("aquasecurity:trivy:SrcName", &source.name);
        add("aquasecurity:trivy:SrcVersion", &source.version);
    }
    if let Some(owner) = owner {
        add("kiln:owner", owner);
    }
    for evidence in &component.evidence {
        let layer = evidence
            .layer
            .and_then(|layer| usize::try_from(layer).ok())
            .and_then(|layer| inventory.subject.layers.get(layer));
        if let Some(layer) = layer {
            add("kiln:layer", &layer.diff_id.to_string());
        }
    }
    if let Some(origin) = &component.origin {
        add("kiln:archive", &origin.archive);
        add("kiln:suite", &origin.suite);
        add("kiln:path", &origin.path);
        add("kiln:size", &origin.size.to_string());
    }
    for (name, value) in &component.properties {
        add(&format!("kiln:{name}"), value);
    }
    properties.dedup();
    properties
}

/// Whether the schema's format `idn-email` takes it.
fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.contains('.')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"@.+-_".contains(&byte))
    })
}

/// An identifier, a name with its text, or an expression: never mixed.
fn licences(licences: &Licences) -> Option<Value> {
    let expression = licences.expression.as_deref()?;
    if let Some(text) = licences.texts.get(expression) {
        let text = json!({ "contentType": "text/plain", "content": plain(&text.text) });
        return Some(json!([{ "license": { "name": expression, "text": text } }]));
    }
    let is_one = !expression.contains([' ', '(']) && !expression.ends_with('+');
    Some(match is_one {
        true => json!([{ "license": { "id": expression } }]),
        false => json!([{ "expression": expression }]),
    })
}
