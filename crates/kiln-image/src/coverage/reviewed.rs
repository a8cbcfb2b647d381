//! The tables of what people found when they read the scripts.
//!
//! A table is text: lines that begin with `#` are for people. A line that is not indented names a
//! script (`PACKAGE SCRIPT DIGEST…`) or a section (`TOOL`, `TOOL SCRIPT` or `trigger:NAME`), and
//! the indented lines below it say what was found, one finding a line:
//!
//! - `emulated NAME`: that emulator does it;
//! - `none TEXT`: it has no effect on a fresh image, because …;
//! - `withheld TEXT`: it does what no image should have;
//! - `left-out TEXT`: it does something that nothing stands for;
//! - `left-out-with PACKAGE,… TEXT`: it does so where one of these packages is in the image.

use std::collections::BTreeMap;

const REVIEWED: &str = include_str!("debian-13.table");
const SECTIONS: &str = include_str!("sections.table");

/// What a reviewer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict<'a> {
    /// An emulator does it.
    Emulated(&'a str),
    /// It has no effect on a fresh image.
    WithoutEffect(&'a str),
    /// It does what no image should have.
    Withheld(&'a str),
    /// Nothing stands for it.
    LeftOut(&'a str),
    /// It acts only where one of these packages is, and then nothing stands for it.
    LeftOutWith(&'a str, &'a str),
}

/// One script or section of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The words of its line.
    pub(super) words: Vec<&'a str>,
    /// What was found.
    pub(super) verdicts: Vec<Verdict<'a>>,
}

/// Both tables, ready to ask.
pub(super) struct Tables<'a> {
    /// By `PACKAGE SCRIPT`: digests with what was found in each.
    scripts: BTreeMap<String, Vec<Entry<'a>>>,
    /// By `TOOL SCRIPT`, or by `TOOL` where the script does not matter.
    sections: BTreeMap<String, Vec<Verdict<'a>>>,
}

impl Tables<'static> {
    /// Those that are part of kiln.
    pub(super) fn built_in() -> Self {
        Tables::new(REVIEWED, SECTIONS)
    }
}

impl<'a> Tables<'a> {
    pub(super) fn new(reviewed: &'a str, sections: &'a str) -> Self {
        let mut scripts: BTreeMap<String, Vec<Entry<'_>>> = BTreeMap::new();
        for entry in entries(reviewed) {
            if let [package, script, ..] = entry.words[..] {
                scripts
                    .entry(format!("{package} {script}"))
                    .or_default()
                    .push(entry);
            }
        }
        let sections = entries(sections)
            .into_iter()
            .filter_map(|entry| {
                // `TOOL`, or `TOOL SCRIPT`.
                let key = entry.words.join(" ");
                (!key.is_empty()).then_some((key, entry.verdicts))
            })
            .collect();
        Self { scripts, sections }
    }

    /// What was found in a script with this digest.
    ///
    /// # Errors
    /// Where it is not known: whether another digest of the same script is.
    pub(super) fn script(
        &self,
        package: &str,
        script: &str,
        digest: &str,
    ) -> Result<&[Verdict<'a>], bool> {
        let entries = self
            .scripts
            .get(&format!("{package} {script}"))
            .ok_or(false)?;
        entries
            .iter()
            .find(|entry| entry.words.iter().skip(2).any(|known| *known == digest))
            .map(|entry| &entry.verdicts[..])
            .ok_or(true)
    }

    /// What is known of the sections that a tool adds to a script.
    pub(super) fn section(&self, tool: &str, script: &str) -> Option<&[Verdict<'a>]> {
        self.sections
            .get(&format!("{tool} {script}"))
            .or_else(|| self.sections.get(tool))
            .map(Vec::as_slice)
    }
}

/// The entries of a table. Lines that do not parse are passed over, and a test sees to it that
/// there are none.
pub(super) fn entries(table: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            if let (Some(entry), Some(verdict)) = (entries.last_mut(), verdict(line.trim())) {
                entry.verdicts.push(verdict);
            }
        } else if !line.trim().is_empty() {
            let words = line.split_whitespace().collect();
            let verdicts = Vec::new();
            entries.push(Entry { words, verdicts });
        }
    }
    entries
}

/// One finding.
pub(super) fn verdict(line: &str) -> Option<Verdict<'_>> {
    let (word, text) = line.split_once(' ')?;
    let text = text.trim();
    match word {
        "emulated" => Some(Verdict::Emulated(text)),
        "none" => Some(Verdict::WithoutEffect(text)),
        "withheld" => Some(Verdict::Withheld(text)),
        "left-out" => Some(Verdict::LeftOut(text)),
        "left-out-with" => text
            .split_once(' ')
            .map(|(packages, text)| Verdict::LeftOutWith(packages, text)),
        _ => None,
    }
}

/// The text of the built-in tables, for the tests that hold them to the emulators.
#[cfg(test)]
pub(super) const TEXTS: [&str; 2] = [REVIEWED, SECTIONS];
