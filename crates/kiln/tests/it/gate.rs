//! `kiln gate` on a root file system of one package.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kiln_testkit::Environment;
use serde_json::Value;

use crate::schema::assert_valid;
use crate::world::World;

const TRACKER: &str = r#"{"one":{
  "CVE-2030-0001":{"releases":{"trixie":{"status":"resolved","fixed_version":"1.0-2","urgency":"high"}}},
  "CVE-2030-0002":{"releases":{"trixie":{"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":""}}}
}}"#;
const DEBIAN: &str = "version,codename,series,created,release,eol,eol-lts\n\
                      13,Trixie,trixie,2023-06-10,2025-08-09,2028-08-09,2030-06-30\n";
/// Nothing is known to be exploited, which is not the same as nobody having said so.
const KEV: &str = r#"{"vulnerabilities":[{"cveID":"CVE-2030-0999","dateAdded":"2030-02-01"}]}"#;
/// A directory has no configuration, so nobody can ask it for its user.
const POLICY: &str = "kiln: 1\npolicy: test\nimage: {root: allow}\n";
const ALLOW: &str = "allow:\n  - id: CVE-2030-0001\n    scope: {packages: [one]}\n    reason: not reachable\n    owner: team\n    expires: ";

fn environment() -> Environment {
    let environment =
        Environment::new(env!("CARGO_BIN_EXE_kiln")).at("2030-03-01T00:00:00Z".parse().unwrap());
    environment.write("tracker.json", TRACKER);
    environment.write("debian.csv", DEBIAN);
    environment.write("kev.json", KEV);
    environment.write("root/etc/os-release", "ID=debian\nVERSION_ID=\"13\"\n");
    environment.write(
        "root/var/lib/dpkg/status",
        "Package: libone1\nStatus: install ok installed\nArchitecture: amd64\n\
         Source: one (1.0-1)\nVersion: 1.0-1+b1\nMaintainer: A <a@b.invalid>\nDescription: one\n",
    );
    environment.write("policy.yaml", POLICY);
    environment
}

/// Compiles the advisories as files of a day.
const fn build_of(day: &str) -> [&str; 7] {
    [
        "db",
        "build",
        "debian-tracker=tracker.json",
        "debian-releases=debian.csv",
        "kev=kev.json",
        "--as-of",
        day,
    ]
}
const BUILD: [&str; 7] = build_of("2030-02-28");
const GATE: [&str; 4] = ["gate", "rootfs:root", "--policy", "policy.yaml"];

