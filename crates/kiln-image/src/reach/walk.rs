//! The walk from the roots.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use kiln_types::{
    EntryKind, FileEntry, Language, Load, PackageFormat, PackageName, Plan, RelativePath,
};

use super::loader::Loader;
use super::{Hole, Reason, Reasons, Role, Stay, in_program_folder, is_foreign_script, role, roots};
use crate::AssembleError;
use crate::cuts::Pattern;
use crate::elf::ElfFacts;
use crate::emulate::{Tree, links_on_the_way, resolve_parent};
use crate::fragment::Fragment;
use crate::opening::Opening;
use crate::tree::GrowingTree;

/// As many links as Linux follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The most libraries that are named as missing.
const MOST_MISSING: usize = 200;

/// What the walk found.
pub(crate) struct Walked {
    /// Why each reached path is.
    pub(crate) reasons: Reasons,
    /// Why each package that stays does, by index.
    pub(crate) stays: BTreeMap<usize, Stay>,
    /// What is missing.
    pub(crate) holes: BTreeSet<Hole>,
    /// The languages whose interpreters are reached, by their place in the plan.
    pub(crate) live: BTreeSet<usize>,
}

/// A package, as the rules see it.
struct Package {
    /// Shared libraries that are no modules.
    libraries: Vec<RelativePath>,
    /// Modules, with the language they are of, and whether they are libraries.
    modules: Vec<(usize, RelativePath, bool)>,
    /// Whether it has programs or libraries of its own.
    code: bool,
    /// Whether most of what it holds besides documentation is neither code nor a module.
    data: bool,
    /// The packages that satisfy a dependency of it, by index.
    depends: BTreeSet<usize>,
}

pub(super) struct Walk<'a> {
    pub(super) plan: &'a Plan,
    pub(super) tree: &'a GrowingTree<'a>,
    pub(super) entries: BTreeMap<&'a str, &'a FileEntry>,
    loader: Loader<'a>,
    pub(super) fragments: &'a [&'a Fragment],
    /// Indexes of packages in the order of their names.
    pub(super) order: Vec<usize>,
    packages: Vec<Package>,
    loads: Vec<(Pattern, &'a Load)>,
    languages: Vec<(Vec<Pattern>, Vec<Pattern>)>,
    reasons: Reasons,
    queue: BTreeSet<RelativePath>,
    stays: BTreeMap<usize, Stay>,
    pub(super) holes: BTreeSet<Hole>,
    live: BTreeSet<usize>,
    /// Libraries that the search did not find; another name of a loaded one may be meant.
    missing: BTreeSet<(RelativePath, String)>,
}

/// Walks over a tree that holds all packages and what the emulators made.
pub(crate) fn walk<'a>(
    plan: &'a Plan,
    format: &dyn PackageFormat,
    tree: &'a GrowingTree<'a>,
    fragments: &'a [&'a Fragment],
) -> Result<Walked, AssembleError> {
    let languages: Vec<(Vec<Pattern>, Vec<Pattern>)> = plan
        .reach
        .languages
        .iter()
        .map(|language| patterns(language, plan.merged_usr))
        .collect();
    let mut order: Vec<usize> = (0..fragments.len()).collect();
    order.sort_by_key(|&index| &fragments[index].control.name);
    let packages = fragments
        .iter()
        .map(|fragment| package(fragment, fragments, format, tree, &languages))
        .collect();
    let mut walk = Walk {
        plan,
        tree,
        entries: tree
            .entries()
            .into_iter()
            .map(|(path, entry)| (path.as_str(), entry))
            .collect(),
        loader: Loader::new(tree, plan.platform.architecture)?,
        fragments,
        order,
        packages,
        loads: plan
            .reach
            .loads
            .iter()
            .map(|load| {
                let file = Pattern::of_files(&load.file, plan.merged_usr);
                (file, load)
            })
            .collect(),
        languages,
        reasons: Reasons::new(),
        queue: BTreeSet::new(),
        stays: BTreeMap::new(),
        holes: BTreeSet::new(),
        live: BTreeSet::new(),
        missing: BTreeSet::new(),
    };
    roots::add(&mut walk);
    walk.requested();
    walk.follow();
    walk.settle_missing();
    Ok(Walked {
        reasons: walk.reasons,
        stays: walk.stays,
        holes: walk.holes,
        live: walk.live,
    })
}

pub(super) fn patterns(language: &Language, merged_usr: bool) -> (Vec<Pattern>, Vec<Pattern>) {
    let of = |list: &[String]| {
        list.iter()
            .map(|text| Pattern::of_files(text, merged_usr))
            .collect()
    };
    (of(&language.interpreters), of(&language.modules))
}

