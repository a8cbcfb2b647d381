//! The grammar of relation fields.

use proptest::prelude::*;

use super::*;

fn shown(value: &str) -> String {
    let entries = parse_depends(value, "amd64").unwrap();
    let entry = |entry: &Alternatives| {
        entry
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" | ")
    };
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}

#[test]
fn reads_what_debian_writes() {
    for (value, expected) in [
        ("", ""),
        (" \n ", ""),
        ("a", "a"),
        ("a,b ,  c", "a, b, c"),
        ("a\n , b,\n c,", "a, b, c"),
        (",, a,,b", "a, b"),
        ("a|b | c, d", "a | b | c, d"),
        (
            "libc6 (>= 2.38), libstdc++6(<<14)",
            "libc6 (>= 2.38), libstdc++6 (<< 14)",
        ),
        (
            "a (= 1:2-3), b (>> 1), c ( <= 1 )",
            "a (= 1:2-3), b (>> 1), c (<= 1)",
        ),
        ("a (< 1), b (> 1), c (1)", "a (<= 1), b (>= 1), c (= 1)"),
        (
            "python3:any (>= 3.13) | python3:native",
            "python3:any (>= 3.13) | python3:native",
        ),
        ("a [amd64]", "a"),
        ("a [arm64 i386], b", "b"),
        ("a [!amd64] | b, c", "b, c"),
        ("a | b [arm64], c", "a, c"),
        ("a [arm64] | b [arm64], c", "c"),
        ("a [!i386 !arm64]", "a"),
        (
            "a [linux-any], b [any-amd64], c [hurd-any], d [any]",
            "a, b, d",
        ),
        ("a []", "a"),
        (
            "a <!nocheck>, b (>= 1) [amd64] <stage1 !cross> <x>, c",
            "a, b (>= 1), c",
        ),
    ] {
        assert_eq!(shown(value), expected, "{value}");
    }
}

#[test]
fn names_the_place_and_the_reason() {
    for (value, reason, offset) in [
        ("a b", "expected `,` or `|`", 2),
        ("a |", "expected a package name", 3),
        ("a | , b", "expected a package name", 4),
        ("| a", "expected a package name", 0),
        ("-a", "expected a package name", 2),
        ("${shlibs:Depends}", "expected a package name", 0),
        ("a (>= )", "is empty", 6),
        ("a (>= 1", "expected `)`", 7),
        ("a (=> 1)", "expected `<<`", 5),
        ("a (>= 1 2)", "expected `)`", 8),
        ("a (>= x)", "begin with a digit", 7),
        ("a [amd64", "expected an architecture or `]`", 8),
        ("a [!]", "expected an architecture or `]`", 4),
        ("a <x", "expected `>`", 2),
        ("a:", "expected an architecture after `:`", 2),
        ("ä", "expected a package name", 0),
        ("a (>= 1ä)", "holds a character", 9),
    ] {
        let error = parse_depends(value, "amd64").unwrap_err();
        assert!(error.reason.contains(reason), "{value}: {error}");
        assert_eq!(error.offset, offset, "{value}: {error}");
    }
}

#[test]
fn fields_without_alternatives() {
    let relations = parse_relations("a (<< 2), b [arm64], c", "amd64").unwrap();
    assert_eq!(
        relations
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["a (<< 2)", "c"]
    );
    assert!(
        parse_relations("a | b", "amd64")
            .unwrap_err()
            .reason
            .contains("alternatives")
    );
    assert_eq!(
        parse_relation("a (= 1)", "amd64").unwrap().to_string(),
        "a (= 1)"
    );
    for text in ["", "a, b"] {
        assert!(parse_relation(text, "amd64").is_err(), "{text}");
    }
}

#[test]
fn provides() {
    let provides = parse_provides(
        "mail-transport-agent, libx (= 1:2), y:amd64, z:arm64, w:any",
        "amd64",
    )
    .unwrap();
    let shown: Vec<_> = provides
        .iter()
        .map(|provide| {
            (
                provide.name.as_str(),
                provide.version.as_ref().map(PackageVersion::as_str),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("mail-transport-agent", None),
            ("libx", Some("1:2")),
            ("y", None),
            ("w", None)
        ]
    );
    let error = parse_provides("a, b (>= 1)", "amd64").unwrap_err();
    assert_eq!(
        (error.reason.as_str(), error.offset),
        ("only `=` can be provided", 3)
    );
}

#[test]
fn limits_the_number() {
    assert_eq!(
        parse_depends(&"a,".repeat(MAX_RELATIONS), "amd64")
            .unwrap()
            .len(),
        MAX_RELATIONS
    );
    let error = parse_depends(&"a|".repeat(MAX_RELATIONS + 1), "amd64").unwrap_err();
    assert_eq!(error.reason, "too many relations");
}

proptest! {
    #[test]
    fn round_trip(value in "[a-c][a-z]{0,3}(:any)?( \\((<<|<=|=|>=|>>) [0-9]\\.[0-9]\\))?(( \\| |, )[a-c][a-z]{0,3}){0,4}") {
        prop_assert_eq!(shown(&value), value);
    }

    #[test]
    fn takes_any_text(value in "[a-b|,:()<>=!\\[\\] \\né1]{0,24}") {
        let _ = parse_depends(&value, "amd64");
        let _ = parse_relations(&value, "amd64");
        let _ = parse_provides(&value, "amd64");
    }
}
