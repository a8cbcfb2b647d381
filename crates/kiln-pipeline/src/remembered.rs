//! What was learnt of layers of any image, in the store: each layer's answer once, and the marks of
//! files whose bytes were hashed.
//!
//! - A record is whole or absent: one that does not match its own SHA-256 is none.
//! - It may be lost at any time; then the layer is read again. So nothing that goes wrong here is an
//!   error, and a store that cannot be written to remembers nothing.
//! - It is bounded: what was not used for longest falls.

use kiln_inventory::LayerMemory;
use kiln_store::{RecordKind, Store};
use kiln_types::{Digest, Mark, Timestamp};

/// Bytes of all answers.
const MOST_BYTES: u64 = 256 << 20;
/// Marks of files.
const MOST_MARKS: usize = 4096;
/// How old the last write to a file must be for its mark to be believed: file systems keep time in
/// steps of up to two seconds, and a page that was written to through a mapping is written back, and
/// the next write seen, within half a minute.
const STEP_NS: i64 = 60_000_000_000;
/// When blobs of the store itself were changed: nobody writes to one once it is there.
const OF_STORE: i64 = i64::MIN;

/// Layers that a store remembers.
#[derive(Clone, Debug)]
pub struct RememberedLayers {
    store: Store,
    now: Timestamp,
    /// Whether the mark of a file outside the store is believed.
    believes_files: bool,
}

impl RememberedLayers {
    /// Those of a store, at a time.
    #[must_use]
    pub fn new(store: Store, now: Timestamp) -> Self {
        Self {
            store,
            now,
            believes_files: true,
        }
    }

    /// The same for a verdict: the bytes of layers outside the store are hashed each time, so that
    /// it relies on them and not on what stat(2) says.
    #[must_use]
    pub fn for_verdict(self) -> Self {
        Self {
            believes_files: false,
            ..self
        }
    }

    /// The key of a mark. A power cut can leave a file with its size and times and without its
    /// bytes, so a mark counts in one boot of the machine only.
    fn key(&self, mark: &Mark) -> Option<Digest> {
        let boot = self.store.boot()?;
        Some(Digest::of(format!("{boot} {}", mark.text).as_bytes()))
    }

    /// Drops what was not used for longest until the rest is within bounds.
    fn bound(&self, kind: RecordKind, most_bytes: u64, most: usize) {
        let Ok(mut records) = self.store.record_list(kind) else {
            return;
        };
        let mut bytes: u64 = records.iter().map(|record| record.size).sum();
        let mut count = records.len();
        records.sort_by_key(|record| record.used);
        for record in records {
            if bytes <= most_bytes && count <= most {
                break;
            }
            bytes = bytes.saturating_sub(record.size);
            count -= 1;
            // Somebody else may have removed it.
            let _ = self.store.record_remove(kind, record.key);
        }
    }
}

impl LayerMemory for RememberedLayers {
    fn recall(&self, key: &Digest) -> Option<Vec<u8>> {
        self.store.record_get(RecordKind::Scan, key).ok().flatten()
    }

    fn keep(&self, key: &Digest, bytes: &[u8]) {
        if self.store.record_put(RecordKind::Scan, key, bytes).is_ok() {
            self.bound(RecordKind::Scan, MOST_BYTES, usize::MAX);
        }
    }

    fn has_seen(&self, mark: &Mark, digest: &Digest) -> bool {
        if !self.believes_files && mark.changed_ns != OF_STORE {
            return false;
        }
        let Some(key) = self.key(mark) else {
            return false;
        };
        let found = self.store.record_get(RecordKind::Seen, &key).ok().flatten();
        found.is_some_and(|found| found == digest.hex().as_bytes())
    }

    fn saw(&self, mark: &Mark, digest: &Digest) {
        let now = self.now.unix().saturating_mul(1_000_000_000);
        if mark.changed_ns.saturating_add(STEP_NS) > now {
            return;
        }
        if let Some(key) = self.key(mark) {
            let hex = digest.hex();
            let put = self
                .store
                .record_put(RecordKind::Seen, &key, hex.as_bytes());
            if put.is_ok() {
                self.bound(RecordKind::Seen, u64::MAX, MOST_MARKS);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(text: &str, changed_ns: i64) -> Mark {
        Mark {
            text: text.to_owned(),
            changed_ns,
        }
    }

    #[test]
    fn a_file_that_was_just_written_is_not_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let memory = RememberedLayers::new(store, Timestamp::from_unix(100));
        let verdict = memory.clone().for_verdict();
        let digest = Digest::of(b"layer");
        for (text, changed, expected) in [
            ("old", 30_000_000_000, true),
            ("young", 50_000_000_000, false),
            ("of the future", 200_000_000_000, false),
            ("of the store", i64::MIN, true),
        ] {
            let mark = mark(text, changed);
            assert!(!memory.has_seen(&mark, &digest), "{text}");
            memory.saw(&mark, &digest);
            assert_eq!(memory.has_seen(&mark, &digest), expected, "{text}");
            // A verdict believes none but the store's.
            let is_of_store = changed == i64::MIN;
            assert_eq!(verdict.has_seen(&mark, &digest), is_of_store, "{text}");
            assert!(!memory.has_seen(&mark, &Digest::of(b"another")), "{text}");
        }
    }

    #[test]
    fn a_damaged_answer_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let memory = RememberedLayers::new(store, Timestamp::from_unix(100));
        let key = Digest::of(b"key");
        memory.keep(&key, b"an answer");
        assert_eq!(memory.recall(&key).as_deref(), Some(&b"an answer"[..]));
        let path = folder.path().join("records/scan").join(key.hex());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[3] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(memory.recall(&key), None);
    }

    #[test]
    fn what_was_not_used_for_longest_falls() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let memory = RememberedLayers::new(store, Timestamp::from_unix(100));
        let keys: Vec<Digest> = (0..3_u8).map(|n| Digest::of(&[n])).collect();
        for (age, key) in (1_u64..).zip(&keys) {
            memory.keep(key, &[0; 100]);
            let path = folder.path().join("records/scan").join(key.hex());
            let file = std::fs::File::open(path).unwrap();
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000 - age);
            file.set_modified(time).unwrap();
        }
        memory.bound(RecordKind::Scan, 200, usize::MAX);
        let left: Vec<bool> = keys
            .iter()
            .map(|key| memory.recall(key).is_some())
            .collect();
        assert_eq!(left, [true, true, false]);
    }
}
