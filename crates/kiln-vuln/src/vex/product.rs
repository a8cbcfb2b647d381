//! Whether the name of a product means a component, something that it is part of, or the image.
//!
//! Writers spell the same facts differently: the distribution as `distro=debian-13` or `os_name`,
//! `os_version` and `os_distro`; the epoch in the version or beside it; the source package by its own
//! name or as `upstream`; images as `pkg:oci` or `pkg:docker` or a reference, Docker Hub in many ways.
//! What a name does not say holds for everything; what it says must be known here and be the same.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Component, ComponentId, ComponentKind, Inventory, Purl};

use super::VexProduct;
use super::image::{ImageName, Platform, architecture, is_of_image};
use crate::ecosystem::{of_distribution, of_qualifier, package_key, scheme_of};
use crate::version::compare;

/// Why a name does not mean a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// How near it came: 0 for another thing, 1 for the right package with another fact.
    pub(super) near: u8,
    /// In words.
    pub(super) reason: String,
}

fn far(reason: String) -> Miss {
    Miss { near: 0, reason }
}

fn nearly(reason: String) -> Miss {
    Miss { near: 1, reason }
}

/// An image, as products are looked for in it.
#[derive(Debug)]
pub struct Target<'a> {
    inventory: &'a Inventory,
    distribution: Option<String>,
    /// References by which the image is known.
    references: Vec<String>,
    /// `sha256:…` of its manifest and its configuration, as they were computed.
    digests: BTreeSet<String>,
    by_name: BTreeMap<String, Vec<ComponentId>>,
}

impl<'a> Target<'a> {
    /// The image of an inventory, and the references by which whoever asks knows it. Its own name is
    /// not one of them: an annotation in an archive can say anything.
    #[must_use]
    pub fn new(inventory: &'a Inventory, references: &[String]) -> Self {
        let subject = &inventory.subject;
        let mut digests: BTreeSet<String> = [subject.manifest, subject.config]
            .into_iter()
            .flatten()
            .map(|digest| digest.to_string())
            .collect();
        let named = references
            .iter()
            .filter_map(|reference| reference.split_once('@'))
            .map(|(_, digest)| digest.to_owned());
        digests.extend(named);
        let mut by_name: BTreeMap<String, Vec<ComponentId>> = BTreeMap::new();
        for (id, component) in inventory.entries() {
            let (own, source) = (last(&component.name), last(component.source_name()));
            by_name.entry(own.clone()).or_default().push(id);
            if source != own {
                by_name.entry(source).or_default().push(id);
            }
        }
        Self {
            inventory,
            distribution: inventory.distribution.as_ref().and_then(of_distribution),
            references: references.to_vec(),
            digests,
            by_name,
        }
    }

    /// Whether a product means a component; by which name.
    pub(super) fn about(&self, product: &VexProduct, id: ComponentId) -> Result<String, Miss> {
        if let Some(unknown) = &product.unknown {
            return Err(far(unknown.clone()));
        }
        let mut miss: Option<Miss> = None;
        for name in &product.names {
            let whole = match self.whole(name, id, product.parts.is_empty()) {
                Ok(whole) => whole,
                Err(found) => {
                    nearer(&mut miss, found);
                    continue;
                }
            };
            if product.parts.is_empty() {
                return Ok(whole);
            }
            for part in &product.parts {
                match self.component(part, id) {
                    Ok(()) => return Ok(format!("{part} in {whole}")),
                    Err(found) => nearer(&mut miss, found),
                }
            }
        }
        Err(miss.unwrap_or_else(|| far("it names no product".to_owned())))
    }

