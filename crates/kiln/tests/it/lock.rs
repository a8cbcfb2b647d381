//! `kiln lock` and `kiln diff`, and what a build makes of a lock.

use std::fs;

use kiln_testkit::{DebBuilder, Timestamp};

use crate::world::{
    DEFINITION, World, digest_of, json_of, replaced, repository, without_digests, zlib,
};

/// A later day than that of the first repository.
const NEXT_DAY: Timestamp = Timestamp::from_unix(1_795_219_200 + 43_200);

#[test]
fn a_lock_names_the_archive_and_no_mirror() {
    let world = World::new();
    let run = world.kiln(&["lock", "image.yaml"]);
    insta::assert_snapshot!(run.to_string(), @r"
    $ kiln lock image.yaml
    [exit 0]
    [stdout]
    62 packages for 4 targets in image.lock
    ");
    let text = world.environment.read("image.lock");
    assert!(!text.contains("127.0.0.1"), "{text}");
    let head: Vec<&str> = text.lines().take(8).collect();
    insta::assert_snapshot!(without_digests(&head.join("\n")), @r#"
    {
      "kiln-lock": 1,
      "image": "tiny",
      "inputs": "sha256:…",
      "indexes": [
        {"archive":"tiny","suite":"trixie","date":"2026-11-21T00:00:00Z","release":"sha256:…"}
      ],
      "packages": [
    "#);
    assert_eq!(
        world.work_names(),
        ["image.lock", "image.yaml", "keyring.asc"]
    );
    // The same again is the same file.
    let run = world.kiln(&["lock", "image.yaml"]);
    assert!(run.stdout.contains("no package changed"), "{run}");
    assert_eq!(world.environment.read("image.lock"), text);
}

#[test]
fn check_says_yes_or_no_and_asks_nobody() {
    let world = World::new();
    let check = || world.kiln(&["lock", "image.yaml", "--check"]);
    insta::assert_snapshot!(check().to_string(), @r"
    $ kiln lock image.yaml --check
    [exit 2]
    [stdout]
    there is no lock at image.lock: make one with `kiln lock`
    ");
    world.kiln(&["lock", "image.yaml"]).success();
    world.server.forget_requests();
    insta::assert_snapshot!(check().to_string(), @r"
    $ kiln lock image.yaml --check
    [exit 0]
    [stdout]
    image.lock fits the definition
    ");
    let other = DEFINITION.replace("    - tzdata\n", "");
    world.environment.write("image.yaml", &other);
    insta::assert_snapshot!(check().to_string(), @r"
    $ kiln lock image.yaml --check
    [exit 2]
    [stdout]
    image.lock does not fit the definition any more: resolve again with `kiln lock`
    ");
    assert_eq!(world.server.requests(), []);
    let json = world.kiln(&["lock", "image.yaml", "--check", "--json"]);
    assert_eq!(json.code, Some(2));
    assert!(json.stdout.contains("\"fits\": false"), "{json}");
}

#[test]
fn a_locked_build_touches_no_index() {
    let world = World::new();
    world.kiln(&["lock", "image.yaml"]).success();
    assert!(world.server.count("/dists/") > 0);
    world.server.forget_requests();
    let digest = world.digest();
    assert_eq!(world.server.count("/dists/"), 0);
    assert!(world.server.count("/pool/") > 10);
    // Newer packages do not matter to a lock, as long as the locked ones are there.
    let newer = replaced(repository().date(NEXT_DAY), &zlib("1:1.4-1"));
    newer.write(&world.site).unwrap();
    fs::remove_dir_all(world.environment.store()).unwrap();
    assert_eq!(world.digest(), digest);
}

#[test]
fn an_update_takes_what_is_newest_and_diff_tells() {
    let world = World::new();
    let before = world.digest();
    fs::copy(
        world.environment.work().join("image.lock"),
        world.environment.work().join("old.lock"),
    )
    .unwrap();
    let down = |architecture: &str| {
        DebBuilder::new("tzdata", "2025a-1")
            .architecture(architecture)
            .file("/usr/share/zoneinfo/Etc/UTC", "older", 0o644)
    };
    let newer = replaced(repository().date(NEXT_DAY), &zlib("1:1.4-1"));
    let newer = newer
        .remove("tzdata")
        .add(down("all").architecture("all").build())
        .remove("nginx")
        .add_all(["amd64", "arm64"].map(|architecture| {
            DebBuilder::new("nginx", "1.26.3-3+deb13u2")
                .architecture(architecture)
                .depends("libc6, zlib1g, libpcre2-8-0")
                .file("/usr/sbin/nginx", "newer", 0o755)
                .build()
        }))
        .add_all(["amd64", "arm64"].map(|architecture| {
            DebBuilder::new("libpcre2-8-0", "10.46-1")
                .architecture(architecture)
                .file("/usr/lib/libpcre2", "pcre", 0o644)
                .build()
        }));
    world.publish(&newer);
    assert_eq!(world.digest(), before, "without --update the lock holds");
    let build = json_of(&world.kiln(&["build", "image.yaml", "--update", "--json"]));
    assert_eq!(build["lock"]["resolved"], true);
    assert_ne!(digest_of(&build), before);
    let run = world.kiln(&["diff", "old.lock", "image.yaml"]);
    insta::assert_snapshot!(run.to_string(), @r"
    $ kiln diff old.lock image.yaml
    [exit 0]
    [stdout]
    - iproute2 6.15.0-1  1.26/dev/amd64 1.26/dev/arm64
    + libpcre2-8-0 10.46-1  1.26/dev/amd64 1.26/dev/arm64 1.26/standard/amd64 1.26/standard/arm64
    ^ nginx 1.26.3-3+deb13u1 -> 1.26.3-3+deb13u2  1.26/dev/amd64 1.26/dev/arm64 1.26/standard/amd64 1.26/standard/arm64
    - nginx-common 1.26.3-3+deb13u1  1.26/dev/amd64 1.26/dev/arm64 1.26/standard/amd64 1.26/standard/arm64
    v tzdata 2026b-0+deb13u1 -> 2025a-1  1.26/dev/amd64 1.26/dev/arm64 1.26/standard/amd64 1.26/standard/arm64
    ^ zlib1g 1:1.3.dfsg+really1.3.1-1+b1 -> 1:1.4-1  1.26/dev/amd64 1.26/dev/arm64 1.26/standard/amd64 1.26/standard/arm64
    ");
    let back = world.kiln(&["diff", "image.lock", "old.lock"]).success();
    assert!(back.contains("v zlib1g 1:1.4-1 -> 1:1.3"), "{back}");
    assert!(back.contains("+ nginx-common"), "{back}");
    let same = world.kiln(&["diff", "old.lock", "old.lock"]).success();
    assert_eq!(same, "no package changed\n");
    let lock = world.kiln(&["lock", "image.yaml"]).success();
    assert!(lock.contains("no package changed"), "{lock}");
}

#[test]
fn a_changed_definition_is_resolved_again_and_said() {
    let world = World::new();
    let before = world.digest();
    world
        .environment
        .write("image.yaml", DEFINITION.replace("    - tzdata\n", ""));
    let run = world.kiln(&["build", "image.yaml", "--json"]);
    assert_eq!(
        run.stderr,
        "image.lock does not fit the definition any more; resolving again\n"
    );
    let build = json_of(&run);
    assert_eq!(build["lock"]["resolved"], true);
    assert_ne!(digest_of(&build), before);
    // What resolution does not depend on needs no new lock, though it makes another image.
    let with_port = world.environment.read("image.yaml").replace("8080", "8081");
    world.environment.write("image.yaml", with_port);
    let other = world.json(&["build", "image.yaml"]);
    assert_eq!(other["lock"]["resolved"], false);
    assert_ne!(digest_of(&other), digest_of(&build));
}

/// Exit 4: whoever changed it, it is not the lock that kiln wrote.
#[test]
fn a_lock_that_is_none_is_refused_with_its_place() {
    let world = World::new();
    world.kiln(&["lock", "image.yaml"]).success();
    let good = world.environment.read("image.lock");
    let cases: [(&str, String, &str, &str); 8] = [
        (
            "truncated",
            good[..good.len() / 2].to_owned(),
            "image.lock:",
            "not JSON",
        ),
        ("empty", String::new(), "image.lock:1", "not JSON"),
        (
            "newer",
            good.replace("\"kiln-lock\": 1", "\"kiln-lock\": 2"),
            "image.lock:2:",
            "newer than this kiln",
        ),
        (
            "a digest cut short",
            good.replacen("\"sha256\":\"", "\"sha256\":\"zz", 1),
            "image.lock:",
            "sha256",
        ),
        (
            "a path that leaves the archive",
            good.replacen("pool/main/", "pool/../../", 1),
            "image.lock:",
            "path",
        ),
        (
            "an unknown key",
            good.replacen("{\"name\":", "{\"nmae\":1,\"name\":", 1),
            "image.lock:",
            "nmae",
        ),
        (
            "a negative size",
            good.replacen("\"size\":", "\"size\":-", 1),
            "image.lock:",
            "size",
        ),
        (
            "packages in another order",
            reordered(&good),
            "image.lock:",
            "order",
        ),
    ];
    for (what, text, place, word) in cases {
        assert_ne!(text, good, "{what}");
        world.environment.write("image.lock", &text);
        for arguments in [
            &["build", "image.yaml"] as &[&str],
            &["lock", "image.yaml", "--check"],
            &["show", "image.yaml", "--packages"],
        ] {
            let run = world.kiln(arguments);
            assert_eq!(run.code, Some(4), "{what}: {run}");
            assert!(run.stderr.contains(place), "{what}: {run}");
            assert!(run.stderr.contains(word), "{what}: {run}");
            assert_eq!(run.stdout, "", "{what}: {run}");
        }
        assert_eq!(world.environment.read("image.lock"), text, "{what}");
        // Making it again is the way out.
        world.kiln(&["lock", "image.yaml"]).success();
        assert_eq!(world.environment.read("image.lock"), good, "{what}");
    }
}

/// Two package lines changed places.
fn reordered(lock: &str) -> String {
    let mut lines: Vec<&str> = lock.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains("\"name\":\"base-files\""))
        .unwrap();
    lines.swap(at, at + 1);
    lines.join("\n") + "\n"
}

/// A lock whose package is another's: the bytes decide.
#[test]
fn an_edited_digest_meets_the_package() {
    let world = World::new();
    world.kiln(&["lock", "image.yaml"]).success();
    let good = world.environment.read("image.lock");
    let line = good
        .lines()
        .find(|line| line.contains("\"zlib1g\""))
        .unwrap();
    let at = line.find("\"sha256\":\"sha256:").unwrap() + "\"sha256\":\"sha256:".len();
    let mut other = line.to_owned();
    other.replace_range(at..at + 4, "0000");
    world
        .environment
        .write("image.lock", good.replace(line, &other));
    let run = world.kiln(&["build", "image.yaml"]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("zlib1g"), "{run}");
    world.assert_store_is_sound();
    world.environment.write("image.lock", &good);
    let _ = world.digest();
}

#[test]
fn a_package_that_left_the_mirror_comes_with_the_ways_out() {
    let world = World::new();
    world.kiln(&["lock", "image.yaml"]).success();
    let newer = replaced(repository().date(NEXT_DAY), &zlib("1:1.4-1"));
    world.publish(&newer);
    let run = world.kiln(&["build", "image.yaml", "--platform", "amd64"]);
    insta::assert_snapshot!(run.to_string(), @r"
    $ kiln build image.yaml --platform amd64
    [exit 1]
    [stderr]
    error: no mirror has these locked packages any more:
      zlib1g_1:1.3.dfsg+really1.3.1-1+b1_amd64 (archive `tiny`, `pool/main/z/zlib1g/zlib1g_1.3.dfsg+really1.3.1-1+b1_amd64.deb`)
    asked: `[MIRROR]`: not found
      help: mirrors keep only the newest versions: resolve again with `--update`, or build where an archive of old versions can be reached (for Debian, snapshot.debian.org)
    ");
    world.assert_store_is_sound();
    let _ = world.json(&["build", "image.yaml", "--update"]);
}

#[test]
fn a_lock_elsewhere() {
    let world = World::new();
    let build = world.json(&["build", "image.yaml", "--lock", "other.lock"]);
    assert_eq!(build["lock"]["place"], "other.lock");
}
