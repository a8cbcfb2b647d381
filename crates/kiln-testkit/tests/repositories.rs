//! Repositories are the same each time, and what Debian's own tools expect.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test fails by panicking, runs other tools and says what it skips"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use kiln_testkit::{
    Compression, DebBuilder, DebianRepository, RepositoryFault, TestKey, Timestamp, keyring_binary,
    tiny_debian,
};

fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_same_repository_has_the_same_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let repository = || tiny_debian().signed_by(&[TestKey::Ed25519, TestKey::Rsa]);
    repository().write(one.path()).unwrap();
    repository().write(two.path()).unwrap();
    let one = contents(one.path());
    assert_eq!(one, contents(two.path()));
    assert!(one.contains_key("dists/trixie/InRelease"));
    assert!(one.contains_key("dists/trixie/main/binary-arm64/Packages.xz"));
    assert!(one.contains_key("pool/main/n/nginx/nginx_1.26.3-3+deb13u1_amd64.deb"));
}

/// Whether a program is there; says so where it is not, and insists on it in CI.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "`{program}` is missing"
    );
    if !found {
        eprintln!("SKIPPED: `{program}` is missing");
    }
    found
}

fn gpgv(folder: &Path, files: &[&str]) -> bool {
    fs::write(folder.join("keyring.gpg"), keyring_binary()).unwrap();
    let mut command = Command::new("gpgv");
    command.arg("--keyring").arg(folder.join("keyring.gpg"));
    for file in files {
        command.arg(folder.join("dists/trixie").join(file));
    }
    command.output().unwrap().status.success()
}

#[test]
fn gpgv_accepts_good_signatures_and_refuses_bad_ones() {
    if !has("gpgv") {
        return;
    }
    let repository = || DebianRepository::new("trixie").add(DebBuilder::new("a", "1").build());
    for (repository, good) in [
        (repository(), true),
        (repository().signed_by(&[TestKey::Rsa]), true),
        (
            repository().signed_by(&[TestKey::Ed25519, TestKey::Rsa]),
            true,
        ),
        (repository().signed_by(&[TestKey::Stranger]), false),
        (repository().fault(RepositoryFault::BrokenSignature), false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        repository.write(folder.path()).unwrap();
        assert_eq!(gpgv(folder.path(), &["InRelease"]), good, "{repository:?}");
        assert_eq!(
            gpgv(folder.path(), &["Release.gpg", "Release"]),
            good,
            "{repository:?}"
        );
    }
}

#[test]
fn dpkg_reads_the_packages() {
    if !has("dpkg-deb") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for compression in [
        Compression::None,
        Compression::Gzip,
        Compression::Xz,
        Compression::Zstd,
    ] {
        let long = format!("/usr/share/{}/{}", "l".repeat(90), "n".repeat(60));
        let deb = DebBuilder::new("hello", "1:2.0-1")
            .compression(compression)
            .file("/usr/bin/hello", "hello", 0o4755)
            .file(&long, "long", 0o644)
            .symlink("/usr/bin/hi", "hello")
            .hardlink("/usr/bin/salut", "/usr/bin/hello")
            .conffile("/etc/hello.conf", "x=1\n")
            .script("postinst", "#!/bin/sh\n")
            .mtime(Timestamp::from_unix(1_700_000_000))
            .build();
        let path = folder.path().join(deb.file_name());
        assert_eq!(deb.file_name(), "hello_2.0-1_amd64.deb");
        fs::write(&path, &deb.bytes).unwrap();
        let text = |arguments: &[&str]| {
            let output = Command::new("dpkg-deb")
                .args(arguments)
                .arg(&path)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(text(&["--field"]), deb.control);
        let list = text(&["--contents"]);
        assert!(list.contains("-rwsr-xr-x root/root         5"), "{list}");
        assert!(list.contains(&format!(".{long}")), "{list}");
        assert!(list.contains("./usr/bin/hi -> hello"), "{list}");
        assert!(
            list.contains("./usr/bin/salut link to ./usr/bin/hello"),
            "{list}"
        );
        assert_eq!(list.matches("./usr/bin/\n").count(), 1, "{list}");
        let info = text(&["--info"]);
        assert!(
            info.contains("conffiles") && info.contains("postinst"),
            "{info}"
        );
    }
}

#[test]
fn faults_are_where_they_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let deb = || DebBuilder::new("a", "1").build();
    let repository = || DebianRepository::new("trixie").add(deb());
    let release = || fs::read_to_string(root.join("dists/trixie/Release")).unwrap();
    repository().write(root).unwrap();
    let good = release();
    assert!(root.join("dists/trixie/InRelease").exists());
    repository()
        .fault(RepositoryFault::NoInRelease)
        .write(root)
        .unwrap();
    assert!(!root.join("dists/trixie/InRelease").exists());
    assert!(root.join("dists/trixie/Release.gpg").exists());
    assert_eq!(release(), good);
    repository()
        .fault(RepositoryFault::Unsigned)
        .write(root)
        .unwrap();
    assert!(!root.join("dists/trixie/Release.gpg").exists());
    repository()
        .fault(RepositoryFault::WrongIndexDigest)
        .write(root)
        .unwrap();
    assert_ne!(release(), good);
    let index = root.join("dists/trixie/main/binary-amd64/Packages.gz");
    let before = fs::read(&index).unwrap();
    repository()
        .fault(RepositoryFault::OnlyByHash)
        .write(root)
        .unwrap();
    assert_ne!(fs::read(&index).unwrap(), before);
    let flat = tempfile::tempdir().unwrap();
    DebianRepository::new("mine")
        .flat()
        .add(deb())
        .write(flat.path())
        .unwrap();
    let names: Vec<String> = contents(flat.path()).into_keys().collect();
    assert_eq!(
        names,
        [
            "InRelease",
            "Packages",
            "Packages.gz",
            "Packages.xz",
            "Release",
            "Release.gpg",
            "a_1_amd64.deb"
        ]
    );
}
