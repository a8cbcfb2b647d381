//! Programs and libraries (ELF), read once from front to end, in pieces: nothing is kept but what
//! stands behind a mark. So a program of any size costs the same memory.
//!
//! Marks: the build information of Go, the crates of Rust, notes about packages
//! (systemd.io/ELF_PACKAGE_METADATA), and texts of known programs.

use std::io::{self, Read};
use std::ops::Range;

use kiln_archive::inflate;
use kiln_types::{ComponentKind, EvidenceKind, SourcePackage};
use memchr::memmem::Finder;
use serde::Deserialize;

use super::classifier::{self, Class, Versions};
use super::{Cataloged, component, golang, is_sane, rust};
use crate::node::Found;

/// What an ELF file begins with.
pub(crate) const ELF: &[u8] = b"\x7fELF";
/// Bytes read at once.
const PIECE: usize = 256 << 10;
/// Bytes of a piece that are looked at again with the next one: no mark is longer.
const OVERLAP: usize = 512;
/// Bytes of a note before its type.
const NOTE_HEADER: usize = 8;
/// The type of a package note, and its owner's name.
const NOTE: &[u8] = b"\x7e\x1a\xfe\xca\x46\x44\x4f\0";
const LONGEST_NOTE: usize = 64 << 10;
/// Begins of compressed data that are tried in one program, and one more for so many bytes: chance
/// makes far fewer.
const MOST_TRIES: usize = 10_000;
const BYTES_A_TRY: usize = 1_024;
/// Things of one kind that are followed in one program.
const MOST: usize = 16;

