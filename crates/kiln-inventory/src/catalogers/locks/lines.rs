//! Locks that are read line by line: each is written by one program, in one way.

use std::collections::BTreeMap;

use kiln_types::ComponentKind;

use super::List;

/// `poetry.lock`, `uv.lock`, `Cargo.lock`: tables `[[package]]` with a line for name, version and
/// source.
pub(super) fn packages(text: &str, kind: ComponentKind, list: &mut List) {
    let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
    let mut is_package = false;
    let mut finish = |fields: &mut BTreeMap<&str, &str>| {
        let field = |name: &str| {
            let value = fields.get(name).copied().unwrap_or_default();
            value.trim_matches('"')
        };
        // The project itself has no archive (`uv.lock`); crates of the workspace have no source.
        let is_own = ["virtual = ", "editable = ", "directory = "]
            .iter()
            .any(|own| field("source").contains(own));
        let is_local = kind == ComponentKind::Cargo && !fields.contains_key("source");
        if !fields.is_empty() && !is_own && !is_local {
            list.add(kind, field("name"), field("version"));
        }
        fields.clear();
    };
    for line in text.lines() {
        if line.starts_with('[') {
            finish(&mut fields);
            is_package = line.trim_end() == "[[package]]";
            continue;
        }
        if is_package
            && let Some((name, value)) = line.split_once(" = ")
            && matches!(name, "name" | "version" | "source")
        {
            fields.entry(name).or_insert(value.trim());
        }
    }
    finish(&mut fields);
}

/// `name==version`, with extras, markers and options around it.
pub(super) fn requirements(text: &str, list: &mut List) {
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.starts_with(['#', '-']) {
            continue;
        }
        let Some((name, rest)) = line.split_once("==") else {
            continue;
        };
        let name = name.split('[').next().unwrap_or_default().trim();
        let rest = rest.trim_start_matches('=').trim_start();
        let version = rest.split([' ', ';', '\\', ',']).next().unwrap_or_default();
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        // `==1.*` pins nothing.
        if name.chars().all(is_name) && !version.contains('*') {
            list.add(ComponentKind::Pypi, name, version);
        }
    }
}

/// `require` of `go.mod`, with what `replace` puts in its place (go.dev/ref/mod).
pub(super) fn go(text: &str, list: &mut List) {
    let mut required: Vec<(&str, &str)> = Vec::new();
    let mut replaced: BTreeMap<(&str, &str), (&str, &str)> = BTreeMap::new();
    let mut block = "";
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let mut words = line.split_ascii_whitespace();
        let mut rest: Vec<&str> = Vec::new();
        let verb = match block {
            "" => words.next().unwrap_or_default(),
            verb => verb,
        };
        rest.extend(words.map(|word| word.trim_matches('"')));
        match rest.as_slice() {
            [")"] => block = "",
            ["("] => block = verb,
            [path, version] if verb == "require" => required.push((path, version)),
            [path, "=>", rest @ ..] if verb == "replace" => {
                replaced.insert((path, ""), target(rest));
            }
            [path, version, "=>", rest @ ..] if verb == "replace" => {
                replaced.insert((path, version), target(rest));
            }
            _ => {}
        }
    }
    for (path, version) in required {
        let by = replaced
            .get(&(path, version))
            .or_else(|| replaced.get(&(path, "")));
        // A replacement without a version is a directory.
        let (path, version) = by.copied().unwrap_or((path, version));
        list.add(ComponentKind::Golang, path, version);
    }
}

fn target<'a>(words: &[&'a str]) -> (&'a str, &'a str) {
    match words {
        [path, version] => (path, version),
        _ => ("", ""),
    }
}

/// The gems of a registry: under `GEM` and `specs:`, indented by four.
pub(super) fn gem(text: &str, list: &mut List) {
    let mut section = "";
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line.trim();
            continue;
        }
        let Some(gem) = line
            .strip_prefix("    ")
            .filter(|gem| !gem.starts_with(' '))
        else {
            continue;
        };
        if section == "GEM"
            && let Some((name, rest)) = gem.split_once(" (")
        {
            // `1.0-x86_64-linux` is the version for a platform.
            let version = rest.trim_end_matches(')');
            let version = version
                .split_once('-')
                .map_or(version, |(version, _)| version);
            list.add(ComponentKind::Gem, name, version);
        }
    }
}

