//! An inventory as a document: the same inventory and the same options give the same bytes.

mod cyclonedx;
mod filter;
mod list;
mod party;
mod spdx;
mod spdx3;

use std::borrow::Cow;
use std::io::{self, BufWriter, Write as _};

use kiln_types::{
    Component, ComponentKind, Digest, DistributionFact, HashWriter, ImageFacts, Inventory,
    Timestamp, secret,
};
use serde::Serialize;
use serde_json::Value;

use crate::distribution::named;

pub use cyclonedx::{CycloneDxVersion, cyclonedx};
pub use filter::{Filter, filtered};
pub use list::list;
pub use spdx::spdx;
pub use spdx3::spdx3;

/// The format of kiln's own document. Changes when a field changes its meaning.
pub const INVENTORY_FORMAT: u32 = 1;

/// Kiln's own document: everything that is known, as [`read`](crate::read) takes it back.
#[derive(Debug, Serialize)]
pub struct OwnDocument<'a> {
    format: u32,
    #[serde(flatten)]
    inventory: Cow<'a, Inventory>,
}

/// Kiln's own document of an inventory, without what looks like a secret in how the image runs.
#[must_use]
pub fn own(inventory: &Inventory) -> OwnDocument<'_> {
    let shown = inventory.facts.as_ref().map(ImageFacts::shown);
    OwnDocument {
        format: INVENTORY_FORMAT,
        // Few images hold secrets, and only those are copied.
        inventory: match shown == inventory.facts {
            true => Cow::Borrowed(inventory),
            false => Cow::Owned(Inventory {
                facts: shown,
                ..inventory.clone()
            }),
        },
    }
}

/// What a document says of its making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentOptions {
    /// The version of kiln.
    pub tool_version: String,
    /// When it was made. For equal bytes this must not be the clock's time: the time of the image
    /// is what a reader wants to know.
    pub created: Timestamp,
    /// Who supplies the image: an organisation. Absent where nobody says so.
    pub supplier: Option<String>,
}

/// The supplier of the image: the option, or the label of the image itself.
fn root_supplier(inventory: &Inventory, options: &DocumentOptions) -> Option<String> {
    let label = |name: &str| {
        let value = inventory.facts.as_ref()?.labels.get(name)?;
        Some(secret::shown(name, value).into_owned())
    };
    options
        .supplier
        .clone()
        .or_else(|| label("org.opencontainers.image.vendor"))
        .filter(|vendor| !vendor.trim().is_empty())
}

/// The licence that the image says it is under, where that is an expression of known licences.
fn root_licence(inventory: &Inventory) -> Option<String> {
    let labels = &inventory.facts.as_ref()?.labels;
    let said = labels.get("org.opencontainers.image.licenses")?;
    crate::licence::of_field(said)
        .expression
        .filter(|expression| !expression.contains("LicenseRef-"))
}

/// The version of the image: the digest that names its bytes.
fn root_version(inventory: &Inventory) -> String {
    let subject = &inventory.subject;
    match subject.manifest.or(subject.config) {
        Some(digest) => digest.to_string(),
        None => content_digest(inventory).to_string(),
    }
}

/// A digest of everything the inventory says, for identifiers that must be unique.
fn content_digest(inventory: &Inventory) -> Digest {
    let mut hash = HashWriter::new(io::sink());
    let mut buffer = BufWriter::new(&mut hash);
    // Neither the sink nor the inventory can fail.
    let _ = serde_json::to_writer(&mut buffer, inventory).map(|()| buffer.flush());
    drop(buffer);
    hash.finish().0
}

/// Puts a long list in the place of an empty one; the macro `json!` would copy all of it.
fn moved(document: &mut Value, name: &str, list: Vec<Value>) {
    if let Some(document) = document.as_object_mut() {
        document.insert(name.to_owned(), Value::Array(list));
    }
}

/// Some hex digits that tell a component from all others of the inventory.
fn fingerprint(component: &Component) -> String {
    let first = component
        .evidence
        .first()
        .map_or("", |evidence| evidence.path.as_str());
    let key = [
        component.kind.as_str(),
        &component.name,
        &component.version,
        component.architecture.as_deref().unwrap_or_default(),
        first,
    ]
    .join("\0");
    Digest::of(key.as_bytes()).hex().chars().take(16).collect()
}

/// Whether a component is a program rather than something that programs are made of.
fn is_application(component: &Component) -> bool {
    component.kind == ComponentKind::Binary
}

/// Whether a component is a package of the distribution that the image is of. Packages of another root
/// inside the image are not: readers ask the advisories of the distribution about all that it contains.
fn is_of(component: &Component, distribution: &DistributionFact) -> bool {
    let Some(purl) = component
        .purl
        .as_ref()
        .filter(|_| component.kind.is_system())
    else {
        return false;
    };
    match purl.qualifier("distro") {
        Some(said) => said == named(distribution),
        None => purl.namespace() == Some(distribution.id.as_str()),
    }
}

/// The release of a distribution in one word. A rolling one has none.
fn release(distribution: &DistributionFact) -> Option<&str> {
    distribution
        .version
        .as_deref()
        .or(distribution.codename.as_deref())
}

/// What a reader must know about the document as a whole.
fn completeness(inventory: &Inventory) -> String {
    match inventory.incomplete.len() {
        0 => "Complete as far as package databases, package metadata and build information tell."
            .to_owned(),
        count => {
            let first = inventory.incomplete.first();
            format!(
                "Incomplete: {count} things could not be read, the first being {}",
                first.map_or_else(String::new, |missed| format!(
                    "{} ({})",
                    missed.place, missed.reason
                ))
            )
        }
    }
}

/// The same, and how the image was made where kiln knows it.
fn comment(inventory: &Inventory) -> String {
    let completeness = completeness(inventory);
    let Some(built) = &inventory.built else {
        return completeness;
    };
    let indexes: Vec<String> = built
        .indexes
        .iter()
        .map(|index| {
            let (archive, suite) = (&index.archive, &index.suite);
            format!("{archive} {suite} of {} ({})", index.date, index.release)
        })
        .collect();
    format!(
        "{completeness} Built by kiln as {} {} from a lock (inputs {}) over the indexes: {}.",
        built.image,
        built.target,
        built.inputs,
        indexes.join(", ")
    )
}

#[cfg(test)]
pub(crate) mod tests;
