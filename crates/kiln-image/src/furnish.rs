//! What kiln adds to a tree of packages: the effects of maintainer scripts, the package database,
//! and the definition's own paths, in this order.

use std::collections::BTreeSet;

use kiln_types::{
    BlobSource, DatabaseOptions, EntryKind, FileEntry, InstalledPackage, PackageFormat, PathKind,
    PathPlan, Plan, RelativePath, SynthesisedFile,
};

use crate::AssembleError;
use crate::checks::{CheckOutcome, ImageFacts, run_checks};
use crate::emulate::{self, Tree};
use crate::fragment::Fragment;
use crate::merge::{Losses, Merged};
use crate::start;
use crate::tree::GrowingTree;

/// A tree with everything that kiln adds.
#[derive(Clone, Debug)]
pub struct Furnished {
    /// What kiln made, by path.
    pub made: Vec<SynthesisedFile>,
    /// Paths of packages that the definition removed.
    pub deleted: BTreeSet<RelativePath>,
    /// Files of packages that what was made hides, or that were removed: those packages are
    /// normalised again without them before [`crate::compose`].
    pub overridden: Losses,
    /// Every directory with its final owner and mode.
    pub(crate) directories: Vec<FileEntry>,
    /// Every directory with owner and mode as the packages have it.
    pub(crate) package_directories: Vec<FileEntry>,
    /// What is known of the finished tree.
    pub facts: ImageFacts,
    /// How the checks of the profile came out.
    pub checks: Vec<CheckOutcome>,
}

/// Runs the emulators, writes the package database, adds the definition's paths.
///
/// # Errors
/// When files are contested, an emulator fails, or a path of the definition cannot be put.
pub fn furnish(
    plan: &Plan,
    format: &dyn PackageFormat,
    blobs: &dyn BlobSource,
    fragments: &[&Fragment],
) -> Result<Furnished, AssembleError> {
    let merged = Merged::new(plan, fragments.to_vec())?;
    let mut tree = GrowingTree::new(plan, &merged, blobs);
    for name in &plan.emulators {
        let emulator =
            emulate::by_name(name).ok_or_else(|| AssembleError::UnknownEmulator(name.clone()))?;
        for file in emulator.run(&tree)? {
            tree.put(file);
        }
    }
    let options = DatabaseOptions {
        scripts: plan.maintainer_scripts,
    };
    for file in format.database(
        &installed(plan, &tree, fragments),
        plan.platform.architecture.as_str(),
        &options,
    ) {
        tree.put(file);
    }
    if let Some(start) = &plan.start {
        let has_shell = tree.entry(start::SHELL).is_some();
        for file in start::start_files(start, has_shell) {
            tree.put(file);
        }
    }
    for path in &plan.paths {
        put_path(&mut tree, path)?;
    }
    let entries = tree.entries();
    let mut facts = ImageFacts::of(fragments.len(), entries.values().copied());
    if tree.entry(start::SHELL).is_some_and(start::is_gate) {
        let start = plan.start.iter();
        facts.command_gate = start.flat_map(|start| start.gate.clone()).collect();
    }
    let mut checks = run_checks(plan, entries.values().copied())?;
    checks.push(entrypoint_check(plan, &tree));
    let directories = entries
        .values()
        .filter(|entry| entry.kind == EntryKind::Directory)
        .map(|entry| (*entry).clone())
        .collect();
    let package_directories = merged
        .entries
        .values()
        .map(|(entry, _)| entry)
        .filter(|entry| entry.kind == EntryKind::Directory && !tree.deleted().contains(&entry.path))
        .filter(|entry| {
            tree.made()
                .get(&entry.path)
                .is_none_or(|made| made.entry.kind == EntryKind::Directory)
        })
        .cloned()
        .collect();
    Ok(Furnished {
        overridden: tree.overridden(),
        deleted: tree.deleted().clone(),
        made: tree.made().values().cloned().collect(),
        directories,
        package_directories,
        facts,
        checks,
    })
}

/// What the package database is told of each package. What the definition removes is found by the
/// same way as later, so that `/bin/tool` means `/usr/bin/tool`.
fn installed(
    plan: &Plan,
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
) -> Vec<InstalledPackage> {
    let removed: Vec<RelativePath> = plan
        .paths
        .iter()
        .filter(|path| path.kind == PathKind::Delete)
        .filter_map(|path| emulate::resolve_parent(tree, path.path.as_str()))
        .collect();
    let is_removed = |path: &RelativePath| {
        removed
            .iter()
            .any(|removed| path.is_below(removed.as_str()))
    };
    fragments
        .iter()
        .map(|fragment| {
            let files = fragment.files.iter().map(|file| &file.entry.path);
            let directories = fragment.directories.iter().map(|directory| &directory.path);
            let (gone, mut paths): (Vec<_>, Vec<_>) =
                files.chain(directories).cloned().partition(is_removed);
            paths.sort();
            let mut cut = fragment.cut.clone();
            cut.extend(gone);
            cut.sort();
            InstalledPackage {
                control: fragment.control.clone(),
                paths,
                cut,
            }
        })
        .collect()
}

