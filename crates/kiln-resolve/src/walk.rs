//! The walk: marks packages for installation the way apt's classic solver does.
//!
//! This follows `pkgDepCache::MarkInstall` (apt 3.0, `apt-pkg/depcache.cc`) for a system on which
//! nothing is installed, step by step, with apt's names in the comments where the code is not
//! obvious: first every requested package alone, then each with its dependencies, depth first, in
//! the order of the index. A requirement that something marked meets already is left alone;
//! otherwise its members are tried in order. Each package has one candidate version.
//!
//! What comes out may break rules (apt would call its problem resolver then): the caller checks it.

use std::collections::BTreeSet;

use kiln_types::FormatError;

use crate::catalog::{Catalog, Group, Name, Package};
use crate::request::Wanted;

/// How deep the walk follows dependencies of dependencies. apt stops at 3,000; the deepest chain of
/// Debian 13 is below 150. A search takes over where the walk stops.
const DEPTH: usize = 500;

/// How many packages the walk may mark, again and again, before the search takes over.
const MARKS: usize = 1_000_000;

/// The packages that apt's classic solver would mark. Perhaps not a solution.
pub(crate) fn walk(
    catalog: &Catalog<'_>,
    wanted: &[Wanted],
) -> Result<BTreeSet<Package>, FormatError> {
    let mut walk = Walk {
        catalog,
        states: Vec::new(),
        marks: 0,
    };
    // TryToInstall::operator(): candidate, protection, the package itself without dependencies.
    for request in wanted {
        walk.state(request.name)?.candidate = request.versions.first().copied();
        walk.state(request.name)?.protected = true;
        walk.mark(
            request.name,
            Mode {
                dependencies: false,
                from_user: true,
            },
            0,
        )?;
    }
    // TryToInstall::doAutoInstall().
    for request in wanted {
        walk.mark(
            request.name,
            Mode {
                dependencies: true,
                from_user: true,
            },
            0,
        )?;
    }
    Ok(walk
        .states
        .iter()
        .flatten()
        .filter_map(|state| state.install)
        .collect())
}

/// What apt keeps of a package (`pkgDepCache::StateCache`).
#[derive(Clone, Copy)]
struct State {
    /// The version that is marked for installation.
    install: Option<Package>,
    /// The version that would be; none when it was found impossible.
    candidate: Option<Package>,
    /// Its mark must not change any more.
    protected: bool,
}

/// How `MarkInstall` is called.
#[derive(Clone, Copy)]
struct Mode {
    /// `AutoInst`: with the dependencies.
    dependencies: bool,
    /// `FromUser`: a person asked for it.
    from_user: bool,
}

struct Walk<'c, 'u> {
    catalog: &'c Catalog<'u>,
    states: Vec<Option<State>>,
    marks: usize,
}

impl Walk<'_, '_> {
    fn state(&mut self, name: Name) -> Result<&mut State, FormatError> {
        let at = name.0 as usize;
        if self.states.len() <= at {
            self.states.resize(at + 1, None);
        }
        let slot = self.states.get_mut(at).expect("resized to hold it");
        match slot {
            Some(state) => Ok(state),
            None => {
                let candidate = if self.catalog.is_excluded(name) {
                    None
                } else {
                    self.catalog.versions(name)?.first().copied()
                };
                Ok(slot.insert(State {
                    install: None,
                    candidate,
                    protected: false,
                }))
            }
        }
    }

    /// `pkgDepCache::MarkInstall`: whether the package could be marked.
    fn mark(&mut self, name: Name, mode: Mode, depth: usize) -> Result<bool, FormatError> {
        let state = *self.state(name)?;
        self.marks += 1;
        // IsModeChangeOk.
        if depth > DEPTH || self.marks > MARKS {
            return Ok(false);
        }
        if !mode.from_user && state.install.is_none() && state.protected {
            return Ok(false);
        }
        let Some(candidate) = state.candidate else {
            return Ok(false);
        };
        if let (Some(installed), false) = (state.install, state.protected)
            && !self.is_broken(installed)?
        {
            return Ok(true);
        }
        // IsInstallOkDependenciesSatisfiableByCandidates.
        if mode.dependencies && !self.is_satisfiable(candidate)? {
            if !state.protected {
                let state = self.state(name)?;
                state.candidate = None;
                state.install = None;
            }
            return Ok(false);
        }
        if mode.from_user {
            self.state(name)?.install = Some(candidate);
        }
        let fail_early = !state.protected && !mode.from_user;
        let mut failed = false;
        let mut open = Vec::new();
        if mode.dependencies {
            // MarkInstall_CollectDependencies.
            for group in self.catalog.groups(candidate)?.iter() {
                if !self.catalog.is_dropped(group) && (state.protected || !self.is_met(group)?) {
                    open.push(group.clone());
                }
            }
            // MarkInstall_RemoveConflictsIfNotUpgradeable.
            if !self.make_way(candidate, state.protected, mode.from_user)? {
                if fail_early {
                    return Ok(false);
                }
                failed = true;
            }
        }
        if !mode.from_user {
            self.state(name)?.install = Some(candidate);
        }
        if !mode.dependencies {
            return Ok(!failed);
        }
        // ScopedProtected: nobody below may change this mark.
        self.state(name)?.protected = true;
        let installed = self.install_dependencies(&open, state.protected, mode.from_user, depth)?;
        if !state.protected {
            self.state(name)?.protected = false;
        }
        if !installed {
            if fail_early {
                // MarkInstall_DiscardInstall.
                let state = self.state(name)?;
                state.install = None;
                state.candidate = None;
                return Ok(false);
            }
            failed = true;
        }
        Ok(!failed)
    }

