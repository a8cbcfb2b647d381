//! Markdown, for comments of build services.

use std::fmt::Write as _;

use kiln_types::Findings;

use super::sarif::link;
use super::{Group, remedy};

/// The report.
#[must_use]
pub fn markdown(findings: &Findings) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## {}\n", cell(&findings.subject.name));
    let _ = writeln!(
        out,
        "{} in {} components, by the advisories of {}.\n",
        findings.counts(),
        findings.components,
        findings.database.built
    );
    for blind in &findings.blind {
        let _ = writeln!(
            out,
            "> **Not known:** {} components of `{}`: {}\n",
            blind.components,
            cell(&blind.ecosystem),
            cell(&blind.reason)
        );
    }
    for group in Group::ALL {
        let list: Vec<_> = group.findings(findings).collect();
        if list.is_empty() {
            continue;
        }
        let last = match group {
            Group::Fixable => "fixed in",
            Group::NoFix | Group::Suppressed => "why",
        };
        let _ = writeln!(out, "### {} ({})\n", group.title(), list.len());
        let _ = writeln!(
            out,
            "| level | id | package | version | {last} |\n|---|---|---|---|---|"
        );
        for finding in list {
            let id = &finding.vulnerability.id;
            let _ = writeln!(
                out,
                "| {} ({}) | [{}]({}) | {} | {} | {} |",
                finding.level,
                cell(&finding.level_source),
                cell(id),
                link(&cell(id)),
                cell(&finding.package),
                cell(&finding.version),
                cell(&remedy(finding))
            );
        }
        out.push('\n');
    }
    out
}

/// Text that ends no cell, begins no tag and makes no link.
pub(crate) fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '[' | ']' | '<' | '>' | '`' | '*' | '_' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}
