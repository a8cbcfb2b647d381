//! What build services read: GitLab's container scanning report (schema 15), and JUnit.

use std::fmt::Write as _;

use kiln_types::{Findings, RiskLevel};
use serde_json::{Value, json};

use super::sarif::link;
use super::{cure, escape, remedy};

/// GitLab's report. It has no place for suppressed findings, which are left out.
#[must_use]
pub fn gitlab(findings: &Findings, version: &str) -> Value {
    let system = findings.distribution.as_ref().map_or_else(
        || "unknown".to_owned(),
        |found| {
            let version = found.version.as_deref().unwrap_or_default();
            format!("{} {version}", found.id).trim_end().to_owned()
        },
    );
    let list: Vec<Value> = findings
        .active()
        .map(|finding| {
            let id = &finding.vulnerability.id;
            let level = match finding.level {
                RiskLevel::Critical => "Critical",
                RiskLevel::High => "High",
                RiskLevel::Medium => "Medium",
                RiskLevel::Low => "Low",
                RiskLevel::Negligible => "Info",
                RiskLevel::Unknown => "Unknown",
            };
            let kind = match id.split('-').next() {
                Some("CVE") => "cve",
                Some("GHSA") => "ghsa",
                _ => "osv",
            };
            json!({
                "id": format!("{}:{}:{}:{id}", finding.kind, finding.package, finding.version),
                "name": format!("{id} in {}", finding.package),
                "description": finding.vulnerability.summary,
                "severity": level,
                "solution": match &finding.fixed_version {
                    Some(fixed) => format!("Upgrade {} to {fixed}", finding.package),
                    None => format!("No fix: {}", remedy(finding)),
                },
                "identifiers": [{ "type": kind, "name": id, "value": id, "url": link(id) }],
                "links": [{ "url": link(id) }],
                "location": {
                    "dependency": {
                        "package": { "name": finding.package },
                        "version": finding.version,
                    },
                    "operating_system": system,
                    "image": findings.subject.name,
                },
            })
        })
        .collect();
    let scanner = json!({
        "id": "kiln",
        "name": "kiln",
        "version": version,
        "vendor": { "name": "kiln" },
    });
    // The time of the data, not of the clock: the same scan gives the same report.
    let date = findings.database.built.to_string();
    let date = date.trim_end_matches('Z');
    json!({
        "version": "15.0.7",
        "scan": {
            "analyzer": scanner,
            "scanner": scanner,
            "type": "container_scanning",
            "start_time": date,
            "end_time": date,
            "status": "success",
        },
        "vulnerabilities": list,
    })
}

/// JUnit: one case a finding; suppressed ones are skipped, and what the database is blind to fails.
#[must_use]
pub fn junit(findings: &Findings) -> String {
    let failures = findings.active().count() + findings.blind.len();
    let total = findings.findings.len() + findings.blind.len();
    let skipped = findings.suppressed().count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escape(&findings.subject.name);
    let _ = writeln!(
        out,
        "<testsuites><testsuite name=\"{name}\" tests=\"{total}\" failures=\"{failures}\" skipped=\"{skipped}\">"
    );
    for finding in &findings.findings {
        let class = escape(&format!("{} {}", finding.package, finding.version));
        let id = escape(&finding.vulnerability.id);
        let level = finding.level;
        let remedy = escape(&cure(finding));
        let body = match finding.suppressed {
            Some(_) => format!("<skipped message=\"{remedy}\"/>"),
            None => format!("<failure type=\"{level}\" message=\"{remedy}\"/>"),
        };
        let _ = writeln!(
            out,
            "  <testcase classname=\"{class}\" name=\"{id} ({level})\">{body}</testcase>"
        );
    }
    for blind in &findings.blind {
        let ecosystem = escape(&blind.ecosystem);
        let reason = escape(&blind.reason);
        let _ = writeln!(
            out,
            "  <testcase classname=\"{ecosystem}\" name=\"advisories\"><failure type=\"blind\" message=\"{reason}\"/></testcase>"
        );
    }
    out.push_str("</testsuite></testsuites>\n");
    out
}
