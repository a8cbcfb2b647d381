//! `kiln db update` against a server that does what it is told: feeds of real data
//! (`crates/kiln-vuln/tests/fixtures/feeds`), each of which can be missing, torn, slow or another thing.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use kiln_testkit::{Environment, Run, Server, ServerFault};
use serde_json::Value;

/// Kind, path on the server, sample.
const FEEDS: [(&str, &str, &str); 6] = [
    ("debian-tracker", "tracker/json", "debian-tracker.json.zst"),
    ("alpine-secdb", "v3.20/main.json", "vunnel-alpine/main.json"),
    (
        "wolfi-secdb",
        "os/security.json",
        "vunnel-wolfi/input/secdb/security.json",
    ),
    ("osv", "Debian/all.zip", "debian-osv.zip"),
    ("kev", "kev.json", "vunnel-kev/valid-catalog-1.json"),
    ("epss", "epss.csv", "vunnel-epss/example-1.csv"),
];

const OTHERS: [&str; 9] = [
    "debian-vulnerabilities",
    "debian-advisories",
    "debian-lts-advisories",
    "debian-changelogs",
    "debian-releases",
    "ubuntu-releases",
    "chainguard-secdb",
    "nvd",
    "end-of-life",
];

struct World {
    server: Server,
    _served: tempfile::TempDir,
    environment: Environment,
}

impl World {
    fn new() -> Self {
        let served = tempfile::tempdir().unwrap();
        let samples =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../kiln-vuln/tests/fixtures/feeds");
        let server = Server::serve(served.path()).unwrap();
        let mut settings = "retries = 0\nstall-seconds = 1\n[feeds]\n".to_owned();
        for (kind, path, sample) in FEEDS {
            let file = served.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::copy(samples.join(sample), &file).unwrap();
            settings += &format!("{kind} = [\"{}/{path}\"]\n", server.url());
        }
        for kind in OTHERS {
            settings += &format!("{kind} = []\n");
        }
        let environment = Environment::new(env!("CARGO_BIN_EXE_kiln"))
            .at("2030-03-01T00:00:00Z".parse().unwrap())
            .shown_as(&server.url(), "SERVER");
        environment.write("kiln.toml", settings);
        Self {
            server,
            _served: served,
            environment,
        }
    }

    /// On a later day.
    fn at(self, day: &str) -> Self {
        Self {
            environment: self.environment.at(day.parse().unwrap()),
            ..self
        }
    }

    fn update(&self) -> Run {
        self.environment.run(&["db", "update"])
    }

    fn status(&self) -> Value {
        let text = self.environment.run(&["db", "--json"]).success();
        let value = serde_json::from_str(&text).unwrap();
        crate::schema::assert_valid("db", &value);
        value
    }

    /// When the content of a feed was current, by the database in use.
    fn as_of(&self, kind: &str) -> String {
        let status = self.status();
        let mut sources = status["sources"].as_array().unwrap().iter();
        let source = sources.find(|source| source["name"] == kind).unwrap();
        source["as-of"].as_str().unwrap().to_owned()
    }

    fn left_over(&self) -> Vec<String> {
        let mut out = Vec::new();
        for folder in ["advisories", "advisories/feeds"] {
            for entry in fs::read_dir(self.environment.store().join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.starts_with(".part-") {
                    out.push(name);
                }
            }
        }
        out
    }
}

#[test]
fn a_feed_that_has_not_changed_is_not_fetched_again() {
    let world = World::new();
    let run = world.update();
    assert!(
        run.stderr
            .contains("6 feeds are new, 0 as they were, 0 missing"),
        "{run}"
    );
    let text = run.success();
    assert!(text.contains("[SERVER]/tracker/json"), "{text}");
    let status = world.status();
    assert!(status["facts"].as_u64().unwrap() > 10_000, "{status}");
    let ecosystems = status["ecosystems"].to_string();
    for one in ["alpine:3.15", "debian:13", "wolfi"] {
        assert!(ecosystems.contains(one), "{one}: {ecosystems}");
    }

    // By the tag of the content, then by its date where there is no tag.
    world.server.forget_requests();
    let world = world.at("2030-03-02T00:00:00Z");
    let run = world.update();
    assert!(
        run.stderr.contains("0 feeds are new, 6 as they were"),
        "{run}"
    );
    assert!(
        world
            .server
            .requests()
            .iter()
            .all(|request| request.header("if-none-match").is_some())
    );
    assert_eq!(world.as_of("kev"), "2030-03-02T00:00:00Z");
    world.server.fault("", ServerFault::DateOnly);
    let world = world.at("2030-03-03T00:00:00Z");
    // The tag is asked for first; a server that knows none gives the whole.
    assert!(world.update().stderr.contains("6 as they were"));
    world.server.forget_requests();
    let world = world.at("2030-03-04T00:00:00Z");
    assert!(world.update().stderr.contains("6 as they were"));
    assert!(
        world
            .server
            .requests()
            .iter()
            .all(|request| request.header("if-modified-since").is_some())
    );
    world.server.heal();

    // One has changed: only that one comes, and only its old content goes.
    let feeds = world.environment.store().join("advisories/feeds");
    let count = fs::read_dir(&feeds).unwrap().count();
    let kev = world._served.path().join("kev.json");
    let text = fs::read_to_string(&kev).unwrap();
    fs::write(&kev, format!("{text}\n")).unwrap();
    let run = world.update();
    assert!(
        run.stderr.contains("1 feeds are new, 5 as they were"),
        "{run}"
    );
    assert_eq!(fs::read_dir(&feeds).unwrap().count(), count);

    // A content that was changed on this disk is fetched again, without a condition.
    for entry in fs::read_dir(&feeds).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("epss-") && !name.ends_with(".json") {
            fs::write(&path, "torn").unwrap();
        }
    }
    world.server.forget_requests();
    let run = world.update();
    assert!(
        run.stderr.contains("1 feeds are new, 5 as they were"),
        "{run}"
    );
    for request in world.server.requests() {
        let is_asked = request.header("if-none-match").is_none()
            && request.header("if-modified-since").is_none();
        assert_eq!(is_asked, request.target.contains("epss"), "{request:?}");
    }
}

