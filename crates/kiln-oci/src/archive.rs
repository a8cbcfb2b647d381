//! `oci-archive`: an OCI image layout in a tar archive, as skopeo and podman read it.
//!
//! Entries are sorted by path, owned by root, at the epoch: the same images give the same bytes.

use std::collections::BTreeMap;
use std::io::Write;

use kiln_archive::tar::{END, Header, Kind, write_header, write_padding};
use kiln_types::BlobSource;

use crate::layout::{INDEX, MARKER, Marker, merged};
use crate::{BlobRef, Index, OciError, Root, closure, copy_verified, to_json};

const SUBJECT: &str = "the OCI archive";

/// Writes images as an archive.
///
/// # Errors
/// When a blob is missing or is not what its descriptor says, or writing fails. What has been
/// written by then is no archive: the caller writes to a temporary file.
pub fn write(out: &mut dyn Write, roots: &[Root], source: &dyn BlobSource) -> Result<(), OciError> {
    let blobs = closure(roots, source)?;
    let index = merged(Index::new(Vec::new()), roots)?;
    let mut tar = TarWriter {
        out,
        subject: SUBJECT,
    };
    tar.directory("blobs")?;
    tar.directory("blobs/sha256")?;
    for blob in &blobs {
        tar.blob(&format!("blobs/sha256/{}", blob.digest.hex()), blob, source)?;
    }
    tar.file(INDEX, &to_json(&index)?)?;
    tar.file(MARKER, &to_json(&Marker::current())?)?;
    tar.finish()
}

/// A tar archive of plain files.
pub(crate) struct TarWriter<'a> {
    pub(crate) out: &'a mut dyn Write,
    pub(crate) subject: &'static str,
}

impl TarWriter<'_> {
    fn header(&mut self, path: &str, kind: Kind, mode: u32, size: u64) -> Result<(), OciError> {
        let xattrs = BTreeMap::new();
        let header = Header {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size,
            link: "",
            xattrs: &xattrs,
        };
        write_header(self.out, &header).map_err(|source| OciError::Write {
            subject: self.subject,
            source,
        })
    }

    pub(crate) fn directory(&mut self, path: &str) -> Result<(), OciError> {
        self.header(path, Kind::Directory, 0o755, 0)
    }

    pub(crate) fn file(&mut self, path: &str, content: &[u8]) -> Result<(), OciError> {
        self.header(path, Kind::File, 0o644, content.len() as u64)?;
        self.out
            .write_all(content)
            .map_err(|source| OciError::Write {
                subject: self.subject,
                source,
            })?;
        self.padding(content.len() as u64)
    }

    pub(crate) fn blob(
        &mut self,
        path: &str,
        blob: &BlobRef,
        source: &dyn BlobSource,
    ) -> Result<(), OciError> {
        self.header(path, Kind::File, 0o644, blob.size)?;
        copy_verified(blob, source, self.out, self.subject)?;
        self.padding(blob.size)
    }

    fn padding(&mut self, size: u64) -> Result<(), OciError> {
        write_padding(self.out, size).map_err(|source| OciError::Write {
            subject: self.subject,
            source,
        })
    }

    pub(crate) fn finish(self) -> Result<(), OciError> {
        self.out.write_all(&END).map_err(|source| OciError::Write {
            subject: self.subject,
            source,
        })
    }
}

#[cfg(test)]
mod tests;
