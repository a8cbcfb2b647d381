//! `kiln db`, `kiln scan` and `kiln explain` on a root file system of three packages.

use std::fs;

use kiln_testkit::Environment;
use serde_json::Value;

const TRACKER: &str = r#"{"one":{
  "CVE-2030-0001":{"description":"<b>Bad</b> thing","releases":{"trixie":{"status":"resolved","fixed_version":"1.0-2","urgency":"high"}}},
  "CVE-2030-0002":{"releases":{"trixie":{"status":"open","urgency":"low","nodsa":"Minor issue","nodsa_reason":""}}},
  "CVE-2030-0003":{"releases":{"trixie":{"status":"open","urgency":"unimportant"}}},
  "CVE-2030-0004":{"releases":{"trixie":{"status":"resolved","fixed_version":"0","urgency":"high"}}}
}}"#;
const KEV: &str = r#"{"vulnerabilities":[{"cveID":"CVE-2030-0001","dateAdded":"2030-02-01"}]}"#;

fn environment(release: &str) -> Environment {
    let environment =
        Environment::new(env!("CARGO_BIN_EXE_kiln")).at("2030-03-01T09:00:00Z".parse().unwrap());
    environment.write("tracker.json", TRACKER);
    environment.write("kev.json", KEV);
    environment.write(
        "root/etc/os-release",
        format!("ID=debian\nVERSION_ID=\"{release}\"\n"),
    );
    environment.write(
        "root/var/lib/dpkg/status",
        "Package: libone1\nStatus: install ok installed\nArchitecture: amd64\n\
         Source: one (1.0-1)\nVersion: 1.0-1+b1\nMaintainer: A <a@b.invalid>\nDescription: one\n",
    );
    environment
}

const BUILD: [&str; 4] = ["db", "build", "debian-tracker=tracker.json", "kev=kev.json"];

#[test]
fn findings_come_in_three_groups_and_the_exit_code_says_the_answer() {
    let environment = environment("13");
    let missing = environment.run(&["scan", "rootfs:root"]).failure(3);
    assert!(
        missing.contains("there is no advisory database"),
        "{missing}"
    );
    environment.run(&BUILD).success();
    let text = environment.run(&["scan", "rootfs:root"]).success();
    for line in ["Fixable now (1)", "No fix (1)", "Suppressed (1)"] {
        assert!(text.contains(line), "{text}");
    }
    environment.write("bare/etc/motd", "hello");
    let bare = environment.run(&["scan", "rootfs:bare"]).failure(3);
    assert!(bare.contains("nothing was recognised"), "{bare}");
    assert!(text.contains("no-advisory: Minor issue"), "{text}");
    environment
        .run(&["scan", "rootfs:root", "--fail-on", "high"])
        .failure(2);
    environment
        .run(&["scan", "rootfs:root", "--fail-on", "critical"])
        .success();
    environment
        .run(&["scan", "rootfs:root", "--db-date", "2029-01-01"])
        .failure(3);
    // A day is all of it.
    environment
        .run(&["scan", "rootfs:root", "--db-date", "2030-03-01"])
        .success();
    let json = environment
        .run(&["scan", "rootfs:root", "--json"])
        .success();
    let json: Value = serde_json::from_str(&json).unwrap();
    crate::schema::assert_valid("scan", &json);
    assert_eq!(json["findings"][0]["vulnerability"]["id"], "CVE-2030-0001");
    assert_eq!(
        json["findings"][0]["vulnerability"]["exploited"]["added"],
        "2030-02-01"
    );
    assert_eq!(json["findings"][0]["fixed_version"], "1.0-2");
    let html = environment
        .run(&["scan", "rootfs:root", "--format", "html"])
        .success();
    assert!(!html.contains("<b>Bad"), "texts from outside are escaped");
    for form in ["sarif", "gitlab", "cyclonedx-vex"] {
        let text = environment
            .run(&["scan", "rootfs:root", "--format", form])
            .success();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(value.to_string().contains("CVE-2030-0001"), "{form}");
    }
    let told = environment
        .run(&["explain", "CVE-2030-0004", "rootfs:root"])
        .success();
    assert!(told.contains("not affected"), "{told}");
}

