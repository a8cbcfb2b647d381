//! What kiln needs to know of an ELF file: enough for `ld.so.cache`, for dependency scans and for
//! the check that an image holds every library that its programs load.
//!
//! Only program headers are read, as the loader does, because section headers may be stripped
//! (System V ABI, "Program Loading and Dynamic Linking"). The bytes are foreign: counts and string
//! lengths are bounded, and a file that breaks the format has no facts.

mod content;
mod symbols;
mod texts;

use std::collections::BTreeMap;

use object::Endianness;
use object::elf::{FileHeader32, FileHeader64};
use object::pod;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use serde::{Deserialize, Serialize};

/// The most program headers looked at; the linker makes about a dozen.
const MAX_SEGMENTS: usize = 1024;
/// The most dynamic entries looked at; the largest libraries of Debian have a few hundred.
const MAX_DYNAMIC: usize = 65_536;
/// The most `DT_NEEDED` entries kept.
const MAX_NEEDED: usize = 4096;
/// The longest string kept, in bytes (PATH_MAX).
const MAX_STRING: usize = 4096;
/// The largest note segment that is read, in bytes; only core dumps have more.
const MAX_NOTES: u64 = 1 << 20;
/// What the facts of one file may take, in bytes: a file of 64 KiB can name the same long string
/// thousands of times. `libLLVM.so` takes 3 KiB.
pub(crate) const MAX_WEIGHT: usize = 1 << 20;

const SHT_DYNSYM: u32 = 11;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;
const PT_NOTE: u32 = 4;
const PT_GNU_PROPERTY: u32 = 0x6474_e553;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const NT_GNU_ABI_TAG: u32 = 1;
const NT_GNU_PROPERTY_TYPE_0: u32 = 5;
/// `GNU_PROPERTY_X86_ISA_1_NEEDED` of the x86-64 psABI, "Program Property".
const X86_ISA_1_NEEDED: u32 = 0xc000_8002;

/// What kind of object an ELF file is (`e_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ElfKind {
    /// `ET_EXEC`: a program at a fixed address.
    Exec,
    /// `ET_DYN`: a shared library, or a position-independent program.
    Dyn,
    /// `ET_REL`: an object file.
    Rel,
    /// Anything else, such as a core dump.
    Other,
}

/// Facts about one ELF file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElfFacts {
    /// `EI_CLASS`: 1 for 32-bit files, 2 for 64-bit files.
    pub class: u8,
    /// `e_machine`: 62 for x86-64, 183 for AArch64.
    pub machine: u16,
    /// What kind of object it is.
    pub kind: ElfKind,
    /// `e_flags`.
    pub flags: u32,
    /// Whether there is a dynamic section with a string table.
    pub dynamic: bool,
    /// `DT_SONAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// `DT_NEEDED`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// The symbol versions it wants of each library (`DT_VERNEED`), weak ones left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions_needed: BTreeMap<String, Vec<String>>,
    /// The symbol versions it defines (`DT_VERDEF`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// The functions it imports that start a shell: see [`SHELL_CALLS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shell_calls: Vec<String>,
    /// Whether it is a shell by what it holds, whatever its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_a_shell: bool,
    /// The directories of `DT_RPATH`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rpath: Vec<String>,
    /// The directories of `DT_RUNPATH`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runpath: Vec<String>,
    /// `DT_FLAGS_1` (`0x0800_0000` is `DF_1_PIE`).
    #[serde(default)]
    pub flags_1: u64,
    /// The program interpreter (`PT_INTERP`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// The oldest Linux kernel of the `NT_GNU_ABI_TAG` note: major, minor, patch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_kernel: Option<(u32, u32, u32)>,
    /// The `GNU_PROPERTY_X86_ISA_1_NEEDED` property: bit 1 is x86-64-v2, bit 2 v3, bit 3 v4.
    #[serde(default)]
    pub x86_isa_needed: u32,
}

