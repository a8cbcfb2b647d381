//! A tree in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    Accounts, Architecture, Control, Cuts, EntryKind, FileEntry, ImageName, PackageRequest, Plan,
    Platform, RelativePath, RuntimeConfig, SynthesisedFile,
};

use super::{EmulateError, Emulator, Tree, resolve};
use crate::elf::{ElfFacts, facts};

/// A tree in memory. Parents of what is added are added as directories.
pub(super) struct MemoryTree {
    plan: Plan,
    entries: BTreeMap<String, FileEntry>,
    contents: BTreeMap<String, Vec<u8>>,
    elf: BTreeMap<String, ElfFacts>,
    packages: BTreeSet<String>,
    controls: BTreeMap<String, Control>,
}

impl MemoryTree {
    pub(super) fn new() -> Self {
        Self {
            plan: plan(),
            entries: BTreeMap::new(),
            contents: BTreeMap::new(),
            elf: BTreeMap::new(),
            packages: BTreeSet::new(),
            controls: BTreeMap::new(),
        }
    }

    pub(super) fn package(mut self, name: &str) -> Self {
        self.packages.insert(name.to_owned());
        self
    }

    /// Gives a package a member of its control archive, such as a script.
    pub(super) fn script(mut self, package: &str, member: &str, content: &str) -> Self {
        self.packages.insert(package.to_owned());
        let control = self.controls.entry(package.to_owned()).or_default();
        (control.name, control.architecture) = (package.to_owned(), "amd64".to_owned());
        let content = content.as_bytes().to_vec();
        control.members.insert(member.to_owned(), content);
        self
    }

    pub(super) fn multi_arch_same(mut self, package: &str) -> Self {
        if let Some(control) = self.controls.get_mut(package) {
            control.multi_arch = kiln_types::MultiArch::Same;
        }
        self
    }

    pub(super) fn planned(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        self
    }

    pub(super) fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.insert(path, EntryKind::File, 0o644, content.to_vec());
        self
    }

    pub(super) fn directory(mut self, path: &str) -> Self {
        self.insert(path, EntryKind::Directory, 0o755, Vec::new());
        self
    }

    pub(super) fn link(mut self, path: &str, target: &str) -> Self {
        self.insert(
            path,
            EntryKind::Symlink(target.to_owned()),
            0o777,
            Vec::new(),
        );
        self
    }

    /// Everything below a directory of this machine; sorted, links kept.
    pub(super) fn import(mut self, from: &std::path::Path, to: &str) -> Self {
        self.import_directory(from, to);
        self
    }

    fn import_directory(&mut self, from: &std::path::Path, to: &str) {
        let mut names: Vec<_> = std::fs::read_dir(from)
            .unwrap()
            .map(|entry| entry.unwrap())
            .collect();
        names.sort_by_key(std::fs::DirEntry::file_name);
        for entry in names {
            let name = entry.file_name().into_string().unwrap();
            let path = if to.is_empty() {
                name
            } else {
                format!("{to}/{name}")
            };
            let kind = entry.file_type().unwrap();
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).unwrap();
                self.insert(
                    &path,
                    EntryKind::Symlink(target.to_str().unwrap().to_owned()),
                    0o777,
                    Vec::new(),
                );
            } else if kind.is_dir() {
                self.insert(&path, EntryKind::Directory, 0o755, Vec::new());
                self.import_directory(&entry.path(), &path);
            } else if kind.is_file() {
                self.insert(
                    &path,
                    EntryKind::File,
                    0o644,
                    std::fs::read(entry.path()).unwrap(),
                );
            }
        }
    }

    /// Writes the tree into a directory of this machine.
    pub(super) fn export(&self, root: &std::path::Path) {
        for entry in self.entries.values() {
            let path = root.join(entry.path.as_str());
            match &entry.kind {
                EntryKind::Directory => std::fs::create_dir_all(path).unwrap(),
                EntryKind::Symlink(target) => std::os::unix::fs::symlink(target, path).unwrap(),
                _ => std::fs::write(path, &self.contents[entry.path.as_str()]).unwrap(),
            }
        }
    }

    fn insert(&mut self, path: &str, kind: EntryKind, mode: u32, content: Vec<u8>) {
        let path = RelativePath::new(path).unwrap();
        let mut parent = path.parent();
        while !parent.is_root() && !self.entries.contains_key(parent.as_str()) {
            let next = parent.parent();
            self.entries.insert(
                parent.as_str().to_owned(),
                entry(parent, EntryKind::Directory, 0o755, 0),
            );
            parent = next;
        }
        let key = path.as_str().to_owned();
        if let Some(facts) = facts(&content) {
            self.elf.insert(key.clone(), facts);
        }
        self.entries
            .insert(key.clone(), entry(path, kind, mode, content.len() as u64));
        self.contents.insert(key, content);
    }

    /// Runs an emulator and puts what it makes into the tree; answers with what it made.
    pub(super) fn run(&mut self, emulator: &dyn Emulator) -> Vec<SynthesisedFile> {
        let made = emulator.run(self).unwrap();
        for file in &made {
            let key = file.entry.path.as_str().to_owned();
            self.insert(
                &key,
                file.entry.kind.clone(),
                file.entry.mode,
                file.content.clone(),
            );
            self.entries.insert(key, file.entry.clone());
        }
        made
    }

    /// The content of a file as text.
    pub(super) fn text(&self, path: &str) -> String {
        String::from_utf8(
            self.contents
                .get(path)
                .unwrap_or_else(|| panic!("no {path}"))
                .clone(),
        )
        .unwrap()
    }

    /// The target of a link.
    pub(super) fn target(&self, path: &str) -> Option<&str> {
        match &self.entries.get(path)?.kind {
            EntryKind::Symlink(target) => Some(target),
            _ => None,
        }
    }
}

