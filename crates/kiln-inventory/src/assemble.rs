//! From layers to an inventory: the merged view, then everything that needs more than one file.
//!
//! - components that several files speak for become one, with all the evidence;
//! - packages of the distribution get their licences, their dependencies and their files;
//! - a component all of whose evidence belongs to packages of the distribution has the first of
//!   them as its owner.

use std::collections::{BTreeMap, BTreeSet};

use kiln_oci::ImageConfig;
use kiln_types::{
    Component, ComponentId, ComponentKind, DistributionFact, Evidence, EvidenceKind, Incomplete,
    Inventory, Licences, SourcePackage, Subject,
};

use crate::catalogers::dpkg::{DpkgStanza, listed_paths};
use crate::content;
use crate::distribution::{distribution, distribution_below, rpm_purl, system_purl};
use crate::facts;
use crate::layer::LayerScan;
use crate::node::{Finding, Found, Node, NodeKind};
use crate::path::parent;
use crate::tree::{Origin, Tree};

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

fn drafts(
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
fn root_of(path: &str) -> String {
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

/// One draft for what is one component; sorted.
fn joined(mut drafts: Vec<Draft>) -> Vec<Draft> {
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
fn vouched(drafts: Vec<Draft>) -> Vec<Draft> {
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
fn lend_licences(drafts: &mut [Draft]) {
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
fn is_noted(draft: &Draft) -> bool {
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
fn without_notes(tree: &Tree<'_>, drafts: Vec<Draft>) -> Vec<Draft> {
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

/// The components with their dependencies and owners.
fn connected(
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
fn owners(tree: &Tree<'_>, drafts: &[Draft]) -> Vec<Option<ComponentId>> {
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
