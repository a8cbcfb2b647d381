//! SPDX 2.3 as JSON (spdx.github.io/spdx-spec/v2.3).

use std::collections::BTreeMap;

use kiln_types::{Component, Digest, DistributionFact, Inventory, PackageOrigin, SourcePackage};
use serde_json::{Value, json};

use super::party::{organisation, supplier};
use super::{
    DocumentOptions, comment, content_digest, fingerprint, is_application, is_of, moved, release,
    root_licence, root_supplier, root_version,
};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-Image";

/// The document.
#[must_use]
pub fn spdx(inventory: &Inventory, options: &DocumentOptions) -> Value {
    let ids: Vec<String> = inventory.components.iter().map(id).collect();
    let id_of = |place: usize| ids.get(place).cloned().unwrap_or_default();
    let mut packages = vec![root(inventory, options)];
    let mut relations = vec![relation(DOCUMENT, "DESCRIBES", ROOT)];
    let system = inventory
        .distribution
        .as_ref()
        .map(|distribution| (distribution, system_id(distribution)));
    if let Some((distribution, id)) = &system {
        packages.push(system_package(id, distribution));
        relations.push(relation(ROOT, "CONTAINS", id));
    }
    let mut texts = BTreeMap::new();
    let mut sources = BTreeMap::new();
    for (component, own) in inventory.components.iter().zip(&ids) {
        packages.push(package(component, own));
        let owner = component.owner.map(|owner| id_of(place(owner)));
        // What is in the distribution is told by what contains it.
        let system = system
            .as_ref()
            .filter(|(distribution, _)| is_of(component, distribution));
        let parent = owner
            .as_deref()
            .or(system.map(|(_, id)| id.as_str()))
            .unwrap_or(ROOT);
        relations.push(relation(parent, "CONTAINS", own));
        for needed in &component.depends {
            relations.push(relation(own, "DEPENDS_ON", &id_of(place(*needed))));
        }
        for (id, text) in &component.licences.texts {
            texts.entry(id).or_insert(text);
        }
        if let Some(source) = built_source(component) {
            let id = source_id(source);
            relations.push(relation(own, "GENERATED_FROM", &id));
            sources.entry(id).or_insert((source, component));
        }
    }
    packages.extend(
        sources
            .into_iter()
            .map(|(id, (source, component))| source_package(&id, source, component)),
    );
    let infos: Vec<Value> = texts
        .into_iter()
        .map(|(id, text)| {
            json!({ "licenseId": id, "name": plain(&text.name), "extractedText": plain(&text.text) })
        })
        .collect();
    let name = &inventory.subject.name;
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": plain(name),
        "documentNamespace": namespace(inventory),
        "creationInfo": {
            "created": options.created.to_string(),
            "creators": ["Organization: kiln", format!("Tool: kiln-{}", options.tool_version)],
            "licenseListVersion": list_version(),
        },
        "comment": format!("SBOM Type: {}. {}", kind(inventory), comment(inventory)),
        "documentDescribes": [ROOT],
        "packages": [],
        "relationships": [],
    });
    moved(&mut document, "packages", packages);
    moved(&mut document, "relationships", relations);
    if !infos.is_empty()
        && let Some(document) = document.as_object_mut()
    {
        document.insert("hasExtractedLicensingInfos".to_owned(), infos.into());
    }
    document
}

fn place(id: kiln_types::ComponentId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}

/// In the words of CISA's types of bills of materials.
const fn kind(inventory: &Inventory) -> &'static str {
    match inventory.built {
        Some(_) => "Build",
        None => "Analyzed",
    }
}

/// The source package of a component that kiln installed.
pub(super) fn built_source(component: &Component) -> Option<&SourcePackage> {
    component.origin.as_ref().and(component.source.as_ref())
}

