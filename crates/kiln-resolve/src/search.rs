//! The search: the question as a SAT problem for resolvo.
//!
//! Every requirement (of the request, of a package) and every conflict is an [`Item`] that can be
//! switched off, which is what the minimal core needs. A name takes one version at most; that is
//! part of the problem and cannot be switched off.
//!
//! A requirement becomes a union of version sets, one for each name that can meet it, in the order
//! of preference; packages that the walk marked go first. A conflict becomes a constraint: of that
//! name, only the versions that do not conflict.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use kiln_types::FormatError;
use resolvo::{
    Candidates, Condition, ConditionId, Dependencies, DependencyProvider,
    HintDependenciesAvailable, Interner, KnownDependencies, NameId, Problem, Requirement,
    SolvableId, Solver, SolverCache, StringId, UnsolvableOrCancelled, VersionSetId,
    VersionSetUnionId,
};

use crate::ResolveError;
use crate::catalog::{Catalog, Name, Package};
use crate::request::Wanted;

/// How many steps all searches for one request may take together. A round of propagation is a step,
/// and more where much is in the problem or was learned already, because the solver looks through
/// that each time. The hardest real request measured takes some ten
/// thousand, a chain of 3,000 packages 2.4 million (0.3 s).
const STEPS: u64 = 4_000_000;
/// So many items in the problem make a round a step longer, and so many rounds before it: each may
/// have taught the solver something that it looks at again and again.
const ITEMS_A_STEP: u64 = 256;
const ROUNDS_A_STEP: u64 = 32;

/// How many steps may go into a shorter explanation, once it is known that there is no solution. What
/// goes into a search counts, too: the searches for an explanation are many and mostly short.
const EXPLAINING: u64 = 300_000;

/// Something that must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Item {
    /// The request of this number.
    Request(usize),
    /// The requirement of this number of a package.
    Requirement(Package, usize),
    /// The conflict of this number of a package.
    Conflict(Package, usize),
}

/// What a search found.
pub(crate) enum Outcome {
    /// A solution.
    Found(BTreeSet<Package>),
    /// There is none: these items, of which the solver saw no others, cannot hold together.
    Contradiction(BTreeSet<Item>),
}

/// A question that can be asked several times, each time with fewer items.
pub(crate) struct Search<'a, 'u> {
    catalog: &'a Catalog<'u>,
    wanted: &'a [Wanted],
    preferred: &'a BTreeSet<Package>,
    sets: RefCell<Sets>,
    steps: Cell<u64>,
    limit: Cell<u64>,
}

/// Version sets and unions, numbered; the same for every search.
#[derive(Default)]
struct Sets {
    sets: Vec<(Name, Vec<Package>)>,
    set_ids: BTreeMap<(Name, Vec<Package>), VersionSetId>,
    unions: Vec<Vec<VersionSetId>>,
    union_ids: BTreeMap<Vec<VersionSetId>, VersionSetUnionId>,
    requirements: HashMap<Item, Option<Requirement>>,
    constraints: HashMap<Item, Vec<VersionSetId>>,
}

impl<'a, 'u> Search<'a, 'u> {
    pub(crate) fn new(
        catalog: &'a Catalog<'u>,
        wanted: &'a [Wanted],
        preferred: &'a BTreeSet<Package>,
    ) -> Self {
        Self {
            catalog,
            wanted,
            preferred,
            sets: RefCell::default(),
            steps: Cell::new(0),
            limit: Cell::new(STEPS),
        }
    }

    /// From now on searches are for an explanation only, and may take no more than that is worth.
    pub(crate) fn explain_only(&self) {
        self.limit.set(self.steps.get().saturating_add(EXPLAINING));
    }

    /// Looks for a solution under these items; under all where none are given.
    pub(crate) fn solve(&self, active: Option<&BTreeSet<Item>>) -> Result<Outcome, ResolveError> {
        let provider = Provider {
            search: self,
            active,
            seen: RefCell::default(),
            rounds: Cell::new(0),
            error: RefCell::default(),
        };
        let cost = active.map_or(0, BTreeSet::len) as u64;
        self.steps.set(self.steps.get().saturating_add(cost));
        let mut requirements = Vec::new();
        for number in 0..self.wanted.len() {
            let item = Item::Request(number);
            if provider.is_active(item)
                && let Some(requirement) = self.requirement(item)?
            {
                requirements.push(requirement.into());
            }
        }
        let mut solver = Solver::new(provider);
        match solver.solve(Problem::new().requirements(requirements)) {
            Ok(found) => Ok(Outcome::Found(
                found.into_iter().map(|id| Package(id.into_raw())).collect(),
            )),
            Err(UnsolvableOrCancelled::Unsolvable(_)) => {
                Ok(Outcome::Contradiction(solver.provider().seen.take()))
            }
            Err(UnsolvableOrCancelled::Cancelled(_)) => Err(match solver.provider().error.take() {
                Some(error) => error.into(),
                None => ResolveError::TooHard { steps: STEPS },
            }),
        }
    }

