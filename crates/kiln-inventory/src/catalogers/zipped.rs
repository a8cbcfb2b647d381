//! Zip archives under whatever name: the loaders of Java and Python go by the content, and so does
//! this. `app.zip`, `lib.bin` or `tool` may be a jar, a wheel, an egg, or an application of Python;
//! a script may have one behind it.
//!
//! Most zip archives are none of these. Only one whose bytes name a file that tells of components is
//! looked into, and only what goes wrong there is worth a word.

use std::io::{self, Cursor, Read};

use kiln_archive::zip::ZipReader;
use memchr::memmem;

use super::nested::Search;
use super::{java, python};
use crate::path::{name, parent};

/// What zip archives begin with: with an entry, or, where they have parts or are empty, with another
/// record.
pub(crate) const ZIP: &[u8] = b"PK";
/// What a script begins with, behind which a zip archive may stand.
pub(crate) const SCRIPT: &[u8] = b"#!";
/// What its last record begins with, and the length of that without a comment.
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
/// The last record, and the longest comment.
pub(crate) const TAIL: u64 = 22 + 65_535;
/// Where a name is said, in front of an entry and in the list of all: what the header begins with,
/// where the length of the name stands, and where the name begins. Names are never compressed.
const HEADERS: [(&[u8], usize, usize); 2] = [(b"PK\x03\x04", 26, 30), (b"PK\x01\x02", 28, 46)];
/// The longest header, with its name.
const LONGEST: usize = 46 + 65_535;
/// Bytes of the metadata of one distribution.
const SMALL: u64 = 1 << 20;
/// Distributions of Python in one archive.
const MOST: usize = 2000;

/// Whether an archive of which these bytes are all, or a piece, says the name of a file that tells of
/// components.
pub(crate) fn is_hinted(bytes: &[u8]) -> bool {
    HEADERS.iter().any(|&(mark, length_at, name_at)| {
        memmem::find_iter(bytes, mark).any(|at| {
            let header = bytes.get(at..).unwrap_or_default();
            let length = number(header, length_at);
            let name = header.get(name_at..).and_then(|rest| rest.get(..length));
            name.is_some_and(is_telling)
        })
    })
}

fn number(bytes: &[u8], at: usize) -> usize {
    let two = bytes.get(at..at + 2).and_then(|two| two.try_into().ok());
    two.map(u16::from_le_bytes).map_or(usize::MAX, usize::from)
}

fn is_telling(member: &[u8]) -> bool {
    let member = String::from_utf8_lossy(member);
    java::is_archive(&member)
        || member.eq_ignore_ascii_case("META-INF/MANIFEST.MF")
        || member.ends_with("/pom.properties")
        || is_distribution(&member)
}

/// Whether a file is the metadata of a distribution of Python.
fn is_distribution(member: &str) -> bool {
    let folder = name(parent(member));
    match name(member) {
        "METADATA" => folder.ends_with(".dist-info"),
        "PKG-INFO" => folder == "EGG-INFO" || folder.ends_with(".egg-info"),
        _ => false,
    }
}

/// The same for one that is too large to be held in memory.
///
/// # Errors
/// When reading fails.
pub(crate) fn is_hinted_within(content: &mut dyn Read) -> io::Result<bool> {
    const PIECE: u64 = 512 << 10;
    let mut window = Vec::new();
    loop {
        let count = content.take(PIECE).read_to_end(&mut window)?;
        if is_hinted(&window) {
            return Ok(true);
        }
        if count == 0 {
            return Ok(false);
        }
        let passed = window.len().saturating_sub(LONGEST);
        window.drain(..passed);
    }
}

/// Whether a file that ends so, and begins with something else, ends with a zip archive. The bytes of
/// the mark alone stand in every program that reads such archives; what is around them does not.
pub(crate) fn is_end(bytes: &[u8]) -> bool {
    list_before(bytes).is_some()
}

/// Whether a file of which no more than its end is known may end with an archive that tells of
/// components.
pub(crate) fn may_be_hinted(end: &[u8]) -> bool {
    list_before(end).is_some_and(|is_whole| !is_whole || is_hinted(end))
}

/// Whether the last record of an archive is there, and then, whether the whole list of its entries is
/// in front of it.
fn list_before(bytes: &[u8]) -> Option<bool> {
    let most = usize::try_from(TAIL).unwrap_or(usize::MAX);
    let start = bytes.len().saturating_sub(most);
    let tail = bytes.get(start..).unwrap_or_default();
    memmem::find_iter(tail, END).find_map(|at| {
        let record = tail.get(at..).unwrap_or_default();
        let [disk, first, here, all, comment] = [4, 6, 8, 10, 20].map(|at| number(record, at));
        let length = number(record, 12) | number(record, 14).saturating_mul(1 << 16);
        // Readers differ in whether bytes may stand behind the comment.
        let is_one = disk == first
            && here == all
            && all > 0
            && comment <= record.len().saturating_sub(END_LENGTH);
        is_one.then_some(length <= start + at)
    })
}

