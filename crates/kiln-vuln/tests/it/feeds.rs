//! Readers of feeds against what other tools make of the same bytes, and against broken ones.

use std::path::{Path, PathBuf};

use kiln_types::{Fact, FixState, RangeEnd, RiskLevel};
use kiln_vuln::feed::{
    DebianLists, SecdbKind, read_debian_tracker, read_distro_info, read_end_of_life, read_epss,
    read_kev, read_nvd, read_osv, read_osv_lines, read_secdb,
};
use kiln_vuln::{Advisories as _, AdvisorySet};
use serde_json::Value;

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/feeds")
        .join(name)
}

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let bytes = std::fs::read(path(name)).unwrap();
    if !name.ends_with(".zst") {
        return bytes;
    }
    let mut reader = kiln_archive::decompress::decoder(
        kiln_archive::decompress::Codec::Zstd,
        &bytes[..],
        &kiln_archive::Limits::default(),
    )
    .unwrap();
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut out).unwrap();
    out
}

/// All files below a folder that end so, in order.
fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut folders = vec![path(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn facts_of(set: &AdvisorySet, ecosystem: &str, package: &str, id: &str) -> Vec<Fact> {
    let facts = set.facts(ecosystem, package).unwrap();
    facts
        .into_iter()
        .filter(|fact| fact.vulnerability == id)
        .collect()
}

fn fixed_in(fact: &Fact) -> Option<&str> {
    match fact.ranges.as_slice() {
        [range] => match &range.end {
            RangeEnd::Before(version) => Some(version),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn the_tracker_says_what_the_golden_files_say() {
    let set = read_debian_tracker(&bytes("tracker-api/fixtures/advisory.json")[..]).unwrap();
    let mut count = 0;
    for golden in files("tracker-api/golden", ".json") {
        let release = match golden.iter().any(|part| part == "sid") {
            true => "debian:unstable",
            false => "debian:11",
        };
        let golden = json(&golden);
        let id = golden["id"].as_str().unwrap();
        for package in golden["packages"].as_array().unwrap() {
            let facts = facts_of(&set, release, package["name"].as_str().unwrap(), id);
            let [fact] = facts.as_slice() else {
                panic!("{id}: {facts:?}");
            };
            count += 1;
            let fixed = package["fixed_version"].as_str();
            match (package["status"].as_str().unwrap(), fixed) {
                ("resolved", Some("0")) => assert_eq!(fact.state, FixState::NotAffected),
                ("resolved", fixed) => assert_eq!(fixed_in(fact), fixed),
                ("open", _) if package["no_dsa_reason"] == "ignored" || release == "debian:11" => {
                    assert_eq!(fact.state, FixState::WontFix);
                    assert_eq!(fact.reason, "Minor issue");
                }
                ("open", _) => assert_eq!(fact.state, FixState::Open),
                other => panic!("{other:?}"),
            }
            let level = match package["urgency"].as_str().unwrap() {
                "unimportant" => RiskLevel::Negligible,
                _ => RiskLevel::Unknown,
            };
            assert_eq!(fact.level, level, "{id}");
        }
    }
    assert_eq!(count, 8, "golden facts");
}

/// What vunnel made of the tracker of 2025 and of the list of advisories. Its records of Debian 7 and
/// those about `389_directory_server` come from files of a former version and have no input.
#[test]
fn the_tracker_and_the_advisories_say_what_vunnel_reads_from_them() {
    let mut set = read_debian_tracker(&bytes("vunnel-debian/input/debian.json")[..]).unwrap();
    let mut lists = DebianLists::new();
    lists
        .read_advisories(&bytes("vunnel-debian/input/DSA")[..])
        .unwrap();
    set.merge(lists.finish());
    set.finish();
    let mut count = 0;
    for golden in files("vunnel-debian/snapshots", ".json") {
        let golden = &json(&golden)["item"]["Vulnerability"];
        let ecosystem = golden["NamespaceName"].as_str().unwrap();
        let id = golden["Name"].as_str().unwrap();
        for fixed in golden["FixedIn"].as_array().unwrap() {
            let name = fixed["Name"].as_str().unwrap();
            if name == "389_directory_server" {
                continue;
            }
            count += 1;
            let facts = facts_of(&set, ecosystem, name, id);
            let [fact] = facts.as_slice() else {
                panic!("{ecosystem} {name} {id}: {facts:?}");
            };
            match fixed["Version"].as_str().unwrap() {
                "None" => assert_eq!(fact.state, FixState::EndOfLife, "{ecosystem} {id}"),
                "0" => assert_eq!(fact.state, FixState::NotAffected, "{ecosystem} {id}"),
                version => assert_eq!(fixed_in(fact), Some(version), "{ecosystem} {id}"),
            }
            let severity = golden["Severity"].as_str().unwrap().to_lowercase();
            assert_eq!(fact.level.as_str(), severity, "{ecosystem} {id}");
        }
    }
    assert_eq!(count, 25, "golden facts");
    // The date of the fix is that of the advisory, although the tracker names the version.
    let facts = facts_of(&set, "debian:12", "sope", "CVE-2025-53603");
    assert_eq!(
        facts[0].fixed_at.unwrap().to_string(),
        "2025-07-31T00:00:00Z"
    );
}

#[test]
fn the_raw_lists_say_what_the_golden_files_say() {
    let mut lists = DebianLists::new();
    lists
        .read_vulnerabilities(&bytes("tracker-raw/data/CVE/list")[..])
        .unwrap();
    lists
        .read_advisories(&bytes("tracker-raw/data/DSA/list")[..])
        .unwrap();
    lists
        .read_advisories(&bytes("tracker-raw/data/DLA/list")[..])
        .unwrap();
    let set = lists.finish();
    let release = |name: &str| match name {
        "buster" => "debian:10",
        "bullseye" => "debian:11",
        "bookworm" => "debian:12",
        _ => "debian:unstable",
    };
    let mut count = 0;
    for golden in files("tracker-raw/golden", ".json") {
        let golden = json(&golden);
        let name = golden["header"]["name"].as_str().unwrap();
        let annotations = golden["annotations"].as_array().unwrap();
        let named: Vec<&str> = annotations
            .iter()
            .filter(|line| line["type"] == "xref")
            .flat_map(|line| line["bugs"].as_array().unwrap())
            .filter_map(Value::as_str)
            .filter(|id| id.starts_with("CVE"))
            .collect();
        let is_advisory = name.starts_with("DSA") || name.starts_with("DLA");
        if name.starts_with("DTSA") {
            continue;
        }
        let base = name.rsplit_once('-').unwrap().0;
        let ids: Vec<&str> = match (is_advisory, named.is_empty()) {
            (false, _) => vec![name],
            (true, true) => vec![base],
            (true, false) => named,
        };
        for line in annotations.iter().filter(|line| line["type"] == "package") {
            let package = line["package"].as_str().unwrap();
            let place = release(line["release"].as_str().unwrap_or("sid"));
            for id in &ids {
                // A release that is out of support has no facts of the list of vulnerabilities.
                if place == "debian:10" && !is_advisory {
                    continue;
                }
                let facts = facts_of(&set, place, package, id);
                count += 1;
                match line["kind"].as_str().unwrap() {
                    "fixed" => assert!(
                        facts.iter().any(|fact| fact.state == FixState::Fixed
                            && fixed_in(fact) == line["version"].as_str()),
                        "{place} {package} {id}: {facts:?}"
                    ),
                    "unfixed" => assert_eq!(facts[0].state, FixState::Open),
                    other => panic!("{other}"),
                }
            }
        }
    }
    assert_eq!(count, 38, "golden facts");
    // What is fixed in unstable only is open in a release with an older version, without a fix.
    let facts = facts_of(&set, "debian:12", "qemu", "CVE-2023-5088");
    assert_eq!(facts[0].state, FixState::Open);
    assert_eq!(fixed_in(&facts[0]), Some("1:8.1.1+ds-2"));
}

#[test]
fn every_state_of_the_raw_list_is_kept_apart() {
    let text = "\
CVE-2030-0001 (one)
\t- one 2.0-1 (low; bug #1)
\t[bookworm] - one <no-dsa> (Minor issue)
\t[bullseye] - one <ignored> (Too intrusive)
\t[trixie] - one <postponed> (Next round)
\t[forky] - one <not-affected> (Vulnerable code not present)
CVE-2030-0002 (two)
\t- two <unfixed> (unimportant)
\t[bookworm] - two <end-of-life> (EOL)
\t[bullseye] - two <undetermined>
CVE-2030-0003
\tREJECTED
\t- three 1.0
CVE-2030-0004 (gone)
\t- four <removed>
\t[bookworm] - four 1.5-1+deb12u1
";
    let mut lists = DebianLists::new();
    lists.read_vulnerabilities(text.as_bytes()).unwrap();
    let set = lists.finish();
    let state = |ecosystem: &str, package: &str, id: &str| {
        let facts = facts_of(&set, ecosystem, package, id);
        facts.first().map(|fact| (fact.state, fact.level))
    };
    let one = |release| state(release, "one", "CVE-2030-0001");
    assert_eq!(
        one("debian:12"),
        Some((FixState::NoAdvisory, RiskLevel::Low))
    );
    assert_eq!(one("debian:11"), Some((FixState::WontFix, RiskLevel::Low)));
    assert_eq!(one("debian:13"), Some((FixState::Deferred, RiskLevel::Low)));
    assert_eq!(
        one("debian:14"),
        Some((FixState::NotAffected, RiskLevel::Low))
    );
    assert_eq!(
        one("debian:unstable"),
        Some((FixState::Fixed, RiskLevel::Low))
    );
    let two = |release| state(release, "two", "CVE-2030-0002");
    assert_eq!(
        two("debian:13"),
        Some((FixState::Open, RiskLevel::Negligible))
    );
    assert_eq!(
        two("debian:12"),
        Some((FixState::EndOfLife, RiskLevel::Negligible))
    );
    assert_eq!(
        two("debian:11"),
        Some((FixState::Undetermined, RiskLevel::Negligible))
    );
    assert_eq!(state("debian:12", "three", "CVE-2030-0003"), None);
    assert_eq!(state("debian:13", "four", "CVE-2030-0004"), None);
    assert_eq!(
        state("debian:12", "four", "CVE-2030-0004"),
        Some((FixState::Fixed, RiskLevel::Unknown))
    );
}

#[test]
fn later_advisories_of_a_number_inherit_its_ids_and_the_greatest_version_holds() {
    let text = "\
[02 Feb 2030] DSA-1-2 one - regression update
\t[bookworm] - one 1.0-1+deb12u2
[01 Feb 2030] DSA-1-1 one - security update
\t{CVE-2030-0001}
\t[bookworm] - one 1.0-1+deb12u1
";
    let mut lists = DebianLists::new();
    lists.read_advisories(text.as_bytes()).unwrap();
    let mut set = lists.finish();
    set.finish();
    let facts = facts_of(&set, "debian:12", "one", "CVE-2030-0001");
    assert_eq!(facts.len(), 1);
    assert_eq!(fixed_in(&facts[0]), Some("1.0-1+deb12u2"));
}

#[test]
fn secdb_says_what_vunnel_reads_from_it() {
    let wolfi = SecdbKind::Rolling("wolfi".to_owned());
    let set = read_secdb(&wolfi, &bytes("vunnel-wolfi/input/secdb/security.json")[..]).unwrap();
    let mut count = 0;
    let mut compare_with = |set: &AdvisorySet, folder: &str, ecosystem: &str| {
        for golden in files(folder, ".json") {
            let golden = &json(&golden)["item"]["Vulnerability"];
            let id = golden["Name"].as_str().unwrap();
            for fixed in golden["FixedIn"].as_array().unwrap() {
                let facts = facts_of(set, ecosystem, fixed["Name"].as_str().unwrap(), id);
                let version = fixed["Version"].as_str();
                count += 1;
                assert!(
                    facts.iter().any(|fact| match version {
                        Some("0") => fact.state == FixState::NotAffected,
                        _ => fixed_in(fact) == version,
                    }),
                    "{id}: {facts:?}"
                );
            }
        }
    };
    compare_with(&set, "vunnel-wolfi/snapshots", "wolfi");
    let alpine = SecdbKind::Released("alpine".to_owned());
    let mut set = read_secdb(&alpine, &bytes("vunnel-alpine/main.json")[..]).unwrap();
    set.merge(read_secdb(&alpine, &bytes("vunnel-alpine/community.json")[..]).unwrap());
    compare_with(&set, "vunnel-alpine/snapshots", "alpine:3.15");
    assert_eq!(count, 75, "golden facts");
}

#[test]
fn ids_of_secdb_are_split_and_cleaned() {
    let text = r#"{"distroversion":"v3.20","packages":[{"pkg":{"name":"one","secfixes":{
        "1.0-r0":["CVE-2017-2616 (+ regression fix)","CVE-2019-12290 XSA-12","CVE_2017_1","GHSA-jjxp-wpff-vfgr"],
        "0":["CVE-2030-0009"]}}},{"pkg":{"name":"two","secfixes":[]}}]}"#;
    let kind = SecdbKind::Released("alpine".to_owned());
    let set = read_secdb(&kind, text.as_bytes()).unwrap();
    let facts = set.facts("alpine:3.20", "one").unwrap();
    let mut ids: Vec<&str> = facts
        .iter()
        .map(|fact| fact.vulnerability.as_str())
        .collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "CVE-2017-1",
            "CVE-2017-2616",
            "CVE-2019-12290",
            "CVE-2030-0009",
            "GHSA-jjxp-wpff-vfgr",
            "XSA-12"
        ]
    );
}

