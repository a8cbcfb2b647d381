//! Makes the checks of a changed file right again. They are no protection against somebody who
//! changes a file on purpose, so what is read behind them must hold without them; this is how tests
//! get there.

use super::{BUCKET_BITS, DIRECTORY, ENTRY, HEADER, PARTS, hash, short_check};

/// Writes every check of a database anew, as far as its places lead anywhere.
pub fn seal_database(bytes: &mut [u8]) {
    let mut parts = [(0, 0); PARTS];
    for (index, part) in parts.iter_mut().enumerate() {
        *part = (
            number(bytes, 8 + index * 16, 8),
            number(bytes, 16 + index * 16, 8),
        );
    }
    let [meta, packages, facts, ids, records] = parts;
    for (directory, content) in [(packages, facts), (ids, records)] {
        for bucket in 0..(1_usize << BUCKET_BITS) {
            let place = directory.0.saturating_add(bucket * 8);
            let first = number(bytes, place, 4);
            let count = number(bytes, place.saturating_add(8), 4).saturating_sub(first);
            let start = directory
                .0
                .saturating_add(DIRECTORY)
                .saturating_add(first.saturating_mul(ENTRY));
            let length = count.saturating_mul(ENTRY);
            let Some(entries) = part(bytes, start, length).map(<[u8]>::to_vec) else {
                continue;
            };
            put(
                bytes,
                place.saturating_add(4),
                &short_check(&entries).to_le_bytes(),
            );
            for entry in entries.chunks_exact(ENTRY) {
                let record = content.0.saturating_add(number(entry, 8, 8));
                let length = number(entry, 16, 4).saturating_sub(8);
                let check = part(bytes, record.saturating_add(8), length).map(hash);
                if let Some(check) = check {
                    put(bytes, record, &check.to_le_bytes());
                }
            }
        }
    }
    let mut head = part(bytes, 0, HEADER - 8).unwrap_or_default().to_vec();
    for (start, length) in [meta, (packages.0, DIRECTORY), (ids.0, DIRECTORY)] {
        head.extend_from_slice(part(bytes, start, length).unwrap_or_default());
    }
    put(bytes, HEADER - 8, &hash(&head).to_le_bytes());
}

/// A number of so many bytes, the lowest first; 0 where there is none.
fn number(bytes: &[u8], place: usize, length: usize) -> usize {
    let found = part(bytes, place, length).unwrap_or_default();
    let value = found
        .iter()
        .rev()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn part(bytes: &[u8], start: usize, length: usize) -> Option<&[u8]> {
    bytes.get(start..start.checked_add(length)?)
}

fn put(bytes: &mut [u8], place: usize, value: &[u8]) {
    let end = place.saturating_add(value.len());
    if let Some(found) = bytes.get_mut(place..end) {
        found.copy_from_slice(value);
    }
}
