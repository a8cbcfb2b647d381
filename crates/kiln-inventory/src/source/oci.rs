//! OCI layouts, as directories and as archives, and whatever else keeps blobs by digest.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use kiln_oci::layout::{Layout, REF_NAME};
use kiln_oci::{
    Descriptor, Document, ImageConfig, Index, Manifest, from_json, media_type, read_document,
};
use kiln_types::{BlobSource, Digest, Subject};

use super::archive::Archive;
use super::{Files, Image, Layer, Marker, Opener, both, describe, expect_as_many};
use crate::InventoryError;

/// How deep indexes may nest, and how many images one may name in all.
pub(super) const DEEPEST: usize = 4;
pub(super) const MOST: usize = 256;

/// The images of a layout.
pub(super) fn directory(directory: &Path, tag: Option<&str>) -> Result<Vec<Image>, InventoryError> {
    let layout = Layout::open(directory)?;
    let listed: Vec<Descriptor> = layout
        .roots()
        .into_iter()
        .map(|root| root.descriptor)
        .collect();
    let subject = directory.display().to_string();
    let descriptor = chosen(&subject, listed, tag)?;
    let name = name_of(directory, &descriptor);
    images(
        &name,
        &descriptor,
        &(Arc::new(layout) as Arc<dyn BlobSource>),
    )
}

/// The images of a layout in an archive.
pub(super) fn archive(file: &Path, tag: Option<&str>) -> Result<Vec<Image>, InventoryError> {
    let archive = Arc::new(Archive::open(file)?);
    let subject = file.display().to_string();
    if archive.find("oci-layout").is_none() {
        return Err(InventoryError::malformed(
            subject,
            "it holds no `oci-layout`, so it is no archive of an OCI layout",
        ));
    }
    both::agree(&archive, &subject)?;
    let bytes = archive.small("index.json", kiln_oci::MAX_DOCUMENT)?;
    let name = format!("{subject}: index.json");
    kiln_oci::check_spelling(&name, &bytes, kiln_oci::Spelling::Manifest)?;
    let index: Index = from_json(&name, &bytes)?;
    let descriptor = chosen(&subject, index.manifests, tag)?;
    let name = name_of(file, &descriptor);
    let opener = |digest: Digest| -> (Opener, Marker) {
        let (archive, marked) = (Arc::clone(&archive), Arc::clone(&archive));
        let open = move || archive.reader(&blob_name(&digest));
        (
            Box::new(open),
            Box::new(move || marked.mark(&blob_name(&digest))),
        )
    };
    images_by(
        &name,
        &descriptor,
        &ArchiveBlobs(Arc::clone(&archive)),
        &opener,
    )
}

pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The documents of a layout in an archive.
pub(super) struct ArchiveBlobs(pub(super) Arc<Archive>);

impl BlobSource for ArchiveBlobs {
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        self.0.sendable(&blob_name(digest))
    }
}

/// The image that a tag names; without one all that the layout lists must be one image.
fn chosen(
    subject: &str,
    listed: Vec<Descriptor>,
    tag: Option<&str>,
) -> Result<Descriptor, InventoryError> {
    let tag_of = |descriptor: &Descriptor| descriptor.annotations.get(REF_NAME).cloned();
    let tags: Vec<String> = listed.iter().filter_map(tag_of).collect();
    let mut found: Vec<Descriptor> = listed
        .into_iter()
        .filter(|descriptor| tag.is_none() || tag_of(descriptor).as_deref() == tag)
        .collect();
    // One image under several tags is one image.
    found.sort();
    found.dedup_by(|left, right| left.digest == right.digest);
    let not_found = |reason: String| {
        Err(InventoryError::NotFound {
            subject: subject.to_owned(),
            reason,
        })
    };
    let known = match tags.is_empty() {
        true => "none".to_owned(),
        false => tags.join(", "),
    };
    match (found.pop(), found.is_empty(), tag) {
        (Some(descriptor), true, _) => Ok(descriptor),
        (None, _, Some(tag)) => {
            not_found(format!("it has no image tagged `{tag}`; its tags: {known}"))
        }
        (None, _, None) => not_found("it holds no image".to_owned()),
        (Some(_), false, Some(tag)) => not_found(format!("it has several images tagged `{tag}`")),
        (Some(_), false, None) => not_found(format!(
            "it holds {} images; name one by its tag: {known}",
            found.len() + 1
        )),
    }
}

