//! Matching: states, sources, owners, and what must not be silent.

use kiln_types::{
    Affected, Component, ComponentId, ComponentKind, DatabaseFact, DistributionFact, Findings,
    FixState, Inventory, RiskLevel, SourcePackage, Suppression,
};
use kiln_vuln::feed::{DebianLists, SecdbKind, read_debian_tracker, read_osv, read_secdb};
use kiln_vuln::{AdvisorySet, Scheme, compare, match_inventory};

use crate::feeds::bytes;

fn debian(version: &str) -> DistributionFact {
    DistributionFact {
        id: "debian".to_owned(),
        version: Some(version.to_owned()),
        ..DistributionFact::default()
    }
}

fn deb(name: &str, version: &str, source: Option<(&str, &str)>) -> Component {
    let mut component = Component::new(ComponentKind::Deb, name, version);
    component.source = source.map(|(name, version)| SourcePackage {
        name: name.to_owned(),
        version: version.to_owned(),
    });
    component
}

fn scan(set: &AdvisorySet, distribution: DistributionFact, components: Vec<Component>) -> Findings {
    let inventory = Inventory {
        distribution: Some(distribution),
        components,
        ..Inventory::default()
    };
    let Ok(findings) = match_inventory(&inventory, set, DatabaseFact::default());
    findings
}

fn tracker(text: &str) -> AdvisorySet {
    let mut set = read_debian_tracker(text.as_bytes()).unwrap();
    set.finish();
    set
}

const STATES: &str = r#"{"one":{
  "CVE-2030-0001":{"releases":{"trixie":{"status":"resolved","fixed_version":"1.0-2","urgency":"high**"}}},
  "CVE-2030-0002":{"releases":{"trixie":{"status":"open","urgency":"not yet assigned"}}},
  "CVE-2030-0003":{"releases":{"trixie":{"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":""}}},
  "CVE-2030-0004":{"releases":{"trixie":{"status":"open","urgency":"low","nodsa":"No","nodsa_reason":"ignored"}}},
  "CVE-2030-0005":{"releases":{"trixie":{"status":"open","urgency":"low","nodsa":"Later","nodsa_reason":"postponed"}}},
  "CVE-2030-0006":{"releases":{"trixie":{"status":"open","urgency":"end-of-life"}}},
  "CVE-2030-0007":{"releases":{"trixie":{"status":"undetermined","urgency":"medium"}}},
  "CVE-2030-0008":{"releases":{"trixie":{"status":"resolved","fixed_version":"0","urgency":"high"}}},
  "CVE-2030-0009":{"releases":{"trixie":{"status":"open","urgency":"unimportant"}}},
  "TEMP-0000000-ABCDEF":{"releases":{"trixie":{"status":"open","urgency":"not yet assigned"}}}
}}"#;

#[test]
fn every_state_of_the_tracker_becomes_its_finding() {
    let findings = scan(
        &tracker(STATES),
        debian("13.7"),
        vec![deb("libone1", "2:9.9", Some(("one", "1.0-1+b1")))],
    );
    let rows: Vec<_> = findings
        .findings
        .iter()
        .map(|found| {
            let suppressed = found.suppressed.as_ref().map_or("", Suppression::kind);
            (
                found.vulnerability.id.as_str(),
                found.state,
                found.level,
                suppressed,
            )
        })
        .collect();
    use FixState::{Deferred, EndOfLife, Fixed, NoAdvisory, Open, Undetermined, WontFix};
    use RiskLevel::{High, Low, Medium, Negligible, Unknown};
    assert_eq!(
        rows,
        [
            ("CVE-2030-0001", Fixed, High, ""),
            ("CVE-2030-0007", Undetermined, Medium, "undetermined"),
            ("CVE-2030-0003", NoAdvisory, Low, ""),
            ("CVE-2030-0004", WontFix, Low, ""),
            ("CVE-2030-0005", Deferred, Low, ""),
            ("CVE-2030-0009", Open, Negligible, "unimportant"),
            ("CVE-2030-0002", Open, Unknown, ""),
            ("CVE-2030-0006", EndOfLife, Unknown, ""),
            ("TEMP-0000000-ABCDEF", Open, Unknown, "undetermined"),
        ]
    );
    assert_eq!(findings.findings[0].fixed_version.as_deref(), Some("1.0-2"));
    assert_eq!(findings.findings[2].facts[0].reason, "Minor issue");
    assert!(findings.blind.is_empty());
}

