//! The tables against themselves and the emulators, and the way from packages to a report.

use super::reviewed::{TEXTS, entries, verdict};
use super::*;
use crate::emulate;

#[test]
fn every_line_of_the_tables_means_something() {
    for text in TEXTS {
        for line in text.lines().filter(|line| line.starts_with(' ')) {
            assert!(verdict(line.trim()).is_some(), "{line}");
        }
        for entry in entries(text) {
            assert!(!entry.verdicts.is_empty(), "{:?}", entry.words);
        }
    }
    let names: Vec<_> = entries(TEXTS[0])
        .into_iter()
        .map(|entry| entry.words[..2].join(" "))
        .collect();
    assert!(names.is_sorted(), "sorted, for whoever looks something up");
    for entry in entries(TEXTS[0]) {
        assert!(entry.words.len() > 2, "{:?}", entry.words);
        for digest in &entry.words[2..] {
            let is_hex = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(is_hex && digest.len() == 32, "{digest}");
        }
    }
}

/// Emulators say which scripts they stand for, and the table which emulators stand for a script:
/// both must tell the same story.
#[test]
fn the_tables_and_the_emulators_agree() {
    let mut told: BTreeSet<(String, String, String)> = BTreeSet::new();
    for entry in entries(TEXTS[0]) {
        for verdict in &entry.verdicts {
            if let Verdict::Emulated(name) = verdict {
                assert!(emulate::by_name(name).is_some(), "no emulator `{name}`");
                let (package, script) = (entry.words[0].to_owned(), entry.words[1].to_owned());
                told.insert(((*name).to_owned(), package, script));
            }
        }
    }
    let mut said = BTreeSet::new();
    for emulator in emulate::all() {
        for (package, script) in emulator.stands_for() {
            if *script != "triggers" {
                let name = emulator.name().to_owned();
                said.insert((name, (*package).to_owned(), (*script).to_owned()));
            }
        }
    }
    // What is all debhelper's needs no line in the table of what remains.
    let reviewed: BTreeSet<(&str, &str)> = entries(TEXTS[0])
        .into_iter()
        .map(|entry| (entry.words[0], entry.words[1]))
        .collect();
    let only_said: Vec<_> = said
        .difference(&told)
        .filter(|(_, package, script)| reviewed.contains(&(&**package, &**script)))
        .collect();
    let only_told: Vec<_> = told.difference(&said).collect();
    assert!(only_said.is_empty(), "the table lacks {only_said:#?}");
    assert!(only_told.is_empty(), "`stands_for` lacks {only_told:#?}");
}
