//! What commands write, and where: no output shows what looks like a secret, and `-o` means the same
//! for all commands.

use std::fs;
use std::os::unix::fs::symlink;

use kiln_testkit::{Entry, EntryKind, Environment, tar};
use kiln_types::Digest;
use serde_json::{Value, json};

/// Things that no output may show.
const SECRETS: [&str; 6] = [
    "hunter2",
    "swordfish",
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "correcthorse",
    "batterystaple",
    "opensesame",
];

/// A layout of one image with a package that has a vulnerability, and with this process.
fn layout(environment: &Environment, name: &str, process: &Value) {
    let file =
        |path: &str, text: &str| Entry::new(path, EntryKind::File(text.as_bytes().to_vec()), 0o644);
    let status = "Package: one\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\
                  Maintainer: A <a@b.invalid>\nDescription: one\n";
    let layer = tar(
        &[
            file("etc/os-release", "ID=debian\nVERSION_ID=\"13\"\n"),
            file("var/lib/dpkg/status", status),
        ],
        0,
    );
    let put = |kind: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        environment.write(&format!("{name}/blobs/sha256/{}", digest.hex()), bytes);
        let media_type = format!("application/vnd.oci.image.{kind}");
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    };
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": process,
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer)] },
    });
    let layer = put("layer.v1.tar", &layer);
    let config = put("config.v1+json", config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
    let manifest = put("manifest.v1+json", manifest.to_string().as_bytes());
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    environment.write(&format!("{name}/index.json"), index.to_string());
    environment.write(
        &format!("{name}/oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    );
}

/// With two images that hold secrets in all places where people put them, and advisories.
fn environment() -> Environment {
    let environment =
        Environment::new(env!("CARGO_BIN_EXE_kiln")).at("2030-03-01T00:00:00Z".parse().unwrap());
    let [password, other, token, url, option, label] = SECRETS;
    let process = |password: &str, a: &str| {
        json!({
            "Env": [
                "PATH=/usr/bin",
                format!("DB_PASSWORD={password}"),
                format!("DATABASE_URL=postgres://me:{url}@{a}/db"),
                format!("OPTIONS=a {token} b"),
                format!("ONLY_{a}_SECRET={label}"),
                format!("PLAIN={a}"),
            ],
            "Entrypoint": ["/usr/bin/one", "--token", option],
            "Cmd": [format!("--password={password}")],
            "Labels": {
                "api-key": label,
                "org.opencontainers.image.vendor": format!("https://{url}@host"),
                "org.opencontainers.image.source": format!("https://me:{url}@{a}/source"),
            },
        })
    };
    layout(&environment, "a", &process(password, "A"));
    layout(&environment, "b", &process(other, "B"));
    environment.write(
        "tracker.json",
        r#"{"one":{"CVE-2030-0001":{"releases":{"trixie":
            {"status":"resolved","fixed_version":"1.0-2","urgency":"high"}}}}}"#,
    );
    let build = ["db", "build", "debian-tracker=tracker.json"];
    let day = ["--as-of", "2030-02-28"];
    environment.run(&[&build[..], &day].concat()).success();
    environment
}

#[test]
fn no_output_shows_a_secret() {
    let environment = environment();
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["quickview", "oci:a"],
        vec!["quickview", "oci:a", "--json"],
        vec!["score", "oci:a"],
        vec!["score", "oci:a", "--json"],
        vec!["gate", "oci:a"],
        vec!["gate", "oci:a", "--json"],
        vec!["explain", "CVE-2030-0001", "oci:a"],
        vec!["explain", "CVE-2030-0001", "oci:a", "--json"],
        vec!["compare", "oci:a", "rootfs:."],
    ];
    for (command, formats) in [
        (
            &["sbom", "oci:a"][..],
            &[
                "table",
                "list",
                "json",
                "spdx",
                "spdx3",
                "cyclonedx",
                "cyclonedx-1.7",
            ][..],
        ),
        (
            &["scan", "oci:a"],
            &[
                "table",
                "json",
                "sarif",
                "gitlab",
                "junit",
                "markdown",
                "html",
                "cyclonedx-vex",
            ],
        ),
        (
            &["compare", "oci:a", "oci:b"],
            &["text", "json", "markdown", "html"],
        ),
    ] {
        for format in formats {
            commands.push([command, &["--format", format]].concat());
        }
    }
    for command in commands {
        let run = environment.run(&command);
        assert!(!run.stdout.is_empty(), "{command:?}: {run}");
        for secret in SECRETS {
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(!all.contains(secret), "{command:?} shows {secret}:\n{all}");
        }
    }
}

