//! What is remembered of layers gives the same answers as reading them, and no archive can change
//! what is remembered of another one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kiln_inventory::{InventoryError, LayerMemory, NoMemory, Place, ScanLimits, open};
use kiln_types::{Classify as _, Digest, ErrorClass, Inventory, Mark};

use crate::image::*;
use crate::places::{docker_archive, gzip, layout};

/// Keeps everything, and counts.
#[derive(Default)]
struct Memory {
    kept: Mutex<BTreeMap<Digest, Vec<u8>>>,
    seen: Mutex<BTreeMap<Mark, Digest>>,
    hits: AtomicUsize,
    recognised: AtomicUsize,
}

impl LayerMemory for Memory {
    fn recall(&self, key: &Digest) -> Option<Vec<u8>> {
        let found = self.kept.lock().unwrap().get(key).cloned();
        self.hits
            .fetch_add(usize::from(found.is_some()), Ordering::Relaxed);
        found
    }

    fn keep(&self, key: &Digest, bytes: &[u8]) {
        self.kept.lock().unwrap().insert(*key, bytes.to_vec());
    }

    fn has_seen(&self, mark: &Mark, digest: &Digest) -> bool {
        let found = self.seen.lock().unwrap().get(mark) == Some(digest);
        self.recognised
            .fetch_add(usize::from(found), Ordering::Relaxed);
        found
    }

    fn saw(&self, mark: &Mark, digest: &Digest) {
        self.seen.lock().unwrap().insert(mark.clone(), *digest);
    }
}

impl Memory {
    /// Layers found under their key, and of these the ones that were not even hashed; counted anew.
    fn counts(&self) -> (usize, usize) {
        let take = |count: &AtomicUsize| count.swap(0, Ordering::Relaxed);
        (take(&self.hits), take(&self.recognised))
    }
}

fn read(place: &str, memory: &dyn LayerMemory) -> Result<Inventory, InventoryError> {
    let Place::Transport(transport) = place.parse()? else {
        panic!("{place} is a document");
    };
    open(&transport)?[0].inventory(&ScanLimits::default(), 2, memory)
}

fn json(inventory: &Inventory) -> String {
    serde_json::to_string(inventory).unwrap()
}

fn layers() -> [Vec<u8>; 2] {
    [debian(), tar(&[file("app/node_modules/.wh.b", b"")])]
}

#[test]
fn a_remembered_layer_is_as_one_that_was_read() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = |name: &str| folder.path().join(name);
    let archive = docker_archive(&layers());
    fs::write(path("image.tar"), &archive).unwrap();
    fs::write(path("image.tar.gz"), gzip(&archive)).unwrap();
    layout(&path("layout"), &layers());
    let memory = Memory::default();
    for (place, first) in [
        (
            format!("docker-archive:{}", path("image.tar").display()),
            (0, 0),
        ),
        // The same layers in another file: hashed once more, not read.
        (
            format!("docker-archive:{}", path("image.tar.gz").display()),
            (2, 0),
        ),
        (format!("oci:{}", path("layout").display()), (0, 0)),
    ] {
        let fresh = json(&read(&place, &NoMemory).unwrap());
        assert_eq!(json(&read(&place, &memory).unwrap()), fresh, "{place}");
        assert_eq!(memory.counts(), first, "{place}");
        assert_eq!(json(&read(&place, &memory).unwrap()), fresh, "{place}");
        // The image as a whole, by the marks of its two layers.
        assert_eq!(memory.counts(), (1, 2), "{place}");
    }
}

#[test]
fn a_lower_bound_is_not_remembered() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("layout");
    let whole = debian();
    layout(&path, &[whole[..whole.len() - 1500].to_vec()]);
    let memory = Memory::default();
    let inventory = read(&format!("oci:{}", path.display()), &memory).unwrap();
    assert!(!inventory.is_complete());
    assert!(memory.kept.lock().unwrap().is_empty());
}

/// The largest blob of a layout: its layer.
fn largest(layout: &Path) -> std::path::PathBuf {
    fs::read_dir(layout.join("blobs/sha256"))
        .unwrap()
        .map(|blob| blob.unwrap().path())
        .max_by_key(|blob| fs::metadata(blob).unwrap().len())
        .unwrap()
}

#[test]
fn an_archive_that_lies_poisons_nothing_and_is_not_answered_for() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = |name: &str| folder.path().join(name);
    let place = |name: &str| format!("oci:{}", path(name).display());
    let evil = tar(&[file("etc/os-release", OS_RELEASE)]);
    // A layout that promises the digests of an honest image and holds other bytes.
    layout(&path("honest"), &[debian()]);
    layout(&path("lying"), &[debian()]);
    let memory = Memory::default();
    fs::write(largest(&path("lying")), gzip(&evil)).unwrap();
    let error = read(&place("lying"), &memory).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Integrity, "{error}");
    assert!(memory.kept.lock().unwrap().is_empty());
    assert!(memory.seen.lock().unwrap().is_empty());
    // Once the honest image is remembered, the lying one still is not answered from memory.
    let fresh = json(&read(&place("honest"), &memory).unwrap());
    for bytes in [gzip(&evil), Vec::new()] {
        fs::write(largest(&path("lying")), bytes).unwrap();
        let error = read(&place("lying"), &memory).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Integrity, "{error}");
    }
    assert_eq!(json(&read(&place("honest"), &memory).unwrap()), fresh);
}

#[test]
fn a_file_that_was_written_to_is_hashed_again() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("layout");
    layout(&path, &[debian()]);
    let place = format!("oci:{}", path.display());
    let memory = Memory::default();
    read(&place, &memory).unwrap();
    let layer = largest(&path);
    let honest = fs::read(&layer).unwrap();
    let modified = fs::metadata(&layer).unwrap().modified().unwrap();
    let mut other = honest.clone();
    other[honest.len() / 2] ^= 1;
    // Same size, and the time of modification put back.
    fs::write(&layer, &other).unwrap();
    let written = fs::File::options().write(true).open(&layer).unwrap();
    written.set_modified(modified).unwrap();
    memory.counts();
    let error = read(&place, &memory).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Integrity, "{error}");
    assert_eq!(memory.counts(), (1, 0));
    fs::write(&layer, &honest).unwrap();
    read(&place, &memory).unwrap();
    assert_eq!(memory.counts(), (1, 0));
}

#[test]
fn damaged_and_foreign_answers_are_not_taken() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, docker_archive(&layers())).unwrap();
    let place = format!("docker-archive:{}", path.display());
    let memory = Memory::default();
    let fresh = json(&read(&place, &memory).unwrap());
    for bytes in memory.kept.lock().unwrap().values_mut() {
        bytes.truncate(bytes.len() / 2);
    }
    assert_eq!(json(&read(&place, &memory).unwrap()), fresh);
}

#[test]
fn other_limits_are_other_answers() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("image.tar");
    fs::write(&path, docker_archive(&layers())).unwrap();
    let place: Place = format!("docker-archive:{}", path.display())
        .parse()
        .unwrap();
    let Place::Transport(transport) = place else {
        panic!("a document");
    };
    let memory = Memory::default();
    let image = &open(&transport).unwrap()[0];
    image.inventory(&ScanLimits::default(), 1, &memory).unwrap();
    let tight = ScanLimits {
        file: 10,
        ..ScanLimits::default()
    };
    let inventory = image.inventory(&tight, 1, &memory).unwrap();
    assert!(!inventory.is_complete());
}
