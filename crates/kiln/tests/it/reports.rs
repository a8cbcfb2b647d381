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
        "0 critical, 1 high, 0 medium, 1 low, 1 unrated in 1 components",
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
    for (level, code) in [("critical", 0), ("high", 2), ("medium", 2), ("unknown", 2)] {
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
    assert_eq!(found["components"], 1);
}