/// The source version counts: the binary's own (`2:9.9`) is above every fix, `+b1` below none.
#[test]
fn the_version_of_the_source_package_is_compared() {
    let set = tracker(STATES);
    let fixed = |source: &str| {
        scan(
            &set,
            debian("13"),
            vec![deb("libone1", "2:9.9", Some(("one", source)))],
        )
        .findings
        .iter()
        .all(|found| found.vulnerability.id != "CVE-2030-0001")
    };
    assert!(!fixed("1.0-1"));
    assert!(fixed("1.0-2"));
}

#[test]
fn a_release_without_data_is_no_clean_bill() {
    let findings = scan(
        &tracker(STATES),
        debian("10"),
        vec![deb("one", "1.0-1", None)],
    );
    assert!(findings.findings.is_empty());
    assert_eq!(findings.blind.len(), 1);
    assert_eq!(findings.blind[0].ecosystem, "debian:10");
    let nameless = DistributionFact::default();
    let findings = scan(&tracker(STATES), nameless, vec![deb("one", "1.0-1", None)]);
    assert_eq!(
        findings.blind[0].reason,
        "the release of the distribution is not known"
    );
}

#[test]
fn a_kind_without_advisories_is_told_by_the_type_of_its_package_url() {
    let mut plug = Component::new(ComponentKind::Other, "plug", "1.0.0");
    plug.purl = "pkg:hex/plug@1.0.0".parse().ok();
    let nameless = Component::new(ComponentKind::Other, "thing", "1");
    let findings = scan(&tracker(STATES), debian("13"), vec![plug, nameless]);
    let blind: Vec<_> = findings
        .blind
        .iter()
        .map(|blind| (blind.ecosystem.as_str(), blind.components))
        .collect();
    assert_eq!(blind, [("hex", 1), ("other", 1)]);
}

#[test]
fn an_artifact_without_its_group_is_not_known_to_be_clean() {
    let jar = Component::new(ComponentKind::Maven, "spring-web", "6.1.0");
    let findings = scan(&tracker(STATES), debian("13"), vec![jar.clone()]);
    assert_eq!(findings.blind.len(), 1);
    assert_eq!(findings.blind[0].ecosystem, "maven");
    assert!(findings.blind[0].reason.contains("group"));
    // A package of the distribution that brought it answers for it.
    let owner = deb("one", "1.0-1", None);
    let mut owned = jar;
    owned.owner = Some(kiln_types::ComponentId(0));
    let findings = scan(&tracker(STATES), debian("13"), vec![owner, owned]);
    assert!(findings.blind.is_empty());
    // Nobody answers for a package of a distribution.
    let mut package = Component::new(ComponentKind::Rpm, "openssl", "3.0.7-1");
    package.owner = Some(kiln_types::ComponentId(0));
    let findings = scan(&tracker(STATES), debian("13"), vec![package]);
    assert_eq!(findings.blind.len(), 1);
}

#[test]
fn what_cannot_be_compared_is_unknown_and_not_clean() {
    let text =
        r#"{"packages":[{"pkg":{"name":"opa","secfixes":{"1.1.0-r1-r0":["CVE-2030-0001"]}}}]}"#;
    let set = read_secdb(&SecdbKind::Rolling("wolfi".to_owned()), text.as_bytes()).unwrap();
    let wolfi = DistributionFact {
        id: "wolfi".to_owned(),
        version: Some("20230201".to_owned()),
        ..DistributionFact::default()
    };
    let opa = Component::new(ComponentKind::Apk, "opa", "1.0.0-r0");
    let findings = scan(&set, wolfi, vec![opa]);
    assert_eq!(findings.findings[0].affected, Affected::Unknown);
}