/// The language that a file is a module of.
pub(super) fn module_of(
    languages: &[(Vec<Pattern>, Vec<Pattern>)],
    entry: &FileEntry,
    opening: Option<&Opening>,
) -> Option<usize> {
    let path = entry.path.as_str();
    let (index, (interpreters, _)) = languages
        .iter()
        .enumerate()
        .find(|(_, (_, modules))| modules.iter().any(|pattern| pattern.matches(path)))?;
    (!is_foreign_script(entry, opening, interpreters)).then_some(index)
}

fn package(
    fragment: &Fragment,
    fragments: &[&Fragment],
    format: &dyn PackageFormat,
    tree: &GrowingTree<'_>,
    languages: &[(Vec<Pattern>, Vec<Pattern>)],
) -> Package {
    let mut package = Package {
        libraries: Vec::new(),
        modules: Vec::new(),
        code: false,
        data: true,
        depends: BTreeSet::new(),
    };
    let mut other = 0;
    for file in &fragment.files {
        let path = &file.entry.path;
        let opening = tree.opening(path);
        let role = role(&file.entry, tree.facts(path), opening);
        let module = module_of(languages, &file.entry, opening);
        if let (Some(language), false) = (module, matches!(file.entry.kind, EntryKind::Symlink(_)))
        {
            let library = role == Role::Library;
            package.modules.push((language, path.clone(), library));
            continue;
        }
        match role {
            Role::Library => {
                package.libraries.push(path.clone());
                package.code = true;
            }
            // Scripts among data (build scripts in sources, hooks) do not make a package code.
            Role::Program => {
                package.code |= tree.facts(path).is_some() || in_program_folder(path);
            }
            Role::Data => other += usize::from(!path.is_below("usr/share/doc")),
        }
    }
    package.data = !package.code && package.modules.len() <= other;
    let wanted = format.depends(&fragment.control);
    for (index, other) in fragments.iter().enumerate() {
        let satisfies = |relation| format.satisfies(relation, &other.control);
        if wanted.iter().flatten().any(satisfies) {
            package.depends.insert(index);
        }
    }
    package
}

impl<'a> Walk<'a> {
    /// Reaches what stands at a path: every link on the way, and the file at its end. `None` where
    /// nothing is there; a directory is found, but reaches nothing.
    pub(super) fn reach(&mut self, path: &str, reason: &Reason) -> Option<RelativePath> {
        let mut place = resolve_parent(self.tree, path)?;
        let mut reason = reason.clone();
        let mut on_the_way = links_on_the_way(self.tree, path);
        for _ in 0..MAX_LINKS {
            let entry = self.tree.entry(place.as_str())?;
            match &entry.kind {
                EntryKind::Directory => return Some(place),
                EntryKind::File | EntryKind::Hardlink(_) => {
                    for link in on_the_way {
                        self.add(&link, from(&place, "is found through it"));
                    }
                    self.add(&place, reason);
                    return Some(place);
                }
                EntryKind::Symlink(target) => {
                    let next = if target.starts_with('/') {
                        target.clone()
                    } else {
                        format!("{}/{target}", place.parent().as_str())
                    };
                    let link = place;
                    on_the_way.extend(links_on_the_way(self.tree, &next));
                    place = resolve_parent(self.tree, &next)?;
                    // A broken link reaches nothing, not even itself.
                    self.tree.entry(place.as_str())?;
                    self.add(&link, reason);
                    reason = Reason::From {
                        path: link,
                        how: "links to it".to_owned(),
                    };
                }
            }
        }
        None
    }

    /// Reaches everything that matches a pattern; says how much that was.
    pub(super) fn reach_pattern(&mut self, pattern: &Pattern, reason: &Reason) -> usize {
        let prefix = pattern.prefix();
        let matching: Vec<RelativePath> = self
            .entries
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(|(path, _)| path.starts_with(prefix))
            .filter(|(path, entry)| entry.kind != EntryKind::Directory && pattern.matches(path))
            .map(|(_, entry)| entry.path.clone())
            .collect();
        for path in &matching {
            self.reach(path.as_str(), reason);
        }
        matching.len()
    }

    fn add(&mut self, path: &RelativePath, reason: Reason) {
        if !self.reasons.contains_key(path) {
            self.reasons.insert(path.clone(), reason);
            self.queue.insert(path.clone());
        }
    }

