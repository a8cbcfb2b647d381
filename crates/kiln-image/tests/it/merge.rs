//! Files that several packages ship.

use kiln_deb::package::DebFormat;
use kiln_image::{AssembleError, Fragment, Losses, contested_files, furnish};
use kiln_testkit::{Deb, DebBuilder};
use kiln_types::{Classify as _, ErrorClass};

use crate::world::{How, World, paths, plan};

fn shipping(name: &str, version: &str, replaces: &str) -> Deb {
    let builder = DebBuilder::new(name, version)
        .file("/usr/bin/shared", name, 0o755)
        .file(&format!("/usr/bin/{name}"), name, 0o755);
    match replaces {
        "" => builder.build(),
        relations => builder.field("Replaces", relations).build(),
    }
}

fn contested(debs: &[Deb]) -> Result<Losses, AssembleError> {
    let world = World::default();
    let fragments: Vec<Fragment> = debs
        .iter()
        .map(|deb| world.normalise(deb, &How::default()))
        .collect();
    contested_files(&fragments.iter().collect::<Vec<_>>(), &DebFormat)
}

#[test]
fn replaces_takes_a_file_whichever_package_comes_first() {
    let old = shipping("old", "1.0", "");
    let new = shipping("new", "2.0", "old (<< 2.0)");
    let lost = paths(&["usr/bin/shared"]);
    assert_eq!(
        contested(&[old.clone(), new.clone()]).unwrap(),
        Losses::from([(0, lost.clone())])
    );
    assert_eq!(contested(&[new, old]).unwrap(), Losses::from([(1, lost)]));
}

#[test]
fn a_chain_of_replaces_leaves_the_file_to_the_last() {
    let debs = [
        shipping("aa", "1", ""),
        shipping("bb", "1", "aa"),
        shipping("cc", "1", "aa, bb"),
    ];
    let lost = || paths(&["usr/bin/shared"]);
    assert_eq!(
        contested(&debs).unwrap(),
        Losses::from([(0, lost()), (1, lost())])
    );
}

#[test]
fn a_file_of_two_packages_names_both() {
    let table = [
        ("no relation", shipping("other", "2.0", "")),
        ("another version", shipping("other", "2.0", "one (<< 1.0)")),
        ("another package", shipping("other", "2.0", "two")),
    ];
    for (what, other) in table {
        let error = contested(&[shipping("one", "1.0", ""), other]).expect_err(what);
        let told = error.to_string();
        assert!(
            told.contains("`/usr/bin/shared` is in `one 1.0` and in `other 2.0`"),
            "{what}: {told}"
        );
        assert_eq!(error.class(), ErrorClass::User, "{what}");
    }
}

#[test]
fn all_conflicts_are_told_at_once() {
    let both = |name: &str| {
        DebBuilder::new(name, "1")
            .file("/a", name, 0o644)
            .file("/b", name, 0o644)
            .build()
    };
    let error = contested(&[both("xx"), both("yy")]).expect_err("they conflict");
    let AssembleError::Conflicts(conflicts) = &error else {
        panic!("{error}");
    };
    assert_eq!(conflicts.len(), 2);
}

fn furnished(debs: &[Deb]) -> AssembleError {
    let world = World::default();
    let fragments: Vec<Fragment> = debs
        .iter()
        .map(|deb| world.normalise(deb, &How::default()))
        .collect();
    furnish(
        &plan(),
        &DebFormat,
        &world,
        &fragments.iter().collect::<Vec<_>>(),
    )
    .expect_err("these packages do not fit together")
}

#[test]
fn a_file_below_another_packages_link() {
    let link = DebBuilder::new("linker", "1")
        .symlink("/usr/share/data", "/etc")
        .build();
    let below = DebBuilder::new("victim", "1")
        .without_directories()
        .file("/usr/share/data/passwd", "root::0:0", 0o644)
        .build();
    for debs in [[link.clone(), below.clone()], [below, link]] {
        let error = furnished(&debs);
        assert!(
            matches!(&error, AssembleError::BelowFile { path, owner }
                if path.as_str() == "usr/share/data" && owner == "linker"),
            "{error}"
        );
        assert_eq!(error.class(), ErrorClass::Integrity);
    }
}

#[test]
fn a_file_in_the_place_of_another_packages_directory() {
    let file = DebBuilder::new("filer", "1")
        .file("/usr/share/data", "file", 0o644)
        .build();
    let directory = DebBuilder::new("other", "1")
        .directory("/usr/share/data", 0o755)
        .build();
    for debs in [[file.clone(), directory.clone()], [directory, file]] {
        let error = furnished(&debs);
        assert!(
            matches!(&error, AssembleError::FileOverDirectory { owner, .. } if owner == "filer"),
            "{error}"
        );
    }
}
