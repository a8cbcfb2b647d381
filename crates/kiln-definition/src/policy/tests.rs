//! Reading policies.

use super::*;

#[test]
fn the_default_document_says_what_the_default_is() {
    let parsed = parse(&default_document());
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.value.unwrap(), Policy::default());
    let least = parse(&Document::new("p", "kiln: 1\npolicy: default\n"));
    assert_eq!(least.value.unwrap(), Policy::default());
}

#[test]
fn every_key_reaches_the_policy() {
    let text = "kiln: 1\npolicy: strict\nsummary: all of it\n\
        vulnerabilities: {fixable: never, no-fix: critical, unrated: low, grace-days: 14, exploited: warn, epss-percent: 10}\n\
        database: {max-age-days: 1, source-max-age-days: 3, may-lack: [binary]}\n\
        end-of-life: {ended: warn, support: regular, warn-days: 30}\n\
        image: {root: allow, shell: deny, package-manager: deny, setuid: warn, setgid: deny, capabilities: deny, world-writable: deny, secrets: warn, labels: [a.b]}\n\
        licences: {allowed: [MIT], denied: [AGPL-*], unknown: deny}\n\
        evidence: [supplier, sbom, digest, package-database]\n\
        ignore-files: refuse\nvex: refuse\n\
        allow:\n  - {id: CVE-1, scope: {packages: [zlib*], images: [nginx], paths: [usr/**]}, reason: r, owner: o, expires: 2026-12-31}\n";
    let policy = parse(&Document::new("p.yaml", text)).value.unwrap();
    let rules = &policy.vulnerabilities;
    assert_eq!(
        (rules.fixable, rules.no_fix),
        (None, Some(RiskLevel::Critical))
    );
    assert_eq!((rules.unrated, rules.grace_days), (RiskLevel::Low, 14));
    assert_eq!((rules.exploited, rules.epss), (Demand::Warn, Some(10_000)));
    assert_eq!(policy.database.max_age_days, 1);
    assert_eq!(policy.database.source_max_age_days, Some(3));
    assert_eq!(policy.database.may_lack, ["binary"]);
    assert_eq!(policy.end_of_life.ended, Demand::Warn);
    assert_eq!(policy.end_of_life.support, Support::Regular);
    assert_eq!(policy.end_of_life.warn_days, 30);
    let image = &policy.image;
    assert_eq!(
        (image.root, image.setuid, image.secrets),
        (Demand::Allow, Demand::Warn, Demand::Warn)
    );
    for demand in [
        image.shell,
        image.package_manager,
        image.setgid,
        image.capabilities,
        image.world_writable,
    ] {
        assert_eq!(demand, Demand::Deny);
    }
    assert_eq!(image.labels, ["a.b"]);
    assert_eq!(policy.licences.allowed, ["MIT"]);
    assert_eq!(policy.licences.denied, ["AGPL-*"]);
    assert_eq!(policy.licences.unknown, Demand::Deny);
    assert_eq!(policy.evidence, EvidenceDemand::ALL);
    assert!(!policy.accepts_ignore_files && !policy.accepts_vex);
    let entry = &policy.allow[0];
    assert_eq!(entry.place, "p.yaml:13:5");
    assert_eq!(entry.conditions.len(), 4);
    assert_eq!(entry.owner.as_deref(), Some("o"));
    assert_eq!(entry.expires, "2026-12-31".parse().ok());
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (text, code, line) in [
        ("policy: a\n", "policy/missing-key", 1),
        ("kiln: 2\npolicy: a\n", "policy/bad-value", 1),
        ("kiln: 1\npolicy: a\nalow: []\n", "policy/unknown-key", 3),
        (
            "kiln: 1\npolicy: a\nimage: {shel: deny}\n",
            "policy/unknown-key",
            3,
        ),
        (
            "kiln: 1\npolicy: a\nimage: {shell: no}\n",
            "policy/bad-value",
            3,
        ),
        (
            "kiln: 1\npolicy: a\nvulnerabilities: {fixable: hihg}\n",
            "policy/bad-value",
            3,
        ),
        (
            "kiln: 1\npolicy: a\nvulnerabilities: {epss-percent: 0}\n",
            "policy/bad-value",
            3,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, scope: {images: [a]}, reason: r, owner: o}\n",
            "policy/missing-key",
            4,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, scope: {images: [a]}, reason: r, expires: 2026-01-01}\n",
            "policy/missing-key",
            4,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, scope: {images: [a]}, owner: o, expires: 2026-01-01}\n",
            "policy/missing-key",
            4,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, reason: r, owner: o, expires: 2026-01-01}\n",
            "policy/missing-key",
            4,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, scope: {}, reason: r, owner: o, expires: 2026-01-01}\n",
            "policy/empty-scope",
            4,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, scope: {images: [a]}, reason: r, owner: o, expires: soon}\n",
            "policy/bad-value",
            4,
        ),
        (
            "kiln: 1\npolicy: a\nallow:\n  - {id: CVE-1, scope: {images: [a]}, reason: r, owner: o, expires: 2026-02-30}\n",
            "policy/bad-value",
            4,
        ),
        ("[]", "policy/wrong-type", 1),
        ("", "yaml/empty", 1),
    ] {
        let parsed = parse(&Document::new("p.yaml", text));
        assert!(parsed.value.is_none(), "{text}");
        let found = parsed.diagnostics.iter().any(|diagnostic| {
            diagnostic.code == code
                && diagnostic
                    .location
                    .as_ref()
                    .is_some_and(|at| at.line == line)
        });
        assert!(found, "{text}: {:?}", parsed.diagnostics);
    }
}

/// `never` is spelt nearly so, and would switch the check off.
#[test]
fn no_hint_makes_a_policy_weaker() {
    let text = "kiln: 1\npolicy: a\nvulnerabilities: {fixable: severe}\n";
    let parsed = parse(&Document::new("p.yaml", text));
    let diagnostic = &parsed.diagnostics[0];
    assert_eq!(diagnostic.help, None);
    let expected = diagnostic.expected.as_deref().unwrap();
    for level in LEVEL {
        assert!(expected.contains(level), "{expected}");
    }
    // Keys are another thing: a mistyped one has no meaning of its own.
    let parsed = parse(&Document::new("p.yaml", "kiln: 1\npolicy: a\nalow: []\n"));
    let help = parsed.diagnostics[0].help.as_deref();
    assert_eq!(help, Some("did you mean `allow`?"));
}