/// Puts a path of the definition into the tree. Links to directories on the way are followed, so
/// that `/bin/tool` lands in `/usr/bin`.
fn put_path(tree: &mut GrowingTree<'_>, plan: &PathPlan) -> Result<(), AssembleError> {
    let error = |reason: &str| AssembleError::Path {
        path: plan.path.clone(),
        reason: reason.to_owned(),
    };
    let path = emulate::resolve_parent(tree, plan.path.as_str())
        .ok_or_else(|| error("symbolic links on the way go in a circle"))?;
    if crate::fragment::is_whiteout(&path) {
        return Err(error(
            "a name that begins with `.wh.` removes files in a layer",
        ));
    }
    if path.is_root() {
        return Err(error("the root directory cannot be changed"));
    }
    let mut parent = path.parent();
    while plan.kind != PathKind::Delete && !parent.is_root() {
        let other = |entry: &FileEntry| entry.kind != EntryKind::Directory;
        if tree.entry(parent.as_str()).is_some_and(other) {
            return Err(error(&format!("`{parent}` is a file, not a directory")));
        }
        parent = parent.parent();
    }
    let here = tree.entry(path.as_str()).cloned();
    let is_directory = here
        .as_ref()
        .is_some_and(|entry| entry.kind == EntryKind::Directory);
    let entry = |kind: EntryKind, default: u32, size: u64| FileEntry {
        path: path.clone(),
        kind,
        mode: plan.mode.unwrap_or(default),
        uid: plan.uid,
        gid: plan.gid,
        mtime: 0,
        size,
        xattrs: std::collections::BTreeMap::new(),
    };
    let file = match &plan.kind {
        PathKind::Directory => {
            if here.is_some() && !is_directory {
                return Err(error(
                    "a file or link of a package is there; a directory cannot take its place",
                ));
            }
            let default = here.map_or(0o755, |entry| entry.mode);
            SynthesisedFile {
                entry: entry(EntryKind::Directory, default, 0),
                content: Vec::new(),
            }
        }
        PathKind::File(_) | PathKind::Symlink(_) if is_directory => {
            return Err(error(
                "a directory is there; a file or link cannot take its place",
            ));
        }
        PathKind::File(content) => {
            let size = content.len() as u64;
            SynthesisedFile {
                entry: entry(EntryKind::File, 0o644, size),
                content: content.clone(),
            }
        }
        PathKind::Symlink(target) => SynthesisedFile {
            entry: entry(EntryKind::Symlink(target.clone()), 0o777, 0),
            content: Vec::new(),
        },
        PathKind::Permissions => {
            let Some(here) = here else {
                return Err(error("nothing is there whose permissions could change"));
            };
            let content = match here.kind {
                EntryKind::File | EntryKind::Hardlink(_) => {
                    tree.read(path.as_str())?.unwrap_or_default()
                }
                EntryKind::Directory | EntryKind::Symlink(_) => Vec::new(),
            };
            let kind = match here.kind {
                EntryKind::Hardlink(_) => EntryKind::File,
                other => other,
            };
            let changed = FileEntry {
                size: content.len() as u64,
                ..entry(kind, here.mode, 0)
            };
            SynthesisedFile {
                entry: FileEntry {
                    xattrs: here.xattrs,
                    ..changed
                },
                content,
            }
        }
        PathKind::Delete => {
            tree.delete(&path);
            return Ok(());
        }
    };
    tree.put(file);
    Ok(())
}

/// The program that the image starts must be in it. A name without a slash is looked for in PATH,
/// as engines do.
fn entrypoint_check(plan: &Plan, tree: &GrowingTree<'_>) -> CheckOutcome {
    let mut violations = Vec::new();
    let words = plan.config.entrypoint.iter().chain(&plan.config.cmd);
    let first = words.take(1).map(String::as_str);
    // What a variable of the container names is only known when it starts.
    let known = plan
        .start_programs()
        .filter(|program| !program.contains("${"));
    let path = plan
        .config
        .environment
        .get("PATH")
        .map_or("", String::as_str);
    for program in first.chain(known) {
        let places: Vec<String> = if program.contains('/') {
            vec![program.to_owned()]
        } else {
            path.split(':')
                .map(|folder| format!("{folder}/{program}"))
                .collect()
        };
        let is_library = program
            .rsplit('/')
            .next()
            .is_some_and(|name| name.contains(".so"));
        let runs = |place: &String| {
            let Some(real) = emulate::resolve(tree, place) else {
                return false;
            };
            tree.entry(real.as_str()).is_some_and(|entry| {
                entry.kind != EntryKind::Directory && (is_library || entry.mode & 0o111 != 0)
            })
        };
        if !places.iter().any(runs) {
            violations.push(format!(
                "the image has no program `{program}`, which it starts"
            ));
        }
    }
    CheckOutcome {
        check: "entrypoint".to_owned(),
        violations,
    }
}
