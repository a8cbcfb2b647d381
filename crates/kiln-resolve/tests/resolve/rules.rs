//! Every rule of choice, one small universe each.

use super::{Memory, request, resolve, set, solve};

struct Case {
    rule: &'static str,
    universe: &'static str,
    request: &'static str,
    /// The set, or `error`.
    chosen: &'static str,
}

const fn case(
    rule: &'static str,
    universe: &'static str,
    request: &'static str,
    chosen: &'static str,
) -> Case {
    Case {
        rule,
        universe,
        request,
        chosen,
    }
}

fn check(cases: &[Case]) {
    for Case {
        rule,
        universe,
        request,
        chosen,
    } in cases
    {
        let found = solve(universe, request)
            .map_or_else(|error| format!("error: {error}"), |found| set(&found));
        let same = if *chosen == "error" {
            found.starts_with("error")
        } else {
            found == *chosen
        };
        assert!(
            same,
            "{rule}\nrequest:  {request}\nexpected: {chosen}\nfound:    {found}"
        );
    }
}

#[test]
fn versions() {
    check(&[
        case(
            "nothing is implied",
            "a 1\nb 1; essential; priority: required",
            "a",
            "a=1",
        ),
        case("an empty request is an empty set", "a 1", "", ""),
        case("the preferred version", "a 1\na 2\na 1.9", "a", "a=2"),
        case(
            "an earlier version where asked for",
            "a 1\na 2",
            "a (<< 2)",
            "a=1",
        ),
        case("the exact version", "a 1\na 2\na 3", "a (= 2)", "a=2"),
        case(
            "two requests for one package",
            "a 1\na 2\na 3",
            "a (>= 2), a (<< 3)",
            "a=2",
        ),
        case(
            "the suite asked for",
            "a 1; suite: backports\na 2",
            "a/backports",
            "a=1",
        ),
        case(
            "a suite does not spread to dependencies",
            "a 1; suite: backports; depends: b\na 2\nb 1; suite: backports\nb 2",
            "a/backports",
            "a=1 b=2",
        ),
        case(
            "a dependency on an earlier version",
            "a 1; depends: b (<< 2)\nb 1\nb 2",
            "a",
            "a=1 b=1",
        ),
        case(
            "an exact dependency",
            "a 1; depends: b (= 2)\nb 1\nb 2\nb 3",
            "a",
            "a=1 b=2",
        ),
        case(
            "two dependencies agree on a version",
            "a 1; depends: c, b\nb 1; depends: c (<= 2)\nc 1\nc 2\nc 3",
            "a",
            "a=1 b=1 c=2",
        ),
        case(
            "an earlier version whose dependencies can be met",
            "a 1\na 2; depends: gone",
            "a",
            "a=1",
        ),
        case(
            "an earlier version further down",
            "a 1; depends: b\nb 1\nb 2; depends: c\nc 1; depends: gone",
            "a",
            "a=1 b=1",
        ),
        case("tilde sorts before the end", "a 1~rc1\na 1", "a", "a=1"),
        case("an epoch beats a number", "a 9\na 1:1", "a", "a=1:1"),
    ]);
}

