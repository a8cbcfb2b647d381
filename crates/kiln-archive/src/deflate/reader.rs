//! The reader of one segment.

use std::io::{self, BufRead, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::Segment;
use crate::input::Input;
use crate::{ArchiveError, Limits};

/// An empty final block of fixed codes: what would end the deflate stream.
pub(crate) const FINAL_BLOCK: [u8; 2] = [0x03, 0x00];

/// Inflates one segment. Its end is the end of the input, which must lie where a further segment
/// could begin.
pub struct SegmentReader<R> {
    input: Input<R>,
    inflate: Decompress,
    /// What the segment must turn out to be, if that is known.
    expected: Option<Segment>,
    most: u64,
    crc: crc32fast::Hasher,
    ended: bool,
}

impl<R: Read> SegmentReader<R> {
    /// A reader of a segment of which nothing is known; it may inflate to
    /// [`max_unpacked`](Limits::max_unpacked) bytes.
    pub fn new(input: R, limits: &Limits) -> Self {
        Self::with(input, None, limits.max_unpacked)
    }

    /// A reader that verifies both lengths and the CRC-32. They are known to hold when it has been
    /// read to its end, and never more comes out than the segment claims.
    pub fn verified(input: R, segment: Segment) -> Self {
        Self::with(input, Some(segment), segment.raw_length)
    }

    fn with(input: R, expected: Option<Segment>, most: u64) -> Self {
        Self {
            input: Input::new(input),
            inflate: Decompress::new(false),
            expected,
            most,
            crc: crc32fast::Hasher::new(),
            ended: false,
        }
    }

    fn step(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, ArchiveError> {
        let bytes = self.input.fill_buf()?;
        if bytes.is_empty() {
            self.finish(buffer)?;
            self.ended = true;
            return Ok(Some(0));
        }
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(bytes, buffer, FlushDecompress::None)
            .map_err(|error| {
                ArchiveError::malformed(format!("a deflate segment is broken: {error}"))
            })?;
        let consumed = difference(self.inflate.total_in(), before_in);
        let produced = difference(self.inflate.total_out(), before_out);
        self.input.consume(consumed);
        self.account(buffer.get(..produced).unwrap_or_default())?;
        if status == Status::StreamEnd {
            return Err(ArchiveError::malformed(
                "a deflate segment holds a final block",
            ));
        }
        if consumed == 0 && produced == 0 {
            return Err(ArchiveError::malformed(
                "a deflate segment makes no progress",
            ));
        }
        Ok(Some(produced).filter(|count| *count > 0))
    }

    fn account(&mut self, produced: &[u8]) -> Result<(), ArchiveError> {
        self.crc.update(produced);
        let total = self.inflate.total_out();
        if total <= self.most {
            return Ok(());
        }
        match self.expected {
            Some(_) => Err(ArchiveError::malformed(format!(
                "a deflate segment inflates to more than the {} bytes it claims",
                self.most
            ))),
            None => Err(ArchiveError::limit(format!(
                "a deflate segment inflates to more than {} bytes",
                self.most
            ))),
        }
    }

    /// Verifies that the input could go on with another segment: the final block, put in its place,
    /// must end the stream and add nothing.
    fn finish(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(&FINAL_BLOCK, buffer, FlushDecompress::None);
        let ends = matches!(status, Ok(Status::StreamEnd))
            && self.inflate.total_out() == made
            && self.inflate.total_in() == read.saturating_add(FINAL_BLOCK.len() as u64);
        if !ends {
            return Err(ArchiveError::truncated("a deflate segment"));
        }
        let found = Segment {
            raw_length: made,
            crc32: self.crc.clone().finalize(),
            length: read,
        };
        match self.expected {
            Some(expected) if expected != found => Err(ArchiveError::malformed(format!(
                "a deflate segment is not the one expected: {} bytes inflate to {} with CRC-32 {:08x}, \
                 instead of {} to {} with {:08x}",
                found.length,
                found.raw_length,
                found.crc32,
                expected.length,
                expected.raw_length,
                expected.crc32
            ))),
            _ => Ok(()),
        }
    }
}

fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(usize::MAX)
}

impl<R: Read> Read for SegmentReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(count) = self.step(buffer)? {
                return Ok(count);
            }
        }
    }
}
