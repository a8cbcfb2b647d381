//! The writer for one thread.

use std::io::{self, Write};

use super::block::{compress, window};
use super::{BLOCK, Segment};

/// Compresses what is written to it into one segment.
///
/// [`finish`](Self::finish) must be called; what is dropped without it is lost.
pub struct SegmentWriter<W: Write> {
    out: W,
    level: u32,
    dictionary: Vec<u8>,
    block: Vec<u8>,
    compressed: Vec<u8>,
    segment: Segment,
}

impl<W: Write> SegmentWriter<W> {
    /// A writer of a segment at a level from 0 (stored) to 9; greater ones count as 9.
    pub fn new(out: W, level: u32) -> Self {
        Self {
            out,
            level,
            dictionary: Vec::new(),
            block: Vec::new(),
            compressed: Vec::new(),
            segment: Segment::default(),
        }
    }

    /// Compresses the rest and ends the segment.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(mut self) -> io::Result<(Segment, W)> {
        if !self.block.is_empty() {
            self.emit()?;
        }
        Ok((self.segment, self.out))
    }

    fn emit(&mut self) -> io::Result<()> {
        let done = compress(
            self.level,
            &self.dictionary,
            &self.block,
            &mut self.compressed,
        )?;
        self.out.write_all(&self.compressed)?;
        self.segment = self.segment.followed_by(&done);
        self.dictionary.clear();
        self.dictionary.extend_from_slice(window(&self.block));
        self.block.clear();
        Ok(())
    }
}

impl<W: Write> Write for SegmentWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block
            .extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.block.len() == BLOCK {
            self.emit()?;
        }
        Ok(taken)
    }

    /// Does nothing: a flush in the middle would change the bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
