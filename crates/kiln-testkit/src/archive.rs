//! Small writers of tar (GNU format, as dpkg-deb writes it) and ar, and compression.

use std::collections::BTreeMap;
use std::io::Write as _;

/// How a member of a package is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, `.gz`.
    Gzip,
    /// xz, `.xz`.
    Xz,
    /// zstd, `.zst`.
    Zstd,
}

impl Compression {
    /// The suffix of a file name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }

    /// `bytes`, compressed.
    #[must_use]
    pub fn apply(self, bytes: &[u8]) -> Vec<u8> {
        const WHY: &str = "writing to memory does not fail";
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => {
                let level = flate2::Compression::new(6);
                let mut encoder = flate2::GzBuilder::new().write(Vec::new(), level);
                encoder.write_all(bytes).expect(WHY);
                encoder.finish().expect(WHY)
            }
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
                encoder.write_all(bytes).expect(WHY);
                encoder.finish().expect(WHY)
            }
            Self::Zstd => zstd::encode_all(bytes, 3).expect(WHY),
        }
    }
}

/// What an entry of a tar archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file with its content.
    File(Vec<u8>),
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Symlink(String),
    /// A hard link with its target, as a path in the archive.
    Hardlink(String),
    /// Any other type flag (`b'3'` character device, `b'6'` fifo …), without content.
    Other(u8),
}

/// An entry of a tar archive, written exactly as it stands here, sensible or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path as written, such as `./usr/bin/hello`.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Seconds since the epoch; the builder's own time where absent.
    pub mtime: Option<u64>,
    /// Extended attributes, as PAX records `SCHILY.xattr.NAME`.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Entry {
    /// An entry of root's with this mode.
    #[must_use]
    pub fn new(path: &str, kind: EntryKind, mode: u32) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: None,
            xattrs: BTreeMap::new(),
        }
    }

    /// The same, owned by others.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// The same, with a time of its own.
    #[must_use]
    pub fn mtime(mut self, mtime: u64) -> Self {
        self.mtime = Some(mtime);
        self
    }

    /// The same, with an extended attribute.
    #[must_use]
    pub fn xattr(mut self, name: &str, value: &[u8]) -> Self {
        self.xattrs.insert(name.to_owned(), value.to_vec());
        self
    }
}

/// A tar archive of these entries in this order.
#[must_use]
pub fn tar(entries: &[Entry], mtime: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let (flag, link, content): (u8, &str, &[u8]) = match &entry.kind {
            EntryKind::File(content) => (b'0', "", content),
            EntryKind::Directory => (b'5', "", &[]),
            EntryKind::Symlink(target) => (b'2', target, &[]),
            EntryKind::Hardlink(target) => (b'1', target, &[]),
            EntryKind::Other(flag) => (*flag, "", &[]),
        };
        if !entry.xattrs.is_empty() {
            let mut records = Vec::new();
            for (name, value) in &entry.xattrs {
                records.extend(pax_record(&format!("SCHILY.xattr.{name}"), value));
            }
            member(
                &mut out,
                "./PaxHeaders/entry",
                b'x',
                "",
                &records,
                (0o644, 0, 0, mtime),
            );
        }
        // GNU's way of long names; one NUL ends the name.
        for (text, kind) in [(link, b'K'), (entry.path.as_str(), b'L')] {
            if text.len() > 100 {
                let mut name = text.as_bytes().to_vec();
                name.push(0);
                member(&mut out, "././@LongLink", kind, "", &name, (0o644, 0, 0, 0));
            }
        }
        let mtime = entry.mtime.unwrap_or(mtime);
        let numbers = (entry.mode, entry.uid, entry.gid, mtime);
        member(&mut out, &entry.path, flag, link, content, numbers);
    }
    out.resize(out.len() + 1_024, 0);
    out.resize(out.len().next_multiple_of(10_240), 0);
    out
}

/// `LENGTH NAME=VALUE\n`, where LENGTH counts itself (pax(1), "pax Extended Header").
fn pax_record(name: &str, value: &[u8]) -> Vec<u8> {
    let rest = 1 + name.len() + 1 + value.len() + 1;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    let mut record = format!("{length} {name}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

fn member(
    out: &mut Vec<u8>,
    path: &str,
    flag: u8,
    link: &str,
    content: &[u8],
    (mode, uid, gid, mtime): (u32, u32, u32, u64),
) {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, room: usize, bytes: &[u8]| {
        let length = bytes.len().min(room);
        header[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, 100, path.as_bytes());
    put(100, 8, format!("{mode:07o}\0").as_bytes());
    put(108, 8, format!("{uid:07o}\0").as_bytes());
    put(116, 8, format!("{gid:07o}\0").as_bytes());
    put(124, 12, format!("{:011o}\0", content.len()).as_bytes());
    put(136, 12, format!("{mtime:011o}\0").as_bytes());
    put(148, 8, b"        ");
    put(156, 1, &[flag]);
    put(157, 100, link.as_bytes());
    put(257, 8, b"ustar  \0");
    if uid == 0 {
        put(265, 32, b"root");
    }
    if gid == 0 {
        put(297, 32, b"root");
    }
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

/// An ar archive (deb(5)) of these members in this order.
#[must_use]
pub fn ar(members: &[(&str, &[u8])], mtime: u64) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let size = content.len();
        let header = format!(
            "{name:<16}{mtime:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
            0, 0, 100_644
        );
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        if size % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}
