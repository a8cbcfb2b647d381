//! Against `update-ca-certificates` and `openssl`, where this machine has them.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::emulate::testing::MemoryTree;

/// A self-signed certificate of the test `x509` of this crate's fixtures.
const EXAMPLE: &str = include_str!("../../../tests/fixtures/certificates/example.crt");
const UNICODE: &str = include_str!("../../../tests/fixtures/certificates/unicode.crt");

fn hash_of(pem: &str) -> String {
    format!(
        "{:08x}",
        subject_hash(&single_certificate(pem.as_bytes()).unwrap()).unwrap()
    )
}

#[test]
fn known_subject_hashes() {
    // `openssl x509 -noout -subject_hash`
    assert_eq!(
        hash_of(EXAMPLE),
        include_str!("../../../tests/fixtures/certificates/example.hash").trim()
    );
    assert_eq!(
        hash_of(UNICODE),
        include_str!("../../../tests/fixtures/certificates/unicode.hash").trim()
    );
}

#[test]
fn makes_bundle_links_and_configuration() {
    let mut tree = MemoryTree::new()
        .package("ca-certificates")
        .file(
            "usr/share/ca-certificates/mozilla/B (two).crt",
            UNICODE.trim_end().as_bytes(),
        )
        .file(
            "usr/share/ca-certificates/mozilla/A.crt",
            EXAMPLE.as_bytes(),
        )
        .file(
            "usr/share/ca-certificates/mozilla/readme",
            b"no certificate",
        )
        .file(
            "usr/local/share/ca-certificates/again.crt",
            EXAMPLE.as_bytes(),
        );
    tree.run(&CaCertificates);
    assert_eq!(
        tree.text(CONFIGURATION),
        format!("{HEADER}mozilla/A.crt\nmozilla/B (two).crt\n")
    );
    assert_eq!(
        tree.text(BUNDLE),
        format!("{EXAMPLE}{}\n{EXAMPLE}", UNICODE.trim_end())
    );
    assert_eq!(
        tree.target("etc/ssl/certs/A.pem"),
        Some("/usr/share/ca-certificates/mozilla/A.crt")
    );
    assert_eq!(
        tree.target("etc/ssl/certs/B_=two=.pem"),
        Some("/usr/share/ca-certificates/mozilla/B (two).crt")
    );
    let hash = hash_of(EXAMPLE);
    assert_eq!(
        tree.target(&format!("etc/ssl/certs/{hash}.0")),
        Some("A.pem")
    );
    assert_eq!(
        tree.target(&format!("etc/ssl/certs/{hash}.1")),
        None,
        "the same certificate again has no link"
    );
}

#[test]
fn deselected_certificates_stay_out() {
    let mut tree = MemoryTree::new()
        .package("ca-certificates")
        .file(
            CONFIGURATION,
            b"# comment\n!mozilla/A.crt\n\nmozilla/gone.crt\n",
        )
        .file(
            "usr/share/ca-certificates/mozilla/A.crt",
            EXAMPLE.as_bytes(),
        );
    let made = tree.run(&CaCertificates);
    assert_eq!(tree.text(BUNDLE), "");
    assert!(
        made.iter()
            .all(|file| !file.entry.path.as_str().ends_with(".pem"))
    );
}

/// Feeds this machine's certificates to the real scripts and compares every file and link.
#[test]
#[expect(clippy::disallowed_methods, reason = "the real program is the oracle")]
fn the_same_as_update_ca_certificates() {
    const PROGRAM: &str = "/usr/sbin/update-ca-certificates";
    if !Path::new(PROGRAM).exists() || !Path::new("/usr/bin/openssl").exists() {
        eprintln!("skipped: no {PROGRAM} or openssl on this machine");
        return;
    }
    let mut tree = MemoryTree::new().package("ca-certificates").import(
        Path::new("/usr/share/ca-certificates"),
        "usr/share/ca-certificates",
    );
    tree.run(&CaCertificates);

    let scratch = tempfile::tempdir().unwrap();
    let certificates = scratch.path().join("certs");
    std::fs::create_dir(&certificates).unwrap();
    let configuration = scratch.path().join("ca-certificates.conf");
    std::fs::write(&configuration, tree.text(CONFIGURATION)).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let status = Command::new(PROGRAM)
        .args([
            "--certsconf",
            &path(&configuration),
            "--etccertsdir",
            &path(&certificates),
        ])
        .args(["--localcertsdir", "/nonexistent", "--hooksdir", ""])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );

    let real = MemoryTree::new().import(&certificates, DIRECTORY);
    assert!(tree.text(BUNDLE) == real.text(BUNDLE), "the bundles differ");
    let links = |tree: &MemoryTree| -> BTreeMap<String, String> {
        let entries = tree.below(DIRECTORY);
        let paths = entries.iter().map(|entry| entry.path.as_str());
        paths
            .filter_map(|path| Some((path.to_owned(), tree.target(path)?.to_owned())))
            .collect()
    };
    assert_eq!(links(&tree), links(&real));
    assert!(links(&real).len() > 200);
}