/// An npm package whose files belong to an apk: what the apk's origin says decides, with evidence.
#[test]
fn the_owner_of_the_files_answers_for_them() {
    let record = |id: &str, alias: &str| {
        format!(
            r#"{{"id":"{id}","aliases":["{alias}"],"affected":[{{"package":{{"name":"demo","ecosystem":"npm"}},
            "ranges":[{{"type":"SEMVER","events":[{{"introduced":"0"}},{{"fixed":"2.0.0"}}]}}]}}]}}"#
        )
    };
    let text = r#"{"packages":[{"pkg":{"name":"node","secfixes":{
        "1.0-r1":["CVE-2030-0001"],"0":["GHSA-aaaa-bbbb-cccc"],"9.0-r0":["CVE-2030-0003"]}}}]}"#;
    let mut set = read_secdb(&SecdbKind::Rolling("wolfi".to_owned()), text.as_bytes()).unwrap();
    for (id, alias) in [
        ("GHSA-1111-1111-1111", "CVE-2030-0001"),
        ("GHSA-aaaa-bbbb-cccc", "CVE-2030-0002"),
        ("GHSA-3333-3333-3333", "CVE-2030-0003"),
        ("GHSA-4444-4444-4444", "CVE-2030-0004"),
    ] {
        read_osv(id, record(id, alias).as_bytes(), &mut set).unwrap();
    }
    set.finish();
    let node = Component::new(ComponentKind::Apk, "node", "1.0-r1");
    let mut demo = Component::new(ComponentKind::Npm, "demo", "1.0.0");
    demo.owner = Some(ComponentId(0));
    let wolfi = DistributionFact {
        id: "wolfi".to_owned(),
        ..DistributionFact::default()
    };
    let findings = scan(&set, wolfi, vec![node, demo]);
    let of_demo: Vec<(&str, Option<String>)> = findings
        .findings
        .iter()
        .filter(|found| found.package == "demo")
        .map(|found| {
            let reason = found.suppressed.as_ref().map(Suppression::reason);
            (found.vulnerability.id.as_str(), reason)
        })
        .collect();
    let reason = |text: &str| Some(format!("node 1.0-r1: {text}"));
    assert_eq!(
        of_demo,
        [
            (
                "CVE-2030-0001",
                reason("wolfi-secdb says that this version has the fix")
            ),
            (
                "CVE-2030-0002",
                reason("wolfi-secdb says that it was never affected")
            ),
            ("CVE-2030-0003", reason("it is reported for this package")),
            ("CVE-2030-0004", None),
        ]
    );
}

#[test]
fn sources_that_disagree_are_one_finding_and_say_so() {
    let record = |id: &str, fixed: &str| {
        format!(
            r#"{{"id":"{id}","aliases":["CVE-2030-0001"],"affected":[{{"package":{{"name":"Demo_Pkg","ecosystem":"PyPI"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
        )
    };
    let mut set = AdvisorySet::new();
    read_osv(
        "a",
        record("GHSA-1111-1111-1111", "3.0").as_bytes(),
        &mut set,
    )
    .unwrap();
    read_osv("b", record("PYSEC-2030-1", "2.0").as_bytes(), &mut set).unwrap();
    set.finish();
    let demo = |version| Component::new(ComponentKind::Pypi, "demo.pkg", version);
    let findings = scan(&set, debian("13"), vec![demo("2.5"), demo("1.0")]);
    let rows: Vec<_> = findings
        .findings
        .iter()
        .map(|found| {
            (
                found.version.as_str(),
                found.disputed,
                found.fixed_version.as_deref(),
            )
        })
        .collect();
    // The fix to show is the lowest that is at least what is installed.
    assert_eq!(
        rows,
        [("2.5", true, Some("3.0")), ("1.0", false, Some("2.0"))]
    );
}

