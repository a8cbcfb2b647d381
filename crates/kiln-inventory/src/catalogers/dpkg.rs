//! dpkg's database (deb822(5), dpkg(1)): `status`, and `status.d/*` of images without dpkg.
//!
//! Tolerant, unlike kiln's reader of indexes: a stanza that cannot be used is reported, and the
//! others count.

use kiln_deb::relation::parse_depends;
use serde::{Deserialize, Serialize};

/// Packages in one database: Debian has about 70,000.
const MOST: usize = 200_000;
/// Fields of one package; dpkg itself knows some thirty.
const MOST_FIELDS: usize = 256;

/// What a scan keeps of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DpkgStanza {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    /// `Source`, where there is one: its name and, if written, its version.
    pub(crate) source: Option<(String, Option<String>)>,
    pub(crate) maintainer: String,
    pub(crate) homepage: String,
    pub(crate) summary: String,
    /// Pre-Depends and Depends: names, alternatives separated.
    pub(crate) depends: Vec<Vec<String>>,
    pub(crate) provides: Vec<String>,
    pub(crate) same: bool,
}

/// The installed packages of a database, and what is wrong with the other stanzas.
pub(crate) fn stanzas(bytes: &[u8]) -> (Vec<DpkgStanza>, Vec<String>) {
    let text = String::from_utf8_lossy(bytes);
    let mut packages = Vec::new();
    let mut wrong = Vec::new();
    let mut lines = Vec::new();
    let mut first = 1;
    for (number, line) in (1..).zip(text.lines().chain(std::iter::once(""))) {
        if !line.trim_ascii().is_empty() {
            if lines.is_empty() {
                first = number;
            }
            lines.push(line);
            continue;
        }
        if lines.is_empty() {
            continue;
        }
        if packages.len() >= MOST {
            wrong.push(format!("it lists more than {MOST} packages"));
            break;
        }
        match stanza(&lines) {
            Ok(package) => packages.extend(package),
            Err(reason) if wrong.len() < 100 => {
                wrong.push(format!("the stanza at line {first}: {reason}"));
            }
            Err(_) => {}
        }
        lines.clear();
    }
    (packages, wrong)
}

/// `None` for a package that is not installed (any more).
fn stanza(lines: &[&str]) -> Result<Option<DpkgStanza>, String> {
    let mut package = DpkgStanza::default();
    let mut status = None;
    let mut relations = String::new();
    let mut provides = String::new();
    let mut current = String::new();
    let mut seen = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            // Continuations matter for relations only.
            match current.as_str() {
                "depends" | "pre-depends" => relations.push_str(line),
                "provides" => provides.push_str(line),
                _ => {}
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            let shown: String = line.chars().take(60).collect();
            return Err(format!("`{shown}` is no field"));
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if seen.len() >= MOST_FIELDS {
            return Err(format!("it has more than {MOST_FIELDS} fields"));
        }
        // Two readers could take different ones.
        if seen.contains(&name) {
            return Err(format!("field `{name}` is given twice"));
        }
        match name.as_str() {
            // dpkg reads names in any case and writes them in lower case.
            "package" => package.name = value.to_ascii_lowercase(),
            "version" => value.clone_into(&mut package.version),
            "architecture" => value.clone_into(&mut package.architecture),
            "maintainer" => value.clone_into(&mut package.maintainer),
            "homepage" => value.clone_into(&mut package.homepage),
            "description" => value.clone_into(&mut package.summary),
            "multi-arch" => package.same = value == "same",
            "status" => status = Some(value),
            "source" => {
                package.source = match value.split_once('(') {
                    None => Some((value.to_ascii_lowercase(), None)),
                    Some((name, version)) => Some((
                        name.trim().to_ascii_lowercase(),
                        Some(version.trim_end_matches(')').trim().to_owned()),
                    )),
                };
            }
            "depends" | "pre-depends" => {
                if !relations.is_empty() {
                    relations.push(',');
                }
                relations.push_str(value);
            }
            "provides" => value.clone_into(&mut provides),
            _ => {}
        }
        current.clone_from(&name);
        seen.push(name);
    }
    // `want flag state`; a file of `status.d` has none and is installed.
    let state = status.map(|status| status.split_ascii_whitespace().nth(2).unwrap_or_default());
    if matches!(state, Some("config-files" | "not-installed")) {
        return Ok(None);
    }
    if package.name.is_empty() {
        return Err("it names no package".to_owned());
    }
    if package.version.is_empty() {
        return Err(format!("package `{}` has no version", package.name));
    }
    let names = |text: &str| -> Vec<Vec<String>> {
        parse_depends(text, &package.architecture)
            .unwrap_or_default()
            .iter()
            .map(|alternatives| {
                alternatives
                    .iter()
                    .map(|relation| relation.name.to_string())
                    .collect()
            })
            .collect()
    };
    let depends = names(&relations);
    let provided = names(&provides).into_iter().flatten().collect();
    package.depends = depends;
    package.provides = provided;
    Ok(Some(package))
}

/// The paths that a list of `info/` or the checksums of `status.d` name, without a slash in front.
pub(crate) fn listed_paths(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        // `.list` has the path alone, `.md5sums` the digest, two blanks and the path.
        let path = match line.strip_prefix('/') {
            Some(path) => path,
            None => line.split_once("  ").map_or(line, |(_, path)| path),
        };
        let path = path.trim_start_matches("./").trim_start_matches('/');
        (!path.is_empty() && path != ".").then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stanzas_of_every_form() {
        let status = "\
Package: a
Status: install ok installed
Architecture: amd64
Version: 1:2-3+b1
Source: src (1:2-3)
Depends: b (>= 1) | c,
 d
Description: one line
 more

Package: gone
Status: deinstall ok config-files
Version: 1

Package: no-version
Status: install ok installed

broken

Package: b
Package: evil
Version: 1

Package: d
Version: 2";
        let (packages, wrong) = stanzas(status.as_bytes());
        let names: Vec<&str> = packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(names, ["a", "d"]);
        let a = packages.first().unwrap();
        assert_eq!(a.source, Some(("src".to_owned(), Some("1:2-3".to_owned()))));
        assert_eq!(a.depends, [vec!["b", "c"], vec!["d"]]);
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        assert!(wrong[1].contains("line 18"), "{wrong:?}");
    }

    #[test]
    fn both_kinds_of_lists() {
        let list: Vec<&str> = listed_paths("/.\n/usr\n/usr/bin/a b\n").collect();
        assert_eq!(list, ["usr", "usr/bin/a b"]);
        let sums: Vec<&str> =
            listed_paths("d41d8cd98f00b204e9800998ecf8427e  usr/bin/a b\n").collect();
        assert_eq!(sums, ["usr/bin/a b"]);
    }
}
