//! An archive for two readers: `manifest.json` of Docker and `index.json` of an OCI layout in one.
//! `docker save` writes such archives. Some engines take the one and some the other, so what is read
//! here must be what any of them would run.
//!
//! The configuration names the layers by their digests, which are checked when they are read: images
//! with one configuration are one image.

use std::collections::BTreeSet;
use std::sync::Arc;

use kiln_oci::{
    Descriptor, Document, Index, Reference, Spelling, check_spelling, from_json, media_type,
    read_document,
};
use kiln_types::Digest;

use super::archive::Archive;
use super::docker::Entry;
use super::oci::{ArchiveBlobs, DEEPEST, MOST, blob_name};
use crate::InventoryError;

/// The name of an image as engines of containerd write it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// Refuses an archive whose two descriptions lead to different images.
pub(super) fn agree(archive: &Arc<Archive>, subject: &str) -> Result<(), InventoryError> {
    if archive.find("manifest.json").is_none() || archive.find("index.json").is_none() {
        return Ok(());
    }
    let document = |file: &str, spelling: Spelling| {
        let bytes = archive.small(file, kiln_oci::MAX_DOCUMENT)?;
        let name = format!("{subject}: {file}");
        check_spelling(&name, &bytes, spelling)?;
        Ok::<_, InventoryError>((name, bytes))
    };
    let (name, bytes) = document("manifest.json", Spelling::DockerManifest)?;
    let entries: Vec<Entry> = from_json(&name, &bytes)?;
    let (name, bytes) = document("index.json", Spelling::Manifest)?;
    let index: Index = from_json(&name, &bytes)?;
    let mut left = MOST;
    let mut roots: Vec<(Option<&str>, BTreeSet<Digest>)> = Vec::new();
    for root in &index.manifests {
        let mut configurations = BTreeSet::new();
        collect(archive, root, 0, &mut left, &mut configurations)?;
        let named = root.annotations.get(IMAGE_NAME).map(String::as_str);
        roots.push((named, configurations));
    }
    for entry in entries.iter().take(MOST) {
        let bytes = archive.small(&entry.config, kiln_oci::MAX_DOCUMENT)?;
        let found = Digest::of(&bytes);
        let differ = |what: &str| {
            let reason = format!(
                "its `manifest.json` and its `index.json` lead to different images: {what} \
                 (configuration {found})"
            );
            Err(InventoryError::malformed(subject, reason))
        };
        if !roots.iter().any(|(_, known)| known.contains(&found)) {
            return differ("the second does not have that of the first");
        }
        for tag in entry.repo_tags.iter().flatten() {
            let Ok(tag) = tag.parse::<Reference>() else {
                continue;
            };
            let is_other = roots.iter().any(|(named, known)| {
                named.is_some_and(|named| named.parse().as_ref() == Ok(&tag))
                    && !known.contains(&found)
            });
            if is_other {
                return differ(&format!("`{tag}` is another one in the second"));
            }
        }
    }
    Ok(())
}

/// The configurations of all images that a descriptor leads to. What the archive does not hold no
/// engine can run: an index may name platforms that were not saved.
fn collect(
    archive: &Arc<Archive>,
    descriptor: &Descriptor,
    depth: usize,
    left: &mut usize,
    found: &mut BTreeSet<Digest>,
) -> Result<(), InventoryError> {
    if depth > DEEPEST || *left == 0 {
        return Err(InventoryError::malformed(
            descriptor.digest.to_string(),
            "it names too many images, or indexes nest too deep",
        ));
    }
    let kind = descriptor.media_type.as_str();
    let is_followed = media_type::is_index(kind) || media_type::is_manifest(kind);
    if !is_followed || archive.find(&blob_name(&descriptor.digest)).is_none() {
        return Ok(());
    }
    *left -= 1;
    match read_document(descriptor, &ArchiveBlobs(Arc::clone(archive)))? {
        Document::Manifest(manifest) => {
            found.insert(manifest.config.digest);
        }
        Document::Index(index) => {
            for inner in &index.manifests {
                collect(archive, inner, depth + 1, left, found)?;
            }
        }
    }
    Ok(())
}