#[test]
fn a_release_without_data_cannot_be_known() {
    let environment = environment("10");
    environment.run(&BUILD).success();
    let said = environment.run(&["scan", "rootfs:root"]).failure(3);
    assert!(said.contains("1 components of debian:10"), "{said}");
}

#[test]
fn a_database_of_others_must_be_whole_and_signed_where_a_key_is_set() {
    let environment = environment("13");
    // RFC 8410 § 10.3 and § 10.1.
    environment.write(
        "key.pem",
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n",
    );
    environment.write(
        "public.pem",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
    );
    environment
        .run(&[
            "db",
            "build",
            "-o",
            "ours.kilndb",
            "--sign-key",
            "key.pem",
            "debian-tracker=tracker.json",
        ])
        .success();
    let folder = environment.work().join("ours.kilndb");
    let import = ["db", "import", "ours.kilndb", "--key", "public.pem"];
    let whole = fs::read(&folder).unwrap();
    fs::write(&folder, &whole[..whole.len() - 10]).unwrap();
    environment.run(&import).failure(4);
    let mut changed = whole.clone();
    let at = changed.len() - 5;
    changed[at] ^= 1;
    fs::write(&folder, &changed).unwrap();
    environment.run(&import).failure(4);
    // Without a key the damage is found too, by the checks of the records.
    let unsigned = ["db", "import", "ours.kilndb", "--unsigned"];
    environment.run(&unsigned).failure(4);
    // Nobody vouches for it, and nobody said that nobody needs to.
    environment.run(&unsigned[..3]).failure(64);
    fs::write(&folder, &whole).unwrap();
    environment.run(&import).success();
    fs::remove_file(environment.work().join("ours.kilndb.sig")).unwrap();
    environment.run(&import).failure(4);
    environment.run(&["db", "verify"]).success();
    environment
        .run(&["scan", "rootfs:root", "--fail-on", "high"])
        .failure(2);
}

#[test]
fn a_broken_feed_is_named_and_the_others_stay() {
    let environment = environment("13");
    environment.write("broken.json", "{");
    let said = environment
        .run(&[
            "db",
            "build",
            "debian-tracker=tracker.json",
            "kev=broken.json",
        ])
        .failure(1);
    assert!(said.contains("missing: kev (broken.json)"), "{said}");
    environment
        .run(&["scan", "rootfs:root", "--fail-on", "high"])
        .failure(2);
    environment
        .run(&["db", "build", "kev=broken.json"])
        .failure(3);
    environment
        .run(&["scan", "rootfs:root", "--fail-on", "high"])
        .failure(2);
}

#[test]
fn a_feed_that_says_nothing_says_what_was_expected_and_many_broken_files_are_counted() {
    let environment = environment("13");
    let file = |name: &str| {
        let kind = kiln_testkit::EntryKind::File(b"id: x".to_vec());
        kiln_testkit::Entry::new(name, kind, 0o644)
    };
    let tar = kiln_testkit::tar(&[file("db/a.yaml"), file("db/b.yaml")], 0);
    environment.write("osv.tar", tar);
    environment.write("none.json", r#"{"vulnerabilities":[]}"#);
    let android = r#"{"id":"A-1","affected":[{"package":{"name":"x","ecosystem":"Android"}}]}"#;
    environment.write("android/a.json", android);
    for (feed, reason) in [
        (
            "osv=osv.tar",
            "expected OSV records as JSON, of an ecosystem that kiln matches, found 2 files that \
             are none, the first `db/a.yaml`",
        ),
        ("kev=none.json", "expected CISA's JSON"),
        ("osv=android", "osv (1 files): nothing in them"),
    ] {
        let said = environment.run(&["db", "build", feed]).failure(3);
        assert!(said.contains(reason), "{said}");
    }
    let both = ["db", "build", "debian-tracker=tracker.json", "osv=many"];
    for number in 0..9 {
        environment.write(&format!("many/{number}.json"), "[]");
    }
    let said = environment.run(&both).failure(1);
    assert_eq!(said.matches("missing: osv (many/").count(), 5, "{said}");
    assert!(
        said.contains("osv: 4 more files could not be read"),
        "{said}"
    );
}

const VEX: &str = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"v","author":"Somebody","version":1,
  "timestamp":"2030-02-01T00:00:00Z","statements":[
  {"vulnerability":{"name":"CVE-2030-0001"},"products":[{"@id":"pkg:deb/debian/one@1.0-1?os_version=13"}],
   "status":"not_affected","justification":"vulnerable_code_not_in_execute_path"},
  {"vulnerability":{"name":"CVE-2030-0002"},"products":[{"@id":"pkg:deb/debian/one?os_version=12"}],"status":"fixed"},
  {"vulnerability":{"name":"CVE-2030-0009"},"products":[{"@id":"pkg:deb/debian/libone1"}],"status":"affected"}]}"#;

