//! `Packages` as a hash table of Berkeley DB (`dbinc/db_page.h`): pairs of a package's number and its
//! header on hash pages, long headers in chains of overflow pages. Numbers are in the byte order of
//! the machine that wrote it, which the magic number tells.

use super::Box;
use super::bytes::slice;

/// Bytes in front of the content of a page.
const HEAD: usize = 26;
const MAGIC: u32 = 0x0006_1561;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
/// An item on the page itself, and one on overflow pages.
const HERE: u8 = 1;
const ELSEWHERE: u8 = 3;

struct Table<'a> {
    bytes: &'a [u8],
    page_size: usize,
    is_big: bool,
    /// Bytes that may still be copied out of chains.
    left: usize,
}

pub(super) fn read(bytes: &[u8], packages: &mut Box) -> Result<(), String> {
    let mut table = Table {
        bytes,
        page_size: 0,
        is_big: false,
        // Chains that share pages would multiply them.
        left: bytes.len(),
    };
    table.is_big = match (table.number(12), slice(bytes, 12, 4)) {
        (Some(MAGIC), _) => false,
        (_, Some(magic)) if magic == MAGIC.to_be_bytes() => true,
        _ => return Err("it is no hash table of Berkeley DB".to_owned()),
    };
    let is_encrypted = bytes.get(24).is_none_or(|algorithm| *algorithm != 0);
    table.page_size = table.number(20).map_or(0, super::bytes::size);
    if is_encrypted || !(512..=65536).contains(&table.page_size) {
        return Err("its first page is broken".to_owned());
    }
    let last = table.number(32).map_or(0, super::bytes::size);
    for number in 1..=last {
        let Some(page) = table.page(number) else {
            return Err(format!("it ends before its page {number}"));
        };
        if !matches!(page.get(25), Some(&HASH | &HASH_UNSORTED)) {
            continue;
        }
        if !table.hash_page(page, packages) {
            break;
        }
    }
    Ok(())
}

impl<'a> Table<'a> {
    fn number(&self, at: usize) -> Option<u32> {
        self.number_in(self.bytes, at)
    }

    fn number_in(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes: [u8; 4] = slice(bytes, at, 4)?.try_into().ok()?;
        Some(match self.is_big {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    }

    fn short_in(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let bytes: [u8; 2] = slice(bytes, at, 2)?.try_into().ok()?;
        Some(usize::from(match self.is_big {
            true => u16::from_be_bytes(bytes),
            false => u16::from_le_bytes(bytes),
        }))
    }

    fn page(&self, number: usize) -> Option<&'a [u8]> {
        slice(
            self.bytes,
            number.checked_mul(self.page_size)?,
            self.page_size,
        )
    }

    /// Takes in the values of a page; whether there is room for more.
    fn hash_page(&mut self, page: &'a [u8], packages: &mut Box) -> bool {
        let count = self.short_in(page, 20).unwrap_or_default();
        let mut before = page.len();
        for index in 0..count {
            let Some(at) = self.short_in(page, HEAD + 2 * index) else {
                packages.miss("a page of it is broken".to_owned());
                return true;
            };
            // Items fill the page from its end: each goes as far as the one before begins.
            let item = page.get(at..before).filter(|item| !item.is_empty());
            before = at;
            if index % 2 == 0 {
                continue;
            }
            let Some(item) = item else {
                packages.miss("a page of it is broken".to_owned());
                return true;
            };
            let more = match item.first() {
                // The counter of packages stands among them, under the number zero.
                Some(&HERE) if item.len() <= 16 => true,
                Some(&HERE) => packages.header(item.get(1..).unwrap_or_default()),
                Some(&ELSEWHERE) => match self.chain(item) {
                    Some(bytes) => packages.header(&bytes),
                    None => {
                        packages.miss("a package of it is cut off or broken".to_owned());
                        true
                    }
                },
                _ => {
                    packages.miss("an item of it is of an unknown kind".to_owned());
                    true
                }
            };
            if !more {
                return false;
            }
        }
        true
    }

    /// What lies in a chain of overflow pages.
    fn chain(&mut self, item: &[u8]) -> Option<Vec<u8>> {
        let mut number = super::bytes::size(self.number_in(item, 4)?);
        let length = super::bytes::size(self.number_in(item, 8)?);
        self.left = self.left.checked_sub(length)?;
        let mut bytes = Vec::new();
        // A page gives at least a byte, so a circle ends.
        while bytes.len() < length {
            let page = self.page(number)?;
            if page.get(25) != Some(&OVERFLOW) {
                return None;
            }
            let taken = self.short_in(page, 22).filter(|taken| *taken > 0)?;
            bytes.extend_from_slice(slice(page, HEAD, taken)?);
            number = super::bytes::size(self.number_in(page, 16)?);
        }
        bytes.truncate(length);
        Some(bytes)
    }
}