#[test]
fn osv_ranges_aliases_and_withdrawals() {
    let mut set = AdvisorySet::new();
    for name in [
        "GO-2021-0052.json",
        "GO-2023-1987.json",
        "RUSTSEC-2016-0005.json",
        "RUSTSEC-2017-0002.json",
        "RUSTSEC-2019-0031.json",
    ] {
        read_osv(name, &bytes(&format!("osv/{name}")), &mut set).unwrap();
    }
    let gin = set.facts("go", "github.com/gin-gonic/gin").unwrap();
    assert_eq!(gin[0].vulnerability, "CVE-2020-28483");
    assert_eq!(gin[0].record, "GO-2021-0052");
    let stdlib = set.facts("go", "stdlib").unwrap();
    let holds = |version: &str| kiln_vuln::matching::holds("go", version, &stdlib[0]).0;
    for (version, affected) in [
        ("1.19.11", true),
        ("1.19.12", false),
        ("go1.20.6", true),
        ("1.20.7", false),
        ("go1.21rc3", true),
        ("go1.21rc4", false),
        ("1.21.0", false),
    ] {
        assert_eq!(holds(version), Some(affected), "{version}");
    }
    assert_eq!(holds("(devel)"), None, "what has no order is unknown");
    let news = set
        .all_facts()
        .find(|(_, _, fact)| fact.record == "RUSTSEC-2016-0005");
    assert!(news.unwrap().2.informational);
    assert!(
        set.all_facts()
            .all(|(_, _, fact)| fact.record != "RUSTSEC-2019-0031")
    );
    let rated = set.vulnerability("CVE-2017-18587").unwrap().unwrap();
    assert_eq!(rated.ratings[0].score, Some(53));
    assert!(rated.aliases.contains("GHSA-q89x-f52w-6hj2"));
}

