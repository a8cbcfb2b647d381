//! Every row of the tables, and its mirror image.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

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
        println!(
            "{name}: {held} rows hold, {} are of no valid version",
            unknown.len()
        );
        assert!(held > 0, "{name} has no row that holds");
        all_wrong.extend(wrong.into_iter().map(|row| format!("{name}: {row}")));
        if !unknown.is_empty() {
            all_unknown.insert(name, unknown);
        }
    }
    assert!(all_wrong.is_empty(), "{all_wrong:#?}");
    // What apk-tools 3 refuses has no place in the order; apk-tools 2 took it. It is all there is.
    let refused: Vec<(&str, usize)> = all_unknown
        .iter()
        .map(|(name, rows)| (*name, rows.len()))
        .collect();
    assert_eq!(
        refused,
        [("apk-generated.tsv.zst", 15), ("apk.tsv", 24)],
        "{all_unknown:#?}"
    );
}

/// Where another scanner has an order of its own that the package system does not have.
const OTHER_ORDERS: [(&str, &str, &str); 6] = [
    // Grype takes `jre11` for no part of the version; Maven takes it for a qualifier above it.
    ("maven", "12.10.2.jre11", "12.10.2"),
    ("maven", "12.10.2.jdk17", "12.10.2"),
    ("maven", "12.10.2.jre11", "12.10.2.jdk17"),
    // Grype turns every later dot of a Ruby-like prerelease into a hyphen.
    ("semver", "1.0.0.alpha.beta", "= 1.0.0-alpha-beta"),
    ("semver", "1.0.0.rc.alpha", "= 1.0.0-rc-alpha"),
    // SemVer has no such version; npm would refuse it.
    ("semver", "1.21rc2", "= 1.21.0-rc.2"),
];

fn scheme(name: &str) -> Scheme {
    match name {
        "deb" => Scheme::Deb,
        "apk" => Scheme::Apk,
        "rpm" => Scheme::Rpm,
        "semver" => Scheme::Semver,
        "golang" => Scheme::Go,
        "pep440" => Scheme::Pep440,
        "maven" => Scheme::Maven,
        "gem" => Scheme::Gem,
        "bitnami" => Scheme::Bitnami,
        "jvm" => Scheme::Jvm,
        other => panic!("no scheme: {other}"),
    }
}

#[test]
fn the_comparisons_of_a_scanner_hold() {
    for line in table("scanner-compare.tsv").lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        if OTHER_ORDERS.contains(&(columns[0], columns[1], columns[3])) {
            continue;
        }
        let scheme = scheme(columns[0]);
        let expected = order(columns[2]);
        assert_eq!(
            compare(scheme, columns[1], columns[3]),
            Some(expected),
            "{line}"
        );
        assert_eq!(
            compare(scheme, columns[3], columns[1]),
            Some(expected.reverse()),
            "{line}"
        );
    }
}

/// `> 1, < 2 || = 3`, read for this test alone.
fn satisfies(scheme: Scheme, version: &str, constraint: &str) -> bool {
    let one = |text: &str| {
        let text = text.trim();
        let end = text
            .find(|c: char| !"<>= ".contains(c))
            .unwrap_or(text.len());
        let (operator, wanted) = text.split_at(end);
        let wanted = wanted.trim().trim_matches(['\'', '"', '\\']);
        // PEP 440: a constraint without a local part does not look at that of the version.
        let version = match version.split_once('+') {
            Some((public, _)) if scheme == Scheme::Pep440 && !wanted.contains('+') => public,
            _ => version,
        };
        let found = compare(scheme, version, wanted).unwrap();
        match operator.trim() {
            "" | "=" => found == Ordering::Equal,
            "<" => found == Ordering::Less,
            "<=" => found != Ordering::Greater,
            ">" => found == Ordering::Greater,
            ">=" => found != Ordering::Less,
            other => panic!("no operator: {other}"),
        }
    };
    constraint.trim().is_empty()
        || constraint
            .split("||")
            .any(|branch| branch.split(',').all(one))
}

#[test]
fn the_constraints_of_a_scanner_hold() {
    let mut held = 0;
    let mut wrong = Vec::new();
    for line in table("scanner-constraints.tsv").lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        // Grype leaves out epochs of rpm where one side has none, and the rest of a release.
        if columns[0] == "rpm" || OTHER_ORDERS.contains(&(columns[0], columns[1], columns[2])) {
            continue;
        }
        if satisfies(scheme(columns[0]), columns[1], columns[2]) == (columns[3] == "true") {
            held += 1;
        } else {
            wrong.push(line.to_owned());
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(held > 280, "only {held} rows");
}

/// A generator that needs no seed from outside: the same pairs every time.
struct Pairs(u64);

impl Pairs {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn version(&mut self) -> String {
        const ALPHABET: &[u8] = b"0012359ab~~+.-d";
        let mut text = String::new();
        if self.below(4) == 0 {
            text.push_str(["0:", "1:", "2:"][self.below(3)]);
        }
        text.push_str(["1", "0", "12", "1.0"][self.below(4)]);
        for _ in 0..self.below(8) {
            text.push(char::from(ALPHABET[self.below(ALPHABET.len())]));
        }
        if text.ends_with('-') {
            text.push('1');
        }
        text
    }
}

/// dpkg itself is asked about 10,000 pairs. It takes a process for each pair, so a shell runs them.
#[test]
fn dpkg_agrees_on_ten_thousand_pairs() {
    if Command::new("dpkg").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "dpkg is missing");
        eprintln!("skipped: dpkg is missing");
        return;
    }
    let mut pairs = Pairs(20_261_127);
    let pairs: Vec<(String, String)> = (0..10_000)
        .map(|_| {
            let left = pairs.version();
            // Half of the pairs are near each other.
            let right = if pairs.below(2) == 0 {
                let at = pairs.below(left.len()) + 1;
                format!(
                    "{}{}",
                    &left[..at],
                    ["", "~", "1", "+b1", "a"][pairs.below(5)]
                )
            } else {
                pairs.version()
            };
            (left, right)
        })
        .filter(|(_, right)| !right.ends_with(['-', ':']))
        .collect();
    let script = "while read -r a op b; do dpkg --compare-versions \"$a\" \"$op\" \"$b\" \
                  2>/dev/null || echo \"$a $op $b\"; done";
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = shell.stdin.take().unwrap();
    let rows: Vec<String> = pairs
        .iter()
        .map(|(left, right)| {
            let op = match compare(Scheme::Deb, left, right).unwrap() {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            };
            format!("{left} {op} {right}\n")
        })
        .collect();
    let count = rows.len();
    let writer = std::thread::spawn(move || {
        use std::io::Write as _;
        for row in rows {
            input.write_all(row.as_bytes()).unwrap();
        }
    });
    let output = shell.wait_with_output().unwrap();
    writer.join().unwrap();
    let disagreed = String::from_utf8(output.stdout).unwrap();
    assert!(count > 9_500, "{count}");
    assert_eq!(disagreed, "", "dpkg has another order");
}
