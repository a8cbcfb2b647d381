//! Taking images out of layouts.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use super::write::{file_error, replace};
use super::{INDEX, Layout, listed};
use crate::{BlobRef, Index, OciError, Root, closure, to_json};

/// Takes images out of a layout, and the blobs that only they needed. Says how many images went.
///
/// The index is written first: a reader that has the new one finds everything in it.
///
/// # Errors
/// When the directory is no layout, when a manifest in it cannot be read, or when it cannot be
/// written.
pub fn remove(directory: &Path, goes: &dyn Fn(&Root) -> bool) -> Result<usize, OciError> {
    let lock = File::open(directory).map_err(file_error("read", directory))?;
    lock.lock().map_err(file_error("lock", directory))?;
    let layout = Layout::open(directory)?;
    let (gone, kept): (Vec<Root>, Vec<Root>) = layout.roots().into_iter().partition(goes);
    if gone.is_empty() {
        return Ok(0);
    }
    let needed: BTreeSet<BlobRef> = closure(&kept, &layout)?.into_iter().collect();
    let unneeded = closure(&gone, &layout)?;
    let index = Index {
        manifests: kept.iter().map(listed).collect(),
        ..layout.index().clone()
    };
    replace(&directory.join(INDEX), &to_json(&index)?)?;
    for blob in unneeded {
        if !needed.contains(&blob) {
            let path = directory.join("blobs/sha256").join(blob.digest.hex());
            fs::remove_file(&path).map_err(file_error("remove", &path))?;
        }
    }
    Ok(gone.len())
}
