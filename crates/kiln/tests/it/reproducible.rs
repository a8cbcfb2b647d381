//! Same lock, same bytes: whoever builds, wherever, whenever, and however.
//!
//! The golden digests are those of the tiny Debian that the testkit makes, which is the same
//! everywhere. When an image is meant to change (another emulator, another layering, another
//! compressor), run the tests, look at what changed with `kiln show --layers`, and put the digests
//! that the failure prints in the place of these.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{World, digest_of, json_of};

/// Variant, layering, compression, digest of the index over amd64 and arm64.
const GOLDEN: [(&str, &str, &str, &str); 5] = [
    (
        "standard",
        "shared",
        "gzip",
        "sha256:2b239fe801b6ad2e60d625f7c412e9e730f2a320989e3eb9bc4259c5bf29ab63",
    ),
    (
        "standard",
        "single",
        "gzip",
        "sha256:4f8554f202b2c5d8098b49fb261536033fd93b0b8c7c6f86c8942f82a11be521",
    ),
    (
        "standard",
        "package",
        "gzip",
        "sha256:de0517d824a723af632a1eede6428c1e28044a6c3ee273287d0751314e0ab70d",
    ),
    (
        "standard",
        "shared",
        "zstd",
        "sha256:11446011bac385b438ae3436255ce7e6a2427e88e5d9a0a4e30a5af9505847a5",
    ),
    (
        "dev",
        "shared",
        "gzip",
        "sha256:5fda38a97371421ebc5993f8c9595a0138c077dc250f331d4d1e4df213f05a53",
    ),
];

fn golden() -> &'static str {
    GOLDEN[0].3
}

#[test]
fn golden_digests() {
    let world = World::new();
    let found = GOLDEN.map(|(variant, layers, compression, _)| {
        let build = world.json(&[
            "build",
            "image.yaml",
            "--variant",
            variant,
            "--layers",
            layers,
            "--compression",
            compression,
        ]);
        (variant, layers, compression, digest_of(&build))
    });
    let wanted = GOLDEN.map(|(variant, layers, compression, digest)| {
        (variant, layers, compression, digest.to_owned())
    });
    assert_eq!(found, wanted);
}

#[test]
fn clock_zone_locale_and_threads_do_not_matter() {
    for variables in [
        &[("KILN_JOBS", "1"), ("KILN_PARALLEL", "1")] as &[(&str, &str)],
        &[("KILN_JOBS", "8"), ("KILN_PARALLEL", "8")],
        &[
            ("TZ", "Pacific/Kiritimati"),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("LANG", "tr_TR.UTF-8"),
        ],
        &[
            ("LC_ALL", "C"),
            ("LANG", "de_DE.ISO-8859-1"),
            ("COLUMNS", "20"),
        ],
        &[("KILN_NOW", "2026-11-21T00:00:01Z")],
        &[
            ("KILN_NOW", "2026-11-27T23:59:59Z"),
            ("SOURCE_DATE_EPOCH", "1"),
        ],
        &[
            ("KILN_SYNC", "true"),
            ("HOME", "/nonexistent"),
            ("TMPDIR", "/nonexistent"),
        ],
    ] {
        // Cold each time: a store that knows the answer would prove nothing.
        assert_eq!(
            World::new().digest_with(variables),
            golden(),
            "{variables:?}"
        );
    }
}

/// From the lock alone, years later: the indexes have long expired.
#[test]
fn the_same_lock_gives_the_same_image_years_later() {
    let world = World::new();
    world.kiln(&["lock", "image.yaml"]).success();
    fs::remove_dir_all(world.environment.store()).unwrap();
    let digest = world.digest_with(&[
        ("KILN_NOW", "2031-05-05T05:05:05Z"),
        ("TZ", "Asia/Kathmandu"),
    ]);
    assert_eq!(digest, golden());
}

/// An index of another day with the same packages changes the lock, and nothing else.
#[test]
fn a_refreshed_index_changes_nothing() {
    let world = World::new();
    assert_eq!(world.digest(), golden());
    let day = kiln_testkit::Timestamp::from_unix(1_795_219_200 + 43_200);
    world.publish(&crate::world::repository().date(day));
    let before = world.environment.read("image.lock");
    let build = world.json(&["build", "image.yaml", "--update"]);
    assert_eq!(digest_of(&build), golden());
    assert_ne!(world.environment.read("image.lock"), before);
}

