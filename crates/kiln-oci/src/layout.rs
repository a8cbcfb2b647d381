//! OCI image layouts: a directory with `oci-layout`, `index.json` and `blobs/` (OCI image-spec
//! `image-layout.md`).
//!
//! A new layout is made beside its place and renamed into it, so that it is there whole or not at
//! all. Into a layout that is there, blobs come first and `index.json` last, each by a rename; a
//! reader sees the old images until then, and the new ones complete. Other tags stay. Writers of
//! one layout wait for each other (`flock` on the directory), and what a writer that was killed has
//! left is cleared away by the next one.

mod read;
mod remove;
mod write;

use serde::{Deserialize, Serialize};

pub use read::{Layout, mark_of};
pub use remove::remove;
pub use write::write;

use crate::{Descriptor, Index, OciError, Root};

/// The annotation that holds a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The name of the file that says that a directory is a layout.
pub(crate) const MARKER: &str = "oci-layout";
/// The name of the file that lists the images.
pub(crate) const INDEX: &str = "index.json";

/// The content of [`MARKER`].
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marker {
    pub(crate) image_layout_version: String,
}

impl Marker {
    pub(crate) fn current() -> Self {
        Self {
            image_layout_version: "1.0.0".to_owned(),
        }
    }
}

/// The descriptor of a root, as `index.json` lists it.
pub(crate) fn listed(root: &Root) -> Descriptor {
    let mut descriptor = root.descriptor.clone();
    match &root.tag {
        Some(tag) => descriptor
            .annotations
            .insert(REF_NAME.to_owned(), tag.clone()),
        None => descriptor.annotations.remove(REF_NAME),
    };
    descriptor
}

/// The index with these roots in it: each takes its tag from whoever had it, and stands once.
pub(crate) fn merged(mut index: Index, roots: &[Root]) -> Result<Index, OciError> {
    for root in roots {
        if let Some(tag) = root
            .tag
            .as_ref()
            .filter(|tag| !crate::transport::is_layout_tag(tag))
        {
            let reason = format!("`{tag}` cannot be a tag of a layout");
            return Err(OciError::Unsupported {
                subject: root.descriptor.digest.to_string(),
                reason,
            });
        }
        let descriptor = listed(root);
        index.manifests.retain(|other| {
            let same_tag =
                root.tag.is_some() && other.annotations.get(REF_NAME) == root.tag.as_ref();
            !same_tag && *other != descriptor
        });
        index.manifests.push(descriptor);
    }
    // By tag, then by digest, whatever the order in which images came.
    index.manifests.sort_by(|left, right| {
        let key = |descriptor: &Descriptor| {
            (
                descriptor.annotations.get(REF_NAME).cloned(),
                descriptor.digest,
            )
        };
        key(left).cmp(&key(right))
    });
    Ok(index)
}

#[cfg(test)]
pub(crate) mod tests;