#[test]
fn a_feed_that_cannot_be_had_keeps_its_content_and_says_its_age() {
    let world = World::new();
    world.update().success();
    let loops = format!("{}/kev.json", world.server.url());
    let faults = [
        (ServerFault::Status(404), "not found"),
        (ServerFault::Status(500), "the server answered 500"),
        (ServerFault::Truncate(200), "the answer ended after"),
        (ServerFault::Stall(200), "nothing came for"),
        (ServerFault::Silence, "nothing came for"),
        (ServerFault::Close, ""),
        (ServerFault::Garbage, ""),
        (
            ServerFault::Redirect(loops),
            "redirect refused: more than 5",
        ),
        (ServerFault::Endless, "has more than 67108864 bytes"),
    ];
    let kev = world._served.path().join("kev.json");
    let good = fs::read_to_string(&kev).unwrap();
    // Another content, so that the answer cannot be "as it was".
    fs::write(&kev, format!("{good}\n")).unwrap();
    let mut world = world;
    for (day, (fault, reason)) in faults.into_iter().enumerate() {
        world = world.at(&format!("2030-03-{:02}T00:00:00Z", day + 2));
        world.server.fault("kev.json", fault.clone());
        let run = world.update();
        world.server.heal();
        let age = day + 1;
        let stays = format!("its content of 2030-03-01T00:00:00Z stays ({age} days old)");
        for part in ["missing: kev", "[SERVER]/kev.json", reason, &stays] {
            assert!(run.stderr.contains(part), "{fault:?}: {part}: {run}");
        }
        assert_eq!(run.code, Some(1), "{fault:?}");
        assert_eq!(world.as_of("kev"), "2030-03-01T00:00:00Z");
        assert_ne!(world.as_of("wolfi-secdb"), "2030-03-01T00:00:00Z");
        assert_eq!(world.left_over(), Vec::<String>::new());
    }
    // What is no such feed never replaces one, whatever the server says of it.
    for (content, reason) in [
        (
            "<html>maintenance</html>",
            "the feed kev cannot be read at line 1",
        ),
        (
            "{\"vulnerabilities\":[{\"cveID\":",
            "the feed kev cannot be read",
        ),
        ("", "the feed kev cannot be read"),
    ] {
        fs::write(&kev, content).unwrap();
        let run = world.update();
        assert!(run.stderr.contains(reason), "{content}: {run}");
        assert_eq!(run.code, Some(1));
        assert_eq!(world.as_of("kev"), "2030-03-01T00:00:00Z");
    }
    // Neither does a feed look new because the others are.
    world
        .environment
        .write("root/etc/os-release", "ID=debian\nVERSION_ID=13\n");
    world.environment.write(
        "root/var/lib/dpkg/status",
        "Package: quiet\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\
         Maintainer: A <a@b.invalid>\nDescription: quiet\n",
    );
    let scan = ["scan", "rootfs:root", "--max-age", "3"];
    world.environment.run(&scan).success();
    world.server.fault("tracker", ServerFault::Status(404));
    world = world.at("2030-03-20T00:00:00Z");
    let said = world.update().failure(1);
    assert!(said.contains("debian-tracker"), "{said}");
    let said = world.environment.run(&scan).failure(3);
    assert!(
        said.contains("what debian-tracker says is 10 days old"),
        "{said}"
    );
    world.server.heal();
    // A redirect to the content is followed.
    fs::write(world._served.path().join("moved"), good).unwrap();
    let to = format!("{}/moved", world.server.url());
    world.server.fault("kev.json", ServerFault::Redirect(to));
    world.update().success();
    assert_ne!(world.as_of("kev"), "2030-03-01T00:00:00Z");
}

