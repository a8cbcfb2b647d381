//! Symbol versions (LSB core, "Symbol Versioning") and imports of functions that start a shell.
//!
//! What breaks the format here is passed over: the loader refuses such a file, and what kiln
//! knows of the rest of it still counts.

use object::Endianness;

use super::content::Pages;
use super::texts::Texts;
use super::{ElfFacts, MAX_WEIGHT, weight_of};

pub(super) const DT_SYMTAB: u64 = 6;
pub(super) const DT_HASH: u64 = 4;
pub(super) const DT_GNU_HASH: u64 = 0x6fff_fef5;
pub(super) const DT_VERNEED: u64 = 0x6fff_fffe;
pub(super) const DT_VERDEF: u64 = 0x6fff_fffc;

/// The most libraries, and versions of one, that are looked at.
const MAX_VERSIONS: usize = 4096;
/// The most symbols looked at; the largest libraries of Debian have some hundred thousand.
const MAX_SYMBOLS: u64 = 1 << 20;
/// `VER_FLG_WEAK`: the loader does without.
const WEAK: u16 = 2;
/// `VER_FLG_BASE`: the library's own name.
const BASE: u16 = 1;

/// The functions of the C library that can start a shell.
///
/// `popen` and `system` always run `/bin/sh`, `wordexp` where it is given a command to replace.
/// `posix_spawn` and `exec` run what they are told:
/// they count where the file also holds the path of a shell as a text of its own.
pub const SHELL_CALLS: [&str; 12] = [
    "execl",
    "execle",
    "execlp",
    "execv",
    "execve",
    "execvp",
    "execvpe",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "system",
    "wordexp",
];

/// Where the tables of a file are, as offsets.
pub(super) struct Tables {
    pub(super) strings: u64,
    pub(super) symbols: Option<u64>,
    pub(super) hash: Option<u64>,
    pub(super) gnu_hash: Option<u64>,
    pub(super) needed: Option<u64>,
    pub(super) defined: Option<u64>,
    pub(super) endian: Endianness,
}

/// Reads versions and imports. `count` is the number of symbols, where sections say it.
pub(super) fn read(facts: &mut ElfFacts, pages: &Pages<'_>, tables: &Tables, count: Option<u64>) {
    let reading = Reading { pages, tables };
    reading.versions_needed(facts);
    reading.versions_defined(facts);
    facts.shell_calls = reading.shell_calls(facts, count).unwrap_or_default();
}

struct Reading<'a> {
    pages: &'a Pages<'a>,
    tables: &'a Tables,
}

