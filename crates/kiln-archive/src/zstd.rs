//! Zstandard frames (RFC 8878). Frames behind each other are one stream, so a frame is to zstd
//! what a segment is to deflate.

use std::io::{self, Read, Write};

use crate::input::Input;
use crate::{ArchiveError, Limits};

/// What is known of a frame without decompressing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Bytes before compression.
    pub raw_length: u64,
    /// Bytes of the frame itself.
    pub length: u64,
}

/// Compresses what is written to it into one frame with a checksum, on the caller's thread: the
/// bytes depend on the input, the level and the version of zstd only.
///
/// [`finish`](Self::finish) must be called; what is dropped without it is lost.
pub struct FrameWriter<W: Write> {
    encoder: ::zstd::stream::write::Encoder<'static, Counted<W>>,
    raw_length: u64,
}

struct Counted<W> {
    out: W,
    length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.length = self.length.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> FrameWriter<W> {
    /// A writer of one frame.
    ///
    /// # Errors
    /// When zstd cannot start (memory).
    pub fn new(out: W, level: i32) -> io::Result<Self> {
        let mut encoder = ::zstd::stream::write::Encoder::new(Counted { out, length: 0 }, level)?;
        encoder.include_checksum(true)?;
        Ok(Self {
            encoder,
            raw_length: 0,
        })
    }

    /// Compresses the rest and ends the frame.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(self) -> io::Result<(Frame, W)> {
        let counted = self.encoder.finish()?;
        Ok((
            Frame {
                raw_length: self.raw_length,
                length: counted.length,
            },
            counted.out,
        ))
    }
}

impl<W: Write> Write for FrameWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.raw_length = self.raw_length.saturating_add(written as u64);
        Ok(written)
    }

    /// Does nothing: a flush in the middle would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads one or more frames to the end of the input. Everything that is no frame is an error, and so
/// is an input without any; skippable frames are skipped.
pub struct FrameReader<R: Read> {
    decoder: ::zstd::stream::read::Decoder<'static, Input<R>>,
    window_log: u32,
    begun: bool,
}

impl<R: Read> FrameReader<R> {
    /// A reader that refuses windows above [`zstd_window_log`](Limits::zstd_window_log). How much
    /// comes out is not limited here; [`crate::decompress::decoder`] does that.
    ///
    /// # Errors
    /// When zstd cannot start (memory, or a window limit it does not know).
    pub fn new(input: R, limits: &Limits) -> io::Result<Self> {
        let mut decoder = ::zstd::stream::read::Decoder::with_buffer(Input::new(input))?;
        decoder.window_log_max(limits.zstd_window_log)?;
        Ok(Self {
            decoder,
            window_log: limits.zstd_window_log,
            begun: false,
        })
    }

    fn explain(&self, error: io::Error) -> io::Error {
        let is_ours = error
            .get_ref()
            .is_some_and(|inner| inner.is::<ArchiveError>());
        if is_ours || error.kind() == io::ErrorKind::Interrupted {
            return error;
        }
        let text = error.to_string();
        if error.kind() == io::ErrorKind::UnexpectedEof {
            ArchiveError::truncated("a zstd frame").into()
        } else if text.contains("too much memory") {
            ArchiveError::limit(format!(
                "a zstd frame needs a window of more than 2^{} bytes",
                self.window_log
            ))
            .into()
        } else if text.contains("Dictionary mismatch") {
            ArchiveError::unsupported("a zstd frame needs a dictionary").into()
        } else {
            ArchiveError::malformed(format!("the zstd stream is broken: {text}")).into()
        }
    }
}

impl<R: Read> Read for FrameReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            if self.decoder.get_mut().peek()?.is_empty() {
                return Err(ArchiveError::truncated("a zstd stream that has not begun").into());
            }
            self.begun = true;
        }
        self.decoder
            .read(buffer)
            .map_err(|error| self.explain(error))
    }
}

/// The largest window that [`compress`] asks for and [`decompress`] grants, as a power of two.
const WIDEST: u32 = 28;

/// One frame of all these bytes, written against a prefix: what the reader has already, and what
/// much of the content is a copy of (an older edition of the same file). Without one it is a frame as
/// any other.
///
/// # Errors
/// When zstd cannot have the memory.
pub fn compress(bytes: &[u8], level: i32, prefix: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ::zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), level, prefix)?;
    // The prefix must be within reach of the last byte.
    let reach = (bytes.len() as u64).saturating_add(prefix.len() as u64);
    let log = u64::BITS - reach.max(1 << 10).leading_zeros();
    encoder.window_log(log.min(WIDEST))?;
    encoder.long_distance_matching(!prefix.is_empty())?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The content of frames that [`compress`] wrote against this prefix, of at most `limit` bytes.
///
/// # Errors
/// When it is none, is cut short, was written against another prefix (as far as its checksum shows),
/// or is longer.
pub fn decompress(bytes: &[u8], prefix: &[u8], limit: u64) -> io::Result<Vec<u8>> {
    let mut decoder = ::zstd::stream::read::Decoder::with_ref_prefix(bytes, prefix)?;
    decoder.window_log_max(WIDEST)?;
    let mut out = Vec::new();
    decoder
        .take(limit.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::truncated("a zstd frame").into(),
            _ => io::Error::from(ArchiveError::malformed(format!(
                "the zstd stream is broken: {error}"
            ))),
        })?;
    if out.len() as u64 > limit {
        return Err(ArchiveError::limit(format!("it is longer than {limit} bytes")).into());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that do not compress.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn a_prefix_saves_what_is_a_copy_of_it_wherever_it_stands() {
        let old = noise(1, 3 << 20);
        let mut new = old[1 << 20..].to_vec();
        new.extend_from_slice(&noise(2, 1_000));
        new.extend_from_slice(&old[..1 << 20]);
        let delta = compress(&new, 12, &old).unwrap();
        assert!(delta.len() < 10_000, "{}", delta.len());
        assert_eq!(delta, compress(&new, 12, &old).unwrap());
        let limit = new.len() as u64;
        assert_eq!(decompress(&delta, &old, limit).unwrap(), new);
        assert!(decompress(&delta, &old, limit - 1).is_err());
        assert!(decompress(&delta, &old[1..], limit).is_err());
        assert!(decompress(&delta, &[], limit).is_err());
        assert!(decompress(&delta[..delta.len() - 1], &old, limit).is_err());
        assert!(decompress(b"no zstd", &[], limit).is_err());
        let whole = compress(&new, 3, &[]).unwrap();
        assert_eq!(decompress(&whole, &[], limit).unwrap(), new);
    }
}