    /// Takes the marks from packages that the candidate conflicts with; protected packages forbid
    /// them for good. Whether that was possible.
    fn make_way(
        &mut self,
        candidate: Package,
        protected: bool,
        from_user: bool,
    ) -> Result<bool, FormatError> {
        let mut failed = false;
        for targets in self.catalog.conflicts(candidate)?.iter() {
            if !protected && !self.any_installed(targets)? {
                continue;
            }
            for &target in targets.iter() {
                let other = self.state(self.catalog.name_of(target))?;
                if other.candidate != Some(target) {
                    continue;
                }
                if other.install.is_some() && other.protected {
                    failed = true;
                    if !protected && !from_user {
                        return Ok(false);
                    }
                } else {
                    other.install = None;
                    if protected {
                        other.candidate = None;
                        other.protected = true;
                    }
                }
            }
        }
        Ok(!failed)
    }

    /// `MarkInstall_InstallDependencies`.
    fn install_dependencies(
        &mut self,
        open: &[std::rc::Rc<Group>],
        protected: bool,
        from_user: bool,
        depth: usize,
    ) -> Result<bool, FormatError> {
        let alone = Mode {
            dependencies: false,
            from_user: false,
        };
        let whole = Mode {
            dependencies: true,
            from_user: false,
        };
        let mut failed = false;
        for group in open {
            let met = self.is_met(group)?;
            if met && !protected {
                continue;
            }
            let possible = self.possible(group)?;
            if met {
                // Protection spreads to what has no alternative.
                if let [only] = possible.as_slice() {
                    let only = self.catalog.name_of(*only);
                    if !self.state(only)?.protected {
                        self.state(only)?.protected = true;
                        failed |= !self.mark(only, whole, depth + 1)?;
                    }
                }
                continue;
            }
            let mut found = false;
            for &package in &possible {
                let name = self.catalog.name_of(package);
                if self.state(name)?.candidate != Some(package) {
                    continue;
                }
                if protected && possible.len() == 1 {
                    if !self.mark(name, alone, depth + 1)? {
                        continue;
                    }
                    self.state(name)?.protected = true;
                }
                if self.mark(name, whole, depth + 1)? {
                    found = true;
                    break;
                }
            }
            if !found {
                failed = true;
                if !protected && !from_user {
                    break;
                }
            }
        }
        Ok(!failed)
    }

    /// `getAllPossibleSolutions`: the candidates that meet a group, without those that must not be
    /// installed.
    fn possible(&mut self, group: &Group) -> Result<Vec<Package>, FormatError> {
        let mut possible = Vec::new();
        for &member in &group.members {
            let state = self.state(self.catalog.name_of(member))?;
            if state.candidate == Some(member) && !(state.protected && state.install.is_none()) {
                possible.push(member);
            }
        }
        Ok(possible)
    }

    fn is_met(&mut self, group: &Group) -> Result<bool, FormatError> {
        self.any_installed(&group.members)
    }

    fn any_installed(&mut self, packages: &[Package]) -> Result<bool, FormatError> {
        for &package in packages {
            if self.state(self.catalog.name_of(package))?.install == Some(package) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether every requirement is met by a candidate or a marked package.
    fn is_satisfiable(&mut self, candidate: Package) -> Result<bool, FormatError> {
        for group in self.catalog.groups(candidate)?.iter() {
            let mut possible = self.catalog.is_dropped(group);
            for &member in &group.members {
                let state = self.state(self.catalog.name_of(member))?;
                possible |= state.candidate == Some(member) || state.install == Some(member);
            }
            if !possible {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `InstBroken`: whether a requirement of a marked package is not met, or a conflict is.
    fn is_broken(&mut self, installed: Package) -> Result<bool, FormatError> {
        for group in self.catalog.groups(installed)?.iter() {
            if !self.catalog.is_dropped(group) && !self.is_met(group)? {
                return Ok(true);
            }
        }
        for targets in self.catalog.conflicts(installed)?.iter() {
            if self.any_installed(targets)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
