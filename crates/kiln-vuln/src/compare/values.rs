//! Settings, lists and files that are not the same on both sides. Secrets are compared as they are and
//! shown as nothing is: that one changed is all that is told.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{FileFact, ImageFacts, Inventory, secret};

use super::{DirectoryChange, ValueChange};

type Named = BTreeMap<String, String>;

pub(super) fn values(from: &Inventory, to: &Inventory) -> Vec<ValueChange> {
    let mut out = Vec::new();
    let (one, other) = (licences(from), licences(to));
    changed("licence", [&one, &other], [&one, &other], &mut out);
    if let (Some(one), Some(other)) = (&from.facts, &to.facts) {
        let (one_shown, other_shown) = (one.shown(), other.shown());
        type Of = fn(&ImageFacts) -> Named;
        let lists: [(&'static str, Of); 13] = [
            ("process", process),
            ("environment", environment),
            ("label", |facts| facts.labels.clone()),
            ("port", |facts| words(&facts.ports)),
            ("volume", |facts| words(&facts.volumes)),
            ("shell", |facts| words(&facts.shells)),
            ("package manager", |facts| words(&facts.package_managers)),
            ("interpreter", |facts| words(&facts.interpreters)),
            ("setuid", |facts| files(&facts.setuid)),
            ("setgid", |facts| files(&facts.setgid)),
            ("capability", |facts| files(&facts.capabilities)),
            ("world-writable", |facts| files(&facts.world_writable)),
            ("secret", |facts| files(&facts.secrets)),
        ];
        // A directory has no configuration: that nothing is set there is no change.
        let is_configured = from.subject.config.is_some() && to.subject.config.is_some();
        for (place, (of, list)) in lists.into_iter().enumerate() {
            if is_configured || place >= 5 {
                let shown = [&list(&one_shown), &list(&other_shown)];
                changed(of, [&list(one), &list(other)], shown, &mut out);
            }
        }
    }
    out.sort();
    out
}

/// Lists what is not the same in the two values, as it is shown.
fn changed(of: &'static str, values: [&Named; 2], shown: [&Named; 2], out: &mut Vec<ValueChange>) {
    let [old, new] = values;
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (old, new) = (old.get(name), new.get(name));
        let [from, to] = shown.map(|side| side.get(name));
        // What a document hides may be the same as what the other side has, and may be not.
        let is_known = ![old, new]
            .into_iter()
            .flatten()
            .any(|value| is_hidden(value));
        if (is_known && old != new) || from != to {
            out.push(ValueChange {
                of,
                name: name.clone(),
                from: from.cloned(),
                to: to.cloned(),
                is_hidden: (from, to) != (old, new),
            });
        }
    }
}

fn is_hidden(value: &str) -> bool {
    value.contains(secret::HIDDEN)
}

/// How many values of an image a document about it hid.
pub(super) fn hidden(facts: &ImageFacts) -> usize {
    let lists = [&facts.environment, &facts.entrypoint, &facts.command];
    let values = lists.into_iter().flatten().chain(facts.labels.values());
    values.filter(|value| is_hidden(value)).count()
}

/// How many components have each licence.
fn licences(inventory: &Inventory) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for component in &inventory.components {
        let Some(expression) = &component.licences.expression else {
            continue;
        };
        let parts: BTreeSet<&str> = expression
            .split([' ', '(', ')'])
            .filter(|part| !matches!(*part, "" | "AND" | "OR" | "WITH"))
            .collect();
        for part in parts {
            *counts.entry(part.to_owned()).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .map(|(licence, count)| (licence, count.to_string()))
        .collect()
}

fn process(facts: &ImageFacts) -> BTreeMap<String, String> {
    let user = match facts.user.as_str() {
        "" => "root",
        user => user,
    };
    [
        ("user", user.to_owned()),
        ("entrypoint", in_one_line(&facts.entrypoint)),
        ("command", in_one_line(&facts.command)),
        ("working directory", facts.working_directory.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn environment(facts: &ImageFacts) -> BTreeMap<String, String> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    facts.environment.iter().map(pair).collect()
}

fn words(list: &[String]) -> BTreeMap<String, String> {
    list.iter()
        .map(|one| (one.clone(), String::new()))
        .collect()
}

fn files(list: &[FileFact]) -> BTreeMap<String, String> {
    let about = |file: &FileFact| {
        let note = file.note.as_deref().unwrap_or_default();
        format!("{} {}:{} {note}", file.mode, file.uid, file.gid)
            .trim_end()
            .to_owned()
    };
    list.iter()
        .map(|file| (file.path.clone(), about(file)))
        .collect()
}

pub(super) fn directories(from: &Inventory, to: &Inventory) -> Vec<DirectoryChange> {
    let (Some(from), Some(to)) = (&from.facts, &to.facts) else {
        return Vec::new();
    };
    let paths: BTreeSet<&String> = from
        .by_directory
        .keys()
        .chain(to.by_directory.keys())
        .collect();
    let mut changes: Vec<DirectoryChange> = paths
        .into_iter()
        .map(|path| DirectoryChange {
            path: path.clone(),
            from: from.by_directory.get(path).copied().unwrap_or_default(),
            to: to.by_directory.get(path).copied().unwrap_or_default(),
        })
        .filter(|change| change.from != change.to)
        .collect();
    changes.sort_by_key(|change| std::cmp::Reverse(change.from.bytes.abs_diff(change.to.bytes)));
    changes
}

/// The words of a command in one line; a word with blanks or quotes in it, or none at all, is quoted
/// as JSON does, so that no two commands look alike.
fn in_one_line(command: &[String]) -> String {
    let quoted = |word: &String| {
        let is_plain = |letter: char| !letter.is_whitespace() && !matches!(letter, '"' | '\\');
        match !word.is_empty() && word.chars().all(is_plain) {
            true => word.clone(),
            false => serde_json::Value::from(word.as_str()).to_string(),
        }
    };
    command.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_commands_look_alike() {
        let line = |words: &[&str]| {
            in_one_line(
                &words
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(line(&["/app", "--x", "y"]), "/app --x y");
        assert_eq!(line(&["/app", "--x y"]), r#"/app "--x y""#);
        assert_eq!(line(&["a", ""]), r#"a """#);
        assert_eq!(line(&[r#"a"b"#]), r#""a\"b""#);
    }
}
