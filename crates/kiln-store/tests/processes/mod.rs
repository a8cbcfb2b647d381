//! Several processes on one store. The other process is this test binary, started with one test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kiln_store::{Partial, PrunePolicy, Store};
use kiln_types::{Digest, Timestamp};

const ROOT: &str = "KILN_STORE_TEST_ROOT";
const ROLE: &str = "KILN_STORE_TEST_ROLE";

fn content() -> Vec<u8> {
    (0..1_000_000_u32)
        .map(|number| number.to_le_bytes()[1])
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "the test needs another process")]
fn start(root: &Path, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "processes::the_other_process",
            "--ignored",
            "--nocapture",
        ])
        .env(ROOT, root)
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the other process is where it should be.
fn until_ready(child: &mut Child) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert_ne!(
            output.read_line(&mut line).unwrap(),
            0,
            "the other process ended"
        );
    }
}

/// What the other process does. Does nothing when it is run as a test.
#[test]
#[ignore = "a part of the tests below"]
#[expect(
    clippy::disallowed_methods,
    reason = "how the test that starts it speaks to it"
)]
fn the_other_process() {
    let (Some(root), Ok(role)) = (std::env::var_os(ROOT), std::env::var(ROLE)) else {
        return;
    };
    let store = Store::open(Path::new(&root)).unwrap();
    let content = content();
    let wait_for_the_end = || {
        println!("ready");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    };
    match role.as_str() {
        "put" => {
            for _ in 0..20 {
                let stored = store.put(&content).unwrap();
                assert_eq!(stored.size, 1_000_000);
            }
        }
        "die writing" => {
            let mut writer = store.writer().unwrap();
            writer.write_all(&content).unwrap();
            wait_for_the_end();
        }
        "die downloading" => {
            let Partial::Open(mut partial) = store.partial(&Digest::of(&content), None).unwrap()
            else {
                panic!()
            };
            partial.write(&content[..400_000]).unwrap();
            wait_for_the_end();
        }
        other => panic!("{other}"),
    }
}

#[test]
fn processes_that_write_the_same_blob() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("store");
    let children: Vec<_> = (0..4).map(|_| start(&root, "put")).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let store = Store::open(&root).unwrap();
    let usage = store.usage().unwrap();
    assert_eq!((usage.blobs.count, usage.temporary.count), (1, 0));
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), []);
}

#[test]
fn killed_in_the_middle_of_a_blob() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let mut child = start(directory.path(), "die writing");
    until_ready(&mut child);
    let prune = || {
        store
            .prune(&PrunePolicy::default(), Timestamp::EPOCH, false)
            .unwrap()
            .leftovers
            .count
    };
    assert_eq!(prune(), 0, "removed under a living writer");
    assert_eq!(store.usage().unwrap().temporary.count, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(
        store.usage().unwrap().blobs.count,
        0,
        "half a blob is visible"
    );
    assert_eq!(prune(), 1);
    store.put(&content()).unwrap();
    assert_eq!(store.usage().unwrap().temporary.count, 0);
}

#[test]
fn killed_in_the_middle_of_a_download() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let content = content();
    let digest = Digest::of(&content);
    let mut child = start(directory.path(), "die downloading");
    until_ready(&mut child);
    assert!(matches!(
        store.partial(&digest, None).unwrap(),
        Partial::Busy
    ));
    child.kill().unwrap();
    child.wait().unwrap();
    let Partial::Open(mut partial) = store.partial(&digest, Some(1_000_000)).unwrap() else {
        panic!()
    };
    assert_eq!(partial.length(), 400_000);
    partial.write(&content[400_000..]).unwrap();
    partial.finish().unwrap();
    assert_eq!(store.usage().unwrap().partial.count, 0);
}
