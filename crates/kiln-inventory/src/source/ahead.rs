//! A layer's bytes, read, hashed and decompressed in a thread of their own, while what came out
//! before is looked through in another.
//!
//! Invariant: at most [`AHEAD`] pieces wait, so memory does not grow with the layer; whoever stops
//! early on one side stops the other.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use kiln_archive::Limits;
use kiln_archive::decompress::{Codec, decoder};
use kiln_types::{Digest, HashReader, Sha256};

/// Bytes that change hands at once.
const PIECE: usize = 256 << 10;
/// Pieces that wait to be looked at.
const AHEAD: usize = 3;

enum Piece {
    /// Bytes as they lie there: the reader hashes them.
    Raw(Vec<u8>),
    /// Bytes that came out of a decompressor: nobody has hashed them yet.
    Unpacked(Vec<u8>),
    /// Nothing follows.
    Failed(io::Error),
}

/// The reading side.
pub(super) struct Feed {
    to: SyncSender<Piece>,
    /// Pieces that were looked at, to be filled again.
    used: Receiver<Vec<u8>>,
}

/// The side that looks.
pub(super) struct Content {
    from: Receiver<Piece>,
    used: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    hash: Sha256,
    length: u64,
    has_failed: bool,
}

/// What was read to its end.
pub(super) struct Blob {
    /// The digest of the bytes as they came.
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) codec: Codec,
}

/// Both sides.
pub(super) fn pieces() -> (Feed, Content) {
    let (to, from) = sync_channel(AHEAD);
    let (back, used) = channel();
    let content = Content {
        from,
        used: back,
        piece: Vec::new(),
        at: 0,
        hash: Sha256::new(),
        length: 0,
        has_failed: false,
    };
    (Feed { to, used }, content)
}

impl Feed {
    /// Reads `raw` to its end, whatever becomes of what is in it.
    ///
    /// # Errors
    /// When `raw` cannot be read. What is wrong with its compression is for the other side.
    pub(super) fn read(self, raw: impl Read, limits: &Limits) -> io::Result<Blob> {
        let mut input = BufReader::with_capacity(PIECE, HashReader::new(raw));
        let codec = Codec::from_magic(input.fill_buf()?);
        match codec {
            Codec::None => self.hand_on(&mut input, Piece::Raw)?,
            codec => {
                let unpacked = decoder(codec, &mut input, limits)
                    .map_err(io::Error::from)
                    .and_then(|mut content| self.hand_on(&mut content, Piece::Unpacked));
                if let Err(error) = unpacked {
                    // Nobody may be there any more, who then does not miss it.
                    let _ = self.to.send(Piece::Failed(error));
                }
            }
        }
        drop(self.to);
        io::copy(&mut input, &mut io::sink())?;
        let (digest, size, _) = input.into_inner().finish();
        Ok(Blob {
            digest,
            size,
            codec,
        })
    }

    /// Hands on all that `content` has, until the other side has gone.
    fn hand_on(&self, content: &mut dyn Read, piece: fn(Vec<u8>) -> Piece) -> io::Result<()> {
        loop {
            let mut bytes = self.used.try_recv().unwrap_or_default();
            bytes.resize(PIECE, 0);
            let mut filled = 0;
            while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match content.read(rest) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        // What came before the fault is looked at all the same.
                        bytes.truncate(filled);
                        let _ = self.to.send(piece(bytes));
                        return Err(error);
                    }
                }
            }
            let is_last = filled < PIECE;
            bytes.truncate(filled);
            if self.to.send(piece(bytes)).is_err() || is_last {
                return Ok(());
            }
        }
    }
}

impl Content {
    /// Reads what nobody has read: digest and length of what was unpacked, where something was.
    ///
    /// # Errors
    /// The fault that ends the content, unless reading has met it already.
    pub(super) fn finish(mut self) -> io::Result<Option<(Digest, u64)>> {
        if !self.has_failed {
            while !self.fill_buf()?.is_empty() {
                self.at = self.piece.len();
            }
        }
        let whole = (self.hash.finish(), self.length);
        Ok((!self.has_failed).then_some(whole))
    }
}

impl BufRead for Content {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.piece.len() {
            let used = std::mem::take(&mut self.piece);
            self.at = 0;
            if used.capacity() > 0 {
                // The reader may have come to its end.
                let _ = self.used.send(used);
            }
            match self.from.recv() {
                Ok(Piece::Raw(bytes)) => self.piece = bytes,
                Ok(Piece::Unpacked(bytes)) => {
                    self.hash.update(&bytes);
                    self.length = self.length.saturating_add(bytes.len() as u64);
                    self.piece = bytes;
                }
                Ok(Piece::Failed(error)) => {
                    self.has_failed = true;
                    return Err(error);
                }
                Err(_) => break,
            }
        }
        Ok(self.piece.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.piece.len());
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let known = self.fill_buf()?;
        let count = known.len().min(buffer.len());
        let (to, _) = buffer.split_at_mut(count);
        to.copy_from_slice(known.get(..count).unwrap_or_default());
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use kiln_testkit::Compression;

    use super::*;

    /// The blob, what was looked at, and what finishing gave.
    type Outcome = (io::Result<Blob>, Vec<u8>, io::Result<Option<(Digest, u64)>>);

    fn read(raw: &[u8], upto: usize) -> Outcome {
        let (feed, mut content) = pieces();
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || feed.read(raw, &Limits::default()));
            let mut found = Vec::new();
            let _ = (&mut content).take(upto as u64).read_to_end(&mut found);
            let whole = content.finish();
            (reading.join().unwrap(), found, whole)
        })
    }

    #[test]
    fn content_and_digests_are_those_of_reading_it_at_once() {
        let bytes: Vec<u8> = (0..750_003_u32)
            .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
            .collect();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, bytes.len()] {
            let bytes = &bytes[..length];
            let packed = Compression::Gzip.apply(bytes);
            for upto in [0, length.min(1), length] {
                let (blob, found, whole) = read(&packed, upto);
                let blob = blob.unwrap();
                assert_eq!(
                    (blob.digest, blob.size),
                    (Digest::of(&packed), packed.len() as u64)
                );
                assert_eq!(blob.codec, Codec::Gzip);
                assert_eq!(found, &bytes[..upto]);
                assert_eq!(whole.unwrap(), Some((Digest::of(bytes), length as u64)));
                let (blob, found, _) = read(bytes, upto);
                let blob = blob.unwrap();
                assert_eq!((blob.digest, blob.codec), (Digest::of(bytes), Codec::None));
                assert_eq!(found, &bytes[..upto]);
            }
        }
    }

    #[test]
    fn attack_a_broken_stream_is_told_once_and_hashed_whole() {
        let bytes = vec![7; 2 * PIECE];
        let mut packed = Compression::Gzip.apply(&bytes);
        packed.truncate(packed.len() - 4);
        let (blob, found, whole) = read(&packed, usize::MAX);
        assert_eq!(blob.unwrap().digest, Digest::of(&packed));
        assert_eq!(found, bytes);
        assert_eq!(whole.unwrap(), None);
        let (blob, _, whole) = read(&packed, 1);
        assert_eq!(blob.unwrap().digest, Digest::of(&packed));
        assert!(whole.unwrap_err().to_string().contains("gzip"));
    }
}
