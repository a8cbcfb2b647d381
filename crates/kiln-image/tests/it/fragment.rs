//! Packages become fragments: order, links, cuts, merged `/usr`, times.

use kiln_image::fragment_key;
use kiln_testkit::{Compression, Deb, DebBuilder, Entry, EntryKind, TarEntry};
use kiln_types::{Digest, EntryKind as Kind};

use crate::world::{How, World, paths, relative};

fn names(entries: &[TarEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.path.as_str()).collect()
}

fn file(path: &str, content: &[u8]) -> Entry {
    Entry::new(path, EntryKind::File(content.to_vec()), 0o644)
}

fn hard_link(path: &str, target: &str) -> Entry {
    Entry::new(path, EntryKind::Hardlink(target.to_owned()), 0o644)
}

/// A package of these entries, in this order, and nothing else.
fn package(entries: &[Entry]) -> Deb {
    entries
        .iter()
        .fold(
            DebBuilder::new("hello", "1.0").without_directories(),
            |builder, entry| builder.entry(entry.clone()),
        )
        .build()
}

#[test]
fn the_order_of_the_archive_does_not_reach_the_segment() {
    let world = World::default();
    let mut entries = [
        file("./usr/share/b", b"b"),
        file("./usr/share/a-b", b"a-b"),
        file("./usr/share/a/c", b"c"),
        Entry::new("./usr/bin/x", EntryKind::Symlink("y".to_owned()), 0o777),
        file("./etc/z", b"z"),
    ];
    let first = world.normalise(&package(&entries), &How::default());
    entries.reverse();
    let second = world.normalise(&package(&entries), &How::default());
    assert_eq!(first.segment, second.segment);
    assert_eq!(first.files, second.files);
    assert_eq!(
        names(&world.entries(&first)),
        [
            "etc/z",
            "usr/bin/x",
            "usr/share/a-b",
            "usr/share/a/c",
            "usr/share/b"
        ]
    );
}

#[test]
fn a_segment_holds_no_directories_and_the_fragment_describes_them() {
    let world = World::default();
    let deb = DebBuilder::new("hello", "1.0")
        .directory("/var/lib/hello", 0o2750)
        .file("/usr/bin/hello", "hi", 0o755)
        .build();
    let fragment = world.normalise(&deb, &How::default());
    assert_eq!(names(&world.entries(&fragment)), ["usr/bin/hello"]);
    let directories: Vec<_> = fragment
        .directories
        .iter()
        .map(|entry| (entry.path.as_str(), entry.mode))
        .collect();
    assert_eq!(
        directories,
        [
            ("usr", 0o755),
            ("usr/bin", 0o755),
            ("var", 0o755),
            ("var/lib", 0o755),
            ("var/lib/hello", 0o2750)
        ]
    );
}

#[test]
fn owner_mode_and_attributes_stay() {
    let world = World::default();
    let deb = package(&[
        Entry::new("./usr/bin/ping", EntryKind::File(b"ping".to_vec()), 0o4751)
            .owner(3, 70_000)
            .xattr("security.capability", b"\x01\x00\x00\x02cap"),
    ]);
    let fragment = world.normalise(&deb, &How::default());
    let entry = &world.entries(&fragment)[0];
    assert_eq!((entry.mode, entry.uid, entry.gid), (0o4751, 3, 70_000));
    assert_eq!(
        fragment.files[0].entry.xattrs.get("security.capability"),
        Some(&b"\x01\x00\x00\x02cap".to_vec())
    );
}

#[test]
fn the_first_of_hard_links_by_path_carries_the_content() {
    let world = World::default();
    let carried = |entries: &[Entry]| {
        let fragment = world.normalise(&package(entries), &How::default());
        let entries = world.entries(&fragment);
        assert_eq!(names(&entries), ["a", "b", "c"]);
        assert_eq!(
            (entries[0].flag, entries[0].content.as_slice()),
            (b'0', &b"content"[..])
        );
        for link in &entries[1..] {
            assert_eq!(
                (link.flag, link.link.as_str(), link.content.len()),
                (b'1', "a", 0)
            );
        }
        fragment.segment
    };
    let of_c = carried(&[
        file("./c", b"content"),
        hard_link("./a", "./c"),
        hard_link("./b", "./c"),
    ]);
    let of_a = carried(&[
        file("./a", b"content"),
        hard_link("./c", "./a"),
        hard_link("./b", "./a"),
    ]);
    let chain = carried(&[
        file("./b", b"content"),
        hard_link("./c", "./b"),
        hard_link("./a", "./c"),
    ]);
    assert_eq!(of_c, of_a);
    assert_eq!(of_c, chain);
}

