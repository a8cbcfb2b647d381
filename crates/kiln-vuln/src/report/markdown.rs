//! Markdown, for comments of build services.

use std::fmt::Write as _;

use kiln_types::Findings;

use super::sarif::link;
use super::{Group, notes, place, rated, remedy};

/// The report.
#[must_use]
pub fn markdown(findings: &Findings) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## {}\n", cell(&findings.subject.name));
    let _ = writeln!(
        out,
        "{} in {}, by the advisories of {}.\n",
        findings.all_counts(),
        findings.scope(),
        findings.database.built
    );
    for line in notes(findings) {
        let _ = writeln!(out, "> {}\n", cell(&line));
    }
    for blind in &findings.blind {
        let _ = writeln!(
            out,
            "> **Not known:** {} components of {}: {}\n",
            blind.components,
            cell(&blind.ecosystem),
            cell(&blind.reason)
        );
    }
    for missed in &findings.incomplete {
        let (place, reason) = (cell(&missed.place), cell(&missed.reason));
        let _ = writeln!(out, "> **Not read:** {place}: {reason}\n");
    }
    for group in Group::ALL {
        let list = group.findings(findings);
        if list.is_empty() {
            continue;
        }
        let last = match group {
            Group::Fixable => "fixed in",
            Group::NoFix | Group::Suppressed => "why",
        };
        let _ = writeln!(out, "### {} ({})\n", group.title(), list.len());
        let has_places = list.iter().any(|finding| place(finding).is_some());
        let (head, rule) = match has_places {
            true => (" where |", "---|"),
            false => ("", ""),
        };
        let _ = writeln!(
            out,
            "| level | id | package | version | {last} | exploited |{head}\n\
             |---|---|---|---|---|---|{rule}"
        );
        for finding in list {
            let id = &finding.vulnerability.id;
            let exploited = finding.vulnerability.exploited.as_ref();
            let exploited = exploited.map_or("", |exploited| exploited.added.as_str());
            let _ = write!(
                out,
                "| {} | [{}]({}) | {} | {} | {} | {} |",
                cell(&rated(finding)),
                cell(id),
                link(&cell(id)),
                cell(&finding.package),
                cell(&finding.version),
                cell(&remedy(finding)),
                cell(exploited)
            );
            if has_places {
                let _ = write!(out, " {} |", cell(place(finding).unwrap_or_default()));
            }
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

/// Text that ends no cell, begins no tag and makes no link.
pub(crate) fn cell(text: &str) -> String {
    // Without width, so that a build service makes no mention and no link of what an image says.
    const GAP: &str = "&#8203;";
    let mut out = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '&' => out.push_str("&amp;"),
            '@' => {
                out.push('@');
                out.push_str(GAP);
            }
            ':' if text
                .get(at + 1..)
                .is_some_and(|rest| rest.starts_with("//")) =>
            {
                out.push(':');
                out.push_str(GAP);
            }
            '.' if text
                .get(at.saturating_sub(3)..at)
                .is_some_and(|word| word.eq_ignore_ascii_case("www")) =>
            {
                out.push_str(GAP);
                out.push('.');
            }
            '|' | '[' | ']' | '<' | '>' | '`' | '*' | '_' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            control if control.is_control() || crate::report::turns_lines(control) => {
                out.push(' ');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn attack_a_name_mentions_people_and_links() {
        for (text, expected) in [
            ("@babel/core", "@&#8203;babel/core"),
            ("a@b.invalid", "a@&#8203;b.invalid"),
            ("https://evil.invalid", "https:&#8203;//evil.invalid"),
            ("WWW.evil.invalid", "WWW&#8203;.evil.invalid"),
            ("ww.a b:c a/b", "ww.a b:c a/b"),
            ("ä.ö", "ä.ö"),
            ("&#64;team", "&amp;#64;team"),
            ("a\n| b\u{2028}\u{202e}c", "a \\| b  c"),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
    }
}