#[test]
fn alternatives() {
    check(&[
        case("the first", "a 1; depends: b | c\nb 1\nc 1", "a", "a=1 b=1"),
        case(
            "the first that is there",
            "a 1; depends: gone | c\nc 1",
            "a",
            "a=1 c=1",
        ),
        case(
            "the first whose version fits",
            "a 1; depends: b (>= 2) | c\nb 1\nc 1",
            "a",
            "a=1 c=1",
        ),
        case(
            "the first that can be installed",
            "a 1; depends: b | c\nb 1; depends: gone\nc 1",
            "a",
            "a=1 c=1",
        ),
        case(
            "a later one that was asked for",
            "a 1; depends: b | c\nb 1\nc 1",
            "a, c",
            "a=1 c=1",
        ),
        case(
            "a later one that an earlier requirement brought",
            "a 1; depends: x, b | c\nx 1; depends: c\nb 1\nc 1",
            "a",
            "a=1 c=1 x=1",
        ),
        case(
            "but not one that a later requirement brings, as in apt",
            "a 1; depends: b | c, x\nx 1; depends: c\nb 1\nc 1",
            "a",
            "a=1 b=1 c=1 x=1",
        ),
        case(
            "depth first",
            "a 1; depends: x, y\nx 1; depends: z\ny 1; depends: b | c\nz 1; depends: c\nb 1\nc 1",
            "a",
            "a=1 c=1 x=1 y=1 z=1",
        ),
        case(
            "a later one because the first conflicts",
            "a 1; depends: b | c; conflicts: b\nb 1\nc 1",
            "a",
            "a=1 c=1",
        ),
        case(
            "a cycle",
            "a 1; depends: b\nb 1; depends: a",
            "a",
            "a=1 b=1",
        ),
        case(
            "a package that needs itself",
            "a 1; depends: a (>= 1)",
            "a",
            "a=1",
        ),
        case(
            "a failed attempt leaves nothing behind",
            "a 1; depends: b | c\nb 1; depends: d, e\nd 1\ne 1; depends: f\nf 1; depends: gone\nc 1",
            "a",
            "a=1 c=1",
        ),
    ]);
}

#[test]
fn provides() {
    check(&[
        case(
            "a provider",
            "a 1; depends: v\nb 1; provides: v",
            "a",
            "a=1 b=1",
        ),
        case(
            "the real package first",
            "a 1; depends: v\nb 1; provides: v; essential; priority: required\nv 1",
            "a",
            "a=1 v=1",
        ),
        case(
            "an essential provider",
            "a 1; depends: v\nb 1; provides: v; essential\nc 1; provides: v; priority: required",
            "a",
            "a=1 b=1",
        ),
        case(
            "the provider of higher priority",
            "a 1; depends: v\nb 1; provides: v; priority: important\nc 1; provides: v",
            "a",
            "a=1 b=1",
        ),
        case(
            "the provider that is there already",
            "a 1; depends: x, v\nx 1; depends: b\nb 1; provides: v\nc 1; provides: v",
            "a",
            "a=1 b=1 x=1",
        ),
        case(
            "the provider asked for",
            "a 1; depends: v\nb 1; provides: v\nc 1; provides: v",
            "a, b",
            "a=1 b=1",
        ),
        case(
            "the default before the virtual package",
            "a 1; depends: d | v\nb 1; provides: v\nd 1; depends: b\nc 1; provides: v",
            "a",
            "a=1 b=1 d=1",
        ),
        case(
            "an unversioned offer never meets a versioned relation",
            "a 1; depends: v (>= 1)\nb 1; provides: v",
            "a",
            "error",
        ),
        case(
            "a versioned offer meets a versioned relation",
            "a 1; depends: v (>= 2)\nb 1; provides: v (= 1)\nc 1; provides: v (= 2)",
            "a",
            "a=1 c=1",
        ),
        case(
            "a versioned offer meets an unversioned relation",
            "a 1; depends: v\nb 9; provides: v (= 1)",
            "a",
            "a=1 b=9",
        ),
        case(
            "the offered version counts, not the package's",
            "a 1; depends: v (>= 5)\nb 9; provides: v (= 1)",
            "a",
            "error",
        ),
        case(
            "a real package of the wrong version and a provider",
            "a 1; depends: v (>= 2)\nv 1\nb 1; provides: v (= 2)",
            "a",
            "a=1 b=1",
        ),
        case(
            "an earlier version still offers it",
            "a 1; depends: v\nb 1; provides: v\nb 2",
            "a",
            "a=1 b=1",
        ),
        case(
            "a virtual request with one provider",
            "b 1; provides: v",
            "v",
            "b=1",
        ),
        case(
            "a virtual request with one provider left",
            "b 1; provides: v\nc 1; provides: v",
            "v, !b",
            "c=1",
        ),
        case(
            "a virtual request with two",
            "b 1; provides: v\nc 1; provides: v",
            "v",
            "error",
        ),
    ]);
}

