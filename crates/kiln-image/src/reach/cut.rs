//! What leaves an image, by which rule.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{EntryKind, FileEntry, Plan, RelativePath};

use super::walk::{Walked, module_of};
use super::{CutFiles, CutList, CutPackage, CutRule, Role, in_program_folder, role};
use crate::cuts::Pattern;
use crate::elf::ElfFacts;
use crate::emulate::{EmulateError, Tree, resolve};
use crate::fragment::Fragment;
use crate::merge::Removal;
use crate::opening::Opening;
use crate::tree::GrowingTree;

/// What leaves.
pub(crate) struct Removed {
    /// Packages and files of packages.
    pub(crate) removal: Removal,
    /// The same, for people.
    pub(crate) list: CutList,
}

/// Decides what leaves a tree that was walked.
pub(crate) fn cut(
    plan: &Plan,
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
    walked: &Walked,
) -> Removed {
    let languages: Vec<(Vec<Pattern>, Vec<Pattern>)> = plan
        .reach
        .languages
        .iter()
        .map(|language| super::walk::patterns(language, plan.merged_usr))
        .collect();
    let mut rules: BTreeMap<usize, BTreeMap<RelativePath, CutRule>> = BTreeMap::new();
    let mut gone: BTreeMap<usize, CutRule> = BTreeMap::new();
    for (index, fragment) in fragments.iter().enumerate() {
        if !walked.stays.contains_key(&index) {
            gone.insert(index, leaving_rule(fragment, tree, &languages));
            continue;
        }
        for file in &fragment.files {
            let path = &file.entry.path;
            if let Some(rule) = file_rule(&file.entry, tree, walked, &languages) {
                rules.entry(index).or_default().insert(path.clone(), rule);
            }
        }
        // Reached or asked for, a package has something to show; brought in for its data, it may
        // turn out to have had none.
        let for_data = matches!(walked.stays.get(&index), Some(super::Stay::Needed(_)));
        if let (true, Some(cut)) = (for_data, rules.get(&index)) {
            let empty = fragment.files.iter().all(|file| {
                cut.contains_key(&file.entry.path) || file.entry.path.is_below("usr/share/doc")
            });
            if empty {
                rules.remove(&index);
                gone.insert(index, CutRule::EmptyPackage);
            }
        }
    }
    dangling(tree, fragments, &gone, &mut rules);
    removed(fragments, gone, rules)
}

/// Why a package leaves: whether it had anything that could be reached.
fn leaving_rule(
    fragment: &Fragment,
    tree: &GrowingTree<'_>,
    languages: &[(Vec<Pattern>, Vec<Pattern>)],
) -> CutRule {
    let code = fragment.files.iter().any(|file| {
        let path = &file.entry.path;
        let opening = tree.opening(path);
        role(&file.entry, tree.elf(path.as_str()), opening) != Role::Data
            || module_of(languages, &file.entry, opening).is_some()
    });
    if code {
        CutRule::UnreachedPackage
    } else {
        CutRule::UnneededData
    }
}

fn file_rule(
    entry: &FileEntry,
    tree: &GrowingTree<'_>,
    walked: &Walked,
    languages: &[(Vec<Pattern>, Vec<Pattern>)],
) -> Option<CutRule> {
    let path = &entry.path;
    if walked.reasons.contains_key(path) {
        return None;
    }
    if matches!(entry.kind, EntryKind::Symlink(_)) {
        return starts_a_module(entry, tree, walked, languages)
            .then_some(CutRule::UnreachedProgram);
    }
    if let Some(language) = module_of(languages, entry, tree.opening(path)) {
        return (!walked.live.contains(&language)).then_some(CutRule::NoInterpreter);
    }
    let role = role(entry, tree.elf(path.as_str()), tree.opening(path));
    (role == Role::Program).then_some(CutRule::UnreachedProgram)
}

/// Whether a link is a program by which people start a module that nothing else reaches:
/// `/usr/bin/corepack` leads to a file among the modules of Node.js, which stays as one.
fn starts_a_module(
    entry: &FileEntry,
    tree: &GrowingTree<'_>,
    walked: &Walked,
    languages: &[(Vec<Pattern>, Vec<Pattern>)],
) -> bool {
    let target = in_program_folder(&entry.path)
        .then(|| resolve(tree, entry.path.as_str()))
        .flatten()
        .filter(|target| !walked.reasons.contains_key(target));
    let Some(target) = target.and_then(|target| tree.entry(target.as_str())) else {
        return false;
    };
    let opening = tree.opening(&target.path);
    target.mode & 0o111 != 0
        && opening.and_then(Opening::interpreter).is_some()
        && module_of(languages, target, opening).is_some()
}

