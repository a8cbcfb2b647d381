//! The text form of locks.

use kiln_definition::{Document, lock};
use kiln_types::{Architecture, Digest, Lock, LockedIndex, LockedPackage, TargetId, Timestamp};
use proptest::prelude::*;

fn target(variant: &str, architecture: Architecture) -> TargetId {
    TargetId {
        line: "1.26".to_owned(),
        variant: variant.to_owned(),
        architecture,
    }
}

fn package(name: &str, version: &str, targets: Vec<TargetId>) -> LockedPackage {
    LockedPackage {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        architecture: "amd64".to_owned(),
        archive: "debian".to_owned(),
        suite: "trixie".to_owned(),
        path: format!("pool/main/{name}_amd64.deb"),
        size: 1234,
        sha256: Digest::of(name.as_bytes()),
        targets,
    }
}

fn sample() -> Lock {
    Lock {
        image: "nginx".parse().unwrap(),
        inputs: Digest::of(b"inputs"),
        snapshot: None,
        indexes: vec![LockedIndex {
            archive: "debian".to_owned(),
            suite: "trixie".to_owned(),
            date: Timestamp::from_unix(1_795_489_201),
            release: Digest::of(b"release"),
        }],
        packages: vec![
            package(
                "libc6",
                "2.41-12",
                vec![
                    target("dev", Architecture::Amd64),
                    target("standard", Architecture::Amd64),
                ],
            ),
            package(
                "nginx",
                "1.26.3-3+deb13u1",
                vec![target("standard", Architecture::Amd64)],
            ),
        ],
    }
}

fn errors(text: &str) -> String {
    match lock::from_text(&Document::new("image.lock", text)) {
        Ok(_) => "accepted".to_owned(),
        Err(diagnostics) => diagnostics
            .iter()
            .map(|diagnostic| format!("{diagnostic}\n"))
            .collect(),
    }
}

