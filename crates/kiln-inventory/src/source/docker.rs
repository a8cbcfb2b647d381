//! What `docker save` writes (Docker image-spec v1.2): `manifest.json`, configurations and layers
//! in one archive, under whatever names `manifest.json` gives.

use std::path::Path;
use std::sync::Arc;

use kiln_oci::{ImageConfig, Reference, Spelling, check_spelling, from_json};
use kiln_types::{Digest, Subject};
use serde::Deserialize;

use super::archive::Archive;
use super::{Files, Image, Layer, both, describe, expect_as_many};
use crate::InventoryError;

/// One entry of `manifest.json`; Go writes `null` for an empty list.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    pub(super) config: String,
    pub(super) repo_tags: Option<Vec<String>>,
    layers: Option<Vec<String>>,
}

/// The image in an archive.
pub(super) fn archive(
    file: &Path,
    reference: Option<&Reference>,
) -> Result<Vec<Image>, InventoryError> {
    let archive = Arc::new(Archive::open(file)?);
    let subject = file.display().to_string();
    if archive.find("manifest.json").is_none() {
        return Err(InventoryError::malformed(
            subject,
            "it holds no `manifest.json`, so it is no archive of `docker save`; one of a root file \
             system is named `rootfs:FILE`",
        ));
    }
    both::agree(&archive, &subject)?;
    let bytes = archive.small("manifest.json", kiln_oci::MAX_DOCUMENT)?;
    let name = format!("{subject}: manifest.json");
    check_spelling(&name, &bytes, Spelling::DockerManifest)?;
    let entries: Vec<Entry> = from_json(&name, &bytes)?;
    let entry = chosen(&subject, &entries, reference)?;
    let bytes = archive.small(&entry.config, kiln_oci::MAX_DOCUMENT)?;
    let found = Digest::of(&bytes);
    // The name of the configuration is its digest, in every version of the format.
    let stem = entry.config.rsplit('/').next().unwrap_or_default();
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    if let Ok(expected) = Digest::from_hex(stem)
        && expected != found
    {
        return Err(InventoryError::Lies {
            subject: format!("{subject}: {}", entry.config),
            expected,
            found,
        });
    }
    check_spelling(&entry.config, &bytes, Spelling::Config)?;
    let config: ImageConfig = from_json(&entry.config, &bytes)?;
    let names = entry.layers.as_deref().unwrap_or_default();
    expect_as_many(&subject, names.len(), &config)?;
    let mut layers = Vec::new();
    for (name, diff_id) in names.iter().zip(&config.rootfs.diff_ids) {
        let Some((_, size)) = archive.find(name) else {
            return Err(InventoryError::malformed(
                subject,
                format!("it lacks the layer `{name}`"),
            ));
        };
        let (opened, marked) = (Arc::clone(&archive), Arc::clone(&archive));
        let (open_name, mark_name) = (name.clone(), name.clone());
        layers.push(Layer {
            subject: format!("layer {diff_id}"),
            open: Box::new(move || opened.reader(&open_name)),
            mark: Box::new(move || marked.mark(&mark_name)),
            blob: None,
            diff_id: Some(*diff_id),
            size,
        });
    }
    let tag = entry.repo_tags.iter().flatten().next();
    let mut subject = Subject {
        name: match (reference, tag) {
            (Some(reference), _) => reference.familiar(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => file
                .file_name()
                .map_or(subject, |name| name.to_string_lossy().into_owned()),
        },
        config: Some(found),
        ..Subject::default()
    };
    describe(&mut subject, &config);
    Ok(vec![Image {
        subject,
        config: Some(config),
        files: Files::Layers(layers),
    }])
}

fn chosen<'a>(
    subject: &str,
    entries: &'a [Entry],
    reference: Option<&Reference>,
) -> Result<&'a Entry, InventoryError> {
    let tags = |entry: &'a Entry| entry.repo_tags.iter().flatten();
    let matches = |entry: &&'a Entry| match reference {
        None => true,
        Some(wanted) => tags(entry).any(|tag| {
            tag.parse::<Reference>()
                .is_ok_and(|tag| tag.familiar() == wanted.familiar())
        }),
    };
    let found: Vec<&Entry> = entries.iter().filter(matches).collect();
    let known: Vec<&str> = entries.iter().flat_map(tags).map(String::as_str).collect();
    let known = known.join(", ");
    let reason = match (found.as_slice(), reference) {
        ([entry], _) => return Ok(entry),
        ([], Some(wanted)) => format!("it has no image `{wanted}`; it has: {known}"),
        ([], None) => "it holds no image".to_owned(),
        (several, _) => format!("it holds {} images; name one: {known}", several.len()),
    };
    Err(InventoryError::NotFound {
        subject: subject.to_owned(),
        reason,
    })
}
