//! Emulators: whatever files packages ship and whatever their control archives say, each emulator
//! gives files or an error, in little time.
//!
//! The input is a list of files: `=== PATH`, `=== PATH -> TARGET` (a symbolic link), `=== PATH/` (a
//! directory) or `=== @MEMBER` (of the control archive), each on a line of its own, with the content
//! on the lines below.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kiln_definition::{Document, PlanOptions, parse, plans};
use kiln_image::ElfFacts;
use kiln_image::emulate::{EmulateError, Tree, all, resolve};
use kiln_types::{Control, EntryKind, FileEntry, MultiArch, Plan, RelativePath};
use libfuzzer_sys::fuzz_target;

const DEFINITION: &str = "kiln: 1\nname: fuzz\ntitle: Fuzz\nsummary: s\nlicense: MIT\n\
    versions:\n  \"1\": {distribution: debian-13}\ncontents: {packages: [fuzz]}\n\
    accounts:\n  run-as: a\n  users: [{name: a, uid: 65532, gid: 65532}]\ncmd: [/a]\n";

static PLAN: LazyLock<Plan> = LazyLock::new(|| {
    let definition = parse(&Document::new("image.yaml", DEFINITION));
    let definition = definition.value.expect("the definition above is right");
    plans(&definition, &PlanOptions::default(), &|_| Ok(Vec::new()))
        .expect("the definition above can be planned")
        .swap_remove(0)
});

struct Files {
    files: BTreeMap<RelativePath, (FileEntry, Vec<u8>)>,
    control: Control,
    elf: BTreeMap<String, ElfFacts>,
}

impl Files {
    fn parse(bytes: &[u8]) -> Self {
        let mut this = Self {
            files: BTreeMap::new(),
            control: Control {
                name: "fuzz".to_owned(),
                version: "1".to_owned(),
                architecture: "amd64".to_owned(),
                source: "fuzz".to_owned(),
                source_version: "1".to_owned(),
                replaces: Vec::new(),
                provides: Vec::new(),
                multi_arch: MultiArch::No,
                conffiles: Vec::new(),
                members: BTreeMap::new(),
                conffile_digests: BTreeMap::new(),
                fields: Vec::new(),
            },
            elf: BTreeMap::new(),
        };
        let mut head: Option<String> = None;
        let mut content = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_prefix(b"=== ") {
                Some(next) => {
                    this.add(head.take(), std::mem::take(&mut content));
                    head = Some(String::from_utf8_lossy(next).trim_end().to_owned());
                }
                None => content.extend_from_slice(line),
            }
        }
        this.add(head, content);
        this
    }

    fn add(&mut self, head: Option<String>, content: Vec<u8>) {
        let Some(head) = head else {
            return;
        };
        if let Some(member) = head.strip_prefix('@') {
            self.control.members.insert(member.to_owned(), content);
            return;
        }
        let (path, kind) = match head.split_once(" -> ") {
            Some((path, target)) if !target.is_empty() => {
                (path, EntryKind::Symlink(target.to_owned()))
            }
            _ if head.ends_with('/') => (head.as_str(), EntryKind::Directory),
            _ => (head.as_str(), EntryKind::File),
        };
        let Ok(path) = RelativePath::new(path) else {
            return;
        };
        self.put(path, kind, content);
    }

    /// As in a merged tree: nothing lies below a file or link.
    fn put(&mut self, path: RelativePath, kind: EntryKind, content: Vec<u8>) {
        let mut above = path.parent();
        while !above.is_root() {
            match self.files.get(&above).map(|(entry, _)| &entry.kind) {
                Some(EntryKind::Directory) => break,
                Some(_) => return,
                None => self.insert(above.clone(), EntryKind::Directory, Vec::new()),
            }
            above = above.parent();
        }
        let there = self.files.get(&path).map(|(entry, _)| entry.kind.clone());
        if !path.is_root() && (there != Some(EntryKind::Directory) || kind == EntryKind::Directory)
        {
            if let Some(facts) = ElfFacts::of(&content) {
                self.elf.insert(path.as_str().to_owned(), facts);
            }
            self.insert(path, kind, content);
        }
    }

    fn insert(&mut self, path: RelativePath, kind: EntryKind, content: Vec<u8>) {
        let entry = FileEntry {
            path: path.clone(),
            kind,
            mode: 0o755,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: content.len() as u64,
            xattrs: BTreeMap::new(),
        };
        self.files.insert(path, (entry, content));
    }
}

impl Tree for Files {
    fn plan(&self) -> &Plan {
        &PLAN
    }

    fn entry(&self, path: &str) -> Option<&FileEntry> {
        self.files.get(path).map(|(entry, _)| entry)
    }

    fn below(&self, directory: &str) -> Vec<&FileEntry> {
        self.files
            .values()
            .map(|(entry, _)| entry)
            .filter(|entry| entry.path.as_str() != directory && entry.path.is_below(directory))
            .collect()
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EmulateError> {
        let Some(path) = resolve(self, path) else {
            return Ok(None);
        };
        Ok(self
            .files
            .get(path.as_str())
            .filter(|(entry, _)| entry.kind == EntryKind::File)
            .map(|(_, content)| content.clone()))
    }

    fn elf(&self, path: &str) -> Option<&ElfFacts> {
        self.elf.get(path)
    }

    fn has_package(&self, name: &str) -> bool {
        // Every emulator has something to do.
        !name.is_empty()
    }

    fn packages(&self) -> Vec<&Control> {
        vec![&self.control]
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut files = Files::parse(bytes);
    for emulator in all() {
        if let Ok(made) = emulator.run(&files) {
            for file in made {
                assert!(!file.entry.path.is_root(), "{}", emulator.name());
                files.put(file.entry.path, file.entry.kind, file.content);
            }
        }
    }
});