/// RustSec writes a branch that had the fix from its first release as a range that holds nothing.
#[test]
fn osv_ranges_that_hold_nothing_add_nothing() {
    let crates = concat!("crates", ".io");
    let ends = |events: &str| {
        let record = format!(
            r#"{{"id":"RUSTSEC-1-1","modified":"2026-01-01T00:00:00Z","affected":[{{"package":
            {{"ecosystem":"{crates}","name":"a"}},"ranges":[{{"type":"SEMVER","events":{events}}}]}}]}}"#
        );
        let mut set = AdvisorySet::new();
        read_osv("a.json", record.as_bytes(), &mut set).unwrap();
        let facts = set.facts("cargo", "a").unwrap();
        assert_eq!(facts.len(), 1);
        facts[0]
            .ranges
            .iter()
            .map(|range| format!("{:?} {:?}", range.from, range.end))
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(
        ends(
            r#"[{"introduced":"0.23.0"},{"fixed":"0.23.0"},{"introduced":"0.23.13"},{"fixed":"0.23.18"}]"#
        ),
        r#"Some("0.23.13") Before("0.23.18")"#
    );
    assert_eq!(
        ends(
            r#"[{"introduced":"37.0.0"},{"fixed":"44.0.2"},{"introduced":"45.0.0"},{"fixed":"45.0.0"}]"#
        ),
        r#"Some("37.0.0") Before("44.0.2")"#
    );
    // An end and a beginning of two ranges that touch are another thing.
    assert_eq!(
        ends(r#"[{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"1.0.0"},{"fixed":"2.0.0"}]"#),
        r#"None Before("1.0.0"); Some("1.0.0") Before("2.0.0")"#
    );
}

