//! A tar archive as a folder of named blobs, without unpacking it.
//!
//! The archive is walked once to learn where each file begins. A compressed archive has no places
//! to jump to: there, opening a file reads everything before it again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::{Limits, tar};
use kiln_oci::layout::mark_of;
use kiln_types::Mark;

use crate::InventoryError;
use crate::path::{join, normalised, parent};

/// Files in one archive of an image.
const MOST: u64 = 100_000;

/// Where a file of the archive is.
#[derive(Clone, Debug)]
enum Member {
    At { offset: u64, size: u64 },
    Link(String),
}

/// An archive whose files can be opened by name.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    path: PathBuf,
    codec: Codec,
    members: BTreeMap<String, Member>,
}

fn limits() -> Limits {
    Limits {
        max_entries: MOST,
        max_unpacked: 256 << 30,
        ..Limits::default()
    }
}

/// Takes in an entry whose content begins at an offset.
fn add(
    members: &mut BTreeMap<String, Member>,
    path: &Path,
    entry: &tar::Entry,
    offset: u64,
) -> Result<(), InventoryError> {
    let Some(name) = normalised(&entry.path) else {
        return Ok(());
    };
    let member = match entry.kind {
        tar::Kind::File => Member::At {
            offset,
            size: entry.size,
        },
        // Old versions of Docker write a layer that stands twice as a link.
        tar::Kind::Symlink | tar::Kind::Hardlink => {
            let target = String::from_utf8_lossy(&entry.link);
            let base = match entry.kind {
                tar::Kind::Symlink => parent(&name),
                _ => "",
            };
            match join(base, &target) {
                Some(target) => Member::Link(target),
                None => return Ok(()),
            }
        }
        _ => return Ok(()),
    };
    if members.insert(name.clone(), member).is_some() {
        return Err(InventoryError::malformed(
            path.display().to_string(),
            format!("it holds `{name}` twice"),
        ));
    }
    Ok(())
}

impl Archive {
    /// Learns what is in an archive.
    pub(super) fn open(path: &Path) -> Result<Self, InventoryError> {
        let read = |source| InventoryError::Read {
            path: path.to_owned(),
            source,
        };
        let broken = |source| InventoryError::Archive {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let mut input = BufReader::with_capacity(64 << 10, file);
        let codec = Codec::from_magic(input.fill_buf().map_err(read)?);
        let mut members = BTreeMap::new();
        if codec == Codec::None {
            // Nothing is read but the headers: whoever opens a file reads it.
            let mut reader = tar::Reader::new(input, &limits());
            while let Some(entry) = reader.next().map_err(broken)? {
                let offset = reader.offset();
                add(&mut members, path, &entry, offset)?;
                reader.seek_past(length).map_err(broken)?;
            }
        } else {
            let content = decoder(codec, input, &limits()).map_err(broken)?;
            let mut reader = tar::Reader::new(content, &limits());
            while let Some(entry) = reader.next().map_err(broken)? {
                add(&mut members, path, &entry, reader.offset())?;
            }
        }
        Ok(Self {
            path: path.to_owned(),
            codec,
            members,
        })
    }

    /// Where a file is, and its size; links followed.
    pub(super) fn find(&self, name: &str) -> Option<(u64, u64)> {
        let mut name = join("", name)?;
        for _ in 0..8 {
            match self.members.get(&name)? {
                Member::At { offset, size } => return Some((*offset, *size)),
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }

    /// The mark of a file: that of the archive as it lies there now, and the place in it.
    pub(super) fn mark(&self, name: &str) -> io::Result<Option<Mark>> {
        let Some((offset, size)) = self.find(name) else {
            return Ok(None);
        };
        Ok(mark_of(&self.path)?.map(|mark| mark.part(offset, size)))
    }

    /// Opens a file.
    pub(super) fn reader(&self, name: &str) -> io::Result<Box<dyn Read>> {
        let Some((offset, size)) = self.find(name) else {
            return Err(self.missing(name));
        };
        let mut file = File::open(&self.path)?;
        if self.codec == Codec::None {
            file.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(file.take(size)));
        }
        let mut content = decoder(self.codec, file, &limits())?;
        let skipped = io::copy(&mut (&mut content).take(offset), &mut io::sink())?;
        if skipped < offset {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Box::new(content.take(size)))
    }

    /// Opens a file for another thread. Of a compressed archive it is read into memory, which is for
    /// the small documents; layers are opened by whoever reads them.
    pub(super) fn sendable(&self, name: &str) -> io::Result<Box<dyn Read + Send>> {
        let Some((offset, size)) = self.find(name) else {
            return Err(self.missing(name));
        };
        if self.codec == Codec::None {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(file.take(size)));
        }
        if size > kiln_oci::MAX_DOCUMENT {
            return Err(io::Error::other("it is too large for a document"));
        }
        let mut bytes = Vec::new();
        self.reader(name)?.read_to_end(&mut bytes)?;
        Ok(Box::new(io::Cursor::new(bytes)))
    }

    fn missing(&self, name: &str) -> io::Error {
        let reason = format!("`{name}` is not in `{}`", self.path.display());
        io::Error::new(io::ErrorKind::NotFound, reason)
    }

    /// Reads a small file.
    pub(super) fn small(&self, name: &str, most: u64) -> Result<Vec<u8>, InventoryError> {
        let read = |source| InventoryError::Read {
            path: self.path.join(name),
            source,
        };
        let mut reader = self.reader(name).map_err(read)?;
        kiln_archive::read_to_vec(&mut reader, most).map_err(|source| InventoryError::Archive {
            path: self.path.clone(),
            source,
        })
    }
}