#[test]
fn ties_between_providers_go_to_the_name_that_is_mentioned_later() {
    let text = "a 1; depends: v\nb 1; provides: v\nc 1; provides: v";
    let mut universe = Memory::new(text);
    assert_eq!(set(&resolve(&universe, &request("a")).unwrap()), "a=1 c=1");
    universe.mentions = [("a", 0), ("c", 1), ("v", 2), ("b", 3)]
        .map(|(name, at)| (name.to_owned(), at))
        .into();
    assert_eq!(set(&resolve(&universe, &request("a")).unwrap()), "a=1 b=1");
}

#[test]
fn conflicts() {
    check(&[
        case(
            "between requests",
            "a 1; conflicts: b\nb 1",
            "a, b",
            "error",
        ),
        case(
            "the other way round",
            "a 1\nb 1; conflicts: a",
            "a, b",
            "error",
        ),
        case(
            "of a version that is not there",
            "a 1; conflicts: b (<< 1)\nb 1",
            "a, b",
            "a=1 b=1",
        ),
        case(
            "avoided by another version",
            "a 1; conflicts: b (>= 2); depends: b\nb 1\nb 2",
            "a",
            "a=1 b=1",
        ),
        case(
            "avoided by an earlier version of the one that conflicts",
            "a 2; conflicts: b\na 1\nb 1",
            "a, b",
            "a=1 b=1",
        ),
        case(
            "with a virtual package",
            "a 1; conflicts: v\nb 1; provides: v",
            "a, b",
            "error",
        ),
        case(
            "versioned, with an unversioned offer",
            "a 1; conflicts: v (<< 9)\nb 1; provides: v",
            "a, b",
            "a=1 b=1",
        ),
        case(
            "versioned, with a versioned offer",
            "a 1; conflicts: v (<< 9)\nb 1; provides: v (= 1)",
            "a, b",
            "error",
        ),
        case(
            "with what the package itself offers",
            "a 1; conflicts: v; provides: v",
            "a",
            "a=1",
        ),
        case(
            "with what it and another offer",
            "a 1; conflicts: v; provides: v\nb 1; conflicts: v; provides: v",
            "a, b",
            "error",
        ),
        case("with its own name", "a 1; conflicts: a", "a", "a=1"),
        case(
            "found late: another alternative",
            "a 1; depends: b | c, d\nb 1\nc 1\nd 1; conflicts: b",
            "a",
            "a=1 c=1 d=1",
        ),
        case(
            "found late, deep: another alternative",
            "a 1; depends: w, d\nw 1; depends: x\nx 1; depends: b | c\nb 1\nc 1\nd 1; depends: e\ne 1; conflicts: b",
            "a",
            "a=1 c=1 d=1 e=1 w=1 x=1",
        ),
        case(
            "of a package that is not taken",
            "a 1; depends: b | c\nb 1\nc 1; conflicts: a",
            "a",
            "a=1 b=1",
        ),
    ]);
}

#[test]
fn qualifiers() {
    check(&[
        case(
            "`:any` of a package that allows it",
            "a 1; depends: p:any\np 1; multi-arch: allowed",
            "a",
            "a=1 p=1",
        ),
        case(
            "`:any` of one that does not",
            "a 1; depends: p:any\np 1; multi-arch: foreign",
            "a",
            "error",
        ),
        case(
            "`:any` of one without Multi-Arch",
            "a 1; depends: p:any\np 1",
            "a",
            "error",
        ),
        case(
            "`:any` with a version",
            "a 1; depends: p:any (>= 2)\np 1; multi-arch: allowed",
            "a",
            "error",
        ),
        case(
            "`:any` through an offer",
            "a 1; depends: v:any\np 1; multi-arch: allowed; provides: v",
            "a",
            "a=1 p=1",
        ),
        case(
            "`:any` through a qualified offer",
            "a 1; depends: v:any\np 1; provides: v:any",
            "a",
            "a=1 p=1",
        ),
        case("`:native`", "a 1; depends: p:native\np 1", "a", "a=1 p=1"),
        case(
            "this architecture",
            "a 1; depends: p:amd64\np 1",
            "a",
            "a=1 p=1",
        ),
        case(
            "another architecture",
            "a 1; depends: p:i386 | q\np 1\nq 1",
            "a",
            "a=1 q=1",
        ),
        case(
            "a conflict with another architecture",
            "a 1; conflicts: p:i386\np 1",
            "a, p",
            "a=1 p=1",
        ),
    ]);
}

