//! Decoders: all forms that occur, and bytes that lie.

use std::io::{self, Read, Write};

use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::zstd::{Frame, FrameReader, FrameWriter};
use kiln_archive::{ArchiveError, ArchiveErrorKind, Limits};
use proptest::prelude::*;

use crate::forge::sample;

const CODECS: [Codec; 3] = [Codec::Gzip, Codec::Xz, Codec::Zstd];

pub(crate) fn compress(codec: Codec, data: &[u8]) -> Vec<u8> {
    match codec {
        Codec::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Codec::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Codec::Zstd => frame(data, 3).1,
        Codec::None | Codec::Bzip2 => data.to_vec(),
    }
}

fn frame(data: &[u8], level: i32) -> (Frame, Vec<u8>) {
    let mut writer = FrameWriter::new(Vec::new(), level).unwrap();
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn unpack(codec: Codec, bytes: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    unpack_with(codec, bytes, &Limits::default())
}

fn unpack_with(codec: Codec, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, ArchiveError> {
    let mut data = Vec::new();
    decoder(codec, bytes, limits)?.read_to_end(&mut data)?;
    Ok(data)
}

#[test]
fn names_and_magic() {
    for (name, codec) in [
        ("data.tar.xz", Codec::Xz),
        ("control.tar.gz", Codec::Gzip),
        ("data.tar.zst", Codec::Zstd),
        ("data.tar.bz2", Codec::Bzip2),
        ("data.tar", Codec::None),
        ("Packages", Codec::None),
        ("xz", Codec::None),
        ("a.xz.asc", Codec::None),
        ("image.tgz", Codec::Gzip),
    ] {
        assert_eq!(Codec::from_name(name), codec, "{name}");
    }
    for codec in CODECS {
        assert_eq!(Codec::from_magic(&compress(codec, b"x")), codec);
    }
    assert_eq!(Codec::from_magic(b"BZh91AY&SY"), Codec::Bzip2);
    for other in [&b""[..], b"\x1f", b"ustar", b"BZh0", b"\xfd7zXZ"] {
        assert_eq!(Codec::from_magic(other), Codec::None);
    }
}

#[test]
fn one_and_several_members_are_one_content() {
    let (first, second) = (sample(300_000, 1), sample(10, 2));
    for codec in CODECS {
        let (one, two) = (compress(codec, &first), compress(codec, &second));
        assert!(unpack(codec, &one).unwrap() == first, "{codec:?}");
        let empty = compress(codec, b"");
        assert_eq!(unpack(codec, &empty).unwrap(), b"", "{codec:?}");
        let many = [one, empty, two].concat();
        assert!(
            unpack(codec, &many).unwrap() == [&first[..], &second].concat(),
            "{codec:?}"
        );
    }
    assert!(unpack(Codec::None, &first).unwrap() == first);
}

#[test]
fn xz_stream_padding_and_zstd_skippable_frames() {
    let xz = compress(Codec::Xz, b"x");
    assert_eq!(
        unpack(
            Codec::Xz,
            &[xz.clone(), vec![0; 8], xz.clone(), vec![0; 4]].concat()
        )
        .unwrap(),
        b"xx"
    );
    assert!(unpack(Codec::Xz, &[xz.clone(), vec![0; 3]].concat()).is_err());
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let zstd = compress(Codec::Zstd, b"x");
    assert_eq!(
        unpack(Codec::Zstd, &[skippable.clone(), zstd, skippable].concat()).unwrap(),
        b"x"
    );
}

#[test]
fn bzip2_is_unsupported() {
    let error = decoder(Codec::Bzip2, io::empty(), &Limits::default())
        .err()
        .unwrap();
    assert_eq!(error.kind, ArchiveErrorKind::Unsupported);
}

#[test]
fn an_input_cut_anywhere_is_an_error_and_never_a_short_content() {
    let data = sample(2000, 3);
    for codec in CODECS {
        let one = compress(codec, &data);
        for length in 0..one.len() {
            let error = unpack(codec, &one[..length]).expect_err("it was unpacked");
            assert_eq!(
                error.kind,
                ArchiveErrorKind::Malformed,
                "{codec:?} {length}: {error}"
            );
            assert!(
                error.reason.contains("truncated"),
                "{codec:?} {length}: {error}"
            );
            if length > 0 {
                let second = [one.as_slice(), &one[..length]].concat();
                let error = unpack(codec, &second).expect_err("it was unpacked");
                assert_eq!(
                    error.kind,
                    ArchiveErrorKind::Malformed,
                    "{codec:?} {length}: {error}"
                );
            }
        }
    }
}

#[test]
fn garbage_behind_the_content() {
    for codec in CODECS {
        for garbage in [&b"x"[..], b"garbage behind", &[0; 7], b"\x1f\x8b"] {
            let bytes = [compress(codec, b"content"), garbage.to_vec()].concat();
            let error = unpack(codec, &bytes).expect_err("it was unpacked");
            assert_eq!(
                error.kind,
                ArchiveErrorKind::Malformed,
                "{codec:?}: {error}"
            );
        }
    }
}

#[test]
fn one_flipped_bit_is_seen() {
    let data = sample(400, 4);
    for codec in CODECS {
        let good = compress(codec, &data);
        // The header of gzip carries time and system, which nothing protects.
        let start = if codec == Codec::Gzip { 10 } else { 0 };
        for at in start..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            match unpack(codec, &bad) {
                Ok(found) => assert!(found == data, "{codec:?} at {at}"),
                Err(error) => assert_ne!(
                    error.kind,
                    ArchiveErrorKind::Io,
                    "{codec:?} at {at}: {error}"
                ),
            }
        }
    }
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let limits = Limits {
        max_unpacked: 1 << 20,
        ..Limits::default()
    };
    for codec in CODECS {
        let fits = compress(codec, &vec![0; 1 << 20]);
        assert_eq!(unpack_with(codec, &fits, &limits).unwrap().len(), 1 << 20);
        let bomb = compress(codec, &vec![0; (1 << 20) + 1]);
        let error = unpack_with(codec, &bomb, &limits).expect_err("it was unpacked");
        assert_eq!(error.kind, ArchiveErrorKind::Limit, "{codec:?}: {error}");
    }
    assert_eq!(
        unpack_with(Codec::None, &vec![0; (1 << 20) + 1], &limits)
            .unwrap_err()
            .kind,
        ArchiveErrorKind::Limit
    );
}

#[test]
fn xz_that_wants_more_memory_is_refused_with_the_amount() {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(256 << 20);
    let filters = {
        let mut filters = liblzma::stream::Filters::new();
        filters.lzma2(&options);
        filters
    };
    let stream =
        liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc64)
            .unwrap();
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(b"small").unwrap();
    let bytes = encoder.finish().unwrap();
    let error = unpack(Codec::Xz, &bytes).unwrap_err();
    assert_eq!(error.kind, ArchiveErrorKind::Limit);
    assert_eq!(
        error.reason,
        "the xz stream needs 257 MiB of memory to decode, more than 100 MiB"
    );
    let limits = Limits {
        xz_memory: 258 << 20,
        ..Limits::default()
    };
    assert_eq!(unpack_with(Codec::Xz, &bytes, &limits).unwrap(), b"small");
    // What `xz -9` makes passes the default.
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 9);
    encoder.write_all(b"small").unwrap();
    assert_eq!(
        unpack(Codec::Xz, &encoder.finish().unwrap()).unwrap(),
        b"small"
    );
}

