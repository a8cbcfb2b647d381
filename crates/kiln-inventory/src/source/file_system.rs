//! A root file system as one tar archive, compressed or not: what `docker export`, `mmdebstrap` and
//! `tar` write. It is read as a layer is, in one pass, under the same limits.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use kiln_archive::decompress::{Codec, decoder};
use kiln_archive::{ArchiveError, tar};
use kiln_types::Subject;

use super::{Files, Image, Layer};
use crate::InventoryError;
use crate::layer::{LayerScan, ScanLimits};
use crate::node::{Finding, Node, NodeKind};

/// The image that an archive is. Its first entry is read, so that what is no archive is told at
/// once.
pub(super) fn archive(file: &Path) -> Result<Image, InventoryError> {
    let read = |source| InventoryError::Read {
        path: file.to_owned(),
        source,
    };
    let broken = |source: ArchiveError| InventoryError::Archive {
        path: file.to_owned(),
        source,
    };
    let limits = ScanLimits::default().layer;
    let opened = File::open(file).map_err(read)?;
    let size = opened.metadata().map_err(read)?.len();
    let mut input = BufReader::new(opened);
    let codec = Codec::from_magic(input.fill_buf().map_err(read)?);
    let content = decoder(codec, input, &limits).map_err(broken)?;
    if tar::Reader::new(content, &limits)
        .next()
        .map_err(broken)?
        .is_none()
    {
        let reason = "it is empty, or no tar archive";
        return Err(InventoryError::malformed(
            file.display().to_string(),
            reason,
        ));
    }
    let path = file.to_owned();
    let open = move || File::open(&path).map(|file| Box::new(file) as Box<dyn io::Read>);
    Ok(Image {
        subject: Subject {
            name: file.file_name().map_or_else(
                || "rootfs".to_owned(),
                |name| name.to_string_lossy().into_owned(),
            ),
            ..Subject::default()
        },
        config: None,
        files: Files::FileSystem(Box::new(Layer {
            subject: file.display().to_string(),
            open: Box::new(open),
            // Nothing promises its digest, so that nothing of it is remembered.
            mark: Box::new(|| Ok(None)),
            blob: None,
            diff_id: None,
            size,
        })),
    })
}

/// An archive of an image holds layers, and none of their files: it would pass for an empty image.
/// What only has a file of that name is none.
pub(super) fn expect_files(file: &str, scan: &LayerScan) -> Result<(), InventoryError> {
    let find = |path: &str| {
        let mut nodes = scan.nodes.iter().rev();
        nodes.find(|node| node.kind == NodeKind::File && node.path == path)
    };
    let is_docker = |node: &Node| {
        node.findings.iter().any(|finding| match finding {
            Finding::Text(text) => is_manifest(text),
            _ => false,
        })
    };
    let place = match () {
        () if find("oci-layout").is_some() && find("index.json").is_some() => "oci-archive",
        () if find("manifest.json").is_some_and(is_docker) => "docker-archive",
        () => return Ok(()),
    };
    Err(InventoryError::malformed(
        file,
        format!("it is an archive of an image, not of its files: `{place}:{file}`"),
    ))
}

/// Whether a text is what `docker save` writes: a list of images, each with its layers.
fn is_manifest(text: &str) -> bool {
    let images: Vec<serde_json::Map<String, serde_json::Value>> = match serde_json::from_str(text) {
        Ok(images) => images,
        Err(_) => return false,
    };
    let is_image = |image: &serde_json::Map<String, serde_json::Value>| {
        image.contains_key("Config") && image.contains_key("Layers")
    };
    !images.is_empty() && images.iter().all(is_image)
}
