//! The deterministic writer: ustar, and PAX only where ustar cannot say it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::pax::XATTR;
use super::{BLOCK, Kind};

/// What ends an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The largest number of an eleven-digit octal field (size, mtime): 8 GiB - 1.
const LARGEST: u64 = 0o777_7777_7777;
/// The largest number of a seven-digit octal field (uid, gid).
const LARGEST_ID: u32 = 0o777_7777;

/// An entry to be written. User and group names are left empty: they are the image's own affair.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The path, without a leading slash; a directory gets its slash at the end here.
    pub path: &'a str,
    /// What it is; devices and other kinds are refused.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Modification time in seconds since the epoch.
    pub mtime: i64,
    /// Bytes of content that follow; zero for all kinds but files.
    pub size: u64,
    /// The target of a link, else empty.
    pub link: &'a str,
    /// Extended attributes by their full name.
    pub xattrs: &'a BTreeMap<String, Vec<u8>>,
}

/// Writes the header of an entry. The content is to follow, and then [`write_padding`].
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when the entry cannot be written (empty or absolute path, NUL in a
/// name, content where there can be none, a kind that layers do not hold), and what `out` says.
pub fn write_header(out: &mut (impl Write + ?Sized), header: &Header<'_>) -> io::Result<()> {
    let flag = check(header)?;
    let path = match header.kind {
        Kind::Directory if !header.path.ends_with('/') => format!("{}/", header.path),
        _ => header.path.to_owned(),
    };
    let mut records: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, value) in header.xattrs {
        records.insert(format!("{XATTR}{name}"), value.clone());
    }

    let mut block = Block::new(flag, header.mode & 0o7777);
    match split(&path) {
        Some((prefix, name)) => {
            block.put(0, name.as_bytes());
            block.put(345, prefix.as_bytes());
        }
        None => {
            records.insert("path".to_owned(), path.clone().into_bytes());
            block.put(0, &ascii(&path, 100));
        }
    }
    if header.link.len() <= 100 && header.link.is_ascii() {
        block.put(157, header.link.as_bytes());
    } else {
        records.insert("linkpath".to_owned(), header.link.as_bytes().to_vec());
        block.put(157, &ascii(header.link, 100));
    }
    let mut number = |key: &str, fits: bool, value: String| {
        if !fits {
            records.insert(key.to_owned(), value.into_bytes());
        }
        fits
    };
    let uid = if number("uid", header.uid <= LARGEST_ID, header.uid.to_string()) {
        header.uid
    } else {
        0
    };
    let gid = if number("gid", header.gid <= LARGEST_ID, header.gid.to_string()) {
        header.gid
    } else {
        0
    };
    let size = if number("size", header.size <= LARGEST, header.size.to_string()) {
        header.size
    } else {
        0
    };
    let plain_mtime = u64::try_from(header.mtime)
        .ok()
        .filter(|mtime| *mtime <= LARGEST);
    number("mtime", plain_mtime.is_some(), header.mtime.to_string());
    let mtime = plain_mtime.unwrap_or(0);
    block.identity(uid, gid);
    block.size_and_time(size, mtime);

    if !records.is_empty() {
        write_extended(out, &path, mtime, &records)?;
    }
    out.write_all(&block.finish())
}

/// Writes the zeros that fill the last block of a content of `size` bytes.
///
/// # Errors
/// What `out` says.
pub fn write_padding(out: &mut (impl Write + ?Sized), size: u64) -> io::Result<()> {
    let missing = usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or(0);
    out.write_all(END.get(..missing).unwrap_or_default())
}

/// The type flag of an entry that can be written.
fn check(header: &Header<'_>) -> io::Result<u8> {
    let refuse = |why: &str| {
        let shown: String = header.path.chars().take(120).collect();
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("`{shown}` cannot be written to a tar archive: {why}"),
        ))
    };
    if header.path.is_empty() || header.path.starts_with('/') {
        return refuse("its path is empty or absolute");
    }
    if header.path.contains('\0') || header.link.contains('\0') {
        return refuse("a name holds a NUL");
    }
    let is_link = matches!(header.kind, Kind::Hardlink | Kind::Symlink);
    if header.link.is_empty() == is_link {
        return refuse("only a link has a target, and it must have one");
    }
    if header.size > 0 && header.kind != Kind::File {
        return refuse("only a file has content");
    }
    if header.kind != Kind::Directory && header.path.ends_with('/') {
        return refuse("only the path of a directory ends in a slash");
    }
    if header
        .xattrs
        .keys()
        .any(|name| name.is_empty() || name.contains(['=', '\0']))
    {
        return refuse("the name of an extended attribute is empty or holds `=` or NUL");
    }
    match header.kind {
        Kind::File => Ok(b'0'),
        Kind::Hardlink => Ok(b'1'),
        Kind::Symlink => Ok(b'2'),
        Kind::Directory => Ok(b'5'),
        Kind::CharDevice | Kind::BlockDevice | Kind::Fifo | Kind::Other(_) => {
            refuse("layers hold files, directories and links only")
        }
    }
}

