//! Segments: one rule of splitting, joined without inflating, and damage that does not go unseen.

use std::io::{Read, Write};

use flate2::read::GzDecoder;
use kiln_archive::deflate::{BLOCK, ParallelSegmentWriter, Segment, SegmentReader, SegmentWriter};
use kiln_archive::gzip::{GzipStitcher, OVERHEAD};
use kiln_archive::{ArchiveError, ArchiveErrorKind, Limits};
use proptest::prelude::*;

use crate::forge::sample;

pub(crate) fn segment(data: &[u8], level: u32) -> (Segment, Vec<u8>) {
    let mut writer = SegmentWriter::new(Vec::new(), level);
    writer.write_all(data).unwrap();
    let (segment, bytes) = writer.finish().unwrap();
    assert_eq!(segment.raw_length, data.len() as u64);
    assert_eq!(segment.length, bytes.len() as u64);
    assert_eq!(segment.crc32, crc32fast::hash(data));
    (segment, bytes)
}

pub(crate) fn stitch(segments: &[(Segment, Vec<u8>)]) -> Vec<u8> {
    let mut stitcher = GzipStitcher::new(Vec::new()).unwrap();
    for (segment, bytes) in segments {
        stitcher.append(segment, &mut bytes.as_slice()).unwrap();
    }
    let total = stitcher.total();
    let bytes = stitcher.finish().unwrap();
    assert_eq!(bytes.len() as u64, total.length + OVERHEAD);
    bytes
}

/// Inflates exactly one gzip member, which must be all there is.
fn one_member(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = GzDecoder::new(bytes);
    let mut data = Vec::new();
    decoder.read_to_end(&mut data).unwrap();
    let mut input = decoder.into_inner();
    let mut rest = Vec::new();
    input.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "{} bytes behind the member", rest.len());
    data
}

fn parallel(data: &[u8], level: u32, threads: usize, chunk: usize) -> (Segment, Vec<u8>) {
    let mut writer = ParallelSegmentWriter::new(Vec::new(), level, threads).unwrap();
    for part in data.chunks(chunk.max(1)) {
        writer.write_all(part).unwrap();
        writer.flush().unwrap();
    }
    writer.finish().unwrap()
}

fn inflate(bytes: &[u8], segment: Segment) -> Result<Vec<u8>, ArchiveError> {
    let mut data = Vec::new();
    SegmentReader::verified(bytes, segment).read_to_end(&mut data)?;
    Ok(data)
}

