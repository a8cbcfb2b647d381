//! `docker-archive`: what `docker load` takes (Docker image-spec v1.2, "Combined Image JSON +
//! Filesystem Changeset Format").
//!
//! The archive holds `manifest.json`, and configurations and layers under `blobs/sha256/`, the
//! paths that `docker save` itself uses since Docker 25. Docker 20.10 and 28, containerd, podman and
//! skopeo follow whatever paths `manifest.json` names. There is no `oci-layout` beside it:
//! containerd would then read the index instead, where the names of images stand differently.
//!
//! Layers stay as they are, plain or gzip. zstd is refused here, because Docker refuses it there.

use std::collections::BTreeSet;
use std::io::Write;

use kiln_types::{BlobSource, Digest};
use serde::{Deserialize, Serialize};

use crate::archive::TarWriter;
use crate::{
    BlobRef, Descriptor, Document, Manifest, OciError, Reference, media_type, read_document,
};

/// An image and its names in the archive.
#[derive(Clone, Debug)]
pub struct DockerImage {
    /// Its manifest (not an index: the archive has no platforms).
    pub manifest: Descriptor,
    /// Its names; each gets `latest` where it has no tag.
    pub references: Vec<Reference>,
}

/// One entry of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ArchiveEntry {
    /// The path of the configuration.
    pub config: String,
    /// The names, with their tags.
    pub repo_tags: Vec<String>,
    /// The paths of the layers, the lowest first.
    pub layers: Vec<String>,
}

/// Writes images as an archive; layers that they share are written once.
///
/// # Errors
/// When an image is an index or has a layer that Docker cannot read, when a blob is missing or is
/// not what its descriptor says, or writing fails. What has been written by then is no archive:
/// the caller writes to a temporary file.
pub fn write(
    out: &mut dyn Write,
    images: &[DockerImage],
    source: &dyn BlobSource,
) -> Result<(), OciError> {
    let mut entries = Vec::new();
    let mut blobs = BTreeSet::new();
    for image in images {
        let manifest = loadable(&image.manifest, source)?;
        entries.push(ArchiveEntry {
            config: path(&manifest.config.digest),
            repo_tags: image.references.iter().filter_map(name).collect(),
            layers: manifest
                .layers
                .iter()
                .map(|layer| path(&layer.digest))
                .collect(),
        });
        blobs.extend(
            std::iter::once(&manifest.config)
                .chain(&manifest.layers)
                .map(BlobRef::from),
        );
    }
    let mut tar = TarWriter {
        out,
        subject: "the Docker archive",
    };
    tar.directory("blobs")?;
    tar.directory("blobs/sha256")?;
    for blob in &blobs {
        tar.blob(&path(&blob.digest), blob, source)?;
    }
    tar.file("manifest.json", &crate::to_json(&entries)?)?;
    tar.finish()
}

fn path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// `NAME:TAG` in full. Docker shortens it itself, and only so do skopeo and containerd agree.
fn name(reference: &Reference) -> Option<String> {
    let tag = reference.tag_or_latest()?;
    Some(format!(
        "{}/{}:{tag}",
        reference.registry(),
        reference.repository()
    ))
}

/// The manifest, if Docker can load its image.
fn loadable(descriptor: &Descriptor, source: &dyn BlobSource) -> Result<Manifest, OciError> {
    let refuse = |reason: String| OciError::Unsupported {
        subject: "the Docker archive".to_owned(),
        reason,
    };
    let Document::Manifest(manifest) = read_document(descriptor, source)? else {
        return Err(refuse(format!(
            "{} is an index; choose one platform",
            descriptor.digest
        )));
    };
    for layer in &manifest.layers {
        if !media_type::is_docker_loadable(&layer.media_type) {
            return Err(refuse(format!(
                "layer {} is `{}`, which docker load does not read; use gzip, or an OCI archive",
                layer.digest, layer.media_type
            )));
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests;
