//! One file an ecosystem: from the bytes of its files to components.

pub(crate) mod apk;
pub(crate) mod classifier;
pub(crate) mod composer;
pub(crate) mod documents;
pub(crate) mod dotnet;
pub(crate) mod dpkg;
pub(crate) mod gem;
pub(crate) mod golang;
pub(crate) mod java;
pub(crate) mod locks;
mod maven_group;
pub(crate) mod nested;
pub(crate) mod npm;
pub(crate) mod program;
pub(crate) mod python;
pub(crate) mod rpm;
pub(crate) mod rust;
pub(crate) mod zipped;

use kiln_types::{Component, ComponentKind, Purl};

/// What a cataloger makes of a file, or why it could not.
pub(crate) type Cataloged = Result<Vec<crate::node::Found>, String>;

/// A component with its package URL.
fn component(
    kind: ComponentKind,
    namespace: Option<&str>,
    name: &str,
    full: &str,
    version: &str,
) -> Component {
    let mut component = Component::new(kind, full, version);
    let purl_type = match kind {
        ComponentKind::Binary => "generic",
        kind => kind.as_str(),
    };
    component.purl = Purl::new(purl_type, namespace, name, Some(version)).ok();
    component
}

/// Whether a text from a file can be a name or version: not empty, short, on one line.
fn is_sane(text: &str) -> bool {
    !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control)
}
