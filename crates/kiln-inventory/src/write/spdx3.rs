//! SPDX 3.0.1 as JSON-LD (spdx.github.io/spdx-spec/v3.0.1): profiles core, software and
//! simpleLicensing.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Component, ComponentId, Inventory, LicenceText};
use serde_json::{Map, Value, json};

use super::party::{Party, organisation, supplier};
use super::spdx::{built_from, built_source, is_url, namespace, origin, plain};
use super::{
    DocumentOptions, comment, fingerprint, is_application, moved, root_licence, root_supplier,
    root_version,
};

const CREATION: &str = "_:creationinfo";

/// The document.
#[must_use]
pub fn spdx3(inventory: &Inventory, options: &DocumentOptions) -> Value {
    let mut graph = Graph {
        namespace: namespace(inventory),
        elements: Vec::new(),
        agents: BTreeMap::new(),
        licences: BTreeMap::new(),
        texts: BTreeSet::new(),
    };
    let kiln = graph.agent(&organisation("kiln"));
    let root = graph.id("image");
    let mut packages = vec![root.clone()];
    graph.root(&root, inventory, options);
    if let Some(expression) = root_licence(inventory) {
        let licence = graph.licence(&expression, &BTreeMap::new());
        graph.relation(&root, "hasDeclaredLicense", std::slice::from_ref(&licence));
        graph.relation(&root, "hasConcludedLicense", &[licence]);
    }
    let ids: Vec<String> = inventory
        .components
        .iter()
        .map(|component| graph.id(&format!("package-{}", fingerprint(component))))
        .collect();
    let id_of = |id: &ComponentId| {
        usize::try_from(id.0)
            .ok()
            .and_then(|place| ids.get(place))
            .cloned()
    };
    let mut contained: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (component, id) in inventory.components.iter().zip(&ids) {
        graph.package(component, id);
        packages.push(id.clone());
        let owner = component.owner.as_ref().and_then(id_of);
        let owner = owner.unwrap_or_else(|| root.clone());
        contained.entry(owner).or_default().push(id.clone());
        let needed: Vec<String> = component.depends.iter().filter_map(id_of).collect();
        graph.relation(id, "dependsOn", &needed);
        if let Some(expression) = &component.licences.expression {
            let licence = graph.licence(expression, &component.licences.texts);
            graph.relation(id, "hasDeclaredLicense", std::slice::from_ref(&licence));
            graph.relation(id, "hasConcludedLicense", &[licence]);
        }
    }
    graph.sources(inventory, &ids, &mut packages);
    for (owner, parts) in contained {
        graph.relation(&owner, "contains", &parts);
    }
    graph.finish(inventory, options, &kiln, &root, &packages)
}

/// Elements in the order of their making, agents and licences once each.
struct Graph {
    namespace: String,
    elements: Vec<Value>,
    agents: BTreeMap<String, String>,
    licences: BTreeMap<String, String>,
    texts: BTreeSet<String>,
}

impl Graph {
    fn id(&self, name: &str) -> String {
        format!("{}#{name}", self.namespace)
    }

    fn agent(&mut self, party: &Party) -> String {
        let name = plain(&party.spdx());
        if let Some(id) = self.agents.get(&name) {
            return id.clone();
        }
        let id = self.id(&format!("agent-{}", self.agents.len()));
        let kind = if party.is_person {
            "Person"
        } else {
            "Organization"
        };
        let mut element = json!({
            "type": kind,
            "spdxId": id,
            "creationInfo": CREATION,
            "name": plain(&party.name),
        });
        if let (Some(email), Some(fields)) = (&party.email, element.as_object_mut()) {
            let identifier = json!([{
                "type": "ExternalIdentifier",
                "externalIdentifierType": "email",
                "identifier": plain(email),
            }]);
            fields.insert("externalIdentifier".to_owned(), identifier);
        }
        self.elements.push(element);
        self.agents.insert(name, id.clone());
        id
    }

    fn licence(&mut self, expression: &str, known: &BTreeMap<String, LicenceText>) -> String {
        if let Some(id) = self.licences.get(expression) {
            return id.clone();
        }
        let id = self.id(&format!("licence-{}", self.licences.len()));
        // What the references in the expression stand for: a text each.
        let mut texts = Vec::new();
        for (reference, text) in known {
            let text_id = self.id(&format!("text-{reference}"));
            texts.push(json!({
                "type": "DictionaryEntry",
                "key": reference,
                "value": text_id,
            }));
            if self.texts.insert(text_id.clone()) {
                self.elements.push(json!({
                    "type": "simplelicensing_SimpleLicensingText",
                    "spdxId": text_id,
                    "creationInfo": CREATION,
                    "name": plain(&text.name),
                    "simplelicensing_licenseText": plain(&text.text),
                }));
            }
        }
        let mut element = json!({
            "type": "simplelicensing_LicenseExpression",
            "spdxId": id,
            "creationInfo": CREATION,
            "simplelicensing_licenseExpression": expression,
        });
        if let Some(fields) = element.as_object_mut().filter(|_| !texts.is_empty()) {
            fields.insert("simplelicensing_customIdToUri".to_owned(), texts.into());
        }
        self.elements.push(element);
        self.licences.insert(expression.to_owned(), id.clone());
        id
    }

    fn relation(&mut self, from: &str, kind: &str, to: &[String]) {
        if to.is_empty() {
            return;
        }
        let id = self.id(&format!("relation-{}", self.elements.len()));
        self.elements.push(json!({
            "type": "Relationship",
            "spdxId": id,
            "creationInfo": CREATION,
            "from": from,
            "relationshipType": kind,
            "to": to,
            "completeness": "noAssertion",
        }));
    }