/// Looks for the components of an archive, and for what cannot be read in it.
pub(crate) fn archive(file: &str, bytes: &[u8], search: &mut Search) {
    java::archive(file, bytes, search);
    let Ok(mut zip) = ZipReader::open(Cursor::new(bytes), &java::limits()) else {
        return;
    };
    let (mut at, mut count) = (0, 0);
    while let Some(member) = java::next(&zip, &mut at, |member| is_distribution(&member.name)) {
        count += 1;
        if count > MOST {
            let reason = format!("it holds more than {MOST} distributions of Python");
            return search.miss("", &reason);
        }
        if !search.unpack(member.size) {
            return search.miss("", "the metadata inside has more bytes than are read");
        }
        let read = zip
            .read(&member, SMALL)
            .map_err(|error| error.to_string())
            .and_then(|metadata| python::distribution(&metadata));
        match read {
            Ok(distribution) => {
                for found in distribution {
                    if !search.add(&member.name, found) {
                        return;
                    }
                }
            }
            Err(reason) => search.miss(&member.name, &reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::java::tests::stored;
    use super::*;
    use crate::layer::ScanLimits;
    use crate::node::Found;

    fn told(file: &str, bytes: &[u8]) -> Vec<String> {
        let mut search = Search::new(&ScanLimits::default());
        assert!(is_hinted(bytes) && is_end(bytes), "{file}");
        archive(file, bytes, &mut search);
        let (found, wrong) = search.finish();
        assert!(wrong.is_empty(), "{wrong:?}");
        let told = |found: &Found| {
            let component = &found.component;
            format!(
                "{} {} {} {}",
                component.kind, component.name, component.version, found.inside
            )
        };
        found.iter().map(told).collect()
    }

    #[test]
    fn archives_are_what_is_in_them() {
        let pom = b"groupId=org.example\nartifactId=lib\nversion=1.2\n";
        let jar = stored(&[("META-INF/maven/org.example/lib/pom.properties", pom)]);
        assert_eq!(told("app.zip", &jar), ["maven org.example:lib 1.2 "]);
        let plain = stored(&[("META-INF/MANIFEST.MF", b"Implementation-Version: 9.1\n")]);
        assert_eq!(told("opt/app", &plain), ["maven app 9.1 "]);
        assert_eq!(told("opt/app-2.3", &plain), ["maven app 2.3 "]);
        let held = stored(&[("lib/lib-1.2.jar", &jar)]);
        assert_eq!(
            told("dist-5.zip", &held),
            ["maven org.example:lib 1.2 lib/lib-1.2.jar"]
        );
        let metadata = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n\n";
        for (file, member) in [
            ("demo.whl", "demo-1.0.dist-info/METADATA"),
            ("demo.egg", "EGG-INFO/PKG-INFO"),
            ("demo.pyz", "site-packages/demo.egg-info/PKG-INFO"),
        ] {
            let bytes = stored(&[(member, metadata)]);
            assert_eq!(told(file, &bytes), [format!("pypi demo 1.0 {member}")]);
            let script = [b"#!/usr/bin/env python3\n".as_slice(), &bytes].concat();
            assert_eq!(told(file, &script), [format!("pypi demo 1.0 {member}")]);
        }
    }

    #[test]
    fn archives_of_other_things_are_left_alone_wherever_pieces_end() {
        assert!(!is_hinted(&stored(&[("archive/data.pkl", &[0; 100])])));
        assert!(!is_hinted(b"#!/bin/sh\nunzip -p x META-INF/MANIFEST.MF\n"));
        // A program that knows the marks.
        assert!(!is_end(b"PK\x01\x02\0PK\x03\x04\0PK\x05\x06\0PK\x06\x06\0"));
        let jar = stored(&[("meta-inf/manifest.mf", b"")]);
        let list = memmem::rfind(&jar, HEADERS[1].0).unwrap();
        for before in [LONGEST, LONGEST + 40, (512 << 10) - 10] {
            let mut bytes = vec![0; before];
            bytes.extend(&jar[list..]);
            assert!(is_hinted_within(&mut bytes.as_slice()).unwrap());
            bytes.truncate(before + 50);
            assert!(!is_hinted_within(&mut bytes.as_slice()).unwrap());
        }
    }

    #[test]
    fn names_are_found_with_a_field_behind_them() {
        // As Info-ZIP writes an entry: times stand between the name and the content.
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend([11, 0, 28, 0]);
        bytes.extend(b"lib/lib.JARUT\x09\0\x03");
        assert!(is_hinted(&bytes));
        bytes[26] = 10;
        assert!(!is_hinted(&bytes));
    }
}
