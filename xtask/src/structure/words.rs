//! Words that must not stand in the tree: host names of package registries (they are settings of
//! a machine), notes to oneself, tests switched off and lints allowed without a reason.

use std::path::Path;

use super::files::File;
use super::source;
use crate::Problem;

/// Host names, in two pieces so that this file does not hold them.
const REGISTRIES: &[(&str, &str)] = &[
    ("deb", ".debian.org"),
    ("security", ".debian.org"),
    ("ftp", ".debian.org"),
    ("archive", ".ubuntu.com"),
    ("dl-cdn", ".alpinelinux.org"),
    ("crates", ".io"),
    ("registry.npmjs", ".org"),
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("proxy.golang", ".org"),
    ("registry-1.docker", ".io"),
];

/// Notes to oneself, in two pieces likewise.
const NOTES: &[(&str, &str)] = &[("TO", "DO"), ("FIX", "ME"), ("XX", "X")];

/// Files that a tool writes.
const GENERATED: &[&str] = &["Cargo.lock", "fuzz/Cargo.lock"];

/// Checks all text files.
#[must_use]
pub fn check(root: &Path, files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let machine = root.display().to_string();
    for file in files {
        let Some(text) = &file.text else { continue };
        if GENERATED.contains(&file.path.as_str()) || is_foreign(&file.path) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", file.path, number + 1);
            for (head, tail) in REGISTRIES {
                let host = format!("{head}{tail}");
                if holds_word(line, &host) {
                    problems.push(Problem::new(
                        place(),
                        format!("names the registry host `{host}`; mirrors are settings"),
                    ));
                }
            }
            if machine.len() > 4 && line.contains(&machine) {
                problems.push(Problem::new(place(), "names a folder of this machine"));
            }
            for (head, tail) in NOTES {
                let note = format!("{head}{tail}");
                if holds_word(line, &note) {
                    problems.push(Problem::new(
                        place(),
                        format!("`{note}`: do it, or write it down as an issue"),
                    ));
                }
            }
        }
        if file.rust().is_some() {
            attributes(&file.path, text, &mut problems);
        }
    }
    problems
}

/// Fixtures come from elsewhere and stay as they are.
fn is_foreign(path: &str) -> bool {
    path.contains("/fixtures/") || path.starts_with("fuzz/seeds/")
}

fn attributes(path: &str, text: &str, problems: &mut Vec<Problem>) {
    // The reason is looked for in the text, since literals are blank in the code.
    let code = source::code(text);
    for (opening, what) in [
        ("[ignore", "a test is switched off"),
        ("[allow(", "a lint is allowed"),
        ("[expect(", "a lint is expected"),
    ] {
        let mut from = 0;
        while let Some(offset) = code[from..].find(opening) {
            let start = from + offset;
            from = start + opening.len();
            if !code[..start].ends_with('#') && !code[..start].ends_with("#!") {
                continue;
            }
            let end = code[start..]
                .find(']')
                .map_or(code.len(), |end| start + end);
            let attribute = code.get(start..end).unwrap_or_default();
            let reasoned =
                attribute.contains("reason") || attribute.trim_end().contains("ignore =");
            if !reasoned {
                let line = code[..start].matches('\n').count() + 1;
                problems.push(Problem::new(
                    format!("{path}:{line}"),
                    format!("{what} without a reason"),
                ));
            }
        }
    }
}

/// Whether `line` holds `word` with no letter, digit or `_` (nor `-`, `.` in front) beside it.
fn holds_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let joins = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(|c| joins(c) || c == '-') && !after.is_some_and(joins)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(Path::new("/home/somebody/kiln"), &[File::new(path, text)])
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn forbidden_words_are_found() {
        for text in [
            ["http://deb", ".debian.org/debian"].concat(),
            ["static.crates", ".io"].concat(),
            ["// TO", "DO: later"].concat(),
            ["XX", "X"].concat(),
            "/home/somebody/kiln/target".to_owned(),
            "#[ignore]\nfn f() {}".to_owned(),
            "#[allow(dead_code)]".to_owned(),
            "#![allow(\n  dead_code\n)]".to_owned(),
            "#[expect(dead_code)]".to_owned(),
        ] {
            assert_eq!(messages("crates/a/src/a.rs", &text).len(), 1, "{text}");
        }
    }

    #[test]
    fn reasons_snapshots_and_templates_are_fine() {
        for text in [
            "https://snapshot.debian.org/archive",
            "mktemp kiln.XXXXXX",
            "#[ignore = \"needs a kernel module\"]",
            "#[expect(dead_code, reason = \"kept for the table\")]",
            "#[allow(\n  dead_code,\n  reason = \"both\"\n)]",
            "// `#[ignore]` is not used here",
            "autodocs",
        ] {
            assert_eq!(
                messages("crates/a/src/a.rs", text),
                Vec::<String>::new(),
                "{text}"
            );
        }
        let host = ["deb", ".debian.org"].concat();
        assert!(messages("crates/a/tests/fixtures/InRelease", &host).is_empty());
    }
}
