//! `kiln test` with a client that only pretends to have an engine: what it is told, what its answers
//! come to, and that nothing stays behind. Real engines are for `tests/engine.rs`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::schema::assert_valid;
use crate::world::{DEFINITION, World, json_of, repository};

const TESTS: &str = r#"
tests:
  - name: says hello
    run: [/usr/sbin/nginx, hello]
    environment: {A: b c}
    stdout: {contains: hello, matches: "^hel+o\n$"}
  - name: is not <broken>
    run: [/usr/sbin/nginx, broken]
  - name: has no shell
    run: [/bin/sh, -c, missing]
    must-fail: true
"#;

/// Notes what it is told, and acts by words in it.
const CLIENT: &str = r#"#!/bin/sh
echo "$*" >> calls
case "$*" in
"network ls"*) echo bridge ;;
load*) exec cat > loaded ;;
run*hello*) echo hello ;;
run*broken*) echo oops >&2; exit 3 ;;
run*missing*) exit 127 ;;
run*wait*) echo started > started; exec sleep 3 ;;
run*) exit 125 ;;
esac
"#;

fn world(tests: &str) -> World {
    let world = World::with(&repository(), &format!("{DEFINITION}{tests}"));
    let client = world.environment.write("client", CLIENT);
    fs::set_permissions(client, fs::Permissions::from_mode(0o755)).unwrap();
    world
}

const RUN: [&str; 6] = [
    "test",
    "image.yaml",
    "--engine",
    "./client",
    "--platform",
    "linux/amd64",
];

#[test]
fn failed_tests_end_with_2_and_stand_in_every_report() {
    let world = world(TESTS);
    let reports = ["--junit", "junit.xml", "--ctrf", "ctrf.json", "--json"];
    let run = world.kiln(&[&RUN[..], &reports].concat());
    assert_eq!(run.code, Some(2), "{run}");
    let answer: Value = serde_json::from_slice(&run.raw_stdout).unwrap();
    assert_valid("test", &answer);
    assert_eq!(
        (&answer["passed"], &answer["failed"]),
        (&2.into(), &1.into())
    );
    let broken = &answer["targets"][0]["tests"][1];
    assert_eq!(broken["name"], "is not <broken>");
    let message = broken["message"].as_str().unwrap();
    assert!(message.contains("ended with 3 instead of 0") && message.contains("oops"));
    let junit = world.environment.read("junit.xml");
    assert!(
        junit.contains("tests=\"3\" failures=\"1\"") && junit.contains("is not &lt;broken&gt;")
    );
    let ctrf: Value = serde_json::from_str(&world.environment.read("ctrf.json")).unwrap();
    assert_eq!(ctrf["results"]["summary"]["failed"], 1);
    assert_eq!(ctrf["results"]["tests"][1]["status"], "failed");
}

#[test]
fn containers_may_do_only_what_is_declared_and_nothing_stays_behind() {
    let world = world(TESTS);
    let run = world.kiln(&[&RUN[..], &["--settings", "all", "--only", "hello"]].concat());
    assert_eq!(run.code, Some(0), "{run}");
    let calls = world.environment.read("calls");
    let runs: Vec<&str> = calls
        .lines()
        .filter(|call| call.starts_with("run "))
        .collect();
    let [declared, strict] = runs.as_slice() else {
        panic!("one test under two settings: {calls}");
    };
    for call in [declared, strict] {
        for flag in [
            "--network none",
            "--platform linux/amd64",
            "--env A=b c",
            "--read-only",
            "--cap-drop ALL",
            "--security-opt no-new-privileges",
            "--tmpfs /run:uid=65532,gid=65532,mode=755",
            "--tmpfs /var/lib/nginx:uid=65532,gid=65532,mode=750",
            "--entrypoint /usr/sbin/nginx",
        ] {
            assert!(call.contains(flag), "{flag} is not in {call}");
        }
    }
    let limits = "--user 1000680000:0 --memory 1g --pids-limit 256";
    assert!(
        strict.contains(limits) && !declared.contains("--user"),
        "{calls}"
    );
    for call in runs {
        let name = call.split_whitespace().nth(2).unwrap();
        assert!(
            calls.contains(&format!("rm --force --volumes {name}\n")),
            "{calls}"
        );
    }
    assert!(
        calls
            .lines()
            .any(|call| call.starts_with("image rm kiln-test/tiny-")),
        "{calls}"
    );
    assert!(
        fs::metadata(world.environment.work().join("loaded"))
            .unwrap()
            .len()
            > 0
    );
}

#[test]
fn an_engine_that_fails_proves_nothing() {
    let world = world("tests: [{name: has no shell, run: [/bin/other], must-fail: true}]\n");
    let run = world.kiln(&[&RUN[..], &["--json"]].concat());
    assert_eq!(run.code, Some(2), "{run}");
    let answer: Value = serde_json::from_slice(&run.raw_stdout).unwrap();
    let message = answer["targets"][0]["tests"][0]["message"]
        .as_str()
        .unwrap();
    assert!(message.contains("the engine cannot run it"), "{message}");
}

#[test]
fn without_an_engine_it_cannot_be_done() {
    let world = world(TESTS);
    let run = world.kiln(&["test", "image.yaml", "--engine", "./no-such-client"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.stderr.contains("cannot start `./no-such-client`"),
        "{run}"
    );
    let answer = world.kiln(&[
        "test",
        "image.yaml",
        "--engine",
        "./no-such-client",
        "--json",
    ]);
    assert!(json_of_failure(&answer.raw_stdout)["error"]["message"].is_string());
    // A variant that runs as root has no strict settings: nothing is run, and that is said.
    let world = world_of_no_tests();
    let run = world.kiln(&RUN);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("no test was run"), "{run}");
}

fn json_of_failure(stdout: &[u8]) -> Value {
    serde_json::from_slice(stdout).unwrap()
}

fn world_of_no_tests() -> World {
    world("")
}

#[test]
fn an_interrupted_run_leaves_no_container() {
    let world = world("tests: [{name: waits, run: [/usr/sbin/nginx, wait]}]\n");
    // Built before, so that the signal comes while the test runs.
    json_of(&world.kiln(&["build", "image.yaml", "--platform", "linux/amd64", "--json"]));
    let fifo = world.environment.work().join("started");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let mut child = world.environment.command(&RUN).spawn().unwrap();
    let mut word = String::new();
    fs::File::open(&fifo)
        .unwrap()
        .read_to_string(&mut word)
        .unwrap();
    assert_eq!(word, "started\n");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let calls = world.environment.read("calls");
    assert!(calls.contains("rm --force --volumes kiln-test-"), "{calls}");
    assert!(calls.contains("image rm kiln-test/tiny-"), "{calls}");
}
