//! Making room: least recently used first, never under a running build.
//!
//! What is removed follows from the records. A record falls when it is damaged, when a blob it
//! refers to is gone, when it was not used for longer than the policy allows, or when the store is
//! too large and no other was unused for longer. A blob falls with the last record that refers to
//! it, or when none does and it has lain there for a while. Records that are state
//! ([`RecordKind::is_state`](crate::RecordKind::is_state)) never fall for age or size.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Digest, Timestamp};
use rustix::fs::OFlags;
use serde::Serialize;

use crate::layout::{PARTIAL, TMP, blob_name};
use crate::lock::is_free;
use crate::usage::{ScannedRecord, Tally};
use crate::{Store, StoreError};

/// What may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrunePolicy {
    /// Records not used for so many seconds fall.
    pub max_age: Option<u64>,
    /// Records fall, the least recently used first, until blobs and records have at most so many
    /// bytes.
    pub max_size: Option<u64>,
    /// Blobs that no record refers to fall after so many seconds.
    pub orphan_age: u64,
    /// Downloads that nobody went on with fall after so many seconds.
    pub partial_age: u64,
}

impl Default for PrunePolicy {
    /// Only leftovers: no record falls for age or size.
    fn default() -> Self {
        Self {
            max_age: None,
            max_size: None,
            orphan_age: 3_600,
            partial_age: 86_400,
        }
    }
}

/// What was removed, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// A build is at work: nothing was looked at.
    pub busy: bool,
    /// Records.
    pub records: Tally,
    /// Blobs.
    pub blobs: Tally,
    /// Downloads and temporary files.
    pub leftovers: Tally,
    /// The bytes of blobs and records that stay.
    pub kept: u64,
}

impl Pruned {
    /// The bytes that were freed, or would be.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.records
            .bytes
            .saturating_add(self.blobs.bytes)
            .saturating_add(self.leftovers.bytes)
    }
}

/// What the decision is made from; `BlobFact` by digest.
#[derive(Clone, Copy, Debug)]
struct BlobFact {
    size: u64,
    /// Seconds.
    used: i64,
}

/// What falls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decision {
    /// Indexes into the records.
    records: BTreeSet<usize>,
    blobs: BTreeSet<Digest>,
    kept: u64,
}