    /// The first component that a product means, and by which name.
    pub(super) fn any(&self, product: &VexProduct) -> Result<(ComponentId, String), Miss> {
        if let Some(unknown) = &product.unknown {
            return Err(far(unknown.clone()));
        }
        let mut miss: Option<Miss> = None;
        for whole in &product.names {
            if is_of_image(whole) {
                match self.image(whole) {
                    Ok(()) if product.parts.is_empty() => {
                        nearer(&mut miss, nearly(format!("{whole} is this image")));
                        continue;
                    }
                    Ok(()) => {}
                    Err(found) => {
                        nearer(&mut miss, found);
                        continue;
                    }
                }
            }
            // Where parts are named the component is one of them, else it is the product itself.
            let named = match product.parts.is_empty() {
                true => std::slice::from_ref(whole),
                false => &product.parts,
            };
            for name in named {
                let Ok(purl) = name.parse::<Purl>() else {
                    continue;
                };
                for id in self.by_name.get(&last(purl.name())).into_iter().flatten() {
                    let one = VexProduct {
                        names: vec![whole.clone()],
                        parts: product
                            .parts
                            .first()
                            .map(|_| name.clone())
                            .into_iter()
                            .collect(),
                        ..VexProduct::default()
                    };
                    match self.about(&one, *id) {
                        Ok(matched) => return Ok((*id, matched)),
                        Err(found) => nearer(&mut miss, found),
                    }
                }
            }
        }
        Err(miss.unwrap_or_else(|| {
            let named = product.parts.first().or(product.names.first());
            let name = named.map_or("a product", String::as_str);
            far(format!("{name} is not in this image"))
        }))
    }

