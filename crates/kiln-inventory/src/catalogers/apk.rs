//! apk's database, `lib/apk/db/installed` (apk-tools, `src/database.c`): blocks of `X:value` lines.

use kiln_types::{Component, ComponentKind, EvidenceKind, SourcePackage};

use super::is_sane;
use crate::licence;
use crate::node::Found;

/// Packages of one database.
const MOST: usize = 100_000;

/// The installed packages, and what is wrong with the other blocks.
pub(crate) fn installed(bytes: &[u8]) -> (Vec<Found>, Vec<String>) {
    let text = String::from_utf8_lossy(bytes);
    let (mut packages, mut wrong) = (Vec::new(), Vec::new());
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines().chain(std::iter::once(""))) {
        if !line.is_empty() {
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
        match package(&lines) {
            Ok(package) => packages.push(package),
            Err(reason) if wrong.len() < 100 => {
                wrong.push(format!("the package that ends at line {number}: {reason}"));
            }
            Err(_) => {}
        }
        lines.clear();
    }
    (packages, wrong)
}

fn package(lines: &[&str]) -> Result<Found, String> {
    let mut component = Component::new(ComponentKind::Apk, "", "");
    let (mut origin, mut folder) = (String::new(), String::new());
    let (mut needs, mut provides, mut files) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        let Some((key, value)) = line.split_once(':') else {
            let shown: String = line.chars().take(60).collect();
            return Err(format!("`{shown}` is no field"));
        };
        match key {
            "P" => value.clone_into(&mut component.name),
            "V" => value.clone_into(&mut component.version),
            "A" => component.architecture = Some(value.to_owned()),
            "L" => component.licences = licence::of_field(value),
            "o" => value.clone_into(&mut origin),
            "m" => component.supplier = Some(value.to_owned()),
            "T" => component.summary = Some(value.to_owned()),
            "U" => component.homepage = Some(value.to_owned()),
            "D" => needs.extend(names(value)),
            "p" => provides.extend(names(value)),
            "F" => value.trim_matches('/').clone_into(&mut folder),
            "R" => files.push(match folder.as_str() {
                "" => value.to_owned(),
                folder => format!("{folder}/{value}"),
            }),
            _ => {}
        }
    }
    if !is_sane(&component.name) || !is_sane(&component.version) {
        return Err("it has no name or no version".to_owned());
    }
    // Subpackages share the version of their origin.
    component.source = (!origin.is_empty()).then(|| SourcePackage {
        name: origin,
        version: component.version.clone(),
    });
    let mut found = Found::new(component, EvidenceKind::Database);
    found.needs = needs;
    found.provides = provides;
    found.files = files;
    Ok(found)
}

/// Names of a list of relations, without versions; conflicts are none.
fn names(value: &str) -> impl Iterator<Item = String> {
    value
        .split_ascii_whitespace()
        .filter(|word| !word.starts_with('!'))
        .filter_map(|word| word.split(['<', '>', '=', '~']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_with_origin_files_and_relations() {
        let database = "\
C:Q1abc=
P:libcurl-openssl4
V:8.9.0-r1
A:x86_64
L:MIT
o:curl
m:Some One <one@example.com>
D:so:libc.so.6 zlib>=1 !bad
p:so:libcurl.so.4=4.8.0
F:usr/lib
R:libcurl.so.4
F:
R:top

P:nameless
";
        let (packages, wrong) = installed(database.as_bytes());
        let found = packages.first().unwrap();
        assert_eq!(found.component.source_name(), "curl");
        assert_eq!(found.needs, ["so:libc.so.6", "zlib"]);
        assert_eq!(found.provides, ["so:libcurl.so.4"]);
        assert_eq!(found.files, ["usr/lib/libcurl.so.4", "top"]);
        assert_eq!(found.component.licences.expression.as_deref(), Some("MIT"));
        assert_eq!((packages.len(), wrong.len()), (1, 1));
    }
}