#[test]
fn without_any_feed_the_old_database_stays_and_does_not_look_new() {
    let world = World::new();
    world.server.fault("", ServerFault::Status(503));
    let run = world.update();
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("no feed could be fetched"), "{run}");
    assert!(!run.stderr.contains("stays in use"), "{run}");
    world.environment.run(&["db"]).failure(3);
    world.server.heal();
    world.update().success();
    let before = world.status();
    let world = world.at("2030-03-09T00:00:00Z");
    world.server.fault("", ServerFault::Close);
    let said = world.update().failure(1);
    assert!(
        said.contains("the database of 2030-03-01T00:00:00Z stays in use (8 days old)"),
        "{said}"
    );
    let after = world.status();
    assert_eq!(before["sha256"], after["sha256"]);
    assert_eq!(after["age-days"], 8);
    let offline = world.environment.run(&["db", "update", "--offline"]);
    assert_eq!(offline.code, Some(64));
}

#[test]
fn killed_or_without_room_the_old_database_stays_in_use() {
    let world = World::new();
    world.update().success();
    let before = world.status();
    let world = world.at("2030-03-02T00:00:00Z");
    for (_, path, _) in FEEDS {
        // Other bytes, same meaning: what is compressed ends in an empty frame.
        let file = world._served.path().join(path);
        let mut bytes = fs::read(&file).unwrap();
        match path {
            "tracker/json" => bytes.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]),
            "Debian/all.zip" => {}
            _ => bytes.push(b'\n'),
        }
        fs::write(&file, bytes).unwrap();
    }
    world.server.fault("tracker", ServerFault::Stall(50_000));
    let mut child = world
        .environment
        .command(&["db", "update"])
        .env("KILN_STALL_SECONDS", "60")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    world.server.forget_requests();
    while world.server.count("tracker") < 1 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.status(), {
        let mut later = before.clone();
        later["age-days"] = 1.into();
        for source in later["sources"].as_array_mut().unwrap() {
            let age = source["age-days"].as_i64().unwrap();
            source["age-days"] = (age + 1).into();
        }
        later
    });
    world.server.heal();

    // No file may become longer than 1 KiB: what a full disk says, in other words.
    let kiln = env!("CARGO_BIN_EXE_kiln");
    let command = world.environment.command(&[]);
    let script = format!("trap '' XFSZ; ulimit -f 2; exec {kiln} db update");
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", &script]).env_clear();
    limited.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let output = limited.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("File too large"), "{said}");
    assert!(
        said.contains("the database of 2030-03-01T00:00:00Z stays in use (1 days old)"),
        "{said}"
    );
    assert_eq!(world.status()["sha256"], before["sha256"]);

    let run = world.update();
    assert!(run.stderr.contains("0 missing"), "{run}");
    run.success();
    assert_ne!(world.status()["sha256"], before["sha256"]);
    assert_eq!(world.left_over(), Vec::<String>::new());
    world.environment.run(&["db", "verify"]).success();
}

#[test]
fn two_updates_wait_for_each_other() {
    let world = World::new();
    world
        .server
        .fault_times("kev.json", ServerFault::Slow(3_000), 1);
    let start = || {
        world
            .environment
            .command(&["db", "update"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let first = start();
    while world.server.count("kev.json") < 1 {
        std::thread::yield_now();
    }
    let second = start();
    for (child, said) in [(first, "6 feeds are new"), (second, "another kiln")] {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    world.environment.run(&["db", "verify"]).success();
}

#[test]
fn the_address_of_a_feed_may_have_a_query_which_nobody_is_shown() {
    let world = World::new();
    let address = world.server.url().replace("http://", "http://user:hidden@");
    let settings = world.environment.read("kiln.toml");
    let settings = settings.replace("/kev.json\"", "/kev.json?token=hidden&of=a/b\"");
    let settings = settings.replace(&world.server.url(), &address);
    world.environment.write("kiln.toml", settings);
    for _ in 0..2 {
        let run = world.update();
        assert_eq!(run.code, Some(0), "{run}");
        assert!(!format!("{run}").contains("hidden"), "{run}");
    }
    assert_eq!(world.server.count("/kev.json?token=hidden&of=a/b"), 2);
    assert!(!world.status().to_string().contains("hidden"));
    // Nor in what goes wrong.
    world.server.fault("kev.json", ServerFault::Status(404));
    let said = world.update().failure(1);
    assert!(
        said.contains("kev.json?…") && !said.contains("hidden"),
        "{said}"
    );
    for (feeds, source) in [
        ("kev:http://user:hidden@host/kev.json", "feeds"),
        ("", "http:/user:hidden@host/"),
        ("", "http://user:hidden@localhost:1/"),
    ] {
        let mut command = world
            .environment
            .command(&["db", "update", "--source", source]);
        if !feeds.is_empty() {
            command.env("KILN_FEEDS", feeds);
        }
        let output = command.output().unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.is_empty() && !said.contains("hidden"), "{said}");
    }
}

#[test]
fn attack_a_pipe_in_the_place_of_a_database() {
    let world = World::new();
    let pipe = world.environment.work().join("pipe.db");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    // Nobody ever writes into it: opening it would wait for ever.
    let said = world
        .environment
        .run(&["db", "import", "pipe.db", "--unsigned"])
        .failure(1);
    assert!(said.contains("it is no regular file"), "{said}");
}