    /// An item as a requirement; none when it always holds.
    fn requirement(&self, item: Item) -> Result<Option<Requirement>, FormatError> {
        if let Some(&known) = self.sets.borrow().requirements.get(&item) {
            return Ok(known);
        }
        let requirement = match item {
            Item::Request(number) => self
                .wanted
                .get(number)
                .map(|request| self.union(&request.versions, None)),
            Item::Requirement(package, number) => match self.catalog.groups(package)?.get(number) {
                Some(group)
                    if !self.catalog.is_dropped(group) && !group.members.contains(&package) =>
                {
                    Some(self.union(&group.members, Some(package)))
                }
                _ => None,
            },
            Item::Conflict(..) => None,
        };
        self.sets
            .borrow_mut()
            .requirements
            .insert(item, requirement);
        Ok(requirement)
    }

    /// One of these packages.
    fn union(&self, members: &[Package], owner: Option<Package>) -> Requirement {
        let mut names: Vec<Name> = Vec::new();
        let mut sets: BTreeMap<Name, Vec<Package>> = BTreeMap::new();
        for &member in members {
            let name = self.catalog.name_of(member);
            let set = sets.entry(name).or_default();
            if set.is_empty() {
                names.push(name);
            }
            set.push(member);
        }
        // Stable: those that the walk chose first, the others in their order.
        names.sort_by_cached_key(|name| {
            let walked = |package: &Package| self.preferred.contains(package);
            Reverse(sets.get(name).is_some_and(|set| set.iter().any(walked)))
        });
        let owner = owner.map_or_else(
            || self.catalog.name(""),
            |package| self.catalog.name_of(package),
        );
        let ids: Vec<VersionSetId> = names
            .iter()
            .map(|name| self.set(*name, sets.remove(name).unwrap_or_default()))
            .collect();
        match ids.as_slice() {
            // Nothing meets it: an empty set of whatever name.
            [] => Requirement::Single(self.set(owner, Vec::new())),
            [only] => Requirement::Single(*only),
            _ => {
                let state = &mut *self.sets.borrow_mut();
                let next = VersionSetUnionId(dense(state.unions.len()));
                let id = *state.union_ids.entry(ids.clone()).or_insert(next);
                if id == next {
                    state.unions.push(ids);
                }
                Requirement::Union(id)
            }
        }
    }

    /// A conflict as what may remain of each name.
    fn constraints(
        &self,
        package: Package,
        number: usize,
    ) -> Result<Vec<VersionSetId>, FormatError> {
        let item = Item::Conflict(package, number);
        if let Some(known) = self.sets.borrow().constraints.get(&item) {
            return Ok(known.clone());
        }
        let conflicts = self.catalog.conflicts(package)?;
        let targets = conflicts.get(number).cloned().unwrap_or_default();
        let names: BTreeSet<Name> = targets
            .iter()
            .map(|&target| self.catalog.name_of(target))
            .collect();
        let forbidden: BTreeSet<Package> = targets.iter().copied().collect();
        let mut ids = Vec::new();
        for name in names {
            let versions = self.catalog.versions(name)?;
            let remaining = versions
                .iter()
                .copied()
                .filter(|version| !forbidden.contains(version))
                .collect();
            ids.push(self.set(name, remaining));
        }
        self.sets.borrow_mut().constraints.insert(item, ids.clone());
        Ok(ids)
    }

    fn set(&self, name: Name, mut members: Vec<Package>) -> VersionSetId {
        members.sort();
        members.dedup();
        let state = &mut *self.sets.borrow_mut();
        let next = VersionSetId(dense(state.sets.len()));
        let id = *state.set_ids.entry((name, members.clone())).or_insert(next);
        if id == next {
            state.sets.push((name, members));
        }
        id
    }
}

fn dense(length: usize) -> u32 {
    u32::try_from(length).expect("memberships are limited far below 32 bits")
}