/// Prefix and name of a path that fits into ustar: the shortest prefix that leaves a name that fits.
fn split(path: &str) -> Option<(&str, &str)> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some(("", path));
    }
    path.char_indices()
        .filter(|(_, character)| *character == '/')
        .filter_map(|(at, _)| Some((path.get(..at)?, path.get(at + 1..)?)))
        .find(|(prefix, name)| {
            !prefix.is_empty() && prefix.len() <= 155 && !name.is_empty() && name.len() <= 100
        })
}

/// What stands in a ustar field whose truth is in a PAX record: for readers without PAX, and people.
fn ascii(text: &str, length: usize) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(c).ok().filter(u8::is_ascii).unwrap_or(b'_'))
        .take(length)
        .collect()
}

/// Writes a PAX header with its records, sorted by key.
fn write_extended(
    out: &mut (impl Write + ?Sized),
    path: &str,
    mtime: u64,
    records: &BTreeMap<String, Vec<u8>>,
) -> io::Result<()> {
    let mut content = Vec::new();
    for (key, value) in records {
        content.extend_from_slice(
            record_length(key.len() + value.len() + 3)
                .to_string()
                .as_bytes(),
        );
        content.push(b' ');
        content.extend_from_slice(key.as_bytes());
        content.push(b'=');
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    let base = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let mut block = Block::new(b'x', 0o644);
    block.put(0, &ascii(&format!("PaxHeaders.0/{base}"), 100));
    block.identity(0, 0);
    block.size_and_time(content.len() as u64, mtime);
    out.write_all(&block.finish())?;
    out.write_all(&content)?;
    write_padding(out, content.len() as u64)
}

/// The length of a record of which `rest` bytes are not its length: the length counts itself.
fn record_length(rest: usize) -> usize {
    let mut length = rest;
    loop {
        let next = rest + length.to_string().len();
        if next == length {
            return length;
        }
        length = next;
    }
}

/// A ustar header in the making.
struct Block([u8; BLOCK]);

impl Block {
    fn new(flag: u8, mode: u32) -> Self {
        let mut block = Self([0; BLOCK]);
        block.put(156, &[flag]);
        block.put(100, format!("{mode:07o}").as_bytes());
        block.put(257, b"ustar\x0000");
        block.put(329, b"0000000\x000000000");
        block
    }

    fn identity(&mut self, uid: u32, gid: u32) {
        self.put(108, format!("{uid:07o}").as_bytes());
        self.put(116, format!("{gid:07o}").as_bytes());
    }

    fn size_and_time(&mut self, size: u64, mtime: u64) {
        self.put(124, format!("{size:011o}").as_bytes());
        self.put(136, format!("{mtime:011o}").as_bytes());
    }

    fn put(&mut self, start: usize, bytes: &[u8]) {
        for (slot, byte) in self.0.iter_mut().skip(start).zip(bytes) {
            *slot = *byte;
        }
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        for (rest, length) in [
            (4, 5),
            (8, 9),
            (9, 11),
            (96, 98),
            (97, 99),
            (98, 101),
            (996, 999),
            (997, 1001),
        ] {
            assert_eq!(record_length(rest), length, "{rest}");
            assert_eq!(rest + length.to_string().len(), length);
        }
    }

    #[test]
    fn long_paths_use_the_prefix_where_they_can() {
        let name = |length: usize| "n".repeat(length);
        assert_eq!(split(&name(100)), Some(("", name(100).as_str())));
        assert_eq!(split(&name(101)), None);
        let path = format!("{}/{}", name(155), name(100));
        assert_eq!(split(&path), Some((name(155).as_str(), name(100).as_str())));
        assert_eq!(split(&format!("{}/{}", name(156), name(99))), None);
        assert_eq!(
            split(&format!("a/{}/b", name(120))),
            Some((format!("a/{}", name(120)).as_str(), "b"))
        );
        assert_eq!(split("é"), None);
        // The name of a directory is never the empty rest behind its own slash.
        assert_eq!(split(&format!("{}/", name(120))), None);
    }
}
