//! Links in Markdown lead to files, and headings, that exist.

use std::collections::{BTreeMap, BTreeSet};

use super::files::File;
use crate::Problem;

/// Checks the relative links of all Markdown files.
#[must_use]
pub fn check(files: &[File]) -> Vec<Problem> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for file in files {
        let mut path = file.path.as_str();
        known.insert(path.to_owned());
        while let Some((folder, _)) = path.rsplit_once('/') {
            known.insert(folder.to_owned());
            path = folder;
        }
    }
    let headings: BTreeMap<&str, BTreeSet<String>> = files
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .filter_map(|file| Some((file.path.as_str(), anchors(file.text.as_deref()?))))
        .collect();
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let Some(text) = &file.text else { continue };
        for (line, target) in targets(text) {
            let place = format!("{}:{line}", file.path);
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let Some(path) = resolve(&file.path, path) else {
                problems.push(Problem::new(
                    place,
                    format!("`{target}` leads out of the tree"),
                ));
                continue;
            };
            if !path.is_empty() && !known.contains(&path) {
                problems.push(Problem::new(place, format!("`{target}` leads nowhere")));
            } else if !anchor.is_empty()
                && headings
                    .get(path.as_str())
                    .is_some_and(|set| !set.contains(anchor))
            {
                problems.push(Problem::new(place, format!("`{target}`: no such heading")));
            }
        }
    }
    problems
}

/// The lines of a Markdown text that are not in a fenced block, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// `(line, target)` of each inline link outside code.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let visible: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for (at, _) in visible.match_indices("](") {
            let rest = &visible[at + 2..];
            if let Some(end) = rest.find([')', ' ']) {
                found.push((number, rest[..end].to_owned()));
            }
        }
    }
    found
}

/// The anchors of a Markdown text's headings, as forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    prose(text)
        .filter_map(|(_, line)| line.strip_prefix('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .map(|title| {
            title
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// `target` seen from the folder of `from`; `None` where it leads above the root.
fn resolve(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_found_and_living_ones_are_not() {
        let files = [
            File::new("README.md", "# Top\n## Two words, really\n"),
            File::new("docs/a/b.rs", ""),
            File::new(
                "docs/guide.md",
                "# G\n[a](../README.md) [b](a/b.rs) [c](a) [d](../README.md#two-words-really)\n\
                 [e](https://example.org/x) [f](#g) `[g](no)`\n```\n[h](no)\n```\n",
            ),
        ];
        assert_eq!(check(&files), []);
        for text in [
            "[a](no.md)",
            "[a](../../x)",
            "[a](../README.md#no)",
            "[a](#no)",
        ] {
            let mut broken = files.to_vec();
            broken.push(File::new("docs/broken.md", text));
            assert_eq!(check(&broken).len(), 1, "{text}");
        }
    }
}