    /// Packages that are asked for by name.
    fn requested(&mut self) {
        let names: BTreeSet<&str> = self
            .plan
            .request
            .include
            .iter()
            .map(|request| PackageName::as_str(&request.name))
            .collect();
        for index in self.order.clone() {
            let name = self.fragments[index].control.name.as_str();
            if names.contains(name) {
                let reason = Reason::Root(format!("a library of `{name}`, which is asked for"));
                self.stay(index, Stay::Requested, &reason);
            }
        }
    }

    /// A package stays: its libraries do, too.
    fn stay(&mut self, index: usize, stay: Stay, reason: &Reason) {
        if self.stays.contains_key(&index) {
            return;
        }
        self.stays.insert(index, stay);
        for path in self.packages[index].libraries.clone() {
            self.reach(path.as_str(), reason);
        }
    }

    /// Follows everything until nothing new comes.
    fn follow(&mut self) {
        loop {
            while let Some(path) = self.queue.pop_first() {
                self.visit(&path);
            }
            let before = (self.stays.len(), self.reasons.len(), self.live.len());
            self.find_languages();
            self.modules();
            self.dependencies();
            if (self.stays.len(), self.reasons.len(), self.live.len()) == before {
                return;
            }
        }
    }

    fn find_languages(&mut self) {
        for (index, (interpreters, _)) in self.languages.iter().enumerate() {
            let reached = |path: &RelativePath| {
                interpreters
                    .iter()
                    .any(|pattern| pattern.matches(path.as_str()))
            };
            if !self.live.contains(&index) && self.reasons.keys().any(reached) {
                self.live.insert(index);
            }
        }
    }

    /// Libraries among the modules of reached interpreters.
    fn modules(&mut self) {
        for index in self.order.clone() {
            if !self.stays.contains_key(&index) {
                continue;
            }
            let wanted: Vec<(usize, RelativePath)> = self.packages[index]
                .modules
                .iter()
                .filter(|(language, path, library)| {
                    *library && self.live.contains(language) && !self.reasons.contains_key(path)
                })
                .map(|(language, path, _)| (*language, path.clone()))
                .collect();
            for (language, path) in wanted {
                let name = &self.plan.reach.languages[language].name;
                let package = &self.fragments[index].control.name;
                let reason =
                    Reason::Root(format!("a module for {name} of `{package}`, which stays"));
                self.reach(path.as_str(), &reason);
            }
        }
    }

    /// Packages of data, or of modules of reached interpreters, on which a package that stays
    /// depends.
    fn dependencies(&mut self) {
        for index in self.order.clone() {
            if !self.stays.contains_key(&index) {
                continue;
            }
            let mut wanted: Vec<usize> = self.packages[index].depends.iter().copied().collect();
            wanted.sort_by_key(|&other| &self.fragments[other].control.name);
            for other in wanted {
                let package = &self.packages[other];
                let modules = package
                    .modules
                    .iter()
                    .any(|(language, _, _)| self.live.contains(language));
                if modules || package.data {
                    let by = self.fragments[index].control.name.clone();
                    let reason = Reason::Root(format!(
                        "a library of `{}`, on which `{by}` depends",
                        self.fragments[other].control.name
                    ));
                    self.stay(other, Stay::Needed(by), &reason);
                }
            }
        }
    }

    /// Everything that a reached path reaches.
    fn visit(&mut self, path: &RelativePath) {
        if let Some(index) = self.tree.owner(path) {
            let reason = Reason::From {
                path: path.clone(),
                how: "its package stays".to_owned(),
            };
            self.stay(index, Stay::Reached(path.clone()), &reason);
        }
        let tree = self.tree;
        if let Some(facts) = tree.facts(path) {
            self.visit_elf(path, facts);
        }
        if let Some(opening) = tree.opening(path) {
            self.visit_script(path, opening);
        }
        self.visit_loads(path);
    }

    fn visit_elf(&mut self, path: &RelativePath, facts: &ElfFacts) {
        let by = format!("`{path}`");
        if let Some(interpreter) = &facts.interpreter {
            let reason = from(path, "is started by it");
            if self.reach(interpreter, &reason).is_none() {
                self.hole(
                    &by,
                    &format!("the program interpreter `{interpreter}`"),
                    None,
                );
            }
        }
        let ancestors = self.ancestors(path);
        for name in &facts.needed {
            let Some(found) = self.loader.find(path, facts, name, &ancestors) else {
                self.missing.insert((path.clone(), name.clone()));
                continue;
            };
            self.reach(&found.path, &from(path, "is linked to it"));
            self.check_versions(path, facts, name, &found.file);
        }
    }

