//! Small readers of gzip and tar for tests that look at what the product wrote. They are strict
//! where a registry or an engine is, and know nothing of the product's own readers.

use std::io::{self, Read as _};

/// An entry of a tar archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarEntry {
    /// The path as written.
    pub path: String,
    /// The type flag: `b'0'` file, `b'1'` hard link, `b'2'` symbolic link, `b'5'` directory …
    pub flag: u8,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Seconds since the epoch.
    pub mtime: u64,
    /// The target of a link.
    pub link: String,
    /// The content of a file.
    pub content: Vec<u8>,
}

/// The members of a gzip file, unpacked, in order (RFC 1952: a file may have several).
///
/// # Errors
/// When a member is damaged, or something else follows.
pub fn gzip_members(bytes: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let mut rest = bytes;
    let mut members = Vec::new();
    while !rest.is_empty() {
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        let mut content = Vec::new();
        decoder.read_to_end(&mut content)?;
        rest = decoder.into_inner();
        members.push(content);
    }
    Ok(members)
}

/// The entries of a tar archive with PAX records for paths and links (pax(1)); it must end in two
/// blocks of zeros and nothing else.
///
/// # Errors
/// When it is damaged, or does not end so.
pub fn read_tar(bytes: &[u8]) -> io::Result<Vec<TarEntry>> {
    let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut entries = Vec::new();
    let mut rest = bytes;
    let (mut long_path, mut long_link) = (None, None);
    loop {
        let Some((header, after)) = rest.split_at_checked(512) else {
            return Err(wrong("it ends in the middle of a header".to_owned()));
        };
        if header.iter().all(|&byte| byte == 0) {
            if after.len() == 512 && after.iter().all(|&byte| byte == 0) {
                return Ok(entries);
            }
            return Err(wrong(format!(
                "{} bytes follow the first block of zeros, not 512 zeros",
                after.len()
            )));
        }
        let number = |from: usize, to: usize| -> io::Result<u64> {
            let text = text(&header[from..to]);
            let digits = text.trim_matches([' ', '\0']);
            u64::from_str_radix(if digits.is_empty() { "0" } else { digits }, 8)
                .map_err(|_| wrong(format!("`{digits}` is not an octal number")))
        };
        let small = |from, to| -> io::Result<u32> {
            u32::try_from(number(from, to)?).map_err(|error| wrong(error.to_string()))
        };
        let length =
            usize::try_from(number(124, 136)?).map_err(|error| wrong(error.to_string()))?;
        let Some(content) = after.get(..length) else {
            return Err(wrong("it ends in the middle of a file".to_owned()));
        };
        let padded = length.next_multiple_of(512);
        rest = after.get(padded..).unwrap_or_default();
        let flag = header[156];
        if flag == b'x' {
            for (name, value) in records(content).ok_or_else(|| wrong("a bad record".to_owned()))? {
                match name.as_str() {
                    "path" => long_path = Some(value),
                    "linkpath" => long_link = Some(value),
                    _ => {}
                }
            }
            continue;
        }
        let prefix = text(&header[345..500]);
        let name = text(&header[..100]);
        let short = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        entries.push(TarEntry {
            path: long_path.take().unwrap_or(short),
            flag,
            mode: small(100, 108)?,
            uid: small(108, 116)?,
            gid: small(116, 124)?,
            mtime: number(136, 148)?,
            link: long_link.take().unwrap_or_else(|| text(&header[157..257])),
            content: content.to_vec(),
        });
    }
}

/// A field up to its first NUL.
fn text(field: &[u8]) -> String {
    let end = field
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// `LENGTH NAME=VALUE\n`, one after the other.
fn records(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|&byte| byte == b' ')?;
        let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
        let record = bytes.get(space + 1..length)?;
        let equals = record.iter().position(|&byte| byte == b'=')?;
        let value = record.get(equals + 1..)?.strip_suffix(b"\n")?;
        found.push((
            String::from_utf8_lossy(&record[..equals]).into_owned(),
            String::from_utf8_lossy(value).into_owned(),
        ));
        bytes = &bytes[length..];
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Compression, Entry, EntryKind, tar};

    #[test]
    fn members_and_entries_are_told_apart() {
        let mut two = Compression::Gzip.apply(b"one");
        two.extend(Compression::Gzip.apply(b"two"));
        assert_eq!(
            gzip_members(&two).unwrap(),
            [b"one".to_vec(), b"two".to_vec()]
        );
        two.push(7);
        assert!(gzip_members(&two).is_err());

        let mut bytes = tar(
            &[
                Entry::new("./a/", EntryKind::Directory, 0o755),
                Entry::new("./a/b", EntryKind::File(b"hi".to_vec()), 0o640).owner(1, 2),
                Entry::new("./a/c", EntryKind::Symlink("b".to_owned()), 0o777),
            ],
            9,
        );
        assert!(read_tar(&bytes).is_err(), "more than two blocks of zeros");
        bytes.truncate(512 * 4 + 1_024);
        let entries = read_tar(&bytes).unwrap();
        assert_eq!(entries.len(), 3);
        let file = &entries[1];
        assert_eq!(
            (&*file.path, file.mode, file.uid, file.gid),
            ("./a/b", 0o640, 1, 2)
        );
        assert_eq!((&*file.content, file.mtime), (&b"hi"[..], 9));
        assert_eq!(entries[2].link, "b");
        bytes.pop();
        assert!(read_tar(&bytes).is_err());
    }
}
