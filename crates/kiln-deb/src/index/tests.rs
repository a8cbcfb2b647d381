//! From indexes to a universe file.

use std::collections::BTreeMap;
use std::io;

use kiln_types::{FormatErrorKind, MultiArch, Priority, Universe};

use super::*;
use crate::universe::DebUniverse;

const SHA256: &str = "704dae7df79a35ed1bd3a0a8d5d1b9ce7a4ecdef74ddff72114d9523d63710eb";

/// An index paragraph; `more` are further fields, or the same with other values.
fn package(name: &str, version: &str, more: &[(&str, &str)]) -> String {
    let path = format!("pool/{name}_{version}.deb");
    let mut fields = vec![
        ("Package", name),
        ("Version", version),
        ("Architecture", "amd64"),
        ("Filename", path.as_str()),
        ("Size", "100"),
        ("SHA256", SHA256),
    ];
    for &(name, value) in more {
        fields.retain(|(field, _)| *field != name);
        if value != "-" {
            fields.push((name, value));
        }
    }
    fields
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect::<String>()
        + "\n"
}

fn build(sources: &[(&str, i32, &str)]) -> Result<(Vec<u8>, IndexSummary), FormatError> {
    let mut bytes = Vec::new();
    let mut builder = IndexBuilder::new(&mut bytes, "amd64");
    for &(suite, priority, text) in sources {
        builder.add(
            &IndexSource {
                subject: "Packages",
                archive: "debian",
                suite,
                priority,
            },
            &mut text.as_bytes(),
        )?;
    }
    let summary = builder.finish()?;
    Ok((bytes, summary))
}

fn named(bytes: &[u8], name: &str) -> Vec<String> {
    let universe = DebUniverse::open("test", bytes, &BTreeMap::new()).unwrap();
    let shown = |id| {
        let record = universe.record(id).unwrap();
        format!(
            "{} {} {}",
            record.version, record.architecture, record.suite
        )
    };
    universe.named(name).into_iter().map(shown).collect()
}

#[test]
fn keeps_every_field_of_a_record() {
    let text = package(
        "libx",
        "1:2.0-1",
        &[
            ("Source", "x (1:2.0)"),
            ("Installed-Size", "3"),
            ("Multi-Arch", "same"),
            ("Priority", "required"),
            ("Essential", "yes"),
            ("Pre-Depends", "dpkg (>= 1)"),
            ("Depends", "a | b:any [amd64],\n c [arm64],\n# comment\n d"),
            ("Conflicts", "e"),
            ("Breaks", "f (<< 2)"),
            ("Provides", "x-abi (= 3), x"),
            ("Filename", "./pool/libx_1%3a2.0-1.deb"),
        ],
    );
    let (bytes, summary) = build(&[("trixie", 500, &text)]).unwrap();
    assert_eq!(
        (
            summary.read,
            summary.packages,
            summary.repeated,
            summary.names
        ),
        (1, 1, 0, 3)
    );
    assert_eq!(summary.size, bytes.len() as u64);
    let universe = DebUniverse::open("test", bytes, &BTreeMap::new()).unwrap();
    let record = universe.record(universe.named("libx")[0]).unwrap();
    assert_eq!(record.name.as_str(), "libx");
    assert_eq!(record.version.as_str(), "1:2.0-1");
    assert_eq!(
        (record.source.as_str(), record.architecture.as_str()),
        ("x", "amd64")
    );
    assert_eq!(
        (record.size, record.installed_size, record.essential),
        (100, 3072, true)
    );
    assert_eq!(
        (record.multi_arch, record.priority),
        (MultiArch::Same, Priority::Required)
    );
    assert_eq!(
        (record.archive.as_str(), record.suite.as_str()),
        ("debian", "trixie")
    );
    assert_eq!(record.path, "pool/libx_1%3a2.0-1.deb");
    assert_eq!(record.sha256.hex(), SHA256);
    let depends: Vec<_> = record
        .depends
        .iter()
        .map(|one| {
            one.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" | ")
        })
        .collect();
    assert_eq!(depends, ["dpkg (>= 1)", "a | b:any", "d"]);
    assert_eq!(
        record
            .conflicts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["e", "f (<< 2)"]
    );
    assert_eq!(record.provides.len(), 2);
    assert_eq!(universe.providing("x-abi"), universe.named("libx"));
}

#[test]
fn prefers_priority_then_version_then_the_earlier_source() {
    let main = package("a", "1", &[]) + &package("a", "3", &[]) + &package("b", "1.0", &[]);
    let updates = package("a", "2", &[]) + &package("b", "1.0-0", &[]);
    let pinned = package("a", "1.5", &[]);
    let (bytes, _) = build(&[
        ("main", 500, &main),
        ("updates", 500, &updates),
        ("pinned", 990, &pinned),
    ])
    .unwrap();
    assert_eq!(
        named(&bytes, "a"),
        [
            "1.5 amd64 pinned",
            "3 amd64 main",
            "2 amd64 updates",
            "1 amd64 main"
        ]
    );
    assert_eq!(
        named(&bytes, "b"),
        ["1.0 amd64 main", "1.0-0 amd64 updates"]
    );
    assert_eq!(named(&bytes, "c"), [""; 0]);
}

