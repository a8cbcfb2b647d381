//! Decoding on a thread of its own, while the caller works on what came out so far.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How much is handed over at a time, in bytes.
const PIECE: usize = 256 << 10;
/// How many pieces may wait.
const WAITING: usize = 4;

/// Calls `work` with a reader of what the reader that `open` makes gives; `open` and all reading
/// happen on another thread. An error of either comes out of the reader.
pub(crate) fn read_ahead<'a, T>(
    open: impl FnOnce() -> io::Result<Box<dyn Read + 'a>> + Send,
    work: impl FnOnce(&mut dyn Read) -> T,
) -> T {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        scope.spawn(move || send(open, &sender));
        // Dropped before the thread is waited for: a sender without a receiver ends.
        let mut reader = Pieces {
            receiver,
            piece: Vec::new(),
            read: 0,
            ended: false,
        };
        let result = work(&mut reader);
        drop(reader);
        result
    })
}

/// An empty piece is the end.
fn send<'a>(
    open: impl FnOnce() -> io::Result<Box<dyn Read + 'a>>,
    sender: &SyncSender<io::Result<Vec<u8>>>,
) {
    let mut reader = match open() {
        Ok(reader) => reader,
        Err(error) => {
            // Nobody waits for it when the work ended early; so below.
            let _ = sender.send(Err(error));
            return;
        }
    };
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let result = (&mut reader).take(PIECE as u64).read_to_end(&mut piece);
        let ended = piece.is_empty() || result.is_err();
        if !piece.is_empty() && sender.send(Ok(piece)).is_err() {
            return;
        }
        if ended {
            let _ = sender.send(result.map(|_| Vec::new()));
            return;
        }
    }
}

struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.piece.len() && !self.ended {
            let next = self.receiver.recv();
            let gone = || io::Error::other("the decoding thread is gone");
            self.piece = next.map_err(|_| gone()).flatten().inspect_err(|_| {
                self.ended = true;
            })?;
            self.read = 0;
            self.ended = self.piece.is_empty();
        }
        let rest = self.piece.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        let (Some(from), Some(to)) = (rest.get(..count), buffer.get_mut(..count)) else {
            return Ok(0);
        };
        to.copy_from_slice(from);
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect()
    }

    #[test]
    fn gives_what_the_reader_gives() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 9 * PIECE + 7] {
            let content = bytes(length);
            let read = read_ahead(
                || Ok(Box::new(content.as_slice())),
                |reader| {
                    let mut read = Vec::new();
                    reader.read_to_end(&mut read).map(|_| read)
                },
            );
            assert!(read.unwrap() == content, "{length}");
        }
    }

    #[test]
    fn an_error_comes_after_what_was_read_before_it() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "broken"));
                }
                let count = self.0.min(buffer.len());
                self.0 -= count;
                Ok(count)
            }
        }
        for length in [0, 10, PIECE + 10] {
            let (read, error) = read_ahead(
                || Ok(Box::new(Broken(length))),
                |reader| {
                    let mut read = Vec::new();
                    let error = reader.read_to_end(&mut read).unwrap_err();
                    (read, error)
                },
            );
            assert_eq!(read.len(), length);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_reader_that_cannot_be_opened_is_an_error() {
        let error = read_ahead(
            || Err(io::Error::from(io::ErrorKind::NotFound)),
            |reader| reader.read(&mut [0]).unwrap_err(),
        );
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn work_that_ends_early_does_not_wait_for_the_rest() {
        let byte = read_ahead(
            || Ok(Box::new(io::repeat(7))),
            |reader| {
                let mut byte = [0];
                reader.read_exact(&mut byte).map(|()| byte[0])
            },
        );
        assert_eq!(byte.unwrap(), 7);
    }
}
