//! Reports for other programs: nothing of what a reader must know is left out.

use kiln_types::{DayFact, Digest, RiskLevel};
use kiln_vuln::report::{cyclonedx_vex, gitlab, html, junit, markdown, sarif};

use crate::gate::{day, finding, findings};

#[test]
fn an_image_without_findings_has_a_case_that_passes() {
    let clean = findings(Vec::new());
    let text = junit(&clean);
    assert!(text.contains("tests=\"1\" failures=\"0\""), "{text}");
    assert!(text.contains("no vulnerability to act on in 1 components\"/>"));
    let found = findings(vec![finding("CVE-1", RiskLevel::High, Some("2"))]);
    let text = junit(&found);
    assert!(text.contains("tests=\"1\" failures=\"1\""), "{text}");
    // What could not be read is no clean image.
    let mut partial = clean;
    partial.incomplete = vec![kiln_types::Incomplete {
        place: "usr/<x>".to_owned(),
        reason: "broken".to_owned(),
    }];
    let text = junit(&partial);
    assert!(text.contains("tests=\"1\" failures=\"1\""), "{text}");
    assert!(text.contains("not read: usr/&lt;x&gt;: broken"), "{text}");
    assert!(markdown(&partial).contains("**Not read:**"));
}

#[test]
fn gitlab_has_a_description_where_the_source_has_none() {
    let mut list = findings(vec![finding("CVE-1", RiskLevel::High, Some("2"))]);
    let said = |list: &kiln_types::Findings| {
        let report = gitlab(list, "0");
        report["vulnerabilities"][0]["description"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        said(&list),
        "libone1 1.0-1 is affected by CVE-1 (high): fixed in 2"
    );
    "It is bad.".clone_into(&mut list.findings[0].vulnerability.summary);
    assert_eq!(said(&list), "It is bad.");
}

/// GitLab refuses the whole report for one text that is too long, and GitHub takes no rule without help.
#[test]
fn no_text_is_longer_than_its_reader_takes_and_none_is_missing() {
    let mut list = findings(vec![finding("CVE-1", RiskLevel::High, Some("2"))]);
    let one = &mut list.findings[0];
    one.package = "é".repeat(8_000);
    one.vulnerability.summary = "ß".repeat(2 << 20);
    let report = gitlab(&list, "0");
    let one = &report["vulnerabilities"][0];
    for (name, most) in [("name", 255), ("solution", 7_000), ("description", 1 << 20)] {
        let text = one[name].as_str().unwrap();
        assert_eq!(text.chars().count(), most, "{name}");
        assert!(text.ends_with('…'), "{name}");
    }
    list.findings[0].vulnerability.aliases = ["GHSA-1".to_owned()].into();
    let rule = &sarif(&list, "0")["runs"][0]["tool"]["driver"]["rules"][0];
    let count = |name: &str| rule[name]["text"].as_str().unwrap().chars().count();
    assert_eq!(
        (count("shortDescription"), count("fullDescription")),
        (1024, 1024)
    );
    let help = rule["help"]["text"].as_str().unwrap();
    assert!(help.starts_with("CVE-1, also known as GHSA-1. "), "{help}");
}

#[test]
fn a_vex_document_of_an_image_names_it_and_itself() {
    let mut list = findings(vec![finding("CVE-1", RiskLevel::High, None)]);
    let document = cyclonedx_vex(&list, "0");
    assert!(document["metadata"]["component"].get("purl").is_none());
    let serial = document["serialNumber"].clone();
    assert!(
        serial.as_str().unwrap().starts_with("urn:uuid:"),
        "{serial}"
    );
    assert_eq!(cyclonedx_vex(&list, "0")["serialNumber"], serial);
    "example.org/team/App:1".clone_into(&mut list.subject.name);
    list.subject.manifest = Some(Digest::of(b"x"));
    let document = cyclonedx_vex(&list, "0");
    assert_ne!(document["serialNumber"], serial);
    let digest = Digest::of(b"x").hex();
    assert_eq!(
        document["metadata"]["component"]["purl"],
        format!("pkg:oci/app@sha256:{digest}?repository_url=example.org%2Fteam%2Fapp&tag=1")
    );
}

#[test]
fn every_form_names_the_day_that_was_asked_about() {
    let mut list = findings(vec![finding("CVE-1", RiskLevel::High, None)]);
    list.at = Some(DayFact {
        at: day("2029-07-01"),
        ..DayFact::default()
    });
    for (form, text) in [
        ("sarif", sarif(&list, "0").to_string()),
        ("gitlab", gitlab(&list, "0").to_string()),
        ("junit", junit(&list)),
        ("markdown", markdown(&list)),
        ("html", html(&list, day("2030-01-01"), "0")),
        ("cyclonedx-vex", cyclonedx_vex(&list, "0").to_string()),
    ] {
        assert!(text.contains("as known on 2029-07-01"), "{form}: {text}");
    }
}

/// An uploaded file is read without the exit code: where something is unknown, no field of it that
/// programs look at may say that there is nothing.
#[test]
fn a_report_that_leaves_something_unknown_is_no_success() {
    let clean = findings(Vec::new());
    let success = |list: &kiln_types::Findings| {
        let run = &sarif(list, "0")["runs"][0]["invocations"][0];
        let scan = &gitlab(list, "0")["scan"];
        let document = cyclonedx_vex(list, "0");
        [
            run["executionSuccessful"] == true,
            scan["status"] == "success",
            document.get("compositions").is_none(),
        ]
    };
    assert_eq!(success(&clean), [true; 3]);
    let mut blind = clean.clone();
    blind.blind = vec![kiln_types::Blind {
        ecosystem: "npm".to_owned(),
        components: 28,
        reason: "nothing".to_owned(),
    }];
    let mut partial = clean.clone();
    partial.incomplete = vec![kiln_types::Incomplete {
        place: "usr/x".to_owned(),
        reason: "broken".to_owned(),
    }];
    for (list, line) in [
        (&blind, "not known: 28 components of npm: nothing"),
        (&partial, "not read: usr/x: broken"),
    ] {
        assert_eq!(success(list), [false; 3], "{line}");
        let run = &sarif(list, "0")["runs"][0]["invocations"][0];
        let told = &run["toolExecutionNotifications"][0];
        assert_eq!(
            (&told["level"], &told["message"]["text"]),
            (&"error".into(), &line.into())
        );
        let told = &gitlab(list, "0")["scan"]["messages"][0];
        assert_eq!(
            (&told["level"], &told["value"]),
            (&"warn".into(), &line.into())
        );
        let document = cyclonedx_vex(list, "0");
        let composition = &document["compositions"][0];
        assert_eq!(composition["aggregate"], "incomplete");
        assert_eq!(composition["assemblies"][0], "image");
        assert_eq!(document["annotations"][0]["text"], line);
        assert_eq!(document["metadata"]["properties"][0]["value"], line);
    }
    let mut undated = clean;
    undated.at = Some(DayFact {
        at: day("2031-01-01"),
        ..DayFact::default()
    });
    assert_eq!(success(&undated), [false; 3], "a day that is to come");
}

#[test]
fn the_page_names_the_layer_and_whose_support_ends() {
    let mut list = findings(vec![finding("CVE-1", RiskLevel::High, Some("2"))]);
    let page = |list: &kiln_types::Findings| html(list, day("2030-03-01"), "0");
    let plain = page(&list);
    assert!(plain.contains("<td>var/lib/dpkg/status</td>"), "{plain}");
    assert!(!plain.contains("supported until"), "{plain}");
    let layer = |name: &[u8]| kiln_types::LayerFact {
        diff_id: Digest::of(name),
        blob: None,
        size: 1,
        unpacked: 1,
    };
    list.subject.layers = vec![layer(b"one"), layer(b"two")];
    list.findings[0].layer = Some(1);
    let fact = |name: &str, place: Option<&str>, last_day: &str| kiln_types::SupportFact {
        name: name.to_owned(),
        place: place.map(str::to_owned),
        last_day: last_day.to_owned(),
    };
    list.support = vec![
        fact("debian 13", None, "2030-03-01"),
        fact("debian 11", Some("srv/<a>/status"), "2030-02-28"),
    ];
    let page_with = page(&list);
    let digest = Digest::of(b"two");
    for cell in [
        format!("<td>var/lib/dpkg/status <small>layer 2 of 2, {digest}</small></td>"),
        "<td>debian 13 2030-03-01; debian 11 2030-02-28 (ended, srv/&lt;a&gt;/status)</td>"
            .to_owned(),
    ] {
        assert!(page_with.contains(&cell), "no {cell} in {page_with}");
    }
    // A layer that is not there is none.
    list.findings[0].layer = Some(2);
    assert!(page(&list).contains("<td>var/lib/dpkg/status</td>"));
}
