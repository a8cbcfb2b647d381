//! Zip archives under whatever name: the loaders of Java and Python go by the content, and so does
//! this. `app.zip`, `lib.bin` or `tool` may be a jar, a wheel, an egg, or an application of Python;
//! a script may have one behind it.
//!
//! Most zip archives are none of these. Only one whose bytes name a file that tells of components is
//! looked into, and only what goes wrong there is worth a word.

use std::io::{self, Cursor, Read};

use kiln_archive::Limits;
use kiln_archive::zip::ZipReader;
use memchr::memmem;

use super::{java, python};
use crate::node::Found;
use crate::path::{name, parent};

/// What a zip archive begins with, where nothing stands in front of it.
pub(crate) const ZIP: &[u8] = b"PK\x03\x04";
/// What a script begins with, behind which a zip archive may stand.
pub(crate) const SCRIPT: &[u8] = b"#!";
/// What its last record begins with.
const END: &[u8] = b"PK\x05\x06";
/// Parts of names of files that tell of components. Names are never compressed.
const HINTS: [&[u8]; 6] = [
    b"META-INF/MANIFEST.MF",
    b"/pom.properties",
    b".dist-info/METADATA",
    b"-INFO/PKG-INFO",
    b".egg-info/PKG-INFO",
    b".jarPK",
];
const LONGEST: usize = 20;
/// Bytes of the metadata of one distribution.
const SMALL: u64 = 1 << 20;
/// Distributions of Python in one archive.
const MOST: usize = 2000;

/// Whether these bytes may be an archive that tells of components.
pub(crate) fn is_hinted(bytes: &[u8]) -> bool {
    (bytes.starts_with(ZIP) || memmem::rfind(bytes, END).is_some()) && names_any(bytes)
}

/// The same for one that is too large to be held in memory.
///
/// # Errors
/// When reading fails.
pub(crate) fn is_hinted_within(content: &mut dyn Read) -> io::Result<bool> {
    const PIECE: u64 = 256 << 10;
    let mut window = Vec::new();
    loop {
        let count = content.take(PIECE).read_to_end(&mut window)?;
        if names_any(&window) {
            return Ok(true);
        }
        if count == 0 {
            return Ok(false);
        }
        let passed = window.len().saturating_sub(LONGEST);
        window.drain(..passed);
    }
}

fn names_any(bytes: &[u8]) -> bool {
    HINTS.iter().any(|hint| memmem::find(bytes, hint).is_some())
}

/// The components of an archive, and what could not be read in it.
pub(crate) fn archive(
    file: &str,
    bytes: &[u8],
    budget: &mut java::Budget,
) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut wrong) = java::archive(file, bytes, budget);
    let Ok(mut zip) = ZipReader::open(Cursor::new(bytes), &Limits::default()) else {
        return (found, wrong);
    };
    let members = zip.entries().to_vec();
    let told = members.iter().filter(|member| {
        let folder = name(parent(&member.name));
        match name(&member.name) {
            "METADATA" => folder.ends_with(".dist-info"),
            "PKG-INFO" => folder == "EGG-INFO" || folder.ends_with(".egg-info"),
            _ => false,
        }
    });
    for (count, member) in told.enumerate() {
        if count == MOST {
            wrong.push(format!("it holds more than {MOST} distributions of Python"));
            break;
        }
        let read = zip
            .read(member, SMALL)
            .map_err(|error| error.to_string())
            .and_then(|metadata| python::distribution(&metadata));
        match read {
            Ok(mut distribution) => {
                for found in &mut distribution {
                    found.inside.clone_from(&member.name);
                }
                found.append(&mut distribution);
            }
            Err(reason) => wrong.push(format!("{}: {reason}", member.name)),
        }
    }
    (found, wrong)
}

#[cfg(test)]
mod tests {
    use super::super::java::tests::stored;
    use super::*;

    fn told(file: &str, bytes: &[u8]) -> Vec<String> {
        let mut budget = java::Budget {
            left: 1 << 20,
            depth: 4,
        };
        assert!(is_hinted(bytes), "{file}");
        let (found, wrong) = archive(file, bytes, &mut budget);
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
        let hint = b"META-INF/MANIFEST.MF";
        let mut bytes = vec![0; (256 << 10) - 10];
        assert!(!is_hinted_within(&mut bytes.as_slice()).unwrap());
        bytes.extend(hint);
        assert!(is_hinted_within(&mut bytes.as_slice()).unwrap());
    }
}
