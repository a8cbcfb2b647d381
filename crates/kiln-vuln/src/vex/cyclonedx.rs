//! CycloneDX 1.4–1.7: vulnerabilities with an analysis, and components of the same document or of
//! another one (BOM-Link) that they affect.

use std::collections::BTreeMap;

use kiln_types::{Purl, VexStatus};
use serde_json::Value;

use super::identity::identity;
use super::image::ImageName;
use super::read::{Budget, DEEPEST, Read, Wrong, ids, is_short, list, product, prose, short, time};
use super::{VexProduct, VexStatement};

pub(super) fn read(document: &Value, budget: &mut Budget) -> Result<Read, Wrong> {
    let head = "its head";
    let nothing = Value::Null;
    let metadata = document.get("metadata").unwrap_or(&nothing);
    let components = components(document, metadata)?;
    let link = link(document, head)?;
    let at = time(metadata, "timestamp", head)?;
    let author = [
        "/authors/0/name",
        "/manufacturer/name",
        "/supplier/name",
        "/tools/components/0/name",
    ]
    .into_iter()
    .find_map(|place| metadata.pointer(place).and_then(Value::as_str))
    .unwrap_or_default();
    is_short(author, head)?;
    let mut statements = Vec::new();
    for (number, vulnerability) in (1..).zip(list(document, "vulnerabilities", head)?) {
        let place = format!("vulnerability {number}");
        // Without an analysis it is what a scanner found, and nobody's word on it.
        let Some(analysis) = vulnerability.get("analysis") else {
            continue;
        };
        let state = short(analysis, "state", &place)?;
        let status = match state {
            "not_affected" | "false_positive" => VexStatus::NotAffected,
            "resolved" | "resolved_with_pedigree" => VexStatus::Fixed,
            "exploitable" => VexStatus::Affected,
            "in_triage" => VexStatus::UnderInvestigation,
            "" => continue,
            other => return Err((place, format!("the state `{other}` is unknown"))),
        };
        let mut named = vec![short(vulnerability, "id", &place)?];
        for reference in list(vulnerability, "references", &place)? {
            named.push(short(reference, "id", &place)?);
        }
        let ids = ids(named);
        if ids.is_empty() {
            return Err((place, "it has no id".to_owned()));
        }
        // What suppresses goes first: of equal times the later place holds.
        let mut about: BTreeMap<(bool, VexStatus), Vec<VexProduct>> = BTreeMap::new();
        for affects in list(vulnerability, "affects", &place)? {
            for (said, product) in affected(affects, (&components, &link), &place, budget)? {
                let status = said.unwrap_or(status);
                let key = (!status.suppresses(), status);
                about.entry(key).or_default().push(product);
            }
        }
        let impact = prose(analysis, "detail", &place)?;
        let justification = match short(analysis, "justification", &place)? {
            "" if state == "false_positive" => state,
            found => found,
        };
        let own = time(analysis, "lastUpdated", &place)?;
        let own = own.or(time(analysis, "firstIssued", &place)?).or(at);
        for ((_, status), products) in about {
            budget.texts(ids.iter().chain([&impact]), &place)?;
            let is_unfounded =
                status == VexStatus::NotAffected && justification.is_empty() && impact.is_empty();
            statements.push(VexStatement {
                place: place.clone(),
                at: own,
                ids: ids.clone(),
                status,
                justification: justification.to_owned(),
                impact: impact.clone(),
                action: String::new(),
                notes: String::new(),
                products,
                unusable: is_unfounded
                    .then(|| "`not_affected` needs a justification or a detail".to_owned()),
            });
        }
    }
    Ok(Read {
        author: author.to_owned(),
        at,
        statements,
    })
}

/// All components of the document by their references.
fn components<'a>(
    document: &'a Value,
    metadata: &'a Value,
) -> Result<BTreeMap<&'a str, VexProduct>, Wrong> {
    let place = "its components";
    let mut out = BTreeMap::new();
    let mut open: Vec<(&Value, usize)> = Vec::new();
    open.extend(metadata.get("component").map(|component| (component, 0)));
    for component in list(document, "components", place)? {
        open.push((component, 0));
    }
    while let Some((component, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err((place.to_owned(), "they are nested too deep".to_owned()));
        }
        for below in list(component, "components", place)? {
            open.push((below, depth + 1));
        }
        let purl = short(component, "purl", place)?;
        let name = short(component, "name", place)?;
        let version = short(component, "version", place)?;
        let mut found = match (purl, short(component, "type", place)?) {
            ("", "container") if !name.is_empty() => product(name),
            ("", _) => VexProduct {
                unknown: Some(format!("the component `{name}` has no package URL")),
                ..VexProduct::default()
            },
            (purl, _) => {
                let cpe = short(component, "cpe", place)?;
                let doubt = identity(vec![purl.to_owned()], &[cpe], (name, version)).doubt;
                VexProduct {
                    doubt,
                    ..product(purl)
                }
            }
        };
        // Where its name has a version, that is the one.
        if let Some(name) = found.names.first_mut()
            && !version.is_empty()
            && !has_version(name)
            && !with_version(name, version)
        {
            found = VexProduct {
                unknown: Some(format!("the version `{version}` of `{name}` is not read")),
                ..VexProduct::default()
            };
        }
        let reference = short(component, "bom-ref", place)?;
        if !reference.is_empty() {
            out.insert(reference, found);
        }
    }
    Ok(out)
}