fn source_id(source: &SourcePackage) -> String {
    let key = format!("{}\0{}", source.name, source.version);
    let fingerprint: String = Digest::of(key.as_bytes()).hex().chars().take(16).collect();
    let name: String = source
        .name
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'))
        .take(60)
        .collect();
    format!("SPDXRef-Source-{name}-{fingerprint}")
}

/// Trivy tells a distribution by how its identifier begins.
fn system_id(distribution: &DistributionFact) -> String {
    let name: String = distribution
        .id
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-'))
        .take(60)
        .collect();
    format!("SPDXRef-OperatingSystem-{name}")
}

/// The distribution, which contains its packages: without it Trivy asks no advisories about them.
fn system_package(id: &str, distribution: &DistributionFact) -> Value {
    let name = plain(&distribution.id);
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "supplier": organisation(&name).spdx(),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
    });
    let texts = [
        ("versionInfo", release(distribution)),
        ("summary", distribution.pretty_name.as_deref()),
    ];
    for (name, text) in texts {
        if let (Some(text), Some(fields)) = (text, package.as_object_mut()) {
            fields.insert(name.to_owned(), plain(text).into());
        }
    }
    package
}

/// What a package was built from. It has no package URL: it is not in the image, and readers that
/// look for vulnerabilities would count it besides its binary packages.
fn source_package(id: &str, source: &SourcePackage, component: &Component) -> Value {
    let supplier =
        supplier(component).map_or_else(|| "NOASSERTION".to_owned(), |party| party.spdx());
    json!({
        "SPDXID": id,
        "name": plain(&source.name),
        "versionInfo": plain(&source.version),
        "supplier": plain(&supplier),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "SOURCE",
        "comment": "The source package of packages in the image; it is not in the image itself.",
    })
}

/// The version of the list of licences, in the two numbers that SPDX asks for.
fn list_version() -> String {
    let version = spdx::license_version();
    let mut parts = version.trim_start_matches('v').split('.');
    let mut number = || parts.next().unwrap_or("0").to_owned();
    format!("{}.{}", number(), number())
}

/// The document's own address; the specification wants one that nobody else uses, not one that
/// answers.
pub(super) fn namespace(inventory: &Inventory) -> String {
    let name: String = inventory
        .subject
        .name
        .chars()
        .map(
            |letter| match letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-') {
                true => letter,
                false => '-',
            },
        )
        .take(80)
        .collect();
    format!(
        "https://spdx.org/spdxdocs/kiln-{name}-{}",
        content_digest(inventory).hex()
    )
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

pub(super) fn id(component: &Component) -> String {
    let name: String = component
        .name
        .chars()
        .map(
            |letter| match letter.is_ascii_alphanumeric() || letter == '.' {
                true => letter,
                false => '-',
            },
        )
        .take(60)
        .collect();
    format!(
        "SPDXRef-Package-{}-{name}-{}",
        component.kind,
        fingerprint(component)
    )
}

fn root(inventory: &Inventory, options: &DocumentOptions) -> Value {
    let supplier = match root_supplier(inventory, options) {
        Some(name) => organisation(&name).spdx(),
        None => "NOASSERTION".to_owned(),
    };
    let licence = root_licence(inventory).unwrap_or_else(|| "NOASSERTION".to_owned());
    let mut root = json!({
        "SPDXID": ROOT,
        "name": plain(&inventory.subject.name),
        "versionInfo": root_version(inventory),
        "supplier": supplier,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "Each component of the image has its own; see their entries.",
        "primaryPackagePurpose": "CONTAINER",
    });
    if let Some(digest) = inventory.subject.manifest
        && let Some(root) = root.as_object_mut()
    {
        let checksum = json!([{ "algorithm": "SHA256", "checksumValue": digest.hex() }]);
        root.insert("checksums".to_owned(), checksum);
    }
    root
}