#[test]
fn a_carrier_that_goes_leaves_its_content_to_the_next_link() {
    let world = World::default();
    let deb = package(&[
        file("./usr/share/doc/a", b"content"),
        hard_link("./usr/share/x", "./usr/share/doc/a"),
        hard_link("./usr/share/y", "./usr/share/doc/a"),
    ]);
    let cut = How {
        cuts: vec!["/usr/share/doc/**"],
        ..How::default()
    };
    let dropped = How {
        dropped: paths(&["usr/share/doc/a"]),
        ..How::default()
    };
    for how in [cut, dropped] {
        let fragment = world.normalise(&deb, &how);
        let entries = world.entries(&fragment);
        assert_eq!(names(&entries), ["usr/share/x", "usr/share/y"]);
        assert_eq!(
            (entries[0].flag, entries[0].content.as_slice()),
            (b'0', &b"content"[..])
        );
        assert_eq!(
            (entries[1].flag, entries[1].link.as_str()),
            (b'1', "usr/share/x")
        );
        assert_eq!(fragment.files[0].entry.size, 7);
    }
}

#[test]
fn hard_links_into_nothing_in_circles_and_to_other_kinds() {
    let world = World::default();
    let table = [
        ("nowhere", vec![hard_link("./a", "./b")]),
        (
            "a circle",
            vec![hard_link("./a", "./b"), hard_link("./b", "./a")],
        ),
        ("itself", vec![hard_link("./a", "./a")]),
        (
            "a directory",
            vec![
                Entry::new("./b/", EntryKind::Directory, 0o755),
                hard_link("./a", "./b"),
            ],
        ),
        (
            "a symbolic link",
            vec![
                Entry::new("./b", EntryKind::Symlink("/etc/shadow".to_owned()), 0o777),
                hard_link("./a", "./b"),
            ],
        ),
    ];
    for (what, entries) in table {
        let error = world
            .try_normalise(&package(&entries), &How::default())
            .expect_err(what);
        assert!(error.to_string().contains("hello"), "{what}: {error}");
    }
}

#[test]
fn a_path_twice() {
    let world = World::default();
    let usr = How {
        merged_usr: true,
        ..How::default()
    };
    let table = [
        (
            "two files",
            vec![file("./a", b"1"), file("./a", b"2")],
            How::default(),
        ),
        (
            "two files once /usr is merged",
            vec![file("./bin/a", b"1"), file("./usr/bin/a", b"2")],
            usr.clone(),
        ),
        (
            "a file and a directory",
            vec![
                file("./a", b"1"),
                Entry::new("./a/", EntryKind::Directory, 0o755),
            ],
            How::default(),
        ),
    ];
    for (what, entries, how) in table {
        let error = world
            .try_normalise(&package(&entries), &how)
            .expect_err(what);
        assert!(error.to_string().contains('a'), "{what}: {error}");
    }
    // Without the merge these are two files.
    let deb = package(&[file("./bin/a", b"1"), file("./usr/bin/a", b"2")]);
    let fragment = world.normalise(&deb, &How::default());
    assert_eq!(names(&world.entries(&fragment)), ["bin/a", "usr/bin/a"]);
}

#[test]
fn cuts_are_listed_and_dropped_paths_are_not() {
    let world = World::default();
    let deb = DebBuilder::new("hello", "1.0")
        .file("/usr/bin/hello", "hi", 0o755)
        .file("/usr/share/doc/hello/copyright", "me", 0o644)
        .file("/usr/share/doc/hello/changelog.gz", "much", 0o644)
        .file("/usr/share/man/man1/hello.1.gz", "more", 0o644)
        .build();
    let how = How {
        cuts: vec![
            "/usr/share/doc/**",
            "!/usr/share/doc/*/copyright",
            "/usr/share/man/**",
        ],
        dropped: paths(&["usr/bin/hello"]),
        ..How::default()
    };
    let fragment = world.normalise(&deb, &how);
    assert_eq!(
        names(&world.entries(&fragment)),
        ["usr/share/doc/hello/copyright"]
    );
    assert_eq!(
        fragment.cut,
        [
            relative("usr/share/doc/hello/changelog.gz"),
            relative("usr/share/man/man1/hello.1.gz")
        ]
    );
    assert!(
        !fragment
            .directories
            .iter()
            .any(|entry| entry.path.as_str() == "usr/share/man/man1"),
        "directories below a cut go too"
    );
}