/// How others refer to this document (BOM-Link): `SERIAL/VERSION`, or nothing.
fn link(document: &Value, place: &str) -> Result<String, Wrong> {
    let serial = short(document, "serialNumber", place)?.to_ascii_lowercase();
    let version = document.get("version").map_or(Some(1), Value::as_u64);
    Ok(match (serial.strip_prefix("urn:uuid:"), version) {
        (Some(serial), Some(version)) if !serial.is_empty() => format!("{serial}/{version}"),
        _ => String::new(),
    })
}

/// What an entry of `affects` is about. What it says of a version holds for that version, whatever
/// the analysis says of the others; without a word it is affected, as the schema has it.
fn affected(
    affects: &Value,
    (components, link): (&BTreeMap<&str, VexProduct>, &str),
    place: &str,
    budget: &mut Budget,
) -> Result<Vec<(Option<VexStatus>, VexProduct)>, Wrong> {
    let reference = short(affects, "ref", place)?;
    // BOM-Link (`urn:cdx:SERIAL/VERSION#REFERENCE`): a component of another document, known here
    // only where its reference is a package URL.
    let (own, local) = match reference.strip_prefix("urn:cdx:") {
        Some(found) => {
            let (of, local) = found.split_once('#').unwrap_or((found, ""));
            (of.eq_ignore_ascii_case(link), local)
        }
        None => (true, reference),
    };
    let own = components.get(local).filter(|_| own);
    let found = match own {
        Some(found) => found.clone(),
        None if local.starts_with("pkg:") => product(local),
        None => VexProduct {
            unknown: Some(format!("`{reference}` is no component of the document")),
            ..VexProduct::default()
        },
    };
    budget.products(std::slice::from_ref(&found), place)?;
    let versions = list(affects, "versions", place)?;
    if versions.is_empty() {
        return Ok(vec![(None, found)]);
    }
    let mut out = Vec::new();
    for entry in versions {
        let said = match short(entry, "status", place)? {
            "" | "affected" => Some(VexStatus::Affected),
            "unaffected" => Some(VexStatus::NotAffected),
            "unknown" => Some(VexStatus::UnderInvestigation),
            other => return Err((place.to_owned(), format!("the status `{other}` is unknown"))),
        };
        let version = short(entry, "version", place)?;
        budget.products(std::slice::from_ref(&found), place)?;
        budget.spend(version.len(), place)?;
        let mut one = found.clone();
        if version.is_empty() {
            let range = short(entry, "range", place)?;
            one.names.clear();
            one.unknown = Some(format!("ranges of versions are not read: `{range}`"));
        } else {
            one.names.retain_mut(|name| with_version(name, version));
            if one.names.is_empty() && one.unknown.is_none() {
                one.unknown = Some(format!("it is about another version: {version}"));
            }
        }
        out.push((said, one));
    }
    Ok(out)
}

/// Whether the name of a product says all about its version: by a package URL's, or by a digest.
fn has_version(name: &str) -> bool {
    match name.parse::<Purl>() {
        Ok(purl) => purl.version().is_some(),
        Err(_) => !ImageName::of(name).digests.is_empty(),
    }
}

/// Puts a version into a name that has none; false where it has another, or cannot say it.
fn with_version(name: &mut String, version: &str) -> bool {
    let Ok(purl) = name.parse::<Purl>() else {
        return image_with_version(name, version);
    };
    if matches!(purl.kind(), "oci" | "docker")
        && purl.qualifier("tag").is_some_and(|tag| tag != version)
    {
        return false;
    }
    match purl.version() {
        Some(own) => own == version,
        None => {
            let built = Purl::build(
                purl.kind(),
                purl.namespace(),
                purl.name(),
                Some(version),
                purl.qualifiers().clone(),
                purl.subpath(),
            );
            built.map(|purl| *name = purl.to_string()).is_ok()
        }
    }
}

/// The same of the reference of an image, whose version is its tag or its digest.
fn image_with_version(name: &mut String, version: &str) -> bool {
    let own = ImageName::of(name);
    if !(own.digests.is_empty() && own.tags.is_empty()) {
        return own
            .digests
            .iter()
            .chain(&own.tags)
            .any(|own| own == version);
    }
    let is_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if version.starts_with("sha256:") {
        *name = format!("{name}@{version}");
    } else if version.bytes().all(is_tag) {
        *name = format!("{name}:{version}");
    } else {
        return false;
    }
    true
}
