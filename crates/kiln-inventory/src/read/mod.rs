//! Documents about images, in the dialects people have: CycloneDX 1.2–1.7, SPDX 2.2–2.3 and 3.0 as
//! JSON, and the own JSON of Syft and of kiln.
//!
//! What a document says is believed; it has no bytes to check. Its package URLs are the truth about
//! names and versions; where a dialect keeps epochs and source packages elsewhere, they are put
//! together again, so that an image and a document about it can be matched alike.

mod cyclonedx;
mod own;
mod shape;
mod spdx2;
mod spdx3;
mod spelling;
mod syft;
mod weight;

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;

use kiln_types::{
    Component, ComponentId, ComponentKind, DistributionFact, Evidence, EvidenceKind, Incomplete,
    Inventory, Purl, SourcePackage,
};
use serde::Deserialize;

use crate::InventoryError;
use crate::catalogers::rpm::source_package;
use shape::Shape;

/// Bytes of one document.
pub const MAX_DOCUMENT: u64 = 128 << 20;
/// Components of one document.
const MOST: usize = 50_000;
/// Relations of one document: Syft names one for each file of a package.
const MOST_RELATIONS: usize = 500_000;
/// Bytes of one text in a document. Copyright notices have some hundred thousand.
const LONGEST: usize = 4 << 20;

/// Reads a document; `name` is what it is called, for messages and where it names no image.
///
/// # Errors
/// When it is too large, malformed, or of no format that is known.
pub fn document(name: &str, bytes: &[u8]) -> Result<Inventory, InventoryError> {
    let wrong = |reason: String| InventoryError::malformed(name, reason);
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(wrong(format!("it is larger than {MAX_DOCUMENT} bytes")));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(place) = long_text(bytes) {
        return Err(wrong(format!(
            "the text at byte {place} has more than {LONGEST} bytes"
        )));
    }
    // What is smaller cannot cost much, and is read at once.
    if bytes.len() > LONGEST {
        weight::weigh(bytes).map_err(|error| wrong(error.to_string()))?;
    }
    let shape = Shape::of(bytes)
        .map_err(|error| wrong(format!("it is no JSON document about components: {error}")))?;
    let mut builder = Builder::default();
    let read = match shape {
        Shape {
            bom_format: Some(format),
            spec_version,
            ..
        } if format == "CycloneDX" => {
            let version = spec_version.unwrap_or_default();
            if !matches!(
                version.as_str(),
                "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7"
            ) {
                return Err(wrong(format!("CycloneDX `{version}` is not known")));
            }
            cyclonedx::read(bytes, &mut builder)
        }
        Shape {
            spdx_version: Some(version),
            ..
        } => match version.as_str() {
            "SPDX-2.2" | "SPDX-2.3" => spdx2::read(bytes, &mut builder),
            _ => return Err(wrong(format!("`{version}` is not known"))),
        },
        Shape {
            has_graph: true, ..
        } => spdx3::read(bytes, &mut builder),
        Shape {
            has_artifacts: true,
            ..
        } => syft::read(bytes, &mut builder),
        Shape {
            has_subject: true,
            has_components: true,
            ..
        } => return own::read(bytes).map_err(|error| wrong(error.to_string())),
        _ => {
            return Err(wrong(
                "it is neither CycloneDX nor SPDX nor the JSON of Syft or kiln".to_owned(),
            ));
        }
    };
    read.map_err(|error| wrong(error.to_string()))?;
    if builder.entries.len() > MOST {
        return Err(wrong(format!("it lists more than {MOST} components")));
    }
    let mut inventory = builder.finish();
    if inventory.subject.name.is_empty() {
        name.clone_into(&mut inventory.subject.name);
    }
    Ok(inventory)
}

/// Where a text of JSON (RFC 8259, section 7) begins that is longer than any may be: before it is
/// copied into every field that it may end up in.
fn long_text(bytes: &[u8]) -> Option<usize> {
    if bytes.len() <= LONGEST {
        return None;
    }
    let mut begun: Option<usize> = None;
    let mut at = 0;
    while let Some(next) = bytes
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        let place = at + next;
        let is_quote = bytes.get(place) == Some(&b'"');
        at = place + if is_quote { 1 } else { 2 };
        begun = match begun {
            _ if !is_quote => begun,
            None => Some(place),
            Some(begin) if place - begin > LONGEST + 1 => return Some(begin),
            Some(_) => None,
        };
    }
    begun.filter(|begin| bytes.len() - begin > LONGEST + 1)
}

