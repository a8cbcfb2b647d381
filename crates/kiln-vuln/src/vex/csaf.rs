//! CSAF 2.0 (OASIS), its VEX profile first of all: products stand in a tree under ids, and relations
//! make products out of a part and a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kiln_types::VexStatus;
use serde_json::Value;

use super::identity::identity;
use super::read::{Budget, DEEPEST, Read, Wrong, ids, is_short, list, moment, prose, short, time};
use super::{Moment, VexProduct, VexStatement};

/// What is spent on each id in a list: a group of very many may be named very often.
const EACH: usize = 64;

pub(super) fn read(document: &Value, budget: &mut Budget) -> Result<Read, Wrong> {
    let head = "its head";
    let tree = document.get("product_tree").unwrap_or(&Value::Null);
    let products = products(tree, budget)?;
    let groups = groups(tree)?;
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let author = text("/document/publisher/name").unwrap_or_default();
    is_short(author, head)?;
    let at = text("/document/tracking/current_release_date").map(|found| {
        moment(found).ok_or_else(|| {
            let reason = format!("`current_release_date` is no time: `{found}`");
            (head.to_owned(), reason)
        })
    });
    let at = at.transpose()?;
    let mut statements = Vec::new();
    for (number, vulnerability) in (1..).zip(list(document, "vulnerabilities", head)?) {
        let place = format!("vulnerability {number}");
        let mut named = vec![short(vulnerability, "cve", &place)?];
        for id in list(vulnerability, "ids", &place)? {
            named.push(short(id, "text", &place)?);
        }
        let ids = ids(named);
        if ids.is_empty() {
            return Err((place, "it has no id".to_owned()));
        }
        let reasons = Reasons::of(vulnerability, &groups, &place, budget)?;
        let status = vulnerability.get("product_status").unwrap_or(&Value::Null);
        // Of equal times the later place holds, which must not be one that suppresses: one entry may
        // name a package in general and in a version.
        for (word, meaning) in [
            ("known_not_affected", VexStatus::NotAffected),
            ("first_fixed", VexStatus::Fixed),
            ("fixed", VexStatus::Fixed),
            ("first_affected", VexStatus::Affected),
            ("known_affected", VexStatus::Affected),
            ("last_affected", VexStatus::Affected),
            ("under_investigation", VexStatus::UnderInvestigation),
        ] {
            // Products with one reason make one statement.
            let mut by_reason: BTreeMap<(Reason, bool), Vec<VexProduct>> = BTreeMap::new();
            for id in list(status, word, &place)? {
                let id = id.as_str().unwrap_or_default();
                is_short(id, &place)?;
                // Some documents name what their tree does not define: nothing is such a product.
                let known = products.get(id);
                budget.products(known.map_or(&[], std::slice::from_ref), &place)?;
                budget.spend(EACH, &place)?;
                let product = known.cloned().unwrap_or_else(|| VexProduct {
                    unknown: Some(format!("`{word}` names `{id}`, which is no product")),
                    ..VexProduct::default()
                });
                let reason = reasons.about(id);
                let is_usable = meaning != VexStatus::NotAffected
                    || !(reason.justification.is_empty() && reason.impact.is_empty());
                by_reason
                    .entry((reason, is_usable))
                    .or_default()
                    .push(product);
            }
            for ((reason, is_usable), products) in by_reason {
                budget.texts(&ids, &place)?;
                budget.spend(reason.justification.len() + reason.impact.len(), &place)?;
                statements.push(VexStatement {
                    place: format!("{place}, {word}"),
                    at: reason.at.or(at),
                    ids: ids.clone(),
                    status: meaning,
                    justification: reason.justification.to_string(),
                    impact: reason.impact.to_string(),
                    action: String::new(),
                    notes: String::new(),
                    products,
                    unusable: (!is_usable).then(|| {
                        "a product that is not affected needs a flag or an impact".to_owned()
                    }),
                });
            }
        }
    }
    Ok(Read {
        author: author.to_owned(),
        at,
        statements,
    })
}

/// All products by their ids.
fn products(tree: &Value, budget: &mut Budget) -> Result<BTreeMap<String, VexProduct>, Wrong> {
    let place = "the product tree";
    let mut out: BTreeMap<String, VexProduct> = BTreeMap::new();
    let mut open: Vec<(&Value, usize)> = vec![(tree, 0)];
    while let Some((branch, depth)) = open.pop() {
        if depth > DEEPEST {
            return Err((place.to_owned(), "it is too deep".to_owned()));
        }
        for below in list(branch, "branches", place)? {
            open.push((below, depth + 1));
        }
        let own = branch.get("product").into_iter();
        for product in own.chain(list(branch, "full_product_names", place)?) {
            let (id, found) = full_product(product, place)?;
            out.insert(id, found);
        }
    }
    for relation in list(tree, "relationships", place)? {
        let product = relation.get("full_product_name").unwrap_or(&Value::Null);
        let (id, own) = full_product(product, place)?;
        let mut side = |key: &str| -> Result<VexProduct, Wrong> {
            let id = short(relation, key, place)?;
            let known = out.get(id);
            budget.products(known.map_or(&[], std::slice::from_ref), place)?;
            Ok(known.cloned().unwrap_or_else(|| VexProduct {
                unknown: Some(format!("a relationship names `{id}`, which is no product")),
                ..VexProduct::default()
            }))
        };
        let (part, whole) = (
            side("product_reference")?,
            side("relates_to_product_reference")?,
        );
        // Where the whole is a distribution, which has no package URL, the package says itself what
        // it is of: `distro=…`. Else a part without its whole would be said of everything.
        let found = match (own.names.is_empty(), whole.names.is_empty()) {
            (false, _) => own,
            (true, false) => VexProduct {
                names: whole.names,
                parts: part.names,
                unknown: part.unknown,
                doubt: whole.doubt.or(part.doubt),
            },
            (true, true) => VexProduct {
                unknown: whole.unknown.or(part.unknown),
                ..VexProduct::default()
            },
        };
        out.insert(id, found);
    }
    Ok(out)
}

