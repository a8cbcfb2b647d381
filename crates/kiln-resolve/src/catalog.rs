//! The universe as the solver sees it: only what a request reaches, each record read once, each
//! relation evaluated once.
//!
//! A [`Package`] is one version of one package, a [`Name`] the name of real or virtual packages;
//! both are small numbers that mean something inside one catalog. Exclusions are applied here: an
//! excluded package is no member of any [`Group`].

use std::cell::{OnceCell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use kiln_types::{
    Alternatives, FormatError, FormatErrorKind, MultiArch, PackageId, PackageRecord,
    PackageRequest, Relation, Universe,
};

/// How many effort of packages in groups one resolution may hold, and how many Provides it may
/// look at, in sum. Debian's largest requests stay below a hundredth of it; a universe in which
/// everything offers everything would need terabytes.
const EFFORT: usize = 20_000_000;

/// A version of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Package(pub(crate) u32);

/// The name of a real or virtual package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) u32);

/// A requirement: at least one of the members.
#[derive(Debug)]
pub(crate) struct Group {
    /// As the index words it.
    pub(crate) text: String,
    /// The packages that meet it, most preferred first, without excluded ones.
    pub(crate) members: Vec<Package>,
    /// The names of excluded packages that would meet it, sorted.
    pub(crate) excluded: Vec<String>,
}

impl Group {
    /// Whether the exclusions alone leave this group without members.
    pub(crate) fn is_open(&self) -> bool {
        self.members.is_empty() && !self.excluded.is_empty()
    }
}

struct Entry {
    id: PackageId,
    record: Arc<PackageRecord>,
    name: Name,
    groups: OnceCell<Rc<[Rc<Group>]>>,
    conflicts: OnceCell<Rc<[Rc<[Package]>]>>,
}

struct NameEntry {
    text: Rc<str>,
    excluded: bool,
    versions: OnceCell<Rc<[Package]>>,
    providers: OnceCell<Rc<[Package]>>,
}

#[derive(Default)]
struct State {
    packages: Vec<Rc<Entry>>,
    by_id: HashMap<PackageId, Package>,
    names: Vec<Rc<NameEntry>>,
    by_name: HashMap<Rc<str>, Name>,
    groups: HashMap<String, Rc<Group>>,
    targets: HashMap<String, Rc<[Package]>>,
    effort: usize,
}

/// The universe under one request.
pub(crate) struct Catalog<'u> {
    universe: &'u dyn Universe,
    excluded: BTreeSet<String>,
    strict: bool,
    state: RefCell<State>,
}

impl<'u> Catalog<'u> {
    /// A catalog with the exclusions of the request. When `strict`, a group that the exclusions
    /// leave open cannot be met; otherwise it counts as met.
    pub(crate) fn new(universe: &'u dyn Universe, request: &PackageRequest, strict: bool) -> Self {
        let excluded = request
            .exclude
            .iter()
            .filter(|name| !request.include.iter().any(|wanted| wanted.name == **name))
            .map(|name| name.as_str().to_owned())
            .collect();
        Self {
            universe,
            excluded,
            strict,
            state: RefCell::default(),
        }
    }

