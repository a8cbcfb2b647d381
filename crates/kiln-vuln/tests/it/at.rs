//! What was known on a day, by made-up facts and by the dates of all of Debian's advisories.

use kiln_types::{
    Component, ComponentKind, DatabaseFact, DistributionFact, Findings, FixState, Inventory,
    SourcePackage, Timestamp, UndatedPart,
};
use kiln_vuln::feed::{
    DebianLists, read_changelog_fixes, read_debian_tracker, read_kev, read_nvd, read_osv_lines,
};
use kiln_vuln::{AdvisorySet, match_inventory, match_inventory_at};

use crate::feeds::bytes;

fn inventory(release: &str, source: &str, version: &str) -> Inventory {
    let mut component = Component::new(ComponentKind::Deb, source, version);
    component.source = Some(SourcePackage {
        name: source.to_owned(),
        version: version.to_owned(),
    });
    Inventory {
        distribution: Some(DistributionFact {
            id: "debian".to_owned(),
            version: Some(release.to_owned()),
            ..DistributionFact::default()
        }),
        components: vec![component],
        ..Inventory::default()
    }
}

fn at(set: &AdvisorySet, inventory: &Inventory, day: &str) -> Findings {
    let day = day.parse().unwrap();
    let Ok(findings) = match_inventory_at(inventory, set, DatabaseFact::default(), day);
    findings
}

fn ids(findings: &Findings) -> Vec<&str> {
    let ids = findings.findings.iter();
    let mut ids: Vec<&str> = ids.map(|one| one.vulnerability.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn only_dates_say_what_was_known() {
    let mut set = read_debian_tracker(
        br#"{"one":{
        "CVE-2029-0001":{"releases":{"trixie":{"status":"resolved","fixed_version":"1-2","urgency":"high"}}},
        "CVE-2029-0002":{"releases":{"trixie":{"status":"resolved","fixed_version":"1-3","urgency":"high"}}},
        "CVE-2029-0003":{"releases":{"trixie":{"status":"open","urgency":"low"}}},
        "CVE-2030-0004":{"releases":{"trixie":{"status":"open","urgency":"low"}}},
        "CVE-2029-0005":{"releases":{"trixie":{"status":"resolved","fixed_version":"1-1","urgency":"low"}}}
        }}"#
        .as_slice(),
    )
    .unwrap();
    let mut lists = DebianLists::new();
    lists
        .read_advisories(
            b"[10 Jun 2029] DSA-1-1 one - security update\n\t{CVE-2029-0001}\n\t[trixie] - one 1-2\n"
                .as_slice(),
        )
        .unwrap();
    set.merge(lists.finish());
    set.merge(
        read_nvd(
            br#"{"vulnerabilities":[{"cve":{"id":"CVE-2029-0001","published":"2029-05-01T10:00:00.123"}},
            {"cve":{"id":"CVE-2029-0002","published":"2029-05-02T10:00:00.123"}}]}"#
                .as_slice(),
        )
        .unwrap(),
    );
    set.merge(
        read_kev(
            br#"{"vulnerabilities":[{"cveID":"CVE-2029-0001","dateAdded":"2029-07-01"}]}"#
                .as_slice(),
        )
        .unwrap(),
    );
    set.finish();
    let image = inventory("13", "one", "1-1");

    // Today: all four that the version has.
    let Ok(today) = match_inventory(&image, &set, DatabaseFact::default());
    assert_eq!(ids(&today).len(), 4);
    assert!(today.at.is_none());

    // Before anything was published; one has no date, and is named; one has an id of a later year.
    let then = at(&set, &image, "2029-04-30T23:59:59Z");
    let day = then.at.as_ref().unwrap();
    assert_eq!(ids(&then), Vec::<&str>::new());
    assert_eq!(day.later, 3);
    assert_eq!(day.undated(UndatedPart::Advisory), ["CVE-2029-0003"]);

    // Published, and not fixed yet; the other's fix has no date.
    let then = at(&set, &image, "2029-05-31T23:59:59Z");
    assert_eq!(ids(&then), ["CVE-2029-0001", "CVE-2029-0002"]);
    for finding in &then.findings {
        assert_eq!(finding.state, FixState::Open, "{finding:#?}");
        assert!(finding.fixed_version.is_none() && finding.fixed_at.is_none());
        assert!(finding.vulnerability.exploited.is_none());
    }
    let reason = |id: &str, findings: &Findings| {
        let found = findings
            .findings
            .iter()
            .find(|one| one.vulnerability.id == id);
        found.unwrap().facts[0].reason.clone()
    };
    assert_eq!(
        reason("CVE-2029-0001", &then),
        "fixed in 1-2 on 2029-06-10T00:00:00Z"
    );
    assert_eq!(
        reason("CVE-2029-0002", &then),
        "fixed in 1-3, and no date says when"
    );
    let day = then.at.as_ref().unwrap();
    assert_eq!(day.undated(UndatedPart::Fix), ["CVE-2029-0002"]);

    // The advisory came, then the exploitation became known.
    let fixed = |findings: &Findings| findings.findings[0].fixed_version.clone();
    let then = at(&set, &image, "2029-06-10T23:59:59Z");
    assert_eq!(fixed(&then).as_deref(), Some("1-2"));
    assert!(then.findings[0].vulnerability.exploited.is_none());
    let then = at(&set, &image, "2029-07-01T23:59:59Z");
    assert!(then.findings[0].vulnerability.exploited.is_some());
    // An id of the year may have been known; that it has no date is said.
    let then = at(&set, &image, "2030-07-01T23:59:59Z");
    let day = then.at.as_ref().unwrap();
    assert_eq!(
        day.undated(UndatedPart::Advisory),
        ["CVE-2029-0003", "CVE-2030-0004"]
    );
    assert_eq!(day.later, 0);
}

