//! Reading what was written, with readers that are not the product's.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kiln_testkit::{TarEntry, gzip_members, read_tar};
use kiln_types::Digest;
use serde_json::Value;

use crate::world::tally;

/// An OCI layout in a folder. Everything read from it is checked against digest and size.
pub(crate) struct Layout(PathBuf);

impl Layout {
    pub(crate) fn open(folder: &Path) -> Self {
        let version: Value =
            serde_json::from_slice(&fs::read(folder.join("oci-layout")).unwrap()).unwrap();
        assert_eq!(version["imageLayoutVersion"], "1.0.0");
        Self(folder.to_path_buf())
    }

    /// `index.json`.
    pub(crate) fn root(&self) -> Value {
        serde_json::from_slice(&fs::read(self.0.join("index.json")).unwrap()).unwrap()
    }

    /// The bytes that a descriptor names.
    pub(crate) fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().unwrap();
        let path = self
            .0
            .join("blobs/sha256")
            .join(digest.strip_prefix("sha256:").unwrap());
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(Digest::of(&bytes).to_string(), digest);
        assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64));
        bytes
    }

    pub(crate) fn document(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(&self.blob(descriptor)).unwrap()
    }

    /// The manifests of all images and platforms.
    pub(crate) fn manifests(&self) -> Vec<Value> {
        let root = self.root();
        root["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|descriptor| self.document(descriptor))
            .flat_map(|index| index["manifests"].as_array().unwrap().clone())
            .map(|descriptor| {
                let manifest = self.document(&descriptor);
                let config = self.document(&manifest["config"]);
                assert_eq!(
                    config["architecture"],
                    descriptor["platform"]["architecture"]
                );
                manifest
            })
            .collect()
    }

    /// The layers of a manifest as the lists of their entries, bottom first, after checking of each
    /// that it is one gzip member, agrees with `diff_ids`, names no path twice, and every parent
    /// of an entry before it.
    pub(crate) fn layers(&self, manifest: &Value) -> Vec<Vec<TarEntry>> {
        let config = self.document(&manifest["config"]);
        let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(diff_ids.len(), layers.len());
        layers
            .iter()
            .zip(diff_ids)
            .map(|(layer, diff_id)| {
                let blob = self.blob(layer);
                let mut members = gzip_members(&blob).unwrap();
                assert_eq!(members.len(), 1, "a layer is one gzip member");
                let raw = members.remove(0);
                assert_eq!(Digest::of(&raw).to_string(), diff_id.as_str().unwrap());
                let entries = read_tar(&raw).unwrap();
                check_entries(&entries);
                entries
            })
            .collect()
    }

    /// All files of an image: path without slashes at its ends, to entry.
    pub(crate) fn files(&self, manifest: &Value) -> BTreeMap<String, TarEntry> {
        self.layers(manifest)
            .into_iter()
            .flatten()
            .map(|entry| (entry.path.trim_matches('/').to_owned(), entry))
            .collect()
    }
}

/// What docker and containerd want of a layer, and kiln of itself.
fn check_entries(entries: &[TarEntry]) {
    let names: Vec<&str> = entries
        .iter()
        .map(|entry| entry.path.trim_end_matches('/'))
        .collect();
    for (name, count) in tally(names.iter().copied()) {
        assert_eq!(count, 1, "`{name}` is in a layer {count} times");
    }
    for (at, entry) in entries.iter().enumerate() {
        assert!(
            !entry.path.starts_with('/') && !entry.path.split('/').any(|part| part == ".."),
            "{entry:?}"
        );
        let name = names[at];
        if let Some((parent, _)) = name.rsplit_once('/') {
            let known = names[..at].iter().position(|&other| other == parent);
            let is_directory = known.is_some_and(|known| entries[known].flag == b'5');
            assert!(is_directory, "`{name}` comes without its directory");
        }
    }
}
