//! `rpmdb.sqlite`: the table `Packages` of a SQLite file (sqlite.org/fileformat2.html), whose third
//! column is a package's header. Only what that takes: table trees, overflow chains, records.

use super::Box;
use super::bytes::{big16, big32, size, slice};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// How deep the trees of SQLite can be.
const DEEPEST: usize = 20;

struct File<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// Bytes of a page that SQLite uses.
    usable: usize,
    /// Pages that may still be visited, and bytes that may still be copied out of chains.
    pages_left: usize,
    bytes_left: usize,
}

pub(super) fn read(bytes: &[u8], packages: &mut Box) -> Result<(), String> {
    each(bytes, &mut |header| packages.header(header))
}

/// Gives each header to `take`, until that says no.
pub(super) fn each(bytes: &[u8], take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), String> {
    if !bytes.starts_with(MAGIC) {
        return Err("it is no database of SQLite".to_owned());
    }
    let page_size = match big16(bytes, 16) {
        Some(1) => 65536,
        Some(size) if size.is_power_of_two() && size >= 512 => usize::from(size),
        _ => return Err("its first page is broken".to_owned()),
    };
    let reserved = bytes.get(20).copied().map_or(0, usize::from);
    let mut file = File {
        bytes,
        page_size,
        usable: page_size.saturating_sub(reserved).max(480),
        pages_left: bytes.len() / page_size,
        bytes_left: bytes.len(),
    };
    let mut root = None;
    // The schema: type, name, table, root page, text.
    file.tree(1, 0, &mut |record| {
        let columns = columns(record, 4);
        if columns.first().copied() == Some(b"table")
            && columns.get(1).copied() == Some(b"Packages")
        {
            root = columns.get(3).map(|bytes| {
                bytes
                    .iter()
                    .take(8)
                    .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
            });
        }
        root.is_none()
    })?;
    let root = root
        .and_then(|root| usize::try_from(root).ok())
        .ok_or("it has no table `Packages`")?;
    file.tree(root, 0, &mut |record| {
        columns(record, 2).get(1).is_none_or(|header| take(header))
    })?;
    Ok(())
}

impl File<'_> {
    /// Gives the record of every row below a page to `take`; false when that said no.
    fn tree(
        &mut self,
        number: usize,
        depth: usize,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<bool, String> {
        // A tree never comes to a page twice, so there are no more visits than pages.
        self.pages_left = self
            .pages_left
            .checked_sub(1)
            .filter(|_| depth < DEEPEST)
            .ok_or("its pages go in circles")?;
        let broken = || format!("its page {number} is cut off or broken");
        let begin = number
            .checked_sub(1)
            .and_then(|index| index.checked_mul(self.page_size))
            .ok_or_else(broken)?;
        let page = slice(self.bytes, begin, self.page_size).ok_or_else(broken)?;
        // The first page begins with the header of the file.
        let head = if number == 1 { 100 } else { 0 };
        let cells = big16(page, head + 3).map_or(0, usize::from);
        let pointer = |index: usize, head_size: usize| {
            big16(page, head + head_size + 2 * index).map(usize::from)
        };
        match page.get(head) {
            Some(5) => {
                for index in 0..cells {
                    let at = pointer(index, 12).ok_or_else(broken)?;
                    let child = big32(page, at).ok_or_else(broken)?;
                    if !self.tree(size(child), depth + 1, take)? {
                        return Ok(false);
                    }
                }
                let last = big32(page, head + 8).ok_or_else(broken)?;
                self.tree(size(last), depth + 1, take)
            }
            Some(13) => {
                for index in 0..cells {
                    let at = pointer(index, 8).ok_or_else(broken)?;
                    let record = self.record(page, at).ok_or_else(broken)?;
                    if !take(&record) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            _ => Err(broken()),
        }
    }

    /// The record of a cell, with what of it lies on overflow pages.
    fn record(&mut self, page: &[u8], at: usize) -> Option<Vec<u8>> {
        let mut cell = page.get(at..)?;
        let length = usize::try_from(number(&mut cell)?).ok()?;
        number(&mut cell)?;
        self.bytes_left = self.bytes_left.checked_sub(length)?;
        // "B-tree Cell Format", where a record is cut.
        let most = self.usable - 35;
        let least = (self.usable - 12) * 32 / 255 - 23;
        let here = match length <= most {
            true => length,
            false => {
                let fitting = least + (length - least) % (self.usable - 4);
                if fitting <= most { fitting } else { least }
            }
        };
        let mut record = cell.get(..here)?.to_vec();
        let mut next = match here < length {
            true => size(big32(cell, here)?),
            false => 0,
        };
        // Each page gives bytes, so a circle ends.
        while record.len() < length {
            let begin = next.checked_sub(1)?.checked_mul(self.page_size)?;
            let page = slice(self.bytes, begin, self.page_size)?;
            let wanted = (length - record.len()).min(self.usable - 4);
            record.extend_from_slice(slice(page, 4, wanted)?);
            next = size(big32(page, 0)?);
        }
        Some(record)
    }
}

/// The first columns of a record; a number is given as its bytes. What is cut off is left out.
fn columns(record: &[u8], most: usize) -> Vec<&[u8]> {
    let mut columns = Vec::new();
    let mut head = record;
    let Some(length) = number(&mut head).and_then(|length| usize::try_from(length).ok()) else {
        return columns;
    };
    let (Some(mut types), Some(mut body)) = (
        length
            .checked_sub(record.len() - head.len())
            .and_then(|length| head.get(..length)),
        record.get(length..),
    ) else {
        return columns;
    };
    while columns.len() < most {
        let Some(kind) = number(&mut types) else {
            break;
        };
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            kind => kind.saturating_sub(12) / 2,
        };
        let Some((column, rest)) = usize::try_from(length)
            .ok()
            .and_then(|length| body.split_at_checked(length))
        else {
            break;
        };
        columns.push(column);
        body = rest;
    }
    columns
}

/// A number of SQLite's: seven bits a byte, the most important first, at most nine bytes.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for index in 0..9 {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        if index == 8 {
            return Some(value << 8 | u64::from(*first));
        }
        value = value << 7 | u64::from(first & 0x7f);
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
