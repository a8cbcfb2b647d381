//! Which component needs which, and which package of the distribution owns which.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Component, ComponentId, ComponentKind, Incomplete};

use super::join::is_noted;
use super::{Draft, text};
use crate::catalogers::dpkg::listed_paths;
use crate::tree::Tree;

/// The components with their dependencies and owners.
pub(super) fn connected(
    tree: &Tree<'_>,
    drafts: Vec<Draft>,
    incomplete: &mut BTreeSet<Incomplete>,
) -> Vec<Component> {
    let owners = owners(tree, &drafts);
    let (depends, is_cut) = depends(&drafts);
    if is_cut {
        incomplete.insert(Incomplete {
            place: "/".to_owned(),
            reason: format!(
                "its components need each other in more than {MOST_RELATIONS} ways; the rest is left out"
            ),
        });
    }
    let mut components: Vec<Component> = drafts.into_iter().map(|draft| draft.component).collect();
    for ((component, owner), depends) in components.iter_mut().zip(owners).zip(depends) {
        component.owner = owner;
        component.depends = depends;
    }
    lend_to_owned(&mut components);
    components
}

/// The copyright file of a package speaks for every file of it, and its maintainer supplies them all:
/// a component that says nothing of its own has what its owner says.
fn lend_to_owned(components: &mut [Component]) {
    for place in 0..components.len() {
        let owner = components
            .get(place)
            .and_then(|component| usize::try_from(component.owner?.0).ok())
            .and_then(|owner| components.get(owner))
            .map(|owner| {
                let licences = owner.licences.clone();
                (owner.supplier.clone(), licences, owner.copyright.clone())
            });
        let (Some((supplier, licences, copyright)), Some(component)) =
            (owner, components.get_mut(place))
        else {
            continue;
        };
        component.supplier = component.supplier.take().or(supplier);
        component.copyright = component.copyright.take().or(copyright);
        if component.licences.is_unknown() {
            component.licences = licences;
        }
    }
}

fn ids<T>(items: &[T]) -> impl Iterator<Item = (ComponentId, &T)> {
    (0..).map(ComponentId).zip(items)
}

/// The relations of one image: many copies of one name that need it make very many.
const MOST_RELATIONS: usize = 500_000;

/// Who needs whom, and whether some of it was left out.
fn depends(drafts: &[Draft]) -> (Vec<Vec<ComponentId>>, bool) {
    let mut budget = MOST_RELATIONS;
    let mut is_cut = false;
    // Names are looked for among components of the same kind in the same root.
    let mut named: Named<'_> = BTreeMap::new();
    let mut provided = named.clone();
    for (id, draft) in ids(drafts) {
        let kind = draft.component.kind;
        let key = (kind, draft.root.as_str(), draft.component.name.as_str());
        named.entry(key).or_default().push(id);
        for name in &draft.provides {
            let key = (kind, draft.root.as_str(), name.as_str());
            provided.entry(key).or_default().push(id);
        }
    }
    let none = Vec::new();
    let all = ids(drafts)
        .map(|(id, draft)| {
            let mut found = BTreeSet::new();
            for alternatives in &draft.needs {
                let kind = draft.component.kind;
                let look = |map| find(map, kind, &draft.root, alternatives);
                let needed = look(&named).or_else(|| look(&provided)).unwrap_or(&none);
                if needed.len() > budget {
                    is_cut = true;
                    break;
                }
                budget -= needed.len();
                found.extend(needed.iter().copied());
            }
            found.remove(&id);
            found.into_iter().collect()
        })
        .collect();
    (all, is_cut)
}

type Named<'a> = BTreeMap<(ComponentKind, &'a str, &'a str), Vec<ComponentId>>;

fn find<'m>(
    map: &'m Named<'m>,
    kind: ComponentKind,
    root: &'m str,
    alternatives: &'m [String],
) -> Option<&'m Vec<ComponentId>> {
    alternatives
        .iter()
        .find_map(|name| map.get(&(kind, root, name.as_str())))
}

/// Before the merge of `/usr`, and in databases to this day, `/usr/lib/x` is called `/lib/x`.
fn without_usr(path: &str) -> Option<&str> {
    path.strip_prefix("usr/").filter(|rest| {
        rest.starts_with("lib") || rest.starts_with("bin") || rest.starts_with("sbin")
    })
}

/// The owner of each component.
pub(super) fn owners(tree: &Tree<'_>, drafts: &[Draft]) -> Vec<Option<ComponentId>> {
    let is_owner = |draft: &Draft| draft.component.kind.is_system() && !is_noted(draft);
    // Only the paths of evidence are looked for in the lists, which are long.
    let mut wanted: BTreeMap<String, &str> = BTreeMap::new();
    for draft in drafts.iter().filter(|draft| !is_owner(draft)) {
        for evidence in &draft.component.evidence {
            let path = on_disk(&evidence.path);
            wanted.insert(path.to_owned(), path);
            if let Some(short) = without_usr(path) {
                wanted.insert(short.to_owned(), path);
            }
        }
    }
    if wanted.is_empty() {
        return vec![None; drafts.len()];
    }
    let mut owner_of: BTreeMap<&str, ComponentId> = BTreeMap::new();
    let mut claim = |root: &str, path: &str, id: ComponentId| {
        let full;
        let path = match root {
            "" => path,
            root => {
                full = format!("{root}{path}");
                &full
            }
        };
        if let Some(path) = wanted.get(path) {
            owner_of.entry(path).or_insert(id);
        }
    };
    for (id, draft) in ids(drafts) {
        if !is_owner(draft) {
            continue;
        }
        for list in &draft.lists {
            for path in text(tree, list).into_iter().flat_map(listed_paths) {
                claim(&draft.root, path, id);
            }
        }
        for path in &draft.files {
            claim(&draft.root, path, id);
        }
    }
    drafts
        .iter()
        .map(|draft| {
            if is_owner(draft) {
                return None;
            }
            // A program and the library it is linked with speak for one component and may be of two
            // packages: the distribution answers for both. The first is named.
            // What a layer above that of the database wrote is not the package's any more.
            let mut owner = None;
            for evidence in &draft.component.evidence {
                let found = *owner_of.get(on_disk(&evidence.path))?;
                let database = usize::try_from(found.0)
                    .ok()
                    .and_then(|place| drafts.get(place))
                    .and_then(|owner| {
                        let layers = owner.component.evidence.iter();
                        layers.filter_map(|evidence| evidence.layer).max()
                    });
                if let (Some(layer), Some(database)) = (evidence.layer, database)
                    && layer > database
                {
                    return None;
                }
                owner.get_or_insert(found);
            }
            owner
        })
        .collect()
}

/// The file of the image that an evidence is in.
fn on_disk(path: &str) -> &str {
    path.split_once("!/").map_or(path, |(file, _)| file)
}