    /// Whether a name means the image or something that a component is part of, itself included
    /// where it may be.
    fn whole(&self, name: &str, id: ComponentId, or_itself: bool) -> Result<String, Miss> {
        if is_of_image(name) {
            return self.image(name).map(|()| name.to_owned());
        }
        let mut miss: Option<Miss> = None;
        let mut seen: BTreeSet<ComponentId> = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            if next != id || or_itself {
                match self.component(name, next) {
                    Ok(()) if next == id => return Ok(name.to_owned()),
                    Ok(()) => return Ok(format!("{name}, which it is part of")),
                    Err(found) => nearer(&mut miss, found),
                }
            }
            for holder in self.holders(next) {
                if seen.insert(holder) {
                    open.push(holder);
                }
            }
        }
        Err(miss.unwrap_or_else(|| far(format!("it is part of nothing that {name} could mean"))))
    }

    /// What a component is part of: the package that owns its files, the archive around it, the
    /// program that its module was built into.
    fn holders(&self, id: ComponentId) -> Vec<ComponentId> {
        let Some(component) = self.inventory.component(id) else {
            return Vec::new();
        };
        let mut out: Vec<ComponentId> = component.owner.into_iter().collect();
        let is_module = component.kind == ComponentKind::Golang;
        let is_inside = component
            .evidence
            .iter()
            .all(|evidence| evidence.path.contains("!/"));
        if component.evidence.is_empty() || !(is_module || is_inside) {
            return out;
        }
        for (other, holder) in self.inventory.entries() {
            let holds_all = component.evidence.iter().all(|evidence| {
                holder.evidence.iter().any(|around| {
                    let rest = evidence.path.strip_prefix(around.path.as_str());
                    match rest {
                        Some("") => {
                            is_module
                                && holder.kind == ComponentKind::Golang
                                && holder.properties.contains_key("go-main")
                        }
                        Some(rest) => rest.starts_with("!/"),
                        None => false,
                    }
                })
            });
            if other != id && holds_all {
                out.push(other);
            }
        }
        out
    }

    /// Whether a package URL means a component.
    fn component(&self, name: &str, id: ComponentId) -> Result<(), Miss> {
        let Some(component) = self.inventory.component(id) else {
            return Err(far("there is no such component".to_owned()));
        };
        let purl: Purl = name
            .parse()
            .map_err(|_| far(format!("`{name}` is no package URL and not this image")))?;
        let other = || {
            let (kind, name) = (component.kind, &component.name);
            far(format!("it is about {}, not {kind} {name}", purl.bare()))
        };
        let kind = component
            .purl
            .as_ref()
            .map_or(component.kind.as_str(), Purl::kind);
        if purl.kind() != kind && purl.kind() != component.kind.as_str() {
            return Err(other());
        }
        let ecosystem = self.ecosystem(component);
        let full = full_name(&purl);
        let key = |name: &str| match component.kind {
            // Paths of modules are written in any case (purl-spec wants the lower one).
            ComponentKind::Golang => name.to_lowercase(),
            _ => package_key(&ecosystem, name),
        };
        let is_own = key(&full) == key(&component.name);
        let is_source = component.kind.is_system() && full == component.source_name();
        if !is_own && !is_source {
            return Err(other());
        }
        self.qualifiers(&purl, component)?;
        let Some(said) = purl.version() else {
            return Ok(());
        };
        let said = match purl.qualifier("epoch") {
            Some(epoch) if !said.contains(':') && epoch != "0" => format!("{epoch}:{said}"),
            _ => said.to_owned(),
        };
        let scheme = scheme_of(&ecosystem);
        let same = |version: &str| {
            version == said
                || version.trim_start_matches('v') == said.trim_start_matches('v')
                || (build(version) == build(&said)
                    && scheme.and_then(|scheme| compare(scheme, version, &said))
                        == Some(Ordering::Equal))
        };
        let source = component.source_version();
        // A package is also meant by the version of its source (`+b1`, other epochs).
        if (is_own && same(&component.version)) || (component.kind.is_system() && same(source)) {
            return Ok(());
        }
        let found = match is_own {
            true => &component.version,
            false => source,
        };
        Err(nearly(format!(
            "version {said} ≠ {found} of {}",
            component.name
        )))
    }

    /// What the qualifiers of a package URL say, as facts.
    fn qualifiers(&self, purl: &Purl, component: &Component) -> Result<(), Miss> {
        let own = component.purl.as_ref();
        if component.kind.is_system() {
            let said = of_qualifier(purl);
            let is = own
                .and_then(of_qualifier)
                .or_else(|| self.distribution.clone());
            if let Some(said) = said
                && is.as_deref() != Some(said.as_str())
            {
                let is = is.unwrap_or_else(|| "of no known distribution".to_owned());
                let spelled = ["distro", "os_version", "os_distro"]
                    .into_iter()
                    .find_map(|key| Some(format!("{key}={}", purl.qualifier(key)?)));
                let spelled = spelled.unwrap_or_default();
                return Err(nearly(format!("{spelled} ({said}) ≠ {is}")));
            }
            let distribution = self.inventory.distribution.as_ref();
            let id = own
                .and_then(Purl::namespace)
                .or_else(|| distribution.map(|found| found.id.as_str()));
            if let (Some(namespace), Some(id)) = (purl.namespace(), id)
                && !namespace.eq_ignore_ascii_case(id)
            {
                return Err(nearly(format!(
                    "it is about packages of {namespace}, not of {id}"
                )));
            }
        }
        for (qualifier, said) in purl.qualifiers() {
            let is = match qualifier.as_str() {
                "epoch" => continue,
                "distro" | "os_name" | "os_version" | "os_distro"
                    if component.kind.is_system() && of_qualifier(purl).is_some() =>
                {
                    continue;
                }
                // A part of the other two.
                "os_name" => continue,
                "arch" if said == "source" => continue,
                "arch" => component.architecture.as_deref().map(architecture),
                "upstream" => {
                    let (name, version) = said.split_once('@').unwrap_or((said, ""));
                    let is_version = version.is_empty() || version == component.source_version();
                    if name == component.source_name() && is_version {
                        continue;
                    }
                    Some(component.source_name())
                }
                "type" if said == "jar" => continue,
                key => own.and_then(|own| own.qualifier(key)),
            };
            let wanted = match qualifier.as_str() {
                "arch" => architecture(said),
                _ => said,
            };
            if is != Some(wanted) {
                let is = is.unwrap_or("unknown");
                return Err(nearly(format!(
                    "{qualifier}={said} ≠ {is} of {}",
                    component.name
                )));
            }
        }
        Ok(())
    }

    fn ecosystem(&self, component: &Component) -> String {
        match component.kind {
            ComponentKind::Golang => "go".to_owned(),
            kind if kind.is_system() => {
                let own = component.purl.as_ref().and_then(of_qualifier);
                let known = own.or_else(|| self.distribution.clone());
                known.unwrap_or_else(|| match kind {
                    ComponentKind::Deb => "debian".to_owned(),
                    ComponentKind::Apk => "alpine".to_owned(),
                    _ => String::new(),
                })
            }
            kind => kind.as_str().to_owned(),
        }
    }

    /// Whether a name means this image.
    fn image(&self, name: &str) -> Result<(), Miss> {
        let wanted = ImageName::of(name);
        if let Some(other) = &wanted.other {
            return Err(far(format!("{other} is not known of images")));
        }
        let strange = wanted
            .digests
            .iter()
            .find(|one| !self.digests.contains(*one));
        if let Some(digest) = strange {
            return Err(far(format!(
                "{name} is another image: {digest} is neither its manifest nor its configuration"
            )));
        }
        let platform = self.inventory.subject.platform.as_deref();
        for (spelled, said) in &wanted.platforms {
            let is = match platform {
                Some(is) => Platform::of(is).is(said),
                None => !wanted.digests.is_empty(),
            };
            if !is {
                let is = platform.unwrap_or("unknown");
                return Err(nearly(format!("{spelled} ≠ {is}")));
            }
        }
        if !wanted.digests.is_empty() {
            // A digest says all; the name beside it is where it was found.
            return Ok(());
        }
        let about = &wanted.repository;
        let mut miss = far(match self.references.first() {
            Some(is) => format!("it is about the image {about}, this one is {is}"),
            None => format!(
                "it is about the image {about}, and nobody gave this one a name (`--vex-product`)"
            ),
        });
        for reference in &self.references {
            let is = ImageName::of(reference);
            let tail = format!("/{}", wanted.repository);
            let is_same = is.repository == wanted.repository
                || (wanted.is_partial && is.repository.ends_with(&tail));
            if !is_same || wanted.repository.is_empty() {
                continue;
            }
            match wanted.tags.iter().find(|said| !is.tags.contains(said)) {
                Some(said) => {
                    let is = is.tags.first().map_or("unknown", String::as_str);
                    miss = nearly(format!("tag {said} ≠ {is} of {reference}"));
                }
                None => return Ok(()),
            }
        }
        Err(miss)
    }
}

