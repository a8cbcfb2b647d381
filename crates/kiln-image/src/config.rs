//! Configuration and manifest of an image (OCI image-spec `config.md`, `manifest.md`).
//!
//! Both are functions of the plan and the layers: no clock, no host. `created` is the newest time
//! of the packages' files; a refreshed index with unchanged packages changes nothing.

use std::collections::BTreeMap;

use kiln_oci::{
    Descriptor, Empty, HistoryEntry, ImageConfig, Manifest, ProcessConfig, RootFs, media_type,
    to_json,
};
use kiln_types::{Digest, Plan, Timestamp};

use crate::AssembleError;
use crate::compose::Compression;

/// A finished layer.
#[derive(Clone, Debug)]
pub struct LayerRecord {
    /// What it is for.
    pub title: String,
    /// The names of its packages.
    pub packages: Vec<String>,
    /// The digest of the blob.
    pub digest: Digest,
    /// The size of the blob in bytes.
    pub size: u64,
    /// The digest of the raw bytes.
    pub diff_id: Digest,
    /// How it is compressed.
    pub compression: Compression,
}

/// What the packages say about the image as a whole.
#[derive(Clone, Debug)]
pub struct MadeBy {
    /// When it was created: the newest time of its packages' files.
    pub created: Timestamp,
    /// The version of the package that names the tags.
    pub version: Option<String>,
}

/// Configuration and manifest, ready to be stored.
#[derive(Clone, Debug)]
pub struct Described {
    /// The bytes of the configuration.
    pub config: Vec<u8>,
    /// The bytes of the manifest.
    pub manifest: Vec<u8>,
    /// The descriptor of the manifest, with its platform.
    pub descriptor: Descriptor,
}

/// The most packages that the history names for a layer.
const NAMED_IN_HISTORY: usize = 12;

/// Makes configuration and manifest.
///
/// # Errors
/// When a document cannot be written as JSON (never, in practice).
pub fn describe(
    plan: &Plan,
    layers: &[LayerRecord],
    made_by: &MadeBy,
) -> Result<Described, AssembleError> {
    let annotations = annotations(plan, made_by);
    let config = config(plan, layers, made_by, &annotations);
    let config = to_json(&config).map_err(|error| internal(&error))?;
    let layers = layers
        .iter()
        .map(|layer| {
            let media_type = match layer.compression {
                Compression::Gzip => media_type::LAYER_GZIP,
                Compression::Zstd => media_type::LAYER_ZSTD,
            };
            Descriptor::new(media_type, layer.digest, layer.size)
        })
        .collect();
    let mut manifest = Manifest::new(Descriptor::of(media_type::CONFIG, &config), layers);
    manifest.annotations = annotations;
    let manifest = to_json(&manifest).map_err(|error| internal(&error))?;
    let descriptor = Descriptor::of(media_type::MANIFEST, &manifest).for_platform(plan.platform);
    Ok(Described {
        config,
        manifest,
        descriptor,
    })
}

/// The standard annotations (OCI image-spec `annotations.md`), under those of the definition.
pub fn annotations(plan: &Plan, made_by: &MadeBy) -> BTreeMap<String, String> {
    let key = |name: &str| format!("org.opencontainers.image.{name}");
    let mut annotations = BTreeMap::from([
        (key("title"), plan.title.clone()),
        (key("created"), made_by.created.to_string()),
    ]);
    if let Some(version) = &made_by.version {
        annotations.insert(key("version"), version.clone());
    }
    annotations.insert("dev.kiln.image".to_owned(), plan.image.to_string());
    annotations.insert("dev.kiln.variant".to_owned(), plan.variant.clone());
    annotations.insert("dev.kiln.line".to_owned(), plan.line.clone());
    annotations.insert(
        "dev.kiln.distribution".to_owned(),
        plan.distribution.clone(),
    );
    if let Some(end) = plan.end_of_life {
        annotations.insert("dev.kiln.end-of-life".to_owned(), end.to_string());
    }
    annotations.extend(plan.config.annotations.clone());
    annotations
}

fn config(
    plan: &Plan,
    layers: &[LayerRecord],
    made_by: &MadeBy,
    annotations: &BTreeMap<String, String>,
) -> ImageConfig {
    let runtime = &plan.config;
    let mut labels = annotations.clone();
    labels.extend(runtime.labels.clone());
    let empty = |names: &std::collections::BTreeSet<String>| {
        names
            .iter()
            .map(|name| (name.clone(), Empty::default()))
            .collect::<BTreeMap<_, _>>()
    };
    ImageConfig {
        created: Some(made_by.created.into()),
        author: None,
        architecture: plan.platform.architecture.as_str().to_owned(),
        variant: None,
        os: plan.platform.os().to_owned(),
        config: ProcessConfig {
            user: runtime.user.clone(),
            exposed_ports: empty(&runtime.ports),
            env: runtime
                .environment
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
            entrypoint: runtime.entrypoint.clone(),
            cmd: runtime.cmd.clone(),
            volumes: empty(&runtime.volumes),
            working_dir: runtime.work_dir.clone(),
            labels,
            stop_signal: runtime.stop_signal.clone(),
        },
        rootfs: RootFs::layers(layers.iter().map(|layer| layer.diff_id).collect()),
        history: layers
            .iter()
            .map(|layer| HistoryEntry {
                created: Some(made_by.created.into()),
                created_by: Some("kiln".to_owned()),
                comment: Some(comment(layer)),
                ..HistoryEntry::default()
            })
            .collect(),
    }
}

fn comment(layer: &LayerRecord) -> String {
    let named: Vec<&str> = layer
        .packages
        .iter()
        .map(String::as_str)
        .take(NAMED_IN_HISTORY)
        .collect();
    let more = layer.packages.len() - named.len();
    match (named.is_empty(), more) {
        (true, _) => layer.title.clone(),
        (false, 0) => format!("{}: {}", layer.title, named.join(" ")),
        (false, more) => format!("{}: {} and {more} more", layer.title, named.join(" ")),
    }
}

fn internal(error: &dyn std::fmt::Display) -> AssembleError {
    AssembleError::Io {
        doing: "writing a document".to_owned(),
        source: std::io::Error::other(error.to_string()),
    }
}