#[test]
fn vex_statements_suppress_and_each_says_why_it_does_or_does_not() {
    let environment = environment("13");
    environment.run(&BUILD).success();
    environment.write("vex/one.json", VEX);
    environment.write("vex/index.json", "{}");
    environment.write("vex/.hidden.json", "{");
    let scan = ["scan", "rootfs:root", "--vex", "vex", "--json"];
    let json: Value = serde_json::from_str(&environment.run(&scan).success()).unwrap();
    let finding = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["vulnerability"]["id"] == "CVE-2030-0001")
        .unwrap();
    let by = &finding["suppressed"];
    assert_eq!(
        (&by["by"], &by["status"], &by["statement"], &by["digest"]),
        (
            &"vex".into(),
            &"not_affected".into(),
            &"vex/one.json, statement 1".into(),
            &kiln_types::Digest::of(VEX.as_bytes()).to_string().into()
        )
    );
    assert_eq!(json["vex"][0]["applied"], 1);
    let fail_on = ["scan", "rootfs:root", "--fail-on", "high"];
    environment.run(&fail_on).failure(2);
    let text = environment
        .run(
            &[
                &fail_on[..],
                &["--vex", "vex/one.json", "--show-suppressed"],
            ]
            .concat(),
        )
        .success();
    assert!(text.contains("Suppressed (2)"), "{text}");
    assert!(text.contains("vex: not_affected, vulnerable_code_not_in_execute_path (vex/one.json, statement 1 by Somebody)"), "{text}");
    assert!(text.contains("VEX: 1 of 3 statements"), "{text}");

    let why = ["vex", "explain", "rootfs:root", "--vex", "vex"];
    let told = environment.run(&why).success();
    for part in [
        "it suppresses libone1 1.0-1+b1",
        "os_version=12 (debian:12) ≠ debian:13",
        "pkg:deb/debian/libone1 is in the image, and the vulnerability was not found there",
        "3 statements in 1 documents: 1 applied, 1 not-here, 1 nothing-to-suppress",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json = environment.run(&[&why[..], &["--json"]].concat()).success();
    let json: Value = serde_json::from_str(&json).unwrap();
    crate::schema::assert_valid("vex explain", &json);
    assert_eq!(json["statements"][1]["verdict"], "not-here");
    let told = environment
        .run(&["explain", "CVE-2030-0001", "rootfs:root", "--vex", "vex"])
        .success();
    assert!(
        told.contains("applied: it suppresses libone1 1.0-1+b1"),
        "{told}"
    );

    // What the database knows nothing of is still said.
    let unknown = [
        "explain",
        "CVE-2030-0009",
        "rootfs:root",
        "--vex",
        "vex/one.json",
    ];
    let run = environment.run(&unknown);
    assert_eq!(run.code, Some(3));
    assert!(run.stdout.contains("nothing-to-suppress"), "{}", run.stdout);

    environment.write("vex/one.json", VEX.replace("affected\"", "odd\""));
    let said = environment.run(&why).failure(4);
    assert!(
        said.contains("`vex/one.json` cannot be read at statement 1"),
        "{said}"
    );
    environment
        .run(&["vex", "explain", "rootfs:root"])
        .failure(64);
    environment.write("none/index.json", "{}");
    environment
        .run(&["scan", "rootfs:root", "--vex", "none"])
        .failure(1);
}