impl ElfFacts {
    /// The facts about an ELF file; `None` where the bytes are no ELF file, break its format, or
    /// pass a limit.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        facts(bytes)
    }

    /// What its names take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let versions = self
            .versions_needed
            .iter()
            .map(|(library, versions)| weight_of(library) + lengths(versions))
            .sum::<usize>();
        let lists = [&self.needed, &self.versions, &self.rpath, &self.runpath];
        versions + lists.into_iter().map(|list| lengths(list)).sum::<usize>()
    }

    /// Whether the loader could load this as a library or start it through its interpreter.
    #[must_use]
    pub const fn is_shared_object(&self) -> bool {
        matches!(self.kind, ElfKind::Dyn) && self.dynamic
    }

    /// Whether this is a program: something to start, not to load. `libc.so.6` can be started too
    /// (it prints its version), but its soname says what it is for.
    #[must_use]
    pub const fn is_program(&self) -> bool {
        const PIE: u64 = 0x0800_0000;
        match self.kind {
            ElfKind::Exec => true,
            ElfKind::Dyn => {
                self.soname.is_none() && (self.interpreter.is_some() || self.flags_1 & PIE != 0)
            }
            ElfKind::Rel | ElfKind::Other => false,
        }
    }
}

pub(crate) use content::Content;
use content::Pages;
pub use symbols::SHELL_CALLS;
use texts::Texts;

/// Whether these are the first bytes of an ELF file (four are enough).
#[must_use]
pub fn is_elf(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF")
}

/// The facts about an ELF file; `None` where the bytes are no ELF file, break its format, or pass
/// a limit.
#[must_use]
pub fn facts(bytes: &[u8]) -> Option<ElfFacts> {
    // Bytes in memory can be read.
    let facts = facts_of(&bytes).ok().flatten();
    facts.filter(|facts| facts.weight() <= MAX_WEIGHT)
}

/// The facts about an ELF file that is read by its parts: `None` as in [`facts`]. They are not whole
/// where they weigh more than [`MAX_WEIGHT`].
pub(crate) fn facts_of(content: &dyn Content) -> std::io::Result<Option<ElfFacts>> {
    let pages = Pages::new(content);
    let facts = match pages.array::<5>(0) {
        Some([0x7f, b'E', b'L', b'F', 1]) => read::<FileHeader32<Endianness>>(&pages, 1),
        Some([0x7f, b'E', b'L', b'F', 2]) => read::<FileHeader64<Endianness>>(&pages, 2),
        _ => None,
    };
    pages.outcome(facts)
}

fn read<Elf: FileHeader<Endian = Endianness>>(pages: &Pages<'_>, class: u8) -> Option<ElfFacts> {
    let start = pages.bytes(0, size_of::<Elf>())?;
    let header = Elf::parse(start.as_slice()).ok()?;
    let endian = header.endian().ok()?;
    let count = usize::from(header.e_phnum(endian));
    let table = if count == 0 {
        Vec::new()
    } else {
        if count > MAX_SEGMENTS
            || usize::from(header.e_phentsize(endian)) != size_of::<Elf::ProgramHeader>()
        {
            return None;
        }
        let place = header.e_phoff(endian).into();
        pages.bytes(place, count * size_of::<Elf::ProgramHeader>())?
    };
    let (segments, _) = pod::slice_from_bytes::<Elf::ProgramHeader>(&table, count).ok()?;
    let segments: Vec<Segment> = segments
        .iter()
        .map(|segment| Segment {
            kind: segment.p_type(endian).0,
            offset: segment.p_offset(endian).into(),
            address: segment.p_vaddr(endian).into(),
            size: segment.p_filesz(endian).into(),
            align: segment.p_align(endian).into(),
        })
        .collect();
    let mut facts = ElfFacts {
        class,
        machine: header.e_machine(endian).0,
        kind: match header.e_type(endian).0 {
            1 => ElfKind::Rel,
            2 => ElfKind::Exec,
            3 => ElfKind::Dyn,
            _ => ElfKind::Other,
        },
        flags: header.e_flags(endian).0,
        dynamic: false,
        soname: None,
        needed: Vec::new(),
        versions_needed: BTreeMap::new(),
        versions: Vec::new(),
        shell_calls: Vec::new(),
        is_a_shell: false,
        rpath: Vec::new(),
        runpath: Vec::new(),
        flags_1: 0,
        interpreter: None,
        minimum_kernel: None,
        x86_isa_needed: 0,
    };
    let mut dynamic = None;
    for segment in &segments {
        match segment.kind {
            PT_DYNAMIC => dynamic = dynamic.or(Some(segment)),
            PT_INTERP => {
                let most = segment.size.min(MAX_STRING as u64 + 1);
                facts.interpreter = Some(string(&segment.data(pages, most)?)?);
            }
            PT_NOTE => {
                notes(&mut facts, segment, pages, endian);
            }
            // Properties are aligned to the word; the loader and ldconfig skip others.
            PT_GNU_PROPERTY if segment.align == u64::from(class) * 4 => {
                notes(&mut facts, segment, pages, endian);
            }
            _ => {}
        }
    }
    if let Some(segment) = dynamic.filter(|segment| segment.size > 0) {
        let tables = read_dynamic(&mut facts, pages, segment, &segments, endian)?;
        if let Some(tables) = tables {
            let count = dynamic_symbols(header, endian, pages);
            symbols::read(&mut facts, pages, &tables, count);
        }
    }
    // A static program has no imports that say that it starts others.
    if facts.needed.is_empty() && facts.is_program() {
        facts.is_a_shell = Texts::of(pages).is_a_shell;
    }
    Some(facts)
}

