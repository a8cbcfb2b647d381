//! What `kiln scan` and `kiln explain` show, hide and print for programs.

use kiln_testkit::Environment;
use serde_json::Value;

use crate::schema::assert_valid;

const RATED: &str = r#"{"one":{
  "CVE-2030-0001":{"releases":{"trixie":{"status":"resolved","fixed_version":"1.0-2","urgency":"high"}}},
  "CVE-2030-0002":{"releases":{"trixie":{"status":"open","urgency":"low"}}},
  "CVE-2030-0003":{"releases":{"trixie":{"status":"open","urgency":"unimportant"}}},
  "CVE-2030-0005":{"releases":{"trixie":{"status":"open","urgency":"not yet assigned"}}}
}}"#;
const UNRATED: &str = r#"{"one":{
  "CVE-2030-0005":{"releases":{"trixie":{"status":"open","urgency":"not yet assigned"}}}
}}"#;

fn environment(tracker: &str) -> Environment {
    let environment =
        Environment::new(env!("CARGO_BIN_EXE_kiln")).at("2030-03-01T09:00:00Z".parse().unwrap());
    environment.write("tracker.json", tracker);
    environment.write("root/etc/os-release", "ID=debian\nVERSION_ID=\"13\"\n");
    environment.write(
        "root/var/lib/dpkg/status",
        "Package: libone1\nStatus: install ok installed\nArchitecture: amd64\n\
         Source: one (1.0-1)\nVersion: 1.0-1+b1\nMaintainer: A <a@b.invalid>\nDescription: one\n\n\
         Package: kiln-start\nStatus: install ok installed\nArchitecture: amd64\n\
         Version: 0.1.0\nMaintainer: kiln\nDescription: start\n",
    );
    let build = ["db", "build", "debian-tracker=tracker.json"];
    environment.run(&build).success();
    environment
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn scan<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["scan", "rootfs:root"], more].concat()
}

#[test]
fn a_filter_hides_rows_says_so_and_changes_no_answer() {
    let environment = environment(RATED);
    let text = environment.run(&scan(&["--only-fixed"])).success();
    assert!(text.contains("CVE-2030-0001"), "{text}");
    assert!(!text.contains("CVE-2030-0002"), "{text}");
    for line in [
        "2 findings and 1 suppressed ones are hidden: only with a fix are shown",
        "0 critical, 1 high, 0 medium, 1 low, 1 unrated in 2 components, 1 that no advisories",
    ] {
        assert!(text.contains(line), "{text}");
    }
    // As people who come from other tools type it.
    let severe = ["--severity", "HIGH,critical", "--json"];
    let found = json(&environment.run(&scan(&severe)).success());
    assert_valid("scan", &found);
    assert_eq!(found["findings"].as_array().unwrap().len(), 1);
    let filter = &found["filter"];
    assert_eq!(filter["levels"], serde_json::json!(["critical", "high"]));
    assert_eq!(
        (&filter["hidden"], &filter["counts"]["low"]),
        (&2.into(), &1.into())
    );
    let npm = ["--only-package-type", "npm", "--ignore-unfixed"];
    let none = environment.run(&scan(&npm)).success();
    assert!(none.contains("only with a fix; npm are shown"), "{none}");
    for form in [
        "sarif",
        "gitlab",
        "junit",
        "markdown",
        "html",
        "cyclonedx-vex",
    ] {
        let text = environment.run(&scan(&["--only-unfixed", "--format", form]));
        let text = text.success();
        assert!(!text.contains("CVE-2030-0001"), "{form}: {text}");
        assert!(
            text.contains("only without a fix are shown"),
            "{form}: {text}"
        );
    }
    // What is not shown counts all the same.
    let fail = ["--fail-on", "high", "--severity", "low"];
    let said = environment.run(&scan(&fail)).failure(2);
    assert!(
        said.contains(
            "2 findings are high or worse (1 of them are not rated, which counts as high; \
             2 of them are not shown here)"
        ),
        "{said}"
    );
    let fixable = ["--fail-on", "low", "--only-fixable"];
    let said = environment.run(&scan(&fixable)).failure(2);
    assert!(
        said.contains("1 findings that an update cures are low or worse"),
        "{said}"
    );
}

