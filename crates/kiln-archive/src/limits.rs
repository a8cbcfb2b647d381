//! How much foreign bytes may cost.

use std::io::Read;

use crate::ArchiveError;

/// Limits on what an archive may make kiln read, allocate or count. The defaults hold every package
/// of Debian and every image layer in use, with room to spare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries (tar headers, PAX headers included; ar members) in one archive.
    pub max_entries: u64,
    /// Bytes that come out of one decoder, and the sum of all sizes in one archive.
    pub max_unpacked: u64,
    /// Bytes of zeros behind the end of an archive: `tar -b` fills whole records, of 10 KiB as a rule.
    pub max_filling: u64,
    /// Bytes of one path or link target.
    pub max_path: usize,
    /// Bytes of the extended headers (PAX, GNU long names) of one entry, and of all global ones.
    pub max_extended: u64,
    /// Bytes of one member that is read into memory as a whole (see [`read_to_vec`]), and of the list of
    /// a zip archive.
    pub max_in_memory: u64,
    /// Bytes of memory that the xz decoder may use; `xz -9` needs 65 MiB.
    pub xz_memory: u64,
    /// Largest zstd window, as a power of two: 27 is 128 MiB, what `zstd -d` takes by default.
    pub zstd_window_log: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 1_000_000,
            max_unpacked: 16 << 30,
            max_filling: 16 << 20,
            max_path: 4096,
            max_extended: 1 << 20,
            max_in_memory: 64 << 20,
            xz_memory: 100 << 20,
            zstd_window_log: 27,
        }
    }
}

impl Limits {
    /// What a content of `packed` compressed bytes may unpack to: `ratio` times as much, at least
    /// `least` and at most `most`. Bombs unpack to ten thousand times and more what they weigh.
    #[must_use]
    pub fn unpacked_of(packed: u64, ratio: u64, least: u64, most: u64) -> u64 {
        packed.saturating_mul(ratio).clamp(least, most.max(least))
    }
}

/// Reads a member that must fit into memory, whatever size its header claims.
///
/// # Errors
/// [`Limit`](crate::ArchiveErrorKind::Limit) when there are more than `limit` bytes, and whatever
/// the reader says.
pub fn read_to_vec(reader: &mut dyn Read, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let taken = reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if taken as u64 > limit {
        return Err(ArchiveError::limit(format!(
            "the content is larger than the {limit} bytes that are read into memory"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ArchiveErrorKind;

    #[test]
    fn a_member_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(read_to_vec(&mut &b"abcd"[..], 4).unwrap(), b"abcd");
        assert_eq!(
            read_to_vec(&mut &b"abcde"[..], 4).unwrap_err().kind,
            ArchiveErrorKind::Limit
        );
        assert_eq!(
            read_to_vec(&mut std::io::repeat(0), 10).unwrap_err().kind,
            ArchiveErrorKind::Limit
        );
    }
}