/// How many dynamic symbols there are by the section headers, where those are there.
fn dynamic_symbols<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    pages: &Pages<'_>,
) -> Option<u64> {
    let each = size_of::<Elf::SectionHeader>();
    let count = usize::from(header.e_shnum(endian)).min(MAX_SEGMENTS);
    if usize::from(header.e_shentsize(endian)) != each {
        return None;
    }
    let table = pages.bytes(header.e_shoff(endian).into(), count * each)?;
    let (sections, _) = pod::slice_from_bytes::<Elf::SectionHeader>(&table, count).ok()?;
    let section = sections
        .iter()
        .find(|section| section.sh_type(endian).0 == SHT_DYNSYM)?;
    let size: u64 = section.sh_size(endian).into();
    let each: u64 = section.sh_entsize(endian).into();
    size.checked_div(each)
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
    align: u64,
}

impl Segment {
    /// The bytes of the segment, at most so many.
    fn data(&self, pages: &Pages<'_>, most: u64) -> Option<Vec<u8>> {
        let end = self.offset.checked_add(self.size)?;
        if end > pages.length() {
            return None;
        }
        pages.bytes(self.offset, usize::try_from(self.size.min(most)).ok()?)
    }
}

/// Reads the dynamic section (System V ABI, "Dynamic Section").
fn read_dynamic(
    facts: &mut ElfFacts,
    pages: &Pages<'_>,
    dynamic: &Segment,
    segments: &[Segment],
    endian: Endianness,
) -> Option<Option<symbols::Tables>> {
    let width = if facts.class == 2 { 8 } else { 4 };
    let mut entries = Vec::new();
    let most = (MAX_DYNAMIC as u64 + 1) * 2 * width as u64;
    for entry in dynamic.data(pages, most)?.chunks_exact(2 * width) {
        let (tag, value) = entry.split_at(width);
        let (tag, value) = (word(tag, endian)?, word(value, endian)?);
        if tag == 0 {
            break;
        }
        if entries.len() == MAX_DYNAMIC {
            return None;
        }
        entries.push((tag, value));
    }
    let Some(table) = entries.iter().find(|(tag, _)| *tag == DT_STRTAB) else {
        return Some(None);
    };
    // Tables are given by address; the segment that is loaded there says where they are in the file.
    let place = |address: u64| {
        let offset = segments
            .iter()
            .filter(|segment| segment.kind == PT_LOAD)
            .find_map(|segment| {
                let distance = address.checked_sub(segment.address)?;
                (distance < segment.size).then(|| segment.offset.checked_add(distance))?
            })
            .unwrap_or(address);
        (offset <= pages.length()).then_some(offset)
    };
    let value = |wanted: u64| {
        let entry = entries.iter().find(|(tag, _)| *tag == wanted);
        entry.map(|(_, value)| *value)
    };
    let tables = symbols::Tables {
        strings: place(table.1)?,
        symbols: value(symbols::DT_SYMTAB).and_then(place),
        hash: value(symbols::DT_HASH).and_then(place),
        gnu_hash: value(symbols::DT_GNU_HASH).and_then(place),
        needed: value(symbols::DT_VERNEED).and_then(place),
        defined: value(symbols::DT_VERDEF).and_then(place),
        endian,
    };
    let at = |value: u64| pages.text(tables.strings.checked_add(value)?);
    facts.dynamic = true;
    let mut weight = 0;
    for (tag, value) in entries {
        match tag {
            DT_SONAME if facts.soname.is_none() => facts.soname = Some(at(value)?),
            DT_NEEDED => {
                if facts.needed.len() == MAX_NEEDED {
                    return None;
                }
                let name = at(value)?;
                weight += weight_of(&name);
                facts.needed.push(name);
                if weight > MAX_WEIGHT {
                    return Some(None);
                }
            }
            DT_RPATH => facts.rpath = directories(&at(value)?),
            DT_RUNPATH => facts.runpath = directories(&at(value)?),
            DT_FLAGS_1 => facts.flags_1 = value,
            _ => {}
        }
    }
    Some(Some(tables))
}

