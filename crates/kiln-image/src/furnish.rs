//! What kiln adds to a tree of packages: the effects of maintainer scripts, the package database,
//! and the definition's own paths, in this order.
//!
//! Where the profile cuts what is not reached, the tree is made twice. First whole: emulators read
//! what later leaves (the masters of accounts, the certificates), the definition's paths show what
//! it needs, and the walk of [`crate::reach`] sees both. Then without what left: with what the
//! emulators made, the package database of what remains, and the definition's paths again.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    BlobSource, DatabaseOptions, EntryKind, FileEntry, InstalledPackage, PackageFormat, PathKind,
    PathPlan, Plan, RelativePath, SynthesisedFile,
};

use crate::AssembleError;
use crate::checks::{CheckOutcome, ImageFacts, run_checks};
use crate::emulate::{self, Tree};
use crate::fragment::Fragment;
use crate::merge::{Losses, Merged, Removal};
use crate::reach::{self, ReachReport};
use crate::start;
use crate::tree::{GrowingTree, Maker};

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
    /// Packages that left as a whole, by index: they are not given to [`crate::compose`].
    pub left: BTreeSet<usize>,
    /// Who made what kiln made, by path.
    pub makers: BTreeMap<RelativePath, Maker>,
    /// What the walk from the roots found, where the profile cuts by it.
    pub reach: Option<ReachReport>,
    /// Every directory with its final owner and mode.
    pub(crate) directories: Vec<FileEntry>,
    /// Every directory with owner and mode as the packages have it.
    pub(crate) package_directories: Vec<FileEntry>,
    /// What is known of the finished tree.
    pub facts: ImageFacts,
    /// How the checks of the profile came out.
    pub checks: Vec<CheckOutcome>,
}

/// Runs the emulators, cuts what is not reached, writes the package database, adds the
/// definition's paths.
///
/// # Errors
/// When files are contested, an emulator fails, a path of the definition cannot be put, or
/// something that is reached is not there.
pub fn furnish(
    plan: &Plan,
    format: &dyn PackageFormat,
    blobs: &dyn BlobSource,
    fragments: &[&Fragment],
) -> Result<Furnished, AssembleError> {
    let (kept, removal, report) = if plan.reach.cut {
        let (kept, removal, report) = cut_unreached(plan, format, blobs, fragments)?;
        (kept, removal, Some(report))
    } else {
        (Vec::new(), Removal::default(), None)
    };
    let merged = Merged::new(plan, fragments.to_vec(), removal)?;
    let mut tree = GrowingTree::new(plan, &merged, blobs);
    for (file, maker) in kept {
        tree.put(file, &maker);
    }
    // What describes contents is made from what remains.
    run_emulators(plan, &mut tree, |emulator| {
        !plan.reach.cut || emulator.describes_contents()
    })?;
    if let Some(report) = &report {
        tree.put(cut_list(&report.cut)?, &Maker::CutList);
    }
    let options = DatabaseOptions {
        scripts: plan.maintainer_scripts,
    };
    for file in format.database(
        &installed(plan, &tree, fragments, &merged.removal),
        plan.platform.architecture.as_str(),
        &options,
    ) {
        tree.put(file, &Maker::Database);
    }
    if let Some(start) = &plan.start {
        let has_shell = tree.entry(start::SHELL).is_some();
        for file in start::start_files(start, has_shell) {
            tree.put(file, &Maker::Definition);
        }
    }
    for path in &plan.paths {
        put_path(&mut tree, path)?;
    }
    let entries = tree.entries();
    let count = fragments.len() - merged.removal.packages.len();
    let mut facts = ImageFacts::of(count, entries.values().copied());
    facts.find_shells(&tree);
    facts.describe(&tree, report.as_ref(), fragments.len());
    if tree.entry(start::SHELL).is_some_and(start::is_gate) {
        let start = plan.start.iter();
        facts.command_gate = start.flat_map(|start| start.gate.clone()).collect();
    }
    let mut checks = run_checks(plan, format, &tree, fragments, &merged.removal)?;
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
                .is_none_or(|made| made.file.entry.kind == EntryKind::Directory)
        })
        .cloned()
        .collect();
    let mut overridden = tree.overridden();
    for (index, files) in &merged.removal.files {
        let lost = overridden.entry(*index).or_default();
        lost.extend(files.iter().cloned());
    }
    Ok(Furnished {
        overridden,
        left: merged.removal.packages.clone(),
        deleted: tree.deleted().clone(),
        makers: tree
            .made()
            .iter()
            .map(|(path, made)| (path.clone(), made.maker.clone()))
            .collect(),
        made: tree.made().values().map(|made| made.file.clone()).collect(),
        directories,
        package_directories,
        facts,
        checks,
        reach: report,
    })
}