fn inflate_unknown(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, ArchiveError> {
    let mut data = Vec::new();
    SegmentReader::new(bytes, limits).read_to_end(&mut data)?;
    Ok(data)
}

#[test]
fn lengths_around_the_block_size_make_the_same_bytes_on_any_number_of_threads() {
    let data = sample(3 * BLOCK + 17, 1);
    for length in [
        0,
        1,
        4,
        100,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        2 * BLOCK,
        3 * BLOCK + 17,
    ] {
        for level in [1, 6, 9] {
            let data = &data[..length];
            let (known, bytes) = segment(data, level);
            for (threads, chunk) in [
                (0, 1 << 20),
                (1, 8191),
                (2, 1 << 20),
                (3, 70_001),
                (8, usize::MAX),
            ] {
                let other = parallel(data, level, threads, chunk);
                assert_eq!(
                    other.0, known,
                    "{length} bytes, level {level}, {threads} threads"
                );
                assert!(
                    other.1 == bytes,
                    "{length} bytes, level {level}, {threads} threads"
                );
            }
            assert!(inflate(&bytes, known).unwrap() == data);
            assert!(inflate_unknown(&bytes, &Limits::default()).unwrap() == data);
        }
    }
}

#[test]
fn what_was_compressed_before_leaves_no_trace() {
    // The same block behind the same 32 KiB, once early and once late.
    let (block, before) = (sample(BLOCK, 3), sample(BLOCK, 4));
    let start = segment(&before, 6).1.len();
    let early = segment(&[&before[..], &block].concat(), 6).1;
    let late = segment(&[&sample(2 * BLOCK, 5)[..], &before, &block].concat(), 6).1;
    assert!(late.ends_with(&early[start..]));
}

#[test]
fn every_level_and_incompressible_data() {
    let mut state = 88_172_645_463_325_252_u64;
    let noise: Vec<u8> = (0..BLOCK + 100)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    for level in 0..=12 {
        let (known, bytes) = segment(&noise, level);
        assert!(inflate(&bytes, known).unwrap() == noise, "level {level}");
        assert!(
            known.length < known.raw_length + known.raw_length / 8 + 64,
            "level {level}: {known:?}"
        );
    }
}

#[test]
fn an_empty_segment_is_empty_and_stitches() {
    let empty = segment(b"", 6);
    assert_eq!(empty, (Segment::default(), Vec::new()));
    assert_eq!(one_member(&stitch(&[])), b"");
    assert_eq!(
        one_member(&stitch(&[empty.clone(), segment(b"x", 6), empty])),
        b"x"
    );
}

#[test]
fn golden_stream() {
    let stream = stitch(&[
        segment(&sample(BLOCK + 99, 1), 6),
        segment(&sample(5000, 2), 9),
    ]);
    assert_eq!(&stream[..10], b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
    // Whoever changes this (a new zlib-rs may) changes the digest of every compressed layer.
    assert_eq!(
        format!("{} {:08x}", stream.len(), crc32fast::hash(&stream)),
        "111426 0b0bab86"
    );
}

#[test]
fn the_stitcher_refuses_a_segment_of_another_length() {
    let (known, bytes) = segment(b"some bytes", 6);
    for wrong in [
        &bytes[..bytes.len() - 1],
        &[bytes.clone(), vec![0]].concat(),
        b"",
    ] {
        let mut stitcher = GzipStitcher::new(Vec::new()).unwrap();
        let error = stitcher.append(&known, &mut &wrong[..]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    }
}

#[test]
fn an_isize_wraps_at_4_gib() {
    let zeros = Segment {
        raw_length: (4 << 30) + 5,
        crc32: 0,
        length: 0,
    };
    let mut stitcher = GzipStitcher::new(Vec::new()).unwrap();
    stitcher.append(&zeros, &mut &b""[..]).unwrap();
    let bytes = stitcher.finish().unwrap();
    assert_eq!(bytes[bytes.len() - 4..], 5_u32.to_le_bytes());
}

#[test]
fn a_segment_that_is_cut_anywhere() {
    let data = sample(3000, 5);
    let (known, bytes) = segment(&data, 6);
    for length in 0..bytes.len() {
        let error = inflate(&bytes[..length], known).unwrap_err();
        assert_eq!(error.kind, ArchiveErrorKind::Malformed, "{length}: {error}");
        // Without what to expect, nothing at all is an empty segment, and a cut is still seen.
        assert_eq!(
            inflate_unknown(&bytes[..length], &Limits::default()).is_ok(),
            length == 0,
            "{length}"
        );
    }
}

#[test]
fn a_segment_that_goes_on_or_ends_the_stream() {
    let (known, bytes) = segment(b"some bytes", 6);
    let (_, more) = segment(b"more", 6);
    assert!(
        inflate(&[bytes.clone(), more].concat(), known)
            .unwrap_err()
            .reason
            .contains("more than the 10 bytes")
    );
    let padded = [bytes.clone(), vec![0, 0, 0, 0xff, 0xff]].concat();
    assert!(
        inflate(&padded, known)
            .unwrap_err()
            .reason
            .contains("not the one expected")
    );
    let ended = [bytes.clone(), vec![3, 0]].concat();
    assert!(
        inflate(&ended, known)
            .unwrap_err()
            .reason
            .contains("final block")
    );
    let lies = Segment {
        crc32: known.crc32 ^ 1,
        ..known
    };
    assert!(
        inflate(&bytes, lies)
            .unwrap_err()
            .reason
            .contains("not the one expected")
    );
    let longer = Segment {
        raw_length: 11,
        ..known
    };
    assert!(
        inflate(&bytes, longer)
            .unwrap_err()
            .reason
            .contains("not the one expected")
    );
}

#[test]
fn a_segment_that_refers_to_what_was_before_it() {
    let data = sample(2 * BLOCK, 6);
    let (_, both) = segment(&data, 6);
    let (first, bytes) = segment(&data[..BLOCK], 6);
    assert!(both.starts_with(&bytes));
    let error = inflate_unknown(&both[bytes.len()..], &Limits::default()).unwrap_err();
    assert!(error.reason.contains("broken"), "{error}");
    assert_eq!(first.raw_length, BLOCK as u64);
}

#[test]
fn a_deflate_bomb_ends_at_the_limit() {
    let (known, bytes) = segment(&vec![0; 40 << 20], 9);
    assert!(known.length < 60_000, "{known:?}");
    let limits = Limits {
        max_unpacked: 1 << 20,
        ..Limits::default()
    };
    assert_eq!(
        inflate_unknown(&bytes, &limits).unwrap_err().kind,
        ArchiveErrorKind::Limit
    );
    let lies = Segment {
        raw_length: 1000,
        ..known
    };
    assert_eq!(
        inflate(&bytes, lies).unwrap_err().kind,
        ArchiveErrorKind::Malformed
    );
}

#[test]
fn a_writer_that_fails_gives_its_error_on_any_number_of_threads() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for threads in [1, 4] {
        let mut writer = ParallelSegmentWriter::new(Full, 1, threads).unwrap();
        let result = writer
            .write_all(&sample(40 * BLOCK, 1))
            .and_then(|()| writer.finish().map(|_| ()));
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn stitched_segments_are_one_member_of_the_whole(
        parts in proptest::collection::vec((0..80_000_usize, any::<u64>(), 0..=9_u32), 0..8)
    ) {
        let parts: Vec<(Vec<u8>, u32)> = parts.into_iter().map(|(length, seed, level)| (sample(length, seed), level)).collect();
        let segments: Vec<_> = parts.iter().map(|(data, level)| segment(data, *level)).collect();
        let whole: Vec<u8> = parts.iter().flat_map(|(data, _)| data.clone()).collect();
        let stream = stitch(&segments);
        prop_assert!(one_member(&stream) == whole);
        let total = segments.iter().fold(Segment::default(), |total, (next, _)| total.followed_by(next));
        prop_assert_eq!(total.crc32, crc32fast::hash(&whole));
        let joined: Vec<u8> = segments.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        prop_assert!(inflate(&joined, total).unwrap() == whole);
    }

    #[test]
    fn parallel_is_serial(
        length in 0..5 * BLOCK, seed in any::<u64>(), level in 1..=9_u32, threads in 2..5_usize, chunk in 1..1_000_000_usize
    ) {
        let data = sample(length, seed);
        prop_assert!(parallel(&data, level, threads, chunk) == segment(&data, level));
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), claimed in 0..1000_u64) {
        let limits = Limits { max_unpacked: 1 << 20, ..Limits::default() };
        let _ = inflate_unknown(&bytes, &limits);
        let _ = inflate(&bytes, Segment { raw_length: claimed, crc32: 0, length: bytes.len() as u64 });
    }
}