impl Tree for MemoryTree {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        self.entries.get(path)
    }

    fn below(&self, directory: &str) -> Vec<&FileEntry> {
        self.entries
            .values()
            .filter(|entry| entry.path.as_str() != directory && entry.path.is_below(directory))
            .collect()
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EmulateError> {
        let Some(path) = resolve(self, path) else {
            return Ok(None);
        };
        match self.entries.get(path.as_str()).map(|entry| &entry.kind) {
            Some(EntryKind::File) => Ok(self.contents.get(path.as_str()).cloned()),
            _ => Ok(None),
        }
    }

    fn elf(&self, path: &str) -> Option<&ElfFacts> {
        self.elf.get(path)
    }

    fn packages(&self) -> Vec<&Control> {
        self.controls.values().collect()
    }

    fn has_package(&self, name: &str) -> bool {
        self.packages.contains(name)
    }
}

fn entry(path: RelativePath, kind: EntryKind, mode: u32, size: u64) -> FileEntry {
    FileEntry {
        path,
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: 0,
        size,
        xattrs: BTreeMap::new(),
    }
}

fn plan() -> Plan {
    Plan {
        image: ImageName::new("test").unwrap(),
        title: "Test".to_owned(),
        line: "1".to_owned(),
        variant: "standard".to_owned(),
        platform: Platform::linux(Architecture::Amd64),
        distribution: "debian-13".to_owned(),
        format: "deb".to_owned(),
        track: None,
        end_of_life: None,
        sources: Vec::new(),
        request: PackageRequest::default(),
        cuts: Cuts::default(),
        reach: Default::default(),
        merged_usr: true,
        foundation: Vec::new(),
        emulators: Vec::new(),
        maintainer_scripts: false,
        accounts: Accounts::default(),
        paths: Vec::new(),
        config: RuntimeConfig::default(),
        start: None,
        checks: Vec::new(),
        tests: Vec::new(),
    }
}
