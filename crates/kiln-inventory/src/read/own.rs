//! Kiln's own JSON: the whole inventory, as `kiln sbom --format json` writes it.

use kiln_types::{
    BuildFact, Component, ComponentId, DistributionFact, ImageFacts, Incomplete, Inventory, Purl,
    Subject,
};
use serde::Deserialize;
use serde::de::Error as _;

use super::Builder;
use crate::write::INVENTORY_FORMAT;

#[derive(Deserialize)]
struct Document {
    /// Documents of before it was written are of the first format.
    format: Option<u32>,
    subject: Subject,
    built: Option<BuildFact>,
    distribution: Option<DistributionFact>,
    #[serde(deserialize_with = "super::bounded")]
    components: Vec<Component>,
    facts: Option<ImageFacts>,
    #[serde(default, deserialize_with = "super::bounded")]
    incomplete: Vec<Incomplete>,
}

/// Reads it. Whoever edited it may have changed the order, which everybody relies on: it is made
/// again.
pub(super) fn read(bytes: &[u8]) -> Result<Inventory, serde_json::Error> {
    let document: Document = serde_json::from_slice(bytes)?;
    let format = document.format.unwrap_or(INVENTORY_FORMAT);
    if format != INVENTORY_FORMAT {
        let reason = format!("kiln's format {format} is not known: {INVENTORY_FORMAT} is");
        return Err(serde_json::Error::custom(reason));
    }
    let mut inventory = Inventory {
        subject: document.subject,
        built: document.built,
        distribution: document.distribution,
        components: document.components,
        facts: document.facts,
        incomplete: document.incomplete,
    };
    let is_there = |id: &ComponentId| inventory.component(*id).is_some();
    let mut edited = Vec::new();
    for component in &inventory.components {
        if component.kind.is_system() && component.owner.is_some() {
            let name = &component.name;
            let reason = format!("`{name}` is a system package, which nothing owns");
            return Err(serde_json::Error::custom(reason));
        }
        if let Some(purl) = &component.purl
            && let Some(other) = differs(component, purl)
        {
            edited.push(Incomplete {
                place: component.name.chars().take(200).collect(),
                reason: format!("its package URL `{purl}` names another {other}"),
            });
        }
        if let Some(lost) = component
            .depends
            .iter()
            .chain(&component.owner)
            .find(|id| !is_there(id))
        {
            let (name, place) = (&component.name, lost.0);
            let reason = format!("`{name}` refers to component {place}, which is not there");
            return Err(serde_json::Error::custom(reason));
        }
        let owner = component.owner.and_then(|owner| inventory.component(owner));
        if let Some(owner) = owner.filter(|owner| !owner.kind.is_system()) {
            let (name, owner) = (&component.name, &owner.name);
            let reason = format!("`{name}` is owned by `{owner}`, which is no system package");
            return Err(serde_json::Error::custom(reason));
        }
    }
    inventory.incomplete.extend(edited);
    sort(&mut inventory);
    Ok(inventory)
}

/// In what a component is not the one that its package URL names. Kiln writes both alike, and
/// advisories are asked about the component.
fn differs(component: &Component, purl: &Purl) -> Option<&'static str> {
    let mut builder = Builder::default();
    let named = builder.of_purl(purl.clone(), &component.name, &component.version);
    if named.kind != component.kind {
        return Some("kind");
    }
    if named.name != component.name {
        return Some("name");
    }
    if named.version != component.version {
        return Some("version");
    }
    // Not every writer of package URLs names the source package in them.
    let is_other = named.source.is_some() && named.source != component.source;
    (component.kind.is_system() && is_other).then_some("source package")
}

/// Components in the order of every inventory, and references that follow them.
fn sort(inventory: &mut Inventory) {
    for component in &mut inventory.components {
        component.evidence.sort();
        component.evidence.dedup();
    }
    let mut order: Vec<(u32, Component)> = (0..).zip(inventory.components.drain(..)).collect();
    order.sort_by(|(_, one), (_, other)| key(one).cmp(&key(other)));
    let mut places = vec![ComponentId(0); order.len()];
    for (place, (before, _)) in (0..).zip(&order) {
        if let Some(now) = usize::try_from(*before)
            .ok()
            .and_then(|before| places.get_mut(before))
        {
            *now = ComponentId(place);
        }
    }
    let now = |id: ComponentId| {
        usize::try_from(id.0)
            .ok()
            .and_then(|place| places.get(place))
            .copied()
    };
    for (_, mut component) in order {
        component.owner = component.owner.and_then(now);
        component.depends = component.depends.into_iter().filter_map(now).collect();
        component.depends.sort();
        component.depends.dedup();
        inventory.components.push(component);
    }
    inventory.incomplete.sort();
    inventory.incomplete.dedup();
}

/// What lies in several roots stays in the order that it has.
fn key(component: &Component) -> impl Ord + '_ {
    (
        component.kind,
        &component.name,
        &component.version,
        &component.architecture,
    )
}
