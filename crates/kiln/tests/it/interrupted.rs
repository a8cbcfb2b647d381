//! Whatever ends a run, the next one carries on, and the digest is the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kiln_testkit::ServerFault;

use crate::world::{World, digest_of, json_of};

/// Starts a build of `image.yaml` whose output nobody reads.
fn start(world: &World) -> Child {
    world
        .environment
        .command(&["build", "image.yaml", "--update", "-o", "oci:out"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until `reached` holds, or the build has ended by itself.
fn wait_until(child: &mut Child, reached: &dyn Fn() -> bool) {
    while !reached() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
}

fn kill(mut child: Child) {
    // SIGKILL: no handler runs.
    child.kill().unwrap();
    child.wait().unwrap();
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// `kill -9` when so many files have come into a folder of the store, through all stages: the first
/// index, downloads, fragments, layers, records, and at last the output.
#[test]
fn killed_at_any_moment_the_next_run_carries_on() {
    let good = World::new().digest();
    let mut ended_early = 0;
    for round in 0..12 {
        let world = World::new();
        let store = world.environment.store();
        let (folder, count): (PathBuf, usize) = match round {
            0 => (store.join("blobs/sha256"), 1),
            1 => (store.join("partial"), 1),
            2 => (store.join("tmp"), 1),
            3 => (store.join("locks"), 1),
            11 => (world.environment.work().join("out/blobs/sha256"), 3),
            round => (store.join("blobs/sha256"), 4 * round),
        };
        let mut child = start(&world);
        wait_until(&mut child, &|| entries(&folder) >= count);
        ended_early += usize::from(child.try_wait().unwrap().is_none());
        kill(child);
        let left: Vec<_> = world.work_names();
        if left.contains(&"out".to_owned()) {
            // Whole or absent.
            crate::layout::Layout::open(&world.environment.work().join("out")).manifests();
        }
        world.assert_store_is_sound();
        let run = world.kiln(&["build", "image.yaml", "-o", "oci:out", "--json"]);
        assert_eq!(digest_of(&json_of(&run)), good, "round {round}, {left:?}");
        world.assert_store_is_sound();
    }
    // A test that always comes too late would test nothing.
    assert!(
        ended_early >= 6,
        "only {ended_early} of 12 builds were killed while they ran"
    );
}

/// Folders of the store that somebody removed come back.
#[test]
fn a_store_without_some_of_its_folders_heals() {
    let world = World::new();
    let good = world.digest();
    for folders in [
        &["locks", "records"][..],
        &["tmp", "partial"],
        &["blobs"],
        &["blobs", "records", "locks", "tmp", "partial"],
    ] {
        for folder in folders {
            fs::remove_dir_all(world.environment.store().join(folder)).unwrap();
        }
        assert_eq!(world.digest(), good, "without {folders:?}");
        // What named the blobs that went goes with the first look.
        world.kiln(&["cache", "verify"]);
        world.assert_store_is_sound();
    }
}

/// In the middle of a package that comes slowly: what came is used.
#[test]
fn killed_in_a_download_it_resumes() {
    let world = World::new();
    let name = "nginx_1.26.3-3+deb13u1_amd64.deb";
    world.server.fault(name, ServerFault::Stall(300));
    let partial = world.environment.store().join("partial");
    let mut child = world
        .environment
        .command(&["build", "image.yaml"])
        .env("KILN_STALL_SECONDS", "600")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let holds_300 = || {
        let lengths = fs::read_dir(&partial).into_iter().flatten().flatten();
        lengths
            .filter_map(|entry| entry.metadata().ok())
            .any(|meta| meta.len() == 300)
    };
    wait_until(&mut child, &holds_300);
    assert!(
        child.try_wait().unwrap().is_none(),
        "the build ended by itself"
    );
    kill(child);
    world.server.heal();
    world.server.forget_requests();
    assert_eq!(world.digest(), World::new().digest());
    let requests = world.server.requests();
    let again = requests
        .iter()
        .find(|request| request.target.ends_with(name));
    assert_eq!(again.unwrap().header("range"), Some("bytes=300-"));
}

#[test]
fn two_builds_at_once_on_one_store() {
    let world = World::new();
    let good = World::new().digest();
    for name in ["a", "b", "c"] {
        world.environment.write(
            &format!("{name}/image.yaml"),
            world.environment.read("image.yaml"),
        );
        world.environment.write(
            &format!("{name}/keyring.asc"),
            world.environment.read("keyring.asc"),
        );
    }
    let children: Vec<Child> = ["a/image.yaml", "b/image.yaml", "c/image.yaml"]
        .map(|definition| {
            world
                .environment
                .command(&["build", definition, "--json"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .into();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{errors}");
        let build = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(digest_of(&build), good);
    }
    world.assert_store_is_sound();
}

/// A file system of 200 kB for the store, where this user may mount one.
#[test]
fn a_full_disk_is_named_and_with_room_it_goes_on() {
    let world = World::new();
    let store = world.environment.store();
    let Some(_mounted) = Mounted::at(&store, "200k") else {
        return;
    };
    let run = world.kiln(&["build", "image.yaml", "-o", "oci:out"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.stderr.contains("no space left") || run.stderr.contains("is full"),
        "{run}"
    );
    assert!(
        run.stderr.contains("[STORE]") || run.stderr.contains("KILN_HOME"),
        "{run}"
    );
    assert!(!world.environment.work().join("out").exists(), "{run}");
    Mounted::resize(&store, "64m");
    assert_eq!(world.digest(), World::new().digest());
    world.assert_store_is_sound();
}

/// The same for the place of the output.
#[test]
fn a_full_output_disk_leaves_nothing() {
    let world = World::new();
    let digest = world.digest();
    let place = world.environment.work().join("small");
    fs::create_dir(&place).unwrap();
    let Some(_mounted) = Mounted::at(&place, "8k") else {
        return;
    };
    for output in [
        "oci:small/out",
        "oci-archive:small/out.tar",
        "docker-archive:small/d.tar",
        "rootfs:small/root",
    ] {
        let run = world.kiln(&["build", "image.yaml", "--platform", "amd64", "-o", output]);
        assert_eq!(run.code, Some(1), "{output}: {run}");
        assert!(run.stderr.contains("small/"), "{output}: {run}");
        assert!(
            run.stderr.to_lowercase().contains("no space left"),
            "{output}: {run}"
        );
        assert_eq!(entries(&place), 0, "{output}");
    }
    Mounted::resize(&place, "64m");
    world
        .kiln(&["build", "image.yaml", "-o", "oci:small/out"])
        .success();
    assert_eq!(world.digest(), digest);
}

/// A mounted tmpfs, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// Mounts a tmpfs of this size, or says why the test is skipped.
    fn at(place: &Path, size: &str) -> Option<Self> {
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "kiln-test"])
            .arg(place)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if mounted {
            return Some(Self(place.to_owned()));
        }
        eprintln!("SKIPPED: a small file system needs the right to mount one");
        None
    }

    fn resize(place: &Path, size: &str) {
        let options = format!("remount,size={size}");
        let done = Command::new("mount")
            .args(["-o", &options])
            .arg(place)
            .status();
        assert!(
            done.unwrap().success(),
            "a mounted file system can be made larger"
        );
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A lock of a run that hangs does not hold others for ever, nor does its end.
#[test]
fn a_build_waits_for_one_that_fetches_the_same() {
    let world = World::new();
    let name = "nginx_1.26.3-3+deb13u1_amd64.deb";
    world.server.fault_times(name, ServerFault::Stall(300), 1);
    let partial = world.environment.store().join("partial");
    let mut first = world
        .environment
        .command(&["build", "image.yaml"])
        .env("KILN_STALL_SECONDS", "600")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(&mut first, &|| {
        entries(&partial) > 0 && world.server.count(name) > 0
    });
    let mut second = world
        .environment
        .command(&["build", "image.yaml", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The second has asked for all that the first does not hold, or waits for it.
    let mut patience = 20;
    while patience > 0 && second.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(10));
        patience -= 1;
    }
    kill(first);
    let output = second.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let build = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(digest_of(&build), World::new().digest());
}
