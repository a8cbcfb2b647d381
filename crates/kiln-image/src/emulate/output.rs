//! Making the entries that emulators answer with: owned by root, at the epoch.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use kiln_types::{EntryKind, FileEntry, RelativePath, SynthesisedFile};

use super::{EmulateError, Tree, resolve::resolve_parent};

/// Collects what one emulator makes. Paths are resolved through the links of the tree, so that
/// `/lib/x` becomes `usr/lib/x` in a merged-/usr image.
pub(super) struct Output<'a> {
    emulator: &'static str,
    tree: &'a dyn Tree,
    made: BTreeMap<RelativePath, SynthesisedFile>,
}

impl<'a> Output<'a> {
    pub(super) fn new(emulator: &'static str, tree: &'a dyn Tree) -> Self {
        Self {
            emulator,
            tree,
            made: BTreeMap::new(),
        }
    }

    /// Everything made, sorted by path.
    pub(super) fn finish(self) -> Vec<SynthesisedFile> {
        self.made.into_values().collect()
    }

    pub(super) fn file(
        &mut self,
        path: &str,
        mode: u32,
        content: impl Into<Vec<u8>>,
    ) -> Result<&mut FileEntry, EmulateError> {
        self.add(path, EntryKind::File, mode, content.into())
    }

    pub(super) fn directory(
        &mut self,
        path: &str,
        mode: u32,
    ) -> Result<&mut FileEntry, EmulateError> {
        self.add(path, EntryKind::Directory, mode, Vec::new())
    }

    pub(super) fn symlink(
        &mut self,
        path: &str,
        target: &str,
    ) -> Result<&mut FileEntry, EmulateError> {
        self.add(
            path,
            EntryKind::Symlink(target.to_owned()),
            0o777,
            Vec::new(),
        )
    }

    /// Whether something is at this path, in the tree or made here; links are not followed.
    pub(super) fn exists(&self, path: &str) -> bool {
        resolve_parent(self.tree, path).is_some_and(|path| {
            self.made.contains_key(&path) || self.tree.entry(path.as_str()).is_some()
        })
    }

    fn add(
        &mut self,
        path: &str,
        kind: EntryKind,
        mode: u32,
        content: Vec<u8>,
    ) -> Result<&mut FileEntry, EmulateError> {
        let path = resolve_parent(self.tree, path).ok_or_else(|| EmulateError::File {
            emulator: self.emulator,
            path: path.trim_start_matches('/').to_owned(),
            reason: "nothing can be made there: its links go in a circle, or it is too long"
                .to_owned(),
        })?;
        let entry = FileEntry {
            path: path.clone(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: content.len() as u64,
            xattrs: BTreeMap::new(),
        };
        let made = SynthesisedFile { entry, content };
        let slot = match self.made.entry(path) {
            Entry::Occupied(mut slot) => {
                slot.insert(made);
                slot.into_mut()
            }
            Entry::Vacant(slot) => slot.insert(made),
        };
        Ok(&mut slot.entry)
    }
}
