//! Components that several files speak for become one, and know what the others know of them.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{ComponentKind, EvidenceKind, Licences};

use super::Draft;
use super::relations::owners;
use crate::tree::Tree;

/// One draft for what is one component; sorted.
pub(super) fn joined(mut drafts: Vec<Draft>) -> Vec<Draft> {
    // What a document says fills only what others leave open.
    drafts.sort_by_key(is_told);
    type Key = (ComponentKind, String, String, Option<String>, String);
    let mut by_key: BTreeMap<Key, Draft> = BTreeMap::new();
    for draft in drafts {
        let component = &draft.component;
        let key = (
            component.kind,
            component.name.clone(),
            component.version.clone(),
            component.architecture.clone(),
            draft.root.clone(),
        );
        match by_key.get_mut(&key) {
            None => {
                by_key.insert(key, draft);
            }
            Some(first) => absorb(first, draft),
        }
    }
    let mut drafts: Vec<Draft> = by_key.into_values().collect();
    for draft in &mut drafts {
        draft.component.evidence.sort();
        draft.component.evidence.dedup();
    }
    drafts
}

/// Whether nothing but documents speaks for a component.
fn is_told(draft: &Draft) -> bool {
    let mut evidence = draft.component.evidence.iter();
    evidence.all(|evidence| evidence.kind == EvidenceKind::Document)
}

/// Documents are somebody's word. Where the package manager of the distribution has a database, a
/// package that is in a document only is not there; and a component that is there under another
/// spelling of its name (`Flask_Login`) is that one, with one more evidence.
pub(super) fn vouched(drafts: Vec<Draft>) -> Vec<Draft> {
    if !drafts.iter().any(is_told) {
        return drafts;
    }
    type Name = (String, Option<String>, String, Option<String>);
    let name = |draft: &Draft| -> Option<Name> {
        let purl = draft.component.purl.as_ref()?;
        Some((
            purl.kind().to_owned(),
            purl.namespace().map(str::to_owned),
            purl.name().to_owned(),
            purl.version().map(str::to_owned),
        ))
    };
    let databases: BTreeSet<ComponentKind> = drafts
        .iter()
        .filter(|draft| {
            let mut evidence = draft.component.evidence.iter();
            evidence.any(|evidence| evidence.kind == EvidenceKind::Database)
        })
        .map(|draft| draft.component.kind)
        .collect();
    let (told, mut seen): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(is_told);
    let mut places: BTreeMap<Name, usize> = BTreeMap::new();
    for (place, draft) in seen.iter().enumerate() {
        if let Some(name) = name(draft) {
            places.entry(name).or_insert(place);
        }
    }
    for draft in told {
        let same = name(&draft).and_then(|name| places.get(&name));
        if let Some(first) = same.and_then(|place| seen.get_mut(*place)) {
            absorb(first, draft);
            first.component.evidence.sort();
            first.component.evidence.dedup();
        } else if !databases.contains(&draft.component.kind) || !draft.component.kind.is_system() {
            seen.push(draft);
        }
    }
    // The order of a finished inventory.
    seen.sort_by(|left, right| {
        let key = |draft: &Draft| {
            let component = &draft.component;
            (
                component.kind,
                component.name.clone(),
                component.version.clone(),
                component.architecture.clone(),
                draft.root.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    seen
}

/// What one file leaves open another may say.
fn absorb(first: &mut Draft, other: Draft) {
    let (into, from) = (&mut first.component, other.component);
    into.evidence.extend(from.evidence);
    if into.licences.is_unknown() {
        into.licences = from.licences;
    }
    into.purl = into.purl.take().or(from.purl);
    into.source = into.source.take().or(from.source);
    into.supplier = into.supplier.take().or(from.supplier);
    into.copyright = into.copyright.take().or(from.copyright);
    into.summary = into.summary.take().or(from.summary);
    into.homepage = into.homepage.take().or(from.homepage);
    into.sha256 = into.sha256.or(from.sha256);
    for (name, value) in from.properties {
        into.properties.entry(name).or_insert(value);
    }
    first.needs.extend(other.needs);
    first.provides.extend(other.provides);
    first.lists.extend(other.lists);
    first.files.extend(other.files);
}

/// A package whose documents are those of another from the same source (Debian policy 12.5 allows the
/// link only then) has that one's licences, also where the link itself is not in the image.
pub(super) fn lend_licences(drafts: &mut [Draft]) {
    type Source = (String, String, String);
    let source_of = |draft: &Draft| -> Source {
        let component = &draft.component;
        (
            draft.root.clone(),
            component.source_name().to_owned(),
            component.source_version().to_owned(),
        )
    };
    let is_deb = |draft: &&Draft| draft.component.kind == ComponentKind::Deb;
    let mut known: BTreeMap<Source, (Licences, Option<String>)> = BTreeMap::new();
    for draft in drafts.iter().filter(is_deb) {
        if !draft.component.licences.is_unknown() {
            let component = &draft.component;
            let said = (component.licences.clone(), component.copyright.clone());
            known.entry(source_of(draft)).or_insert(said);
        }
    }
    for draft in drafts.iter_mut() {
        if draft.component.kind == ComponentKind::Deb
            && draft.component.licences.is_unknown()
            && let Some((licences, copyright)) = known.get(&source_of(draft))
        {
            draft.component.licences = licences.clone();
            draft.component.copyright.clone_from(copyright);
        }
    }
}

/// Whether nothing but a note in a program speaks for a package of a distribution.
pub(super) fn is_noted(draft: &Draft) -> bool {
    draft.component.kind.is_system()
        && draft.component.properties.contains_key("note-type")
        && draft
            .component
            .evidence
            .iter()
            .all(|evidence| evidence.kind != EvidenceKind::Database)
}

/// A note in a program names the source package. Where the database has the package that owns the
/// program, it knows better, and the note is no component of its own.
pub(super) fn without_notes(tree: &Tree<'_>, drafts: Vec<Draft>) -> Vec<Draft> {
    if !drafts.iter().any(is_noted) {
        return drafts;
    }
    let owners = owners(tree, &drafts);
    drafts
        .into_iter()
        .zip(owners)
        .filter(|(draft, owner)| !(is_noted(draft) && owner.is_some()))
        .map(|(draft, _)| draft)
        .collect()
}
