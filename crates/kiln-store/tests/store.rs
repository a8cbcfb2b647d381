//! The store as others use it: several writers, broken files, killed processes, pruning.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a set-up that fails fails the test"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use kiln_store::{
    Check, LockMode, Partial, PartialFile, Problem, PrunePolicy, RecordKey, RecordKind, Store,
    StoreError, StoreOptions, Stored, Wait,
};
use kiln_types::{BlobSource, Classify as _, Digest, ErrorClass, Timestamp};
use tempfile::TempDir;

mod processes;

const DAY: i64 = 86_400;

fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store")).unwrap();
    (directory, store)
}

fn open_partial(store: &Store, content: &[u8]) -> PartialFile {
    match store
        .partial(&Digest::of(content), Some(content.len() as u64))
        .unwrap()
    {
        Partial::Open(partial) => partial,
        other => panic!("{other:?}"),
    }
}

/// Sets a file's times, in seconds.
fn set_times(path: &Path, seconds: i64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
    let times = fs::FileTimes::new().set_accessed(time).set_modified(time);
    fs::File::open(path).unwrap().set_times(times).unwrap();
}

fn record_of(store: &Store, kind: RecordKind, key: &str, blobs: &[Stored]) {
    store
        .record_put(kind, key, &serde_json::to_vec(blobs).unwrap())
        .unwrap();
}

fn record_path(store: &Store, kind: RecordKind, name: &str) -> std::path::PathBuf {
    store.root().join("records").join(kind.as_str()).join(name)
}

/// No blob, nothing half-written.
fn assert_empty(store: &Store) {
    let usage = store.usage().unwrap();
    assert_eq!(
        (
            usage.blobs.count,
            usage.partial.count,
            usage.temporary.count
        ),
        (0, 0, 0)
    );
}

#[test]
fn a_blob_comes_in_and_is_read() {
    let (_directory, store) = store();
    let mut writer = store.writer().unwrap();
    writer.write_all(b"hello ").unwrap();
    writer.write_all(b"world").unwrap();
    assert_eq!(writer.length(), 11);
    let digest = Digest::of(b"hello world");
    assert!(
        !store.path_of(&digest).exists(),
        "visible before it is whole"
    );
    let stored = writer.commit(Some(&digest)).unwrap();
    assert_eq!((stored.digest, stored.size), (digest, 11));
    let metadata = fs::metadata(store.path_of(&digest)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o444);
    assert_eq!(metadata.ino(), stored.inode);
    let mut text = String::new();
    BlobSource::open(&store, &digest)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "hello world");
    assert_eq!(store.check(&stored).unwrap(), Check::Intact);
    let root = fs::metadata(store.root()).unwrap().permissions().mode();
    assert_eq!(root & 0o7777, 0o700);
    let missing = Digest::of(b"missing");
    assert!(store.open_blob(&missing).unwrap().is_none());
    let error = BlobSource::open(&store, &missing).err().unwrap();
    assert!(error.to_string().contains(&missing.to_string()), "{error}");
}

#[test]
fn a_dropped_or_wrong_blob_leaves_nothing() {
    let (_directory, store) = store();
    let mut writer = store.writer().unwrap();
    writer.write_all(b"abc").unwrap();
    drop(writer);
    let mut writer = store.writer().unwrap();
    writer.write_all(b"abc").unwrap();
    let error = writer.commit(Some(&Digest::of(b"abd"))).unwrap_err();
    assert!(
        matches!(error, StoreError::Mismatch { size: 3, .. }),
        "{error}"
    );
    assert_eq!(error.class(), ErrorClass::Integrity);
    assert_empty(&store);
}

#[test]
fn the_first_of_two_equal_blobs_stays() {
    let (_directory, store) = store();
    let first = store.put(b"same").unwrap();
    let second = store.put(b"same").unwrap();
    assert_eq!(first.inode, second.inode);
    assert_eq!(store.check(&first).unwrap(), Check::Intact);
    let usage = store.usage().unwrap();
    assert_eq!(
        (usage.blobs.count, usage.blobs.bytes, usage.temporary.count),
        (1, 4, 0)
    );
}

