//! Locked packages that mirrors have, had, or serve wrong.

use std::fs;

use kiln_store::Store;
use kiln_testkit::{Server, ServerFault};
use kiln_types::{FixedClock, SilentReporter, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::{MirrorSettings, PipelineSettings};

const PATH: &str = "pool/main/h/hello/hello_1.0_amd64.deb";
const BYTES: &[u8] = b"a package";
const CLOCK: FixedClock = FixedClock(Timestamp::EPOCH);

/// A store, a mirror and a snapshot service.
struct World {
    folder: TempDir,
    mirror: Server,
    snapshots: Server,
    store: Store,
    settings: PipelineSettings,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let served = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("a folder");
            Server::serve(&path).expect("a server")
        };
        let (mirror, snapshots) = (served("mirror"), served("snapshots"));
        let store = Store::open(&folder.path().join("store")).expect("a store");
        let settings = PipelineSettings {
            offline: false,
            jobs: 1,
            parallel: 4,
            native: None,
            mirrors: MirrorSettings::default(),
            net: NetSettings {
                backoff: Duration::ZERO,
                ..NetSettings::default()
            },
            start_programs: Default::default(),
            keyring_folder: folder.path().to_owned(),
        };
        Self {
            folder,
            mirror,
            snapshots,
            store,
            settings,
        }
    }

    /// Puts the package, or something else, where a server has it.
    fn put(&self, server: &str, bytes: &[u8]) {
        let path = self.folder.path().join(server).join(PATH);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            what: "hello_1.0_amd64".to_owned(),
            archive: "debian".to_owned(),
            mirrors: vec![self.mirror.url()],
            last_resort: Some(self.snapshots.url()),
            paths: vec![PATH.to_owned()],
            digest: Digest::of(BYTES),
            size: BYTES.len() as u64,
        }
    }

    fn fetch(&self, wanted: Vec<Wanted>) -> Result<Vec<Stored>, PipelineError> {
        Pipeline {
            store: &self.store,
            settings: &self.settings,
            clock: &CLOCK,
            reporter: &SilentReporter,
        }
        .fetch(Stage::Fetch, wanted)
    }
}

/// An address where nobody answers: a server that is gone.
fn nobody() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    Server::serve(folder.path()).expect("a server").url()
}

#[test]
fn the_snapshot_service_is_left_alone_while_a_mirror_has_the_package() {
    let world = World::new();
    world.put("mirror", BYTES);
    let stored = world.fetch(vec![world.wanted()]).expect("it is there");
    assert_eq!(stored[0].digest, Digest::of(BYTES));
    assert_eq!(world.snapshots.count(""), 0);
}

#[test]
fn a_package_that_left_the_mirrors_comes_from_the_snapshot_service() {
    let world = World::new();
    world.put("snapshots", BYTES);
    let stored = world.fetch(vec![world.wanted()]).expect("it is kept");
    assert_eq!(stored[0].digest, Digest::of(BYTES));
    assert_eq!(world.mirror.count("hello"), 1);
    assert_eq!(world.snapshots.count("hello"), 1);
}

#[test]
fn a_package_that_nobody_has_is_gone_and_everybody_asked_is_named() {
    let world = World::new();
    let error = world.fetch(vec![world.wanted()]).expect_err("it is gone");
    let PipelineError::Gone(gone) = &error else {
        panic!("{error}");
    };
    assert_eq!(
        gone[0].attempts,
        [
            format!("`{}`: not found", world.mirror.url()),
            format!("`{}`: not found", world.snapshots.url()),
        ]
    );
    assert!(error.help().is_some_and(|help| help.contains("--update")));
    assert_eq!(error.class(), ErrorClass::Network);
    let told = error.to_string();
    assert!(told.contains("hello_1.0_amd64 (archive `debian`, `pool/main/h/hello/"));
    assert!(told.contains("\nasked: `http://127.0.0.1:"), "{told}");
}

#[test]
fn a_snapshot_service_that_is_not_there_changes_nothing_but_the_list() {
    let world = World::new();
    let base = nobody();
    let wanted: Vec<Wanted> = (0..20)
        .map(|number| Wanted {
            what: format!("hello{number}_1.0_amd64"),
            last_resort: Some(base.clone()),
            digest: Digest::of(format!("{number}").as_bytes()),
            ..world.wanted()
        })
        .collect();
    let error = world.fetch(wanted).expect_err("they are gone");
    let PipelineError::Gone(gone) = &error else {
        panic!("{error}");
    };
    assert_eq!(gone.len(), 20);
    let told = error.to_string();
    assert!(told.contains(&format!("`{base}`: no connection")), "{told}");
    assert_eq!(told.matches(&base).count(), 1, "{told}");
}

#[test]
fn a_snapshot_service_in_trouble_is_asked_once() {
    let world = World::new();
    world.snapshots.fault("hello", ServerFault::Status(503));
    let error = world.fetch(vec![world.wanted()]).expect_err("it is gone");
    assert!(matches!(error, PipelineError::Gone(_)), "{error}");
    assert!(error.to_string().contains("503"), "{error}");
    assert_eq!(world.snapshots.count("hello"), 1);
}

#[test]
fn another_package_in_the_place_of_the_locked_one() {
    for server in ["mirror", "snapshots"] {
        let world = World::new();
        world.put(server, b"A package");
        let error = world.fetch(vec![world.wanted()]).expect_err("it lies");
        assert_eq!(error.class(), ErrorClass::Integrity, "{server}: {error}");
        assert!(!matches!(error, PipelineError::Gone(_)), "{server}");
    }
}

#[test]
fn offline_nobody_is_asked() {
    let mut world = World::new();
    world.settings.offline = true;
    world.put("snapshots", BYTES);
    let error = world.fetch(vec![world.wanted()]).expect_err("offline");
    assert!(matches!(error, PipelineError::Offline { .. }), "{error}");
    assert_eq!(world.mirror.count("") + world.snapshots.count(""), 0);
}

#[test]
fn a_mirror_in_trouble_is_no_mirror_without_the_package() {
    let world = World::new();
    world.mirror.fault("hello", ServerFault::Close);
    world.put("snapshots", BYTES);
    let error = world.fetch(vec![world.wanted()]).expect_err("no answer");
    assert!(matches!(error, PipelineError::Fetch { .. }), "{error}");
    assert_eq!(world.snapshots.count(""), 0);
}

#[test]
fn what_came_in_before_is_not_asked_for_again() {
    let world = World::new();
    world.put("mirror", BYTES);
    let first = world.fetch(vec![world.wanted()]).expect("it is there");
    world.mirror.forget_requests();
    let again = world
        .fetch(vec![world.wanted(), world.wanted()])
        .expect("it is in the store");
    assert_eq!(again, [first[0], first[0]]);
    assert_eq!(world.mirror.count(""), 0);
}

#[test]
fn all_failures_are_told() {
    let world = World::new();
    let wanted = ["a", "b"].map(|name| Wanted {
        what: name.to_owned(),
        mirrors: Vec::new(),
        digest: Digest::of(name.as_bytes()),
        archive: name.to_owned(),
        ..world.wanted()
    });
    let error = world.fetch(wanted.to_vec()).expect_err("no mirror");
    let told = error.to_string();
    assert!(
        told.contains("archive `a`") && told.contains("archive `b`"),
        "{told}"
    );
}
