//! Deflate streams that stand in the middle of other bytes: zlib (RFC 1950) in programs. What follows
//! a stream is not looked at.

use std::io::Read;

use flate2::read::ZlibDecoder;

use crate::ArchiveError;

/// Unpacks a zlib stream that begins `bytes`.
///
/// # Errors
/// When the stream is broken or ends early, or unpacks to more than `limit` bytes.
pub fn zlib(bytes: &[u8], limit: u64) -> Result<Vec<u8>, ArchiveError> {
    whole(ZlibDecoder::new(bytes), limit)
}

/// Whether a zlib stream begins here and its content begins so. Only as much is unpacked as `start`
/// is long.
#[must_use]
pub fn zlib_begins_with(bytes: &[u8], start: &[u8]) -> bool {
    let mut found = vec![0; start.len()];
    ZlibDecoder::new(bytes).read_exact(&mut found).is_ok() && found == start
}

fn whole(decoder: impl Read, limit: u64) -> Result<Vec<u8>, ArchiveError> {
    let mut content = Vec::new();
    let count = decoder
        .take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|error| {
            ArchiveError::malformed(format!("the deflate stream is broken: {error}"))
        })?;
    if count as u64 > limit {
        return Err(ArchiveError::limit(format!(
            "it unpacks to more than {limit} bytes"
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::ArchiveErrorKind;

    #[test]
    fn a_stream_with_bytes_behind_it() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(b"{\"packages\":[]}").unwrap();
        let mut bytes = encoder.finish().unwrap();
        bytes.extend_from_slice(b"behind");
        assert_eq!(zlib(&bytes, 100).unwrap(), b"{\"packages\":[]}");
        assert_eq!(zlib(&bytes, 5).unwrap_err().kind, ArchiveErrorKind::Limit);
        assert_eq!(
            zlib(&bytes[..9], 100).unwrap_err().kind,
            ArchiveErrorKind::Malformed
        );
        assert!(zlib_begins_with(&bytes, b"{\"packages\""));
        assert!(!zlib_begins_with(&bytes, b"[\"packages\""));
        assert!(!zlib_begins_with(b"x", b"{"));
    }
}
