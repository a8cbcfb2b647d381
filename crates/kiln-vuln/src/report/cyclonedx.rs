//! CycloneDX 1.6 with vulnerabilities and their analysis (a VEX document).

use std::collections::BTreeMap;

use kiln_types::{Affected, Digest, Finding, Findings, FixState, RiskLevel, Suppression};
use serde_json::{Map, Value, json};

use super::sarif::link;
use super::{cure, is_known, not_known, notes};
use crate::vex::image_purl;

/// The document.
#[must_use]
pub fn cyclonedx_vex(findings: &Findings, version: &str) -> Value {
    let mut components: BTreeMap<String, &Finding> = BTreeMap::new();
    for finding in &findings.findings {
        components.insert(reference(finding), finding);
    }
    let components: Vec<Value> = components
        .iter()
        .map(|(reference, finding)| {
            let mut component = json!({
                "type": "library",
                "bom-ref": reference,
                "name": finding.package,
                "version": finding.version,
            });
            if let (Some(purl), Some(map)) = (&finding.purl, component.as_object_mut()) {
                map.insert("purl".to_owned(), json!(purl));
            }
            component
        })
        .collect();
    let vulnerabilities: Vec<Value> = findings.findings.iter().map(vulnerability).collect();
    let subject = &findings.subject;
    let mut image = json!({
        "type": "container",
        "bom-ref": "image",
        "name": subject.name,
    });
    if let Some(fields) = image.as_object_mut() {
        if let Some(digest) = subject.manifest.or(subject.config) {
            fields.insert("version".to_owned(), json!(digest));
        }
        if let Some(purl) = image_purl(subject) {
            fields.insert("purl".to_owned(), json!(purl));
        }
    }
    let unknown = not_known(findings);
    let told = notes(findings).into_iter().chain(unknown.iter().cloned());
    let told: Vec<Value> = told
        .map(|line| json!({ "name": "kiln:note", "value": line }))
        .collect();
    let mut metadata = json!({
        "timestamp": findings.database.built.to_string(),
        "tools": { "components": [{ "type": "application", "name": "kiln", "version": version }] },
        "component": image,
    });
    if let (false, Some(metadata)) = (told.is_empty(), metadata.as_object_mut()) {
        metadata.insert("properties".to_owned(), told.into());
    }
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": components,
        "vulnerabilities": vulnerabilities,
    });
    if let (false, Some(document)) = (is_known(findings), document.as_object_mut()) {
        let composition = json!({ "aggregate": "incomplete", "assemblies": ["image"] });
        document.insert("compositions".to_owned(), json!([composition]));
        let annotator = json!({ "component": {
            "type": "application", "name": "kiln", "version": version,
        }});
        let annotations: Vec<Value> = unknown
            .iter()
            .map(|line| {
                json!({
                    "subjects": ["image"],
                    "annotator": annotator,
                    "timestamp": findings.database.built.to_string(),
                    "text": line,
                })
            })
            .collect();
        if !annotations.is_empty() {
            document.insert("annotations".to_owned(), annotations.into());
        }
    }
    let serial = Digest::of(document.to_string().as_bytes()).uuid_urn();
    if let Some(document) = document.as_object_mut() {
        document.insert("serialNumber".to_owned(), serial.into());
    }
    document
}

/// One for each component, so that it can be named.
fn reference(finding: &Finding) -> String {
    format!("component-{}", finding.component.0)
}

fn vulnerability(finding: &Finding) -> Value {
    let found = &finding.vulnerability;
    let ratings: Vec<Value> = found
        .ratings
        .iter()
        .map(|rating| {
            let mut out = Map::new();
            out.insert("source".to_owned(), json!({ "name": rating.source }));
            let level = match rating.level {
                RiskLevel::Negligible => "none",
                level => level.as_str(),
            };
            out.insert("severity".to_owned(), json!(level));
            if let Some(score) = rating.score {
                out.insert("score".to_owned(), json!(f64::from(score) / 10.0));
            }
            if let Some(vector) = &rating.vector {
                let method = match vector.get(..8) {
                    Some("CVSS:4.0") => "CVSSv4",
                    Some("CVSS:3.1") => "CVSSv31",
                    Some("CVSS:3.0") => "CVSSv3",
                    _ => "CVSSv2",
                };
                out.insert("method".to_owned(), json!(method));
                out.insert("vector".to_owned(), json!(vector));
            }
            Value::Object(out)
        })
        .collect();
    let mut analysis = Map::new();
    let state = match (&finding.suppressed, finding.affected) {
        (Some(Suppression::Owner { .. } | Suppression::Unimportant { .. }), _) => "not_affected",
        (Some(Suppression::Vex { status, .. }), _) if status == "fixed" => "resolved",
        (Some(Suppression::Vex { .. } | Suppression::Informational { .. }), _) => "not_affected",
        (Some(Suppression::Undetermined { .. }), _) | (None, Affected::Unknown) => "in_triage",
        // What a policy allows is still there.
        (Some(Suppression::Allowed { .. }) | None, _) => "exploitable",
    };
    analysis.insert("state".to_owned(), json!(state));
    analysis.insert("detail".to_owned(), json!(cure(finding)));
    if finding.is_fixable() {
        analysis.insert("response".to_owned(), json!(["update"]));
    } else if finding.state == FixState::WontFix {
        analysis.insert("response".to_owned(), json!(["will_not_fix"]));
    }
    json!({
        "id": found.id,
        "source": source(&found.id),
        "references": found.aliases.iter().map(|alias| json!({
            "id": alias,
            "source": source(alias),
        })).collect::<Vec<_>>(),
        "ratings": ratings,
        "description": found.summary,
        "analysis": analysis,
        "affects": [{ "ref": reference(finding) }],
    })
}

/// Whose id it is, by how it begins, and where more stands about it.
fn source(id: &str) -> Value {
    let prefix = id.split_once('-').map_or(id, |(prefix, _)| prefix);
    let name = match prefix {
        "GHSA" => "GitHub Advisory Database",
        "GO" => "Go Vulnerability Database",
        "PYSEC" => "Python Packaging Advisory Database",
        "RUSTSEC" => "RustSec Advisory Database",
        "DSA" | "DLA" | "TEMP" | "DEBIAN" => "Debian",
        "USN" | "UBUNTU" => "Ubuntu",
        "CGA" => "Chainguard",
        other => other,
    };
    json!({ "name": name, "url": link(id) })
}
