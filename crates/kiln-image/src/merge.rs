//! Fragments of many packages become one tree.
//!
//! Directories may belong to many packages: the first decides about owner and mode (the packages
//! of the distribution's first foundation group, then by name), as with dpkg, which leaves a
//! directory that is there alone. A file belongs to one package; where two ship it, Replaces
//! decides or the build fails with both owners named (Debian policy 7.6.1).

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{EntryKind, FileEntry, PackageFormat, Plan, RelativePath};

use crate::AssembleError;
use crate::fragment::{Fragment, FragmentFile};

/// Paths that packages lose, by the package's index.
pub type Losses = BTreeMap<usize, BTreeSet<RelativePath>>;

/// Finds the files that several packages ship, and who loses them by Replaces.
///
/// # Errors
/// All files whose owner nothing decides.
pub fn contested_files(
    fragments: &[&Fragment],
    format: &dyn PackageFormat,
) -> Result<Losses, AssembleError> {
    let mut owners: BTreeMap<&RelativePath, usize> = BTreeMap::new();
    let mut losses = Losses::new();
    let mut conflicts = Vec::new();
    for (index, fragment) in fragments.iter().enumerate() {
        for file in &fragment.files {
            let path = &file.entry.path;
            let Some(&holder) = owners.get(path) else {
                owners.insert(path, index);
                continue;
            };
            let (newcomer_control, holder_control) =
                (&fragment.control, &fragments[holder].control);
            if format.replaces(newcomer_control, holder_control) {
                losses.entry(holder).or_default().insert(path.clone());
                owners.insert(path, index);
            } else if format.replaces(holder_control, newcomer_control) {
                losses.entry(index).or_default().insert(path.clone());
            } else {
                let name =
                    |control: &kiln_types::Control| format!("{} {}", control.name, control.version);
                conflicts.push((path.clone(), name(holder_control), name(newcomer_control)));
            }
        }
    }
    if conflicts.is_empty() {
        Ok(losses)
    } else {
        Err(AssembleError::Conflicts(conflicts))
    }
}

/// What leaves a tree: packages as a whole, and files of others, by the package's index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) packages: BTreeSet<usize>,
    pub(crate) files: Losses,
}

impl Removal {
    /// Whether this file of a package leaves.
    pub(crate) fn takes(&self, index: usize, path: &RelativePath) -> bool {
        self.packages.contains(&index)
            || self
                .files
                .get(&index)
                .is_some_and(|files| files.contains(path))
    }
}

/// Where an entry of a merged tree comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin {
    /// A file of a fragment: package index, file index.
    File(usize, usize),
    /// A directory.
    Directory,
}

/// The merged tree of an image's packages.
#[derive(Debug)]
pub(crate) struct Merged<'a> {
    pub(crate) fragments: Vec<&'a Fragment>,
    /// What of them is not in the tree.
    pub(crate) removal: Removal,
    pub(crate) entries: BTreeMap<RelativePath, (FileEntry, Origin)>,
}

impl<'a> Merged<'a> {
    /// Merges fragments whose contested files are settled, without what is removed.
    pub(crate) fn new(
        plan: &Plan,
        fragments: Vec<&'a Fragment>,
        removal: Removal,
    ) -> Result<Self, AssembleError> {
        let mut entries: BTreeMap<RelativePath, (FileEntry, Origin)> = BTreeMap::new();
        let first = plan.foundation.first();
        let stays = |index: &usize| !removal.packages.contains(index);
        let mut order: Vec<usize> = (0..fragments.len()).filter(stays).collect();
        order.sort_by_key(|&index| {
            let name = &fragments[index].control.name;
            (!first.is_some_and(|names| names.contains(name)), name)
        });
        for &index in &order {
            for directory in &fragments[index].directories {
                entries.entry(directory.path.clone()).or_insert_with(|| {
                    (
                        FileEntry {
                            mtime: 0,
                            ..directory.clone()
                        },
                        Origin::Directory,
                    )
                });
            }
        }
        for (index, fragment) in fragments.iter().enumerate() {
            let mut carried: BTreeMap<&RelativePath, &RelativePath> = BTreeMap::new();
            for (number, file) in fragment.files.iter().enumerate() {
                if removal.takes(index, &file.entry.path) {
                    continue;
                }
                let mut entry = file.entry.clone();
                if let EntryKind::Hardlink(carrier) = &file.entry.kind
                    && removal.takes(index, carrier)
                {
                    // As in the layer that is written: the first link that stays carries the rest.
                    let first = carried.entry(carrier).or_insert(&file.entry.path);
                    if *first == &file.entry.path {
                        entry.size = fragment.file(carrier).map_or(0, |file| file.entry.size);
                        entry.kind = EntryKind::File;
                    } else {
                        entry.kind = EntryKind::Hardlink((*first).clone());
                    }
                }
                let entry = (entry, Origin::File(index, number));
                if let Some((before, _)) = entries.insert(file.entry.path.clone(), entry)
                    && before.kind == EntryKind::Directory
                {
                    let owner = fragment.control.name.clone();
                    return Err(AssembleError::FileOverDirectory {
                        path: file.entry.path.clone(),
                        owner,
                    });
                }
            }
        }
        let mut merged = Self {
            fragments,
            removal,
            entries,
        };
        merged.add_parents()?;
        Ok(merged)
    }

    /// Adds the directories that nobody ships but something lies in, and makes sure that nothing
    /// lies below a file or link.
    fn add_parents(&mut self) -> Result<(), AssembleError> {
        let mut parents: BTreeSet<RelativePath> = BTreeSet::new();
        for path in self.entries.keys() {
            let mut parent = path.parent();
            while !parent.is_root() && parents.insert(parent.clone()) {
                parent = parent.parent();
            }
        }
        for parent in parents {
            match self.entries.get(&parent) {
                None => {
                    self.entries
                        .insert(parent.clone(), (plain_directory(parent), Origin::Directory));
                }
                Some((entry, _)) if entry.kind == EntryKind::Directory => {}
                Some((_, origin)) => {
                    let owner = match origin {
                        Origin::File(index, _) => self.fragments[*index].control.name.clone(),
                        Origin::Directory => String::new(),
                    };
                    return Err(AssembleError::BelowFile {
                        path: parent,
                        owner,
                    });
                }
            }
        }
        Ok(())
    }

    /// The file of a package that carries what is at a path: of hard links, the first that the
    /// package has. It need not be in the tree.
    pub(crate) fn carrier(&self, path: &RelativePath) -> Option<(usize, &'a FragmentFile)> {
        let (_, origin) = self.entries.get(path)?;
        let Origin::File(index, number) = *origin else {
            return None;
        };
        let fragment = self.fragments.get(index)?;
        let file = fragment.files.get(number)?;
        let carrier = match &file.entry.kind {
            EntryKind::Hardlink(carrier) => fragment.file(carrier)?,
            _ => file,
        };
        Some((index, carrier))
    }
}

/// A directory as it is when nobody says otherwise.
pub(crate) fn plain_directory(path: RelativePath) -> FileEntry {
    FileEntry {
        path,
        kind: EntryKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
        size: 0,
        xattrs: BTreeMap::new(),
    }
}
