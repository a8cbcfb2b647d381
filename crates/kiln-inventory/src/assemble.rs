//! From layers to an inventory: the merged view, then everything that needs more than one file.
//!
//! - components that several files speak for become one, with all the evidence;
//! - packages of the distribution get their licences, their dependencies and their files;
//! - a component all of whose evidence belongs to packages of the distribution has the first of
//!   them as its owner.

mod drafts;
mod join;
mod relations;

use std::collections::BTreeSet;

use kiln_oci::ImageConfig;
use kiln_types::{Component, DistributionFact, EvidenceKind, Incomplete, Inventory, Subject};

use crate::content;
use crate::distribution::distribution;
use crate::facts;
use crate::layer::LayerScan;
use crate::node::{Finding, Node, NodeKind};
use crate::tree::Tree;
use drafts::{drafts, root_of};
use join::{joined, lend_licences, vouched, without_notes};
use relations::connected;

/// What is known of a component before everything has been joined.
struct Draft {
    component: Component,
    /// The root that it lies in: empty, or the folder of another root inside the image.
    root: String,
    /// Names it needs: one of each inner list.
    needs: Vec<Vec<String>>,
    provides: Vec<String>,
    /// Files whose text lists the paths it owns, and the paths themselves.
    lists: Vec<String>,
    files: Vec<String>,
}

/// Joins what the layers of an image say, the lowest first.
#[must_use]
pub fn assemble(subject: Subject, config: Option<&ImageConfig>, layers: &[LayerScan]) -> Inventory {
    let tree = Tree::merge(layers);
    let has_layers = !subject.layers.is_empty();
    let distribution = distribution(&tree);
    let mut incomplete: BTreeSet<Incomplete> = BTreeSet::new();
    for scan in layers {
        incomplete.extend(scan.incomplete.iter().cloned());
    }
    if tree.is_overfull() {
        incomplete.insert(Incomplete {
            place: "/".to_owned(),
            reason: "too many directories are not named by any entry; files in them are missing"
                .to_owned(),
        });
    }
    for path in &tree.dangling {
        incomplete.insert(Incomplete {
            place: path.clone(),
            reason: "the target of the hard link is not there".to_owned(),
        });
    }
    for (path, node, _) in tree.nodes() {
        let target = match node.kind {
            NodeKind::Symlink => tree.resolve(path).map(|(_, target, _)| target),
            _ => Some(node),
        };
        if let Some(target) = target
            && target.kind == NodeKind::File
            && target.path != path
            && content::is_missed(path, &target.path)
        {
            incomplete.insert(Incomplete {
                place: path.to_owned(),
                reason: format!(
                    "it is a link to `{}`, which was not read as such",
                    target.path
                ),
            });
        }
    }
    unread_databases(&tree, distribution.as_ref(), &mut incomplete);
    let drafts = drafts(&tree, distribution.as_ref(), has_layers);
    let mut drafts = without_notes(&tree, vouched(joined(drafts)));
    lend_licences(&mut drafts);
    let components = connected(&tree, drafts, &mut incomplete);
    let facts = facts::facts(&tree, config);
    if tree.is_exhausted() {
        incomplete.insert(Incomplete {
            place: "/".to_owned(),
            reason: "its links lead through more links than are followed".to_owned(),
        });
    }
    Inventory {
        subject,
        built: None,
        distribution,
        components,
        facts: Some(facts),
        incomplete: incomplete.into_iter().collect(),
    }
}

/// Files that a package manager or a libc would read by these names, and that were not read as such,
/// because a link on the way gives them another name; and changes that dpkg has not merged yet.
fn unread_databases(
    tree: &Tree<'_>,
    distribution: Option<&DistributionFact>,
    incomplete: &mut BTreeSet<Incomplete>,
) {
    const PLACES: [&str; 5] = [
        "var/lib/dpkg/status",
        "lib/apk/db/installed",
        "usr/lib/apk/db/installed",
        "etc/os-release",
        "usr/lib/os-release",
    ];
    let mut miss = |place: &str, reason: String| {
        incomplete.insert(Incomplete {
            place: place.to_owned(),
            reason,
        });
    };
    for place in PLACES {
        if let Some((path, node, _)) = tree.resolve(place)
            && path != place
            && node.kind == NodeKind::File
            && content::is_missed(place, &node.path)
        {
            let reason = format!("a link leads to `{path}`, which was not read as such");
            miss(place, reason);
        }
    }
    let is_below = |path: &str, folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let (folder, updates) = ("var/lib/dpkg/status.d", "var/lib/dpkg/updates");
    let moved = tree.resolve(folder).filter(|(path, _, _)| path != folder);
    let mut has_database = false;
    for (path, node, _) in tree.nodes() {
        if node.kind != NodeKind::File {
            continue;
        }
        if is_below(path, updates) && node.size > 0 {
            miss(
                path,
                "dpkg has not merged it into its database yet".to_owned(),
            );
        }
        if let Some((real, _, _)) = &moved
            && is_below(path, real)
            && !node.path.contains("status.d/")
        {
            miss(
                path,
                format!("a link leads from `{folder}` to it, and it was not read"),
            );
        }
        // That of another root inside the image says nothing of this one.
        has_database |= is_database(node) && root_of(path).is_empty();
    }
    let id = distribution.map_or("", |distribution| distribution.id.as_str());
    if matches!(id, "debian" | "ubuntu" | "alpine" | "wolfi" | "chainguard") && !has_database {
        let reason = format!("it says that it is {id}, and no package database was found");
        miss("/", reason);
    }
}

/// Whether a file is the database of a package manager, or a part of it.
fn is_database(node: &Node) -> bool {
    node.findings.iter().any(|finding| match finding {
        Finding::Dpkg(_) => true,
        Finding::Components(found) => found
            .iter()
            .any(|found| found.kind == EvidenceKind::Database),
        _ => false,
    })
}

/// The text of a small file that the scan kept.
pub(crate) fn text<'a>(tree: &Tree<'a>, path: &str) -> Option<&'a str> {
    let (_, node, _) = tree.resolve(path)?;
    node.findings.iter().find_map(|finding| match finding {
        Finding::Text(text) => Some(text.as_str()),
        _ => None,
    })
}
