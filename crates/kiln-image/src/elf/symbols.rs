//! Symbol versions (LSB core, "Symbol Versioning") and imports of functions that start a shell.
//!
//! What breaks the format here is passed over: the loader refuses such a file, and what kiln
//! knows of the rest of it still counts.

use object::Endianness;

use super::{ElfFacts, half, string};

pub(super) const DT_SYMTAB: u64 = 6;
pub(super) const DT_HASH: u64 = 4;
pub(super) const DT_GNU_HASH: u64 = 0x6fff_fef5;
pub(super) const DT_VERNEED: u64 = 0x6fff_fffe;
pub(super) const DT_VERDEF: u64 = 0x6fff_fffc;

/// The most libraries, and versions of one, that are looked at.
const MAX_VERSIONS: usize = 4096;
/// The most symbols looked at; the largest libraries of Debian have some hundred thousand.
const MAX_SYMBOLS: usize = 1 << 20;
/// `VER_FLG_WEAK`: the loader does without.
const WEAK: u16 = 2;
/// `VER_FLG_BASE`: the library's own name.
const BASE: u16 = 1;

/// The functions of the C library that can start a shell.
///
/// `popen` and `system` always run `/bin/sh`. `posix_spawn` and `exec` run what they are told:
/// they count where the file also holds the path of a shell as a text of its own.
pub const SHELL_CALLS: [&str; 11] = [
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
];

const SHELLS: [&[u8]; 6] = [
    b"\0/bin/sh\0",
    b"\0/usr/bin/sh\0",
    b"\0/bin/bash\0",
    b"\0/usr/bin/bash\0",
    b"\0/bin/dash\0",
    b"\0/bin/csh\0",
];

/// Where the tables of a file are, as offsets.
pub(super) struct Tables {
    pub(super) strings: usize,
    pub(super) symbols: Option<usize>,
    pub(super) hash: Option<usize>,
    pub(super) gnu_hash: Option<usize>,
    pub(super) needed: Option<usize>,
    pub(super) defined: Option<usize>,
    pub(super) endian: Endianness,
}

/// Reads versions and imports. `count` is the number of symbols, where sections say it.
pub(super) fn read(facts: &mut ElfFacts, bytes: &[u8], tables: &Tables, count: Option<usize>) {
    let reading = Reading { bytes, tables };
    reading.versions_needed(facts);
    reading.versions_defined(facts);
    facts.shell_calls = reading.shell_calls(facts.class, count).unwrap_or_default();
}

struct Reading<'a> {
    bytes: &'a [u8],
    tables: &'a Tables,
}

impl Reading<'_> {
    /// The 32 bits at a field of what begins at `at`.
    fn long(&self, at: usize, field: usize) -> Option<u32> {
        half(
            self.bytes.get(at.checked_add(field)?..)?,
            self.tables.endian,
        )
    }

    fn short(&self, at: usize, field: usize) -> Option<u16> {
        let start = at.checked_add(field)?;
        let bytes = self
            .bytes
            .get(start..start.checked_add(2)?)?
            .try_into()
            .ok()?;
        Some(match self.tables.endian {
            Endianness::Little => u16::from_le_bytes(bytes),
            Endianness::Big => u16::from_be_bytes(bytes),
        })
    }

    fn text(&self, offset: u32) -> Option<String> {
        let start = self
            .tables
            .strings
            .checked_add(usize::try_from(offset).ok()?)?;
        string(self.bytes.get(start..)?)
    }

    /// The offset of the next entry, which an entry gives relative to itself; 0 ends the list.
    fn step(&self, at: usize, field: usize) -> Option<usize> {
        match self.long(at, field)? {
            0 => None,
            step => at.checked_add(usize::try_from(step).ok()?),
        }
    }

    /// `Elf_Verneed` and its `Elf_Vernaux`.
    fn versions_needed(&self, facts: &mut ElfFacts) {
        let mut next = self.tables.needed;
        for _ in 0..MAX_VERSIONS {
            let Some(at) = next else { return };
            let Some(library) = self.long(at, 4).and_then(|name| self.text(name)) else {
                return;
            };
            let mut versions = Vec::new();
            let mut auxiliary = self.step(at, 8);
            while let Some(here) = auxiliary.filter(|_| versions.len() < MAX_VERSIONS) {
                let flags = self.short(here, 4).unwrap_or(0);
                let Some(version) = self.long(here, 8).and_then(|name| self.text(name)) else {
                    break;
                };
                if flags & WEAK == 0 {
                    versions.push(version);
                }
                auxiliary = self.step(here, 12);
            }
            versions.sort();
            versions.dedup();
            if !versions.is_empty() {
                facts.versions_needed.insert(library, versions);
            }
            next = self.step(at, 12);
        }
    }

    /// `Elf_Verdef`, of which the first `Elf_Verdaux` names the version.
    fn versions_defined(&self, facts: &mut ElfFacts) {
        let mut next = self.tables.defined;
        for _ in 0..MAX_VERSIONS {
            let Some(at) = next else { break };
            let name = self
                .step(at, 12)
                .and_then(|auxiliary| self.text(self.long(auxiliary, 0)?));
            let Some(version) = name else { break };
            if self.short(at, 2).unwrap_or(0) & BASE == 0 {
                facts.versions.push(version);
            }
            next = self.step(at, 16);
        }
        facts.versions.sort();
        facts.versions.dedup();
    }

    fn shell_calls(&self, class: u8, count: Option<usize>) -> Option<Vec<String>> {
        let start = self.tables.symbols?;
        let count = count
            .or_else(|| usize::try_from(self.long(self.tables.hash?, 4)?).ok())
            .or_else(|| self.hashed_from())
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
        let always = |name: &String| name == "popen" || name == "system";
        if !calls.iter().all(always) && !self.names_a_shell() {
            calls.retain(always);
        }
        Some(calls)
    }

    /// A hash table of GNU holds what the file defines; undefined symbols come before that. The
    /// linker writes 1 where it defines nothing, which says nothing.
    fn hashed_from(&self) -> Option<usize> {
        let first = usize::try_from(self.long(self.tables.gnu_hash?, 4)?).ok()?;
        (first > 1).then_some(first)
    }

    /// The function of [`SHELL_CALLS`] at this place of the string table.
    fn call(&self, offset: u32) -> Option<&'static str> {
        let start = self
            .tables
            .strings
            .checked_add(usize::try_from(offset).ok()?)?;
        let text = self.bytes.get(start..)?;
        SHELL_CALLS.into_iter().find(|name| {
            text.strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
        })
    }

    fn names_a_shell(&self) -> bool {
        // Texts stand between zero bytes; looking for the slash first keeps this fast.
        let mut rest = self.bytes;
        let mut before = 0;
        while let Some(at) = rest.iter().position(|byte| *byte == b'/') {
            let place = before + at;
            if let Some(text) = place
                .checked_sub(1)
                .and_then(|start| self.bytes.get(start..))
                && SHELLS.iter().any(|shell| text.starts_with(shell))
            {
                return true;
            }
            before = place + 1;
            rest = &rest[at + 1..];
        }
        false
    }
}
