//! Reading zip: the list of entries at its end (APPNOTE 6.3.10, zip64 included), and one entry at a
//! time, stored or deflated.
//!
//! The list at the end alone says what there is: local headers are only asked where the content
//! begins. A program may stand in front of the archive; places count from where it ends, which the
//! place of the list tells. Sizes are promises: an entry that unpacks to more than its size or the limit, or whose
//! CRC-32 is another, is an error. Encrypted entries and those in parts are refused when they are read.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::DeflateDecoder;

use crate::{ArchiveError, Limits};

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;

/// The end record with the longest comment, and the locator of zip64 in front of it.
const TAIL: u64 = 22 + 65_535 + 20;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its name, as it is written; never to be used as a path on a disk. What is not UTF-8 is
    /// replaced.
    pub name: String,
    /// Bytes of the content.
    pub size: u64,
    /// Bytes as they lie in the archive.
    pub packed: u64,
    method: u16,
    flags: u16,
    crc: u32,
    offset: u64,
}

impl ZipEntry {
    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// An open archive.
#[derive(Debug)]
pub struct ZipReader<R> {
    input: R,
    entries: Vec<ZipEntry>,
    /// Where the list begins: no content reaches beyond it.
    list: u64,
}

impl<R: Read + Seek> ZipReader<R> {
    /// Reads the list of entries.
    ///
    /// # Errors
    /// When it is no zip archive, is torn, or has more entries or a longer list of them than the limits
    /// allow.
    pub fn open(mut input: R, limits: &Limits) -> Result<Self, ArchiveError> {
        let size = input.seek(SeekFrom::End(0))?;
        let tail_start = size.saturating_sub(TAIL);
        let tail = read_at(&mut input, tail_start, size - tail_start)?;
        let mut ends = tail.windows(22).enumerate().filter(|(at, window)| {
            let window = Bytes(window);
            // The comment behind it fills the file.
            window.u32(0) == Some(END)
                && window.u16(20).map(usize::from) == tail.len().checked_sub(at + 22)
        });
        let (end, _) = ends
            .next()
            .ok_or_else(|| ArchiveError::malformed("this is no zip archive: its end is missing"))?;
        // Readers disagree on which of two they take, and one of them hides what the other lists.
        if ends.next().is_some() {
            return Err(ArchiveError::malformed("a zip archive has two ends"));
        }
        let record = Bytes(tail.get(end..).unwrap_or_default());
        let broken = || ArchiveError::truncated("the end record of a zip archive");
        let mut count = u64::from(record.u16(10).ok_or_else(broken)?);
        let mut length = u64::from(record.u32(12).ok_or_else(broken)?);
        let mut list = u64::from(record.u32(16).ok_or_else(broken)?);
        let mut start = (tail_start + end as u64)
            .checked_sub(length)
            .and_then(|begin| begin.checked_sub(list));
        if count == 0xffff || length == 0xffff_ffff || list == 0xffff_ffff {
            let locator = end.checked_sub(20).and_then(|at| tail.get(at..end));
            let locator = Bytes(locator.unwrap_or_default());
            if locator.u32(0) == Some(LOCATOR_64) {
                let place = locator.u64(8).ok_or_else(broken)?;
                let bytes = read_at(&mut input, place, 56)?;
                let record = Bytes(&bytes);
                if record.u32(0) != Some(END_64) {
                    return Err(ArchiveError::malformed("the zip64 end record is missing"));
                }
                let wide = [32, 40, 48].map(|at| record.u64(at).unwrap_or(u64::MAX));
                let narrow = [(count, 0xffff), (length, 0xffff_ffff), (list, 0xffff_ffff)];
                // What fits must stand in both, and the list ends where the record begins.
                if narrow
                    .iter()
                    .zip(wide)
                    .any(|(&(said, full), wide)| said != full && said != wide)
                    || wide[1].checked_add(wide[2]) != Some(place)
                {
                    return Err(ArchiveError::malformed(
                        "the two end records of a zip archive disagree",
                    ));
                }
                [count, length, list] = wide;
                start = Some(0);
            }
        }
        if count > limits.max_entries {
            return Err(ArchiveError::limit(format!(
                "the zip archive has {count} entries, more than {}",
                limits.max_entries
            )));
        }
        let outside = || ArchiveError::malformed("the list of a zip archive lies outside of it");
        let start = start.ok_or_else(outside)?;
        let list = list.checked_add(start).ok_or_else(outside)?;
        if list.checked_add(length).is_none_or(|end| end > size) {
            return Err(outside());
        }
        if length > limits.max_in_memory {
            return Err(ArchiveError::limit(format!(
                "the list of the zip archive has {length} bytes, more than {}",
                limits.max_in_memory
            )));
        }
        // An empty archive behind another one would hide it.
        if count == 0 && list > 0 {
            return Err(ArchiveError::malformed(
                "a zip archive without entries has something in front of it",
            ));
        }
        let bytes = read_at(&mut input, list, length)?;
        let mut entries = Vec::new();
        let mut rest = bytes.as_slice();
        for _ in 0..count {
            let (mut entry, after) = entry(rest, limits)?;
            // Beyond the list there is nothing to read, however large the number is.
            entry.offset = entry.offset.saturating_add(start);
            entries.push(entry);
            rest = after;
        }
        // Java reads the list to its end, whatever the count says.
        if !rest.is_empty() {
            return Err(ArchiveError::malformed(
                "the list of a zip archive goes on behind its last entry",
            ));
        }
        Ok(Self {
            input,
            entries,
            list,
        })
    }