fn package(component: &Component, id: &str) -> Value {
    let licence = component
        .licences
        .expression
        .as_deref()
        .unwrap_or("NOASSERTION");
    let supplier =
        supplier(component).map_or_else(|| "NOASSERTION".to_owned(), |party| party.spdx());
    let purpose = match is_application(component) {
        true => "APPLICATION",
        false => "LIBRARY",
    };
    let mut package = json!({
        "SPDXID": id,
        "name": plain(&component.name),
        "versionInfo": plain(&component.version),
        "supplier": plain(&supplier),
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": component.copyright.as_deref().map_or("NOASSERTION".to_owned(), plain),
        "sourceInfo": plain(&built_from(component)),
        "comment": plain(&origin(component)),
        "primaryPackagePurpose": purpose,
    });
    let Some(fields) = package.as_object_mut() else {
        return package;
    };
    for name in ["versionInfo", "sourceInfo", "comment"] {
        if fields.get(name).and_then(Value::as_str) == Some("") {
            fields.remove(name);
        }
    }
    if let Some(summary) = &component.summary {
        fields.insert("summary".to_owned(), plain(summary).into());
    }
    if let Some(page) = component.homepage.as_deref().filter(|page| is_url(page)) {
        fields.insert("homepage".to_owned(), page.into());
    }
    if let Some(digest) = component.sha256 {
        let checksum = json!([{ "algorithm": "SHA256", "checksumValue": digest.hex() }]);
        fields.insert("checksums".to_owned(), checksum);
    }
    if let Some(origin) = &component.origin {
        if let Some(url) = origin.download.as_deref().filter(|url| is_url(url)) {
            fields.insert("downloadLocation".to_owned(), plain(url).into());
        }
        if let Some(name) = origin
            .path
            .rsplit('/')
            .next()
            .filter(|name| !name.is_empty())
        {
            fields.insert("packageFileName".to_owned(), plain(name).into());
        }
    }
    if let Some(purl) = &component.purl {
        let reference = json!([{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl,
        }]);
        fields.insert("externalRefs".to_owned(), reference);
    }
    package
}

/// What it was built from, in Trivy's words and nothing else: Trivy takes all that follows the name for
/// the version.
pub(super) fn built_from(component: &Component) -> String {
    component
        .source
        .as_ref()
        .map_or_else(String::new, |source| {
            format!("built package from: {} {}", source.name, source.version)
        })
}

/// How it came to be known. The names of the image come last, so that none of them can pass for what
/// stands before.
pub(super) fn origin(component: &Component) -> String {
    const SHOWN: usize = 20;
    let mut parts = Vec::new();
    if let Some(origin) = &component.origin {
        parts.push(format!("installed from {}", whence(origin)));
    }
    let evidence = component.evidence.iter().take(SHOWN);
    let mut paths: Vec<&str> = evidence.map(|evidence| evidence.path.as_str()).collect();
    if component.evidence.len() > SHOWN {
        paths.push("…");
    }
    if !paths.is_empty() {
        parts.push(format!("known from: {}", paths.join(", ")));
    }
    parts.join("; ")
}

/// Where a package file came from, in one line.
fn whence(origin: &PackageOrigin) -> String {
    [
        origin.archive.as_str(),
        origin.suite.as_str(),
        origin.path.as_str(),
    ]
    .into_iter()
    .filter(|part| !part.is_empty())
    .collect::<Vec<_>>()
    .join(" ")
}

/// Whether a text is an address that every reader of SPDX takes.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte))
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
    })
}

/// Text without characters that make documents unreadable.
pub(super) fn plain(text: &str) -> String {
    // Control characters are below the blank, or 7f, or begin with c2 in UTF-8.
    let may_be = |byte: u8| matches!(byte, ..0x20 | 0x7f | 0xc2) && !matches!(byte, b'\n' | b'\t');
    if !text.bytes().any(may_be) {
        return text.to_owned();
    }
    text.chars()
        .filter(|letter| !letter.is_control() || matches!(letter, '\n' | '\t'))
        .collect()
}
