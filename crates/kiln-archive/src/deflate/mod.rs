//! Raw deflate (RFC 1951) in segments: compressed once, joined for ever.
//!
//! A segment is a run of deflate blocks that refers to nothing before itself and ends in a full
//! flush: on a byte boundary, without a final block. Segments can therefore be put behind each
//! other in any order, and [`crate::gzip::GzipStitcher`] makes one gzip member of them.
//!
//! There is one rule of splitting, so that the bytes do not depend on the number of threads: the
//! input is cut every [`BLOCK`] bytes; each block is compressed by itself, with the last 32 KiB before
//! it as dictionary, and ends in a full flush. [`SegmentWriter`] does so on the caller's thread,
//! [`ParallelSegmentWriter`] on several. An empty input is an empty segment.

mod block;
mod parallel;
mod reader;
mod writer;

pub use parallel::ParallelSegmentWriter;
pub(crate) use reader::FINAL_BLOCK;
pub use reader::SegmentReader;
pub use writer::SegmentWriter;

/// How much input is compressed at a time. Changing it changes the bytes of every image.
pub const BLOCK: usize = 256 << 10;

/// What is known of a segment without inflating it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Bytes before compression.
    pub raw_length: u64,
    /// CRC-32 (as in gzip) of the bytes before compression.
    pub crc32: u32,
    /// Bytes of the segment itself.
    pub length: u64,
}

impl Segment {
    /// What is known of this segment followed by another.
    #[must_use]
    pub fn followed_by(&self, next: &Self) -> Self {
        let mut crc = crc32fast::Hasher::new_with_initial_len(self.crc32, self.raw_length);
        crc.combine(&crc32fast::Hasher::new_with_initial_len(
            next.crc32,
            next.raw_length,
        ));
        Self {
            raw_length: self.raw_length.wrapping_add(next.raw_length),
            crc32: crc.finalize(),
            length: self.length.wrapping_add(next.length),
        }
    }
}
