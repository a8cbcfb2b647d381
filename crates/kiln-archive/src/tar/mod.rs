//! Tar: a streaming reader of foreign archives, and the deterministic writer of our layers.
//!
//! Formats: the pre-POSIX one (V7), ustar and its PAX extension (POSIX.1-2017, `pax`, "ustar
//! Interchange Format"), and the long names and base-256 numbers of GNU tar (`tar(5)`).
//!
//! Paths are handed out as they stand in the archive: whoever uses one checks it.

mod number;
mod pax;
mod reader;
mod write;

use std::collections::BTreeMap;

pub use reader::Reader;
pub use write::{END, Header, write_header, write_padding};

/// The size of a tar block.
pub const BLOCK: usize = 512;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// Another name of an earlier entry.
    Hardlink,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// Some other type flag; its content, if any, can be read like a file's.
    Other(u8),
}

/// One entry of an archive that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path, as the archive has it: any bytes but NUL, perhaps `./` in front or a slash at the
    /// end, perhaps hostile. Never empty.
    pub path: Vec<u8>,
    /// The target of a hard or symbolic link, as the archive has it; empty for other kinds.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky (at most `0o7777`).
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Modification time in seconds since the epoch; a fraction is cut off downwards.
    pub mtime: i64,
    /// Bytes of content; zero for all kinds but [`Kind::File`] and [`Kind::Other`].
    pub size: u64,
    /// Major number of a device, else zero.
    pub device_major: u32,
    /// Minor number of a device, else zero.
    pub device_minor: u32,
    /// Extended attributes (PAX `SCHILY.xattr.*`) by their full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}
