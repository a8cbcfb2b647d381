//! Mirrors and packages that lie, stall or break: the exit code, the name of the thing, nothing
//! half-written, and the same digest once all is well.

use kiln_testkit::{
    DebBuilder, DebianRepository, Entry, EntryKind, Environment, RepositoryFault, Server,
    ServerFault, TestKey, Timestamp, tar,
};

use crate::world::{DEFINITION, World, replaced, repository, zlib};

/// The date of the test repositories.
const DATE: i64 = 1_795_219_200;
const HOUR: i64 = 3_600;

/// The archive's path of a package that every image here has.
const ZLIB: &str = "/pool/main/z/zlib1g/";

/// Builds into a layout, expects this code and all of these words, and that nothing is left of it.
fn refused(world: &World, what: &str, code: i32, words: &[&str]) {
    let run = world.kiln(&["build", "image.yaml", "-o", "oci:out"]);
    assert_eq!(run.code, Some(code), "{what}: {run}");
    for word in words {
        assert!(run.stderr.contains(word), "{what}: no `{word}` in: {run}");
    }
    assert_eq!(run.stdout, "", "{what}: {run}");
    assert!(!world.environment.work().join("out").exists(), "{what}");
    world.assert_store_is_sound();
}

/// The digest that a world without faults gives.
fn good_digest() -> String {
    World::new().digest()
}

#[test]
fn repositories_with_a_fault_are_refused_and_heal() {
    use RepositoryFault as Fault;
    let zlib = || "zlib1g".to_owned();
    let cases: [(Fault, i32, &[&str]); 11] = [
        (Fault::BrokenSignature, 4, &["InRelease", "signature"]),
        (Fault::Unsigned, 4, &["Release", "not signed"]),
        (Fault::WrongIndexDigest, 4, &["Packages", "sha256:"]),
        (Fault::WrongIndexSize, 4, &["Packages"]),
        (Fault::CorruptIndex, 4, &["Packages.xz"]),
        (Fault::WrongPackageDigest(zlib()), 4, &["zlib1g", "sha256:"]),
        (Fault::WrongPackageSize(zlib()), 4, &["zlib1g"]),
        (Fault::MissingPackage(zlib()), 1, &["zlib1g", "--update"]),
        (
            Fault::PackagePath(zlib(), "../../etc/passwd".to_owned()),
            4,
            &["Filename", "../../etc/passwd"],
        ),
        (
            Fault::PackagePath(zlib(), "/etc/passwd".to_owned()),
            4,
            &["Filename", "/etc/passwd"],
        ),
        (
            Fault::PackagePath(zlib(), "pool/../../x y".to_owned()),
            4,
            &["Filename", "pool/../../x y"],
        ),
    ];
    let good = good_digest();
    for (fault, code, words) in cases {
        let what = format!("{fault:?}");
        let world = World::with(&repository().fault(fault), DEFINITION);
        refused(&world, &what, code, words);
        world.publish(&repository());
        // What was resolved against a lying index is resolved again.
        let build = world.json(&["build", "image.yaml", "--update"]);
        assert_eq!(crate::world::digest_of(&build), good, "{what}");
        world.assert_store_is_sound();
    }
}

/// What a repository may be, though it looks odd.
#[test]
fn repositories_with_a_harmless_fault_give_the_same_image() {
    use RepositoryFault as Fault;
    let good = good_digest();
    for fault in [
        Fault::NoInRelease,
        Fault::NoByHash,
        Fault::OnlyByHash,
        // What stands below the signature is not read: it is not signed.
        Fault::TextAfterSignature,
    ] {
        let what = format!("{fault:?}");
        let world = World::with(&repository().fault(fault.clone()), DEFINITION);
        if fault == Fault::TextAfterSignature {
            refused(&world, &what, 4, &["InRelease"]);
        } else {
            assert_eq!(world.digest(), good, "{what}");
        }
    }
}

