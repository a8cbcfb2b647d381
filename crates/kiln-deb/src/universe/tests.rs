//! The reader, on a cut of Debian's indexes and on damaged files.

use proptest::prelude::*;

use super::*;
use crate::index::{IndexBuilder, IndexSource};

const MAIN: &str = include_str!("../../tests/fixtures/index/trixie-main-amd64.Packages");
const SECURITY: &str =
    include_str!("../../tests/fixtures/index/trixie-security-main-amd64.Packages");

fn file(sources: &[(&str, i32, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut builder = IndexBuilder::new(&mut bytes, "amd64");
    for &(suite, priority, text) in sources {
        let source = IndexSource {
            subject: suite,
            archive: "debian",
            suite,
            priority,
        };
        builder.add(&source, &mut text.as_bytes()).unwrap();
    }
    builder.finish().unwrap();
    bytes
}

fn debian() -> Vec<u8> {
    file(&[("trixie", 500, MAIN), ("trixie-security", 500, SECURITY)])
}

fn pins(pins: &[(&str, i32)]) -> BTreeMap<String, i32> {
    pins.iter()
        .map(|&(name, priority)| (name.to_owned(), priority))
        .collect()
}

fn open(bytes: Vec<u8>, pinned: &[(&str, i32)]) -> DebUniverse<Vec<u8>> {
    DebUniverse::open("test.universe", bytes, &pins(pinned)).unwrap()
}

fn suites(universe: &impl Universe, ids: &[PackageId]) -> Vec<String> {
    ids.iter()
        .map(|&id| {
            universe
                .record(id)
                .map(|record| format!("{} {}", record.name, record.suite))
                .unwrap()
        })
        .collect()
}

#[test]
fn finds_what_debian_has() {
    let universe = open(debian(), &[]);
    assert_eq!((universe.len(), universe.architecture()), (322, "amd64"));
    assert_eq!(
        suites(&universe, &universe.named("nginx")),
        ["nginx trixie-security", "nginx trixie"]
    );
    assert_eq!(suites(&universe, &universe.named("mawk")), ["mawk trixie"]);
    assert_eq!(
        suites(&universe, &universe.providing("awk")),
        ["gawk trixie", "mawk trixie", "original-awk trixie"]
    );
    assert!(universe.named("awk").is_empty());
    assert!(universe.providing("mawk").is_empty());
    assert!(
        universe.named("").is_empty()
            && universe.named("zzz").is_empty()
            && universe.named("\u{7f}").is_empty()
    );
    assert!(universe.satisfies("1.0-1", kiln_types::Comparison::LaterOrEqual, "1.0~rc1"));
}

#[test]
fn every_record_agrees_with_the_tables() {
    let universe = open(debian(), &[]);
    let mut provided = 0;
    for id in universe.ids() {
        let record = universe.record(id).unwrap();
        assert!(
            universe.named(record.name.as_str()).contains(&id),
            "{}",
            record.name
        );
        assert!(
            Arc::ptr_eq(&record, &universe.record(id).unwrap()),
            "records are kept"
        );
        for provide in &record.provides {
            assert!(
                universe.providing(&provide.name).contains(&id),
                "{} provides {}",
                record.name,
                provide.name
            );
            provided += 1;
        }
    }
    assert!(provided > 100, "{provided}");
    let names: Vec<_> = universe.names().collect();
    assert!(names.is_sorted() && names.contains(&"awk") && names.contains(&"nginx"));
    for name in names {
        let ids = universe.named(name);
        let records: Vec<_> = ids.iter().map(|&id| universe.record(id).unwrap()).collect();
        assert!(records.is_sorted_by(|left, right| {
            universe
                .compare(left.version.as_str(), right.version.as_str())
                .is_ge()
        }));
        assert!(records.iter().all(|record| record.name.as_str() == name));
        assert!(
            !ids.is_empty() || !universe.providing(name).is_empty(),
            "{name}"
        );
    }
}

#[test]
fn there_is_no_record_beyond_the_last() {
    let universe = open(debian(), &[]);
    for id in [322, u32::MAX] {
        assert!(
            universe
                .record(PackageId(id))
                .unwrap_err()
                .to_string()
                .contains("there is no package")
        );
    }
}

#[test]
fn providers_come_in_the_order_of_the_indexes() {
    let text = |name: &str, more: &str| {
        format!(
            "Package: {name}\nVersion: 1\nArchitecture: all\nFilename: {name}.deb\nSize: 1\nSHA256: {}\n{more}\n",
            "0".repeat(64)
        )
    };
    let index = text("z", "Provides: x, y\n")
        + &text("a", "Provides: x (= 1), x (= 2), a\n")
        + &text("x", "");
    let universe = open(file(&[("trixie", 500, &index)]), &[]);
    assert_eq!(
        suites(&universe, &universe.providing("x")),
        ["z trixie", "a trixie"]
    );
    assert_eq!(suites(&universe, &universe.providing("a")), ["a trixie"]);
    assert_eq!(suites(&universe, &universe.named("x")), ["x trixie"]);
    assert!(universe.named("y").is_empty());
}

#[test]
fn every_version_of_a_name_has_its_first_mention() {
    let universe = open(debian(), &[]);
    let mut mentions = BTreeMap::new();
    for id in universe.ids() {
        let name = universe.record(id).unwrap().name.to_string();
        let mention = universe.first_mention(id);
        assert_eq!(*mentions.entry(mention).or_insert(name.clone()), name);
        assert_eq!(mentions.get(&mention), Some(&name), "numbers are unique");
    }
    assert!(universe.named("nginx").len() > 1);
    assert_eq!(
        mentions.len(),
        universe
            .names()
            .filter(|name| !universe.named(name).is_empty())
            .count()
    );
    // The index begins with `Package: acl`, `Depends: libacl1 (…), libc6 (…)`.
    assert_eq!(
        mentions.values().take(3).collect::<Vec<_>>(),
        ["acl", "libacl1", "libc6"]
    );
    // Pins take nothing away from the names.
    let pinned = open(debian(), &[("nginx", -1)]);
    assert!(
        universe
            .ids()
            .all(|id| universe.first_mention(id) == pinned.first_mention(id))
    );
    let beyond = PackageId(u32::MAX);
    assert_eq!(universe.first_mention(beyond), u32::MAX);
}

#[test]
fn pins_decide_who_is_a_candidate() {
    let negative = file(&[("trixie", 500, MAIN), ("trixie-security", -1, SECURITY)]);
    let universe = open(negative.clone(), &[]);
    assert_eq!(
        suites(&universe, &universe.named("nginx")),
        ["nginx trixie"]
    );
    // A pin by name counts for every source.
    let universe = open(negative, &[("nginx", 100), ("mawk", -10), ("zzz", 1)]);
    assert_eq!(
        suites(&universe, &universe.named("nginx")),
        ["nginx trixie-security", "nginx trixie"]
    );
    assert!(universe.named("mawk").is_empty());
    assert_eq!(
        suites(&universe, &universe.providing("awk")),
        ["gawk trixie", "original-awk trixie"]
    );
    assert_eq!(universe.priority(universe.named("gawk")[0]), 500);
    assert_eq!(universe.priority(universe.named("nginx")[0]), 100);
    // Without the priorities of the sources it is the version that decides.
    let backwards = file(&[("trixie", 900, MAIN), ("trixie-security", 500, SECURITY)]);
    let universe = open(backwards.clone(), &[]);
    assert_eq!(
        suites(&universe, &universe.named("nginx")),
        ["nginx trixie", "nginx trixie-security"]
    );
    let universe = open(backwards, &[("nginx", 500)]);
    assert_eq!(
        suites(&universe, &universe.named("nginx")),
        ["nginx trixie-security", "nginx trixie"]
    );
}

#[test]
fn did_you_mean() {
    let universe = open(debian(), &[]);
    for (wanted, first) in [
        ("ngnix", "nginx"),
        ("nginxx", "nginx"),
        ("Curl", "curl"),
        ("libcurl4", "libcurl4t64"),
        ("postgresql", "postgresql-17"),
        ("postgresql-18", "postgresql-17"),
        ("ca-certificate", "ca-certificates"),
        ("zlib1", "zlib1g"),
    ] {
        let names = universe.similar(wanted, 3);
        assert!(
            names.first().is_some_and(|name| name == first),
            "{wanted}: {names:?}"
        );
        assert!(names.len() <= 3);
    }
    for wanted in ["", "completely-unknown-thing", &"x".repeat(10_000)] {
        assert!(universe.similar(wanted, 3).is_empty(), "{wanted}");
    }
    assert!(
        !universe.similar("ak", 9).contains(&"awk".to_owned()),
        "only real packages"
    );
}

#[test]
fn a_file_on_disk_and_a_boxed_one_read_alike() {
    let bytes = debian();
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    let on_disk = DebUniverse::open(
        "file",
        Box::new(file) as Box<dyn RandomAccess>,
        &BTreeMap::new(),
    )
    .unwrap();
    let in_memory = open(bytes, &[]);
    assert_eq!(on_disk.named("nginx"), in_memory.named("nginx"));
    let id = on_disk.named("curl")[0];
    assert_eq!(
        on_disk.record(id).unwrap().path,
        in_memory.record(id).unwrap().path
    );
}

#[test]
fn truncated_files_are_refused() {
    let bytes = debian();
    for length in (0..bytes.len()).step_by(997).chain([bytes.len() - 1]) {
        assert!(
            DebUniverse::open("test", &bytes[..length], &BTreeMap::new()).is_err(),
            "{length}"
        );
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(DebUniverse::open("test", longer, &BTreeMap::new()).is_err());
}

#[test]
fn files_of_another_version_or_kind_are_refused() {
    for version in [VERSION - 1, VERSION + 1] {
        let mut bytes = debian();
        bytes[12..16].copy_from_slice(&version.to_le_bytes());
        let error = DebUniverse::open("test", bytes, &BTreeMap::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "test: not a universe file of this version of kiln"
        );
    }
    assert!(DebUniverse::open("test", vec![0; 500], &BTreeMap::new()).is_err());
}

#[test]
fn a_record_that_lies_outside_the_file_is_refused() {
    let bytes = debian();
    let footer_at = bytes.len() - FOOTER;
    let footer = Footer::decode(bytes[footer_at..].try_into().unwrap()).unwrap();
    let records = usize::try_from(footer.tables).unwrap() + footer.sources as usize;
    let names = records + footer.records as usize * RECORD_ENTRY;
    let providers = names + (footer.names as usize + 1) * NAME_ENTRY;
    for (place, expected) in [
        (records, "a record lies outside it"),
        (records + 4, "a record lies outside it"),
        (records + 8, "a record has no source"),
        (names, "its name table is out of order"),
        (names + NAME_ENTRY + 4, "its name table is out of order"),
        (providers - 4, "its name table does not cover the others"),
        (providers, "a provider is not there"),
    ] {
        let mut damaged = bytes.clone();
        damaged[place..place + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = DebUniverse::open("test", damaged, &BTreeMap::new()).unwrap_err();
        assert!(error.reason.contains(expected), "{place}: {error}");
    }
}

/// Asks everything there is to ask.
fn walk(universe: &impl Universe, names: &[&str]) {
    for name in names {
        for id in universe
            .named(name)
            .into_iter()
            .chain(universe.providing(name))
        {
            let _ = (universe.record(id), universe.first_mention(id));
        }
        let _ = universe.similar(name, 5);
    }
}

proptest! {
    #[test]
    fn damaged_files_never_panic(place in 0_usize..10_000, byte in any::<u8>(), tables in any::<bool>()) {
        let mut bytes = file(&[("trixie-security", 500, SECURITY)]);
        let length = bytes.len();
        let place = if tables { length - 1 - place % 9_000 } else { place % length };
        bytes[place] = byte;
        if let Ok(universe) = DebUniverse::open("test", bytes, &pins(&[("nginx", 1), ("curl", -1)])) {
            walk(&universe, &["nginx", "curl", "libc6", "awk", "zlib1g"]);
            for id in universe.ids() {
                let _ = universe.record(id);
            }
        }
    }
}