/// 21,093 facts of Debian's advisories: just below each fix is affected, the fix itself is not.
#[test]
fn every_fix_of_debians_advisories_matches_below_and_not_at_it() {
    #[derive(serde::Deserialize)]
    struct Row {
        release: String,
        source: String,
        cve: Option<String>,
        fixed_version: String,
    }
    let rows = bytes("debian-fixes.jsonl.zst");
    let mut text = String::from("{");
    let mut by_source: std::collections::BTreeMap<
        String,
        std::collections::BTreeMap<String, Vec<(String, String)>>,
    > = std::collections::BTreeMap::new();
    let mut all = Vec::new();
    for row in serde_json::Deserializer::from_slice(&rows).into_iter::<Row>() {
        let row = row.unwrap();
        let Some(cve) = row.cve else { continue };
        by_source
            .entry(row.source.clone())
            .or_default()
            .entry(cve.clone())
            .or_default()
            .push((row.release.clone(), row.fixed_version.clone()));
        all.push((row.release, row.source, cve, row.fixed_version));
    }
    for (source, cves) in &by_source {
        let cves: Vec<String> = cves
            .iter()
            .map(|(cve, releases)| {
                let releases: Vec<String> = releases
                    .iter()
                    .map(|(release, version)| {
                        format!(
                            r#""{release}":{{"status":"resolved","fixed_version":"{version}"}}"#
                        )
                    })
                    .collect();
                format!(r#""{cve}":{{"releases":{{{}}}}}"#, releases.join(","))
            })
            .collect();
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&format!(r#""{source}":{{{}}}"#, cves.join(",")));
    }
    text.push('}');
    let set = tracker(&text);
    let mut checked = 0;
    for (release, source, cve, fixed) in all {
        let number = match release.as_str() {
            "buster" => "10",
            "bullseye" => "11",
            "bookworm" => "12",
            "trixie" => "13",
            other => panic!("{other}"),
        };
        let below = format!("{fixed}~");
        assert!(compare(Scheme::Deb, &below, &fixed).unwrap().is_lt());
        let is_found = |version: &str| {
            scan(&set, debian(number), vec![deb(&source, version, None)])
                .findings
                .iter()
                .any(|found| found.vulnerability.id == cve)
        };
        // A sample of the whole set keeps the test short; the linux rows alone are thousands.
        if checked % 31 == 0 {
            assert!(is_found(&below), "{release} {source} {cve} {below}");
            assert!(!is_found(&fixed), "{release} {source} {cve} {fixed}");
        }
        checked += 1;
    }
    assert!(checked > 20_000, "{checked}");
    let lists = DebianLists::new();
    assert_eq!(lists.finish().fact_count(), 0);
}

#[test]
fn attack_packages_of_another_format_than_the_distribution_s() {
    let named = |id: &str| DistributionFact {
        id: id.to_owned(),
        version: Some("3.20".to_owned()),
        ..DistributionFact::default()
    };
    let apk = Component::new(ComponentKind::Apk, "zlib", "1.3-r0");
    for (distribution, component, is_asked) in [
        (debian("13"), deb("zlib1g", "1:1.3-1", None), true),
        (debian("13"), apk.clone(), false),
        (named("wolfi"), deb("zlib1g", "1:1.3-1", None), false),
        (named("wolfi"), apk.clone(), true),
        (named("alpine"), apk.clone(), true),
        (named("postmarketos"), apk, true),
    ] {
        let found = kiln_vuln::ecosystem::question(&component, Some(&distribution));
        assert_eq!(found.is_ok(), is_asked, "{} {found:?}", distribution.id);
    }
}

#[test]
fn attack_a_package_of_another_distribution_in_this_one() {
    let asked = |purl: &str| {
        let mut component = deb("one", "1", None);
        component.purl = Some(purl.parse().unwrap());
        kiln_vuln::ecosystem::question(&component, Some(&debian("13")))
            .map(|question| question.ecosystem)
            .ok()
    };
    for (purl, expected) in [
        ("pkg:deb/debian/one@1?distro=debian-13", Some("debian:13")),
        ("pkg:deb/debian/one@1?distro=debian-12.5", Some("debian:12")),
        ("pkg:deb/debian/one@1", Some("debian:13")),
        ("pkg:deb/debian/one@1?distro=debian", Some("debian:13")),
        ("pkg:deb/debian/one@1?distro=bookworm", Some("debian:12")),
        (
            "pkg:deb/ubuntu/one@1?distro=ubuntu-22.04",
            Some("ubuntu:22.04"),
        ),
        ("pkg:deb/ubuntu/one@1", None),
        ("pkg:deb/unknown/one@1?distro=unknown", None),
        ("pkg:deb/debian/one@1?distro=raspbian-13", None),
        ("pkg:deb/debian/one@1?os_name=ubuntu", None),
    ] {
        assert_eq!(asked(purl).as_deref(), expected, "{purl}");
    }
}

#[test]
fn attack_a_module_of_go_in_another_case() {
    let record = r#"{"id":"GO-1-1","affected":[{"package":{"ecosystem":"Go","name":"github.com/Azure/sdk"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}]}]}"#;
    let mut set = AdvisorySet::new();
    read_osv("a.json", record.as_bytes(), &mut set).unwrap();
    set.finish();
    for name in [
        "github.com/Azure/sdk",
        "github.com/azure/sdk",
        "GitHub.com/AZURE/sdk",
    ] {
        let component = Component::new(ComponentKind::Golang, name, "v1.1.0");
        let findings = scan(&set, debian("13"), vec![component]).findings;
        assert_eq!(findings.len(), 1, "{name}");
        assert_eq!(findings[0].facts.len(), 1, "{name}");
    }
}