/// `group:artifact:version=configurations`.
pub(super) fn gradle(text: &str, list: &mut List) {
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let coordinates = line.split('=').next().unwrap_or_default();
        if let [group, artifact, version] = coordinates.split(':').collect::<Vec<_>>()[..] {
            list.add(
                ComponentKind::Maven,
                &format!("{group}:{artifact}"),
                version,
            );
        }
    }
}

/// `yarn.lock`: a line of descriptors without indent, then `version "1.0"` or `version: 1.0`; since
/// the second version `resolution: "name@npm:1.0"` names what was taken.
pub(super) fn yarn(text: &str, list: &mut List) {
    let mut current: Option<(String, String)> = None;
    let mut finish = |current: &mut Option<(String, String)>| {
        if let Some((name, version)) = current.take() {
            list.add(ComponentKind::Npm, &name, &version);
        }
    };
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            finish(&mut current);
            let first = line.split(',').next().unwrap_or_default();
            let first = first.trim().trim_end_matches(':').trim_matches('"');
            let (name, wanted) = split_at(first);
            // `a@npm:b@1` is another package under that name; a path or a workspace is the project's.
            let is_own = ["workspace:", "link:", "portal:", "file:"]
                .iter()
                .any(|own| wanted.starts_with(own));
            let name = match wanted.strip_prefix("npm:") {
                Some(alias) if alias.trim_start_matches('@').contains('@') => split_at(alias).0,
                _ => name,
            };
            if !is_own && !name.starts_with("__") {
                current = Some((name.to_owned(), String::new()));
            }
            continue;
        }
        let Some((_, version)) = &mut current else {
            continue;
        };
        let is_direct = !line.starts_with("   ");
        if let Some(said) = line.trim().strip_prefix("version").filter(|_| is_direct) {
            let said = said.trim_start_matches(':').trim().trim_matches('"');
            said.clone_into(version);
        }
    }
    finish(&mut current);
}

/// `name@rest`, where the name may begin with `@`.
fn split_at(text: &str) -> (&str, &str) {
    let at = text
        .char_indices()
        .skip(1)
        .find(|(_, letter)| *letter == '@')
        .map_or(text.len(), |(at, _)| at);
    let (name, rest) = text.split_at(at);
    (name, rest.trim_start_matches('@'))
}

/// `pnpm-lock.yaml`: the keys of `packages`, `/name/1.0` (version 5), `/name@1.0(peers)` (6) or
/// `name@1.0` (9), with `dev: true` below (until 6).
pub(super) fn pnpm(text: &str, list: &mut List) {
    let mut section = "";
    let mut current: Option<(String, String)> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(' ') {
            section = line.trim_end_matches(':');
            if let Some((name, version)) = current.take() {
                list.add(ComponentKind::Npm, &name, &version);
            }
            continue;
        }
        if section != "packages" {
            continue;
        }
        match line.strip_prefix("  ").filter(|key| !key.starts_with(' ')) {
            None if line.trim() == "dev: true" => current = None,
            None => {}
            Some(key) => {
                if let Some((name, version)) = current.take() {
                    list.add(ComponentKind::Npm, &name, &version);
                }
                let key = key.split(": ").next().unwrap_or_default();
                let key = key.trim_end_matches(':').trim_matches('\'');
                let key = key.split('(').next().unwrap_or_default();
                let key = key.strip_prefix('/').unwrap_or(key);
                // Of version 5: peers stand behind an underscore.
                let old = key.split('_').next().and_then(|key| key.rsplit_once('/'));
                let is_version =
                    |text: &str| text.starts_with(|letter: char| letter.is_ascii_digit());
                let (name, version) = match old {
                    Some((name, version)) if is_version(version) && !version.contains('@') => {
                        (name, version)
                    }
                    _ => split_at(key),
                };
                if !version.contains([':', '/']) {
                    current = Some((name.to_owned(), version.to_owned()));
                }
            }
        }
    }
    if let Some((name, version)) = current.take() {
        list.add(ComponentKind::Npm, &name, &version);
    }
}
