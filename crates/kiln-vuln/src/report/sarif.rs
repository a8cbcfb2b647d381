//! SARIF 2.1.0. Each vulnerability is a rule; suppressed findings are results with `suppressions`.

use std::collections::BTreeMap;

use kiln_types::{Finding, Findings, RiskLevel};
use serde_json::{Value, json};

use super::{cure, is_known, not_known, notes, rated, score, shortened};

/// The document.
#[must_use]
pub fn sarif(findings: &Findings, version: &str) -> Value {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in &findings.findings {
        rules.entry(&finding.vulnerability.id).or_insert(finding);
    }
    let places: BTreeMap<&str, usize> = rules.keys().copied().zip(0..).collect();
    let results: Vec<Value> = findings
        .findings
        .iter()
        .map(|finding| result(findings, finding, &places))
        .collect();
    let run = json!({
        "tool": { "driver": {
            "name": "kiln",
            "version": version,
            "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
        }},
        "invocations": [invocation(findings)],
        "results": results,
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    })
}

/// Whether the results are the whole answer, and what a reader must know besides them. A run that
/// leaves something unknown has not succeeded, or no results would say that there is nothing.
fn invocation(findings: &Findings) -> Value {
    let notifications: Vec<Value> = [("note", notes(findings)), ("error", not_known(findings))]
        .into_iter()
        .flat_map(|(level, lines)| {
            let notification = move |line| json!({ "level": level, "message": { "text": line } });
            lines.into_iter().map(notification)
        })
        .collect();
    let mut out = json!({ "executionSuccessful": is_known(findings) });
    if let (false, Some(fields)) = (notifications.is_empty(), out.as_object_mut()) {
        fields.insert(
            "toolExecutionNotifications".to_owned(),
            notifications.into(),
        );
    }
    out
}

/// Characters of a description that GitHub takes.
const LONGEST: usize = 1024;

fn rule(finding: &Finding) -> Value {
    let vulnerability = &finding.vulnerability;
    let id = &vulnerability.id;
    let summary = shortened(
        match vulnerability.summary.as_str() {
            "" => id,
            summary => summary,
        },
        LONGEST,
    );
    let aliases: Vec<&str> = vulnerability.aliases.iter().map(String::as_str).collect();
    let known = match aliases.as_slice() {
        [] => id.clone(),
        aliases => format!("{id}, also known as {}", aliases.join(", ")),
    };
    // GitHub shows it beside each result, and takes no rule without one.
    let help = format!(
        "{known}. How bad it is: {}. More: {}",
        rated(finding),
        link(id)
    );
    let tenths = vulnerability
        .ratings
        .iter()
        .filter(|rating| Some(&rating.source) == finding.level_source.as_ref())
        .find_map(|rating| rating.score);
    // What GitHub sorts by: the score, or the middle of the level's band where there is none.
    let severity = tenths.map(score).unwrap_or_else(|| {
        match finding.level {
            RiskLevel::Critical => "9.5",
            RiskLevel::High => "8.0",
            RiskLevel::Medium => "5.5",
            RiskLevel::Low => "2.0",
            RiskLevel::Unknown => "5.0",
            RiskLevel::Negligible => "0.0",
        }
        .to_owned()
    });
    json!({
        "id": id,
        "shortDescription": { "text": summary },
        "fullDescription": { "text": summary },
        "help": { "text": help },
        "helpUri": link(id),
        "properties": {
            "tags": ["security", finding.level.to_string()],
            "security-severity": severity,
        },
    })
}

fn result(findings: &Findings, finding: &Finding, places: &BTreeMap<&str, usize>) -> Value {
    // One that nobody has rated may be anything, and must not hide among notes.
    let level = match finding.level {
        RiskLevel::Critical | RiskLevel::High => "error",
        RiskLevel::Medium | RiskLevel::Unknown => "warning",
        RiskLevel::Low | RiskLevel::Negligible => "note",
    };
    let place = finding
        .location
        .as_deref()
        .unwrap_or(&findings.subject.name);
    let mut result = json!({
        "ruleId": finding.vulnerability.id,
        "ruleIndex": places.get(finding.vulnerability.id.as_str()),
        "level": level,
        "message": { "text": format!(
            "{} {} is affected by {} ({}): {}",
            finding.package, finding.version, finding.vulnerability.id, finding.level, cure(finding),
        )},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(place) },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{
                "fullyQualifiedName": finding.purl.clone().unwrap_or_else(|| finding.package.clone()),
            }],
        }],
        "partialFingerprints": {
            "kiln/v1": format!(
                "{} {} {} {}",
                finding.kind, finding.package, finding.version, finding.vulnerability.id
            ),
        },
    });
    if let (Some(suppressed), Some(map)) = (&finding.suppressed, result.as_object_mut()) {
        map.insert(
            "suppressions".to_owned(),
            json!([{ "kind": "external", "justification": suppressed.reason() }]),
        );
    }
    result
}

/// A relative URI of a path.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~!+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Where more stands about an id.
pub(super) fn link(id: &str) -> String {
    format!("https://osv.dev/vulnerability/{id}")
}