    fn root(&mut self, id: &str, inventory: &Inventory, options: &DocumentOptions) {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        put("type", "software_Package".into());
        put("spdxId", id.into());
        put("creationInfo", CREATION.into());
        put("name", plain(&inventory.subject.name).into());
        put("software_packageVersion", root_version(inventory).into());
        put("software_primaryPurpose", "container".into());
        let text = "Each component of the image has its own; see their entries.";
        put("software_copyrightText", text.into());
        if let Some(digest) = inventory.subject.manifest {
            put("verifiedUsing", json!([hash(&digest.hex())]));
        }
        if let Some(name) = root_supplier(inventory, options) {
            let agent = self.agent(&organisation(&name));
            fields.insert("suppliedBy".to_owned(), agent.into());
        }
        self.elements.push(Value::Object(fields));
    }

    fn package(&mut self, component: &Component, id: &str) {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        let purpose = match is_application(component) {
            true => "application",
            false => "library",
        };
        put("type", "software_Package".into());
        put("spdxId", id.into());
        put("creationInfo", CREATION.into());
        put("name", plain(&component.name).into());
        if !component.version.is_empty() {
            put("software_packageVersion", plain(&component.version).into());
        }
        if let Some(purl) = &component.purl {
            put("software_packageUrl", json!(purl));
        }
        put("software_primaryPurpose", purpose.into());
        if let Some(text) = &component.copyright {
            put("software_copyrightText", plain(text).into());
        }
        if let Some(text) = &component.summary {
            put("summary", plain(text).into());
        }
        if let Some(page) = component.homepage.as_deref().filter(|page| is_url(page)) {
            put("software_homePage", page.into());
        }
        let made = built_from(component);
        if !made.is_empty() {
            put("software_sourceInfo", plain(&made).into());
        }
        let known = origin(component);
        if !known.is_empty() {
            put("comment", plain(&known).into());
        }
        let download = component
            .origin
            .as_ref()
            .and_then(|origin| origin.download.as_deref());
        if let Some(url) = download.filter(|url| is_url(url)) {
            put("software_downloadLocation", url.into());
        }
        if let Some(digest) = component.sha256 {
            put("verifiedUsing", json!([hash(&digest.hex())]));
        }
        if let Some(party) = supplier(component) {
            let agent = self.agent(&party);
            fields.insert("suppliedBy".to_owned(), agent.into());
        }
        self.elements.push(Value::Object(fields));
    }

    /// The source packages of what kiln installed, each once, and what was generated from them.
    fn sources(&mut self, inventory: &Inventory, ids: &[String], packages: &mut Vec<String>) {
        let mut generated: BTreeMap<(&str, &str), (&Component, Vec<String>)> = BTreeMap::new();
        for (component, id) in inventory.components.iter().zip(ids) {
            if let Some(source) = built_source(component) {
                let key = (source.name.as_str(), source.version.as_str());
                let (_, products) = generated.entry(key).or_insert((component, Vec::new()));
                products.push(id.clone());
            }
        }
        for (place, ((name, version), (component, products))) in generated.into_iter().enumerate() {
            let id = self.id(&format!("source-{place}"));
            let mut element = json!({
                "type": "software_Package",
                "spdxId": id,
                "creationInfo": CREATION,
                "name": plain(name),
                "software_packageVersion": plain(version),
                "software_primaryPurpose": "source",
                "comment": "The source package of packages in the image; it is not in the image itself.",
            });
            if let (Some(party), Some(fields)) = (supplier(component), element.as_object_mut()) {
                fields.insert("suppliedBy".to_owned(), self.agent(&party).into());
            }
            self.elements.push(element);
            self.relation(&id, "generates", &products);
            packages.push(id);
        }
    }

    fn finish(
        mut self,
        inventory: &Inventory,
        options: &DocumentOptions,
        kiln: &str,
        root: &str,
        packages: &[String],
    ) -> Value {
        let kind = match inventory.built {
            Some(_) => "build",
            None => "analyzed",
        };
        let (document, bill, tool) = (self.id("document"), self.id("sbom"), self.id("tool"));
        let mut graph = vec![
            json!({
                "type": "CreationInfo",
                "@id": CREATION,
                "specVersion": "3.0.1",
                "created": options.created.to_string(),
                "createdBy": [kiln],
                "createdUsing": [tool],
            }),
            json!({
                "type": "Tool",
                "spdxId": tool,
                "creationInfo": CREATION,
                "name": format!("kiln-{}", options.tool_version),
            }),
        ];
        graph.append(&mut self.elements);
        graph.push(json!({
            "type": "software_Sbom",
            "spdxId": bill,
            "creationInfo": CREATION,
            "rootElement": [root],
            "element": packages,
            "software_sbomType": [kind],
        }));
        let elements: BTreeSet<String> = graph
            .iter()
            .filter_map(|element| element.get("spdxId").and_then(Value::as_str))
            .map(str::to_owned)
            .collect();
        graph.push(json!({
            "type": "SpdxDocument",
            "spdxId": document,
            "creationInfo": CREATION,
            "name": plain(&inventory.subject.name),
            "comment": comment(inventory),
            "profileConformance": ["core", "software", "simpleLicensing"],
            "rootElement": [bill],
            "element": elements,
        }));
        let mut document = json!({
            "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
            "@graph": [],
        });
        moved(&mut document, "@graph", graph);
        document
    }
}

fn hash(hex: &str) -> Value {
    json!({ "type": "Hash", "algorithm": "sha256", "hashValue": hex })
}
