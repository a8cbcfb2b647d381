//! One bounded reader over all compressions that packages and indexes come in.
//!
//! A decoder reads its input to the end: several gzip members, xz streams or zstd frames behind each
//! other are one content, anything else behind them is an error, and an input that ends early is
//! an error and never a short content. Checksums are verified, so a content is known to be right
//! once the decoder has been read to its end.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;

use crate::input::Input;
use crate::xz::XzReader;
use crate::zstd::FrameReader;
use crate::{ArchiveError, Limits};

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Not compressed.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// bzip2: known by name, and not supported.
    Bzip2,
}

impl Codec {
    /// The codec that the end of a file name tells: `.gz`, `.xz`, `.zst`, `.bz2` (and `.tgz`, `.txz`,
    /// `.tzst`, `.tbz2`); [`Codec::None`] for every other.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("gz" | "tgz") => Self::Gzip,
            Some("xz" | "txz") => Self::Xz,
            Some("zst" | "tzst" | "zstd") => Self::Zstd,
            Some("bz2" | "tbz2") => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// The codec that the first bytes tell (six are enough); [`Codec::None`] for all others.
    #[must_use]
    pub fn from_magic(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::None,
        }
    }

    /// The word that people use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// A reader of the content of `input`, of which at most [`max_unpacked`](Limits::max_unpacked)
/// bytes come out. What goes wrong while reading is an [`ArchiveError`] inside the
/// [`io::Error`], and [`ArchiveError::from`] takes it out again.
///
/// # Errors
/// For [`Codec::Bzip2`], and when a decoder cannot start.
pub fn decoder<'a>(
    codec: Codec,
    input: impl Read + 'a,
    limits: &Limits,
) -> Result<Box<dyn Read + 'a>, ArchiveError> {
    let most = limits.max_unpacked;
    Ok(match codec {
        Codec::None => Box::new(Capped::new(input, most)),
        Codec::Gzip => Box::new(Capped::new(
            GzipReader(MultiGzDecoder::new(Input::new(input))),
            most,
        )),
        Codec::Xz => Box::new(Capped::new(XzReader::new(input, limits)?, most)),
        Codec::Zstd => Box::new(Capped::new(FrameReader::new(input, limits)?, most)),
        Codec::Bzip2 => return Err(ArchiveError::unsupported("bzip2 is not supported")),
    })
}

/// gzip, with errors in our words.
struct GzipReader<R>(MultiGzDecoder<Input<R>>);

impl<R: Read> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| {
            let is_ours = error
                .get_ref()
                .is_some_and(|inner| inner.is::<ArchiveError>());
            match error.kind() {
                io::ErrorKind::Interrupted => error,
                _ if is_ours => error,
                io::ErrorKind::UnexpectedEof => ArchiveError::truncated("a gzip member").into(),
                _ => ArchiveError::malformed(format!(
                    "the gzip stream is broken, or garbage follows it: {error}"
                ))
                .into(),
            }
        })
    }
}

/// A reader out of which no more than so many bytes come.
struct Capped<R> {
    input: R,
    left: u64,
    most: u64,
}

impl<R> Capped<R> {
    fn new(input: R, most: u64) -> Self {
        Self {
            input,
            left: most,
            most,
        }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte more than is left, to tell an end from a limit.
        let wanted = usize::try_from(self.left.saturating_add(1))
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .input
            .read(buffer.get_mut(..wanted).unwrap_or_default())?;
        match self.left.checked_sub(count as u64) {
            Some(left) => {
                self.left = left;
                Ok(count)
            }
            None => Err(ArchiveError::limit(format!(
                "it unpacks to more than {} bytes",
                self.most
            ))
            .into()),
        }
    }
}
