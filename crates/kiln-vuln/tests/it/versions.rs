//! Every row of the tables, and its mirror image.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use kiln_vuln::{Scheme, compare};

fn table(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/versions")
        .join(name);
    let bytes = std::fs::read(&path).unwrap();
    if name.ends_with(".zst") {
        let reader = kiln_archive::decompress::decoder(
            kiln_archive::decompress::Codec::Zstd,
            &bytes[..],
            &kiln_archive::Limits::default(),
        )
        .unwrap();
        return std::io::read_to_string(reader).unwrap();
    }
    String::from_utf8(bytes).unwrap()
}

fn order(op: &str) -> Ordering {
    match op {
        "<" => Ordering::Less,
        "=" => Ordering::Equal,
        ">" => Ordering::Greater,
        other => panic!("no order: {other}"),
    }
}

/// Rows that hold, rows without an answer, rows that do not hold.
fn check(name: &str, scheme: Scheme) -> (usize, Vec<String>, Vec<String>) {
    let mut held = 0;
    let mut unknown = Vec::new();
    let mut wrong = Vec::new();
    for line in table(name).lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        if !matches!(columns[1], "<" | "=" | ">") {
            continue;
        }
        let expected = order(columns[1]);
        let found = compare(scheme, columns[0], columns[2]);
        let mirrored = compare(scheme, columns[2], columns[0]);
        match (found, mirrored) {
            (None, None) => unknown.push(line.to_owned()),
            (Some(one), Some(other)) if one == expected && other == expected.reverse() => held += 1,
            _ => wrong.push(format!("{line} ({found:?}, {mirrored:?})")),
        }
    }
    (held, unknown, wrong)
}

#[test]
fn every_table_holds_both_ways_round() {
    let tables = [
        ("deb.tsv", Scheme::Deb),
        ("deb-golden.tsv", Scheme::Deb),
        ("deb-generated.tsv.zst", Scheme::Deb),
        ("apk.tsv", Scheme::Apk),
        ("apk-apko.tsv", Scheme::Apk),
        ("apk-generated.tsv.zst", Scheme::Apk),
        ("rpm.tsv", Scheme::Rpm),
        ("semver.tsv", Scheme::Semver),
        ("pep440.tsv", Scheme::Pep440),
        ("pep440-generated.tsv.zst", Scheme::Pep440),
        ("maven.tsv", Scheme::Maven),
        ("maven-generated.tsv.zst", Scheme::Maven),
        ("gem.tsv", Scheme::Gem),
        ("gem-generated.tsv.zst", Scheme::Gem),
        ("packagist.tsv", Scheme::Packagist),
        ("packagist-generated.tsv.zst", Scheme::Packagist),
        ("nuget.tsv", Scheme::Nuget),
        ("pub.tsv", Scheme::Pub),
        ("cran.tsv", Scheme::Cran),
        ("cran-generated.tsv", Scheme::Cran),
        ("hackage.tsv", Scheme::Hackage),
    ];
    let mut all_wrong = Vec::new();
    let mut all_unknown = BTreeMap::new();
    for (name, scheme) in tables {
        let (held, unknown, wrong) = check(name, scheme);
        println!("{name}: {held} rows hold, {} are of no valid version", unknown.len());
        assert!(held > 0, "{name} has no row that holds");
        all_wrong.extend(wrong.into_iter().map(|row| format!("{name}: {row}")));
        if !unknown.is_empty() {
            all_unknown.insert(name, unknown);
        }
    }
    println!("{all_unknown:#?}");
    assert!(all_wrong.is_empty(), "{all_wrong:#?}");
}