fn name_of(place: &Path, descriptor: &Descriptor) -> String {
    if let Some(name) = descriptor.annotations.get("io.containerd.image.name") {
        return name.clone();
    }
    let base = place.file_name().map_or_else(
        || "image".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    match descriptor.annotations.get(REF_NAME) {
        Some(tag) if tag.contains('/') => tag.clone(),
        Some(tag) => format!("{base}:{tag}"),
        None => base,
    }
}

/// The images of a manifest or index, one a platform; attestations are none.
pub(super) fn images(
    name: &str,
    descriptor: &Descriptor,
    blobs: &Arc<dyn BlobSource>,
) -> Result<Vec<Image>, InventoryError> {
    let opener = |digest: Digest| -> (Opener, Marker) {
        let (blobs, marked) = (Arc::clone(blobs), Arc::clone(blobs));
        let open: Opener = Box::new(move || Ok(blobs.open(&digest)?));
        (open, Box::new(move || marked.mark(&digest)))
    };
    images_by(name, descriptor, blobs.as_ref(), &opener)
}

fn images_by(
    name: &str,
    descriptor: &Descriptor,
    blobs: &dyn BlobSource,
    opener: &dyn Fn(Digest) -> (Opener, Marker),
) -> Result<Vec<Image>, InventoryError> {
    let mut manifests = Vec::new();
    collect(descriptor, blobs, 0, &mut manifests)?;
    let images: Vec<Image> = manifests
        .into_iter()
        .map(|(descriptor, manifest)| image(name, &descriptor, &manifest, blobs, opener))
        .collect::<Result<_, _>>()?;
    if images.is_empty() {
        return Err(InventoryError::NotFound {
            subject: name.to_owned(),
            reason: "it names no image that can run".to_owned(),
        });
    }
    Ok(images)
}

fn collect(
    descriptor: &Descriptor,
    blobs: &dyn BlobSource,
    depth: usize,
    manifests: &mut Vec<(Descriptor, Manifest)>,
) -> Result<(), InventoryError> {
    let malformed = |reason: &str| {
        Err(InventoryError::malformed(
            descriptor.digest.to_string(),
            reason,
        ))
    };
    if depth > DEEPEST {
        return malformed("indexes nest too deep");
    }
    if manifests.len() >= MOST {
        return malformed("it names too many images");
    }
    match read_document(descriptor, blobs)? {
        Document::Manifest(manifest) => {
            // Attestations and signatures are manifests too; their configuration is no image's.
            let is_image = matches!(
                manifest.config.media_type.as_str(),
                media_type::CONFIG | media_type::DOCKER_CONFIG
            );
            let is_unknown = descriptor
                .platform
                .as_ref()
                .is_some_and(|platform| platform.os == "unknown");
            if is_image && !is_unknown {
                manifests.push((descriptor.clone(), manifest));
            }
        }
        Document::Index(index) => {
            for inner in &index.manifests {
                if media_type::is_index(&inner.media_type)
                    || media_type::is_manifest(&inner.media_type)
                {
                    collect(inner, blobs, depth + 1, manifests)?;
                }
            }
        }
    }
    Ok(())
}

fn image(
    name: &str,
    descriptor: &Descriptor,
    manifest: &Manifest,
    blobs: &dyn BlobSource,
    opener: &dyn Fn(Digest) -> (Opener, Marker),
) -> Result<Image, InventoryError> {
    let config: ImageConfig = {
        let digest = manifest.config.digest;
        let mut bytes = Vec::new();
        kiln_oci::copy_verified(
            &kiln_oci::BlobRef {
                digest,
                size: manifest.config.size.min(kiln_oci::MAX_DOCUMENT + 1),
            },
            blobs,
            &mut bytes,
            "configuration",
        )?;
        kiln_oci::check_spelling(&digest.to_string(), &bytes, kiln_oci::Spelling::Config)?;
        from_json(&digest.to_string(), &bytes)?
    };
    let subject = descriptor.digest.to_string();
    expect_as_many(&subject, manifest.layers.len(), &config)?;
    let layers = manifest
        .layers
        .iter()
        .zip(&config.rootfs.diff_ids)
        .map(|(layer, diff_id)| {
            let (open, mark) = opener(layer.digest);
            Layer {
                subject: format!("layer {}", layer.digest),
                open,
                mark,
                blob: Some(layer.digest),
                diff_id: Some(*diff_id),
                size: layer.size,
            }
        })
        .collect();
    let mut subject = Subject {
        name: name.to_owned(),
        manifest: Some(descriptor.digest),
        config: Some(manifest.config.digest),
        ..Subject::default()
    };
    describe(&mut subject, &config);
    // Engines choose by what the index says, and run what the configuration is of.
    if let Some(platform) = &descriptor.platform
        && (platform.os != config.os || platform.architecture != config.architecture)
    {
        return Err(InventoryError::malformed(
            descriptor.digest.to_string(),
            format!(
                "the index says that it is of {}/{}, and its configuration of {}/{}",
                platform.os, platform.architecture, config.os, config.architecture
            ),
        ));
    }
    Ok(Image {
        subject,
        config: Some(config),
        files: Files::Layers(layers),
    })
}
