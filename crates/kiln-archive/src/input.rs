//! What stands between a codec and the reader below it.

use std::io::{self, BufRead, BufReader, Read};

use crate::ArchiveError;

/// Size of the buffers between the layers.
pub(crate) const BUFFER: usize = 64 << 10;

/// A buffered source of a codec. Errors of the reader below leave it wrapped as [`ArchiveError`],
/// so that every other error a codec returns is the codec's own word about the bytes.
pub(crate) struct Input<R>(BufReader<Marked<R>>);

struct Marked<R>(R);

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => ArchiveError::from(error).into(),
        })
    }
}

impl<R: Read> Input<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self(BufReader::with_capacity(BUFFER, Marked(reader)))
    }

    /// The next bytes, empty at the end; unlike `fill_buf`, not stopped by a signal.
    pub(crate) fn peek(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.0.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // The buffer is not empty now, or the reader has ended: this reads no more.
        Ok(self.0.buffer())
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// Reads until `buffer` is full or the input ends; says how much was read.
pub(crate) fn read_full(reader: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