/// 21,093 fixes with the dates of their advisories: each is a fix on its day, and none the day before.
#[test]
fn every_advisory_of_debian_counts_from_its_day_on() {
    // Some advisories name no CVE.
    let text = String::from_utf8(bytes("debian-fixes.jsonl.zst")).unwrap();
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| !line.replace(' ', "").contains("\"cve\":null"))
        .collect();
    let mut set = read_changelog_fixes(rows.join("\n").as_bytes()).unwrap();
    set.finish();
    let (mut seen, mut open_before, mut unknown_before) = (0, 0, 0);
    // One of each package is enough of a crowd: the others differ in nothing but their names.
    let mut last = ("", "");
    for (ecosystem, package, fact) in set.all_facts() {
        let (Some(date), false) = (fact.fixed_at, last == (ecosystem, package)) else {
            continue;
        };
        last = (ecosystem, package);
        let release = ecosystem.strip_prefix("debian:").unwrap();
        let image = inventory(release, package, "0~");
        let of = |at: Timestamp| {
            let Ok(found) = match_inventory_at(&image, &set, DatabaseFact::default(), at);
            let one = found
                .findings
                .iter()
                .find(|one| one.vulnerability.id == fact.vulnerability)
                .map(|one| (one.state, one.fixed_version.is_some()));
            (one, found.at.unwrap())
        };
        let (then, _) = of(date);
        assert_eq!(then, Some((FixState::Fixed, true)), "{package} {fact:?}");
        let (before, day) = of(Timestamp::from_unix(date.unix() - 1));
        match before {
            // Another advisory for the same vulnerability came first.
            Some((state, has_fix)) => {
                assert!(state == FixState::Open && !has_fix, "{package} {fact:?}");
                open_before += 1;
            }
            None => {
                let ids = day.undated(UndatedPart::Advisory);
                unknown_before += usize::from(ids.contains(&fact.vulnerability.as_str()));
            }
        }
        seen += 1;
    }
    assert!(seen > 1_000, "{seen}");
    assert!(
        unknown_before > seen * 9 / 10,
        "{unknown_before} of {seen}, {open_before} open"
    );
}

/// Debian's records in OSV's form carry the date of publication: nothing is without one.
#[test]
fn records_of_osv_have_their_day() {
    let mut set = AdvisorySet::new();
    read_osv_lines(bytes("debian-sample.osv.jsonl.zst").as_slice(), &mut set).unwrap();
    set.finish();
    let mut dated = 0;
    let packages: Vec<(String, String)> = set
        .all_facts()
        .map(|(ecosystem, package, _)| (ecosystem.to_owned(), package.to_owned()))
        .collect();
    for (ecosystem, package) in packages {
        let Some(release) = ecosystem.strip_prefix("debian:") else {
            continue;
        };
        let image = inventory(release, &package, "0~");
        let Ok(today) = match_inventory(&image, &set, DatabaseFact::default());
        for finding in &today.findings {
            let published = finding.vulnerability.published.unwrap();
            let held = |moment: i64| {
                let moment = Timestamp::from_unix(moment);
                let Ok(then) = match_inventory_at(&image, &set, DatabaseFact::default(), moment);
                let is_same =
                    |one: &&kiln_types::Finding| one.vulnerability.id == finding.vulnerability.id;
                assert!(then.at.unwrap().undated(UndatedPart::Advisory).is_empty());
                then.findings.iter().any(|one| is_same(&one))
            };
            assert!(held(published.unix()), "{finding:#?}");
            assert!(!held(published.unix() - 1), "{finding:#?}");
            dated += 1;
        }
    }
    assert!(dated > 100, "{dated}");
}