impl Reading<'_> {
    /// The 32 bits at a field of what begins at `at`.
    fn long(&self, at: u64, field: u64) -> Option<u32> {
        self.pages.long(at.checked_add(field)?, self.tables.endian)
    }

    fn short(&self, at: u64, field: u64) -> Option<u16> {
        self.pages.short(at.checked_add(field)?, self.tables.endian)
    }

    fn text(&self, offset: u32) -> Option<String> {
        self.pages
            .text(self.tables.strings.checked_add(u64::from(offset))?)
    }

    /// The offset of the next entry, which an entry gives relative to itself; 0 ends the list.
    fn step(&self, at: u64, field: u64) -> Option<u64> {
        match self.long(at, field)? {
            0 => None,
            step => at.checked_add(u64::from(step)),
        }
    }

    /// `Elf_Verneed` and its `Elf_Vernaux`.
    fn versions_needed(&self, facts: &mut ElfFacts) {
        let mut next = self.tables.needed;
        let (mut weight, mut seen) = (0, 0);
        for _ in 0..MAX_VERSIONS {
            let Some(at) = next else { return };
            let Some(library) = self.long(at, 4).and_then(|name| self.text(name)) else {
                return;
            };
            let mut versions = Vec::new();
            let mut auxiliary = self.step(at, 8);
            while let Some(here) = auxiliary.filter(|_| seen < MAX_VERSIONS * 4) {
                seen += 1;
                let flags = self.short(here, 4).unwrap_or(0);
                let Some(version) = self.long(here, 8).and_then(|name| self.text(name)) else {
                    break;
                };
                weight += weight_of(&version);
                if flags & WEAK == 0 || weight > MAX_WEIGHT {
                    versions.push(version);
                }
                if weight > MAX_WEIGHT {
                    break;
                }
                auxiliary = self.step(here, 12);
            }
            versions.sort();
            versions.dedup();
            weight += weight_of(&library);
            if !versions.is_empty() {
                facts.versions_needed.insert(library, versions);
            }
            // What is there says that it is too much.
            if weight > MAX_WEIGHT {
                return;
            }
            next = self.step(at, 12);
        }
    }

    /// `Elf_Verdef`, of which the first `Elf_Verdaux` names the version.
    fn versions_defined(&self, facts: &mut ElfFacts) {
        let mut next = self.tables.defined;
        let mut weight = 0;
        for _ in 0..MAX_VERSIONS {
            let Some(at) = next else { break };
            let name = self
                .step(at, 12)
                .and_then(|auxiliary| self.text(self.long(auxiliary, 0)?));
            let Some(version) = name else { break };
            weight += weight_of(&version);
            if self.short(at, 2).unwrap_or(0) & BASE == 0 {
                facts.versions.push(version);
            }
            if weight > MAX_WEIGHT {
                break;
            }
            next = self.step(at, 16);
        }
        facts.versions.sort();
        facts.versions.dedup();
    }

    fn shell_calls(&self, facts: &mut ElfFacts, count: Option<u64>) -> Option<Vec<String>> {
        let class = facts.class;
        let start = self.tables.symbols?;
        // Sections are for linkers and may say anything; imports stand before what hash tables hold.
        let hash = || self.long(self.tables.hash?, 4).map(u64::from);
        let counts = [count, hash(), self.hashed_from()];
        let count = counts
            .into_iter()
            .flatten()
            .max()
            .filter(|count| *count > 1)
            .or_else(|| self.tables.strings.checked_sub(start).map(|room| room / 16))?
            .min(MAX_SYMBOLS);
        let each = if class == 2 { 24 } else { 16 };
        let mut calls: Vec<String> = Vec::new();
        for index in 1..count {
            let at = start.checked_add(index * each)?;
            // `st_shndx` is 0 for what another file must define.
            let section = self.short(at, if class == 2 { 6 } else { 14 });
            let Some(section) = section else { break };
            if section == 0
                && let Some(name) = self.call(self.long(at, 0)?)
                && !calls.iter().any(|known| known == name)
            {
                calls.push(name.to_owned());
            }
        }
        calls.sort();
        let always = |name: &String| matches!(name.as_str(), "popen" | "system" | "wordexp");
        // A shell starts programs: other files need not be read for what tells one.
        if !calls.iter().all(always) {
            let texts = Texts::of(self.pages);
            facts.is_a_shell = texts.is_a_shell;
            if !texts.names_a_shell {
                calls.retain(always);
            }
        }
        Some(calls)
    }

    /// A hash table of GNU holds what the file defines; undefined symbols come before that. The
    /// linker writes 1 where it defines nothing, which says nothing.
    fn hashed_from(&self) -> Option<u64> {
        let first = u64::from(self.long(self.tables.gnu_hash?, 4)?);
        (first > 1).then_some(first)
    }

    /// The function of [`SHELL_CALLS`] at this place of the string table.
    fn call(&self, offset: u32) -> Option<&'static str> {
        // As long as the longest name and its NUL.
        const MOST: usize = 13;
        let at = self.tables.strings.checked_add(u64::from(offset))?;
        let mut start = [0xff; MOST];
        let count = self.pages.length().checked_sub(at)?.min(MOST as u64);
        let start = start.get_mut(..usize::try_from(count).ok()?)?;
        self.pages.fill(at, start)?;
        let length = start.iter().position(|byte| *byte == 0)?;
        SHELL_CALLS
            .into_iter()
            .find(|name| name.as_bytes() == &start[..length])
    }
}