/// A path gives no name: only who asks does.
#[test]
fn statements_about_an_image_apply_to_what_it_was_asked_for_by() {
    let environment = environment("13");
    environment.run(&BUILD).success();
    let said = VEX.replace("pkg:deb/debian/one@1.0-1?os_version=13", "root");
    environment.write("one.json", said);
    let scan = [
        "scan",
        "rootfs:root",
        "--fail-on",
        "high",
        "--vex",
        "one.json",
    ];
    environment.run(&scan).failure(2);
    environment
        .run(&[&scan[..], &["--vex-product", "root:1"]].concat())
        .success();
    let why = environment
        .run(&["vex", "explain", "rootfs:root", "--vex", "one.json"])
        .success();
    assert!(
        why.contains("it is about the image root, and nobody gave this one a name"),
        "{why}"
    );
}

#[test]
fn a_statement_is_created_merged_and_read_back() {
    let environment = environment("13");
    environment.run(&BUILD).success();
    let create = [
        "vex",
        "create",
        "--product",
        "pkg:deb/debian/one@1.0-1",
        "--id",
        "CVE-2030-0001",
        "--status",
        "not_affected",
        "--author",
        "Ours",
        "--timestamp",
        "2030-02-02T00:00:00Z",
    ];
    let said = environment.run(&create).failure(64);
    assert!(
        said.contains("`--justification`: `not_affected` needs a justification"),
        "{said}"
    );
    for (option, value) in [
        ("--part", "zlib"),
        ("--part", "pkg:"),
        ("--product", "pkg:"),
    ] {
        let why = ["--impact", "x", option, value];
        let said = environment.run(&[&create[..], &why].concat()).failure(64);
        assert!(said.contains(&format!("`{option}`: ")), "{said}");
    }
    let why = ["--justification", "component_not_present"];
    environment
        .run(&[&create[..], &why, &["-o", "ours.json"]].concat())
        .success();
    let once = fs::read(environment.work().join("ours.json")).unwrap();
    let again = environment.run(&[&create[..], &why].concat()).success();
    assert_eq!(once, again.as_bytes());
    environment
        .run(&[
            "scan",
            "rootfs:root",
            "--vex",
            "ours.json",
            "--fail-on",
            "high",
        ])
        .success();

    environment.write("vex/one.json", VEX);
    environment
        .run(&["vex", "merge", "vex", "ours.json"])
        .failure(64);
    let merge = |places: [&str; 2]| {
        let author = ["--author", "All", "-o", "all.json"];
        environment
            .run(&[&["vex", "merge"], &places[..], &author].concat())
            .success();
        fs::read_to_string(environment.work().join("all.json")).unwrap()
    };
    let merged = merge(["vex", "ours.json"]);
    assert_eq!(merged, merge(["ours.json", "vex"]));
    let merged: Value = serde_json::from_str(&merged).unwrap();
    assert_eq!(merged["timestamp"], "2030-02-02T00:00:00Z");
    assert_eq!(merged["statements"].as_array().unwrap().len(), 4);
    let told = environment
        .run(&["vex", "explain", "rootfs:root", "--vex", "all.json"])
        .success();
    assert!(told.contains("1 applied"), "{told}");
    assert!(told.contains("1 superseded"), "{told}");
    // A directory has no digest to be named by.
    let said = environment
        .run(&[&["vex", "create", "rootfs:root"], &create[4..], &why].concat())
        .failure(64);
    assert!(said.contains("has no digest"), "{said}");
}

/// Dates of publication, by NVD.
const NVD: &str = r#"{"vulnerabilities":[
  {"cve":{"id":"CVE-2030-0001","published":"2030-01-10T08:00:00.000"}},
  {"cve":{"id":"CVE-2030-0003","published":"2030-01-12T08:00:00.000"}}]}"#;