#[test]
fn what_nobody_has_rated_fails_as_high() {
    let environment = environment(UNRATED);
    for (level, code) in [
        ("critical", 0),
        ("high", 2),
        ("medium", 2),
        ("unknown", 2),
        ("unrated", 2),
    ] {
        let run = environment.run(&scan(&["--fail-on", level]));
        assert_eq!(run.code, Some(code), "{level}: {run}");
    }
}

#[test]
fn explanations_for_programs_say_what_is_known_and_what_is_not() {
    let environment = environment(RATED);
    let explain = |id: &str, more: &[&str]| {
        let run = environment.run(&[&["explain", id, "rootfs:root", "--json"], more].concat());
        let value = json(&run.stdout);
        assert_valid("explain", &value);
        (run.code, value)
    };
    let (code, known) = explain("CVE-2030-0001", &[]);
    assert_eq!(code, Some(0));
    assert_eq!(known["facts"][0]["answer"], "affected");
    assert_eq!(known["facts"][0]["compared"], "one 1.0-1");
    assert_eq!(
        known["facts"][0]["fact"]["ranges"][0]["end"]["before"],
        "1.0-2"
    );
    let (code, nothing) = explain("CVE-2030-9999", &[]);
    assert_eq!(code, Some(3));
    assert_eq!(nothing["vulnerability"], Value::Null);
    // An id of a later year cannot have been known.
    let (code, later) = explain("CVE-2030-0001", &["--at", "2029-01-01"]);
    assert_eq!(code, Some(3));
    assert_eq!(later["at"], "2029-01-01T23:59:59Z");
    assert_eq!(later["vulnerability"], Value::Null);
}

#[test]
fn json_and_another_form_contradict_each_other() {
    let environment = environment(RATED);
    for command in [
        vec!["sbom", "rootfs:root", "--format", "spdx"],
        vec!["sbom", "rootfs:root", "--format", "list"],
        scan(&["--format", "sarif"]),
        vec!["compare", "rootfs:root", "rootfs:root", "--format", "html"],
    ] {
        let said = environment.run(&[&command[..], &["--json"]].concat());
        let said = (said.code, said.stdout);
        assert_eq!(said.0, Some(64), "{command:?}");
        let said = said.1;
        assert!(
            said.contains("contradict each other"),
            "{command:?}: {said}"
        );
        let again = environment.run(&[&command[..2], &["--format", "json", "--json"]].concat());
        let is_compare = command[0] == "compare";
        assert_eq!(again.code == Some(0), !is_compare, "{again}");
    }
}

/// A package that kiln itself puts into images is in Debian's form, and none of Debian's.
#[test]
fn the_start_program_is_kilns_and_debian_is_not_asked_about_it() {
    let tracker = RATED.replace("\"one\":", "\"kiln-start\":");
    let environment = environment(&tracker);
    let list = [
        "sbom",
        "rootfs:root",
        "--format",
        "list",
        "--name",
        "kiln-start",
    ];
    let list = environment.run(&list).success();
    assert!(
        list.contains("pkg:deb/kiln/kiln-start@0.1.0?arch=amd64\n"),
        "{list}"
    );
    let found = json(&environment.run(&scan(&["--json"])).success());
    assert_eq!(found["findings"].as_array().unwrap().len(), 0, "{found}");
    assert_eq!(
        (&found["components"], &found["unasked"]),
        (&2.into(), &1.into())
    );
}

#[test]
fn a_place_of_another_kind_is_named_by_its_own() {
    let environment = environment(RATED);
    environment.write("some.json", "{}");
    environment.write("some.tar", "");
    for (image, hint) in [
        (
            "docker-archive:root",
            "`root` is a directory: did you mean `rootfs:root`?",
        ),
        (
            "oci-archive:root",
            "`root` is a directory: did you mean `rootfs:root`?",
        ),
        (
            "sbom:root",
            "`root` is a directory: did you mean `rootfs:root`?",
        ),
        (
            "oci:root",
            "`root` is no OCI layout: did you mean `rootfs:root`?",
        ),
        (
            "dir:some.json",
            "`some.json` is no directory: did you mean `sbom:some.json`?",
        ),
        (
            "oci:some.tar",
            "`some.tar` is no directory: did you mean `docker-archive:some.tar`?",
        ),
    ] {
        let said = environment.run(&["scan", image]).failure(64);
        assert!(said.contains(hint), "{image}: {said}");
    }
}

