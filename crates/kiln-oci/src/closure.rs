//! Everything that an image is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use kiln_types::{BlobSource, Digest, HashReader};

use crate::{Descriptor, Document, MAX_DOCUMENT, OciError, media_type};

/// How deep indexes may nest.
const MAX_DEPTH: usize = 4;

/// A blob to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlobRef {
    /// The digest of its bytes.
    pub digest: Digest,
    /// The number of its bytes.
    pub size: u64,
}

impl From<&Descriptor> for BlobRef {
    fn from(descriptor: &Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            size: descriptor.size,
        }
    }
}

/// A manifest or index that a container names, and the tag it has there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The manifest or index.
    pub descriptor: Descriptor,
    /// Its tag (the annotation `org.opencontainers.image.ref.name`), if it has one.
    pub tag: Option<String>,
}

/// Every blob that these roots need, themselves included, sorted by digest. Manifests are read
/// from the source and verified; configurations and layers are taken from the manifests.
///
/// # Errors
/// When a manifest cannot be read or is malformed, when indexes nest too deep, or when two
/// descriptors give one digest two sizes.
pub fn closure(roots: &[Root], source: &dyn BlobSource) -> Result<Vec<BlobRef>, OciError> {
    let mut blobs = BTreeMap::new();
    let mut walked = BTreeSet::new();
    for root in roots {
        walk(&root.descriptor, source, 0, &mut blobs, &mut walked)?;
    }
    Ok(blobs
        .into_iter()
        .map(|(digest, size)| BlobRef { digest, size })
        .collect())
}

fn walk(
    descriptor: &Descriptor,
    source: &dyn BlobSource,
    depth: usize,
    blobs: &mut BTreeMap<Digest, u64>,
    walked: &mut BTreeSet<Digest>,
) -> Result<(), OciError> {
    if depth > MAX_DEPTH {
        return Err(OciError::malformed(
            descriptor.digest.to_string(),
            "indexes nest too deep",
        ));
    }
    let known = *blobs.entry(descriptor.digest).or_insert(descriptor.size);
    if known != descriptor.size {
        let reason = format!(
            "its size is given as {known} and as {} bytes",
            descriptor.size
        );
        return Err(OciError::Lies {
            digest: descriptor.digest,
            reason,
        });
    }
    let is_document = media_type::is_index(&descriptor.media_type)
        || media_type::is_manifest(&descriptor.media_type);
    if !is_document || !walked.insert(descriptor.digest) {
        return Ok(());
    }
    let inner = match read_document(descriptor, source)? {
        Document::Index(index) => index.manifests,
        Document::Manifest(manifest) => std::iter::once(manifest.config)
            .chain(manifest.layers)
            .collect(),
    };
    for descriptor in &inner {
        walk(descriptor, source, depth + 1, blobs, walked)?;
    }
    Ok(())
}

/// Reads and verifies a manifest or index.
///
/// # Errors
/// When the blob cannot be read, is not what the descriptor says, or is malformed.
pub fn read_document(
    descriptor: &Descriptor,
    source: &dyn BlobSource,
) -> Result<Document, OciError> {
    let bytes = read_blob(descriptor, source)?;
    Document::parse(
        &descriptor.digest.to_string(),
        &descriptor.media_type,
        &bytes,
    )
}

/// Reads and verifies a small blob into memory.
pub(crate) fn read_blob(
    descriptor: &Descriptor,
    source: &dyn BlobSource,
) -> Result<Vec<u8>, OciError> {
    if descriptor.size > MAX_DOCUMENT {
        let reason = format!(
            "a document of {} bytes is larger than {MAX_DOCUMENT}",
            descriptor.size
        );
        return Err(OciError::malformed(descriptor.digest.to_string(), reason));
    }
    let mut bytes = Vec::new();
    copy_verified(&BlobRef::from(descriptor), source, &mut bytes, "blob")?;
    Ok(bytes)
}

/// Copies a blob, and fails at its end when its bytes were not those promised. What has been
/// written by then must be thrown away by the caller.
///
/// # Errors
/// When reading or writing fails, or digest or size differ. `subject` names the output.
pub fn copy_verified(
    blob: &BlobRef,
    source: &dyn BlobSource,
    out: &mut dyn Write,
    subject: &'static str,
) -> Result<(), OciError> {
    let digest = blob.digest;
    let reader = source
        .open(&digest)
        .map_err(|source| OciError::Blob { digest, source })?;
    // One byte more than promised tells a longer blob from a right one.
    let mut reader = HashReader::new(reader.take(blob.size.saturating_add(1)));
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(OciError::Blob { digest, source }),
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        out.write_all(bytes)
            .map_err(|source| OciError::Write { subject, source })?;
    }
    let (found, size, _) = reader.finish();
    if size != blob.size {
        let more = if size > blob.size { " or more" } else { "" };
        let reason = format!("it has {size}{more} bytes, expected {}", blob.size);
        return Err(OciError::Lies { digest, reason });
    }
    if found != digest {
        return Err(OciError::Lies {
            digest,
            reason: format!("its bytes have the digest {found}"),
        });
    }
    Ok(())
}
