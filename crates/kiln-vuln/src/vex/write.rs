//! OpenVEX documents that kiln writes. Equal statements give equal bytes, whatever order they came in.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Digest, VexStatus};
use serde_json::{Map, Value, json};

use super::openvex::JUSTIFICATIONS;
use super::{Moment, VexDocument, VexProduct, VexStatement};

/// What a document says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexHead {
    /// Its id, an IRI; made of its content where there is none.
    pub id: Option<String>,
    /// Who says what it says.
    pub author: String,
    /// When.
    pub at: Moment,
    /// What wrote it.
    pub tooling: String,
}

/// The rule of OpenVEX 0.2.0 that a statement breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementMistake {
    /// There is no id.
    #[error("it names no vulnerability")]
    Id,
    /// There is no product.
    #[error("it names no product")]
    Product,
    /// The word is none of OpenVEX.
    #[error("the justification `{0}` is none of {words}", words = JUSTIFICATIONS.join(", "))]
    Justification(String),
    /// Not affected, without a word why.
    #[error("`not_affected` needs a justification or an impact statement")]
    NoReason,
    /// Affected, without a word what to do.
    #[error("`affected` needs an action statement")]
    NoAction,
    /// This status has no reason.
    #[error("`{0}` has neither justification nor impact statement")]
    Reason(VexStatus),
    /// This status asks for no action.
    #[error("`{0}` has no action statement")]
    Action(VexStatus),
}

/// A statement that breaks a rule of OpenVEX 0.2.0, as it would be written.
///
/// # Errors
/// The rule.
pub fn check_statement(statement: &VexStatement) -> Result<(), StatementMistake> {
    let has_reason = !statement.justification.is_empty() || !statement.impact.is_empty();
    let status = statement.status;
    if statement.ids.is_empty() {
        return Err(StatementMistake::Id);
    }
    if statement.products.is_empty() {
        return Err(StatementMistake::Product);
    }
    let word = statement.justification.as_str();
    if !word.is_empty() && !JUSTIFICATIONS.contains(&word) {
        return Err(StatementMistake::Justification(word.to_owned()));
    }
    match status {
        VexStatus::NotAffected if !has_reason => Err(StatementMistake::NoReason),
        VexStatus::Affected if statement.action.is_empty() => Err(StatementMistake::NoAction),
        VexStatus::Affected | VexStatus::Fixed | VexStatus::UnderInvestigation if has_reason => {
            Err(StatementMistake::Reason(status))
        }
        VexStatus::NotAffected | VexStatus::Fixed | VexStatus::UnderInvestigation
            if !statement.action.is_empty() =>
        {
            Err(StatementMistake::Action(status))
        }
        _ => Ok(()),
    }
}

/// A statement as it is written, and what it is sorted by: its time before its name, for statements
/// under several names (GHSA, CVE) may be about one finding.
struct Row {
    at: Option<Moment>,
    /// Of equal times the last one holds, which must not be one that suppresses.
    stands: bool,
    name: String,
    text: String,
    value: Value,
}

impl Row {
    fn key(&self) -> (Option<Moment>, bool, &str, &str) {
        (self.at, self.stands, &self.name, &self.text)
    }
}

/// Writes statements as one document, sorted.
#[must_use]
pub fn write_openvex(statements: &[VexStatement], head: &VexHead) -> Value {
    let mut rows: Vec<Row> = statements
        .iter()
        .map(|statement| {
            let value = written(statement);
            Row {
                at: statement.at,
                stands: !statement.status.suppresses(),
                name: name_and_aliases(&statement.ids).0,
                text: value.to_string(),
                value,
            }
        })
        .collect();
    rows.sort_by(|one, other| one.key().cmp(&other.key()));
    rows.dedup_by(|one, other| one.text == other.text);
    let statements: Vec<Value> = rows.into_iter().map(|row| row.value).collect();
    let mut document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": head.author,
        "timestamp": head.at.to_string(),
        "version": 1,
        "tooling": head.tooling,
        "statements": statements,
    });
    let id = head.id.clone().unwrap_or_else(|| {
        let digest = Digest::of(document.to_string().as_bytes()).hex();
        format!("https://openvex.dev/docs/public/vex-{digest}")
    });
    if let Some(map) = document.as_object_mut() {
        map.insert("@id".to_owned(), json!(id));
    }
    document
}

/// The id that a document goes by, a CVE where there is one, and the others.
fn name_and_aliases(ids: &BTreeSet<String>) -> (String, Vec<&String>) {
    let name = ids
        .iter()
        .find(|id| id.starts_with("CVE-"))
        .or(ids.first())
        .cloned()
        .unwrap_or_default();
    let others = ids.iter().filter(|id| **id != name).collect();
    (name, others)
}