    /// The entries, in the order of the list.
    pub fn entries(&self) -> &[ZipEntry] {
        &self.entries
    }

    /// The content of an entry.
    ///
    /// # Errors
    /// When it is larger than the limit or than it says, is torn, has another checksum, or is packed
    /// in a way that is not read.
    pub fn read(&mut self, entry: &ZipEntry, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        if entry.flags & 0x0041 != 0 {
            return Err(ArchiveError::unsupported(
                "an encrypted entry of a zip archive",
            ));
        }
        if entry.size > limit {
            return Err(ArchiveError::limit(format!(
                "an entry of {} bytes is larger than the {limit} that are read into memory",
                entry.size
            )));
        }
        if entry.offset.saturating_add(30) > self.list {
            return Err(ArchiveError::truncated("an entry of a zip archive"));
        }
        let header = read_at(&mut self.input, entry.offset, 30)?;
        let header = Bytes(&header);
        if header.u32(0) != Some(LOCAL) {
            return Err(ArchiveError::malformed("an entry has no local header"));
        }
        let broken = || ArchiveError::truncated("a local header of a zip archive");
        let name = u64::from(header.u16(26).ok_or_else(broken)?);
        let extra = u64::from(header.u16(28).ok_or_else(broken)?);
        let start = entry.offset.saturating_add(30 + name + extra);
        if start
            .checked_add(entry.packed)
            .is_none_or(|end| end > self.list)
        {
            return Err(ArchiveError::truncated("an entry of a zip archive"));
        }
        self.input.seek(SeekFrom::Start(start))?;
        let packed = (&mut self.input).take(entry.packed);
        let mut bytes = Vec::new();
        let most = entry.size.saturating_add(1);
        match entry.method {
            0 => packed.take(most).read_to_end(&mut bytes)?,
            8 => DeflateDecoder::new(packed)
                .take(most)
                .read_to_end(&mut bytes)
                .map_err(|error| {
                    ArchiveError::malformed(format!("an entry cannot be unpacked: {error}"))
                })?,
            other => {
                return Err(ArchiveError::unsupported(format!(
                    "method {other} of a zip archive"
                )));
            }
        };
        if bytes.len() as u64 != entry.size || crc32fast::hash(&bytes) != entry.crc {
            return Err(ArchiveError::malformed(
                "an entry of a zip archive is not what the list says",
            ));
        }
        Ok(bytes)
    }

    /// Calls `take` with each entry that is no directory, and its content.
    ///
    /// # Errors
    /// As [`ZipReader::read`], and whatever `take` says.
    pub fn for_each<E: From<ArchiveError>>(
        &mut self,
        limit: u64,
        mut take: impl FnMut(&ZipEntry, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for at in 0..self.entries.len() {
            let Some(entry) = self.entries.get(at).cloned() else {
                break;
            };
            if !entry.is_directory() {
                let bytes = self.read(&entry, limit)?;
                take(&entry, &bytes)?;
            }
        }
        Ok(())
    }
}

/// Little-endian numbers at places that may not be there.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn at<const N: usize>(&self, place: usize) -> Option<[u8; N]> {
        self.0.get(place..place.checked_add(N)?)?.try_into().ok()
    }

    fn u16(&self, place: usize) -> Option<u16> {
        self.at(place).map(u16::from_le_bytes)
    }

