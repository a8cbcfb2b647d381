//! Where the contents of a package wait until their order is known: in memory while they are
//! small, in a scratch file beyond that, so that no package makes kiln hold it in memory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use crate::elf::Content;

/// The most that waits in memory.
const IN_MEMORY: usize = 6 << 20;

/// Who gives scratch files. They have no name and vanish when they are closed.
pub trait Scratch: Send + Sync {
    /// A new empty file for reading and writing.
    ///
    /// # Errors
    /// When none can be made.
    fn file(&self) -> io::Result<File>;
}

/// A run of bytes in a spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The contents of one package.
pub(crate) struct Spool<'a> {
    scratch: &'a dyn Scratch,
    memory: Vec<u8>,
    file: Option<File>,
    /// What the file holds; the memory's bytes follow.
    spilled: u64,
}

impl<'a> Spool<'a> {
    pub(crate) fn new(scratch: &'a dyn Scratch) -> Self {
        Self {
            scratch,
            memory: Vec::new(),
            file: None,
            spilled: 0,
        }
    }

    /// Takes `length` bytes from a reader, exactly.
    pub(crate) fn append(&mut self, content: &mut dyn Read, length: u64) -> io::Result<Span> {
        let offset = self.spilled + self.memory.len() as u64;
        let mut left = length;
        while left > 0 {
            let room = (IN_MEMORY - self.memory.len().min(IN_MEMORY)) as u64;
            if room == 0 {
                self.spill()?;
                continue;
            }
            let wanted = left.min(room);
            let count = content.take(wanted).read_to_end(&mut self.memory)? as u64;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= count;
        }
        Ok(Span { offset, length })
    }

    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(self.scratch.file()?),
        };
        file.write_all_at(&self.memory, self.spilled)?;
        self.spilled += self.memory.len() as u64;
        self.memory.clear();
        Ok(())
    }

    /// The first bytes of a span, at most `most`.
    pub(crate) fn peek(&self, span: Span, most: usize) -> io::Result<Vec<u8>> {
        let length = usize::try_from(span.length).map_or(most, |length| length.min(most));
        let mut bytes = vec![0; length];
        self.read_at(span.offset, &mut bytes)?;
        Ok(bytes)
    }

    /// A span as something that is read by its parts.
    pub(crate) const fn span(&self, span: Span) -> SpanContent<'_> {
        SpanContent { spool: self, span }
    }

    /// Copies a span to a writer.
    pub(crate) fn copy(&self, span: Span, out: &mut impl Write) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let (mut offset, mut left) = (span.offset, span.length);
        while left > 0 {
            let count = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            self.read_at(offset, &mut buffer[..count])?;
            out.write_all(&buffer[..count])?;
            offset += count as u64;
            left -= count as u64;
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let from_file = usize::try_from(self.spilled.saturating_sub(offset))
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let (in_file, in_memory) = buffer.split_at_mut(from_file);
        if let (Some(file), false) = (&self.file, in_file.is_empty()) {
            file.read_exact_at(in_file, offset)?;
        }
        if in_memory.is_empty() {
            return Ok(());
        }
        let start = usize::try_from((offset + from_file as u64) - self.spilled)
            .map_err(|_| io::ErrorKind::FileTooLarge)?;
        let bytes = self
            .memory
            .get(start..start + in_memory.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        in_memory.copy_from_slice(bytes);
        Ok(())
    }
}

/// The content of one file in a spool.
pub(crate) struct SpanContent<'a> {
    spool: &'a Spool<'a>,
    span: Span,
}

impl Content for SpanContent<'_> {
    fn length(&self) -> u64 {
        self.span.length
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let place = self.span.offset.checked_add(at);
        let place = place.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.spool.read_at(place, into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct TestScratch;

    impl Scratch for TestScratch {
        fn file(&self) -> io::Result<File> {
            tempfile::tempfile()
        }
    }

    #[test]
    fn gives_back_what_it_took_across_the_spill() {
        let mut spool = Spool::new(&TestScratch);
        let contents: Vec<Vec<u8>> = [10_usize, IN_MEMORY - 100, 500, 0, 3 * IN_MEMORY + 7, 44]
            .iter()
            .enumerate()
            .map(|(number, length)| {
                (0..*length)
                    .map(|at| (at * 31 + number).to_le_bytes()[0])
                    .collect()
            })
            .collect();
        let spans: Vec<Span> = contents
            .iter()
            .map(|content| {
                spool
                    .append(&mut content.as_slice(), content.len() as u64)
                    .unwrap()
            })
            .collect();
        for (content, span) in contents.iter().zip(spans) {
            let mut copy = Vec::new();
            spool.copy(span, &mut copy).unwrap();
            assert!(copy == *content);
            let half = content.len() / 2;
            let mut rest = vec![0; content.len() - half];
            spool.span(span).read_at(half as u64, &mut rest).unwrap();
            assert!(rest == content[half..]);
        }
    }

    #[test]
    fn a_content_shorter_than_it_claims_is_an_error() {
        let mut spool = Spool::new(&TestScratch);
        assert!(spool.append(&mut b"abc".as_slice(), 4).is_err());
    }
}