    fn check_versions(
        &mut self,
        path: &RelativePath,
        facts: &ElfFacts,
        name: &str,
        library: &RelativePath,
    ) {
        let tree = self.tree;
        let (Some(wanted), Some(provider)) = (facts.versions_needed.get(name), tree.facts(library))
        else {
            return;
        };
        // The loader accepts a library without any versions (it only warns).
        if provider.versions.is_empty() {
            return;
        }
        for version in wanted {
            if provider.versions.binary_search(version).is_err() {
                let owner = tree.owner(library).map(|index| {
                    let control = &self.fragments[index].control;
                    format!(
                        "`{library}` of `{} {}` does not define it",
                        control.name, control.version
                    )
                });
                let needs = format!("version `{version}` of `{name}`");
                self.hole(&format!("`{path}`"), &needs, owner);
            }
        }
    }

    /// The RPATHs of the files through which this one is loaded, nearest first.
    fn ancestors(&self, path: &RelativePath) -> Vec<(RelativePath, Vec<String>)> {
        let mut ancestors = Vec::new();
        let mut here = path;
        for _ in 0..64 {
            let Some(Reason::From { path: parent, .. }) = self.reasons.get(here) else {
                break;
            };
            if let Some(facts) = self.tree.facts(parent)
                && facts.runpath.is_empty()
                && !facts.rpath.is_empty()
            {
                ancestors.push((parent.clone(), facts.rpath.clone()));
            }
            here = parent;
        }
        ancestors
    }

    fn visit_script(&mut self, path: &RelativePath, opening: &Opening) {
        // Without the bit nobody starts it.
        let executable = self.tree.entry(path.as_str());
        if executable.is_none_or(|entry| entry.mode & 0o111 == 0) {
            return;
        }
        let Some((program, _)) = opening.interpreter() else {
            return;
        };
        let reason = from(path, "is a script for it");
        let by = format!("`{path}`");
        if self.reach(program, &reason).is_none() {
            self.hole(&by, &format!("the interpreter `{program}`"), None);
        }
        if program.rsplit('/').next() == Some("env")
            && let Some(name) = opening.interpreter_name()
            && self.program(name, &reason).is_none()
        {
            self.hole(&by, &format!("the interpreter `{name}`"), None);
        }
    }

    fn visit_loads(&mut self, path: &RelativePath) {
        let wanted: Vec<(&'a String, bool)> = self
            .loads
            .iter()
            .filter(|(file, _)| file.matches(path.as_str()))
            .flat_map(|(_, load)| load.opens.iter().map(|opens| (opens, load.optional)))
            .collect();
        for (opens, optional) in wanted {
            let reason = from(path, "opens it at run time");
            if opens.contains(['*', '?']) {
                let pattern = Pattern::of_files(opens, self.plan.merged_usr);
                self.reach_pattern(&pattern, &reason);
                continue;
            }
            let found = if opens.contains('/') {
                self.reach(opens, &reason).is_some()
            } else {
                let tree = self.tree;
                let found = tree
                    .facts(path)
                    .and_then(|facts| self.loader.find(path, facts, opens, &[]));
                match found {
                    Some(found) => self.reach(&found.path, &reason).is_some(),
                    None => self.program(opens, &reason).is_some(),
                }
            };
            if !found && !optional {
                self.hole(&format!("`{path}`"), &format!("`{opens}`"), None);
            }
        }
    }

    /// A library that the search does not find may be loaded already, by path: the loader knows
    /// it by its soname then. Otherwise it is a hole.
    fn settle_missing(&mut self) {
        let mut sonames: BTreeSet<(u8, u16, &str)> = BTreeSet::new();
        for path in self.reasons.keys() {
            if let Some(facts) = self.tree.facts(path) {
                let name = facts.soname.as_deref().unwrap_or(path.file_name());
                sonames.insert((facts.class, facts.machine, name));
            }
        }
        let mut holes = Vec::new();
        for (path, name) in &self.missing {
            let Some(facts) = self.tree.facts(path) else {
                continue;
            };
            if !sonames.contains(&(facts.class, facts.machine, name.as_str())) {
                holes.push((path.clone(), name.clone()));
            }
        }
        for (path, name) in holes.into_iter().take(MOST_MISSING) {
            let hint = self.where_is(&path, &name);
            let needs = format!("the library `{name}`");
            self.hole(&format!("`{path}`"), &needs, hint);
        }
    }
}

fn from(path: &RelativePath, how: &str) -> Reason {
    Reason::From {
        path: path.clone(),
        how: how.to_owned(),
    }
}