#[test]
fn umask_and_folder_do_not_matter() {
    for (umask, folder) in [("0000", "a"), ("0027", "deep/er/and deeper"), ("0077", "ü")] {
        let world = World::new();
        let work = world.environment.work().join(folder);
        fs::create_dir_all(&work).unwrap();
        for name in ["image.yaml", "keyring.asc"] {
            fs::copy(world.environment.work().join(name), work.join(name)).unwrap();
        }
        let kiln = world.environment.command(&[]);
        let mut shell = Command::new("/bin/sh");
        let line = format!(
            "umask {umask} && exec \"$0\" build image.yaml --json -o oci:out -o oci-archive:out.tar"
        );
        shell
            .args(["-c", &line])
            .arg(kiln.get_program())
            .current_dir(&work)
            .env_clear();
        for (name, value) in kiln.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let output = shell.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{umask} {folder}: {errors}");
        let build: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(digest_of(&build), golden(), "{umask} {folder}");
    }
}

#[test]
fn warm_and_partly_warm_stores_do_not_matter() {
    let world = World::new();
    assert_eq!(world.digest(), golden());
    assert_eq!(world.digest(), golden());
    // Every third blob goes.
    let blobs = world.environment.store().join("blobs/sha256");
    let mut names: Vec<_> = files_below(&blobs);
    names.sort();
    for name in names.iter().step_by(3) {
        fs::remove_file(name).unwrap();
    }
    assert_eq!(world.digest(), golden());
    // Every fourth is damaged; the next run notices by its size and time.
    let mut names: Vec<_> = files_below(&blobs);
    names.sort();
    for name in names.iter().step_by(4) {
        fs::set_permissions(name, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(name, "damaged").unwrap();
    }
    assert_eq!(world.digest(), golden());
    let verify = world.kiln(&["cache", "verify"]);
    assert!(matches!(verify.code, Some(0 | 4)), "{verify}");
    assert_eq!(world.digest(), golden());
    // What was wrong or lacked something went then: nothing is left to name.
    let verify = world.kiln(&["cache", "verify"]);
    assert_eq!(verify.code, Some(0), "{verify}");
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// As another user, where this one may become one.
#[test]
fn another_user_gets_the_same_bytes() {
    let world = World::new();
    let folder = world.environment.folder();
    let may = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !may {
        eprintln!("SKIPPED: another user needs the right to become one (setpriv, root)");
        return;
    }
    // A binary that the other may start, in a folder that is theirs.
    let program = folder.join("kiln");
    fs::copy(env!("CARGO_BIN_EXE_kiln"), &program).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let owned = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(folder)
        .status();
    assert!(owned.unwrap().success());
    let kiln = world.environment.command(&[]);
    let mut other = Command::new("setpriv");
    other
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args([
            "build",
            "image.yaml",
            "--json",
            "-o",
            "oci:out",
            "-o",
            "docker-archive:out.tar",
        ])
        .current_dir(world.environment.work())
        .env_clear();
    for (name, value) in kiln.get_envs() {
        other.env(name, value.unwrap_or_default());
    }
    let output = other.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let build: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(digest_of(&build), golden());
}

/// Written twice, an archive is the same file, and so is a layout.
#[test]
fn outputs_are_the_same_bytes() {
    let (one, two) = (World::new(), World::new());
    for world in [&one, &two] {
        let jobs = if std::ptr::eq(world, &one) { "1" } else { "7" };
        let run = world.kiln_with(
            &[
                "build",
                "image.yaml",
                "--json",
                "-o",
                "oci:o",
                "-o",
                "oci-archive:o.tar",
                "-o",
                "docker-archive:d.tar",
            ],
            &[("KILN_JOBS", jobs)],
        );
        json_of(&run);
    }
    for name in ["o.tar", "d.tar", "o/index.json", "image.lock"] {
        let bytes = |world: &World| fs::read(world.environment.work().join(name)).unwrap();
        assert!(bytes(&one) == bytes(&two), "{name} differs");
    }
}
