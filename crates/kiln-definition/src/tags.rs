//! Tags are computed, never typed: from the tracked package's version, the variant and the
//! distribution.

use kiln_types::Plan;

use crate::builtin;
use crate::model::Definition;

/// The upstream part of a package version, as far as it is numbers: no epoch, no Debian revision,
/// no `+dfsg`, `~rc1` or the like. `1:1.26.3+dfsg-3+deb13u1` gives `1.26.3`; a version that does
/// not begin with a digit gives nothing.
#[must_use]
pub fn upstream_version(version: &str) -> Option<String> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(rest, _)| rest);
    let version = version.split(['+', '~']).next().unwrap_or("");
    let mut parts = Vec::new();
    for part in version.split('.') {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            break;
        }
        parts.push(part);
    }
    (!parts.is_empty()).then(|| parts.join("."))
}

/// Whether a version belongs to a version line: `1.26.3` to `1.26`. A line whose name is not a
/// number takes every version.
#[must_use]
pub fn belongs_to_line(version: &str, line: &str) -> bool {
    let number = line
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    !number
        || upstream_version(version).is_some_and(|version| {
            version == line
                || version
                    .strip_prefix(line)
                    .is_some_and(|rest| rest.starts_with('.'))
        })
}

/// The tags of a plan, most exact first: for nginx 1.26.3 in `standard` of the first line
/// `1.26.3`, `1.26`, `1`, `latest`, each also with `-debian13`; in `dev` each with `-dev` behind.
/// A shorter version (`1`) goes to the first line that it fits; `latest` goes to the first line.
/// Without a tracked version the line's own name stands in its place.
#[must_use]
pub fn tags(definition: &Definition, plan: &Plan, tracked_version: Option<&str>) -> Vec<String> {
    let suffix = match builtin::profile(&plan.variant, &[]) {
        Ok(profile) => profile.tag_suffix,
        Err(_) => format!("-{}", plan.variant),
    };
    let tag_name = builtin::distribution(&plan.distribution, &[]).map_or_else(
        |_| plan.distribution.replace('-', ""),
        |distribution| distribution.tag_name,
    );
    tags_with(definition, plan, tracked_version, &suffix, &tag_name)
}

fn tags_with(
    definition: &Definition,
    plan: &Plan,
    tracked: Option<&str>,
    suffix: &str,
    tag_name: &str,
) -> Vec<String> {
    let first = |fits: &dyn Fn(&str) -> bool| {
        definition
            .versions
            .iter()
            .map(|line| line.name.as_str())
            .find(|line| fits(line))
            .is_none_or(|line| line == plan.line)
    };
    let mut stems: Vec<String> = Vec::new();
    let version = tracked
        .and_then(upstream_version)
        .filter(|version| belongs_to_line(version, &plan.line));
    let parts: Vec<&str> = version
        .as_deref()
        .map_or(Vec::new(), |version| version.split('.').collect());
    for length in (1..=parts.len()).rev() {
        let stem = parts.get(..length).unwrap_or_default().join(".");
        let fits = |line: &str| {
            line == stem
                || line
                    .strip_prefix(stem.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        // Longer than the line's name: only this line has it.
        let longer = stem.len() > plan.line.len();
        if longer || first(&fits) {
            stems.push(stem);
        }
    }
    if !stems.contains(&plan.line) {
        stems.push(plan.line.clone());
    }
    if first(&|_| true) {
        stems.push("latest".to_owned());
        stems.extend(
            definition
                .tags
                .iter()
                .map(|tag| tag.value.replace("${version}", &plan.line)),
        );
    }
    let mut tags: Vec<String> = Vec::new();
    for stem in &stems {
        let plain = format!("{stem}{suffix}");
        let named = format!("{stem}-{tag_name}{suffix}");
        for tag in if stem == "latest" {
            vec![plain]
        } else {
            vec![plain, named]
        } {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_part_of_debian_versions() {
        for (version, upstream) in [
            ("1.26.3-3+deb13u1", Some("1.26.3")),
            ("1:1.3.dfsg+really1.3.1-1+b1", Some("1.3")),
            ("13.8+deb13u8", Some("13.8")),
            ("21.0.5+11-1~deb13u1", Some("21.0.5")),
            ("5.2.1~rc1-1", Some("5.2.1")),
            ("2026f-0+deb13u1", None),
            ("20250419", Some("20250419")),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(upstream_version(version).as_deref(), upstream, "{version}");
        }
    }

    #[test]
    fn versions_and_lines() {
        for (version, line, belongs) in [
            ("1.26.3-3", "1.26", true),
            ("1.26-1", "1.26", true),
            ("1.260-1", "1.26", false),
            ("1.27.0-1", "1.26", false),
            ("1.27.0-1", "mainline", true),
        ] {
            assert_eq!(belongs_to_line(version, line), belongs, "{version} {line}");
        }
    }
}
