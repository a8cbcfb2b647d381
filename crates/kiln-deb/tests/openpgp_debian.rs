//! Signatures that Debian made, and signatures that GnuPG makes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Read as _;

use kiln_archive::Limits;
use kiln_archive::decompress::{Codec, decoder};
use kiln_deb::keyring::Keyring;
use kiln_deb::openpgp::{verify_detached, verify_inline};
use kiln_deb::release::{Expectation, Release};
use kiln_types::{FormatErrorKind, Timestamp};

const SECURITY: &[u8] = include_bytes!("fixtures/debian/trixie-security.InRelease.xz");
const SECURITY_GPG: &[u8] = include_bytes!("fixtures/debian/trixie-security.Release.gpg");
const BOOKWORM: &[u8] = include_bytes!("fixtures/debian/bookworm.InRelease.xz");
const BOOKWORM_GPG: &[u8] = include_bytes!("fixtures/debian/bookworm.Release.gpg");

fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    decoder(Codec::Xz, bytes, &Limits::default())
        .unwrap()
        .read_to_end(&mut text)
        .unwrap();
    text
}

fn at(day: &str) -> Timestamp {
    day.parse().unwrap()
}

fn debian() -> Keyring {
    Keyring::embedded("debian-archive").unwrap()
}

#[test]
fn inrelease_of_the_security_archive() {
    let verified =
        verify_inline(&unpack(SECURITY), "InRelease", &debian(), at("2026-11-22")).unwrap();
    let signers: Vec<_> = verified
        .signers
        .iter()
        .map(|signer| signer.certificate.as_str())
        .collect();
    assert_eq!(
        signers,
        [
            "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
            "5E04A1E3223A19A20706E20F9904613D4CCE68C6"
        ]
    );
    assert_eq!(
        verified.signers[1].key,
        "89C87ACEA5DD6B8E6A7068808E9F831205B4BA95"
    );

    let release = Release::parse(&verified.text, "InRelease").unwrap();
    assert_eq!(release.files.len(), 372);
    assert!(release.acquire_by_hash);
    let best = release.packages("updates/main", "amd64").unwrap();
    assert_eq!(best.path, "main/binary-amd64/Packages.xz");
    let wanted = Expectation {
        suite: Some("trixie-security"),
        origin: Some("Debian"),
        label: Some("Debian-Security"),
        at: at("2026-11-22"),
        verify_valid_until: true,
    };
    assert_eq!(release.check("InRelease", &wanted), []);
}

#[test]
fn point_release_with_three_signatures_inline_and_detached() {
    let verified =
        verify_inline(&unpack(BOOKWORM), "InRelease", &debian(), at("2026-07-12")).unwrap();
    let signers: Vec<_> = verified
        .signers
        .iter()
        .map(|signer| signer.certificate.as_str())
        .collect();
    assert_eq!(
        signers,
        [
            "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
            "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
            "4D64FEC119C2029067D6E791F8D2585B8783D481",
        ]
    );
    // The detached signatures are over the same text.
    let detached = verify_detached(
        &verified.text,
        BOOKWORM_GPG,
        "Release",
        &debian(),
        at("2026-07-12"),
    )
    .unwrap();
    assert_eq!(detached.signers.len(), 3);
    // The Ed25519 key alone.
    let stable = debian().restricted_to(&[signers[2].to_owned()]);
    assert!(
        verify_detached(
            &verified.text,
            BOOKWORM_GPG,
            "Release",
            &stable,
            at("2026-07-12")
        )
        .is_ok()
    );

    let release = Release::parse(&verified.text, "Release").unwrap();
    assert_eq!(
        (release.suite.as_deref(), release.valid_until),
        (Some("oldstable"), None)
    );
    assert_eq!(
        release.packages("main", "arm64").unwrap().path,
        "main/binary-arm64/Packages.xz"
    );
    assert!(!release.has_separate_all());
}

#[test]
fn detached_signature_of_another_day() {
    let text = verify_inline(&unpack(SECURITY), "InRelease", &debian(), at("2026-11-22"))
        .unwrap()
        .text;
    let error =
        verify_detached(&text, SECURITY_GPG, "Release", &debian(), at("2026-11-22")).unwrap_err();
    assert_eq!(error.kind, FormatErrorKind::Lies);
    assert!(error.reason.contains("does not match the text"), "{error}");
}

