//! Hostile fixtures, each named after its attack: packages, indexes and documents that lie, burst,
//! climb out or never end.
//!
//! A fixture says what it is; whoever runs it says what must come of it. All of them are made here
//! from nothing, byte for byte the same each time, and none of them is larger than some megabytes,
//! whatever it unpacks to.

mod archives;
mod control;
mod documents;
mod forge;
mod images;
mod indexes;
mod trees;
mod zips;

use crate::archive::Compression;
use crate::deb::Deb;

pub use images::{IMAGE_ATTACKS, ImageAttack};

/// A hostile fixture.
#[derive(Clone, Copy)]
pub struct Attack {
    /// What it is called.
    pub name: &'static str,
    /// Makes it.
    pub make: fn() -> Hostile,
}

/// What an attack comes in.
#[derive(Clone, Debug)]
pub enum Hostile {
    /// The bytes of a package, `zlib1g` of this version, whose size and digest the index tells
    /// truthfully.
    Package(Vec<u8>),
    /// A package index in this compression, the only one that the signed release file lists.
    Index(Compression, Vec<u8>),
    /// Text behind the last paragraph of every package index.
    Stanzas(String),
    /// The file `InRelease`.
    InRelease(Vec<u8>),
    /// A change of the text of the release file, which is then signed.
    Release(fn(String) -> String),
    /// `image.yaml`.
    Definition(Vec<u8>),
    /// `image.lock`.
    Lock(Vec<u8>),
    /// The keyring that the definition names.
    Keyring(Vec<u8>),
}

/// The version of the hostile `zlib1g`.
pub const HOSTILE_VERSION: &str = "2:1-1";

/// All fixtures, in the order in which a table shows them.
#[must_use]
pub fn attacks() -> Vec<Attack> {
    [
        archives::ATTACKS,
        trees::ATTACKS,
        control::ATTACKS,
        indexes::ATTACKS,
        documents::ATTACKS,
    ]
    .concat()
}

/// A package with these bytes, as an index tells of it.
#[must_use]
pub fn hostile_package(architecture: &str, bytes: Vec<u8>) -> Deb {
    Deb {
        name: "zlib1g".to_owned(),
        version: HOSTILE_VERSION.to_owned(),
        architecture: architecture.to_owned(),
        control: CONTROL.replace("amd64", architecture),
        bytes,
    }
}

/// The control file of a package that means well.
const CONTROL: &str = "Package: zlib1g\nVersion: 2:1-1\nArchitecture: amd64\n\
                       Maintainer: kiln tests <tests@kiln.invalid>\nDescription: hostile\n";

/// A control archive that means well.
fn control_tar() -> Vec<u8> {
    forge::ended(&[&forge::entry("./control", b'0', CONTROL.as_bytes())])
}

/// A package with this data archive, not compressed.
fn with_data(data: &[u8]) -> Hostile {
    with_packed_data("data.tar", data)
}

/// A package with this data member.
fn with_packed_data(name: &str, data: &[u8]) -> Hostile {
    Hostile::Package(forge::deb(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &control_tar()),
        (name, data),
    ]))
}

/// A package with this control member and one file.
fn with_control(name: &str, control: &[u8]) -> Hostile {
    Hostile::Package(forge::deb(&[
        ("debian-binary", b"2.0\n"),
        (name, control),
        ("data.tar", &good_data()),
    ]))
}

/// A data archive that means well.
fn good_data() -> Vec<u8> {
    forge::ended(&[&forge::entry("./usr/share/good", b'0', b"good\n")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_attack_has_a_name_of_its_own() {
        let all = attacks();
        let names: BTreeSet<&str> = all.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all.len());
    }

    /// What means well in these packages must be right, or the attacks would test something else.
    #[test]
    fn the_frame_of_the_packages_is_sound() {
        let Hostile::Package(bytes) = with_data(&good_data()) else {
            panic!("a package");
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("good.deb");
        std::fs::write(&file, bytes).unwrap();
        let Ok(output) = std::process::Command::new("dpkg-deb")
            .arg("--contents")
            .arg(&file)
            .output()
        else {
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && text.contains("./usr/share/good"),
            "{output:?}"
        );
    }
}