#[test]
fn zstd_that_wants_a_larger_window_is_refused() {
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(21).unwrap();
    encoder.write_all(&sample(10_000, 1)).unwrap();
    let bytes = encoder.finish().unwrap();
    assert!(unpack(Codec::Zstd, &bytes).is_ok());
    let limits = Limits {
        zstd_window_log: 20,
        ..Limits::default()
    };
    let error = unpack_with(Codec::Zstd, &bytes, &limits).unwrap_err();
    assert_eq!(error.kind, ArchiveErrorKind::Limit, "{error}");
    assert!(error.reason.contains("2^20"), "{error}");
}

#[test]
fn zstd_frames_are_counted_and_repeatable() {
    let data = sample(1 << 20, 7);
    let (known, bytes) = frame(&data, 3);
    assert_eq!(
        known,
        Frame {
            raw_length: data.len() as u64,
            length: bytes.len() as u64
        }
    );
    let mut pieces = FrameWriter::new(Vec::new(), 3).unwrap();
    for piece in data.chunks(777) {
        pieces.write_all(piece).unwrap();
        pieces.flush().unwrap();
    }
    assert!(
        pieces.finish().unwrap().1 == bytes,
        "the bytes do not depend on how they were written"
    );
    let mut read = Vec::new();
    FrameReader::new(bytes.as_slice(), &Limits::default())
        .unwrap()
        .read_to_end(&mut read)
        .unwrap();
    assert!(read == data);
}

/// A reader that gives a little at a time, is interrupted now and then, and perhaps fails.
struct Slow<'a> {
    bytes: &'a [u8],
    fails: Option<io::ErrorKind>,
    interrupted: bool,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if let (true, Some(kind)) = (self.bytes.is_empty(), self.fails) {
            return Err(kind.into());
        }
        let count = self.bytes.len().min(7);
        let count = self.bytes.read(&mut buffer[..count])?;
        Ok(count)
    }
}

#[test]
fn a_slow_reader_and_one_that_fails() {
    let data = sample(5000, 8);
    for codec in CODECS {
        let bytes = compress(codec, &data);
        let slow = Slow {
            bytes: &bytes,
            fails: None,
            interrupted: false,
        };
        let mut read = Vec::new();
        decoder(codec, slow, &Limits::default())
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert!(read == data, "{codec:?}");
        for kind in [
            io::ErrorKind::TimedOut,
            io::ErrorKind::InvalidData,
            io::ErrorKind::UnexpectedEof,
        ] {
            let slow = Slow {
                bytes: &bytes[..bytes.len() / 2],
                fails: Some(kind),
                interrupted: false,
            };
            let error = decoder(codec, slow, &Limits::default())
                .unwrap()
                .read_to_end(&mut Vec::new())
                .unwrap_err();
            assert_eq!(error.kind(), kind, "{codec:?}: {error}");
            assert_eq!(
                ArchiveError::from(error).kind,
                ArchiveErrorKind::Io,
                "{codec:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), codec in 0..3_usize, real in any::<bool>()) {
        let codec = CODECS[codec];
        let mut input = if real { compress(codec, b"content of some sort, content of some sort") } else { Vec::new() };
        for (at, byte) in bytes.iter().enumerate() {
            match input.get_mut(at * 3 + 6) {
                Some(slot) if real && *byte > 200 => *slot = *byte,
                Some(_) => {}
                None => input.push(*byte),
            }
        }
        let limits = Limits { max_unpacked: 1 << 20, ..Limits::default() };
        let _ = unpack_with(codec, &input, &limits);
    }
}
