//! Tests of [`super::Release`].

use super::*;

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "f61f27bd17de546264aa58f40f3aafaac7021e0ef69c17f6b1b4cd7664a037ec";

fn text(list: &str) -> String {
    format!(
        "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nVersion: 13\n\
         Codename: trixie-security\nDate: Sat, 21 Nov 2026 00:53:03 UTC\n\
         Valid-Until: Sat, 28 Nov 2026 00:53:03 UTC\nAcquire-By-Hash: yes\n\
         Architectures: all amd64 arm64\nComponents: updates/main updates/contrib\n\
         No-Support-for-Architecture-all: Packages\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 x\nSHA256:\n{list}"
    )
}

fn parse(text: &str) -> Result<Release, FormatError> {
    Release::parse(text.as_bytes(), "InRelease")
}

fn sample() -> Release {
    parse(&text(&format!(
        " {EMPTY}        0 main/binary-amd64/Packages\n {OTHER}       20 main/binary-amd64/Packages.gz\n \
         {OTHER} 21 main/binary-amd64/Packages.xz\n {OTHER} 22 main/binary-arm64/Packages.gz\n {EMPTY} 0 ./Packages\n"
    )))
    .unwrap()
}

fn expectation() -> Expectation<'static> {
    Expectation {
        suite: Some("trixie-security"),
        origin: Some("Debian"),
        label: Some("Debian-Security"),
        at: "2026-11-22".parse().unwrap(),
        verify_valid_until: true,
    }
}

fn codes(expectation: &Expectation<'_>) -> Vec<String> {
    sample()
        .check("InRelease", expectation)
        .into_iter()
        .map(|finding| finding.code)
        .collect()
}

#[test]
fn fields() {
    let release = sample();
    assert_eq!(release.codename.as_deref(), Some("trixie-security"));
    assert_eq!(release.date.to_string(), "2026-11-21T00:53:03Z");
    assert_eq!(
        release.valid_until.unwrap().to_string(),
        "2026-11-28T00:53:03Z"
    );
    assert_eq!(release.architectures, ["all", "amd64", "arm64"]);
    assert_eq!(release.components, ["updates/main", "updates/contrib"]);
    assert!(release.acquire_by_hash && !release.not_automatic && !release.has_separate_all());
    assert_eq!(release.files.len(), 5);
}

#[test]
fn the_best_index() {
    let release = sample();
    let best = release.packages("main", "amd64").unwrap();
    assert_eq!(
        (best.path, best.file.size),
        ("main/binary-amd64/Packages.xz", 21)
    );
    assert_eq!(
        best.by_hash_path(),
        format!("main/binary-amd64/by-hash/SHA256/{OTHER}")
    );
    assert_eq!(
        release.packages("updates/main", "arm64").unwrap().path,
        "main/binary-arm64/Packages.gz"
    );
    assert_eq!(release.flat_packages().unwrap().path, "Packages");
    assert_eq!(
        release.flat_packages().unwrap().by_hash_path(),
        format!("by-hash/SHA256/{EMPTY}")
    );
    assert_eq!(release.packages("contrib", "amd64"), None);
}

#[test]
fn what_was_wanted() {
    assert!(codes(&expectation()).is_empty());
    assert!(
        codes(&Expectation {
            suite: Some("stable-security"),
            ..expectation()
        })
        .is_empty()
    );
    assert!(
        codes(&Expectation {
            suite: None,
            origin: None,
            label: None,
            ..expectation()
        })
        .is_empty()
    );
}

#[test]
fn replayed_index_of_another_suite() {
    assert_eq!(
        codes(&Expectation {
            suite: Some("bookworm-security"),
            ..expectation()
        }),
        ["release/suite"]
    );
}

#[test]
fn index_of_another_archive() {
    let wanted = Expectation {
        origin: Some("Ubuntu"),
        label: Some("Debian"),
        ..expectation()
    };
    assert_eq!(codes(&wanted), ["release/origin", "release/label"]);
}

