//! What build services read: GitLab's container scanning report (schema 15), and JUnit.

use std::fmt::Write as _;

use kiln_types::{Finding, Findings, RiskLevel};
use serde_json::{Value, json};

use super::sarif::link;
use super::{cure, escape, is_day_known, is_known, not_known, notes, remedy, shortened};

/// Characters of a name, a solution and a description: GitLab refuses a report that has a longer one.
const LONGEST_NAME: usize = 255;
const LONGEST_SOLUTION: usize = 7_000;
const LONGEST_DESCRIPTION: usize = 1 << 20;

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
                "name": shortened(&format!("{id} in {}", finding.package), LONGEST_NAME),
                "description": shortened(&description(finding), LONGEST_DESCRIPTION),
                "severity": level,
                "solution": shortened(&solution(finding), LONGEST_SOLUTION),
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
    let mut scan = json!({
        "analyzer": scanner,
        "scanner": scanner,
        "type": "container_scanning",
        "start_time": date,
        "end_time": date,
        // An empty list of a scan that succeeded says that there is nothing.
        "status": if is_known(findings) { "success" } else { "failure" },
    });
    let messages: Vec<Value> = [("info", notes(findings)), ("warn", not_known(findings))]
        .into_iter()
        .flat_map(|(level, lines)| {
            let message = move |line| json!({ "level": level, "value": line });
            lines.into_iter().map(message)
        })
        .collect();
    if let (false, Some(scan)) = (messages.is_empty(), scan.as_object_mut()) {
        scan.insert("messages".to_owned(), messages.into());
    }
    json!({ "version": "15.0.7", "scan": scan, "vulnerabilities": list })
}

fn solution(finding: &Finding) -> String {
    match &finding.fixed_version {
        Some(fixed) => format!("Upgrade {} to {fixed}", finding.package),
        None => format!("No fix: {}", remedy(finding)),
    }
}

/// What it is; of many vulnerabilities a distribution says nothing but that they are there.
fn description(finding: &Finding) -> String {
    match finding.vulnerability.summary.as_str() {
        "" => format!(
            "{} {} is affected by {} ({}): {}",
            finding.package,
            finding.version,
            finding.vulnerability.id,
            finding.level,
            cure(finding)
        ),
        summary => summary.to_owned(),
    }
}

/// JUnit: one case a finding; suppressed ones are skipped, and what is not known fails. An image with
/// nothing to act on has one case that passes, for a report without any says as little as none.
#[must_use]
pub fn junit(findings: &Findings) -> String {
    let mut unknown = not_known(findings);
    if !is_day_known(findings) {
        unknown.push("not known: no date says what was known on that day".to_owned());
    }
    let failures = findings.active().count() + unknown.len();
    let is_clean = failures == 0;
    let total = findings.findings.len() + unknown.len() + usize::from(is_clean);
    let skipped = findings.suppressed().count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let name = escape(&findings.subject.name);
    let _ = writeln!(
        out,
        "<testsuites><testsuite name=\"{name}\" tests=\"{total}\" failures=\"{failures}\" skipped=\"{skipped}\">"
    );
    let notes = notes(findings);
    if !notes.is_empty() {
        out.push_str("  <properties>\n");
        for note in notes {
            let note = escape(&note);
            let _ = writeln!(out, "    <property name=\"note\" value=\"{note}\"/>");
        }
        out.push_str("  </properties>\n");
    }
    if is_clean {
        let scope = escape(&findings.scope());
        let _ = writeln!(
            out,
            "  <testcase classname=\"{name}\" name=\"no vulnerability to act on in {scope}\"/>"
        );
    }
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
    for line in unknown {
        let line = escape(&line);
        let _ = writeln!(
            out,
            "  <testcase classname=\"{name}\" name=\"{line}\"><failure type=\"unknown\" message=\"{line}\"/></testcase>"
        );
    }
    out.push_str("</testsuite></testsuites>\n");
    out
}
