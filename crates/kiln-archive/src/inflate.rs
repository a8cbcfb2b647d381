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

/// Whether the first block of a zlib stream that begins `bytes` may be one whose content begins with
/// `first` (RFC 1951, 3.2.3). It costs a few instructions and lets one of some hundred pass where
/// there is no stream.
#[must_use]
pub fn zlib_may_begin_with(bytes: &[u8], first: u8) -> bool {
    let mut head = [0; 16];
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    let [method, check, ..] = head;
    if method & 0x0f != 8 || !u16::from_be_bytes([method, check]).is_multiple_of(31) {
        return false;
    }
    // Bits come from the low end of each byte.
    let bits = u128::from_le_bytes(head) >> 16;
    let taken = |from: u32, count: u32| {
        let mask = (1_u128 << count) - 1;
        u64::try_from((bits >> from) & mask).unwrap_or_default()
    };
    match taken(1, 2) {
        // Stored: the length, and its complement, from the next byte on. An empty one is what a
        // flush leaves, and tells nothing.
        0 => {
            let length = taken(8, 16);
            length ^ taken(24, 16) == 0xffff && (length == 0 || taken(40, 8) == u64::from(first))
        }
        // Fixed codes: those of 0 to 143 have eight bits, highest first. The end of a block has
        // seven, none of which is set.
        1 => {
            let code = u8::try_from(taken(3, 8)).unwrap_or_default().reverse_bits();
            first > 143 || code == first + 0x30 || code >> 1 == 0
        }
        // Dynamic codes: so many of each kind, and a complete code for their lengths.
        2 => {
            let (literals, distances) = (taken(3, 5), taken(8, 5));
            let lengths = u32::try_from(taken(13, 4)).unwrap_or_default() + 4;
            let share = |place: u32| match taken(17 + 3 * place, 3) {
                0 => 0,
                length => 128_u32 >> length,
            };
            let sum: u32 = (0..lengths).map(share).sum();
            literals <= 29 && distances <= 29 && sum == 128
        }
        _ => false,
    }
}

/// The first bytes of the content of a zlib stream that begins here: as many as `length`, or all
/// there are; nothing where none begins. No more than these are unpacked.
#[must_use]
pub fn zlib_first(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let most = u64::try_from(length).unwrap_or(u64::MAX);
    let mut decoder = flate2::bufread::ZlibDecoder::new(bytes).take(most);
    // What stands there before something broken counts.
    let _ = decoder.read_to_end(&mut found);
    (!found.is_empty()).then_some(found)
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
        assert_eq!(zlib_first(&bytes, 5).unwrap(), b"{\"pac");
        assert_eq!(zlib_first(&bytes, 50).unwrap(), b"{\"packages\":[]}");
        assert_eq!(zlib_first(b"x", 5), None);
    }

    #[test]
    fn what_may_begin_is_never_less_than_what_does() {
        let text =
            b"{\"packages\":[{\"name\":\"a\",\"version\":\"1.0.0\"}]} and more and more of it";
        for level in 0..=9 {
            for length in 1..text.len() {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
                encoder.write_all(&text[..length]).unwrap();
                let bytes = encoder.finish().unwrap();
                assert!(zlib_may_begin_with(&bytes, b'{'), "{level} {length}");
            }
        }
        // Enough of different letters for codes of its own.
        let mut long = b"{\"packages\":[".to_vec();
        for number in 0..500_u32 {
            long.extend(
                format!(
                    "{{\"name\":\"crate-{}\"}},",
                    number.wrapping_mul(2_654_435_761)
                )
                .bytes(),
            );
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&long).unwrap();
            let bytes = encoder.finish().unwrap();
            assert!(zlib_may_begin_with(&bytes, b'{'), "{number}");
        }
        // Blocks without content in front, as each kind of flush leaves one.
        for flush in [flate2::FlushCompress::Sync, flate2::FlushCompress::Partial] {
            let mut compress = flate2::Compress::new(Compression::best(), true);
            let mut bytes = Vec::with_capacity(1_000);
            compress.compress_vec(b"", &mut bytes, flush).unwrap();
            let finish = flate2::FlushCompress::Finish;
            compress.compress_vec(text, &mut bytes, finish).unwrap();
            assert!(zlib_may_begin_with(&bytes, b'{'), "{bytes:?}");
            assert_eq!(zlib_first(&bytes, 3).unwrap(), b"{\"p");
        }
        // Kinds of blocks: stored with a wrong length, fixed with another letter, a code for lengths
        // that is not complete, and one that is no kind.
        for bytes in [
            &b"x\x01\x01\x05\0\0\0{"[..],
            b"x\x9c\xab\x03",
            b"x\x9c\x04\0\0\0\0\0",
            b"x\x9c\x07",
            b"x\x9d\xab\x56",
        ] {
            assert!(!zlib_may_begin_with(bytes, b'{'), "{bytes:?}");
        }
    }
}