#[test]
fn one_version_in_several_suites_is_one_package() {
    let one = package("a", "1", &[]);
    let both = package("a", "1", &[]) + &package("a", "1", &[("Architecture", "all")]);
    let (bytes, summary) = build(&[("first", 500, &one), ("second", 500, &both)]).unwrap();
    assert_eq!(
        (summary.read, summary.packages, summary.repeated),
        (3, 2, 1)
    );
    assert_eq!(named(&bytes, "a"), ["1 amd64 first", "1 all second"]);
    let (bytes, _) = build(&[("first", 500, &one), ("second", 900, &one)]).unwrap();
    assert_eq!(named(&bytes, "a"), ["1 amd64 second"]);
}

#[test]
fn other_architectures_are_left_out() {
    let text = package("a", "1", &[("Architecture", "arm64")])
        + &package("b", "1", &[("Architecture", "all")]);
    let (bytes, summary) = build(&[("trixie", 500, &text)]).unwrap();
    assert_eq!((summary.read, summary.packages), (2, 1));
    assert_eq!(named(&bytes, "a"), [""; 0]);
    assert_eq!(named(&bytes, "b"), ["1 all trixie"]);
}

/// The real names in the order of their first mention.
fn mentioned(sources: &[(&str, i32, &str)]) -> Vec<String> {
    let universe = DebUniverse::open("test", build(sources).unwrap().0, &BTreeMap::new()).unwrap();
    let mut names: Vec<_> = universe
        .ids()
        .map(|id| {
            (
                universe.first_mention(id),
                universe.record(id).unwrap().name.to_string(),
            )
        })
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn names_are_numbered_in_the_order_in_which_apt_meets_them() {
    let all = |names: &str| -> String {
        let packages = names
            .chars()
            .map(|name| package(&name.to_string(), "1", &[]));
        packages.collect()
    };
    // Not the order of the index's fields, and not the alphabet.
    let fields = [
        ("Provides", "a"),
        ("Enhances", "b"),
        ("Replaces", "c"),
        ("Suggests", "d"),
        ("Recommends", "e | f"),
        ("Breaks", "g (<< 1)"),
        ("Conflicts", "h"),
        ("Depends", "i (>= 1),\n j:any,\n# k\n l [amd64] | m:amd64"),
        ("Pre-Depends", "n"),
    ];
    let text = package("z", "1", &fields) + &all("abcdefghijklmno");
    assert_eq!(
        mentioned(&[("trixie", 500, &text)]).concat(),
        "znilmhgefdcbajko"
    );
    // Each field counts wherever it stands, and the sources in their order, whatever their priority.
    let first = package("y", "1", &[("Suggests", "c, b")]);
    let second = all("abcz") + &package("y", "2", &[("Enhances", "z")]);
    assert_eq!(
        mentioned(&[("one", 100, &first), ("two", 900, &second)]).concat(),
        "ycbaz"
    );
    assert_eq!(
        mentioned(&[("two", 900, &second), ("one", 100, &first)]).concat(),
        "abczy"
    );
}

#[test]
fn only_packages_of_the_architecture_mention_names() {
    let text = package(
        "x",
        "1",
        &[("Architecture", "arm64"), ("Depends", "c, b, a")],
    ) + &package("y", "1", &[("Architecture", "all"), ("Depends", "b")])
        + &package("a", "1", &[])
        + &package("b", "1", &[]);
    assert_eq!(mentioned(&[("trixie", 500, &text)]), ["y", "b", "a"]);
}

#[test]
fn malformed_fields_that_only_mention_names_do_no_harm() {
    let text = package(
        "a",
        "1",
        &[
            ("Suggests", "| (, c (>= , :any, <, c d"),
            ("Enhances", "\0"),
        ],
    ) + &package("b", "1", &[])
        + &package("c", "1", &[]);
    assert_eq!(mentioned(&[("trixie", 500, &text)]), ["a", "c", "b"]);
}

#[test]
fn no_index_and_an_empty_index_make_an_empty_universe() {
    for sources in [&[][..], &[("trixie", 500, "")], &[("trixie", 500, "\n\n")]] {
        let (bytes, summary) = build(sources).unwrap();
        assert_eq!(summary.packages, 0);
        let universe = DebUniverse::open("test", bytes, &BTreeMap::new()).unwrap();
        assert!(
            universe.is_empty()
                && universe.named("a").is_empty()
                && universe.similar("a", 3).is_empty()
        );
    }
}

#[test]
fn errors_name_file_line_and_reason() {
    let good = package("good", "1", &[]);
    for (field, value, expected) in [
        (
            "Package",
            "-",
            "Packages: line 8: field `Package` is missing",
        ),
        (
            "Version",
            "-",
            "Packages: line 8: field `Version` is missing",
        ),
        (
            "Architecture",
            "-",
            "Packages: line 8: field `Architecture` is missing",
        ),
        (
            "Filename",
            "-",
            "Packages: line 8: field `Filename` is missing",
        ),
        ("Size", "-", "Packages: line 8: field `Size` is missing"),
        ("SHA256", "-", "Packages: line 8: field `SHA256` is missing"),
        (
            "Package",
            "../x",
            "line 13: field `Package`: `../x` is not a package name",
        ),
        (
            "Package",
            "a\n b",
            "line 13: field `Package`: it goes on over more than one line",
        ),
        (
            "Version",
            "x1",
            "line 13: field `Version`: `x1` is not a Debian version: its upstream",
        ),
        (
            "Source",
            "../x (1)",
            "line 14: field `Source`: `../x` is not a package name",
        ),
        (
            "Size",
            "-1",
            "line 13: field `Size`: `-1` is not a number of bytes",
        ),
        (
            "Size",
            "99999999999999999999",
            "field `Size`: `99999999999999999999` is not a number of bytes",
        ),
        (
            "Installed-Size",
            "99999999999999999",
            "field `Installed-Size`: it is too large",
        ),
        (
            "SHA256",
            "abc",
            "field `SHA256`: `abc` is not a SHA-256 digest",
        ),
        (
            "Provides",
            "a (>= 1)",
            "line 14: field `Provides`: only `=` can be provided",
        ),
    ] {
        let text = good.clone() + &package("bad", "1", &[(field, value)]);
        let error = build(&[("trixie", 500, &text)]).unwrap_err();
        assert!(
            error.to_string().contains(expected),
            "{field} {value:?}: {error}"
        );
        assert_eq!(error.kind, FormatErrorKind::Malformed);
    }
}

#[test]
fn a_path_that_leaves_the_archive_is_refused() {
    for path in [
        "../../etc/passwd",
        "/etc/passwd",
        "pool/../../x",
        "pool//x",
        "pool/./x",
        "a\\b",
        "pool/x?y",
        "a b",
        "pool/",
    ] {
        let error =
            build(&[("trixie", 500, &package("a", "1", &[("Filename", path)]))]).unwrap_err();
        assert!(error.reason.contains("`Filename`"), "{path}: {error}");
    }
}

#[test]
fn malformed_relations_of_a_package_nobody_wants_do_no_harm() {
    let text = package("a", "1", &[("Depends", "b (")]) + &package("c", "1", &[]);
    let (bytes, _) = build(&[("trixie", 500, &text)]).unwrap();
    let universe = DebUniverse::open("test", bytes, &BTreeMap::new()).unwrap();
    assert!(universe.record(universe.named("c")[0]).is_ok());
    let error = universe.record(universe.named("a")[0]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a 1 in debian trixie: field `Depends`: "),
        "{error}"
    );
}

#[test]
fn same_indexes_same_bytes() {
    let main = include_str!("../../tests/fixtures/index/trixie-main-amd64.Packages");
    let security = include_str!("../../tests/fixtures/index/trixie-security-main-amd64.Packages");
    let sources = [("trixie", 500, main), ("trixie-security", 500, security)];
    let (bytes, summary) = build(&sources).unwrap();
    assert_eq!((summary.read, summary.packages), (341, 322));
    assert_eq!(build(&sources).unwrap().0, bytes);
    assert_ne!(build(&[sources[1], sources[0]]).unwrap().0, bytes);
    // Read a few bytes at a time, from a reader that is interrupted now and then.
    struct Slow<'a>(&'a [u8], usize);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            if self.1.is_multiple_of(7) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = buffer.len().min(self.1 % 4_000 + 1);
            self.0.read(&mut buffer[..count])
        }
    }
    let mut again = Vec::new();
    let mut builder = IndexBuilder::new(&mut again, "amd64");
    for (suite, priority, text) in sources {
        let source = IndexSource {
            subject: "other name",
            archive: "debian",
            suite,
            priority,
        };
        builder.add(&source, &mut Slow(text.as_bytes(), 0)).unwrap();
    }
    assert_eq!(builder.finish().unwrap(), summary);
    assert_eq!(again, bytes);
}

#[test]
fn a_full_disk_is_an_error_and_not_half_a_file() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            if count == 0 {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                Ok(count)
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let text = package("a", "1", &[]);
    let source = IndexSource {
        subject: "Packages",
        archive: "debian",
        suite: "trixie",
        priority: 500,
    };
    for room in [0, 20, 100, 190] {
        let mut output = Full(room);
        let mut builder = IndexBuilder::new(&mut output, "amd64");
        builder.add(&source, &mut text.as_bytes()).unwrap();
        let error = builder.finish().unwrap_err();
        assert_eq!(error.kind, FormatErrorKind::Io, "{room}: {error}");
    }
}

#[test]
fn nothing_is_made_of_an_index_that_failed() {
    let mut bytes = Vec::new();
    let mut builder = IndexBuilder::new(&mut bytes, "amd64");
    let source = IndexSource {
        subject: "Packages",
        archive: "debian",
        suite: "trixie",
        priority: 500,
    };
    assert!(builder.add(&source, &mut &b"nonsense"[..]).is_err());
    assert!(builder.finish().is_err());
}