/// What a mark leads to.
enum Mark {
    Go,
    Rust,
    Note,
    Text(&'static Class),
}

/// Bytes that follow a mark, until there are enough.
struct Capture {
    mark: Mark,
    bytes: Vec<u8>,
    most: usize,
}

/// Whether something may stand behind a program that begins so and has so many bytes: its list of
/// sections, which linkers put last, ends before, or there is none. Where the list stands in front, as
/// in programs of Go, it does not tell.
pub(crate) fn goes_on(first: &[u8], size: u64) -> bool {
    const FRONT: u64 = 4_096;
    let number = |at: usize, length: usize| {
        let bytes = first.get(at..at + length).unwrap_or_default();
        let is_big = first.get(5) == Some(&2);
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        match is_big {
            true => bytes.iter().fold(0, add),
            false => bytes.iter().rev().fold(0, add),
        }
    };
    // elf(5): where the list is, how long its entries are, and how many there are.
    let (start, length, count) = match first.get(4) {
        Some(1) => (number(32, 4), number(46, 2), number(48, 2)),
        _ => (number(40, 8), number(58, 2), number(60, 2)),
    };
    start == 0 || (start >= FRONT && start.saturating_add(length * count) < size)
}

/// Looks through a program; `first` is what was read of it already, `window` is where pieces lie
/// meanwhile, so that it need not be made anew for each program. The components, and what could not
/// be understood.
///
/// # Errors
/// When reading fails.
pub(crate) fn scan(
    file: &str,
    first: &[u8],
    content: &mut dyn Read,
    window: &mut Vec<u8>,
) -> io::Result<(Vec<Found>, Vec<String>)> {
    let classes = classifier::classes(file);
    let mut search = Search::new(file, &classes);
    window.resize(OVERLAP + NOTE_HEADER + PIECE, 0);
    let (begin, _) = window.split_at_mut(first.len().min(OVERLAP));
    begin.copy_from_slice(first.get(..begin.len()).unwrap_or_default());
    // `window` holds the bytes from `offset` on, up to `filled`; marks are looked for from `seen` on.
    let mut filled = begin.len();
    let mut offset = 0_usize;
    let mut seen = 0_usize;
    loop {
        let begin = filled;
        let mut ended = false;
        while let Some(rest) = window.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match content.read(rest) {
                Ok(0) => {
                    ended = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let known = window.get(..filled).unwrap_or_default();
        search.follow(known.get(begin..).unwrap_or_default());
        // Marks that begin in the overlap at the end are found with the next piece.
        let until = match ended {
            true => filled,
            false => filled.saturating_sub(OVERLAP),
        };
        search.look(known, seen..until, offset);
        if ended {
            return Ok(search.finish(&classes));
        }
        // Keep the overlap, and a few bytes more for the begin of a note.
        let keep = until.saturating_sub(NOTE_HEADER);
        window.copy_within(keep..filled, 0);
        filled -= keep;
        offset += keep;
        seen = until - keep;
    }
}

/// What is looked for in a program, and what was found.
struct Search {
    go: Finder<'static>,
    note: Finder<'static>,
    texts: Vec<(&'static Class, Finder<'static>)>,
    /// The versions that stand in it, for a program whose highest one is its own.
    versions: Option<Versions>,
    captures: Vec<Capture>,
    counts: [usize; 3],
    tries: usize,
    is_evasive: bool,
}

impl Search {
    fn new(file: &str, classes: &[&'static Class]) -> Self {
        let finder = |class: &&'static Class| {
            let needle = class.needle(file)?;
            Some((*class, Finder::new(&needle).into_owned()))
        };
        Self {
            go: Finder::new(golang::MAGIC),
            note: Finder::new(NOTE),
            texts: classes.iter().filter_map(finder).collect(),
            versions: classes
                .iter()
                .any(|class| class.is_of_versions())
                .then(Versions::default),
            captures: Vec::new(),
            counts: [0; 3],
            tries: 0,
            is_evasive: false,
        }
    }

    /// What came after the marks that were found.
    fn follow(&mut self, fresh: &[u8]) {
        for capture in &mut self.captures {
            let room = capture.most.saturating_sub(capture.bytes.len());
            let more = fresh.get(..room.min(fresh.len())).unwrap_or_default();
            capture.bytes.extend_from_slice(more);
        }
    }

    fn open(&mut self, window: &[u8], at: usize, mark: Mark, most: usize) {
        let bytes = window.get(at..).unwrap_or_default();
        let bytes = bytes.get(..most.min(bytes.len())).unwrap_or_default();
        let bytes = bytes.to_vec();
        self.captures.push(Capture { mark, bytes, most });
    }

    /// Looks for marks that begin in a part of `window`, which begins at `offset` of the program.
    fn look(&mut self, window: &[u8], begins: Range<usize>, offset: usize) {
        let part = window.get(begins.start..).unwrap_or_default();
        let within = |at: &usize| begins.contains(at);
        let places = |finder: &Finder<'_>| -> Vec<usize> {
            let all = finder.find_iter(part).map(|at| at + begins.start);
            all.filter(within).collect()
        };
        for at in places(&self.go) {
            if (offset + at).is_multiple_of(16) && self.counts[0] < MOST {
                self.counts[0] += 1;
                self.open(window, at, Mark::Go, golang::LONGEST);
            }
        }
        for at in places(&self.note) {
            if at >= NOTE_HEADER && self.counts[1] < MOST {
                self.counts[1] += 1;
                self.open(window, at - NOTE_HEADER, Mark::Note, LONGEST_NOTE);
            }
        }
        self.look_for_crates(window, &begins, offset);
        for at in 0..self.texts.len() {
            let Some((class, finder)) = self.texts.get(at) else {
                continue;
            };
            let class = *class;
            for at in places(finder).into_iter().take(MOST) {
                self.open(window, at, Mark::Text(class), 96);
            }
        }
        if let Some(versions) = &mut self.versions {
            for at in memchr::memchr_iter(0, part).map(|at| at + begins.start) {
                if within(&at) {
                    versions.look(window.get(at + 1..).unwrap_or_default());
                }
            }
        }
    }

    fn look_for_crates(&mut self, window: &[u8], begins: &Range<usize>, offset: usize) {
        let part = window.get(begins.clone()).unwrap_or_default();
        for at in memchr::memchr_iter(b'x', part).map(|at| at + begins.start) {
            if !matches!(window.get(at + 1), Some(0x01 | 0x5e | 0x9c | 0xda)) {
                continue;
            }
            let start = window.get(at..).unwrap_or_default();
            if !inflate::zlib_may_begin_with(start, rust::FIRST) {
                continue;
            }
            self.tries += 1;
            if self.tries > MOST_TRIES + (offset + at) / BYTES_A_TRY {
                self.is_evasive = true;
                return;
            }
            let begin = inflate::zlib_first(start, rust::BEGIN);
            if begin.is_some_and(|begin| rust::is_list(&begin)) {
                if self.counts[2] == MOST {
                    self.is_evasive = true;
                    return;
                }
                self.counts[2] += 1;
                self.open(window, at, Mark::Rust, rust::LONGEST);
            }
        }
    }

    fn finish(self, classes: &[&'static Class]) -> (Vec<Found>, Vec<String>) {
        let (mut found, mut wrong) = understood(self.captures);
        let highest = classes.iter().find(|class| class.is_of_versions());
        if let (Some(versions), Some(class)) = (self.versions, highest) {
            found.extend(versions.found(class));
        }
        if self.is_evasive {
            wrong.push(
                "it holds so many begins of compressed data that it was not searched for crates to its end"
                    .to_owned(),
            );
        }
        (found, wrong)
    }
}

fn understood(captures: Vec<Capture>) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    let (mut has_go, mut has_rust) = (false, false);
    let mut classified: Vec<&str> = Vec::new();
    for capture in &captures {
        let cataloged: Cataloged = match &capture.mark {
            Mark::Go if has_go => continue,
            Mark::Rust if has_rust => continue,
            Mark::Go => golang::modules(&capture.bytes),
            Mark::Rust => rust::crates(&capture.bytes),
            Mark::Note => package_note(&capture.bytes),
            Mark::Text(class) => Ok(class.found(&capture.bytes).into_iter().collect()),
        };
        match cataloged {
            Ok(mut components) => {
                match &capture.mark {
                    Mark::Go => has_go |= !components.is_empty(),
                    // An empty list says nothing, and another may follow it.
                    Mark::Rust => has_rust |= !components.is_empty(),
                    Mark::Note => {}
                    Mark::Text(_) => {
                        // The first text of a class counts.
                        components.retain(|found| {
                            let name = found.component.name.as_str();
                            let is_new = !classified.contains(&name);
                            if is_new && let Some(class) = name_of(name) {
                                classified.push(class);
                            }
                            is_new
                        });
                    }
                }
                found.append(&mut components);
            }
            Err(reason) => wrong.push(reason),
        }
    }
    wrong.dedup();
    (found, wrong)
}

fn name_of(name: &str) -> Option<&'static str> {
    classifier::CLASSES
        .iter()
        .map(Class::name)
        .find(|known| *known == name)
}

#[derive(Deserialize)]
struct Note {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    architecture: Option<String>,
    #[serde(default)]
    os: String,
}

/// The package that a note names. `bytes` begins with the note's header: the length of the owner's
/// name, the length of the description, the type.
fn package_note(bytes: &[u8]) -> Cataloged {
    let length = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    // Anything may hold these bytes; a note has an owner's name of four.
    let (Some(4), Some(size)) = (length(0), length(4)) else {
        return Ok(Vec::new());
    };
    if size > LONGEST_NOTE {
        return Ok(Vec::new());
    }
    let Some(text) = bytes.get(16..16 + size) else {
        return Err("a package note is cut off".to_owned());
    };
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    let note: Note = serde_json::from_slice(text.get(..end).unwrap_or_default())
        .map_err(|error| format!("a package note is broken: {error}"))?;
    if !is_sane(&note.name) || !is_sane(&note.version) {
        return Ok(Vec::new());
    }
    // What the distribution built is in its database; a note says it again for a file that was
    // copied elsewhere.
    let kind = match note.kind.as_str() {
        "deb" => ComponentKind::Deb,
        "rpm" => ComponentKind::Rpm,
        "apk" => ComponentKind::Apk,
        _ => ComponentKind::Binary,
    };
    let namespace = (!note.os.is_empty() && kind.is_system()).then_some(note.os.as_str());
    let mut component = component(kind, namespace, &note.name, &note.name, &note.version);
    if kind.is_system() {
        // Notes name the source package (`dh_package_notes`).
        component.source = Some(SourcePackage {
            name: note.name.clone(),
            version: note.version.clone(),
        });
    }
    component.architecture = note.architecture;
    component
        .properties
        .insert("note-type".to_owned(), note.kind);
    Ok(vec![Found::new(component, EvidenceKind::BuildInformation)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(file: &str, bytes: &[u8]) -> Vec<String> {
        let (first, mut rest) = bytes.split_at(4.min(bytes.len()));
        let (found, wrong) = scan(file, first, &mut rest, &mut Vec::new()).unwrap();
        assert!(wrong.is_empty(), "{wrong:?}");
        found
            .iter()
            .map(|found| format!("{} {}", found.component.name, found.component.version))
            .collect()
    }

    /// A program with something at a place.
    fn program(at: usize, something: &[u8]) -> Vec<u8> {
        let mut bytes = ELF.to_vec();
        bytes.resize(at, 1);
        bytes.extend_from_slice(something);
        bytes.resize(bytes.len() + 1000, 2);
        bytes
    }

    #[test]
    fn marks_are_found_wherever_pieces_end() {
        let go = golang::tests::header("go1.24.4", "mod\texample.com/a\tv1.0.0\n");
        let mut note = vec![4, 0, 0, 0];
        let text = br#"{"type":"deb","os":"debian","name":"coreutils","version":"9.7-3"}"#;
        note.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        note.extend(NOTE);
        note.extend(text);
        for shift in (0..=320).step_by(16) {
            let at = PIECE - 160 + shift;
            assert_eq!(
                names("app", &program(at, &go)),
                ["stdlib 1.24.4", "example.com/a v1.0.0"],
                "{at}"
            );
            assert_eq!(
                names("app", &program(at, &note)),
                ["coreutils 9.7-3"],
                "{at}"
            );
            assert_eq!(
                names("node", &program(at, b"node.js/v20.1.0\0")),
                ["node 20.1.0"],
                "{at}"
            );
        }
        // Not aligned: a program of Go that speaks of the mark.
        assert!(names("app", &program(PIECE - 3, &go)).is_empty());
        assert!(names("other", &program(100, b"node.js/v20.1.0\0")).is_empty());
    }

    #[test]
    fn crates_are_found_without_a_section_table() {
        // Two crates and one that only the build needed.
        let compressed = include_bytes!("../../tests/fixtures/audit.zlib");
        for at in [64, PIECE - 5, PIECE + 1] {
            assert_eq!(
                names("app", &program(at, compressed)),
                ["a 1.0.0", "app 0.1.0"]
            );
        }
    }

    #[test]
    fn attack_lists_of_crates_that_hide_one() {
        let empty = b"x\x9c\xabV*HL\xceNLO-V\xb2\x8a\x8e\xad\x05\x00+\xbb\x05n";
        let list = b"x\x9c\xabV*HL\xceNLO-V\xb2\x8a\xaeV\xcaK\xccMU\xb2RJ.\xaaP\xd2Q*K-*\xce\xcc\xcf\x03\xf2\x0d\xf5\x0c\xf4\x0c\x80\x22\xc5\xf9\xa5E\xc9 \x05E\xa9\xe9\x99\xc5%E\x95J\xb5\xb1\xb5\x00\xe4g\x15\xef";
        let pretty = b"x\xda\xab\xe6RPJ\xcb/\xcaM,Q\xb2R0\xd4\x01\xf2\x0a\x12\x93\xb3\x13\xd3S\x8b\x81\xfch.\x05\x85j\xa5\xbc\xc4\xdcT G)\xb9\xa8BIGA\xa9,\xb5\xa883?\x0f$b\xa8g\xa0g\xa0T\xcb\xa5\x10\xcbU\x0b\x00\xef\x91\x13\xcd";
        let behind_flush = b"x\xda\x00\x00\x00\xff\xff\xabV*HL\xceNLO-V\xb2\x8a\xaeV\xcaK\xccMU\xb2RJ.\xaaP\xd2Q*K-*\xce\xcc\xcf\x03\xf2\x0d\xf5\x0c\xf4\x0c\x80\x22\xc5\xf9\xa5E\xc9 \x05E\xa9\xe9\x99\xc5%E\x95J\xb5\xb1\xb5\x00\xe4g\x15\xef";
        let broken = &list[..list.len() / 2];
        for bytes in [
            list.to_vec(),
            pretty.to_vec(),
            behind_flush.to_vec(),
            [&empty[..], list].concat(),
        ] {
            assert_eq!(names("app", &program(64, &bytes)), ["crx 1.0.0"]);
        }
        let told = |lists: &[u8]| {
            let bytes = program(64, lists);
            scan("app", &[], &mut bytes.as_slice(), &mut Vec::new()).unwrap()
        };
        let (found, wrong) = told(&[broken, &[0xff; 10], list].concat());
        assert_eq!((found.len(), wrong.len()), (1, 1), "{wrong:?}");
        let (found, wrong) = told(&[&empty.repeat(MOST)[..], list].concat());
        assert_eq!((found.len(), wrong.len()), (0, 1), "{wrong:?}");
    }
}
