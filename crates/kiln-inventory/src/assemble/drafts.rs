//! What each file speaks for, as a component of its own.

use std::collections::BTreeMap;

use kiln_types::{
    Component, ComponentKind, DistributionFact, Evidence, EvidenceKind, SourcePackage,
};

use super::{Draft, is_database};
use crate::catalogers::dpkg::DpkgStanza;
use crate::distribution::{distribution_below, rpm_purl, system_purl};
use crate::node::{Finding, Found};
use crate::path::parent;
use crate::tree::{Origin, Tree};

pub(super) fn drafts(
    tree: &Tree<'_>,
    distribution: Option<&DistributionFact>,
    has_layers: bool,
) -> Vec<Draft> {
    let mut drafts = Vec::new();
    // What other roots inside the image are of.
    let mut others: BTreeMap<String, DistributionFact> = BTreeMap::new();
    for (path, node, origin) in tree.nodes() {
        let mut distribution = distribution;
        if is_database(node) {
            let root = root_of(path);
            if !root.is_empty() {
                let other = others.entry(root);
                distribution =
                    Some(other.or_insert_with_key(|root| distribution_below(tree, root)));
            }
        }
        for finding in &node.findings {
            match finding {
                Finding::Dpkg(stanzas) => {
                    for stanza in stanzas {
                        drafts.push(debian(
                            tree,
                            stanza,
                            path,
                            evidence(path, "", origin, has_layers, EvidenceKind::Database),
                            distribution,
                        ));
                    }
                }
                Finding::Components(found) => {
                    for found in found {
                        let evidence =
                            evidence(path, &found.inside, origin, has_layers, found.kind);
                        drafts.push(plain(found, path, evidence, distribution));
                    }
                }
                _ => {}
            }
        }
    }
    drafts
}

fn evidence(
    path: &str,
    inside: &str,
    origin: Origin,
    has_layers: bool,
    kind: EvidenceKind,
) -> Evidence {
    Evidence {
        path: match inside {
            "" => path.to_owned(),
            inside => format!("{path}!/{inside}"),
        },
        layer: has_layers.then_some(origin.layer),
        kind,
    }
}

fn plain(
    found: &Found,
    path: &str,
    evidence: Evidence,
    distribution: Option<&DistributionFact>,
) -> Draft {
    let mut component = found.component.clone();
    component.evidence = vec![evidence];
    if found.kind == EvidenceKind::Database {
        match component.kind {
            ComponentKind::Apk => {
                component.purl = system_purl(&component, distribution, "alpine");
            }
            ComponentKind::Rpm => component.purl = rpm_purl(&component, distribution),
            _ => {}
        }
    }
    Draft {
        component,
        root: root_of(path),
        needs: found.needs.iter().map(|name| vec![name.clone()]).collect(),
        provides: found.provides.clone(),
        lists: Vec::new(),
        files: found.files.clone(),
    }
}

/// Where package managers keep their databases, the longer name of a place first.
const DATABASES: [&str; 8] = [
    "var/lib/dpkg",
    "usr/lib/dpkg",
    "lib/dpkg",
    "usr/lib/apk/db",
    "lib/apk/db",
    "usr/lib/sysimage/rpm",
    "usr/share/rpm",
    "var/lib/rpm",
];

/// The root that a database belongs to: what stands before its usual place.
pub(super) fn root_of(path: &str) -> String {
    DATABASES
        .iter()
        .find_map(|usual| {
            let at = path.rfind(usual)?;
            let root = path.get(..at)?;
            (root.is_empty() || root.ends_with('/')).then(|| root.to_owned())
        })
        .unwrap_or_default()
}

fn debian(
    tree: &Tree<'_>,
    stanza: &DpkgStanza,
    path: &str,
    evidence: Evidence,
    distribution: Option<&DistributionFact>,
) -> Draft {
    let mut component = Component::new(ComponentKind::Deb, &stanza.name, &stanza.version);
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    component.source = stanza.source.as_ref().map(|(name, version)| SourcePackage {
        name: name.clone(),
        version: version.clone().unwrap_or_else(|| stanza.version.clone()),
    });
    component.architecture = said(&stanza.architecture);
    component.supplier = said(&stanza.maintainer);
    component.homepage = said(&stanza.homepage);
    component.summary = said(&stanza.summary);
    component.evidence = vec![evidence];
    let root = root_of(path);
    let place = format!("{root}usr/share/doc/{}/copyright", stanza.name);
    if let Some((_, node, _)) = tree.resolve(&place) {
        for finding in &node.findings {
            if let Finding::Copyright(copyright) = finding {
                component.licences = copyright.licences.clone();
                component.copyright = said(&copyright.notices);
            }
        }
    }
    component.purl = system_purl(&component, distribution, "debian");
    if let Some(purl) = component.purl.take() {
        // As written: a source without a version of its own is named without one.
        let upstream = stanza.source.as_ref().map(|(name, version)| match version {
            Some(version) => format!("{name}@{version}"),
            None => name.clone(),
        });
        component.purl = Some(match upstream {
            Some(upstream) => purl.clone().with("upstream", &upstream).unwrap_or(purl),
            None => purl,
        });
    }
    let folder = parent(path);
    let lists = match folder.strip_suffix("/status.d") {
        Some(_) => vec![format!("{path}.md5sums")],
        None => {
            let mut names = vec![format!("{folder}/info/{}.list", stanza.name)];
            if stanza.same {
                names.push(format!(
                    "{folder}/info/{}:{}.list",
                    stanza.name, stanza.architecture
                ));
            }
            names
        }
    };
    Draft {
        component,
        root,
        needs: stanza.depends.clone(),
        provides: stanza.provides.clone(),
        lists,
        files: Vec::new(),
    }
}