/// Collects what a document says.
#[derive(Default)]
struct Builder {
    inventory: Inventory,
    /// The components, each under the document's own name for it.
    entries: Vec<(String, Component)>,
    /// Which needs which, by those names.
    needs: Vec<(String, String)>,
    /// Which came with which package of the distribution, by those names.
    owned: Vec<(String, String)>,
}

/// A list that ends with an error before it costs more than it may.
fn bounded<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(List(MOST, PhantomData))
}

/// The same for relations.
fn bounded_relations<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(List(MOST_RELATIONS, PhantomData))
}

struct List<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a list of at most {} entries", self.0)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = list.next_element()? {
            if out.len() == self.0 {
                let reason = format!("a list has more than {} entries", self.0);
                return Err(serde::de::Error::custom(reason));
            }
            out.push(item);
        }
        Ok(out)
    }
}

impl Builder {
    /// The component that a package URL names, or that has none. `epoch` and the like come from the
    /// qualifiers.
    fn component(&mut self, purl: Option<&str>, name: &str, version: &str) -> Component {
        let parsed =
            purl.filter(|purl| !purl.is_empty())
                .and_then(|text| match text.parse::<Purl>() {
                    Ok(purl) => Some(purl),
                    Err(error) => {
                        self.inventory.incomplete.push(Incomplete {
                            place: name.to_owned(),
                            reason: error.to_string(),
                        });
                        None
                    }
                });
        match parsed {
            Some(purl) => self.of_purl(purl, name, version),
            None => Component::new(ComponentKind::Other, name, version),
        }
    }

    fn of_purl(&mut self, purl: Purl, named: &str, told: &str) -> Component {
        let kind = ComponentKind::of_purl_type(purl.kind());
        let name = spelling::full_name(kind, &purl, named);
        let version = purl.version().unwrap_or(told);
        // It is believed, and what it is believed against is not hidden.
        if let Some(other) = spelling::contradiction(kind, (&name, version), (named, told)) {
            self.inventory.incomplete.push(Incomplete {
                place: named.chars().take(200).collect(),
                reason: format!(
                    "the package URL `{purl}` is believed, and the document calls the component {other}"
                ),
            });
        }
        let full = match purl.qualifier("epoch") {
            // rpm's zero is written out, as it is where rpm's database has it.
            Some(epoch)
                if (epoch != "0" || kind == ComponentKind::Rpm) && !version.contains(':') =>
            {
                format!("{epoch}:{version}")
            }
            _ => version.to_owned(),
        };
        let mut component = Component::new(kind, name, full);
        component.architecture = purl.qualifier("arch").map(str::to_owned);
        if kind.is_system()
            && let Some(upstream) = purl.qualifier("upstream")
        {
            let (name, version) = upstream.split_once('@').unwrap_or((upstream, ""));
            let file = source_package(upstream).filter(|_| kind == ComponentKind::Rpm);
            component.source = file.or_else(|| {
                Some(SourcePackage {
                    name: name.to_owned(),
                    version: match version {
                        "" => component.version.clone(),
                        version => version.to_owned(),
                    },
                })
            });
        }
        if kind.is_system() && self.inventory.distribution.is_none() {
            self.inventory.distribution = distribution(&purl);
        }
        component.purl = Some(purl);
        component
    }