#[test]
fn writers_of_the_same_blob_in_many_threads() {
    let (_directory, store) = store();
    let content = vec![42; 300_000];
    let all: Vec<Stored> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| store.put(&content).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for stored in &all {
        assert_eq!(stored.inode, all[0].inode);
        assert_eq!(store.check(stored).unwrap(), Check::Intact);
    }
    let usage = store.usage().unwrap();
    assert_eq!((usage.blobs.count, usage.temporary.count), (1, 0));
}

#[test]
fn changes_are_seen_and_wrong_blobs_removed() {
    let (_directory, store) = store();
    for (name, right, change) in [
        (
            "appended",
            false,
            (|path| {
                fs::OpenOptions::new()
                    .append(true)
                    .open(path)
                    .unwrap()
                    .write_all(b"x")
                    .unwrap()
            }) as fn(&Path),
        ),
        ("emptied", false, |path| {
            fs::File::create(path).map(drop).unwrap()
        }),
        ("touched", true, |path| set_times(path, 1_000)),
        ("replaced by the same", true, |path| {
            let bytes = fs::read(path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path.with_extension("x"), b"takes the inode").unwrap();
            fs::write(path, bytes).unwrap();
            fs::remove_file(path.with_extension("x")).unwrap();
        }),
        ("replaced by a link", false, |path| {
            fs::remove_file(path).unwrap();
            symlink("/dev/zero", path).unwrap();
        }),
    ] {
        let stored = store.put(name.as_bytes()).unwrap();
        let path = store.path_of(&stored.digest);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        change(&path);
        assert_eq!(store.check(&stored).unwrap(), Check::Changed, "{name}");
        let again = store.ensure(&stored).unwrap();
        assert_eq!(again.is_some(), right, "{name}");
        match again {
            Some(again) => assert_eq!(store.check(&again).unwrap(), Check::Intact, "{name}"),
            None => assert_eq!(store.check(&stored).unwrap(), Check::Missing, "{name}"),
        }
    }
}

#[test]
fn a_flipped_bit_under_the_old_mtime_is_found_by_verify_only() {
    let (_directory, store) = store();
    let good = store.put(b"good").unwrap();
    let stored = store.put(b"content").unwrap();
    let path = store.path_of(&stored.digest);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(b"K").unwrap();
    file.set_times(fs::FileTimes::new().set_modified(modified))
        .unwrap();
    drop(file);
    assert_eq!(store.check(&stored).unwrap(), Check::Intact);
    let mut last = (0, 0);
    let problems = store
        .verify(&mut |done, total| last = (done, total))
        .unwrap();
    assert_eq!(
        problems,
        [Problem::CorruptBlob {
            digest: stored.digest,
            size: 7
        }]
    );
    assert_eq!(last, (11, 11));
    assert_eq!(store.check(&stored).unwrap(), Check::Missing);
    assert_eq!(store.check(&good).unwrap(), Check::Intact);
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), []);
}

#[test]
fn after_a_reboot_unflushed_blobs_are_hashed_once() {
    let (directory, store) = store();
    let stored = store.put(b"lazy").unwrap();
    let before_reboot = Stored {
        unflushed_in: Some(stored.unflushed_in.unwrap_or(7) ^ 1),
        ..stored
    };
    assert_eq!(store.check(&before_reboot).unwrap(), Check::Changed);
    let after = store.recheck(&stored.digest).unwrap().unwrap();
    assert_eq!(after.unflushed_in, None);
    assert_eq!(store.check(&after).unwrap(), Check::Intact);

    let options = StoreOptions { sync: true };
    let eager = Store::open_with(&directory.path().join("eager"), &options).unwrap();
    assert_eq!(eager.put(b"eager").unwrap().unflushed_in, None);
}

#[test]
fn what_a_power_cut_left_is_not_believed_when_the_blob_comes_again() {
    let (_directory, store) = store();
    let digest = Digest::of(b"content");
    for left in [&b""[..], b"\0\0\0\0\0\0\0"] {
        fs::write(store.path_of(&digest), left).unwrap();
        let stored = store.put(b"content").unwrap();
        assert_eq!(fs::read(store.path_of(&digest)).unwrap(), b"content");
        assert_eq!(store.check(&stored).unwrap(), Check::Intact);
        fs::remove_file(store.path_of(&digest)).unwrap();
    }
}