#[test]
fn exclusions() {
    let awk = "base 1; depends: awk\nmawk 1; provides: awk; priority: required\ngawk 1; provides: awk; depends: libgmp\noriginal-awk 1; provides: awk; priority: extra\nlibgmp 1";
    check(&[
        case("nothing excluded", awk, "base", "base=1 mawk=1"),
        case(
            "another provider",
            awk,
            "base, !mawk, !original-awk",
            "base=1 gawk=1 libgmp=1",
        ),
        case(
            "all providers, tolerated",
            awk,
            "?base, !mawk, !original-awk, !gawk",
            "base=1",
        ),
        case(
            "all providers, refused",
            awk,
            "base, !mawk, !original-awk, !gawk",
            "error",
        ),
        case(
            "an explicit request wins",
            awk,
            "base, !mawk, mawk",
            "base=1 mawk=1",
        ),
        case(
            "the name of a virtual package does nothing",
            awk,
            "base, !awk",
            "base=1 mawk=1",
        ),
        case(
            "an unknown name does nothing",
            awk,
            "base, !nowhere",
            "base=1 mawk=1",
        ),
        case(
            "another alternative",
            "a 1; depends: b | c\nb 1\nc 1",
            "a, !b",
            "a=1 c=1",
        ),
        case(
            "all alternatives",
            "a 1; depends: b | c\nb 1\nc 1",
            "?a, !b, !c",
            "a=1",
        ),
        case(
            "some excluded, the others never were",
            "a 1; depends: b | gone\nb 1",
            "?a, !b",
            "a=1",
        ),
        case(
            "never there, whatever is excluded",
            "a 1; depends: gone\nb 1",
            "?a, !b, !gone",
            "error",
        ),
        case(
            "of a fitting version only",
            "a 1; depends: b (>= 2)\nb 1",
            "?a, !b",
            "error",
        ),
        case(
            "dependencies of an excluded package stay out",
            "a 1; depends: b\nb 1; depends: c\nc 1",
            "?a, !b",
            "a=1",
        ),
        case(
            "unless something else needs them",
            "a 1; depends: b, c\nb 1; depends: c\nc 1",
            "?a, !b",
            "a=1 c=1",
        ),
        case(
            "refused: rather an alternative without open dependencies",
            "a 1; depends: b | c\nb 1; depends: x\nc 1\nx 1",
            "a, !x",
            "a=1 c=1",
        ),
        case(
            "tolerated: the first alternative",
            "a 1; depends: b | c\nb 1; depends: x\nc 1\nx 1",
            "?a, !x",
            "a=1 b=1",
        ),
        case(
            "an excluded package conflicts with nothing",
            "a 1; conflicts: b; depends: b | c\nb 1\nc 1",
            "a, !b",
            "a=1 c=1",
        ),
    ]);
}

#[test]
fn chains_deeper_than_any_stack_are_solved() {
    let mut text = String::new();
    for number in 0..3_000 {
        text.push_str(&format!("p{number} 1; depends: p{}\n", number + 1));
    }
    text.push_str("p3000 1\n");
    let resolution = std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || solve(&text, "p0").unwrap())
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(resolution.packages.len(), 3_001);
    assert_eq!(resolution.why("p3000").unwrap().len(), 3_001);
}

#[test]
fn a_universe_in_which_everything_offers_everything_is_refused() {
    let names: Vec<String> = (0..6000).map(|number| format!("v{number}")).collect();
    let depends: Vec<String> = names.iter().map(|name| format!("p0 | {name}")).collect();
    let offers = names.join(", ");
    let mut text = format!("p0 1; depends: {}\n", depends.join(", "));
    for number in 1..4000 {
        text.push_str(&format!("p{number} 1; provides: {offers}\n"));
    }
    let error = solve(&text, "p0").map(|found| set(&found)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("too many packages satisfy too many relations"),
        "{error}"
    );
}
