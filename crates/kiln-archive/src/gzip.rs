//! One single-member gzip stream (RFC 1952) stitched from deflate segments.
//!
//! Every reader takes a single member, while several stop after the first of many or refuse them.
//! The segments are not inflated: their lengths and CRC-32 are known since they were made.

use std::io::{self, Read, Write};

use crate::deflate::{FINAL_BLOCK, Segment};

/// Magic, deflate, no flags, no time, no level, unknown operating system: the same on every machine.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Bytes that a gzip stream has beside its segments.
pub const OVERHEAD: u64 = (HEADER.len() + FINAL_BLOCK.len() + 8) as u64;

/// Puts segments behind each other into one gzip member.
pub struct GzipStitcher<W: Write> {
    out: W,
    total: Segment,
}

impl<W: Write> GzipStitcher<W> {
    /// Begins a stream.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        Ok(Self {
            out,
            total: Segment::default(),
        })
    }

    /// Copies a segment. Its lengths and CRC-32 are believed (the store has verified its bytes),
    /// but that there are as many bytes as it says is checked.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] when `compressed` has fewer or more bytes than the segment;
    /// what `compressed` and `out` say. The stream is then of no use.
    pub fn append(&mut self, segment: &Segment, compressed: &mut dyn Read) -> io::Result<()> {
        let wrong = |what: &str| {
            let length = segment.length;
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a segment has {what} than the {length} bytes it claims"),
            )
        };
        let copied = io::copy(&mut compressed.take(segment.length), &mut self.out)?;
        if copied < segment.length {
            return Err(wrong("fewer bytes"));
        }
        if crate::input::read_full(compressed, &mut [0])? > 0 {
            return Err(wrong("more bytes"));
        }
        self.total = self.total.followed_by(segment);
        Ok(())
    }

    /// All segments so far, as one.
    #[must_use]
    pub fn total(&self) -> Segment {
        self.total
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&FINAL_BLOCK)?;
        self.out.write_all(&self.total.crc32.to_le_bytes())?;
        let size = self.total.raw_length & u64::from(u32::MAX);
        self.out
            .write_all(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes())?;
        Ok(self.out)
    }
}
