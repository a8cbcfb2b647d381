//! Writing layouts.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use kiln_types::{BlobSource, Digest, HashReader};

use super::{INDEX, MARKER, Marker, merged};
use crate::{
    BlobRef, Index, MAX_DOCUMENT, OciError, Root, closure, copy_verified, from_json, to_json,
};

/// What the names of unfinished files and directories end in.
const PARTIAL: &str = ".kiln-partial";
/// How many unfinished directories of other writers are passed by.
const MAX_WRITERS: u32 = 1000;

/// Writes images into a layout: a new one, or one that is there, whose other tags stay.
///
/// # Errors
/// When a blob is missing or is not what its descriptor says, when the directory holds something
/// that is no layout, and when it cannot be written. What was there before is then as it was, but
/// for blobs that nothing refers to.
pub fn write(directory: &Path, roots: &[Root], source: &dyn BlobSource) -> Result<(), OciError> {
    let blobs = closure(roots, source)?;
    if !is_free(directory)? {
        return add(directory, roots, &blobs, source);
    }
    let index = merged(Index::new(Vec::new()), roots)?;
    let (partial, _lock) = claim_partial(directory)?;
    let made = fill(&partial, &index, &blobs, source);
    let placed = made.and_then(|()| match fs::rename(&partial, directory) {
        Ok(()) => Ok(true),
        // Somebody else was faster: their layout stays, ours is added to it.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
            ) =>
        {
            Ok(false)
        }
        Err(source) => Err(OciError::File {
            action: "create",
            path: directory.to_owned(),
            source,
        }),
    });
    match placed {
        Ok(true) => Ok(()),
        other => {
            // What cannot be removed now is removed by the next writer.
            let _ = fs::remove_dir_all(&partial);
            other?;
            add(directory, roots, &blobs, source)
        }
    }
}

/// Whether nothing or an empty directory is there.
fn is_free(directory: &Path) -> Result<bool, OciError> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(OciError::File {
            action: "read",
            path: directory.to_owned(),
            source,
        }),
    }
}

pub(super) fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OciError {
    let path = path.to_owned();
    move |source| OciError::File {
        action,
        path,
        source,
    }
}

/// Makes and locks an unfinished directory beside the place of the layout, and removes those of
/// writers that are gone.
fn claim_partial(directory: &Path) -> Result<(PathBuf, File), OciError> {
    let name = directory.file_name().ok_or_else(|| OciError::Unsupported {
        subject: directory.display().to_string(),
        reason: "a layout needs a directory with a name".to_owned(),
    })?;
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(file_error("create", parent))?;
    for number in 0..MAX_WRITERS {
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{number}{PARTIAL}"));
        let partial = parent.join(partial);
        match fs::create_dir(&partial) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(OciError::File {
                    action: "create",
                    path: partial,
                    source,
                });
            }
        }
        // Whoever holds the lock owns the directory; the kernel gives it back when they die.
        let Ok(lock) = File::open(&partial) else {
            continue;
        };
        if lock.try_lock().is_err() || !is_same(&lock, &partial) {
            continue;
        }
        clear(&partial).map_err(file_error("write", &partial))?;
        return Ok((partial, lock));
    }
    let reason = format!("{MAX_WRITERS} writers are at work on it");
    Err(OciError::Unsupported {
        subject: directory.display().to_string(),
        reason,
    })
}

/// Whether an open directory is still the one at its path.
fn is_same(open: &File, path: &Path) -> bool {
    match (open.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn clear(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Makes a whole layout in an empty directory.
fn fill(
    directory: &Path,
    index: &Index,
    blobs: &[BlobRef],
    source: &dyn BlobSource,
) -> Result<(), OciError> {
    let folder = blob_folder(directory)?;
    for blob in blobs {
        put_blob(&folder, blob, source)?;
    }
    replace(&directory.join(MARKER), &to_json(&Marker::current())?)?;
    replace(&directory.join(INDEX), &to_json(index)?)
}

/// Adds to a layout that is there.
fn add(
    directory: &Path,
    roots: &[Root],
    blobs: &[BlobRef],
    source: &dyn BlobSource,
) -> Result<(), OciError> {
    let lock = File::open(directory).map_err(file_error("read", directory))?;
    lock.lock().map_err(file_error("lock", directory))?;
    let marker: Marker = match read_small(&directory.join(MARKER)) {
        Ok(bytes) => from_json(&directory.join(MARKER).display().to_string(), &bytes)?,
        Err(_) => {
            let reason =
                "it is neither empty nor an OCI image layout; name another directory".to_owned();
            return Err(OciError::Unsupported {
                subject: directory.display().to_string(),
                reason,
            });
        }
    };
    if marker.image_layout_version != Marker::current().image_layout_version {
        let reason = format!(
            "its layout version is {}, expected 1.0.0",
            marker.image_layout_version
        );
        return Err(OciError::Unsupported {
            subject: directory.display().to_string(),
            reason,
        });
    }
    let path = directory.join(INDEX);
    let index = from_json(&path.display().to_string(), &read_small(&path)?)?;
    let index = merged(index, roots)?;
    let folder = blob_folder(directory)?;
    for blob in blobs {
        put_blob(&folder, blob, source)?;
    }
    replace(&path, &to_json(&index)?)
}

pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, OciError> {
    let read = || {
        let mut bytes = Vec::new();
        io::Read::read_to_end(
            &mut io::Read::take(File::open(path)?, MAX_DOCUMENT + 1),
            &mut bytes,
        )?;
        Ok(bytes)
    };
    read().map_err(file_error("read", path))
}

fn blob_folder(directory: &Path) -> Result<PathBuf, OciError> {
    let folder = directory.join("blobs").join("sha256");
    fs::create_dir_all(&folder).map_err(file_error("create", &folder))?;
    Ok(folder)
}

/// Writes a blob under its name, unless a right one is there.
fn put_blob(folder: &Path, blob: &BlobRef, source: &dyn BlobSource) -> Result<(), OciError> {
    let path = folder.join(blob.digest.hex());
    if holds(&path, blob) {
        return Ok(());
    }
    // Other writers wait for the lock on the layout, so the name of the unfinished file is free.
    let partial = folder.join(format!("{}{PARTIAL}", blob.digest.hex()));
    let write = || {
        let file = File::create(&partial).map_err(file_error("create", &partial))?;
        let mut out = BufWriter::with_capacity(256 << 10, file);
        copy_verified(blob, source, &mut out, "a blob of an OCI layout")?;
        out.flush().map_err(file_error("write", &partial))?;
        fs::rename(&partial, &path).map_err(file_error("create", &path))
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })
}

/// Whether a file holds the bytes of a blob. Hashing costs little beside writing, and a blob that
/// was damaged is replaced.
fn holds(path: &Path, blob: &BlobRef) -> bool {
    let digest = || -> io::Result<Option<Digest>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() != blob.size {
            return Ok(None);
        }
        let mut reader = HashReader::new(file);
        io::copy(&mut reader, &mut io::sink())?;
        Ok(Some(reader.finish().0))
    };
    digest().is_ok_and(|digest| digest == Some(blob.digest))
}

/// Writes a small file in place of another in one step.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), OciError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(PARTIAL);
    let partial = PathBuf::from(partial);
    fs::write(&partial, bytes).map_err(file_error("write", &partial))?;
    fs::rename(&partial, path).map_err(file_error("create", path))
}