/// Finds the links of packages that led somewhere and no longer do. One link may lead to another,
/// so this goes on until none is found.
fn dangling(
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
    gone: &BTreeMap<usize, CutRule>,
    rules: &mut BTreeMap<usize, BTreeMap<RelativePath, CutRule>>,
) {
    let links: Vec<(usize, &RelativePath)> = fragments
        .iter()
        .enumerate()
        .filter(|(index, _)| !gone.contains_key(index))
        .flat_map(|(index, fragment)| fragment.files.iter().map(move |file| (index, &file.entry)))
        .filter(|(_, entry)| matches!(entry.kind, EntryKind::Symlink(_)))
        .map(|(index, entry)| (index, &entry.path))
        .filter(|(_, path)| resolve(tree, path.as_str()).is_some())
        .collect();
    let mut rest = Rest {
        tree,
        files: BTreeSet::new(),
        directories: BTreeSet::new(),
    };
    for (index, fragment) in fragments.iter().enumerate() {
        if gone.contains_key(&index) {
            continue;
        }
        let cut = rules.get(&index);
        for directory in &fragment.directories {
            rest.directory(&directory.path);
        }
        for file in &fragment.files {
            let path = &file.entry.path;
            if cut.is_none_or(|cut| !cut.contains_key(path)) {
                rest.files.insert(path.clone());
                rest.directory(&path.parent());
            }
        }
    }
    for (path, made) in tree.made() {
        if made.file.entry.kind == EntryKind::Directory {
            rest.directory(path);
        } else {
            rest.files.insert(path.clone());
            rest.directory(&path.parent());
        }
    }
    loop {
        let broken: Vec<(usize, &RelativePath)> = links
            .iter()
            .filter(|(_, path)| rest.files.contains(*path))
            .filter(|(_, path)| resolve(&rest, path.as_str()).is_none())
            .copied()
            .collect();
        if broken.is_empty() {
            return;
        }
        for (index, path) in broken {
            rest.files.remove(path);
            let cut = rules.entry(index).or_default();
            cut.insert(path.clone(), CutRule::DanglingLink);
        }
    }
}

fn removed(
    fragments: &[&Fragment],
    gone: BTreeMap<usize, CutRule>,
    rules: BTreeMap<usize, BTreeMap<RelativePath, CutRule>>,
) -> Removed {
    let mut list = CutList::default();
    for (&index, &rule) in &gone {
        let control = &fragments[index].control;
        list.packages.push(CutPackage {
            name: control.name.clone(),
            version: control.version.clone(),
            rule,
        });
    }
    for (&index, cut) in &rules {
        let mut by_rule: BTreeMap<CutRule, Vec<RelativePath>> = BTreeMap::new();
        for (path, rule) in cut {
            by_rule.entry(*rule).or_default().push(path.clone());
        }
        let package = &fragments[index].control.name;
        list.files
            .extend(by_rule.into_iter().map(|(rule, paths)| CutFiles {
                package: package.clone(),
                rule,
                paths: paths.iter().map(ToString::to_string).collect(),
            }));
    }
    list.packages
        .sort_by(|left, right| left.name.cmp(&right.name));
    list.files
        .sort_by(|left, right| (&left.package, left.rule).cmp(&(&right.package, right.rule)));
    let files = rules
        .into_iter()
        .map(|(index, cut)| (index, cut.into_keys().collect()))
        .collect();
    Removed {
        removal: Removal {
            packages: gone.into_keys().collect(),
            files,
        },
        list,
    }
}

/// What remains of a tree, to follow links in.
struct Rest<'a> {
    tree: &'a GrowingTree<'a>,
    files: BTreeSet<RelativePath>,
    directories: BTreeSet<RelativePath>,
}

impl Rest<'_> {
    /// A directory remains, and those above it.
    fn directory(&mut self, path: &RelativePath) {
        let mut path = path.clone();
        while !path.is_root() && self.directories.insert(path.clone()) {
            path = path.parent();
        }
    }
}

impl Tree for Rest<'_> {
    fn plan(&self) -> &Plan {
        self.tree.plan()
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        (self.files.contains(path) || self.directories.contains(path))
            .then(|| self.tree.entry(path))
            .flatten()
    }

    fn below(&self, directory: &str) -> Vec<&FileEntry> {
        let mut entries = self.tree.below(directory);
        entries.retain(|entry| self.entry(entry.path.as_str()).is_some());
        entries
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EmulateError> {
        self.tree.read(path)
    }

    fn elf(&self, path: &str) -> Option<&ElfFacts> {
        self.tree.elf(path)
    }

    fn has_package(&self, name: &str) -> bool {
        self.tree.has_package(name)
    }
}