    fn u32(&self, place: usize) -> Option<u32> {
        self.at(place).map(u32::from_le_bytes)
    }

    fn u64(&self, place: usize) -> Option<u64> {
        self.at(place).map(u64::from_le_bytes)
    }
}

fn read_at(
    input: &mut (impl Read + Seek),
    start: u64,
    length: u64,
) -> Result<Vec<u8>, ArchiveError> {
    input.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    let taken = input.take(length).read_to_end(&mut bytes)?;
    if taken as u64 != length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(bytes)
}

/// The first entry of a list, and what follows it.
fn entry<'a>(list: &'a [u8], limits: &Limits) -> Result<(ZipEntry, &'a [u8]), ArchiveError> {
    let header = Bytes(list);
    let broken = || ArchiveError::truncated("the list of a zip archive");
    if header.u32(0).ok_or_else(broken)? != ENTRY {
        return Err(ArchiveError::malformed(
            "the list of a zip archive holds something else",
        ));
    }
    let flags = header.u16(8).ok_or_else(broken)?;
    let method = header.u16(10).ok_or_else(broken)?;
    let crc = header.u32(16).ok_or_else(broken)?;
    let packed = header.u32(20).ok_or_else(broken)?;
    let size = header.u32(24).ok_or_else(broken)?;
    let name = usize::from(header.u16(28).ok_or_else(broken)?);
    let extra = usize::from(header.u16(30).ok_or_else(broken)?);
    let comment = usize::from(header.u16(32).ok_or_else(broken)?);
    let offset = header.u32(42).ok_or_else(broken)?;
    if name > limits.max_path {
        return Err(ArchiveError::limit("a name in a zip archive is too long"));
    }
    let rest = list.get(46..).ok_or_else(broken)?;
    let (name, rest) = rest.split_at_checked(name).ok_or_else(broken)?;
    let (extra, rest) = rest.split_at_checked(extra).ok_or_else(broken)?;
    let (_, rest) = rest.split_at_checked(comment).ok_or_else(broken)?;
    // Numbers that do not fit stand in the zip64 field, in this order and only where they do not.
    let mut wide = wide_numbers(extra).into_iter();
    let mut number = |narrow: u32| match narrow {
        u32::MAX => wide.next().ok_or_else(broken),
        narrow => Ok(u64::from(narrow)),
    };
    let size = number(size)?;
    let packed = number(packed)?;
    let offset = number(offset)?;
    let entry = ZipEntry {
        name: String::from_utf8_lossy(name).into_owned(),
        size,
        packed,
        method,
        flags,
        crc,
        offset,
    };
    Ok((entry, rest))
}

