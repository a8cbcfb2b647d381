//! Programs and libraries (ELF), read once from front to end, in pieces: nothing is kept but what
//! stands behind a mark. So a program of any size costs the same memory.
//!
//! Marks: the build information of Go, the crates of Rust, notes about packages
//! (systemd.io/ELF_PACKAGE_METADATA), and texts of known programs.

use std::io::{self, BufRead};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, packed};
use kiln_archive::inflate;
use kiln_types::{ComponentKind, EvidenceKind, SourcePackage};
use memchr::memmem::Finder;
use serde::Deserialize;

use super::classifier::{self, Class, Versions};
use super::{Cataloged, component, golang, is_sane, rust};
use crate::node::Found;

/// What an ELF file begins with.
pub(crate) const ELF: &[u8] = b"\x7fELF";
/// Bytes of a piece that are looked at again with the next one: no mark is longer.
const OVERLAP: usize = 512;
/// Bytes of a note before its type.
const NOTE_HEADER: usize = 8;
/// Bytes of a piece that are kept until the next one.
const KEPT: usize = OVERLAP + NOTE_HEADER;
/// The type of a package note, and its owner's name.
const NOTE: &[u8] = b"\x7e\x1a\xfe\xca\x46\x44\x4f\0";
const LONGEST_NOTE: usize = 64 << 10;
/// Begins of compressed data that are tried in one program, and one more for so many bytes: chance
/// makes far fewer.
const MOST_TRIES: usize = 10_000;
const BYTES_A_TRY: usize = 1_024;
/// Bytes that a text with a version may have; fewer than the overlap.
const LONGEST_TEXT: usize = 96;
/// Things of one kind that are followed in one program.
const MOST: usize = 16;