/// Go's zero time is written where no time is known: it is none, and nothing was known since then.
#[test]
fn attack_a_date_of_the_year_one_is_none() {
    for (published, is) in [
        ("0001-01-01T00:00:00Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("2026-01-01T00:00:00.5Z", Some("2026-01-01T00:00:00Z")),
        ("tomorrow", None),
    ] {
        let record = serde_json::json!({
            "id": "GHSA-1", "published": published,
            "affected": [{ "package": { "ecosystem": "npm", "name": "a" }, "versions": ["1"] }],
        });
        let mut set = AdvisorySet::new();
        read_osv("a.json", record.to_string().as_bytes(), &mut set).unwrap();
        let found = set.vulnerability("GHSA-1").unwrap().unwrap().published;
        assert_eq!(
            found.map(|date| date.to_string()).as_deref(),
            is,
            "{published}"
        );
    }
}

#[test]
fn attack_a_record_of_very_many_names_is_refused_by_its_id() {
    let names = |count: usize| {
        let aliases: Vec<String> = (0..count).map(|number| format!("A-{number}")).collect();
        let record = serde_json::json!({ "id": "GHSA-many", "aliases": aliases, "affected": [] });
        read_osv(
            "a.json",
            record.to_string().as_bytes(),
            &mut AdvisorySet::new(),
        )
    };
    names(5_000).unwrap();
    let error = names(5_001).unwrap_err().to_string();
    assert!(
        error.contains("GHSA-many") && error.contains("other names"),
        "{error}"
    );
}

/// OSV's form of Debian's and Alpine's data means the same as their own, and covers their releases.
#[test]
fn osv_samples_of_distributions_are_read_whole() {
    let mut set = AdvisorySet::new();
    read_osv_lines(&bytes("debian-sample.osv.jsonl.zst")[..], &mut set).unwrap();
    read_osv_lines(&bytes("alpine-sample.osv.jsonl.zst")[..], &mut set).unwrap();
    assert!(set.covers("debian:13") && set.covers("alpine:3.20"));
    let linux = facts_of(&set, "debian:12", "linux", "CVE-2016-20022");
    assert_eq!(fixed_in(&linux[0]), Some("4.7.4-1"));
    let xkbcomp = set.facts("alpine:3.20", "xkbcomp").unwrap();
    assert!(
        xkbcomp.iter().all(|fact| fact.versions.is_empty()),
        "{xkbcomp:?}"
    );
}

#[test]
fn catalogues_of_exploitation_and_probability() {
    let set = read_kev(&bytes("vunnel-kev/valid-catalog-1.json")[..]).unwrap();
    let (scores, day) = read_epss(&bytes("vunnel-epss/example-1.csv")[..]).unwrap();
    assert_eq!(day.to_string(), "2025-02-20T00:00:00Z");
    let mut all = AdvisorySet::new();
    for golden in files("vunnel-kev/snapshots", ".json") {
        let id = json(&golden)["item"]["cveID"].as_str().unwrap().to_owned();
        all.describe(&id, &[], "", None, &[]);
    }
    for golden in files("vunnel-epss/snapshots", ".json") {
        let id = json(&golden)["item"]["cve"].as_str().unwrap().to_owned();
        all.describe(&id, &[], "", None, &[]);
    }
    all.merge(set);
    all.merge(scores);
    all.finish();
    for golden in files("vunnel-kev/snapshots", ".json") {
        let golden = &json(&golden)["item"];
        let found = all
            .vulnerability(golden["cveID"].as_str().unwrap())
            .unwrap()
            .unwrap();
        let exploited = found.exploited.unwrap();
        assert_eq!(exploited.added, golden["dateAdded"].as_str().unwrap());
        let known = golden["knownRansomwareCampaignUse"] == "Known";
        assert_eq!(exploited.ransomware, known);
    }
    for golden in files("vunnel-epss/snapshots", ".json") {
        let golden = &json(&golden)["item"];
        let found = all
            .vulnerability(golden["cve"].as_str().unwrap())
            .unwrap()
            .unwrap();
        let epss = found.epss.unwrap();
        let hundred_thousandths = |key: &str| (golden[key].as_f64().unwrap() * 1e5).round();
        assert_eq!(f64::from(epss.probability), hundred_thousandths("epss"));
        assert_eq!(
            f64::from(epss.percentile),
            hundred_thousandths("percentile")
        );
    }
}

#[test]
fn severities_of_nvd_keep_their_source_and_vector() {
    let text = r#"{"vulnerabilities":[{"cve":{"id":"CVE-2030-0001","metrics":{
      "cvssMetricV31":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"3.1",
        "vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8,"baseSeverity":"CRITICAL"}}],
      "cvssMetricV2":[{"source":"nvd@nist.gov","type":"Primary","cvssData":{"version":"2.0",
        "vectorString":"AV:N/AC:L/Au:N/C:P/I:P/A:P","baseScore":7.5},"baseSeverity":"HIGH"}]}}}]}"#;
    let mut set = AdvisorySet::new();
    set.describe("CVE-2030-0001", &[], "", None, &[]);
    set.merge(read_nvd(text.as_bytes()).unwrap());
    set.finish();
    let found = set.vulnerability("CVE-2030-0001").unwrap().unwrap();
    let scores: Vec<_> = found
        .ratings
        .iter()
        .map(|rating| (rating.score, rating.level))
        .collect();
    assert_eq!(
        scores,
        [(Some(75), RiskLevel::High), (Some(98), RiskLevel::Critical)]
    );
}

