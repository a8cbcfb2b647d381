//! Marks of bytes that lie on a disk: how to know without reading them that nobody has written to
//! them since they were read.
//!
//! A mark holds what the kernel changes with every write and every rename: device, file system, inode,
//! size, time of modification and time of change. Nobody sets the time of change but the kernel, so
//! equal marks mean the same bytes, with these exceptions:
//! - a write within the same tick of the kernel's clock as the one before, and a write through a mapping
//!   of memory before the kernel has written the page back, which it does within half a minute: whoever
//!   believes a mark must see that it was old enough ([`Mark::changed_ns`]);
//! - file systems that differ from this (in memory no mapped write changes a time): no verdict relies
//!   on the mark of a file outside the store;
//! - somebody who sets the machine's clock or writes to the disk below the file system, which only root
//!   can.

/// What was seen of bytes on a disk without reading them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Equal for the same bytes at the same place, and another one when somebody has written there.
    pub text: String,
    /// When they were last written to or renamed, in nanoseconds since the epoch.
    pub changed_ns: i64,
}

/// A moment of a file, as stat(2) tells it: seconds since the epoch, and nanoseconds.
pub type FileTime = (i64, i64);

impl Mark {
    /// The mark of a file: its device and file system, inode and size, and when it was modified and changed.
    #[must_use]
    pub fn of_file(
        (device, file_system): (u64, u64),
        inode: u64,
        size: u64,
        modified: FileTime,
        changed: FileTime,
    ) -> Self {
        let nanoseconds =
            |(seconds, rest): FileTime| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        let (modified, changed) = (nanoseconds(modified), nanoseconds(changed));
        Self {
            text: format!("file:{device}:{file_system}:{inode}:{size}:{modified}:{changed}"),
            changed_ns: modified.max(changed),
        }
    }

    /// The mark of a part of the bytes.
    #[must_use]
    pub fn part(&self, offset: u64, size: u64) -> Self {
        Self {
            text: format!("{}:{offset}:{size}", self.text),
            changed_ns: self.changed_ns,
        }
    }
}
