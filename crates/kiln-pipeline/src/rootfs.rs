//! `rootfs:DIR`: the files of an image in a directory.
//!
//! Owners are set where kiln runs as root; otherwise everything belongs to whoever runs it, as with
//! tar(1).

use std::io::BufReader;
use std::path::Path;

use kiln_archive::decompress::decoder;
use kiln_archive::{Limits, decompress::Codec, tar};
use kiln_store::{Node, NodeKind, Store, TreeWriter};
use kiln_types::FormatError;

use crate::{PipelineError, PlatformImage};

/// Writes the layers of an image, bottom first, into a directory that does not exist yet (or is
/// empty), whole or not at all.
pub(crate) fn write_rootfs(
    store: &Store,
    image: &PlatformImage,
    directory: &Path,
) -> Result<(), PipelineError> {
    let mut tree = TreeWriter::create(directory)?;
    for layer in &image.layers {
        let subject = layer.digest.to_string();
        let malformed =
            |error: &dyn std::fmt::Display| FormatError::malformed(&subject, error.to_string());
        let mut file = store
            .open_blob(&layer.digest)?
            .ok_or_else(|| PipelineError::Internal(format!("layer {subject} left the store")))?;
        let mut magic = [0; 4];
        let io = |source: std::io::Error| PipelineError::Io {
            doing: format!("reading layer {subject}"),
            source,
        };
        std::io::Read::read_exact(&mut file, &mut magic).map_err(io)?;
        std::io::Seek::rewind(&mut file).map_err(io)?;
        let limits = Limits::default();
        let raw = decoder(
            Codec::from_magic(&magic),
            Box::new(BufReader::new(file)),
            &limits,
        )
        .map_err(|error| malformed(&error))?;
        let mut reader = tar::Reader::new(raw, &limits);
        while let Some(entry) = reader.next().map_err(|error| malformed(&error))? {
            let text =
                |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| malformed(&error));
            let path = text(&entry.path)?;
            let link = text(&entry.link)?;
            let kind = match entry.kind {
                tar::Kind::File => NodeKind::File,
                tar::Kind::Directory => NodeKind::Directory,
                tar::Kind::Symlink => NodeKind::Symlink(&link),
                tar::Kind::Hardlink => NodeKind::Hardlink(&link),
                _ => return Err(malformed(&"it holds a device").into()),
            };
            let node = Node {
                path: &path,
                kind,
                mode: entry.mode,
                uid: entry.uid,
                gid: entry.gid,
                mtime: entry.mtime,
                xattrs: &entry.xattrs,
            };
            tree.put(&node, reader.content())?;
        }
    }
    tree.finish()?;
    Ok(())
}