    pub(crate) fn universe(&self) -> &'u dyn Universe {
        self.universe
    }

    /// The number of this name.
    pub(crate) fn name(&self, text: &str) -> Name {
        let state = &mut *self.state.borrow_mut();
        if let Some(&name) = state.by_name.get(text) {
            return name;
        }
        let name = Name(dense(state.names.len()));
        let text: Rc<str> = text.into();
        let excluded = self.excluded.contains(&*text);
        let entry = NameEntry {
            text: text.clone(),
            excluded,
            versions: OnceCell::new(),
            providers: OnceCell::new(),
        };
        state.names.push(Rc::new(entry));
        state.by_name.insert(text, name);
        name
    }

    /// The text of a name.
    pub(crate) fn text(&self, name: Name) -> Rc<str> {
        self.name_entry(name).text.clone()
    }

    /// Whether packages of this name are excluded.
    pub(crate) fn is_excluded(&self, name: Name) -> bool {
        self.name_entry(name).excluded
    }

    /// The versions of the real package of this name, most preferred first, excluded or not.
    pub(crate) fn versions(&self, name: Name) -> Result<Rc<[Package]>, FormatError> {
        let entry = self.name_entry(name);
        if let Some(versions) = entry.versions.get() {
            return Ok(versions.clone());
        }
        let mut versions = Vec::new();
        for id in self.universe.named(&entry.text) {
            let record = self.universe.record(id)?;
            // A universe that lists a package under another's name is ignored there.
            if record.name.as_str() != &*entry.text {
                continue;
            }
            let state = &mut *self.state.borrow_mut();
            let package = Package(dense(state.packages.len()));
            if state.by_id.insert(id, package).is_some() {
                continue;
            }
            let new = Entry {
                id,
                record,
                name,
                groups: OnceCell::new(),
                conflicts: OnceCell::new(),
            };
            state.packages.push(Rc::new(new));
            versions.push(package);
        }
        Ok(entry.versions.get_or_init(|| versions.into()).clone())
    }

    /// The packages that list this name in Provides, excluded or not, by name and then most
    /// preferred first.
    pub(crate) fn providers(&self, name: Name) -> Result<Rc<[Package]>, FormatError> {
        let entry = self.name_entry(name);
        if let Some(providers) = entry.providers.get() {
            return Ok(providers.clone());
        }
        let mut names = Vec::new();
        for id in self.universe.providing(&entry.text) {
            names.push(self.universe.record(id)?.name.clone());
        }
        names.sort();
        names.dedup();
        let mut providers = Vec::new();
        for owner in names {
            for &package in self.versions(self.name(owner.as_str()))?.iter() {
                let record = self.record(package);
                self.count(record.provides.len(), &entry.text)?;
                if record
                    .provides
                    .iter()
                    .any(|provide| provide.name == *entry.text)
                {
                    providers.push(package);
                }
            }
        }
        Ok(entry.providers.get_or_init(|| providers.into()).clone())
    }

    pub(crate) fn record(&self, package: Package) -> Arc<PackageRecord> {
        self.entry(package).record.clone()
    }

    pub(crate) fn name_of(&self, package: Package) -> Name {
        self.entry(package).name
    }

    /// The requirements of a package, in the order of the index, with those that are open.
    pub(crate) fn groups(&self, package: Package) -> Result<Rc<[Rc<Group>]>, FormatError> {
        let entry = self.entry(package);
        if let Some(groups) = entry.groups.get() {
            return Ok(groups.clone());
        }
        let groups = entry
            .record
            .depends
            .iter()
            .map(|group| self.group(group))
            .collect::<Result<_, _>>()?;
        Ok(entry.groups.get_or_init(|| groups).clone())
    }

    /// Whether a requirement asks for nothing: it is open, and that is tolerated.
    pub(crate) fn is_dropped(&self, group: &Group) -> bool {
        !self.strict && group.is_open()
    }

    /// What a package conflicts with, one list for each of its relations. Packages of its own name
    /// are left out: a package never conflicts with what it offers itself (Debian policy 7.4, 7.5).
    pub(crate) fn conflicts(&self, package: Package) -> Result<Rc<[Rc<[Package]>]>, FormatError> {
        let entry = self.entry(package);
        if let Some(conflicts) = entry.conflicts.get() {
            return Ok(conflicts.clone());
        }
        let mut conflicts: Vec<Rc<[Package]>> = Vec::new();
        for relation in &entry.record.conflicts {
            let targets = self.targets(relation)?;
            let own = |target: &Package| self.name_of(*target) == entry.name;
            conflicts.push(if targets.iter().any(own) {
                targets
                    .iter()
                    .copied()
                    .filter(|target| !own(target))
                    .collect()
            } else {
                targets
            });
        }
        Ok(entry.conflicts.get_or_init(|| conflicts.into()).clone())
    }

    /// The packages that satisfy a relation, excluded or not: those of its name and then those that
    /// provide it.
    pub(crate) fn targets(&self, relation: &Relation) -> Result<Rc<[Package]>, FormatError> {
        let text = relation.to_string();
        if let Some(targets) = self.state.borrow().targets.get(&text) {
            return Ok(targets.clone());
        }
        let targets: Rc<[Package]> = self.evaluate(relation)?.into();
        self.count(targets.len(), &text)?;
        self.state
            .borrow_mut()
            .targets
            .insert(text, targets.clone());
        Ok(targets)
    }

    fn evaluate(&self, relation: &Relation) -> Result<Vec<Package>, FormatError> {
        // `name:any` is met by packages marked `Multi-Arch: allowed` only, as in apt
        // (debListParser::ParseProvides); in a universe of one architecture, `:native` and that
        // architecture say nothing, and every other one is never there.
        let any = match relation.qualifier.as_deref() {
            None | Some("native") => false,
            Some("any") => true,
            Some(architecture) if architecture == self.universe.architecture() => false,
            Some(_) => return Ok(Vec::new()),
        };
        let fits = |version: &str| match &relation.constraint {
            None => true,
            Some(wanted) => {
                self.universe
                    .satisfies(version, wanted.comparison, wanted.version.as_str())
            }
        };
        let allowed = |record: &PackageRecord| !any || record.multi_arch == MultiArch::Allowed;
        let name = self.name(&relation.name);
        let mut targets = Vec::new();
        for &package in self.versions(name)?.iter() {
            let record = self.record(package);
            if allowed(&record) && fits(record.version.as_str()) {
                targets.push(package);
            }
        }
        // An unversioned Provides satisfies unversioned relations only (deb-control(5), "Provides").
        let mut offered = |name: Name, text: &str, qualified: bool| -> Result<(), FormatError> {
            for &package in self.providers(name)?.iter() {
                let record = self.record(package);
                if record.name.as_str() == relation.name && targets.contains(&package) {
                    continue;
                }
                self.count(record.provides.len(), text)?;
                let offers = record.provides.iter().any(|provide| {
                    provide.name == text
                        && match &provide.version {
                            None => relation.constraint.is_none(),
                            Some(version) => fits(version.as_str()),
                        }
                });
                if offers && (qualified || allowed(&record)) {
                    targets.push(package);
                }
            }
            Ok(())
        };
        offered(name, &relation.name, false)?;
        if any {
            let text = format!("{}:any", relation.name);
            offered(self.name(&text), &text, true)?;
        }
        Ok(targets)
    }

    fn group(&self, alternatives: &Alternatives) -> Result<Rc<Group>, FormatError> {
        let text = alternatives
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" | ");
        if let Some(group) = self.state.borrow().groups.get(&text) {
            return Ok(group.clone());
        }
        let mut members = Vec::new();
        let mut known = HashSet::new();
        let mut excluded = BTreeSet::new();
        for relation in alternatives {
            let mut targets: Vec<Package> = Vec::new();
            for &package in self.targets(relation)?.iter() {
                let name = self.name_entry(self.name_of(package));
                if name.excluded {
                    excluded.insert(name.text.to_string());
                } else if known.insert(package) {
                    targets.push(package);
                }
            }
            self.prefer(&mut targets, &relation.name);
            members.append(&mut targets);
        }
        self.count(members.len(), &text)?;
        let group = Rc::new(Group {
            text: text.clone(),
            members,
            excluded: excluded.into_iter().collect(),
        });
        self.state.borrow_mut().groups.insert(text, group.clone());
        Ok(group)
    }

    /// Sorts the packages that meet one relation as apt does (`CompareProviders` in
    /// `apt-pkg/depcache.cc`): the real package of that name, essential ones, higher priority, the
    /// name that the indexes mention later. Versions of one package stay together, in their order.
    fn prefer(&self, targets: &mut [Package], wanted: &str) {
        let mut keys = HashMap::new();
        for &package in &*targets {
            let entry = self.entry(package);
            keys.entry(entry.name).or_insert_with(|| {
                let record = &entry.record;
                let mention = Reverse(self.universe.first_mention(entry.id));
                (
                    record.name.as_str() != wanted,
                    !record.essential,
                    record.priority,
                    mention,
                    entry.name,
                )
            });
        }
        // Stable: the versions of one name arrive most preferred first.
        targets.sort_by_cached_key(|&package| keys.get(&self.name_of(package)).copied());
    }

    fn count(&self, more: usize, subject: &str) -> Result<(), FormatError> {
        let mut state = self.state.borrow_mut();
        state.effort = state.effort.saturating_add(more);
        if state.effort > EFFORT {
            let reason = "too many packages satisfy too many relations";
            return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
        }
        Ok(())
    }

    fn entry(&self, package: Package) -> Rc<Entry> {
        let state = self.state.borrow();
        state
            .packages
            .get(package.0 as usize)
            .expect("packages are numbered by this catalog")
            .clone()
    }

    fn name_entry(&self, name: Name) -> Rc<NameEntry> {
        self.state
            .borrow()
            .names
            .get(name.0 as usize)
            .expect("names are numbered by this catalog")
            .clone()
    }
}

/// The next number; identifiers of a universe are 32 bits wide, so there cannot be more.
fn dense(length: usize) -> u32 {
    u32::try_from(length).expect("a universe numbers its packages with 32 bits")
}