#[test]
fn one_release_key_is_enough_and_a_wrong_one_is_not() {
    let trixie = debian().restricted_to(&["5E04A1E3223A19A20706E20F9904613D4CCE68C6".to_owned()]);
    assert_eq!(
        verify_inline(&unpack(SECURITY), "InRelease", &trixie, at("2026-11-22"))
            .unwrap()
            .signers
            .len(),
        1
    );

    let stable = debian().restricted_to(&["41587F7DB8C774BCCF131416762F67A0B2C39DE4".to_owned()]);
    let error =
        verify_inline(&unpack(SECURITY), "InRelease", &stable, at("2026-11-22")).unwrap_err();
    assert_eq!(error.kind, FormatErrorKind::Lies);
    for fingerprint in [
        "B0CAB9266E8C3929798B3EEEBDE6D2B9216EC7A8",
        "89C87ACEA5DD6B8E6A7068808E9F831205B4BA95",
    ] {
        assert!(error.reason.contains(fingerprint), "{error}");
    }
}

#[test]
fn debians_keys_expire() {
    // The keys of bookworm in January 2031, those of trixie in March 2035.
    let signers = |day| {
        verify_inline(&unpack(SECURITY), "InRelease", &debian(), at(day))
            .map(|verified| verified.signers.len())
    };
    assert_eq!(signers("2031-01-18").unwrap(), 2);
    assert_eq!(signers("2031-01-20").unwrap(), 1);
    let error = signers("2035-04-01").unwrap_err();
    assert!(error.reason.contains("expired at 2031-01-19"), "{error}");
    assert!(error.reason.contains("expired at 2035-03-28"), "{error}");
}

/// GnuPG in a home of its own.
struct Gnupg {
    home: tempfile::TempDir,
}

impl Gnupg {
    /// `None` when it is not installed.
    fn new() -> Option<Self> {
        let gnupg = Self {
            home: tempfile::tempdir().unwrap(),
        };
        gnupg.run("gpg", &["--version"], b"").map(|_| gnupg)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
        use std::io::Write as _;
        use std::process::Stdio;
        #[expect(
            clippy::disallowed_methods,
            reason = "a differential test runs the real tool"
        )]
        let mut child = std::process::Command::new(program)
            .args(arguments)
            .env("GNUPGHOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        output.status.success().then_some(output.stdout)
    }

    fn gpg(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let always = [
            "--batch",
            "--quiet",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            "--faked-system-time",
            "20260101T000000!",
        ];
        self.run("gpg", &[&always, arguments].concat(), input)
            .unwrap_or_else(|| panic!("gpg {arguments:?} failed"))
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        // The agent of this home only.
        self.run("gpgconf", &["--kill", "all"], b"");
    }
}

#[test]
fn gnupg_signs_and_kiln_verifies() {
    let Some(gnupg) = Gnupg::new() else {
        #[expect(clippy::disallowed_methods, reason = "nothing is skipped in CI")]
        let in_ci = std::env::var_os("CI").is_some();
        assert!(!in_ci, "gpg is needed in CI");
        eprintln!("SKIPPED: gpg is not installed");
        return;
    };
    let text = b"Origin: Test\n- dash\n-----BEGIN x\nblanks \t\n\nend\n";
    for (algorithm, user) in [
        ("rsa2048", "rsa@example.org"),
        ("ed25519", "ed@example.org"),
    ] {
        gnupg.gpg(&["--quick-gen-key", user, algorithm, "sign", "1y"], b"");
        let keys = gnupg.gpg(&["--export", user], b"");
        let armored = gnupg.gpg(&["--armor", "--export", user], b"");
        let keyring = Keyring::parse(&keys, user).unwrap();
        assert_eq!(
            keyring.fingerprints(),
            Keyring::parse(&armored, user).unwrap().fingerprints()
        );

        let sign =
            |arguments: &[&str]| gnupg.gpg(&[&["--local-user", user], arguments].concat(), text);
        let inline = verify_inline(
            &sign(&["--clearsign"]),
            "InRelease",
            &keyring,
            at("2026-02-01"),
        )
        .unwrap();
        assert_eq!(
            inline.text,
            b"Origin: Test\n- dash\n-----BEGIN x\nblanks\n\nend\n"
        );
        assert_eq!(inline.signers[0].created, at("2026-01-01"));
        for arguments in [
            &["--detach-sign"][..],
            &["--armor", "--detach-sign"],
            &["--textmode", "--detach-sign"],
        ] {
            let signature = sign(arguments);
            assert!(
                verify_detached(text, &signature, "Release", &keyring, at("2026-02-01")).is_ok(),
                "{arguments:?}"
            );
            let error = verify_detached(text, &signature, "Release", &keyring, at("2027-02-01"))
                .unwrap_err();
            assert!(error.reason.contains("expired"), "{error}");
        }
        let weak = sign(&["--digest-algo", "SHA1", "--clearsign"]);
        let error = verify_inline(&weak, "InRelease", &keyring, at("2026-02-01")).unwrap_err();
        assert!(error.reason.contains("SHA1"), "{error}");
        let other = debian();
        assert!(
            verify_inline(
                &sign(&["--clearsign"]),
                "InRelease",
                &other,
                at("2026-02-01")
            )
            .is_err()
        );
    }
}