/// Marks that any program may hold, sought all at once: after these two, what compressed data begins
/// with (RFC 1950, section 2.2), where only the windows that compressors write are thought of. No mark
/// begins within another, so that none hides one.
const ALWAYS: [&[u8]; 6] = [golang::MAGIC, NOTE, b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"];
static FINDER: LazyLock<AlwaysFinder> = LazyLock::new(AlwaysFinder::new);

/// Finds what [`ALWAYS`] has, in one pass.
enum AlwaysFinder {
    /// With the vectors of the processor.
    Packed(packed::Searcher),
    /// Where it has none that fit.
    Plain(AhoCorasick),
}

impl AlwaysFinder {
    fn new() -> Self {
        match packed::Searcher::new(ALWAYS) {
            Some(searcher) => Self::Packed(searcher),
            None => Self::plain(),
        }
    }

    fn plain() -> Self {
        let automaton = AhoCorasick::new(ALWAYS);
        Self::Plain(automaton.expect("six short patterns make a small automaton"))
    }

    /// The first of the marks that begins at `at` or later: which one, and where.
    fn next(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let found = match self {
            Self::Packed(searcher) => searcher.find_in(bytes, (at..bytes.len()).into()),
            Self::Plain(automaton) => automaton.find(Input::new(bytes).range(at..)),
        };
        found.map(|found| (found.pattern().as_usize(), found.start()))
    }
}

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

/// Looks through a program; `first` is what was read of it already, `each` is shown the rest as it
/// comes. `seam` is where it lies that a piece ends and the next one begins, so that no memory need be
/// had anew for each program. The components, and what could not be understood.
///
/// # Errors
/// When reading fails.
pub(crate) fn scan(
    file: &str,
    first: &[u8],
    content: &mut dyn BufRead,
    seam: &mut Vec<u8>,
    each: &mut dyn FnMut(&[u8]),
) -> io::Result<(Vec<Found>, Vec<String>)> {
    let classes = classifier::classes(file);
    let mut search = Search::new(file, &classes);
    seam.clear();
    seam.extend_from_slice(first);
    // `seam` holds the bytes of the program from `offset` on; marks are looked for from `seen` on.
    let mut offset = 0_usize;
    let mut seen = 0_usize;
    loop {
        let piece = match content.fill_buf() {
            Ok([]) => break,
            Ok(piece) => piece,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        each(piece);
        search.follow(piece, 0);
        let before = seam.len();
        let is_small = piece.len() < 2 * KEPT;
        let (begin, rest) = piece.split_at(if is_small { piece.len() } else { KEPT });
        seam.extend_from_slice(begin);
        let open = search.captures.len();
        // Marks that begin in the overlap at the end are found with what comes next.
        let until = seam.len().saturating_sub(OVERLAP).max(seen);
        search.look(seam, seen..until, offset);
        search.follow(rest, open);
        // The overlap is kept, and a few bytes more for the begin of a note.
        if is_small {
            let passed = seam.len().saturating_sub(KEPT);
            seam.drain(..passed);
            seen = until - passed;
            offset += passed;
        } else {
            // The seam has the marks before `until`, the piece itself the others.
            let within = until - before..piece.len() - OVERLAP;
            search.look(piece, within, offset + before);
            let passed = piece.len() - KEPT;
            seam.clear();
            seam.extend_from_slice(piece.get(passed..).unwrap_or_default());
            seen = NOTE_HEADER;
            offset += before + passed;
        }
        let count = piece.len();
        content.consume(count);
    }
    search.look(seam, seen..seam.len(), offset);
    Ok(search.finish(&classes))
}

/// What is looked for in a program, and what was found.
struct Search {
    always: &'static AlwaysFinder,
    texts: Vec<(&'static Class, Finder<'static>)>,
    /// The versions that stand in it, for a program whose highest one is its own.
    versions: Option<Versions>,
    captures: Vec<Capture>,
    counts: [usize; 3],
    tries: usize,
    is_evasive: bool,
    /// Whether there were more marks than are followed.
    is_cut: bool,
}

impl Search {
    fn new(file: &str, classes: &[&'static Class]) -> Self {
        let finder = |class: &&'static Class| {
            let needle = class.needle(file)?;
            Some((*class, Finder::new(&needle).into_owned()))
        };
        Self {
            always: &FINDER,
            texts: classes.iter().filter_map(finder).collect(),
            versions: classes
                .iter()
                .any(|class| class.is_of_versions())
                .then(Versions::default),
            captures: Vec::new(),
            counts: [0; 3],
            tries: 0,
            is_evasive: false,
            is_cut: false,
        }
    }

    /// What came after the marks that were found, but for the first so many.
    fn follow(&mut self, fresh: &[u8], but: usize) {
        for capture in self.captures.iter_mut().skip(but) {
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
        self.look_for_always(window, &begins, offset);
        // A program may speak of another, or of itself, often before it says its version: the first
        // mention that tells one counts, wherever it is.
        self.texts.retain(|(class, finder)| {
            let mut places = finder.find_iter(part).map(|at| at + begins.start);
            let tells = |at: &usize| {
                let bytes = window.get(*at..).unwrap_or_default();
                let bytes = bytes
                    .get(..LONGEST_TEXT.min(bytes.len()))
                    .unwrap_or_default();
                class.found(bytes).is_some()
            };
            let Some(at) = places
                .by_ref()
                .take_while(|at| *at < begins.end)
                .find(tells)
            else {
                return true;
            };
            self.captures.push(Capture {
                mark: Mark::Text(class),
                bytes: window.get(at..).unwrap_or_default().to_vec(),
                most: LONGEST_TEXT,
            });
            false
        });
        let within = |at: &usize| begins.contains(at);
        if let Some(versions) = &mut self.versions {
            for at in memchr::memchr_iter(0, part).map(|at| at + begins.start) {
                if within(&at) {
                    versions.look(window.get(at + 1..).unwrap_or_default());
                }
            }
        }
    }

    fn look_for_always(&mut self, window: &[u8], begins: &Range<usize>, offset: usize) {
        let mut from = begins.start;
        while let Some((mark, at)) = self.always.next(window, from) {
            if at >= begins.end {
                return;
            }
            from = at + 1;
            match mark {
                0 if !(offset + at).is_multiple_of(16) => {}
                1 if at < NOTE_HEADER => {}
                0 | 1 if self.counts[mark] == MOST => self.is_cut = true,
                0 => {
                    self.counts[0] += 1;
                    self.open(window, at, Mark::Go, golang::LONGEST);
                }
                1 => {
                    self.counts[1] += 1;
                    self.open(window, at - NOTE_HEADER, Mark::Note, LONGEST_NOTE);
                }
                _ if self.is_evasive => {}
                _ => self.look_for_crates(window, at, offset),
            }
        }
    }

    /// Whether the list of a program's crates begins at `at`.
    fn look_for_crates(&mut self, window: &[u8], at: usize, offset: usize) {
        let start = window.get(at..).unwrap_or_default();
        if !inflate::zlib_may_begin_with(start, rust::FIRST) {
            return;
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

    fn finish(self, classes: &[&'static Class]) -> (Vec<Found>, Vec<String>) {
        let (mut found, mut wrong) = understood(self.captures);
        let highest = classes.iter().find(|class| class.is_of_versions());
        if let (Some(versions), Some(class)) = (self.versions, highest) {
            found.extend(versions.found(class));
        }
        if self.is_cut {
            wrong.push(format!(
                "it holds more than {MOST} marks of build information or of packages, and not all were read"
            ));
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
    use std::io::BufReader;

    use super::*;

    /// What a program has, whatever the pieces that it comes in.
    fn told(file: &str, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
        let (first, rest) = bytes.split_at(4.min(bytes.len()));
        let read = |size: usize| {
            let mut content = BufReader::with_capacity(size, rest);
            let mut shown = Vec::new();
            let each = &mut |piece: &[u8]| shown.extend_from_slice(piece);
            let seam = &mut vec![7; 100];
            let (found, wrong) = scan(file, first, &mut content, seam, each).unwrap();
            assert_eq!(shown, rest);
            let name =
                |found: &Found| format!("{} {}", found.component.name, found.component.version);
            (found.iter().map(name).collect(), wrong)
        };
        let whole = read(bytes.len().max(1));
        for size in [61, KEPT, 2 * KEPT - 1, 2 * KEPT, 4_096] {
            assert_eq!(read(size), whole, "{size}");
        }
        whole
    }

    fn names(file: &str, bytes: &[u8]) -> Vec<String> {
        let (found, wrong) = told(file, bytes);
        assert!(wrong.is_empty(), "{wrong:?}");
        found
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
            let at = 4_096 - 160 + shift;
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
        assert!(names("app", &program(4_096 - 3, &go)).is_empty());
        assert!(names("other", &program(100, b"node.js/v20.1.0\0")).is_empty());
    }

    #[test]
    fn a_version_behind_many_mentions_is_found() {
        let mut bytes = b"node.js/vX".repeat(100);
        bytes.resize(20_000, 0);
        bytes.extend(b"node.js/v20.1.0\0");
        assert_eq!(names("node", &program(3_000, &bytes)), ["node 20.1.0"]);
    }

    #[test]
    fn attack_marks_that_hide_one() {
        let go = golang::tests::header("go1.24.4", "mod\texample.com/a\tv1.0.0\n");
        let mut bytes = Vec::new();
        for _ in 0..MOST {
            bytes.extend_from_slice(golang::MAGIC);
            bytes.resize(bytes.len().next_multiple_of(16), 0);
        }
        bytes.extend(&go);
        let (found, wrong) = told("app", &program(4_096, &bytes));
        assert!(found.is_empty(), "{found:?}");
        let last = wrong.last().unwrap();
        assert!(last.contains("not all were read"), "{wrong:?}");
    }

    #[test]
    fn both_finders_find_the_same() {
        let mut bytes = vec![0; 300];
        for (at, mark) in [
            (0, 2),
            (2, 4),
            (40, 0),
            (54, 1),
            (62, 3),
            (100, 5),
            (298, 2),
        ] {
            bytes[at..at + ALWAYS[mark].len()].copy_from_slice(ALWAYS[mark]);
        }
        for (length, count) in [(300, 7), (299, 6), (63, 4), (41, 2), (1, 0), (0, 0)] {
            let bytes = &bytes[..length];
            let all = |finder: AlwaysFinder| {
                let mut found: Vec<(usize, usize)> = Vec::new();
                while let Some(next) = finder.next(bytes, found.last().map_or(0, |(_, at)| at + 1))
                {
                    found.push(next);
                }
                found
            };
            let plain = all(AlwaysFinder::plain());
            assert_eq!(plain.len(), count, "{length}");
            assert_eq!(all(AlwaysFinder::new()), plain, "{length}");
        }
        // No mark begins within another.
        for (mark, other) in ALWAYS
            .iter()
            .flat_map(|mark| ALWAYS.map(|other| (mark, other)))
        {
            assert!(!mark[1..].contains(&other[0]));
        }
    }

    #[test]
    fn crates_are_found_without_a_section_table() {
        // Two crates and one that only the build needed.
        let compressed = include_bytes!("../../tests/fixtures/audit.zlib");
        for at in [64, 4_096 - 5, 4_096 + 1] {
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
        let told = |lists: &[u8]| told("app", &program(64, lists));
        let (found, wrong) = told(&[broken, &[0xff; 10], list].concat());
        assert_eq!((found.len(), wrong.len()), (1, 1), "{wrong:?}");
        let (found, wrong) = told(&[&empty.repeat(MOST)[..], list].concat());
        assert_eq!((found.len(), wrong.len()), (0, 1), "{wrong:?}");
    }
}