#[test]
fn indexes_of_others_or_of_another_time_are_refused() {
    let at = |seconds: i64| Timestamp::from_unix(DATE + seconds);
    let cases: [(&str, DebianRepository, &[&str]); 6] = [
        (
            "signed by a stranger",
            repository().signed_by(&[TestKey::Stranger]),
            &["InRelease", "key"],
        ),
        (
            "expired",
            repository().valid_until(Some(at(HOUR))),
            &["InRelease", "2026-11-21"],
        ),
        (
            "of tomorrow",
            repository()
                .date(at(72 * HOUR))
                .valid_until(Some(at(400 * HOUR))),
            &["InRelease", "2026-11-24"],
        ),
        (
            "of another suite",
            other_suite(),
            &["InRelease", "trixie", "bookworm"],
        ),
        (
            "of another origin",
            repository().origin("Somebody"),
            &["InRelease", "Somebody", "Debian"],
        ),
        (
            "without the component",
            repository().component("contrib"),
            &["component `main`"],
        ),
    ];
    for (what, repository, words) in cases {
        let world = World::with(&repository, DEFINITION);
        if what == "of another suite" {
            // The folder says trixie, the signed text does not.
            let dists = world.site.join("dists");
            std::fs::rename(dists.join("bookworm"), dists.join("trixie")).unwrap();
        }
        refused(&world, what, 4, words);
    }
}

fn other_suite() -> DebianRepository {
    DebianRepository::new("bookworm")
        .suite("oldstable")
        .add(DebBuilder::new("nginx", "1.22-1").build())
}