#[test]
fn what_was_known_on_a_day_is_told_by_dates_and_what_has_none_is_named() {
    let environment = environment("13");
    environment.write("nvd.json", NVD);
    environment.write(
        "scores.csv",
        "#model_version:v1,score_date:2030-02-10T00:00:00+0000\ncve,epss,percentile\nCVE-2030-0001,0.25,0.5\n",
    );
    let scores = [&BUILD[..], &["nvd=nvd.json", "epss=scores.csv"]].concat();
    let build = |date: &str, feeds: &[&str]| {
        let mut command = environment.command(feeds);
        let output = command.env("KILN_NOW", date).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    build("2030-02-10T12:00:00Z", &scores);
    build(
        "2030-03-01T00:00:00Z",
        &[&BUILD[..], &["nvd=nvd.json"]].concat(),
    );
    let at = |day: &str| {
        let run = environment.run(&["scan", "rootfs:root", "--at", day, "--json"]);
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        crate::schema::assert_valid("scan", &json);
        (run, json)
    };

    let (run, json) = at("2030-01-09");
    // CVE-2030-0002 has no date: it is named, and nothing is certain.
    assert_eq!(run.code, Some(3), "{run}");
    for part in [
        "as known on 2030-01-09T23:59:59Z: 2 findings came later",
        "no date says whether 1 vulnerabilities were known: CVE-2030-0002",
    ] {
        assert!(run.stderr.contains(part), "{part}: {run}");
    }
    assert_eq!(json["findings"].as_array().unwrap().len(), 0);
    assert_eq!(json["at"]["later"], 2);
    for form in ["markdown", "html"] {
        let scan = [
            "scan",
            "rootfs:root",
            "--at",
            "2030-01-09",
            "--format",
            form,
        ];
        let run = environment.run(&scan);
        assert!(
            run.stdout.contains("as known on 2030-01-09T23:59:59Z"),
            "{run}"
        );
    }
    // Of the year before, nothing can have been known.
    assert_eq!(at("2029-12-31").0.code, Some(0));

    let (run, json) = at("2030-01-10");
    let finding = &json["findings"][0];
    assert_eq!(finding["vulnerability"]["id"], "CVE-2030-0001");
    assert_eq!(finding["state"], "open");
    assert!(finding["vulnerability"]["exploited"].is_null(), "{finding}");
    assert!(
        run.stderr
            .contains("no date says when 1 were fixed, so they stand without a fix: CVE-2030-0001"),
        "{run}"
    );
    assert!(run.stderr.contains("no EPSS scores of that day"), "{run}");
    // Exploited since, and by the scores of that very day, which an older database has.
    let (run, json) = at("2030-02-10");
    let vulnerability = &json["findings"][0]["vulnerability"];
    assert_eq!(vulnerability["exploited"]["added"], "2030-02-01");
    assert_eq!(vulnerability["epss"]["probability"], 25_000);
    assert!(run.stderr.contains("EPSS scores are of that day"), "{run}");
    // What came after the database was built is not in it.
    let (run, _) = at("2030-03-02");
    assert_eq!(run.code, Some(3));
    assert!(
        run.stderr
            .contains("the database is of 2030-03-01T00:00:00Z, before the end"),
        "{run}"
    );

    let explain =
        |id: &str, day: &str| environment.run(&["explain", id, "rootfs:root", "--at", day]);
    let told = explain("CVE-2030-0001", "2030-01-10").success();
    for part in [
        "known on 2030-01-10T23:59:59Z, since 2030-01-10T08:00:00Z at least",
        "affected before 1.0-2, open (fixed in 1.0-2, and no date says when)",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("exploited"), "{told}");
    let said = explain("CVE-2030-0001", "2030-01-09").failure(3);
    assert!(said.contains("was not known on 2030-01-09"), "{said}");
    let run = explain("CVE-2030-0002", "2030-01-10");
    assert_eq!(run.code, Some(3));
    assert!(run.stdout.contains("no date says whether"), "{run}");
}

#[test]
fn a_verdict_is_replayed_by_the_database_that_it_names() {
    let environment = environment("13");
    environment.run(&BUILD).success();
    let gate = ["gate", "rootfs:root", "-o", "verdict.json"];
    let first = environment.run(&gate);
    assert_ne!(first.code, Some(4), "{first}");
    environment.write("tracker.json", TRACKER.replace("1.0-2", "1.0-3"));
    let mut later = environment.command(&BUILD);
    let output = later.env("KILN_NOW", "2030-03-05T00:00:00Z").output();
    assert!(output.unwrap().status.success());
    let replay = ["gate", "--replay", "verdict.json"];
    assert_eq!(environment.run(&replay).code, first.code);
    environment.run(&["db", "prune", "--keep", "1"]).success();
    let said = environment.run(&replay).failure(3);
    assert!(
        said.contains("the advisories of 2030-03-01T09:00:00Z that the verdict used are not"),
        "{said}"
    );
}