#[test]
fn a_secret_that_changed_is_said_to_have() {
    let environment = environment();
    let compare = |more: &[&str]| {
        let command = ["compare", "oci:a", "oci:b"];
        environment.run(&[&command[..], more].concat()).stdout
    };
    let json: Value = serde_json::from_str(&compare(&["--json"])).unwrap();
    crate::schema::assert_valid("compare", &json);
    let value = |of: &str, name: &str| {
        let values = json["values"].as_array().unwrap();
        let is = |value: &&Value| value["of"] == of && value["name"] == name;
        let value = values.iter().find(is).cloned().unwrap_or_default();
        (
            value["from"].as_str().map(str::to_owned),
            value["to"].as_str().map(str::to_owned),
            value["is_hidden"].as_bool(),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    for (of, name, expected) in [
        (
            "environment",
            "DB_PASSWORD",
            (some("(hidden)"), some("(hidden)"), Some(true)),
        ),
        (
            "environment",
            "DATABASE_URL",
            (
                some("postgres://me:(hidden)@A/db"),
                some("postgres://me:(hidden)@B/db"),
                Some(true),
            ),
        ),
        ("environment", "PLAIN", (some("A"), some("B"), Some(false))),
        (
            "environment",
            "ONLY_A_SECRET",
            (some("(hidden)"), None, Some(true)),
        ),
        (
            "environment",
            "ONLY_B_SECRET",
            (None, some("(hidden)"), Some(true)),
        ),
        (
            "process",
            "command",
            (
                some("--password=(hidden)"),
                some("--password=(hidden)"),
                Some(true),
            ),
        ),
        // Those that are the same are not listed.
        ("environment", "OPTIONS", (None, None, None)),
        ("process", "entrypoint", (None, None, None)),
        ("label", "api-key", (None, None, None)),
    ] {
        assert_eq!(value(of, name), expected, "{of} {name}");
    }
    for (format, row) in [
        (
            "text",
            "~  DB_PASSWORD    (hidden)                     (hidden) (changed)",
        ),
        (
            "markdown",
            r"| ~ | DB\_PASSWORD | (hidden) | (hidden) (changed) |",
        ),
        ("html", "<td>(hidden) (changed)</td>"),
    ] {
        let text = compare(&["--format", format]);
        assert!(text.contains(row), "no `{row}` in {text}");
    }
    // A document hides what the image has: nobody can say whether it is the same.
    environment
        .run(&["sbom", "oci:a", "--format", "json", "-o", "a.json"])
        .success();
    let run = environment.run(&["compare", "oci:a", "sbom:a.json", "--json"]);
    let told = "secrets of its configuration: 9 are hidden";
    assert!(run.stdout.contains(told), "{run}");
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(json["values"], json!([]), "{run}");
    run.failure(3);
}

#[test]
fn every_option_for_a_file_means_the_same() {
    let environment = environment();
    let work = environment.work();
    let not_affected = ["--product", "pkg:deb/debian/one@1.0-1", "--status", "fixed"];
    let vex = ["vex", "create", "--author", "a", "--id", "CVE-2030-0001"];
    let vex = [&vex[..], &not_affected].concat();
    let documents: [&[&str]; 4] = [
        &["sbom", "oci:a", "--format", "spdx"],
        &["scan", "oci:a", "--format", "json"],
        &["compare", "oci:a", "oci:b", "--format", "markdown"],
        &vex,
    ];
    let db = [
        "db",
        "build",
        "debian-tracker=tracker.json",
        "--as-of",
        "2030-02-28",
    ];
    let files: [&[&str]; 2] = [&["gate", "oci:a"], &db];
    for (number, command) in documents.iter().chain(&files).enumerate() {
        let with = |path: &str| environment.run(&[command, &["-o", path][..]].concat());
        let is_document = number < documents.len();
        // `-` is standard output where the document goes there without it, and no file anywhere.
        let dash = with("-");
        if is_document {
            assert_eq!(dash.stdout, environment.run(command).stdout, "{command:?}");
            assert!(!dash.stdout.is_empty(), "{command:?}");
        } else {
            assert_eq!(dash.stdout, "", "{command:?}");
            let said = dash.failure(64);
            assert!(said.contains("goes into a file"), "{said}");
        }
        assert!(!work.join("-").exists(), "{command:?}");
        // A link to nothing leads to the file that is made; one to a file, to that.
        let (link, real) = (format!("link-{number}"), format!("real-{number}"));
        symlink(&real, work.join(&link)).unwrap();
        for _ in 0..2 {
            with(&link);
            let is_link = work.join(&link).symlink_metadata().unwrap().is_symlink();
            assert!(is_link, "{command:?}");
            let length = fs::metadata(work.join(&real)).unwrap().len();
            assert!(length > 0, "{command:?}");
            fs::write(work.join(&real), "").unwrap();
        }
    }
    // Images take the place of files only.
    for transport in ["oci-archive", "docker-archive"] {
        let output = format!("{transport}:-");
        let said = environment
            .run(&["build", "nginx", "-o", &output])
            .failure(64);
        assert!(said.contains("goes into a file"), "{said}");
    }
    for option in ["--junit", "--ctrf"] {
        let said = environment.run(&["test", "nginx", option, "-"]).failure(64);
        assert!(said.contains("goes into a file"), "{said}");
    }
}