/// The codes of the reasons of a verdict, which must be what its schema says.
fn codes(json: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(json).unwrap();
    assert_valid("gate", &value);
    let reasons = value["reasons"].as_array().unwrap();
    reasons
        .iter()
        .map(|reason| reason["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_exit_code_is_the_answer_and_the_verdict_says_why() {
    let environment = environment();
    let without = environment.run(&[&GATE[..], &["--json"]].concat());
    assert_eq!(
        codes(&without.stdout),
        ["database/missing", "end-of-life/unknown"]
    );
    without.failure(3);
    environment.run(&BUILD).success();
    let fails = environment.run(&GATE);
    assert!(fails.stdout.contains("CVE-2030-0001"), "{}", fails.stdout);
    fails.failure(2);
    // A directory does not say how it runs.
    environment
        .run(&["gate", "rootfs:root", "--json"])
        .failure(2);
    environment.write("policy.yaml", format!("{POLICY}{ALLOW}2030-03-02\n"));
    let text = environment.run(&GATE).success();
    assert!(
        text.contains("policy.yaml:5:5: not reachable, until 2030-03-02"),
        "{text}"
    );
    environment.write("policy.yaml", format!("{POLICY}{ALLOW}2030-03-01\n"));
    let ended = environment.run(&[&GATE[..], &["--json"]].concat());
    assert_eq!(
        codes(&ended.stdout),
        ["allow/expired", "vulnerability/fixable"]
    );
    ended.failure(2);
    let wrong = POLICY.replace("image:", "imgae:");
    environment.write("policy.yaml", wrong);
    let said = environment.run(&GATE).failure(1);
    assert!(said.contains("policy.yaml:3:1"), "{said}");
    assert!(said.contains("did you mean `image`?"), "{said}");
}

#[test]
fn an_old_database_and_a_damaged_package_database_give_no_answer() {
    let environment = environment();
    environment.run(&BUILD).success();
    environment.write("policy.yaml", format!("{POLICY}{ALLOW}2030-12-31\n"));
    environment.run(&GATE).success();
    let later = environment.at("2030-03-20T00:00:00Z".parse().unwrap());
    let old = later.run(&[&GATE[..], &["--json"]].concat());
    assert_eq!(
        codes(&old.stdout),
        ["database/old", "database/old-source", "database/old-source"]
    );
    old.failure(3);
    let now = later.at("2030-03-01T00:00:00Z".parse().unwrap());
    now.write(
        "root/var/lib/dpkg/status",
        "Package: libone1\nVersion: 1.0-2\nno field\n",
    );
    now.run(&GATE).failure(3);
}

#[test]
fn a_verdict_is_replayed_and_every_other_input_is_named() {
    let environment = environment();
    environment.run(&BUILD).success();
    environment.write(
        ".trivyignore",
        "CVE-2030-0001 exp:2030-04-01 # not reachable\n",
    );
    let judge = [
        &GATE[..],
        &["--ignore-file", ".trivyignore", "-o", "verdict.json"],
    ]
    .concat();
    environment.run(&judge).success();
    let first = fs::read(environment.work().join("verdict.json")).unwrap();
    // Long after, when the entry has ended and the database is old.
    let environment = environment.at("2031-01-01T00:00:00Z".parse().unwrap());
    environment.run(&judge).failure(2);
    fs::write(environment.work().join("verdict.json"), &first).unwrap();
    let replay = ["gate", "--replay", "verdict.json", "-o", "again.json"];
    environment.run(&replay).success();
    assert_eq!(
        fs::read(environment.work().join("again.json")).unwrap(),
        first
    );

    for (file, text, named) in [
        ("policy.yaml", format!("{POLICY}# changed\n"), "the policy"),
        (
            ".trivyignore",
            "CVE-2030-0001\n".to_owned(),
            "the ignore file `.trivyignore`",
        ),
        (
            "root/var/lib/dpkg/status",
            "Package: libone1\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\
             Maintainer: A <a@b.invalid>\nDescription: one\n"
                .to_owned(),
            "what was found in the image",
        ),
    ] {
        let path = environment.work().join(file);
        let was = fs::read(&path).unwrap();
        environment.write(file, text);
        let said = environment.run(&replay).failure(4);
        assert!(said.contains(named), "{said}");
        fs::write(&path, was).unwrap();
    }
    // Files that lie elsewhere now are the same files.
    fs::rename(
        environment.work().join("policy.yaml"),
        environment.work().join("moved.yaml"),
    )
    .unwrap();
    environment.run(&replay).failure(1);
    environment
        .run(&[&replay[..], &["--policy", "moved.yaml"]].concat())
        .success();
    // A verdict that somebody changed is not what its inputs give.
    let lie = String::from_utf8(first.clone())
        .unwrap()
        .replace("not reachable", "harmless");
    environment.write("verdict.json", lie);
    let said = environment
        .run(&[&replay[..], &["--policy", "moved.yaml"]].concat())
        .failure(4);
    assert!(said.contains("not what its inputs give"), "{said}");
    // Without its advisories it cannot be made again.
    fs::write(environment.work().join("verdict.json"), &first).unwrap();
    fs::remove_dir_all(environment.store().join("advisories")).unwrap();
    environment
        .run(&[&replay[..], &["--policy", "moved.yaml"]].concat())
        .failure(3);
}

#[test]
fn ignore_files_of_other_tools_are_read() {
    let environment = environment();
    environment.run(&BUILD).success();
    for (name, text) in [
        (".trivyignore", "CVE-2030-0001\n"),
        (
            ".trivyignore.yaml",
            "vulnerabilities: [{id: CVE-2030-0001, purls: [\"pkg:deb/debian/libone1\"], expired_at: 2030-04-01}]\n",
        ),
        (
            ".grype.yaml",
            "ignore: [{vulnerability: CVE-2030-0001, fix-state: fixed, package: {name: libone1, type: deb}}]\n",
        ),
    ] {
        environment.write(name, text);
        let text = environment
            .run(&[&GATE[..], &["--ignore-file", name]].concat())
            .success();
        assert!(text.contains(&format!("by {name}:1:")), "{text}");
    }
    // What stands above an entry, or behind it, is its reason.
    for (text, reason) in [
        (
            "# only called\n# by tests\nCVE-2030-0001\n",
            "only called by tests",
        ),
        ("# other\n\nCVE-2030-0001 # here\n", "here"),
        ("# other\n\nCVE-2030-0001\n", "no reason is given"),
    ] {
        environment.write("reasons/.trivyignore", text);
        let ignore = ["--ignore-file", "reasons/.trivyignore", "--json"];
        let run = environment.run(&[&GATE[..], &ignore].concat());
        let verdict: Value = serde_json::from_str(&run.stdout).unwrap();
        let allowed = |one: &&Value| one["by"] == "allowed";
        let list = verdict["suppressed"].as_array().unwrap();
        assert_eq!(list.iter().find(allowed).unwrap()["reason"], reason);
    }
    environment.write("policy.yaml", format!("{POLICY}ignore-files: refuse\n"));
    environment
        .run(&[&GATE[..], &["--ignore-file", ".trivyignore"]].concat())
        .failure(2);
}

#[test]
fn the_default_policy_is_one_to_start_from() {
    let environment = environment();
    let text = environment.run(&["gate", "--print-policy"]).success();
    environment.write("policy.yaml", text);
    environment.run(&BUILD).success();
    let own = environment.run(&[&GATE[..], &["--json"]].concat());
    let default = environment.run(&["gate", "rootfs:root", "--json"]);
    assert_eq!(codes(&own.stdout), codes(&default.stdout));
}

#[test]
fn a_build_writes_nothing_that_the_gate_refuses() {
    let world = World::new();
    let environment = &world.environment;
    environment.write("tracker.json", TRACKER);
    environment.write("debian.csv", DEBIAN);
    let build = ["build", "image.yaml", "-o", "oci:out", "--gate"];
    environment.write("kev.json", KEV);
    let names = world.work_names();
    // Without advisories nothing can be known.
    let said = world.kiln(&[&build[..], &["default"]].concat()).failure(3);
    assert!(said.contains("database/missing"), "{said}");
    assert!(said.contains("nothing was written or loaded"), "{said}");
    world.kiln(&build_of("2026-11-21")).success();
    environment.write(
        "strict.yaml",
        format!("{POLICY}licences: {{unknown: deny}}\n"),
    );
    let said = world
        .kiln(&[&build[..], &["strict.yaml"]].concat())
        .failure(2);
    assert!(said.contains("licence/unknown"), "{said}");
    assert!(
        said.contains("linux/arm64"),
        "every platform is judged: {said}"
    );
    // A policy with a mistake is told before anything is done.
    environment.write("wrong.yaml", "kiln: 1\n");
    world
        .kiln(&[&build[..], &["wrong.yaml"]].concat())
        .failure(1);
    let mut now = world.work_names();
    now.retain(|name| !name.ends_with(".yaml") && !name.ends_with(".lock"));
    assert!(now.iter().all(|name| names.contains(name)), "{now:?}");
    world.kiln(&[&build[..], &["default"]].concat()).success();
    assert!(environment.work().join("out/index.json").is_file());

    // Of what has two platforms both are judged, and each has its verdict.
    let gate = ["gate", "oci:out", "--policy", "strict.yaml"];
    let both = [&gate[..], &["-o", "verdicts.json"]].concat();
    let text = world.kiln(&both);
    for platform in ["linux/amd64", "linux/arm64"] {
        assert!(text.stdout.contains(platform), "{text}");
    }
    text.failure(2);
    let verdicts: Value = serde_json::from_str(&environment.read("verdicts.json")).unwrap();
    assert_valid("gate", &verdicts);
    let of = |at: usize| verdicts[at]["inputs"]["image"]["platform"].as_str();
    let mut platforms = [of(0), of(1), of(2)];
    platforms.sort_unstable();
    assert_eq!(platforms, [None, Some("linux/amd64"), Some("linux/arm64")]);
    let again = ["gate", "--replay", "verdicts.json", "-o", "again.json"];
    world.kiln(&again).failure(2);
    assert_eq!(
        environment.read("again.json"),
        environment.read("verdicts.json")
    );
    // The policy of the guide is one that such an image passes.
    let guide = include_str!("../../../../docs/guides/gate.md");
    let policy = guide.split("```yaml\n").nth(1).unwrap();
    environment.write("guide.yaml", policy.split("```").next().unwrap());
    let judged = world.kiln(&["gate", "oci:out", "--policy", "guide.yaml"]);
    assert!(judged.stdout.contains("policy web"), "{judged}");
    judged.success();

    // A statement about an image is about each of its platforms.
    let create = ["vex", "create", "oci:out", "--id", "CVE-2030-0001"];
    let create = [&create[..], &["--status", "fixed", "--author", "Ours"]].concat();
    let products = |more: &[&str]| {
        let text = world.kiln(&[&create[..], more].concat()).success();
        let document: Value = serde_json::from_str(&text).unwrap();
        document["statements"][0]["products"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(products(&[]), 2);
    assert_eq!(products(&["--platform", "linux/arm64"]), 1);

    let one = [&gate[..], &["--platform", "linux/arm64", "--json"]].concat();
    let one = world.kiln(&one);
    let verdict: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(verdict["inputs"]["image"]["platform"], "linux/arm64");
    one.failure(2);
}

#[test]
fn a_root_inside_an_image_has_an_end_of_its_own() {
    let environment = environment();
    environment.write(
        "debian.csv",
        format!("{DEBIAN}11,B,bullseye,2019-07-06,2021-08-14,2024-08-14,2026-08-31\n"),
    );
    environment.run(&BUILD).success();
    environment.write("policy.yaml", format!("{POLICY}{ALLOW}2030-12-31\n"));
    environment.run(&GATE).success();
    environment.write(
        "root/srv/old/etc/os-release",
        "ID=debian\nVERSION_ID=\"11\"\n",
    );
    environment.write(
        "root/srv/old/var/lib/dpkg/status",
        "Package: two\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\
         Maintainer: A <a@b.invalid>\nDescription: two\n",
    );
    let json = environment.run(&[&GATE[..], &["--json"]].concat()).stdout;
    let verdict: Value = serde_json::from_str(&json).unwrap();
    let reasons = verdict["reasons"].as_array().unwrap();
    let ended = reasons
        .iter()
        .find(|reason| reason["code"] == "end-of-life/ended")
        .unwrap();
    assert_eq!(ended["place"], "srv/old/var/lib/dpkg/status");
    assert_eq!(
        ended["message"],
        "the support of debian 11 ended on 2026-08-31"
    );
    let scan = environment.run(&["scan", "rootfs:root"]).stdout;
    let line = "Supported until: debian 13 2030-06-30; \
                debian 11 2026-08-31 (ended, srv/old/var/lib/dpkg/status)\n";
    assert!(scan.contains(line), "{scan}");
}

/// A second root file system with a later version of the package and a shell.
fn second(environment: &Environment) {
    environment.write("other/etc/os-release", "ID=debian\nVERSION_ID=\"13\"\n");
    let shell = environment.write("other/usr/bin/dash", "\x7fELF");
    fs::set_permissions(shell, fs::Permissions::from_mode(0o755)).unwrap();
    environment.write(
        "other/var/lib/dpkg/status",
        "Package: libone1\nStatus: install ok installed\nArchitecture: amd64\n\
         Source: one\nVersion: 1.0-2\nMaintainer: A <a@b.invalid>\nDescription: one\n",
    );
}

#[test]
fn two_images_side_by_side_in_every_form() {
    let environment = environment();
    second(&environment);
    let compare = ["compare", "rootfs:root", "rootfs:other"];
    // Without advisories the rest is still compared.
    let run = environment.run(&compare);
    assert!(run.stdout.contains("1.0-1+b1"), "{run}");
    assert!(run.failure(3).contains("there are no advisories"));
    environment.run(&BUILD).success();
    let text = environment.run(&compare).success();
    for line in [
        "0C 1H 0M 1L",
        "Vulnerabilities that went (1)",
        "Packages (0 removed, 0 added, 1 up, 0 down, 0 other, 0 the same)",
        "usr/bin/dash",
        "supported until",
    ] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
    let json = environment
        .run(&[&compare[..], &["--json"]].concat())
        .success();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_valid("compare", &json);
    assert_eq!(json["went"][0]["id"], "CVE-2030-0001");
    assert_eq!(json["packages"][0]["change"], "up");
    assert_eq!(json["to"]["end_of_life"], "2030-06-30");
    for form in ["markdown", "html"] {
        let with = [&compare[..], &["--format", form, "-o", "report"]].concat();
        environment.run(&with).success();
        let report = fs::read_to_string(environment.work().join("report")).unwrap();
        assert!(report.contains("CVE-2030-0001"), "{report}");
    }
    let back = ["compare", "rootfs:other", "rootfs:root"];
    environment
        .run(&[&back[..], &["--exit-on", "vulnerability"]].concat())
        .failure(2);
    environment
        .run(&[&compare[..], &["--exit-on", "vulnerability,package"]].concat())
        .success();
    let low = [
        &back[..],
        &["--exit-on", "vulnerability", "--only-severity", "low"],
    ]
    .concat();
    environment.run(&low).success();
    let policy = ["--policy", "policy.yaml", "--exit-on", "policy"];
    environment.run(&[&back[..], &policy].concat()).failure(2);
    let text = environment.run(&[&compare[..], &policy].concat()).success();
    assert!(
        text.lines()
            .any(|line| line.split_whitespace().eq(["policy", "fail", "pass"])),
        "{text}"
    );
    environment
        .run(&[&back[..], &["--exit-on", "policy"]].concat())
        .failure(64);
}

#[test]
fn a_score_shows_its_inputs_and_has_no_letter_for_a_directory() {
    let environment = environment();
    environment.run(&BUILD).success();
    let run = environment.run(&["score", "rootfs:root"]);
    assert!(run.stdout.contains("CVE-2030-0001 in libone1"), "{run}");
    assert!(
        run.stdout.contains("not known: it has no configuration"),
        "{run}"
    );
    assert!(run.stdout.starts_with("no letter"), "{run}");
    run.failure(3);
    let json = environment.run(&["score", "rootfs:root", "--json"]).stdout;
    assert_valid("score", &serde_json::from_str(&json).unwrap());
}

#[test]
fn a_day_of_advisories_is_the_day_of_statements_too() {
    let environment = environment().at("2030-01-30T00:00:00Z".parse().unwrap());
    environment.run(&build_of("2030-01-30")).success();
    let environment = environment.at("2030-02-03T00:00:00Z".parse().unwrap());
    environment.write(
        "vex.json",
        r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://a.invalid/1","author":"a","timestamp":"2030-02-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2030-0001"},"products":[{"@id":"pkg:deb/debian/libone1"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}"#,
    );
    let judge = [&GATE[..], &["--vex", "vex.json", "-o", "verdict.json"]].concat();
    environment.run(&judge).success();
    let on = |day| environment.run(&[&judge[..], &["--db-date", day]].concat());
    on("2030-02-01").success();
    on("2030-01-31").failure(2);
    // A replay keeps to that day.
    environment
        .run(&["gate", "--replay", "verdict.json"])
        .failure(2);
    let score = ["score", "rootfs:root", "--vex", "vex.json"];
    let now = environment.run(&score).stdout;
    assert!(!now.contains("CVE-2030-0001"), "{now}");
    let then = environment.run(&[&score[..], &["--db-date", "2030-01-31"]].concat());
    assert!(then.stdout.contains("CVE-2030-0001"), "{then}");
    let compare = ["compare", "rootfs:root", "rootfs:root", "--vex", "vex.json"];
    let now = environment.run(&compare).success();
    assert!(now.contains("0C 0H"), "{now}");
    let then = [&compare[..], &["--db-date", "2030-01-31"]].concat();
    let then = environment.run(&then).success();
    assert!(then.contains("0C 1H"), "{then}");
}

#[test]
fn statements_of_others_are_inputs_of_a_verdict() {
    let environment = environment();
    environment.run(&BUILD).success();
    let vex = |status: &str| {
        format!(
            r#"{{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://a.invalid/1","author":"a","timestamp":"2030-02-01T00:00:00Z","version":1,"statements":[{{"vulnerability":{{"name":"CVE-2030-0001"}},"products":[{{"@id":"pkg:deb/debian/libone1"}}],"status":"{status}","justification":"vulnerable_code_not_present"}}]}}"#
        )
    };
    environment.write("vex/one.json", vex("not_affected"));
    environment
        .run(&[&GATE[..], &["--vex", "vex", "-o", "verdict.json"]].concat())
        .success();
    let replay = ["gate", "--replay", "verdict.json"];
    environment.run(&replay).success();
    let verdict: Value = serde_json::from_str(&environment.read("verdict.json")).unwrap();
    assert_valid("gate", &verdict);
    assert_eq!(verdict["inputs"]["vex"][0]["name"], "vex/one.json");
    assert!(
        verdict["suppressed"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["by"] == "vex")
    );
    // The names stand in the verdict: others would make another one of it.
    environment
        .run(&[&replay[..], &["--vex-product", "app"]].concat())
        .failure(64);
    environment.write("policy.yaml", format!("{POLICY}vex: refuse\n"));
    let refused = environment.run(&[&GATE[..], &["--vex", "vex", "--json"]].concat());
    assert_eq!(codes(&refused.stdout), ["vex/refused"]);
    environment.write("policy.yaml", POLICY);
    fs::create_dir(environment.work().join("moved")).unwrap();
    fs::rename(
        environment.work().join("vex/one.json"),
        environment.work().join("moved/two.json"),
    )
    .unwrap();
    environment
        .run(&[&replay[..], &["--vex", "moved"]].concat())
        .success();
    environment.write(
        "vex/one.json",
        vex("not_affected").replace("2030-02-01", "2030-02-02"),
    );
    let said = environment.run(&replay).failure(4);
    assert!(said.contains("the VEX document `vex/one.json`"), "{said}");
}
