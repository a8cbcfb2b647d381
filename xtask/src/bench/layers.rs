//! What images share by their layers, and what one more package version costs whoever has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::changed::touched;
use super::store::Kiln;

const VARIANTS: [&str; 2] = ["standard", "dev"];
const LAYERINGS: [&str; 3] = ["shared", "single", "package"];
/// Packages whose update is looked at: of the base, and of one image.
const UPDATED: [&str; 5] = ["tzdata", "libc6", "libssl3t64", "nginx", "nodejs"];

/// The images of one variant under one layering.
pub(crate) struct Sharing {
    pub(crate) variant: &'static str,
    pub(crate) layering: &'static str,
    /// Bytes of all layers of all images, each image for itself.
    pub(crate) apart: u64,
    /// Bytes of the layers that differ: what a registry or a machine keeps.
    pub(crate) together: u64,
    /// The most layers of an image.
    pub(crate) layers: usize,
    /// Bytes that whoever has all images fetches after an update, by package; absent where no image
    /// has it.
    pub(crate) updates: Vec<(&'static str, Option<u64>)>,
}

/// Builds the catalog's images in several layerings.
pub(crate) fn measure(kiln: &Kiln, names: &[String]) -> Result<Vec<Sharing>, String> {
    let mut all = Vec::new();
    for variant in VARIANTS {
        for layering in LAYERINGS {
            let mut images = Vec::new();
            for image in names {
                let answer = kiln.json(&[
                    "build",
                    image,
                    "--variant",
                    variant,
                    "--platform",
                    "linux/amd64",
                    "--layers",
                    layering,
                ])?;
                // Several version lines are several images.
                for line in answer["images"].as_array().into_iter().flatten() {
                    let layers = line["platforms"][0]["layers"].as_array();
                    images.push(layers.cloned().unwrap_or_default());
                }
            }
            all.push(sharing(variant, layering, &images));
        }
    }
    Ok(all)
}

fn sharing(variant: &'static str, layering: &'static str, images: &[Vec<Value>]) -> Sharing {
    let apart = images.iter().flatten().filter_map(size).sum();
    let updates = UPDATED
        .into_iter()
        .map(|package| (package, update(layering, images, package)));
    Sharing {
        variant,
        layering,
        apart,
        together: distinct(images.iter().flatten()),
        layers: images.iter().map(Vec::len).max().unwrap_or(0),
        updates: updates.collect(),
    }
}

/// The distinct bytes of the layers that are others after an update, over the images that have the
/// package.
fn update(layering: &str, images: &[Vec<Value>], package: &str) -> Option<u64> {
    let having: Vec<&Vec<Value>> = images
        .iter()
        .filter(|layers| {
            layers
                .iter()
                .any(|layer| !made(layer) && touched(layer, package))
        })
        .collect();
    if having.is_empty() {
        return None;
    }
    let changed = having
        .into_iter()
        .flatten()
        .filter(|layer| layering == "single" || touched(layer, package));
    Some(distinct(changed))
}

/// Whether kiln makes this layer, without packages.
fn made(layer: &Value) -> bool {
    layer["packages"].as_array().is_none_or(Vec::is_empty)
}

fn size(layer: &Value) -> Option<u64> {
    layer["size"].as_u64()
}

fn distinct<'a>(layers: impl Iterator<Item = &'a Value>) -> u64 {
    let sizes: BTreeMap<&str, u64> = layers
        .filter_map(|layer| Some((layer["digest"].as_str()?, size(layer)?)))
        .collect();
    sizes.values().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn images() -> [Vec<Value>; 2] {
        let common = json!({"packages": ["libc6"], "digest": "c", "size": 100});
        let own = json!({"packages": ["nginx"], "digest": "n", "size": 30});
        let made = |digest: &str| json!({"packages": [], "digest": digest, "size": 2});
        [
            vec![common.clone(), made("m")],
            vec![common, own, made("o")],
        ]
    }

    #[test]
    fn a_shared_layer_is_kept_once() {
        let found = sharing("standard", "shared", &images());
        assert_eq!((found.apart, found.together, found.layers), (234, 134, 3));
    }

    #[test]
    fn an_update_costs_the_layers_it_touches() {
        assert_eq!(update("shared", &images(), "libc6"), Some(104));
        assert_eq!(update("shared", &images(), "nginx"), Some(32));
        assert_eq!(update("single", &images(), "nginx"), Some(132));
        assert_eq!(update("shared", &images(), "tzdata"), None);
    }
}
