//! Reading a file by its parts, so that no program is held in memory for the few tables that
//! matter: `libLLVM.so` is 124 MB, and what kiln reads of it some hundred kilobytes.

use std::cell::{Cell, RefCell};
use std::io;

use object::Endianness;

use super::{half, string};

/// What is read at once. Tables are read in order, names of one table stand near each other.
const PAGE: usize = 64 << 10;
/// How many pages are kept: 1 MiB.
const PAGES: usize = 16;

/// The bytes of a file, read by place.
pub(crate) trait Content {
    /// Its length in bytes.
    fn length(&self) -> u64;

    /// Fills `into` from the place `at`; all of it must be within the length.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()>;
}

impl Content for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let bytes = usize::try_from(at)
            .ok()
            .and_then(|at| self.get(at..at.checked_add(into.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// A content with the pages of it that were read last.
///
/// What lies outside of the file is `None`, like everything that breaks the format; a failure to
/// read is kept apart, and [`Pages::outcome`] tells it.
pub(super) struct Pages<'a> {
    content: &'a dyn Content,
    length: u64,
    /// Pages by their number, the last used at the end.
    kept: RefCell<Vec<(u64, Vec<u8>)>>,
    failure: Cell<Option<io::Error>>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(content: &'a dyn Content) -> Self {
        Self {
            content,
            length: content.length(),
            kept: RefCell::new(Vec::with_capacity(PAGES)),
            failure: Cell::new(None),
        }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// What came of reading, where no reading failed.
    pub(super) fn outcome<T>(self, value: T) -> io::Result<T> {
        match self.failure.into_inner() {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }

    /// The bytes from a place on, of a number that the caller has bounded.
    pub(super) fn bytes(&self, at: u64, count: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let end = at.checked_add(count as u64)?;
        if end > self.length {
            return None;
        }
        bytes.resize(count, 0);
        self.fill(at, &mut bytes)?;
        Some(bytes)
    }

    /// The bytes at a place: all of them or none.
    pub(super) fn array<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(at, &mut bytes)?;
        Some(bytes)
    }

    pub(super) fn long(&self, at: u64, endian: Endianness) -> Option<u32> {
        half(&self.array::<4>(at)?, endian)
    }

    pub(super) fn short(&self, at: u64, endian: Endianness) -> Option<u16> {
        let bytes = self.array::<2>(at)?;
        Some(match endian {
            Endianness::Little => u16::from_le_bytes(bytes),
            Endianness::Big => u16::from_be_bytes(bytes),
        })
    }

    /// The text from a place up to the first NUL.
    pub(super) fn text(&self, at: u64) -> Option<String> {
        // Most names are short: the rest is read only where it is needed.
        for most in [64, super::MAX_STRING + 1] {
            let count = self.length.checked_sub(at)?.min(most as u64);
            let bytes = self.bytes(at, usize::try_from(count).ok()?)?;
            if bytes.contains(&0) {
                return string(&bytes);
            }
        }
        None
    }

    /// Fills all of `into` from a place, or nothing is there.
    pub(super) fn fill(&self, at: u64, into: &mut [u8]) -> Option<()> {
        let end = at.checked_add(into.len() as u64)?;
        if end > self.length {
            return None;
        }
        let mut done = 0;
        while done < into.len() {
            let place = at + done as u64;
            let within = usize::try_from(place % PAGE as u64).ok()?;
            done += self.with_page(place / PAGE as u64, |page| {
                let bytes = page.get(within..)?;
                let count = bytes.len().min(into.len() - done);
                into[done..done + count].copy_from_slice(&bytes[..count]);
                (count > 0).then_some(count)
            })?;
        }
        Some(())
    }

    fn with_page<T>(&self, number: u64, use_it: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let mut kept = self.kept.borrow_mut();
        if let Some(place) = kept.iter().rposition(|(known, _)| *known == number) {
            if place + 1 < kept.len() {
                let page = kept.remove(place);
                kept.push(page);
            }
        } else {
            let mut page = if kept.len() == PAGES {
                kept.remove(0).1
            } else {
                Vec::new()
            };
            let start = number.checked_mul(PAGE as u64)?;
            let count = self.length.checked_sub(start)?.min(PAGE as u64);
            page.resize(usize::try_from(count).ok()?, 0);
            if let Err(error) = self.content.read_at(start, &mut page) {
                self.failure.set(Some(error));
                return None;
            }
            kept.push((number, page));
        }
        kept.last().and_then(|(_, page)| use_it(page))
    }
}