impl Store {
    /// Removes what the policy does not allow to stay. Where a build is at work (somebody
    /// [holds](Store::hold) the store) it removes nothing and says so.
    ///
    /// # Errors
    /// When the store cannot be read, or something cannot be removed.
    pub fn prune(
        &self,
        policy: &PrunePolicy,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Pruned, StoreError> {
        let Some(_alone) = self.hold_alone()? else {
            return Ok(Pruned {
                busy: true,
                ..Pruned::default()
            });
        };
        let records = self.scan_records()?;
        let mut blobs = BTreeMap::new();
        for (digest, meta) in self.scan_blobs()?.into_iter().flatten() {
            if meta.regular {
                blobs.insert(
                    digest,
                    BlobFact {
                        size: meta.size,
                        used: meta.accessed.max(meta.modified),
                    },
                );
            }
        }
        let decision = decide(&records, &blobs, policy, now.unix());
        let mut pruned = Pruned {
            kept: decision.kept,
            ..Pruned::default()
        };
        // Records first: a kill in between leaves blobs without records, never the other way round.
        for record in decision
            .records
            .iter()
            .filter_map(|index| records.get(*index))
        {
            pruned.records.add(record.size);
            if !dry_run {
                self.remove(&record.path)?;
            }
        }
        for digest in &decision.blobs {
            pruned
                .blobs
                .add(blobs.get(digest).map_or(0, |blob| blob.size));
            if !dry_run {
                self.remove(&blob_name(digest))?;
            }
        }
        let oldest = now.unix().saturating_sub_unsigned(policy.partial_age);
        self.prune_files(TMP, i64::MAX, dry_run, &mut pruned.leftovers)?;
        self.prune_files(PARTIAL, oldest, dry_run, &mut pruned.leftovers)?;
        Ok(pruned)
    }

    /// Removes the files of a directory that were last written before `oldest` and that no living
    /// process has locked.
    fn prune_files(
        &self,
        directory: &str,
        oldest: i64,
        dry_run: bool,
        leftovers: &mut Tally,
    ) -> Result<(), StoreError> {
        for name in self.names_in(directory)? {
            let path = format!("{directory}/{name}");
            let Some(meta) = self
                .meta(&path)?
                .filter(|meta| meta.regular && meta.modified < oldest)
            else {
                continue;
            };
            let Some(file) = self.open_file(&path, OFlags::RDONLY)? else {
                continue;
            };
            if is_free(&file) && self.is_at(&file, &path)? {
                leftovers.add(meta.size);
                if !dry_run {
                    self.remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// Decides what falls; looks at nothing but its arguments.
fn decide(
    records: &[ScannedRecord],
    blobs: &BTreeMap<Digest, BlobFact>,
    policy: &PrunePolicy,
    now: i64,
) -> Decision {
    let mut decision = Decision::default();
    let oldest = policy.max_age.map(|age| now.saturating_sub_unsigned(age));
    for (index, record) in records.iter().enumerate() {
        let whole = record
            .blobs
            .as_ref()
            .is_some_and(|wanted| wanted.iter().all(|digest| blobs.contains_key(digest)));
        let expired = !record.kind.is_state() && oldest.is_some_and(|oldest| record.used < oldest);
        if !whole || expired {
            decision.records.insert(index);
        }
    }
    let mut users: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut released = BTreeSet::new();
    for (index, record) in records.iter().enumerate() {
        for digest in record.blobs.iter().flatten() {
            if decision.records.contains(&index) {
                released.insert(*digest);
            } else {
                *users.entry(*digest).or_default() += 1;
            }
        }
    }
    let orphans = now.saturating_sub_unsigned(policy.orphan_age);
    for (digest, blob) in blobs {
        if !users.contains_key(digest) && (released.contains(digest) || blob.used < orphans) {
            decision.blobs.insert(*digest);
        }
    }
    let kept_blobs = blobs
        .iter()
        .filter(|(digest, _)| !decision.blobs.contains(digest))
        .map(|(_, blob)| blob.size);
    let kept_records = records
        .iter()
        .enumerate()
        .filter(|(index, _)| !decision.records.contains(index));
    decision.kept = kept_blobs
        .chain(kept_records.map(|(_, record)| record.size))
        .fold(0, u64::saturating_add);

    let Some(max_size) = policy.max_size else {
        return decision;
    };
    let mut candidates: Vec<usize> = (0..records.len())
        .filter(|index| !decision.records.contains(index))
        .filter(|index| {
            records
                .get(*index)
                .is_some_and(|record| !record.kind.is_state())
        })
        .collect();
    // Stable: equal stamps keep the order of kind and name.
    candidates.sort_by_key(|index| records.get(*index).map_or(i64::MAX, |record| record.used));
    for index in candidates {
        if decision.kept <= max_size {
            break;
        }
        let Some(record) = records.get(index) else {
            continue;
        };
        decision.records.insert(index);
        decision.kept = decision.kept.saturating_sub(record.size);
        for digest in record.blobs.iter().flatten() {
            let left = users.get_mut(digest).map_or(0, |count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == 0 && decision.blobs.insert(*digest) {
                decision.kept = decision
                    .kept
                    .saturating_sub(blobs.get(digest).map_or(0, |blob| blob.size));
            }
        }
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RecordKind;

    const DAY: i64 = 86_400;
    const NOW: i64 = 100 * DAY;

    fn digest(n: u8) -> Digest {
        Digest::from_bytes([n; 32])
    }

    fn record(kind: RecordKind, age: i64, blobs: &[u8]) -> ScannedRecord {
        let blobs = Some(blobs.iter().copied().map(digest).collect());
        ScannedRecord {
            kind,
            path: String::new(),
            name: String::new(),
            size: 1,
            used: NOW - age,
            blobs,
        }
    }

    /// Blob `n` has `n * 100` bytes.
    fn blobs(list: &[(u8, i64)]) -> BTreeMap<Digest, BlobFact> {
        let fact = |n: u8, age| BlobFact {
            size: u64::from(n) * 100,
            used: NOW - age,
        };
        list.iter()
            .map(|(n, age)| (digest(*n), fact(*n, *age)))
            .collect()
    }

    fn fallen(decision: &Decision) -> (Vec<usize>, Vec<u8>) {
        let blobs = decision
            .blobs
            .iter()
            .map(|digest| digest.as_bytes()[0])
            .collect();
        (decision.records.iter().copied().collect(), blobs)
    }

    #[test]
    fn decides_by_reference_age_and_size() {
        use RecordKind::{Fragment, Image, Lock};
        let default = PrunePolicy::default();
        let aged = PrunePolicy {
            max_age: Some(10 * 86_400),
            ..default
        };
        let sized = |bytes| PrunePolicy {
            max_size: Some(bytes),
            ..default
        };
        let two = [record(Image, 5 * DAY, &[1, 2]), record(Image, DAY, &[2, 3])];
        let all = [(1, 0), (2, 0), (3, 0)];
        type Case<'a> = (
            &'a str,
            &'a [ScannedRecord],
            &'a [(u8, i64)],
            PrunePolicy,
            (Vec<usize>, Vec<u8>),
            u64,
        );
        let cases: [Case<'_>; 9] = [
            ("nothing to do", &two, &all, default, (vec![], vec![]), 602),
            (
                "young orphan stays",
                &[],
                &[(1, 60)],
                default,
                (vec![], vec![]),
                100,
            ),
            (
                "old orphan falls",
                &[],
                &[(1, DAY)],
                default,
                (vec![], vec![1]),
                0,
            ),
            (
                "blob gone: record falls with its others",
                &two,
                &all[1..],
                default,
                (vec![0], vec![]),
                501,
            ),
            (
                "age",
                &[
                    record(Fragment, 11 * DAY, &[1]),
                    record(Fragment, 9 * DAY, &[2]),
                ],
                &all[..2],
                aged,
                (vec![0], vec![1]),
                201,
            ),
            (
                "state has no age",
                &[record(Lock, 90 * DAY, &[])],
                &[],
                aged,
                (vec![], vec![]),
                1,
            ),
            (
                "size: oldest first, shared blob stays",
                &two,
                &all,
                sized(550),
                (vec![0], vec![1]),
                501,
            ),
            (
                "size: nothing fits",
                &two,
                &all,
                sized(0),
                (vec![0, 1], vec![1, 2, 3]),
                0,
            ),
            (
                "size: state stays",
                &[record(Lock, 90 * DAY, &[])],
                &[],
                sized(0),
                (vec![], vec![]),
                1,
            ),
        ];
        for (name, records, facts, policy, expected, kept) in cases {
            let decision = decide(records, &blobs(facts), &policy, NOW);
            assert_eq!(fallen(&decision), expected, "{name}");
            assert_eq!(decision.kept, kept, "{name}");
        }
    }

    #[test]
    fn damaged_record_falls() {
        let damaged = ScannedRecord {
            blobs: None,
            ..record(RecordKind::Lock, 0, &[])
        };
        let decision = decide(&[damaged], &BTreeMap::new(), &PrunePolicy::default(), NOW);
        assert_eq!(fallen(&decision), (vec![0], vec![]));
    }
}
