//! Edges, chains, tolerated dependencies.

use super::solve;

const UNIVERSE: &str = "
    app 1; depends: web, tool | other-tool
    web 1; depends: libc, tls (>= 3)
    tls 3; depends: libc
    tool 1; depends: deep
    deep 1; depends: libc, awk
    libc 2
    mawk 1; provides: awk
";

#[test]
fn why_gives_the_shortest_chain_from_a_request() {
    let resolution = solve(UNIVERSE, "app").unwrap();
    let chain = |name: &str| {
        resolution.why(name).map(|chain| {
            chain
                .iter()
                .map(|edge| edge.to_string())
                .collect::<Vec<_>>()
                .join("; ")
        })
    };
    assert_eq!(chain("app").as_deref(), Some("requested: app"));
    assert_eq!(
        chain("libc").as_deref(),
        Some("requested: app; app needs web; web needs libc")
    );
    assert_eq!(
        chain("mawk").as_deref(),
        Some(
            "requested: app; app needs tool | other-tool -> tool; tool needs deep; deep needs awk -> mawk"
        )
    );
    assert_eq!(
        chain("tls").as_deref(),
        Some("requested: app; app needs web; web needs tls (>= 3) -> tls")
    );
    assert_eq!(chain("other-tool"), None);
    assert_eq!(chain("awk"), None);
}

#[test]
fn why_all_gives_every_requirement() {
    let resolution = solve(UNIVERSE, "app, libc (>= 1)").unwrap();
    let all: Vec<String> = resolution
        .why_all("libc")
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        all,
        [
            "requested: libc (>= 1) -> libc",
            "deep needs libc",
            "tls needs libc",
            "web needs libc"
        ]
    );
}

#[test]
fn packages_are_found_by_name() {
    let resolution = solve(UNIVERSE, "app").unwrap();
    assert_eq!(resolution.package("tls").unwrap().version.as_str(), "3");
    assert!(resolution.package("awk").is_none());
    assert!(resolution.packages.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn tolerated_dependencies_are_recorded() {
    let resolution = solve(UNIVERSE, "?app, !libc, !mawk").unwrap();
    let open: Vec<String> = resolution
        .tolerated
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        open,
        [
            "`deep` needs `libc`, but `libc` is excluded",
            "`deep` needs `awk`, but `mawk` is excluded",
            "`tls` needs `libc`, but `libc` is excluded",
            "`web` needs `libc`, but `libc` is excluded",
        ]
    );
}