#[test]
fn the_text_is_one_package_a_line() {
    insta::assert_snapshot!(lock::to_text(&sample()), @r#"
    {
      "kiln-lock": 1,
      "image": "nginx",
      "inputs": "sha256:32381523e63197c929b67f793a8098bed0ae3a6fa902634fdbcc6fa4567f3346",
      "indexes": [
        {"archive":"debian","suite":"trixie","date":"2026-11-24T03:00:01Z","release":"sha256:a4d451ec23463726f72c43d64c710968f6b602cd653b4de8adee1b556240a829"}
      ],
      "packages": [
        {"name":"libc6","version":"2.41-12","arch":"amd64","archive":"debian","suite":"trixie","path":"pool/main/libc6_amd64.deb","size":1234,"sha256":"sha256:fb9ce3b804ed6882db53398f268a9c8e59ab103221188aee6513dfddde5b9aff","in":["1.26/dev/amd64","1.26/standard/amd64"]},
        {"name":"nginx","version":"1.26.3-3+deb13u1","arch":"amd64","archive":"debian","suite":"trixie","path":"pool/main/nginx_amd64.deb","size":1234,"sha256":"sha256:5be1ecc7935f1dd85635d4feedaf660594030253cc97c9e9ca3819ffeac36b65","in":["1.26/standard/amd64"]}
      ]
    }
    "#);
}

#[test]
fn what_is_wrong_has_its_line() {
    let text = lock::to_text(&sample());
    assert_eq!(
        lock::from_text(&Document::new("image.lock", text.clone())).unwrap(),
        sample()
    );
    let mut all = String::new();
    for (name, from, to) in [
        ("newer format", "\"kiln-lock\": 1", "\"kiln-lock\": 2"),
        ("unknown key", "\"size\":1234", "\"size\":1234,\"sice\":1"),
        ("missing key", "\"size\":1234,", ""),
        (
            "path leaves the archive",
            "pool/main/nginx",
            "pool/../../nginx",
        ),
        (
            "path leaves the archive, encoded",
            "pool/main/nginx",
            "pool/%2e%2E/nginx",
        ),
        ("absolute path", "pool/main/nginx", "/pool/main/nginx"),
        ("out of order", "\"libc6\"", "\"zlib1g\""),
        (
            "duplicate",
            "\"name\":\"nginx\",\"version\":\"1.26.3-3+deb13u1\"",
            "\"name\":\"libc6\",\"version\":\"2.41-12\"",
        ),
        (
            "targets out of order",
            "\"1.26/dev/amd64\",\"1.26/standard/amd64\"",
            "\"1.26/standard/amd64\",\"1.26/dev/amd64\"",
        ),
        ("no targets", "[\"1.26/standard/amd64\"]", "[]"),
        (
            "bad digest",
            "\"inputs\": \"sha256:",
            "\"inputs\": \"sha512:",
        ),
        (
            "bad architecture",
            "\"arch\":\"amd64\",\"archive\":\"debian\",\"suite\":\"trixie\",\"path\":\"pool/main/nginx",
            "\"arch\":\"amd46\",\"archive\":\"debian\",\"suite\":\"trixie\",\"path\":\"pool/main/nginx",
        ),
        ("negative size", "\"size\":1234", "\"size\":-1"),
        ("bad version", "1.26.3-3+deb13u1", "1.26;rm"),
        ("cut short", "\n}\n", ""),
        ("rubbish behind", "\n}\n", "\n}\n}\n"),
        ("not JSON but YAML", "\"image\": \"nginx\"", "image: nginx"),
        ("several at once", "\"size\":1234", "\"size\":\"1234\""),
    ] {
        assert!(text.contains(from), "{name}");
        all.push_str(&format!("{name}\n{}", errors(&text.replace(from, to))));
    }
    all.push_str(&format!("empty\n{}", errors("")));
    insta::assert_snapshot!(all, @r#"
    newer format
    image.lock:2:16: error[lock/newer-format]: lock format 2 is newer than this kiln
    unknown key
    image.lock:9:139: error[lock/unknown-key]: unknown key `sice` in a package
    image.lock:10:148: error[lock/unknown-key]: unknown key `sice` in a package
    missing key
    image.lock:9:5: error[lock/missing-key]: an item of `packages` has no `size`
    image.lock:10:5: error[lock/missing-key]: an item of `packages` has no `size`
    path leaves the archive
    image.lock:10:108: error[lock/bad-value]: `pool/../../nginx_amd64.deb` is not a path below an archive
    path leaves the archive, encoded
    image.lock:10:108: error[lock/bad-value]: `pool/%2e%2E/nginx_amd64.deb` is not a path below an archive
    absolute path
    image.lock:10:108: error[lock/bad-value]: `/pool/main/nginx_amd64.deb` is not a path below an archive
    out of order
    image.lock:10:5: error[lock/order]: the package `nginx amd64 1.26.3-3+deb13u1` is out of order
    duplicate
    image.lock:10:5: error[lock/duplicate]: the package `libc6 amd64 2.41-12` stands here twice
    targets out of order
    image.lock:9:250: error[lock/order]: the target `1.26 dev amd64` is out of order
    no targets
    image.lock:10:236: error[lock/bad-value]: the package `nginx` is in no target
    bad digest
    image.lock:4:13: error[lock/bad-value]: `sha512:32381523e63197c929b67f793a8098bed0ae3a6fa902634fdbcc6…` is not a SHA-256 digest
    bad architecture
    image.lock:10:57: error[lock/bad-value]: `arch` cannot be `amd46`
    negative size
    image.lock:9:134: error[lock/bad-value]: `size` is out of range
    image.lock:10:143: error[lock/bad-value]: `size` is out of range
    bad version
    image.lock:10:31: error[lock/bad-value]: `1.26;rm` is not a package version
    cut short
    image.lock:11:3: error[lock/syntax]: this is not JSON: EOF while parsing an object
    rubbish behind
    image.lock:13:1: error[lock/syntax]: this is not JSON: trailing characters
    not JSON but YAML
    image.lock:3:3: error[lock/syntax]: this is not JSON: key must be a string
    several at once
    image.lock:9:134: error[lock/wrong-type]: `size` must not be text
    image.lock:10:143: error[lock/wrong-type]: `size` must not be text
    empty
    image.lock:1:1: error[lock/syntax]: this is not JSON: EOF while parsing a value
    "#);
}

fn locks() -> impl Strategy<Value = Lock> {
    let targets = prop::collection::btree_set(
        ("[0-9]\\.[0-9]{1,2}", "[a-z]{2,8}", prop::bool::ANY).prop_map(|(line, variant, arm)| {
            TargetId {
                line,
                variant,
                architecture: if arm {
                    Architecture::Arm64
                } else {
                    Architecture::Amd64
                },
            }
        }),
        1..4,
    );
    let package = (
        "[a-z0-9][a-z0-9+.-]{1,12}",
        "[0-9][0-9a-z.+~:-]{0,10}",
        prop::sample::select(vec!["all", "amd64", "arm64"]),
        any::<u32>(),
        targets,
    );
    let index = (
        "[a-z0-9][a-z0-9./-]{0,3}x",
        "[a-z]{0,6}",
        0_i64..4_000_000_000,
        any::<u64>(),
    );
    (
        prop::collection::vec(package, 0..20),
        prop::collection::vec(index, 0..4),
        any::<bool>(),
        any::<u64>(),
    )
        .prop_map(|(packages, indexes, snapshot, seed)| {
            let mut packages: Vec<LockedPackage> = packages
                .into_iter()
                .map(
                    |(name, version, architecture, size, targets)| LockedPackage {
                        path: format!("pool/{name}_{architecture}.deb"),
                        name: name.parse().unwrap(),
                        version: version.parse().unwrap(),
                        architecture: architecture.to_owned(),
                        archive: "debian".to_owned(),
                        suite: String::new(),
                        size: u64::from(size),
                        sha256: Digest::of(&seed.to_le_bytes()),
                        targets: targets.into_iter().collect(),
                    },
                )
                .collect();
            let key = |package: &LockedPackage| {
                (
                    package.name.to_string(),
                    package.architecture.clone(),
                    package.version.to_string(),
                )
            };
            packages.sort_by_key(key);
            packages.dedup_by_key(|package| key(package));
            let mut indexes: Vec<LockedIndex> = indexes
                .into_iter()
                .filter(|(archive, ..)| !archive.split('/').any(|part| part == ".."))
                .map(|(archive, suite, date, release)| LockedIndex {
                    archive,
                    suite,
                    date: Timestamp::from_unix(date),
                    release: Digest::of(&release.to_le_bytes()),
                })
                .collect();
            indexes.sort();
            indexes.dedup();
            Lock {
                image: "team/app".parse().unwrap(),
                inputs: Digest::of(b"x"),
                snapshot: snapshot.then_some(Timestamp::EPOCH),
                indexes,
                packages,
            }
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(lock in locks()) {
        let text = lock::to_text(&lock);
        let read = lock::from_text(&Document::new("image.lock", text.clone()));
        prop_assert_eq!(read.as_ref(), Ok(&lock));
        prop_assert_eq!(lock::to_text(&lock), text);
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,200}") {
        let _ = lock::from_text(&Document::new("image.lock", text));
    }
}

/// Not a benchmark, only a guard against something quadratic: see `docs/benchmarks.md`.
#[test]
fn a_large_lock_is_read_at_once() {
    let mut lock = sample();
    lock.packages = (0..4000)
        .map(|number| {
            package(
                &format!("p{number:05}"),
                "1.0-1",
                vec![target("standard", Architecture::Amd64)],
            )
        })
        .collect();
    let text = lock::to_text(&lock);
    assert_eq!(
        lock::from_text(&Document::new("image.lock", text.clone())).unwrap(),
        lock
    );
    let broken = text.replace("p00010", "p99999");
    assert_eq!(errors(&broken).lines().count(), 1);
}