fn full_product(product: &Value, place: &str) -> Result<(String, VexProduct), Wrong> {
    let id = short(product, "product_id", place)?;
    if id.is_empty() {
        return Err((place.to_owned(), "a product has no id".to_owned()));
    }
    let nothing = Value::Null;
    let helper = product
        .get("product_identification_helper")
        .unwrap_or(&nothing);
    let mut names = Vec::new();
    let purl = short(helper, "purl", place)?;
    if !purl.is_empty() {
        names.push(purl.to_owned());
    }
    // CSAF 2.1.
    for purl in list(helper, "purls", place)? {
        let purl = purl.as_str().unwrap_or_default();
        is_short(purl, place)?;
        names.push(purl.to_owned());
    }
    for hash in list(helper, "hashes", place)? {
        for file in list(hash, "file_hashes", place)? {
            if short(file, "algorithm", place)? == "sha256" {
                let value = short(file, "value", place)?.to_ascii_lowercase();
                names.push(format!("sha256:{value}"));
            }
        }
    }
    let found = identity(names, &[short(helper, "cpe", place)?], ("", ""));
    let unknown = found.refused.or_else(|| {
        if !found.names.is_empty() {
            return None;
        }
        let name = product.get("name").and_then(Value::as_str).unwrap_or(id);
        let name: String = name.chars().take(120).collect();
        Some(format!("the product `{name}` has no package URL"))
    });
    let product = VexProduct {
        names: found.names,
        parts: Vec::new(),
        unknown,
        doubt: found.doubt,
    };
    Ok((id.to_owned(), product))
}

fn groups(tree: &Value) -> Result<BTreeMap<&str, Vec<&str>>, Wrong> {
    let place = "the product groups";
    let mut out = BTreeMap::new();
    for group in list(tree, "product_groups", place)? {
        let members = list(group, "product_ids", place)?.iter();
        let members = members.filter_map(Value::as_str).collect();
        out.insert(short(group, "group_id", place)?, members);
    }
    Ok(out)
}

/// Why a product has its status.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Reason {
    justification: Rc<str>,
    impact: Rc<str>,
    at: Option<Moment>,
}

/// The reasons of one vulnerability, by product.
struct Reasons(BTreeMap<String, Reason>, Reason);

impl Reasons {
    fn of(
        vulnerability: &Value,
        groups: &BTreeMap<&str, Vec<&str>>,
        place: &str,
        budget: &mut Budget,
    ) -> Result<Self, Wrong> {
        let mut out = Self(BTreeMap::new(), Reason::default());
        for flag in list(vulnerability, "flags", place)? {
            let label: Rc<str> = short(flag, "label", place)?.into();
            let at = time(flag, "date", place)?;
            out.each(flag, groups, place, budget, |reason| {
                reason.justification = Rc::clone(&label);
                reason.at = at;
            })?;
        }
        for threat in list(vulnerability, "threats", place)? {
            if short(threat, "category", place)? != "impact" {
                continue;
            }
            let details: Rc<str> = prose(threat, "details", place)?.into();
            out.each(threat, groups, place, budget, |reason| {
                reason.impact = Rc::clone(&details);
            })?;
        }
        Ok(out)
    }

    /// Changes the reasons that an entry is about: those of its products and groups; that of all
    /// where it names none.
    fn each(
        &mut self,
        entry: &Value,
        groups: &BTreeMap<&str, Vec<&str>>,
        place: &str,
        budget: &mut Budget,
        change: impl Fn(&mut Reason),
    ) -> Result<(), Wrong> {
        let products = list(entry, "product_ids", place)?;
        let named = list(entry, "group_ids", place)?;
        if products.is_empty() && named.is_empty() {
            change(&mut self.1);
            return Ok(());
        }
        let mut about: BTreeSet<&str> = BTreeSet::new();
        let of_groups = named.iter().filter_map(Value::as_str);
        let of_groups = of_groups.flat_map(|group| groups.get(group).into_iter().flatten());
        let own = products.iter().filter_map(Value::as_str);
        for id in own.chain(of_groups.copied()) {
            budget.spend(EACH, place)?;
            about.insert(id);
        }
        for id in about {
            match self.0.get_mut(id) {
                Some(reason) => change(reason),
                None => {
                    budget.spend(id.len(), place)?;
                    change(self.0.entry(id.to_owned()).or_default());
                }
            }
        }
        Ok(())
    }

    fn about(&self, id: &str) -> Reason {
        let mut out = self.0.get(id).cloned().unwrap_or_default();
        let general = &self.1;
        if out.justification.is_empty() {
            out.justification = Rc::clone(&general.justification);
            out.at = out.at.or(general.at);
        }
        if out.impact.is_empty() {
            out.impact = Rc::clone(&general.impact);
        }
        out
    }
}
