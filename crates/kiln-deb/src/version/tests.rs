//! The order against tables, against dpkg, and as an order.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::{Version, compare};

const TABLES: [(&str, &str); 3] = [
    (
        "deb.tsv",
        include_str!("../../tests/fixtures/versions/deb.tsv"),
    ),
    (
        "deb-golden.tsv",
        include_str!("../../tests/fixtures/versions/deb-golden.tsv"),
    ),
    (
        "deb-generated.tsv",
        include_str!("../../tests/fixtures/versions/deb-generated.tsv"),
    ),
];

fn rows(text: &'static str) -> impl Iterator<Item = (&'static str, Ordering, &'static str)> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let mut columns = line.split('\t');
            let left = columns.next().unwrap();
            let ordering = match columns.next().unwrap() {
                "<" => Ordering::Less,
                "=" => Ordering::Equal,
                ">" => Ordering::Greater,
                other => panic!("unknown operator {other}"),
            };
            (left, ordering, columns.next().unwrap())
        })
}

#[test]
fn tables_and_their_mirror_images() {
    for (name, text) in TABLES {
        let mut count = 0;
        for (left, ordering, right) in rows(text) {
            assert_eq!(compare(left, right), ordering, "{name}: {left} {right}");
            assert_eq!(
                compare(right, left),
                ordering.reverse(),
                "{name}: {right} {left}"
            );
            assert_eq!(compare(left, left), Ordering::Equal, "{name}: {left}");
            for text in [left, right] {
                assert!(Version::parse(text).is_ok(), "{name}: {text}");
            }
            count += 1;
        }
        assert!(count >= 19, "{name} has {count} rows");
    }
}

#[test]
fn orders_that_surprise() {
    for (left, ordering, right) in [
        ("1.0~~", Ordering::Less, "1.0~"),
        ("1.0~", Ordering::Less, "1.0"),
        ("1.0", Ordering::Less, "1.0a"),
        ("1.0a", Ordering::Less, "1.0+"),
        ("1.0-0", Ordering::Equal, "1.0"),
        ("000:1.0", Ordering::Equal, "1.0"),
        (
            "99999999999999999999999999:0",
            Ordering::Greater,
            "9999999999999999999999999:0",
        ),
        (
            "1.99999999999999999999999999",
            Ordering::Greater,
            "1.9999999999999999999999999",
        ),
        ("1-2-3", Ordering::Greater, "1-2"),
        ("a:1", Ordering::Greater, "1"),
        ("", Ordering::Equal, "0"),
        ("", Ordering::Greater, "~"),
    ] {
        assert_eq!(compare(left, right), ordering, "{left} {right}");
        assert_eq!(compare(right, left), ordering.reverse(), "{right} {left}");
    }
}

#[test]
fn parts() {
    let version = Version::parse("1:2.3-rc~1+dfsg-4+deb13u1").unwrap();
    assert_eq!(
        (version.epoch, version.upstream, version.revision),
        (1, "2.3-rc~1+dfsg", Some("4+deb13u1"))
    );
    assert_eq!(version.to_string(), "1:2.3-rc~1+dfsg-4+deb13u1");
    assert_eq!(
        Version::parse("7").unwrap(),
        Version {
            epoch: 0,
            upstream: "7",
            revision: None
        }
    );
}

#[test]
fn refuses_what_is_no_version() {
    let long = format!("1{}", "0".repeat(300));
    for (text, reason) in [
        ("", "empty"),
        (":1", "epoch is not a number"),
        ("a:1", "epoch is not a number"),
        ("-1:1", "epoch is not a number"),
        ("2147483648:1", "epoch is too large"),
        ("99999999999999999999:1", "epoch is too large"),
        ("1:", "begin with a digit"),
        ("a1", "begin with a digit"),
        ("-1", "begin with a digit"),
        ("1-", "revision is empty"),
        ("1 2", "upstream version holds"),
        ("1/../../etc", "upstream version holds"),
        ("1\n2", "upstream version holds"),
        ("1é", "upstream version holds"),
        ("1-2:3", "epoch is not a number"),
        ("1-2_3", "revision holds"),
        (&long, "longer"),
    ] {
        let error = Version::parse(text).unwrap_err();
        assert!(error.to_string().contains(reason), "{text:?}: {error}");
    }
}

/// Texts of the characters that matter, valid or not.
fn any_version() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::string::string_regex("([0-2]:)?[0-2][a-z0-2.+~-]{0,8}(-[ab0-1.+~]{1,4})?").unwrap(),
        1 => proptest::string::string_regex("[0-1a:~.+-]{0,6}").unwrap(),
    ]
}

proptest! {
    #[test]
    fn is_a_total_order(mut versions in proptest::collection::vec(any_version(), 3)) {
        versions.sort_by(|left, right| compare(left, right));
        let [first, second, third] = versions.as_slice() else { unreachable!() };
        prop_assert!(compare(first, second).is_le());
        prop_assert!(compare(second, third).is_le());
        prop_assert!(compare(first, third).is_le());
        if compare(first, second).is_eq() {
            prop_assert_eq!(compare(first, third), compare(second, third));
        }
        for left in &versions {
            for right in &versions {
                prop_assert_eq!(compare(left, right), compare(right, left).reverse());
            }
        }
    }

    #[test]
    fn takes_any_text(left in ".{0,20}", right in ".{0,20}") {
        prop_assert_eq!(compare(&left, &right), compare(&right, &left).reverse());
        if let Ok(version) = Version::parse(&left) {
            prop_assert!(compare(&version.to_string(), &left).is_eq());
        }
    }
}

/// The reference tool as oracle, on pairs that are as alike as possible.
#[test]
#[expect(clippy::disallowed_methods, reason = "the oracle is a program")]
fn agrees_with_dpkg() {
    use std::process::Command;

    if Command::new("dpkg").arg("--version").output().is_err() {
        let continuous = std::env::var_os("CI").is_some();
        assert!(!continuous, "dpkg is missing, and nothing is skipped in CI");
        eprintln!("SKIPPED: agrees_with_dpkg: there is no dpkg on this machine");
        return;
    }
    let parts = [
        "0", "1", "00", "~", "+", ".", "a", "Z", "~~", "-", "10", "9",
    ];
    // A linear congruential generator (Knuth's MMIX constants): the same pairs in every run.
    let mut state = 42_u64;
    let mut next = |bound: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let mut version = || {
        let mut text = if next(4) == 0 {
            format!("{}:", next(3))
        } else {
            String::new()
        };
        text.push('1');
        for _ in 0..next(5) {
            text.push_str(parts[next(parts.len())]);
        }
        if text.ends_with('-') {
            text.push('0');
        }
        text
    };
    for _ in 0..300 {
        let (left, right) = (version(), version());
        let operator = match compare(&left, &right) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let status = Command::new("dpkg")
            .args(["--compare-versions", &left, operator, &right])
            .status()
            .unwrap();
        assert!(status.success(), "dpkg denies: {left} {operator} {right}");
    }
}

#[test]
fn what_is_written_is_the_version_that_was_read() {
    for (text, written) in [
        ("1.0-1", "1.0-1"),
        ("2:1.0", "2:1.0"),
        ("0:1.0", "1.0"),
        ("0:1:2-3", "0:1:2-3"),
    ] {
        let version = Version::parse(text).unwrap();
        assert_eq!(version.to_string(), written);
        assert_eq!(Version::parse(written), Ok(version));
    }
}