#[test]
fn a_roll_back_is_refused_and_a_little_lag_is_told() {
    let world = World::new();
    let newer = |hours: i64| {
        let date = Timestamp::from_unix(DATE + hours * HOUR);
        repository().date(date)
    };
    world.publish(&newer(20));
    let digest = world.digest();

    world.publish(&repository());
    let run = world.kiln(&["build", "image.yaml", "--update"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("warning:"), "{run}");
    assert!(run.stderr.contains("2026-11-21T20:00:00Z"), "{run}");

    // The lag does not become the new measure.
    let older = newer(-10);
    world.publish(&older);
    refused_update(
        &world,
        &[
            "2026-11-20T14:00:00Z",
            "2026-11-21T20:00:00Z",
            "forget-releases",
        ],
    );
    // With the lock nobody asks.
    assert_eq!(world.digest(), digest);
    world.kiln(&["cache", "forget-releases"]).success();
    let run = world.kiln(&["build", "image.yaml", "--update"]);
    assert_eq!(run.code, Some(0), "{run}");
}

fn refused_update(world: &World, words: &[&str]) {
    let run = world.kiln(&["build", "image.yaml", "--update"]);
    assert_eq!(run.code, Some(4), "{run}");
    for word in words {
        assert!(run.stderr.contains(word), "no `{word}` in: {run}");
    }
}

/// Each fault of a server, of the index and of a package: what is wrong is named, and the next run
/// goes on where this one ended.
#[test]
fn servers_with_a_fault_are_told_and_heal() {
    use ServerFault as Fault;
    let cases: [(Fault, i32); 11] = [
        (Fault::Status(404), 1),
        (Fault::Status(500), 1),
        (Fault::Status(403), 1),
        (Fault::Truncate(100), 1),
        (Fault::Stall(100), 1),
        (Fault::Silence, 1),
        (Fault::WrongBytes, 4),
        (Fault::Close, 1),
        (Fault::Garbage, 1),
        (Fault::Endless, 4),
        (
            Fault::Redirect("http://127.0.0.1:1/elsewhere".to_owned()),
            1,
        ),
    ];
    let good = good_digest();
    for part in ["/dists/trixie/InRelease", "/by-hash/", ZLIB] {
        let word = match part {
            ZLIB => "zlib1g",
            "/by-hash/" => "Packages.xz",
            _ => "trixie",
        };
        for (fault, code) in cases.clone() {
            let what = format!("{fault:?} of {part}");
            let by_hash = part == "/by-hash/";
            let world = World::new();
            world.server.fault(part, fault.clone());
            if by_hash && fault == Fault::Status(404) {
                // The plain name is tried next.
                assert_eq!(world.digest(), good, "{what}");
                continue;
            }
            if fault == Fault::Status(404) && part != ZLIB {
                // Neither InRelease, nor then Release.
                world.server.fault("/dists/", fault);
            }
            refused(&world, &what, code, &[word]);
            world.server.heal();
            assert_eq!(world.digest(), good, "{what}");
            world.assert_store_is_sound();
        }
    }
}

#[test]
fn faults_that_pass_are_tried_again() {
    let good = good_digest();
    for fault in [
        ServerFault::Status(503),
        ServerFault::Truncate(50),
        ServerFault::Close,
        ServerFault::Stall(10),
    ] {
        let world = World::new();
        for part in ["/dists/trixie/InRelease", "/by-hash/", ZLIB] {
            world.server.fault_times(part, fault.clone(), 1);
        }
        let digest = world.digest_with(&[("KILN_RETRIES", "2")]);
        assert_eq!(digest, good, "{fault:?}");
    }
}

#[test]
fn an_interrupted_package_is_resumed_where_it_ended() {
    let world = World::new();
    let name = "nginx_1.26.3-3+deb13u1_amd64.deb";
    world.server.fault(name, ServerFault::Truncate(200));
    refused(&world, "truncated", 1, &["nginx_1.26.3-3+deb13u1_amd64"]);
    world.server.heal();
    world.server.forget_requests();
    assert_eq!(world.digest(), good_digest());
    let requests = world.server.requests();
    let ranges: Vec<_> = requests
        .iter()
        .filter(|request| request.target.ends_with(name))
        .map(|request| request.header("range"))
        .collect();
    assert_eq!(ranges, [Some("bytes=200-")]);
}

#[test]
fn a_server_without_ranges_sends_it_all_again() {
    let world = World::new();
    let name = "nginx_1.26.3-3+deb13u1_amd64.deb";
    world
        .server
        .fault_times(name, ServerFault::Truncate(200), 1);
    world.server.fault(name, ServerFault::NoRanges);
    let digest = world.digest_with(&[("KILN_RETRIES", "1")]);
    assert_eq!(digest, good_digest());
}

/// A mirror that gives wrong bytes is left for the next one.
#[test]
fn the_second_mirror_is_asked() {
    let good = good_digest();
    for (part, fault) in [
        ("/", ServerFault::Status(500)),
        ("/", ServerFault::Close),
        ("/dists/", ServerFault::WrongBytes),
        ("/pool/", ServerFault::WrongBytes),
        (ZLIB, ServerFault::Status(404)),
        (ZLIB, ServerFault::Truncate(99)),
        ("/pool/", ServerFault::Stall(99)),
    ] {
        let world = World::new();
        let second = Server::serve(&world.site).unwrap();
        world.server.fault(part, fault.clone());
        let mirrors = format!("tiny={},{}", world.server.url(), second.url());
        let digest = world.digest_with(&[("KILN_MIRRORS", &mirrors)]);
        assert_eq!(digest, good, "{part} {fault:?}");
        assert!(second.count(part) > 0, "{part} {fault:?}");
        world.assert_store_is_sound();
    }
}

#[test]
fn a_local_folder_is_a_mirror_too_and_the_store_needs_none() {
    let good = good_digest();
    let world = World::new();
    let folder = format!("tiny=file:{}", world.site.display());
    assert_eq!(world.digest_with(&[("KILN_MIRRORS", &folder)]), good);
    assert_eq!(world.server.requests(), []);
    // Offline everything comes from the store, resolution included.
    std::fs::remove_dir_all(&world.site).unwrap();
    std::fs::remove_file(world.environment.work().join("image.lock")).unwrap();
    let run = world.kiln(&["build", "image.yaml", "--offline", "--json"]);
    assert_eq!(crate::world::digest_of(&crate::world::json_of(&run)), good);
    let empty = World::new();
    let run = empty.kiln(&["build", "image.yaml", "--offline"]);
    let text = run.failure(1);
    assert!(
        text.contains("--offline") && text.contains("`tiny`"),
        "{text}"
    );
    assert_eq!(empty.server.requests(), []);
}

#[test]
fn no_mirror_at_all_is_explained() {
    let world = World::new();
    let run = world.kiln_with(&["build", "image.yaml"], &[("KILN_MIRRORS", "")]);
    insta::assert_snapshot!(run, @r#"
    $ kiln build image.yaml
    [exit 1]
    [stderr]
    error: no mirror is known for archive `tiny`
      help: this machine has no apt source for it; name a mirror with `mirrors.tiny = ["https://…"]` in kiln.toml or KILN_MIRRORS="tiny=https://…"
    "#);
}

/// `[trusted=yes]` holds only where it is written.
#[test]
fn flat_and_unsigned_repositories_need_a_word() {
    let environment = Environment::new(env!("CARGO_BIN_EXE_kiln"));
    let site = environment.folder().join("site");
    repository()
        .flat()
        .fault(RepositoryFault::Unsigned)
        .write(&site)
        .unwrap();
    let definition = |options: &str| {
        let lines: Vec<String> = DEFINITION
            .lines()
            .map(|line| match line.contains("name: tiny, suites") {
                true => format!("    - \"deb {options}file:{} ./\"", site.display()),
                false => line.to_owned(),
            })
            .collect();
        lines.join("\n") + "\n"
    };
    environment.write("keyring.asc", kiln_testkit::keyring());
    environment.write("image.yaml", definition("[signed-by=keyring.asc] "));
    let text = environment.run(&["build", "image.yaml"]).failure(4);
    assert!(
        text.contains("not signed") && text.contains("trusted"),
        "{text}"
    );
    environment.write("image.yaml", definition(""));
    let text = environment.run(&["build", "image.yaml"]).failure(1);
    assert!(
        text.contains("image.yaml:15:7") && text.contains("keyring"),
        "{text}"
    );
    environment.write("image.yaml", definition("[trusted=yes] "));
    environment.run(&["build", "image.yaml"]).success();
}

/// Packages whose hash is right and whose content is an attack: refused by what is in them.
#[test]
fn packages_that_attack_are_refused_by_name() {
    let file = |path: &str| Entry::new(path, EntryKind::File(b"x".to_vec()), 0o644);
    let link =
        |path: &str, target: &str| Entry::new(path, EntryKind::Symlink(target.to_owned()), 0o777);
    let cases: [(&str, Vec<Entry>); 5] = [
        ("climbs out", vec![file("./../../etc/passwd")]),
        (
            "hard link out",
            vec![Entry::new(
                "./a",
                EntryKind::Hardlink("./../../etc/shadow".to_owned()),
                0o644,
            )],
        ),
        (
            "hard link to nothing",
            vec![Entry::new(
                "./a",
                EntryKind::Hardlink("./b".to_owned()),
                0o644,
            )],
        ),
        (
            "writes through a link",
            vec![link("./x", "/etc"), file("./x/passwd")],
        ),
        (
            "names a file twice",
            vec![file("./usr/share/a"), file("./usr/share/a/b")],
        ),
    ];
    for (what, entries) in cases {
        let attack =
            |_: &str| DebBuilder::new("zlib1g", "2:1-1").data_tar(tar(&entries, 1_767_225_600));
        let world = World::with(&replaced(repository(), &attack), DEFINITION);
        refused(&world, what, 4, &["zlib1g"]);
    }
    for (what, bytes) in [
        (
            "no tar at all",
            b"this is no tar archive, though long enough to look".repeat(20),
        ),
        (
            "a tar cut short",
            tar(&[file("./usr/share/a")], 0)[..700].to_vec(),
        ),
    ] {
        let attack = |_: &str| DebBuilder::new("zlib1g", "2:1-1").data_tar(bytes.clone());
        let world = World::with(&replaced(repository(), &attack), DEFINITION);
        refused(&world, what, 4, &["zlib1g"]);
    }
}

/// dpkg would refuse it, unless one replaces the other.
#[test]
fn two_owners_of_a_file_are_both_named() {
    let clash = |architecture: &str| {
        zlib("2:1-1")(architecture).file("/usr/sbin/nginx", "not nginx", 0o755)
    };
    let world = World::with(&replaced(repository(), &clash), DEFINITION);
    let run = world.kiln(&["build", "image.yaml", "-o", "oci:out"]);
    assert_eq!(run.code, Some(1), "{run}");
    for word in ["zlib1g", "nginx", "usr/sbin/nginx"] {
        assert!(run.stderr.contains(word), "no `{word}` in: {run}");
    }
    let replaces = |architecture: &str| clash(architecture).field("Replaces", "nginx");
    world.publish(&replaced(repository(), &replaces));
    let run = world.kiln(&[
        "build",
        "image.yaml",
        "--update",
        "--platform",
        "amd64",
        "-o",
        "rootfs:root",
    ]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(world.environment.read("root/usr/sbin/nginx"), "not nginx");
}