#[test]
fn frozen_mirror_serves_an_expired_index() {
    let late = Expectation {
        at: "2026-11-29".parse().unwrap(),
        ..expectation()
    };
    assert_eq!(codes(&late), ["release/expired"]);
    assert!(
        codes(&Expectation {
            verify_valid_until: false,
            ..late
        })
        .is_empty()
    );
    let last_second = Expectation {
        at: "2026-11-28T00:53:03Z".parse().unwrap(),
        ..expectation()
    };
    assert!(codes(&last_second).is_empty());
}

#[test]
fn index_from_the_future() {
    let early = Expectation {
        at: "2026-11-20".parse().unwrap(),
        ..expectation()
    };
    assert_eq!(codes(&early), ["release/future"]);
    let skewed = Expectation {
        at: "2026-11-21T00:50:00Z".parse().unwrap(),
        ..expectation()
    };
    assert!(codes(&skewed).is_empty());
}

#[test]
fn all_findings_at_once() {
    let wanted = Expectation {
        suite: Some("sid"),
        origin: Some("x"),
        label: Some("y"),
        at: "2027-01-01".parse().unwrap(),
        verify_valid_until: true,
    };
    assert_eq!(
        codes(&wanted),
        [
            "release/suite",
            "release/origin",
            "release/label",
            "release/expired"
        ]
    );
}

#[test]
fn refuses_broken_texts() {
    let good = text(&format!(" {EMPTY} 0 a\n"));
    assert!(parse(&good).is_ok());
    for (bad, reason) in [
        (String::new(), "paragraph"),
        (
            good.replace("Date: Sat, 21 Nov 2026 00:53:03 UTC\n", ""),
            "no `Date`",
        ),
        (good.replace("Date: Sat,", "Date: Sun,"), "is not a date"),
        (
            good.replace("Valid-Until: Sat, 28", "Valid-Until: Sat, 99"),
            "Valid-Until",
        ),
        (good.replace("SHA256", "SHA1"), "no `SHA256`"),
        (text(&format!(" {EMPTY} 0 ../a\n")), "not a path"),
        (text(&format!(" {EMPTY} 0 /etc/passwd\n")), "not a path"),
        (text(&format!(" {EMPTY} 0 ./\n")), "not a path"),
        (text(&format!(" {EMPTY} 0\n")), "expected a digest"),
        (text(&format!(" {EMPTY} 0 a b\n")), "expected a digest"),
        (text(&format!(" {EMPTY} -1 a\n")), "not a size"),
        (text(&format!(" {EMPTY} +1 a\n")), "not a size"),
        (
            text(&format!(" {EMPTY} 99999999999999999999 a\n")),
            "not a size",
        ),
        (text(" e3b0 0 a\n"), "not a SHA-256"),
        (
            text(&format!(" {EMPTY} 0 a\n {OTHER} 0 ./a\n")),
            "two contents",
        ),
        (format!("{good}\n{good}"), "paragraph"),
        (format!("{good}Suite: other\n"), "Suite"),
    ] {
        let error = parse(&bad).unwrap_err();
        assert!(
            error.to_string().contains(reason),
            "`{error}` should hold `{reason}`"
        );
        assert_eq!(error.subject, "InRelease");
    }
}

#[test]
fn the_same_file_twice_is_no_contradiction() {
    assert_eq!(
        parse(&text(&format!(" {EMPTY} 0 a\n {EMPTY} 0 a\n")))
            .unwrap()
            .files
            .len(),
        1
    );
}

#[test]
fn too_many_files() {
    let list: String = (0..=MAX_FILES)
        .map(|number| format!(" {EMPTY} 0 f{number}\n"))
        .collect();
    assert_eq!(
        parse(&text(&list)).unwrap_err().kind,
        FormatErrorKind::Limit
    );
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = Release::parse(&bytes, "x");
    }

    #[test]
    fn mutations_never_panic(position in 0_usize..700, byte in proptest::prelude::any::<u8>()) {
        let mut bytes = text(&format!(" {EMPTY} 0 a\n")).into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        let _ = Release::parse(&bytes, "x");
    }
}