#[test]
fn ends_of_support_are_read_in_both_forms() {
    let csv = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
               12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30\n\
               ,Sid,sid,1993-08-16,,,,\n";
    let set = read_distro_info("debian", csv).unwrap();
    let ends: Vec<_> = set.ends_of_life().collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].ends.as_deref(), Some("2026-07-11"));
    assert_eq!(ends[0].extended.as_deref(), Some("2028-06-30"));
    let text = r#"{"schema_version":"1.1.0","result":[{"name":"alpine","releases":[
        {"name":"3.20","isEol":false,"eolFrom":"2026-04-01"}]}]}"#;
    let set = read_end_of_life(text.as_bytes()).unwrap();
    assert_eq!(set.ends_of_life().next().unwrap().release, "3.20");
}

/// A broken feed says which it is, where and why.
#[test]
fn broken_feeds_say_what_is_wrong_with_them() {
    let tracker = |text: &str| {
        read_debian_tracker(text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let invalid = read_debian_tracker(&bytes("tracker-api/fixtures/invalid.json")[..]).unwrap_err();
    assert!(invalid.to_string().contains("debian-tracker"), "{invalid}");
    assert!(tracker("{}").contains("nothing about any release"));
    let unknown = tracker(r#"{"one":{"CVE-1":{"releases":{"trixie":{"status":"maybe"}}}}}"#);
    assert!(
        unknown.contains("one, CVE-1: the state `maybe` is unknown"),
        "{unknown}"
    );
    let torn = bytes("tracker-api/fixtures/advisory.json");
    assert!(read_debian_tracker(&torn[..torn.len() / 2]).is_err());

    let kind = SecdbKind::Rolling("wolfi".to_owned());
    let error = read_secdb(
        &kind,
        &br#"{"packages":[{"pkg":{"name":"a","secfixes":{"1":{}}}}]}"#[..],
    );
    assert!(error.unwrap_err().to_string().contains("wolfi-secdb"));
    let released = SecdbKind::Released("alpine".to_owned());
    let error = read_secdb(&released, &br#"{"packages":[]}"#[..]).unwrap_err();
    assert!(error.to_string().contains("no release is named"));

    let header = read_epss(&bytes("vunnel-epss/invalid-header.csv")[..]).unwrap_err();
    assert_eq!(header.place, "line 2");
    let date = read_epss(&bytes("vunnel-epss/missing-date.csv")[..]).unwrap_err();
    assert_eq!(date.place, "line 1");

    let error = read_kev(&br#"{"vulnerabilities":[{"cveID":1}]}"#[..]).unwrap_err();
    assert_eq!(
        (error.feed.as_str(), error.place.as_str()),
        ("kev", "line 1, column 31")
    );

    let mut lists = DebianLists::new();
    let error = lists
        .read_vulnerabilities(&b"\t- one 1.0\n"[..])
        .unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    let error = lists
        .read_vulnerabilities(&b"CVE-2030-1 (x)\n\t- one <perhaps>\n"[..])
        .unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
    let error = lists
        .read_advisories(&b"[32 Foo 2030] DSA-1-1 one\n"[..])
        .unwrap_err();
    assert!(error.to_string().contains("its date is none"), "{error}");
    let mut set = AdvisorySet::new();
    let error = read_osv("x.json", b"{\"id\":1}", &mut set).unwrap_err();
    assert!(error.place.starts_with("x.json, line 1"), "{error}");
}

/// Of two statements about one thing the later would win, and nobody would know.
#[test]
fn attack_a_feed_that_says_two_things() {
    let open = r#"{"releases":{"trixie":{"status":"open"}}}"#;
    let fixed = r#"{"releases":{"trixie":{"status":"resolved","fixed_version":"0"}}}"#;
    let two_releases = r#"{"releases":{"trixie":{"status":"open"},
        "trixie":{"status":"resolved","fixed_version":"0"}}}"#;
    for (text, twice) in [
        (
            format!(r#"{{"one":{{"CVE-1":{open},"CVE-1":{fixed}}}}}"#),
            "one: `CVE-1` stands there twice",
        ),
        (
            format!(r#"{{"one":{{"CVE-1":{open}}},"one":{{"CVE-1":{fixed}}}}}"#),
            "one: the package stands there twice",
        ),
        (
            format!(r#"{{"one":{{"CVE-1":{two_releases}}}}}"#),
            "one: `trixie` stands there twice",
        ),
    ] {
        let error = read_debian_tracker(text.as_bytes()).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(twice) && said.contains("line"), "{said}");
    }
    let text = r#"{"packages":[{"pkg":{"name":"a","secfixes":{"1-r0":["CVE-1"],"1-r0":[]}}}]}"#;
    let kind = SecdbKind::Rolling("wolfi".to_owned());
    let error = read_secdb(&kind, text.as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("`1-r0` stands there twice"),
        "{error}"
    );
    let text = r#"{"id":"A-1","modified":"2030-01-01T00:00:00Z","affected":[{
        "package":{"ecosystem":"npm","name":"one"},
        "ranges":[{"type":"SEMVER","events":[{"fixed":"2.0.0","fixed":"0.1.0"}]}]}]}"#;
    let error = read_osv("a", text.as_bytes(), &mut AdvisorySet::new()).unwrap_err();
    assert!(
        error.to_string().contains("`fixed` stands there twice"),
        "{error}"
    );
}

/// Versions without a place in the order leave no total order, and the standard sort panics when it
/// notices.
#[test]
fn events_that_have_no_order_are_read_all_the_same() {
    let mut state = 1_u64;
    for _ in 0..200 {
        let events: Vec<String> = (0..120)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let (kind, version) = (state >> 61, (state >> 33) % 1000);
                let version = match kind & 1 {
                    0 => format!("{version}.0-1"),
                    _ => format!("no version {version}"),
                };
                let kind = match kind >> 1 & 1 {
                    0 => "introduced",
                    _ => "fixed",
                };
                format!(r#"{{"{kind}":"{version}"}}"#)
            })
            .collect();
        let record = format!(
            r#"{{"id":"DEBIAN-CVE-2030-0001","modified":"2030-01-01T00:00:00Z","affected":[{{
              "package":{{"ecosystem":"Debian:13","name":"one"}},
              "ranges":[{{"type":"ECOSYSTEM","events":[{}]}}]}}]}}"#,
            events.join(",")
        );
        let mut set = AdvisorySet::new();
        read_osv("r", record.as_bytes(), &mut set).unwrap();
        assert!(set.fact_count() > 0);
    }
}