#[test]
fn foreign_stores_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("deep/store");
    Store::open(&root).unwrap();
    Store::open(&root).unwrap();
    fs::write(root.join("version"), "2\n").unwrap();
    let error = Store::open(&root).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error}"
    );
    fs::write(root.join("version"), "what\n").unwrap();
    assert!(matches!(
        Store::open(&root).unwrap_err(),
        StoreError::NotAStore { .. }
    ));
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("below")).unwrap_err();
    assert!(error.to_string().contains("file/below"), "{error}");
    assert_eq!(error.class(), ErrorClass::Environment);
}

#[test]
fn downloads_resume_and_are_verified() {
    let (_directory, store) = store();
    let content = b"0123456789";
    let mut partial = open_partial(&store, content);
    partial.write(b"01234").unwrap();
    assert!(matches!(
        store.partial(&Digest::of(content), None).unwrap(),
        Partial::Busy
    ));
    drop(partial);
    assert_eq!(store.usage().unwrap().partial.bytes, 5);

    let mut partial = open_partial(&store, content);
    assert_eq!(partial.length(), 5);
    partial.write(b"56789").unwrap();
    let stored = partial.finish().unwrap();
    assert!(partial.write(b"more").is_err(), "finished");
    drop(partial);
    assert_eq!(store.check(&stored).unwrap(), Check::Intact);
    assert_eq!(store.usage().unwrap().partial.count, 0);
    match store.partial(&stored.digest, Some(10)).unwrap() {
        Partial::Done(done) => assert_eq!(done.inode, stored.inode),
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_downloads_begin_anew() {
    let (_directory, store) = store();
    let mut partial = open_partial(&store, b"right");
    partial.write(b"wrong").unwrap();
    assert!(matches!(
        partial.finish().unwrap_err(),
        StoreError::Mismatch { size: 5, .. }
    ));
    assert_eq!(partial.length(), 0);
    partial.write(b"rig").unwrap();
    assert!(matches!(
        partial.finish().unwrap_err(),
        StoreError::Mismatch { size: 3, .. }
    ));
    partial.write(b"right").unwrap();
    partial.finish().unwrap();
    drop(partial);

    let mut partial = open_partial(&store, b"longer than it should be");
    partial.write(&[1; 20]).unwrap();
    drop(partial);
    let name = Digest::of(b"longer than it should be").hex();
    fs::write(store.root().join("partial").join(&name), [1; 100]).unwrap();
    assert_eq!(
        open_partial(&store, b"longer than it should be").length(),
        0
    );
    assert_eq!(
        store.usage().unwrap().partial.count,
        0,
        "an empty download stays behind"
    );
}

#[test]
fn a_download_finished_by_another_writer_in_between() {
    let (_directory, store) = store();
    let mut partial = open_partial(&store, b"twice");
    partial.write(b"twice").unwrap();
    let first = store.put(b"twice").unwrap();
    let second = partial.finish().unwrap();
    assert_eq!(first.inode, second.inode);
    assert_eq!(store.usage().unwrap().partial.count, 0);
}

#[test]
fn records_come_back_or_are_absent() {
    let (_directory, store) = store();
    let digest = Digest::of(b"key");
    assert_eq!(
        store.record_get(RecordKind::Fragment, &digest).unwrap(),
        None
    );
    store
        .record_put(RecordKind::Fragment, &digest, b"{}")
        .unwrap();
    store
        .record_put(RecordKind::Fragment, &digest, b"{\"a\":1}")
        .unwrap();
    assert_eq!(
        store
            .record_get(RecordKind::Fragment, &digest)
            .unwrap()
            .unwrap(),
        b"{\"a\":1}"
    );
    for key in [
        "nginx:1.26-dev",
        "../../etc/passwd",
        "a/b",
        ".",
        "..",
        "%2F",
        "é",
    ] {
        store
            .record_put(RecordKind::Name, key, key.as_bytes())
            .unwrap();
        assert_eq!(
            store.record_get(RecordKind::Name, key).unwrap().unwrap(),
            key.as_bytes()
        );
    }
    let listed: Vec<_> = store
        .record_list(RecordKind::Name)
        .unwrap()
        .into_iter()
        .map(|info| info.key)
        .collect();
    assert_eq!(listed.len(), 7);
    assert!(listed.contains(&RecordKey::from("../../etc/passwd")));
    assert_eq!(
        fs::read_dir(store.root().join("records/name"))
            .unwrap()
            .count(),
        7
    );
    assert!(store.record_remove(RecordKind::Name, "a/b").unwrap());
    assert!(!store.record_remove(RecordKind::Name, "a/b").unwrap());
    assert!(matches!(
        store.record_put(RecordKind::Name, "", b"").unwrap_err(),
        StoreError::Name { .. }
    ));
}

#[test]
fn torn_and_edited_records_are_absent() {
    let (_directory, store) = store();
    store
        .record_put(RecordKind::Image, "x", b"{\"digest\":1}")
        .unwrap();
    let path = record_path(&store, RecordKind::Image, "x");
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(
            store.record_get(RecordKind::Image, "x").unwrap(),
            None,
            "{length}"
        );
    }
    fs::write(&path, String::from_utf8(whole).unwrap().replace("1}", "2}")).unwrap();
    assert_eq!(store.record_get(RecordKind::Image, "x").unwrap(), None);
    let problems = store.verify(&mut |_, _| {}).unwrap();
    assert_eq!(
        problems,
        [Problem::CorruptRecord {
            kind: "image".to_owned(),
            key: "x".to_owned()
        }]
    );
    assert!(!path.exists());
}

#[test]
fn locks_exclude_and_time_out() {
    let (_directory, store) = store();
    let first = store.lock("index", LockMode::Shared, &Wait::NO).unwrap();
    let second = store.lock("index", LockMode::Shared, &Wait::NO).unwrap();
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let count = |_: Duration| {
        calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    };
    let wait = Wait {
        timeout: Duration::from_millis(10),
        waiting: &count,
    };
    let error = store.lock("index", LockMode::Exclusive, &wait).unwrap_err();
    assert!(error.is_busy(), "{error}");
    assert!(calls.into_inner() > 0);
    drop((first, second));
    let alone = store.lock("index", LockMode::Exclusive, &Wait::NO).unwrap();
    let waiter = store.clone();
    let thread = std::thread::spawn(move || {
        waiter.lock(
            "index",
            LockMode::Shared,
            &Wait::at_most(Duration::from_secs(60)),
        )
    });
    drop(alone);
    drop(thread.join().unwrap().unwrap());
    for name in ["", "a/b", "..", ".x", "Ä"] {
        let error = store.lock(name, LockMode::Shared, &Wait::NO).unwrap_err();
        assert!(matches!(error, StoreError::Name { .. }), "{name}");
    }
}

#[test]
fn nothing_is_pruned_under_a_running_build() {
    let (_directory, store) = store();
    let stored = store.put(b"orphan").unwrap();
    let policy = PrunePolicy {
        orphan_age: 0,
        ..PrunePolicy::default()
    };
    let later = Timestamp::from_unix(i64::from(u32::MAX));
    let building = store.hold(&Wait::NO).unwrap();
    let pruned = store.prune(&policy, later, false).unwrap();
    assert!(pruned.busy);
    assert_eq!(store.check(&stored).unwrap(), Check::Intact);
    drop(building);
    let pruned = store.prune(&policy, later, true).unwrap();
    assert_eq!(
        (pruned.busy, pruned.blobs.count, pruned.bytes(), pruned.kept),
        (false, 1, 6, 0)
    );
    assert_eq!(store.check(&stored).unwrap(), Check::Intact, "dry run");
    assert_eq!(store.prune(&policy, later, false).unwrap(), pruned);
    assert_eq!(store.check(&stored).unwrap(), Check::Missing);
}

#[test]
fn the_least_recently_used_goes_first() {
    let (_directory, store) = store();
    let now = 20_000 * DAY;
    let (old, shared, young) = (
        store.put(&[1; 5_000]).unwrap(),
        store.put(&[2; 5_000]).unwrap(),
        store.put(&[3; 5_000]).unwrap(),
    );
    record_of(&store, RecordKind::Image, "old", &[old, shared]);
    record_of(&store, RecordKind::Image, "young", &[shared, young]);
    store
        .record_put(RecordKind::ReleaseSeen, "trixie", b"{}")
        .unwrap();
    for (kind, name) in [
        (RecordKind::Image, "old"),
        (RecordKind::Image, "young"),
        (RecordKind::ReleaseSeen, "trixie"),
    ] {
        set_times(&record_path(&store, kind, name), now - 40 * DAY);
    }
    // Without a stamp reading changes nothing; with one, at most once a day.
    let used = |name| {
        store
            .record_list(RecordKind::Image)
            .unwrap()
            .iter()
            .find(|info| info.key.as_str() == name)
            .unwrap()
            .used
    };
    store.record_get(RecordKind::Image, "young").unwrap();
    assert_eq!(used("young").unix(), now - 40 * DAY);
    store.stamp_at(Timestamp::from_unix(now - 2 * DAY));
    store.record_get(RecordKind::Image, "young").unwrap();
    assert_eq!(used("young").unix(), now - 2 * DAY);
    store.stamp_at(Timestamp::from_unix(now - 2 * DAY + 3_600));
    store.record_get(RecordKind::Image, "young").unwrap();
    assert_eq!(used("young").unix(), now - 2 * DAY);

    let policy = PrunePolicy {
        max_size: Some(12_000),
        ..PrunePolicy::default()
    };
    let pruned = store
        .prune(&policy, Timestamp::from_unix(now), false)
        .unwrap();
    assert_eq!(
        (pruned.records.count, pruned.blobs.count, pruned.blobs.bytes),
        (1, 1, 5_000)
    );
    assert_eq!(store.check(&old).unwrap(), Check::Missing);
    assert_eq!(store.check(&shared).unwrap(), Check::Intact);
    assert_eq!(store.check(&young).unwrap(), Check::Intact);

    let policy = PrunePolicy {
        max_age: Some(86_400),
        ..PrunePolicy::default()
    };
    let pruned = store
        .prune(&policy, Timestamp::from_unix(now), false)
        .unwrap();
    assert_eq!((pruned.records.count, pruned.blobs.count), (1, 2));
    assert!(
        store
            .record_get(RecordKind::ReleaseSeen, "trixie")
            .unwrap()
            .is_some(),
        "state has no age"
    );
}

#[test]
fn access_stamps_of_blobs_keep_their_mtime() {
    let (_directory, store) = store();
    let stored = store.put(b"stamped").unwrap();
    let accessed = || fs::metadata(store.path_of(&stored.digest)).unwrap().atime();
    let later = accessed() + 3 * DAY;
    store.stamp_at(Timestamp::from_unix(later));
    assert_eq!(store.check(&stored).unwrap(), Check::Intact);
    assert_eq!(accessed(), later);
    assert_eq!(store.check(&stored).unwrap(), Check::Intact);
}

#[test]
fn a_record_falls_with_its_blob() {
    let (_directory, store) = store();
    let stored = store.put(b"layer").unwrap();
    record_of(&store, RecordKind::Layer, "whole", &[stored]);
    let gone = Stored {
        digest: Digest::of(b"gone"),
        ..stored
    };
    let lacking = || record_of(&store, RecordKind::Layer, "lacking", &[stored, gone]);
    lacking();
    let problems = store.verify(&mut |_, _| {}).unwrap();
    assert!(
        matches!(&problems[..], [Problem::MissingBlob { key, .. }] if key == "lacking"),
        "{problems:?}"
    );
    // What was found is gone, and is not found again.
    assert_eq!(store.verify(&mut |_, _| {}).unwrap(), []);
    lacking();
    let usage = store.usage().unwrap();
    assert_eq!(usage.records["layer"].count, 2);
    assert_eq!(
        (usage.blobs_of["layer"].count, usage.blobs_of["layer"].bytes),
        (1, 5)
    );
    let pruned = store
        .prune(&PrunePolicy::default(), Timestamp::EPOCH, false)
        .unwrap();
    assert_eq!((pruned.records.count, pruned.blobs.count), (1, 0));
    assert!(
        store
            .record_get(RecordKind::Layer, "whole")
            .unwrap()
            .is_some()
    );
}

#[test]
fn strangers_are_named_and_left_alone() {
    let (_directory, store) = store();
    let path = store.root().join("blobs/sha256/README");
    fs::write(&path, "mine").unwrap();
    let problems = store.verify(&mut |_, _| {}).unwrap();
    assert_eq!(problems, [Problem::Stranger { path: path.clone() }]);
    store
        .prune(
            &PrunePolicy {
                orphan_age: 0,
                ..PrunePolicy::default()
            },
            Timestamp::from_unix(i64::MAX),
            false,
        )
        .unwrap();
    assert!(path.exists());
}