/// What a kept name takes in memory, in bytes: an empty one, too.
const fn weight_of(name: &str) -> usize {
    name.len() + 32
}

fn lengths(list: &[String]) -> usize {
    list.iter().map(|name| weight_of(name)).sum()
}

fn directories(text: &str) -> Vec<String> {
    text.split(':')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Reads a segment of notes. The loader starts a program whose notes are not all there.
fn notes(facts: &mut ElfFacts, segment: &Segment, pages: &Pages<'_>, endian: Endianness) {
    if let Some(notes) = segment.data(pages, MAX_NOTES) {
        read_notes(facts, &notes, endian, segment.align);
    }
}

/// Reads the notes that matter; notes that break the format end the walk, as in the loader.
fn read_notes(facts: &mut ElfFacts, mut notes: &[u8], endian: Endianness, align: u64) {
    let align = if align == 8 { 8 } else { 4 };
    while let Some((kind, name, description, rest)) = next_note(notes, endian, align) {
        notes = rest;
        if name != b"GNU\0" {
            continue;
        }
        match kind {
            NT_GNU_ABI_TAG => {
                let numbers: Vec<u32> = description
                    .chunks_exact(4)
                    .filter_map(|chunk| half(chunk, endian))
                    .take(4)
                    .collect();
                if let [0, major, minor, patch] = numbers[..] {
                    facts.minimum_kernel = facts.minimum_kernel.or(Some((major, minor, patch)));
                }
            }
            NT_GNU_PROPERTY_TYPE_0 if facts.x86_isa_needed == 0 => {
                facts.x86_isa_needed = isa_needed(description, endian, align).unwrap_or(0);
            }
            _ => {}
        }
    }
}

type Note<'a> = (u32, &'a [u8], &'a [u8], &'a [u8]);

fn next_note(notes: &[u8], endian: Endianness, align: usize) -> Option<Note<'_>> {
    let name_size = usize::try_from(half(notes.get(..4)?, endian)?).ok()?;
    let size = usize::try_from(half(notes.get(4..8)?, endian)?).ok()?;
    let kind = half(notes.get(8..12)?, endian)?;
    let name = notes.get(12..12usize.checked_add(name_size)?)?;
    let start = 12usize
        .checked_add(name_size)?
        .checked_next_multiple_of(align)?;
    let end = start.checked_add(size)?;
    let description = notes.get(start..end)?;
    let rest = notes
        .get(end.checked_next_multiple_of(align)?..)
        .unwrap_or_default();
    Some((kind, name, description, rest))
}

fn isa_needed(mut properties: &[u8], endian: Endianness, align: usize) -> Option<u32> {
    while properties.len() >= 8 {
        let kind = half(properties.get(..4)?, endian)?;
        let size = usize::try_from(half(properties.get(4..8)?, endian)?).ok()?;
        let value = properties.get(8..8usize.checked_add(size)?)?;
        if kind == X86_ISA_1_NEEDED {
            return half(value, endian);
        }
        let next = 8usize.checked_add(size)?.checked_next_multiple_of(align)?;
        properties = properties.get(next..)?;
    }
    None
}

fn half(bytes: &[u8], endian: Endianness) -> Option<u32> {
    let bytes = bytes.get(..4)?.try_into().ok()?;
    Some(match endian {
        Endianness::Little => u32::from_le_bytes(bytes),
        Endianness::Big => u32::from_be_bytes(bytes),
    })
}

fn word(bytes: &[u8], endian: Endianness) -> Option<u64> {
    match bytes.len() {
        8 => {
            let bytes = bytes.try_into().ok()?;
            Some(match endian {
                Endianness::Little => u64::from_le_bytes(bytes),
                Endianness::Big => u64::from_be_bytes(bytes),
            })
        }
        4 => half(bytes, endian).map(u64::from),
        _ => None,
    }
}

/// The text up to the first NUL.
fn string(bytes: &[u8]) -> Option<String> {
    let window = bytes.get(..bytes.len().min(MAX_STRING + 1))?;
    let end = window.iter().position(|byte| *byte == 0)?;
    String::from_utf8(window.get(..end)?.to_vec()).ok()
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
