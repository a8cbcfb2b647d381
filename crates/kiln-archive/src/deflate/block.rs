//! One block: the unit in which input is compressed, on whatever thread.

use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};

use super::Segment;

/// The most that deflate can refer back (RFC 1951, section 2).
pub(super) const WINDOW: usize = 32 << 10;

/// Compresses `data`, which follows `dictionary`, into `out` (emptied first), up to and with a full
/// flush. The bytes depend on the arguments alone.
pub(super) fn compress(
    level: u32,
    dictionary: &[u8],
    data: &[u8],
    out: &mut Vec<u8>,
) -> io::Result<Segment> {
    out.clear();
    // With more room than deflate can need (9 bits a literal at worst, and block headers), one call
    // does it all; a second one would add another flush marker, and so make the bytes depend on the
    // buffer.
    out.reserve(data.len() + data.len() / 4 + 1024);
    // A new compressor for each block: `Compress::reset` of zlib-rs 0.6 leaves the old window and the
    // old hash chains in place, and what was compressed before then shows in the bytes.
    let mut deflate = Compress::new(Compression::new(level.min(9)), false);
    if !dictionary.is_empty() {
        deflate
            .set_dictionary(dictionary)
            .map_err(io::Error::other)?;
    }
    let status = deflate
        .compress_vec(data, out, FlushCompress::Full)
        .map_err(io::Error::other)?;
    if status != Status::Ok
        || deflate.total_in() != data.len() as u64
        || out.len() == out.capacity()
    {
        return Err(io::Error::other(
            "the compressor did not take its block in one go",
        ));
    }
    Ok(Segment {
        raw_length: data.len() as u64,
        crc32: crc32fast::hash(data),
        length: out.len() as u64,
    })
}

/// The part of a block that serves the next one as dictionary.
pub(super) fn window(data: &[u8]) -> &[u8] {
    data.get(data.len().saturating_sub(WINDOW)..)
        .unwrap_or_default()
}