    fn finish(self) -> Inventory {
        // Files that nothing owns may be anybody's: every entry of a component must have an owner.
        let systems: BTreeSet<&str> = self
            .entries
            .iter()
            .filter(|(_, component)| component.kind.is_system())
            .map(|(reference, _)| reference.as_str())
            .collect();
        let owner_of: HashMap<String, String> = self
            .owned
            .into_iter()
            .filter(|(owned, owner)| !owned.is_empty() && systems.contains(owner.as_str()))
            .collect();
        // Those of one name stand beside each other, in the order of the document.
        let mut entries = self.entries;
        entries.sort_by(|(_, one), (_, other)| key(one).cmp(&key(other)));
        let mut merged: Vec<(Component, Vec<String>)> = Vec::with_capacity(entries.len());
        for (reference, component) in entries {
            match merged.last_mut() {
                Some((first, references)) if key(first) == key(&component) => {
                    first.evidence.extend(component.evidence);
                    first.source = first.source.take().or(component.source);
                    references.push(reference);
                }
                _ => merged.push((component, vec![reference])),
            }
        }
        let mut inventory = self.inventory;
        let mut places = HashMap::new();
        inventory.components.reserve(merged.len());
        let mut all_owners = Vec::new();
        for ((mut component, references), place) in merged.into_iter().zip(0..) {
            component.evidence.sort();
            component.evidence.dedup();
            let owners: Option<Vec<&String>> =
                references.iter().map(|own| owner_of.get(own)).collect();
            all_owners.push(owners.unwrap_or_default().first().copied());
            inventory.components.push(component);
            for reference in references {
                places.insert(reference, place);
            }
        }
        for (component, owner) in inventory.components.iter_mut().zip(all_owners) {
            component.owner = owner
                .filter(|_| !component.kind.is_system())
                .and_then(|owner| places.get(owner))
                .map(|owner| ComponentId(*owner));
        }
        for (from, to) in self.needs {
            if let (Some(from), Some(to)) = (places.get(&from), places.get(&to))
                && from != to
                && let Ok(from) = usize::try_from(*from)
                && let Some(component) = inventory.components.get_mut(from)
            {
                component.depends.push(ComponentId(*to));
            }
        }
        for component in &mut inventory.components {
            component.depends.sort();
            component.depends.dedup();
        }
        inventory.incomplete.sort();
        inventory.incomplete.dedup();
        inventory
    }
}

/// What tells components apart: kind, name, version, architecture, and the release.
type Key<'a> = (
    ComponentKind,
    &'a str,
    &'a str,
    Option<&'a str>,
    Option<[&'a str; 3]>,
);

/// What tells a component apart. The same package of two releases of a distribution is two components,
/// and its package URL says which release it is of.
fn key(component: &Component) -> Key<'_> {
    let purl = component.purl.as_ref();
    let release = purl.filter(|_| component.kind.is_system()).map(|purl| {
        [
            purl.namespace().unwrap_or_default(),
            purl.qualifier("distro").unwrap_or_default(),
            purl.qualifier("os_version").unwrap_or_default(),
        ]
    });
    (
        component.kind,
        &component.name,
        &component.version,
        component.architecture.as_deref(),
        release,
    )
}

/// Whether a package URL names an image, which is what documents are about and no component.
fn is_image(purl: &str) -> bool {
    purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/")
}

/// A file that the document names as evidence.
fn evidence(path: &str) -> Evidence {
    Evidence {
        path: path.trim_start_matches('/').to_owned(),
        layer: None,
        kind: EvidenceKind::Document,
    }
}

/// The distribution that a package URL names: `distro=debian-13.7`, or Docker's
/// `os_name=debian&os_version=13&os_distro=trixie`.
fn distribution(purl: &Purl) -> Option<DistributionFact> {
    if let Some(name) = purl.qualifier("os_name") {
        return Some(DistributionFact {
            id: name.to_owned(),
            version: purl.qualifier("os_version").map(str::to_owned),
            codename: purl.qualifier("os_distro").map(str::to_owned),
            ..DistributionFact::default()
        });
    }
    let distro = purl.qualifier("distro")?;
    let (id, version) = match distro.split_once('-') {
        Some((id, version)) => (id, Some(version)),
        None => (distro, None),
    };
    Some(released(id, version.unwrap_or_default()))
}

/// A distribution by its name and release: a number, or the name of one without a number.
fn released(id: &str, release: &str) -> DistributionFact {
    let is_number = release.starts_with(|letter: char| letter.is_ascii_digit());
    let said = |is_meant: bool| (is_meant && !release.is_empty()).then(|| release.to_owned());
    DistributionFact {
        id: id.to_lowercase(),
        version: said(is_number),
        codename: said(!is_number),
        ..DistributionFact::default()
    }
}

#[cfg(test)]
mod tests;
