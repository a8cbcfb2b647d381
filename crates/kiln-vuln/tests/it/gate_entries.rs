//! Allow-lists and ignore files: what an entry allows, and what is said of entries.

use kiln_types::{Allowance, Condition, FixState, Outcome, RiskLevel, Verdict};

use crate::gate::{add, after, day, facts, file, finding, sound, verdict};

fn entry(id: &str, conditions: Vec<Condition>) -> Allowance {
    let mut all = vec![Condition::Id {
        id: id.to_owned(),
        or_alias: true,
    }];
    all.extend(conditions);
    Allowance {
        place: "policy.yaml:9:3".to_owned(),
        conditions: all,
        reason: "not reachable".to_owned(),
        owner: Some("team".to_owned()),
        expires: Some(day("2030-12-31")),
    }
}

/// A fixable high finding and a setuid file, allowed by these entries.
fn allowed(entries: Vec<Allowance>) -> (Outcome, String) {
    after(|world| {
        add(world, finding("CVE-1", RiskLevel::High, Some("2")));
        world.policy.allow = entries;
    })
}

#[test]
fn entries_allow_what_they_are_about_and_nothing_else() {
    let words = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let fails = (
        Outcome::Fail,
        "vulnerability/fixable allow/unused".to_owned(),
    );
    let passes = (Outcome::Pass, String::new());
    for (entry, expected) in [
        (entry("CVE-1", vec![]), &passes),
        (entry("cve-1", vec![]), &passes),
        (entry("GHSA-1", vec![]), &passes),
        (entry("CVE-2", vec![]), &fails),
        (
            entry(
                "vulnerability/fixable",
                vec![Condition::Package(words(&["lib*"]))],
            ),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Package(words(&["one"]))]),
            &passes,
        ),
        (
            entry(
                "CVE-1",
                vec![Condition::Package(words(&["pkg:deb/debian/libone1@*"]))],
            ),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Package(words(&["two", "three"]))]),
            &fails,
        ),
        (
            entry("CVE-1", vec![Condition::Image(words(&["app:*"]))]),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Path(words(&["var/lib/**"]))]),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Path(words(&["var/*"]))]),
            &fails,
        ),
        (
            entry("CVE-1", vec![Condition::Kind("deb".to_owned())]),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Kind("npm".to_owned())]),
            &fails,
        ),
        (
            entry("CVE-1", vec![Condition::Version("1.0-1".to_owned())]),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Source("one".to_owned())]),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::Ecosystem("debian:12".to_owned())]),
            &fails,
        ),
        (
            entry("CVE-1", vec![Condition::State(vec![FixState::Fixed])]),
            &passes,
        ),
        (
            entry("CVE-1", vec![Condition::State(vec![FixState::WontFix])]),
            &fails,
        ),
        (
            entry(
                "CVE-1",
                vec![Condition::Purl(vec![
                    "pkg:deb/debian/libone1".parse().unwrap(),
                ])],
            ),
            &passes,
        ),
        (
            entry(
                "CVE-1",
                vec![Condition::Purl(vec![
                    "pkg:deb/debian/libone1@2".parse().unwrap(),
                ])],
            ),
            &fails,
        ),
    ] {
        let said = format!("{entry:?}");
        assert_eq!(allowed(vec![entry]), *expected, "{said}");
    }
    // An entry about another image is none of this one's.
    let other = entry("CVE-1", vec![Condition::Image(words(&["other*"]))]);
    assert_eq!(
        allowed(vec![other]),
        (Outcome::Fail, "vulnerability/fixable".to_owned())
    );
    let unjudged = entry("CVE-1", vec![Condition::Unjudged("x".to_owned())]);
    assert_eq!(
        allowed(vec![unjudged]),
        (
            Outcome::Fail,
            "vulnerability/fixable allow/unjudged".to_owned()
        )
    );
}

#[test]
fn an_entry_that_has_ended_fails_the_image() {
    let mut ended = entry("CVE-1", vec![]);
    ended.expires = Some(day("2030-03-01"));
    assert_eq!(
        allowed(vec![ended.clone()]),
        (
            Outcome::Fail,
            "allow/expired vulnerability/fixable".to_owned()
        )
    );
    // Also where what it was about is gone.
    let gone = after(|world| world.policy.allow = vec![ended.clone()]);
    assert_eq!(gone, (Outcome::Fail, "allow/expired".to_owned()));
    ended.expires = Some(day("2030-03-02"));
    assert_eq!(allowed(vec![ended]), (Outcome::Pass, String::new()));
}