/// Keeps the nearer of two misses, the first of equals.
fn nearer(miss: &mut Option<Miss>, found: Miss) {
    if miss.as_ref().is_none_or(|kept| kept.near < found.near) {
        *miss = Some(found);
    }
}

/// What stands behind the first `+`: the metadata of a build, which SemVer's order leaves out.
fn build(version: &str) -> Option<&str> {
    version.split_once('+').map(|(_, build)| build)
}

/// The name of a package URL as components have it.
fn full_name(purl: &Purl) -> String {
    match (purl.kind(), purl.namespace()) {
        ("deb" | "apk" | "rpm", _) | (_, None) => purl.name().to_owned(),
        ("maven", Some(group)) => format!("{group}:{}", purl.name()),
        (_, Some(namespace)) => format!("{namespace}/{}", purl.name()),
    }
}

/// The last part of a name, in the spelling that components are looked up by.
fn last(name: &str) -> String {
    let name = name.rsplit(['/', ':']).next().unwrap_or(name);
    name.chars()
        .map(|character| match character {
            '_' | '.' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Inventory {
        let mut inventory = Inventory::default();
        inventory.subject.platform = Some("linux/amd64".to_owned());
        inventory.subject.manifest = Some(kiln_types::Digest::of(b"m"));
        inventory
    }

    #[test]
    fn images_have_many_names_and_one_registry_is_not_another() {
        let digest = kiln_types::Digest::of(b"m").to_string();
        let by_digest = format!("pkg:oci/whatever@{}", digest.replace(':', "%3A"));
        let at_digest = format!("ghcr.io/other@{digest}");
        let by_qualifier = format!("pkg:docker/x?digest={}", digest.replace(':', "%3A"));
        let both = format!("{by_digest}?digest=sha256%3A00");
        let of_platform = format!("{by_digest}?platform=linux%2Farm64");
        for (found, name, is) in [
            ("nginx:1.27", "nginx", true),
            ("nginx:1.27", "docker.io/library/nginx", true),
            ("index.docker.io/library/nginx:1.27", "nginx:1.27", true),
            ("nginx:1.27", "nginx:1.26", false),
            ("nginx", "nginx:1.26", false),
            ("ghcr.io/evil/nginx:1.27", "nginx", false),
            ("ghcr.io/evil/nginx:1.27", "pkg:docker/nginx", false),
            ("nginx:1.27", "pkg:docker/nginx", true),
            ("nginx:1.27", "pkg:docker/library/nginx@1.27", true),
            ("ghcr.io/org/nginx:1.27", "pkg:oci/nginx", true),
            ("ghcr.io/org/nginx:1.27", "pkg:oci/nginx?tag=1.26", false),
            (
                "ghcr.io/org/nginx",
                "pkg:oci/nginx?repository_url=ghcr.io/org/nginx",
                true,
            ),
            (
                "ghcr.io/org/nginx",
                "pkg:oci/nginx?repository_url=ghcr.io/org",
                true,
            ),
            (
                "ghcr.io/org/nginx",
                "pkg:oci/nginx?repository_url=quay.io/org/nginx",
                false,
            ),
            ("ghcr.io/org/nginx", "pkg:oci/nginx?arch=arm64", false),
            ("ghcr.io/org/nginx", "pkg:oci/nginx?arch=x86_64", true),
            (
                "ghcr.io/org/nginx",
                "pkg:oci/nginx?platform=linux%2Farm64",
                false,
            ),
            (
                "ghcr.io/org/nginx",
                "pkg:oci/nginx?platform=linux%2Famd64",
                true,
            ),
            (
                "ghcr.io/org/nginx",
                "pkg:oci/nginx?platform=linux%2Famd64%2Fv3",
                false,
            ),
            ("ghcr.io/org/nginx", "pkg:oci/nginx?os=windows", false),
            ("ghcr.io/org/nginx", "pkg:oci/nginx?os=linux", true),
            ("ghcr.io/org/nginx", "pkg:oci/nginx?variant=v7", false),
            ("ghcr.io/org/nginx", "pkg:oci/nginx?flavor=debug", false),
            ("ghcr.io/org/nginx", "pkg:oci/nginx#usr/bin", false),
            ("nginx:1.27", "pkg:docker/nginx@1.27?tag=1.26", false),
            (
                "nginx:1.27",
                "pkg:docker/nginx@1.27?digest=sha256%3A00",
                false,
            ),
            ("other", &by_qualifier, true),
            ("other", &both, false),
            ("other", &of_platform, false),
            ("docker.io/dhi/node:22", "pkg:oci/dhi%2Fnode", true),
            ("docker.io/dhi/node:22", "pkg:docker/dhi/node", true),
            ("node:22", "pkg:docker/dhi/node", false),
            ("anything", &by_digest, true),
            ("anything", &at_digest, true),
            ("anything", &digest, true),
            ("anything", "sha256:00", false),
            ("localhost:5000/a/b:1", "localhost:5000/a/b", true),
            ("localhost:5000/a/b:1", "", false),
        ] {
            let inventory = target();
            let answer = Target::new(&inventory, &[found.to_owned()]).image(name);
            assert_eq!(answer.is_ok(), is, "{found} is {name}: {answer:?}");
        }
    }
    #[test]
    fn what_an_image_says_of_its_own_name_is_not_believed() {
        let digest = kiln_types::Digest::of(b"another");
        let mut inventory = target();
        inventory.subject.name = format!("ghcr.io/org/nginx:1.27@{digest}");
        for name in [
            "ghcr.io/org/nginx",
            "pkg:oci/nginx?repository_url=ghcr.io/org/nginx",
            &digest.to_string(),
            &format!("pkg:oci/nginx@{}", digest.to_string().replace(':', "%3A")),
        ] {
            let answer = Target::new(&inventory, &[]).image(name);
            assert!(answer.is_err(), "{name}: {answer:?}");
            let typed = [inventory.subject.name.clone()];
            assert_eq!(
                Target::new(&inventory, &typed).image(name),
                Ok(()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_platform_that_is_said_must_be_known() {
        for (is, said, expected) in [
            (None, "platform=linux%2Farm64", false),
            (None, "arch=arm64", false),
            (Some("linux/arm64"), "platform=linux%2Farm64%2Fv8", true),
            (Some("linux/arm64/v8"), "platform=linux%2Faarch64", true),
            (Some("linux/arm/v7"), "platform=linux%2Farm%2Fv6", false),
            (Some("linux/arm/v7"), "platform=linux%2Farm", true),
            (Some("linux/arm"), "platform=linux%2Farm%2Fv7", false),
            (
                Some("linux/arm64"),
                "arch=arm64&platform=linux%2Famd64",
                false,
            ),
        ] {
            let mut inventory = target();
            inventory.subject.platform = is.map(str::to_owned);
            let name = format!("pkg:oci/nginx?{said}");
            let known = ["ghcr.io/org/nginx".to_owned()];
            let answer = Target::new(&inventory, &known).image(&name);
            assert_eq!(answer.is_ok(), expected, "{is:?} {said}: {answer:?}");
        }
    }
}