fn wide_numbers(mut extra: &[u8]) -> Vec<u64> {
    loop {
        let field = Bytes(extra);
        let (Some(id), Some(length)) = (field.u16(0), field.u16(2)) else {
            return Vec::new();
        };
        let length = usize::from(length);
        let Some(content) = extra.get(4..4 + length) else {
            return Vec::new();
        };
        if id == 1 {
            return content
                .chunks_exact(8)
                .filter_map(|bytes| Bytes(bytes).u64(0))
                .collect();
        }
        extra = extra.get(4 + length..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::ArchiveErrorKind;

    /// A stored and a deflated entry, as `zip` writes them.
    fn sample() -> Vec<u8> {
        let mut out = Vec::new();
        let mut list = Vec::new();
        let text = b"hello hello hello hello\n";
        let mut deflated = Vec::new();
        flate2::read::DeflateEncoder::new(&text[..], flate2::Compression::default())
            .read_to_end(&mut deflated)
            .unwrap();
        for (name, method, packed) in [
            ("a/", 0_u16, &[][..]),
            ("a/b", 0, text),
            ("c", 8, &deflated),
        ] {
            let offset = u32::try_from(out.len()).unwrap();
            let size = if packed.is_empty() {
                0
            } else {
                u32::try_from(text.len()).unwrap()
            };
            let crc = if packed.is_empty() {
                0
            } else {
                crc32fast::hash(text)
            };
            let mut common = Vec::new();
            for half in [20_u16, 0, method, 0, 0] {
                common.extend(half.to_le_bytes());
            }
            for word in [crc, u32::try_from(packed.len()).unwrap(), size] {
                common.extend(word.to_le_bytes());
            }
            common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            common.extend(0_u16.to_le_bytes());
            out.extend(LOCAL.to_le_bytes());
            out.extend(&common);
            out.extend(name.as_bytes());
            out.extend(packed);
            list.extend(ENTRY.to_le_bytes());
            list.extend(20_u16.to_le_bytes());
            list.extend(&common);
            list.extend([0; 10]);
            list.extend(offset.to_le_bytes());
            list.extend(name.as_bytes());
        }
        let start = u32::try_from(out.len()).unwrap();
        out.extend(&list);
        out.extend(END.to_le_bytes());
        for half in [0_u16, 0, 3, 3] {
            out.extend(half.to_le_bytes());
        }
        out.extend(u32::try_from(list.len()).unwrap().to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out
    }

    fn open(bytes: &[u8]) -> Result<ZipReader<Cursor<&[u8]>>, ArchiveError> {
        ZipReader::open(Cursor::new(bytes), &Limits::default())
    }

    #[test]
    fn entries_are_read_whole_and_checked() {
        let bytes = sample();
        let mut zip = open(&bytes).unwrap();
        let names: Vec<&str> = zip
            .entries()
            .iter()
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(names, ["a/", "a/b", "c"]);
        let mut read = Vec::new();
        zip.for_each(1 << 10, |entry, content| {
            read.push((entry.name.clone(), content.to_vec()));
            Ok::<(), ArchiveError>(())
        })
        .unwrap();
        let text = b"hello hello hello hello\n".to_vec();
        assert_eq!(
            read,
            [("a/b".to_owned(), text.clone()), ("c".to_owned(), text)]
        );
    }

    #[test]
    fn a_program_may_stand_in_front() {
        let mut bytes = b"#!/bin/sh\nexec java -jar \"$0\"\n".to_vec();
        bytes.extend(sample());
        let mut count = 0;
        let mut take = |_: &ZipEntry, content: &[u8]| {
            assert_eq!(content, b"hello hello hello hello\n");
            count += 1;
            Ok::<(), ArchiveError>(())
        };
        open(&bytes).unwrap().for_each(1 << 10, &mut take).unwrap();
        assert_eq!(count, 2);
    }

    #[test]
    fn attack_a_count_smaller_than_the_list_hides_entries() {
        let bytes = sample();
        for count in 0..3_u8 {
            let mut lie = bytes.clone();
            let end = lie.len() - 22;
            lie[end + 8] = count;
            lie[end + 10] = count;
            let error = open(&lie).unwrap_err();
            assert_eq!(error.kind, ArchiveErrorKind::Malformed, "{count}");
        }
        assert!(open(&bytes).is_ok());
    }

    #[test]
    fn attack_an_end_record_in_the_comment_hides_the_archive() {
        let mut empty = END.to_le_bytes().to_vec();
        empty.extend([0; 18]);
        let with_comment = |comment: &[u8]| {
            let mut bytes = sample();
            let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
            let at = bytes.len() - 2;
            bytes[at..].copy_from_slice(&length);
            bytes.extend(comment);
            bytes
        };
        // One that fits makes two ends; what does not fit is a comment.
        let error = open(&with_comment(&empty)).unwrap_err();
        assert!(error.to_string().contains("two ends"), "{error}");
        let torn = [empty.as_slice(), b"and more"].concat();
        let bytes = with_comment(&torn);
        assert_eq!(open(&bytes).unwrap().entries().len(), 3);
        assert_eq!(open(&with_comment(b"hi")).unwrap().entries().len(), 3);
        // Behind the comment stands nothing.
        let mut behind = sample();
        behind.extend(&empty);
        assert!(open(&behind).is_err());
    }

    #[test]
    fn lies_are_found_out() {
        let bytes = sample();
        let error = |bytes: &[u8]| {
            let mut zip = open(bytes)?;
            zip.for_each(1 << 10, |_, _| Ok::<(), ArchiveError>(()))
        };
        let limit = open(&bytes)
            .unwrap()
            .for_each(4, |_, _| Ok::<(), ArchiveError>(()));
        assert_eq!(limit.unwrap_err().kind, ArchiveErrorKind::Limit);
        for end in 0..bytes.len() {
            assert!(error(&bytes[..end]).is_err(), "torn at {end}");
        }
        // The content of `a/b` begins after two local headers and two names.
        let mut changed = bytes.clone();
        changed[30 + 2 + 30 + 3] ^= 1;
        assert_eq!(
            error(&changed).unwrap_err().kind,
            ArchiveErrorKind::Malformed
        );
    }
}