#[test]
fn what_is_allowed_is_listed_with_its_entry() {
    let mut world = sound();
    add(&mut world, finding("CVE-1", RiskLevel::High, Some("2")));
    facts(&mut world).setuid.push(file("usr/bin/su"));
    world.policy.allow = vec![
        entry("CVE-1", vec![]),
        entry(
            "image/setuid",
            vec![Condition::Path(vec!["usr/bin/su".to_owned()])],
        ),
    ];
    let verdict = verdict(&world);
    assert_eq!(
        (verdict.outcome, verdict.counts.total()),
        (Outcome::Pass, 0)
    );
    let listed: Vec<_> = verdict
        .suppressed
        .iter()
        .map(|one| (one.id.as_str(), one.about.as_deref(), one.owner.as_deref()))
        .collect();
    assert_eq!(
        listed,
        [
            ("CVE-1", Some("libone1 1.0-1"), Some("team")),
            ("image/setuid", Some("usr/bin/su"), Some("team")),
        ]
    );
}

#[test]
fn ignore_files_count_where_the_policy_accepts_them() {
    let foreign = |expires: Option<&str>| Allowance {
        owner: None,
        expires: expires.map(day),
        ..entry("CVE-1", vec![])
    };
    let with = |expires: Option<&str>, accepts: bool| {
        after(|world| {
            add(world, finding("CVE-1", RiskLevel::High, Some("2")));
            world.policy.accepts_ignore_files = accepts;
            world.ignores = vec![foreign(expires)];
        })
    };
    assert_eq!(with(None, true), (Outcome::Pass, String::new()));
    // Its own tool passes over an entry that has ended, and so does kiln, but says it.
    assert_eq!(
        with(Some("2030-01-01"), true),
        (
            Outcome::Fail,
            "vulnerability/fixable allow/expired".to_owned()
        )
    );
    assert_eq!(
        with(None, false),
        (
            Outcome::Fail,
            "allow/refused vulnerability/fixable".to_owned()
        )
    );
}

#[test]
fn attack_an_ignore_file_names_rules_of_the_policy() {
    for code in ["image/setuid", "vulnerability/fixable", "licence/denied"] {
        let (outcome, codes) = after(|world| {
            add(world, finding("CVE-1", RiskLevel::High, Some("2")));
            facts(world).setuid.push(file("usr/bin/su"));
            world.policy.licences.denied = vec!["MIT".to_owned()];
            world.ignores = vec![entry(code, vec![])];
        });
        assert_eq!(outcome, Outcome::Fail);
        let expected = "image/setuid licence/denied vulnerability/fixable allow/unused";
        assert_eq!(codes, expected, "{code}");
    }
}

#[test]
fn what_is_unknown_cannot_be_allowed() {
    for id in ["CVE-1", "GHSA-1", "vulnerability/uncertain"] {
        let (outcome, codes) = after(|world| {
            let mut one = finding("CVE-1", RiskLevel::High, Some("2"));
            one.affected = kiln_types::Affected::Unknown;
            add(world, one);
            world.policy.allow = vec![entry(id, vec![])];
        });
        assert_eq!(outcome, Outcome::Unknown, "{id}");
        assert!(codes.starts_with("vulnerability/uncertain"), "{codes}");
    }
}

#[test]
fn every_qualifier_and_the_subpath_of_a_package_url_must_agree() {
    let found = "pkg:deb/debian/libone1@1.0-1?arch=amd64&distro=debian-13";
    for (wanted, is_allowed) in [
        (found, true),
        ("pkg:deb/debian/libone1?arch=amd64", true),
        ("pkg:deb/debian/libone1?arch=arm64", false),
        ("pkg:deb/debian/libone1?repository_url=x", false),
        ("pkg:deb/debian/libone1#usr/lib", false),
    ] {
        let purl = Condition::Purl(vec![wanted.parse().unwrap()]);
        let (outcome, _) = allowed(vec![entry("CVE-1", vec![purl])]);
        assert_eq!(outcome == Outcome::Pass, is_allowed, "{wanted}");
    }
}

/// A rule without an id speaks of findings only, and one with an empty id of nothing.
#[test]
fn wide_entries_do_not_allow_properties() {
    let wide = Allowance {
        conditions: vec![Condition::Package(vec!["*".to_owned()])],
        ..entry("", vec![])
    };
    for (entry, code) in [
        (wide, "licence/denied"),
        (entry("", vec![]), "licence/denied"),
    ] {
        let (outcome, codes) = after(|world| {
            world.policy.licences.denied = vec!["MIT".to_owned()];
            world.ignores = vec![entry];
        });
        assert_eq!(outcome, Outcome::Fail);
        assert!(codes.starts_with(code), "{codes}");
    }
}

#[test]
fn a_verdict_is_the_same_bytes_in_whatever_order_things_came() {
    let mut world = sound();
    add(&mut world, finding("CVE-2", RiskLevel::High, Some("2")));
    add(&mut world, finding("CVE-1", RiskLevel::Critical, Some("2")));
    let one = serde_json::to_string(&verdict(&world)).unwrap();
    world.findings.as_mut().unwrap().findings.reverse();
    let other = serde_json::to_string(&verdict(&world)).unwrap();
    assert_eq!(one, other);
    let read: Verdict = serde_json::from_str(&one).unwrap();
    assert_eq!(read, verdict(&world));
}
