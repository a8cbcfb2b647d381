//! What a first start of postgres may meet, which the declared tests cannot say: it is stopped and
//! killed in the middle, its SQL fails, and the volume is somebody else's.

use std::time::{Duration, Instant};

use super::container::{Container, Image, Volume};
use super::{Engine, text};

const PASSWORD: &[&str] = &["--env", "POSTGRES_PASSWORD=secret"];

/// What initdb says before its two long phases. Engines show whole lines only.
const BEFORE_BOOTSTRAP: &str = "creating configuration files ... ok";
const AFTER_BOOTSTRAP: &str = "running bootstrap script ... ok";

/// What a server says that is not the one for the first steps.
const READY: &str = "listening on IPv4 address";

/// How long a start may take to get somewhere; under qemu on a busy machine.
const LONG: Duration = Duration::from_secs(300);

#[test]
fn a_cluster_appears_as_a_whole_or_not_at_all() {
    let Some(engine) = Engine::find() else { return };
    let image = Image::build(&engine, "postgres", "linux/amd64");
    let volume = Volume::new(&engine);
    let data = volume.at("/var/lib/postgresql/data");
    let files = tempfile::tempdir().unwrap();
    let scripts = format!("{}:/docker-entrypoint-initdb.d:ro", files.path().display());
    super::container::share(files.path());
    let start = || {
        let words = ["--network", "none", "--volume", &data, "--volume", &scripts];
        Container::start(&engine, &image, &[&words, PASSWORD].concat())
    };
    let write = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        super::container::share(&files.path().join(name));
    };

    // A shell script is refused before anything is made.
    write("1.sh", "echo\n");
    let refused = start();
    assert_eq!(refused.wait(LONG), 1);
    let log = refused.log();
    assert!(
        log.contains("1.sh` is a shell script, and this image has no shell"),
        "{log}"
    );
    assert!(
        !log.contains("The files belonging to this database system"),
        "{log}"
    );
    std::fs::remove_file(files.path().join("1.sh")).unwrap();

    // SQL that fails ends the start.
    write("10-fails.sql", "SELECT 1 / 0;\n");
    let failed = start();
    assert_eq!(failed.wait(LONG), 1);
    let log = failed.log();
    assert!(log.contains("division by zero"), "{log}");
    assert!(log.contains("`psql` failed: it ended with code 3"), "{log}");

    // A stop while initdb works: at once, and as whom it was asked.
    for (signal, code, begun) in [
        ("SIGINT", 130, BEFORE_BOOTSTRAP),
        ("SIGTERM", 143, AFTER_BOOTSTRAP),
    ] {
        let stopped = start();
        stopped.wait_for(begun, LONG);
        let asked = Instant::now();
        stopped.kill(signal);
        assert_eq!(
            stopped.wait(Duration::from_secs(5)),
            code,
            "{signal}: {}",
            stopped.log()
        );
        assert!(asked.elapsed() < Duration::from_secs(5), "{signal}");
    }

    // Nothing can be done in time.
    let killed = start();
    killed.wait_for(AFTER_BOOTSTRAP, LONG);
    killed.kill("SIGKILL");
    assert_eq!(killed.wait(LONG), 137);

    // And the next start knows nothing of all that, and does its files by name.
    write(
        "10-fails.sql",
        "CREATE TABLE seen (name text); INSERT INTO seen VALUES ('10');\n",
    );
    write("9-later.sql", "INSERT INTO seen VALUES ('9');\n");
    write("readme.txt", "nothing\n");
    let whole = start();
    whole.wait_for(READY, LONG);
    let log = whole.log();
    assert!(
        log.contains("removing what an interrupted start left"),
        "{log}"
    );
    assert!(log.contains("readme.txt` is passed over"), "{log}");
    let query = [
        "psql",
        "-U",
        "postgres",
        "-Atc",
        "SELECT string_agg(name, ' ' ORDER BY ctid) FROM seen",
    ];
    whole.until(&query, "10 9\n", LONG);
    drop(whole);

    // It is there now, and nothing is done again.
    let again = start();
    again.wait_for(READY, LONG);
    assert!(!again.log().contains("kiln-start"), "{}", again.log());
    again.until(&query, "10 9\n", LONG);
}

#[test]
fn a_stop_in_initdb_takes_no_longer_under_an_emulator() {
    let Some(engine) = Engine::find() else { return };
    if !engine.arm64 {
        return;
    }
    let image = Image::build(&engine, "postgres", "linux/arm64");
    let words = ["--network", "none", "--platform", "linux/arm64"];
    let stopped = Container::start(&engine, &image, &[&words, PASSWORD].concat());
    stopped.wait_for(AFTER_BOOTSTRAP, LONG);
    stopped.kill("SIGTERM");
    assert_eq!(
        stopped.wait(Duration::from_secs(5)),
        143,
        "{}",
        stopped.log()
    );
}

#[test]
fn a_volume_of_another_user_says_what_to_do() {
    let Some(engine) = Engine::find() else { return };
    let image = Image::build(&engine, "postgres", "linux/amd64");
    // As the official image leaves it.
    let theirs = "/var/lib/postgresql/data:uid=999,gid=999,mode=0700";
    let words = ["--network", "none", "--tmpfs", theirs];
    let refused = Container::start(&engine, &image, &[&words, PASSWORD].concat());
    assert_eq!(refused.wait(LONG), 1);
    let log = refused.log();
    for part in [
        "belongs to uid 999",
        "runs as uid 65532",
        "chown -R 65532:65532",
        "--user 999:0",
    ] {
        assert!(log.contains(part), "{part}: {log}");
    }
    let advised = ["--user", "999:0"];
    let works = Container::start(&engine, &image, &[&words, PASSWORD, &advised].concat());
    works.wait_for(READY, LONG);
    works.until(
        &["psql", "-U", "postgres", "-Atc", "SELECT 'works'"],
        "works\n",
        LONG,
    );
}

#[test]
fn root_becomes_postgres() {
    let Some(engine) = Engine::find() else { return };
    let image = Image::build(&engine, "postgres", "linux/amd64");
    let root = ["--network", "none", "--user", "0:0"];
    let running = Container::start(&engine, &image, &[&root, PASSWORD].concat());
    running.wait_for(READY, LONG);
    running.until(
        &["psql", "-U", "postgres", "-Atc", "SELECT 'works'"],
        "works\n",
        LONG,
    );
    let top = engine.docker(&["top", running.name(), "-o", "pid,uid,gid,args"]);
    let top = text(&top.stdout);
    assert!(top.lines().count() > 3, "{top}");
    for line in top.lines().skip(1) {
        let ids: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
        assert_eq!(ids, ["65532", "65532"], "{top}");
    }
    let without = ["--cap-drop", "ALL"];
    let refused = Container::start(&engine, &image, &[&root, PASSWORD, &without].concat());
    assert_eq!(refused.wait(LONG), 1);
    let log = refused.log();
    assert!(log.contains("cannot become `postgres`"), "{log}");
    assert!(log.contains("--user 65532:65532"), "{log}");
}
