//! Errors in words.

use kiln_resolve::{RequestError, ResolveError};
use kiln_types::{Classify, ErrorClass};

use super::solve;

fn error(universe: &str, request: &str) -> String {
    solve(universe, request)
        .map_or_else(|error| error.to_string(), |_| panic!("`{request}` was met"))
}

#[test]
fn unknown_requests_come_all_at_once() {
    let universe =
        "nginx 1\nnginx-light 1\ncurl 7; suite: trixie\nm1 1; provides: mta\nm2 1; provides: mta";
    let found = solve(universe, "nginxx, curl (>= 8), mta, zzz").unwrap_err();
    assert_eq!(found.class(), ErrorClass::User);
    let ResolveError::Request(errors) = &found else {
        panic!("{found}")
    };
    assert_eq!(errors.len(), 4);
    assert!(
        matches!(&errors[0], RequestError::UnknownPackage { name, similar } if name == "nginxx" && similar == &["nginx", "nginx-light"])
    );
    assert_eq!(
        found.to_string(),
        "  - there is no package `nginxx`; did you mean `nginx`, `nginx-light`?
  - no version of `curl` satisfies `(>= 8)`; the archive has 7 (trixie)
  - `mta` is a virtual package; ask for one that provides it: `m1`, `m2`
  - there is no package `zzz`"
    );
    assert_eq!(error("a 1", "b"), "there is no package `b`");
}

#[test]
fn cores() {
    let cases: &[(&str, &str, &[&str])] = &[
        (
            "nginx 1.26.3-3; depends: libc, libssl3t64 (>= 3.4)\nlibssl3t64 3.2.1\nlibc 2",
            "nginx",
            &[
                "`nginx` is requested",
                "`nginx` 1.26.3-3 needs `libssl3t64 (>= 3.4)`; the archive has 3.2.1",
            ],
        ),
        (
            "a 1; depends: gone",
            "a",
            &[
                "`a` is requested",
                "`a` 1 needs `gone`; the archive has no such package",
            ],
        ),
        (
            "a 1; depends: gone | b (>= 2) | v (= 1)\nb 1\nc 3; provides: v",
            "a",
            &[
                "`a` is requested",
                "`a` 1 needs `gone | b (>= 2) | v (= 1)`; the archive has no `gone`, `b` 1, `v` one without a version from `c`",
            ],
        ),
        (
            "a 1; conflicts: b\nb 1\nc 1",
            "a, b, c",
            &[
                "`a` is requested",
                "`b` is requested",
                "`a` 1 conflicts with `b`",
            ],
        ),
        (
            "a 1; conflicts: v\nb 1; provides: v",
            "a, b",
            &[
                "`a` is requested",
                "`b` is requested",
                "`a` 1 conflicts with `v`, which `b` is",
            ],
        ),
        (
            "a 1\na 2\nb 1; depends: a (<< 2)",
            "a (= 2), b",
            &[
                "`a (= 2)` is requested",
                "`b` is requested",
                "`b` 1 needs `a (<< 2)`",
            ],
        ),
        (
            "m 1; conflicts: v; provides: d, v\np 1; provides: v\nother 1; provides: v",
            "d, p",
            &[
                "`d` is requested; only `m` provides it",
                "`p` is requested",
                "`m` 1 conflicts with `v`, which `p` is",
            ],
        ),
        (
            // Much that has nothing to do with it, and a chain that has.
            "app 1; depends: lib1, lib2, other | another\nlib1 1; depends: base (>= 2)\nlib2 1; depends: base (<< 2)\nbase 1\nbase 2\nother 1; depends: base\nanother 1; conflicts: other",
            "app",
            &[
                "`app` is requested",
                "`app` 1 needs `lib1`",
                "`app` 1 needs `lib2`",
                "`lib1` 1 needs `base (>= 2)`",
                "`lib2` 1 needs `base (<< 2)`",
            ],
        ),
        (
            "a 1; depends: v\nb 1; provides: v; depends: gone\nc 1; provides: v; conflicts: a",
            "a",
            &[
                "`a` is requested",
                "`a` 1 needs `v`, which `c`, `b` would meet",
                "`c` 1 conflicts with `a`",
                "`b` 1 needs `gone`; the archive has no such package",
            ],
        ),
    ];
    for (universe, request, expected) in cases {
        match solve(universe, request) {
            Err(ResolveError::Conflict { core }) => {
                assert_eq!(&core, expected, "{request} of\n{universe}")
            }
            other => panic!("{request} of\n{universe}\n{other:?}"),
        }
    }
    assert_eq!(
        error("a 1; depends: gone", "a"),
        "these cannot hold together:\n  - `a` is requested\n  - `a` 1 needs `gone`; the archive has no such package"
    );
}

#[test]
fn open_dependencies_come_all_at_once() {
    let universe = "a 1; depends: b, x | y, z\nb 1; depends: x\nx 1\ny 1\nz 1";
    assert_eq!(
        error(universe, "a, !x, !y"),
        "exclusions leave dependencies open:
  - `a` needs `x | y`, but `x`, `y` are excluded
  - `b` needs `x`, but `x` is excluded"
    );
}

#[test]
fn an_open_dependency_is_no_excuse_for_a_conflict() {
    let universe = "a 1; depends: x; conflicts: b\nb 1\nx 1";
    let found = solve(universe, "a, b, !x").unwrap_err();
    let ResolveError::Conflict { core } = found else {
        panic!("{found}")
    };
    assert_eq!(
        core,
        [
            "`a` is requested",
            "`b` is requested",
            "`a` 1 conflicts with `b`"
        ]
    );
}

#[test]
fn a_damaged_record_is_an_integrity_error() {
    for universe in [
        "a 1; damaged",
        "a 1; depends: b\nb 1; damaged",
        "a 1; depends: v\nb 1; provides: v; damaged",
    ] {
        let found = solve(universe, "a").unwrap_err();
        assert_eq!(found.class(), ErrorClass::Integrity, "{universe}: {found}");
    }
}
