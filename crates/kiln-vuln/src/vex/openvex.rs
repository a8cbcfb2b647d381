//! OpenVEX: version 0.2.0 of openvex/spec, and what came before it (texts where 0.2.0 has objects).

use kiln_types::VexStatus;
use serde_json::Value;

use super::identity::{Identity, identity};
use super::read::{Budget, Read, Wrong, ids, is_short, list, prose, short, time};
use super::{VexProduct, VexStatement};

/// The justifications that the specification knows.
pub(super) const JUSTIFICATIONS: [&str; 5] = [
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
];

pub(super) fn read(document: &Value, budget: &mut Budget) -> Result<Read, Wrong> {
    let head = "its head";
    if document.get("statements").is_none() {
        return Err((head.to_owned(), "it has no statements".to_owned()));
    }
    let at = time(document, "timestamp", head)?;
    let general = products(document, head, budget)?;
    let mut statements = Vec::new();
    for (number, statement) in (1..).zip(list(document, "statements", head)?) {
        let place = format!("statement {number}");
        if !statement.is_object() {
            return Err((place, "it is no object".to_owned()));
        }
        let word = short(statement, "status", &place)?;
        let Some(status) = VexStatus::of_word(word) else {
            return Err((place, format!("the status `{word}` is unknown")));
        };
        let vulnerability = statement.get("vulnerability").unwrap_or(&Value::Null);
        let mut named = vec![
            vulnerability.as_str().unwrap_or_default(),
            short(vulnerability, "name", &place)?,
        ];
        for alias in list(vulnerability, "aliases", &place)? {
            named.push(alias.as_str().unwrap_or_default());
        }
        if named.iter().all(|name| name.is_empty()) {
            named.push(short(vulnerability, "@id", &place)?);
        }
        for name in &named {
            is_short(name, &place)?;
        }
        let ids = ids(named);
        if ids.is_empty() {
            return Err((place, "it names no vulnerability".to_owned()));
        }
        let justification = short(statement, "justification", &place)?;
        let impact = prose(statement, "impact_statement", &place)?;
        let unusable =
            if status == VexStatus::NotAffected && justification.is_empty() && impact.is_empty() {
                Some("`not_affected` needs a justification or an impact statement".to_owned())
            } else if !justification.is_empty() && !JUSTIFICATIONS.contains(&justification) {
                Some(format!("the justification `{justification}` is unknown"))
            } else {
                None
            };
        let mut products = products(statement, &place, budget)?;
        if products.is_empty() {
            budget.products(&general, &place)?;
            products.clone_from(&general);
        }
        statements.push(VexStatement {
            at: time(statement, "timestamp", &place)?.or(at),
            ids,
            status,
            justification: justification.to_owned(),
            impact,
            action: prose(statement, "action_statement", &place)?,
            notes: prose(statement, "status_notes", &place)?,
            products,
            unusable,
            place,
        });
    }
    Ok(Read {
        author: short(document, "author", head)?.to_owned(),
        at,
        statements,
    })
}

fn products(value: &Value, place: &str, budget: &mut Budget) -> Result<Vec<VexProduct>, Wrong> {
    // Before 0.2.0 the subcomponents stood beside the products.
    let beside = parts(value, place)?;
    let mut out = Vec::new();
    for product in list(value, "products", place)? {
        budget.texts(&beside.names, place)?;
        let mut parts = parts(product, place)?;
        parts.is_said |= beside.is_said;
        parts.names.extend_from_slice(&beside.names);
        parts.refused = parts.refused.or_else(|| beside.refused.clone());
        parts.doubt = parts.doubt.or_else(|| beside.doubt.clone());
        let own = names(product, place)?;
        let unread = |kind: &str, refused: Option<String>| {
            Some(refused.unwrap_or_else(|| {
                format!("a {kind} has no name that is read (`@id`, `purl`, `sha-256`)")
            }))
        };
        let unknown = match (own.names.is_empty(), parts.names.is_empty()) {
            (true, _) => unread("product", own.refused),
            // Without its parts it would be said of the whole.
            (false, true) if parts.is_said => unread("subcomponent", parts.refused.take()),
            (false, _) => None,
        };
        let product = VexProduct {
            names: own.names,
            parts: parts.names,
            unknown,
            doubt: own.doubt.or(parts.refused).or(parts.doubt),
        };
        budget.products(std::slice::from_ref(&product), place)?;
        out.push(product);
    }
    Ok(out)
}

/// The parts of a product.
struct Parts {
    /// The names of all.
    names: Vec<String>,
    /// Whether any is said.
    is_said: bool,
    /// What is wrong with the first that is refused, and with the first that is doubtful.
    refused: Option<String>,
    doubt: Option<String>,
}

fn parts(holder: &Value, place: &str) -> Result<Parts, Wrong> {
    let said = list(holder, "subcomponents", place)?;
    let mut out = Parts {
        names: Vec::new(),
        is_said: !said.is_empty(),
        refused: None,
        doubt: None,
    };
    for part in said {
        let part = names(part, place)?;
        out.names.extend(part.names);
        out.refused = out.refused.or(part.refused);
        out.doubt = out.doubt.or(part.doubt);
    }
    Ok(out)
}

/// The names of a component that are read: its id, which may be a package URL, its identifiers and
/// its hashes.
fn names(value: &Value, place: &str) -> Result<Identity, Wrong> {
    let nothing = Value::Null;
    let identifiers = value.get("identifiers").unwrap_or(&nothing);
    let hashes = value.get("hashes").unwrap_or(&nothing);
    let mut out: Vec<String> = Vec::new();
    for name in [
        value.as_str().unwrap_or_default(),
        short(value, "@id", place)?,
        short(identifiers, "purl", place)?,
    ] {
        is_short(name, place)?;
        if !name.is_empty() && !out.iter().any(|found| found == name) {
            out.push(name.to_owned());
        }
    }
    let hash = short(hashes, "sha-256", place)?;
    if !hash.is_empty() {
        out.push(format!("sha256:{}", hash.to_ascii_lowercase()));
    }
    let cpes = [
        short(identifiers, "cpe23", place)?,
        short(identifiers, "cpe22", place)?,
    ];
    Ok(identity(out, &cpes, ("", "")))
}