/// A tracker, an OSV record about something that no package brought, and what is exploited.
fn mixed() -> Environment {
    let environment = environment(RATED);
    environment.write(
        "root/opt/app/node_modules/left/package.json",
        r#"{"name":"left","version":"1.0.0"}"#,
    );
    environment.write(
        "osv.json",
        r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2030-0007"],"published":"2030-01-02T00:00:00Z",
            "modified":"2030-01-02T00:00:00Z","summary":"It leaves","affected":[{"package":
            {"ecosystem":"npm","name":"left"},"ranges":[{"type":"SEMVER","events":
            [{"introduced":"0"},{"fixed":"0.5.0"},{"introduced":"1.0.0"},{"fixed":"1.0.1"}]}]}]}"#,
    );
    environment.write(
        "kev.json",
        r#"{"vulnerabilities":[{"cveID":"CVE-2030-0007","dateAdded":"2030-02-01"}]}"#,
    );
    let build = [
        "db",
        "build",
        "--as-of",
        "2030-02-28T00:00:00Z",
        "debian-tracker=tracker.json",
        "osv=osv.json",
        "kev=kev.json",
    ];
    let said = environment.run(&build).success();
    assert!(said.contains("1 exploited"), "{said}");
    environment
}

#[test]
fn a_table_says_who_rates_where_it_is_and_what_is_exploited_first() {
    let environment = mixed();
    let text = environment.run(&scan(&[])).success();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[1][..4], ["LEVEL", "RATED", "BY", "ID"], "{text}");
    // Unrated, but exploited.
    let first = [
        "unrated",
        "-",
        "CVE-2030-0007",
        "left",
        "1.0.0",
        "1.0.1",
        "2030-02-01",
        "opt/app/node_modules/left/package.json",
    ];
    assert_eq!(rows[2], first, "{text}");
    assert_eq!(rows[3][..3], ["high", "debian-tracker", "CVE-2030-0001"]);
    assert!(
        text.contains("in 3 components, 1 that no advisories are written about; database"),
        "{text}"
    );
    for form in ["html", "markdown", "cyclonedx-vex", "json"] {
        let text = environment.run(&scan(&["--format", form])).success();
        assert!(
            !text.contains("nobody") && !text.contains("\"alias\""),
            "{form}: {text}"
        );
        assert!(
            text.contains("opt/app") || form == "cyclonedx-vex",
            "{form}: {text}"
        );
    }
    let page = environment.run(&scan(&["--format", "html"])).success();
    for part in [
        "It leaves",
        "also GHSA-aaaa-bbbb-cccc",
        "made by",
        "debian-tracker",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[test]
fn an_explanation_names_ranges_sources_dates_and_files() {
    let environment = mixed();
    let told = environment
        .run(&["explain", "cve-2030-0007", "rootfs:root"])
        .success();
    for part in [
        "exploited, known since 2030-02-01 by kev of 2030-02-28T00:00:00Z",
        "ghsa of 2030-02-28T00:00:00Z says: GHSA-aaaa-bbbb-cccc: affected before 0.5.0, \
         from 1.0.0 before 1.0.1, fixed in 0.5.0, 1.0.1",
        "found in opt/app/node_modules/left/package.json",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    environment
        .run(&["explain", "ghsa-AAAA-bbbb-cccc", "rootfs:root"])
        .success();
    let told = environment
        .run(&["explain", "CVE-2030-0001", "rootfs:root"])
        .success();
    assert!(
        told.contains(
            "affected before 1.0-2, fixed in 1.0-2\n  high by debian-tracker of 2030-02-28"
        ),
        "{told}"
    );
}

#[test]
fn a_feed_says_what_it_gave_and_the_help_names_every_kind() {
    let environment = mixed();
    let status = environment.run(&["db", "status"]).success();
    assert!(status.contains("1 exploited"), "{status}");
    let json = json(&environment.run(&["db", "status", "--json"]).success());
    assert_valid("db", &json);
    assert_eq!(json["sources"][1]["others"]["exploited"], 1, "{json}");
    let help = environment.run(&["db", "build", "--help"]).success();
    let words: Vec<&str> = help.split([' ', ',', '\n']).collect();
    for kind in kiln_vuln::feed::FeedKind::all() {
        assert!(words.contains(&kind.as_str()), "{kind}: {help}");
    }
}
