//! Where the loader finds a library (ld.so(8)): the directories that the file and those that
//! load it name, the configured ones, the default ones; only files of the same class and machine.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kiln_types::{Architecture, RelativePath};

use crate::elf::ElfFacts;
use crate::emulate::{EmulateError, library_directories, resolve};
use crate::tree::GrowingTree;

/// A file of the tree as the loader would open it: the path as found, and the file it leads to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) path: String,
    pub(super) file: RelativePath,
}

type Known = BTreeMap<(u8, u16, String), Option<Found>>;

pub(super) struct Loader<'a> {
    tree: &'a GrowingTree<'a>,
    /// Configured and default directories, in the order of the search.
    directories: Vec<String>,
    triplet: &'static str,
    /// What was found in those before.
    known: RefCell<Known>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        tree: &'a GrowingTree<'a>,
        architecture: Architecture,
    ) -> Result<Self, EmulateError> {
        let triplet = architecture.triplet();
        let mut directories = library_directories(tree)?;
        directories.extend([
            format!("/lib/{triplet}"),
            format!("/usr/lib/{triplet}"),
            "/lib64".to_owned(),
            "/usr/lib64".to_owned(),
            "/lib".to_owned(),
            "/usr/lib".to_owned(),
        ]);
        Ok(Self {
            tree,
            directories,
            triplet,
            known: RefCell::default(),
        })
    }

    /// The library of this name for a file. `ancestors` are the RPATHs of the files that load it,
    /// each with the file they belong to.
    pub(super) fn find(
        &self,
        file: &RelativePath,
        facts: &ElfFacts,
        name: &str,
        ancestors: &[(RelativePath, Vec<String>)],
    ) -> Option<Found> {
        if name.contains('/') {
            let place = self.expand(name, file);
            return self.fits(&place, facts);
        }
        let mut own: Vec<String> = Vec::new();
        if facts.runpath.is_empty() {
            own.extend(facts.rpath.iter().map(|path| self.expand(path, file)));
            for (ancestor, rpath) in ancestors {
                own.extend(rpath.iter().map(|path| self.expand(path, ancestor)));
            }
        }
        own.extend(facts.runpath.iter().map(|path| self.expand(path, file)));
        own.iter()
            .find_map(|directory| self.fits(&format!("{directory}/{name}"), facts))
            .or_else(|| self.default(name, facts))
    }

    /// A library by its name alone, as `dlopen` of a name does.
    pub(super) fn default(&self, name: &str, facts: &ElfFacts) -> Option<Found> {
        let key = (facts.class, facts.machine, name.to_owned());
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        let found = self
            .directories
            .iter()
            .find_map(|directory| self.fits(&format!("{directory}/{name}"), facts));
        self.known.borrow_mut().insert(key, found.clone());
        found
    }

    fn fits(&self, place: &str, wanted: &ElfFacts) -> Option<Found> {
        let file = resolve(self.tree, place)?;
        let facts = self.tree.facts(&file)?;
        (facts.class == wanted.class && facts.machine == wanted.machine).then(|| Found {
            path: place.to_owned(),
            file,
        })
    }

    fn expand(&self, path: &str, file: &RelativePath) -> String {
        let origin = format!("/{}", file.parent().as_str());
        let library = format!("lib/{}", self.triplet);
        [("ORIGIN", origin.as_str()), ("LIB", library.as_str())]
            .iter()
            .fold(path.to_owned(), |path, (name, value)| {
                path.replace(&format!("${{{name}}}"), value)
                    .replace(&format!("${name}"), value)
            })
    }
}