#[test]
fn merged_usr_moves_files_and_targets_of_hard_links_but_not_the_links_themselves() {
    let world = World::default();
    let deb = package(&[
        Entry::new("./lib64", EntryKind::Symlink("usr/lib64".to_owned()), 0o777),
        Entry::new("./sbin/", EntryKind::Directory, 0o755),
        file("./bin/a", b"a"),
        hard_link("./bin/b", "./bin/a"),
        file("./lib/x/y", b"y"),
        file("./library/z", b"z"),
    ]);
    let how = How {
        merged_usr: true,
        ..How::default()
    };
    let fragment = world.normalise(&deb, &how);
    let entries = world.entries(&fragment);
    assert_eq!(
        names(&entries),
        [
            "lib64",
            "library/z",
            "usr/bin/a",
            "usr/bin/b",
            "usr/lib/x/y"
        ]
    );
    assert_eq!(
        (entries[0].flag, entries[0].link.as_str()),
        (b'2', "usr/lib64")
    );
    assert_eq!(
        (entries[3].flag, entries[3].link.as_str()),
        (b'1', "usr/bin/a")
    );
    let directories: Vec<_> = fragment
        .directories
        .iter()
        .map(|entry| entry.path.as_str())
        .collect();
    assert_eq!(directories, ["usr/sbin"]);
}

#[test]
fn a_directory_is_not_newer_than_the_files() {
    let world = World::default();
    let directory = |path: &str| Entry::new(path, EntryKind::Directory, 0o755);
    let deb = package(&[
        directory("./new/").mtime(9_000),
        directory("./old/").mtime(10),
        file("./new/a", b"a").mtime(500),
        file("./old/b", b"b").mtime(700),
    ]);
    let fragment = world.normalise(&deb, &How::default());
    assert_eq!(fragment.newest, 700);
    let times: Vec<_> = fragment
        .directories
        .iter()
        .map(|entry| (entry.path.as_str(), entry.mtime))
        .collect();
    assert_eq!(times, [("new", 700), ("old", 10)]);
    let files: Vec<_> = world
        .entries(&fragment)
        .iter()
        .map(|entry| entry.mtime)
        .collect();
    assert_eq!(files, [500, 700]);
}

/// Bytes that compress a little, the same on every machine.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 26).to_le_bytes()[0]
        })
        .collect()
}

#[test]
fn threads_and_the_size_of_memory_do_not_reach_the_bytes() {
    let world = World::default();
    // More than waits in memory, in several files around the limit.
    let (large, small) = (noise(9 << 20), noise(300_000));
    let deb = DebBuilder::new("hello", "1.0")
        .compression(Compression::None)
        .file("/usr/lib/z-first", &small, 0o644)
        .file("/usr/lib/large", &large, 0o644)
        .file("/usr/lib/a-last", &small, 0o644)
        .build();
    let segments: Vec<_> = [1, 2, 4]
        .into_iter()
        .map(|threads| {
            let how = How {
                threads,
                ..How::default()
            };
            world.normalise(&deb, &how)
        })
        .collect();
    assert_eq!(segments[0].segment, segments[1].segment);
    assert_eq!(segments[0].segment, segments[2].segment);
    let entries = world.entries(&segments[2]);
    assert!(entries[0].content == small && entries[1].content == large);
    assert!(entries[2].content == small);
}

#[test]
fn an_empty_package_is_an_empty_fragment() {
    let world = World::default();
    let deb = DebBuilder::new("hello", "1.0").build();
    let fragment = world.normalise(&deb, &How::default());
    assert!(world.entries(&fragment).is_empty());
    assert_eq!(fragment.segment.raw_length, 0);
}

#[test]
fn the_key_is_of_the_package_and_the_rules_and_not_of_threads() {
    let package = Digest::of(b"package");
    let key =
        |package: &Digest, how: &How| how.with(|options| fragment_key(package, options, "code"));
    let plain = key(&package, &How::default());
    let threads = How {
        threads: 8,
        ..How::default()
    };
    assert_eq!(key(&package, &threads), plain);
    let others = [
        key(&Digest::of(b"another"), &How::default()),
        key(
            &package,
            &How {
                merged_usr: true,
                ..How::default()
            },
        ),
        key(
            &package,
            &How {
                cuts: vec!["/a"],
                ..How::default()
            },
        ),
        key(
            &package,
            &How {
                cuts: vec!["/a", "/b"],
                ..How::default()
            },
        ),
        key(
            &package,
            &How {
                cuts: vec!["/b", "/a"],
                ..How::default()
            },
        ),
        key(
            &package,
            &How {
                dropped: paths(&["a"]),
                ..How::default()
            },
        ),
    ];
    for (index, other) in others.iter().enumerate() {
        assert_ne!(*other, plain, "{index}");
        assert!(!others[..index].contains(other), "{index}");
    }
}

#[test]
fn a_described_link_keeps_its_kind() {
    let world = World::default();
    let deb = package(&[Entry::new(
        "./etc/os-release",
        EntryKind::Symlink("../usr/lib/os-release".to_owned()),
        0o600,
    )]);
    let fragment = world.normalise(&deb, &How::default());
    assert_eq!(
        fragment.files[0].entry.kind,
        Kind::Symlink("../usr/lib/os-release".to_owned())
    );
    assert_eq!(world.entries(&fragment)[0].mode, 0o777);
}