fn written(statement: &VexStatement) -> Value {
    let (name, aliases) = name_and_aliases(&statement.ids);
    let mut vulnerability = json!({ "name": name });
    if let (false, Some(map)) = (aliases.is_empty(), vulnerability.as_object_mut()) {
        map.insert("aliases".to_owned(), json!(aliases));
    }
    let mut products: Vec<&VexProduct> = statement.products.iter().collect();
    products.sort();
    products.dedup();
    let products: Vec<Value> = products.into_iter().map(product).collect();
    let mut out = Map::new();
    out.insert("vulnerability".to_owned(), vulnerability);
    out.insert("products".to_owned(), json!(products));
    out.insert("status".to_owned(), json!(statement.status.as_str()));
    for (key, text) in [
        (
            "timestamp",
            statement.at.map(|at| at.to_string()).unwrap_or_default(),
        ),
        ("justification", statement.justification.clone()),
        ("impact_statement", statement.impact.clone()),
        ("action_statement", statement.action.clone()),
        ("status_notes", statement.notes.clone()),
    ] {
        if !text.is_empty() {
            out.insert(key.to_owned(), json!(text));
        }
    }
    Value::Object(out)
}

fn product(product: &VexProduct) -> Value {
    let mut out = Map::new();
    for name in &product.names {
        if out.is_empty() {
            out.insert("@id".to_owned(), json!(name));
        }
        if let Some(hex) = name.strip_prefix("sha256:") {
            out.insert("hashes".to_owned(), json!({ "sha-256": hex }));
        } else if name.starts_with("pkg:") {
            out.insert("identifiers".to_owned(), json!({ "purl": name }));
        }
    }
    let mut parts: Vec<&String> = product.parts.iter().collect();
    parts.sort();
    parts.dedup();
    if !parts.is_empty() {
        let parts: Vec<Value> = parts
            .into_iter()
            .map(|part| json!({ "@id": part }))
            .collect();
        out.insert("subcomponents".to_owned(), json!(parts));
    }
    Value::Object(out)
}

/// All statements of documents of any form as OpenVEX can say them, each with a time of its own; and
/// what could not be taken over, with the reason. A statement that does not apply before the merge
/// (it breaks a rule of its form) must not apply after it, and one without a time must not get the
/// one of the new document, which is later than all others.
#[must_use]
pub fn merge_vex(documents: &[VexDocument]) -> (Vec<VexStatement>, Vec<String>) {
    let mut out = Vec::new();
    let mut left = Vec::new();
    for document in documents {
        // In one document the later place holds among equal times; sorting would forget it.
        let mut last: BTreeMap<_, usize> = BTreeMap::new();
        for (place, statement) in document.statements.iter().enumerate() {
            if statement.unusable.is_none() {
                last.insert((&statement.ids, &statement.products, statement.at), place);
            }
        }
        for (place, statement) in document.statements.iter().enumerate() {
            let key = (&statement.ids, &statement.products, statement.at);
            let is_last = last.get(&key) == Some(&place);
            let place = format!("{}, {}", document.name, statement.place);
            if let Some(rule) = &statement.unusable {
                left.push(format!("{place}: {rule}"));
                continue;
            }
            if statement.at.is_none() {
                left.push(format!("{place}: neither it nor its document has a time"));
                continue;
            }
            if !is_last {
                continue;
            }
            let mut own = adapted(statement);
            own.products.retain(|product| match &product.unknown {
                None => true,
                Some(reason) => {
                    left.push(format!("{place}: {reason}"));
                    false
                }
            });
            match check_statement(&own) {
                Ok(()) => out.push(own),
                Err(rule) => left.push(format!("{place}: {rule}")),
            }
        }
    }
    left.sort();
    left.dedup();
    (out, left)
}

/// A statement in the words of OpenVEX: what its rules forbid beside a status goes into the notes.
fn adapted(statement: &VexStatement) -> VexStatement {
    let mut own = statement.clone();
    let word = match own.justification.as_str() {
        "code_not_present" => "vulnerable_code_not_present",
        "code_not_reachable" => "vulnerable_code_not_in_execute_path",
        "protected_by_compiler"
        | "protected_at_runtime"
        | "protected_at_perimeter"
        | "protected_by_mitigating_control" => "inline_mitigations_already_exist",
        other => other,
    }
    .to_owned();
    if own.status == VexStatus::NotAffected {
        own.justification = word;
        // `requires_configuration` and the like have no counterpart and stay as words.
        if !JUSTIFICATIONS.contains(&own.justification.as_str()) {
            let said = std::mem::take(&mut own.justification);
            note(&mut own.impact, &said);
        }
        let action = std::mem::take(&mut own.action);
        note(&mut own.notes, &action);
        return own;
    }
    for said in [
        std::mem::take(&mut own.justification),
        std::mem::take(&mut own.impact),
    ] {
        note(&mut own.notes, &said);
    }
    if own.status == VexStatus::Affected {
        if own.action.is_empty() {
            "the source names no action".clone_into(&mut own.action);
        }
    } else {
        let action = std::mem::take(&mut own.action);
        note(&mut own.notes, &action);
    }
    own
}

/// Adds words to a text.
fn note(text: &mut String, words: &str) {
    if !words.is_empty() {
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(words);
    }
}