fn run_emulators(
    plan: &Plan,
    tree: &mut GrowingTree<'_>,
    wanted: impl Fn(&dyn emulate::Emulator) -> bool,
) -> Result<(), AssembleError> {
    for name in &plan.emulators {
        let emulator =
            emulate::by_name(name).ok_or_else(|| AssembleError::UnknownEmulator(name.clone()))?;
        if wanted(emulator) {
            for file in emulator.run(tree)? {
                tree.put(file, &Maker::Emulator(name.clone()));
            }
        }
    }
    Ok(())
}

type Kept = Vec<(SynthesisedFile, Maker)>;

/// Walks over the whole tree; gives what emulators made that stays, what leaves, and the report.
fn cut_unreached(
    plan: &Plan,
    format: &dyn PackageFormat,
    blobs: &dyn BlobSource,
    fragments: &[&Fragment],
) -> Result<(Kept, Removal, ReachReport), AssembleError> {
    let merged = Merged::new(plan, fragments.to_vec(), Removal::default())?;
    let mut tree = GrowingTree::new(plan, &merged, blobs);
    run_emulators(plan, &mut tree, |_| true)?;
    let made: Kept = tree
        .made()
        .values()
        .map(|made| (made.file.clone(), made.maker.clone()))
        .collect();
    for path in &plan.paths {
        put_path(&mut tree, path)?;
    }
    let walked = reach::walk(plan, format, &tree, fragments)?;
    if !walked.holes.is_empty() {
        return Err(AssembleError::Holes(walked.holes.into_iter().collect()));
    }
    let reach::Removed { removal, list } = reach::cut(plan, &tree, fragments, &walked);
    let name = |index: usize| fragments[index].control.name.clone();
    let stays: BTreeSet<String> = walked.stays.keys().map(|&index| name(index)).collect();
    let kept = made
        .into_iter()
        .filter(|(_, maker)| match maker {
            Maker::Emulator(emulator) => emulate::by_name(emulator).is_none_or(|emulator| {
                let serves = emulator.serves();
                !emulator.describes_contents()
                    && (serves.is_empty() || serves.iter().any(|name| stays.contains(*name)))
            }),
            _ => true,
        })
        .collect();
    let shell_callers = reach::shell_callers(plan, &tree, fragments, &removal);
    let packages = walked
        .stays
        .into_iter()
        .filter(|(index, _)| !removal.packages.contains(index))
        .map(|(index, stay)| (name(index), stay))
        .collect();
    let report = ReachReport {
        reasons: walked.reasons,
        packages,
        cut: list,
        shell_callers,
    };
    Ok((kept, removal, report))
}

fn cut_list(list: &reach::CutList) -> Result<SynthesisedFile, AssembleError> {
    let path = RelativePath::new(reach::CutList::PATH).map_err(|error| AssembleError::Path {
        path: RelativePath::root(),
        reason: error.to_string(),
    })?;
    let content = list.file();
    let entry = FileEntry {
        path,
        kind: EntryKind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: 0,
        size: content.len() as u64,
        xattrs: std::collections::BTreeMap::new(),
    };
    Ok(SynthesisedFile { entry, content })
}

/// What the package database is told of each package. What the definition removes is found by the
/// same way as later, so that `/bin/tool` means `/usr/bin/tool`.
fn installed(
    plan: &Plan,
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
    removal: &Removal,
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
        .enumerate()
        .filter(|(index, _)| !removal.packages.contains(index))
        .map(|(index, fragment)| {
            let files = fragment.files.iter().map(|file| &file.entry.path);
            let directories = fragment.directories.iter().map(|directory| &directory.path);
            let (gone, mut paths): (Vec<_>, Vec<_>) = files
                .chain(directories)
                .cloned()
                .partition(|path| is_removed(path) || removal.takes(index, path));
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
                    let content = tree.read(path.as_str())?;
                    content.ok_or_else(|| error("its content is not there to be read"))?
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
    tree.put(file, &Maker::Definition);
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
    // The command gate looks for programs in these folders, whatever `PATH` says.
    let gate = plan.start.iter().flat_map(|start| &start.gate);
    let gate: Vec<String> = gate
        .filter_map(|text| kiln_script::GateCommand::parse(text).ok())
        .filter_map(|command| command.arguments.into_iter().next())
        .collect();
    let gate = gate
        .iter()
        .map(|program| (&**program, kiln_script::PROGRAMS));
    let others = first.chain(known).map(|program| (program, path));
    for (program, path) in others.chain(gate) {
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