/// The catalog as resolvo wants it, for one search.
struct Provider<'s, 'a, 'u> {
    search: &'s Search<'a, 'u>,
    active: Option<&'s BTreeSet<Item>>,
    /// The items that went into the problem.
    seen: RefCell<BTreeSet<Item>>,
    /// Rounds of propagation of this search.
    rounds: Cell<u64>,
    error: RefCell<Option<FormatError>>,
}

impl Provider<'_, '_, '_> {
    /// Whether the item belongs to the problem; notes that it was asked for.
    fn is_active(&self, item: Item) -> bool {
        let active = self.active.is_none_or(|active| active.contains(&item));
        if active {
            self.seen.borrow_mut().insert(item);
        }
        active
    }

    fn dependencies(&self, package: Package) -> Result<KnownDependencies, FormatError> {
        let mut known = KnownDependencies::default();
        for number in 0..self.search.catalog.groups(package)?.len() {
            let item = Item::Requirement(package, number);
            if let Some(requirement) = self.search.requirement(item)?
                && self.is_active(item)
            {
                known.requirements.push(requirement.into());
            }
        }
        for (number, targets) in self.search.catalog.conflicts(package)?.iter().enumerate() {
            if !targets.is_empty() && self.is_active(Item::Conflict(package, number)) {
                known
                    .constrains
                    .extend(self.search.constraints(package, number)?);
            }
        }
        Ok(known)
    }

    fn or_note<T: Default>(&self, result: Result<T, FormatError>) -> T {
        result.unwrap_or_else(|error| {
            self.error.borrow_mut().get_or_insert(error);
            T::default()
        })
    }

    fn version_set(&self, id: VersionSetId) -> (Name, Vec<Package>) {
        let sets = self.search.sets.borrow();
        sets.sets
            .get(id.0 as usize)
            .expect("version sets are numbered by this search")
            .clone()
    }
}

impl Interner for Provider<'_, '_, '_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl Display + '_ {
        let record = self.search.catalog.record(Package(solvable.into_raw()));
        format!("{} {}", record.name, record.version)
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.search.catalog.text(Name(name.into_raw())).to_string()
    }

    fn display_version_set(&self, version_set: VersionSetId) -> impl Display + '_ {
        version_set.0
    }

    fn display_string(&self, string_id: StringId) -> impl Display + '_ {
        string_id.0
    }

    fn version_set_name(&self, version_set: VersionSetId) -> NameId {
        NameId::from_raw(self.version_set(version_set).0.0)
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        NameId::from_raw(self.search.catalog.name_of(Package(solvable.into_raw())).0)
    }

    fn version_sets_in_union(
        &self,
        union: VersionSetUnionId,
    ) -> impl Iterator<Item = VersionSetId> {
        let sets = self.search.sets.borrow();
        sets.unions
            .get(union.0 as usize)
            .expect("unions are numbered by this search")
            .clone()
            .into_iter()
    }

    fn resolve_condition(&self, _: ConditionId) -> Condition {
        unreachable!("no requirement has a condition")
    }
}

impl DependencyProvider for Provider<'_, '_, '_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        version_set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let (_, members) = self.version_set(version_set);
        let holds =
            |id: &SolvableId| members.binary_search(&Package(id.into_raw())).is_ok() != inverse;
        candidates.iter().copied().filter(holds).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates<SolvableId>> {
        let versions = self
            .search
            .catalog
            .versions(Name(name.into_raw()))
            .map(|versions| versions.to_vec());
        let candidates = self
            .or_note(versions)
            .iter()
            .map(|version| SolvableId::from_raw(version.0))
            .collect();
        let hint_dependencies_available = HintDependenciesAvailable::None;
        Some(Candidates {
            candidates,
            hint_dependencies_available,
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        // Versions of one name are numbered in their order of preference.
        solvables.sort_by_key(|id| {
            let package = Package(id.into_raw());
            (Reverse(self.search.preferred.contains(&package)), package)
        });
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        Dependencies::Known(self.or_note(self.dependencies(Package(solvable.into_raw()))))
    }

    fn should_cancel_with_value(&self) -> Option<Box<dyn Any>> {
        let rounds = self.rounds.get() + 1;
        self.rounds.set(rounds);
        let items = self.seen.borrow().len() as u64;
        let length = 1 + items / ITEMS_A_STEP + rounds / ROUNDS_A_STEP;
        let steps = self.search.steps.get().saturating_add(length);
        self.search.steps.set(steps);
        (steps > self.search.limit.get() || self.error.borrow().is_some())
            .then(|| Box::new(()) as Box<dyn Any>)
    }
}
