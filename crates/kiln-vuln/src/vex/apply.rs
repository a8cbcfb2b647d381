//! Statements held against findings.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    ComponentId, Finding, Findings, Inventory, Suppression, Timestamp, VexDocumentFact, VexFact,
};

use super::product::Miss;
use super::{Target, VexDocument, VexStatement};

/// How statements are held against findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VexOptions {
    /// References by which the image is known, to whoever asks: an image's own word on its name, or
    /// on its digest, is no reason to suppress anything.
    pub references: Vec<String>,
    /// What was said after this moment is not known yet.
    pub until: Option<Timestamp>,
}

/// What came of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum VexVerdict {
    /// It suppressed findings.
    Applied,
    /// It holds and says that the finding stands.
    Stands,
    /// A later statement took its place.
    Superseded,
    /// What it is about is in the image, and the vulnerability was not found there.
    NothingToSuppress,
    /// What it is about is not in the image.
    NotHere,
    /// It breaks a rule of its form.
    Unusable,
    /// It was made after the moment that is asked about.
    Later,
}

impl VexVerdict {
    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Stands => "stands",
            Self::Superseded => "superseded",
            Self::NothingToSuppress => "nothing-to-suppress",
            Self::NotHere => "not-here",
            Self::Unusable => "unusable",
            Self::Later => "later",
        }
    }
}

/// What came of a statement for one image, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexOutcome {
    /// The document, by its place in the list.
    pub document: usize,
    /// The statement, by its place in the document.
    pub statement: usize,
    /// What came of it.
    pub verdict: VexVerdict,
    /// Why, in one line.
    pub reason: String,
    /// The findings that it is about: package and version.
    pub findings: Vec<String>,
}

/// What is known of a statement while findings are walked.
#[derive(Default)]
struct State {
    applied: Vec<String>,
    stands: Vec<String>,
    superseded: Option<String>,
    miss: Option<Miss>,
    matched: Vec<String>,
}

/// Holds statements against findings: writes into each every statement about it, and suppresses
/// where the latest says so. Gives one outcome a statement, in the order of the documents.
pub fn apply(
    findings: &mut Findings,
    inventory: &Inventory,
    documents: &[VexDocument],
    options: &VexOptions,
) -> Vec<VexOutcome> {
    let target = Target::new(inventory, &options.references);
    let mut by_id: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    let mut states: Vec<Vec<State>> = Vec::new();
    for (document, found) in documents.iter().enumerate() {
        let mut own = Vec::new();
        own.resize_with(found.statements.len(), State::default);
        states.push(own);
        for (statement, found) in found.statements.iter().enumerate() {
            if refused(found, options).is_none() {
                for id in &found.ids {
                    by_id.entry(id).or_default().push((document, statement));
                }
            }
        }
    }
    for finding in &mut findings.findings {
        hold(finding, &target, documents, &by_id, &mut states);
    }
    let mut outcomes = Vec::new();
    for (document, (found, states)) in documents.iter().zip(states).enumerate() {
        let mut applied = 0;
        for (statement, (said, state)) in found.statements.iter().zip(states).enumerate() {
            applied += u64::from(!state.applied.is_empty());
            let (verdict, reason, findings) = match refused(said, options) {
                Some((verdict, reason)) => (verdict, reason, Vec::new()),
                None => conclude(said, state, &target),
            };
            // Whether it applied or not: what else its products are called did not count.
            let mut doubts = said.products.iter().filter_map(|one| one.doubt.as_ref());
            let reason = match doubts.next() {
                Some(doubt) => format!("{reason}; {doubt}"),
                None => reason,
            };
            outcomes.push(VexOutcome {
                document,
                statement,
                verdict,
                reason,
                findings,
            });
        }
        findings.vex.push(VexDocumentFact {
            name: found.name.clone(),
            digest: found.digest,
            form: found.form.to_string(),
            author: found.author.clone(),
            statements: found.statements.len() as u64,
            applied,
        });
    }
    outcomes
}

/// Why a statement is not looked at.
fn refused(statement: &VexStatement, options: &VexOptions) -> Option<(VexVerdict, String)> {
    if let Some(rule) = &statement.unusable {
        return Some((VexVerdict::Unusable, rule.clone()));
    }
    let at = statement.at?.second;
    let until = options.until.filter(|until| at > *until)?;
    Some((VexVerdict::Later, format!("it is of {at}, after {until}")))
}

/// Holds all statements about one finding against it.
fn hold(
    finding: &mut Finding,
    target: &Target<'_>,
    documents: &[VexDocument],
    by_id: &BTreeMap<&str, Vec<(usize, usize)>>,
    states: &mut [Vec<State>],
) {
    let label = format!("{} {}", finding.package, finding.version);
    let ids = std::iter::once(finding.vulnerability.id.as_str())
        .chain(finding.vulnerability.aliases.iter().map(String::as_str));
    let named: BTreeSet<(usize, usize)> = ids
        .filter_map(|id| by_id.get(id))
        .flatten()
        .copied()
        .collect();
    let mut about: Vec<(usize, usize, String)> = Vec::new();
    for (document, statement) in named {
        let Some(said) = at(documents, document, statement) else {
            continue;
        };
        let found = product(said, target, finding.component);
        let Some(state) = states
            .get_mut(document)
            .and_then(|states| states.get_mut(statement))
        else {
            continue;
        };
        match found {
            Ok(name) => {
                state.matched.push(label.clone());
                about.push((document, statement, name));
            }
            Err(miss) if state.miss.as_ref().is_none_or(|kept| kept.near < miss.near) => {
                state.miss = Some(miss);
            }
            Err(_) => {}
        }
    }
    let Some(latest) = latest(&about, documents) else {
        return;
    };
    for (document, statement, name) in about {
        let (Some(found), Some(said)) =
            (documents.get(document), at(documents, document, statement))
        else {
            continue;
        };
        let holds = (document, statement) == latest;
        finding.vex.push(VexFact {
            document: found.name.clone(),
            digest: found.digest,
            place: said.place.clone(),
            author: found.author.clone(),
            at: said.at.map(|at| at.second),
            status: said.status,
            justification: said.justification.clone(),
            impact: match said.impact.as_str() {
                "" => said.notes.clone(),
                impact => impact.to_owned(),
            },
            product: name,
            holds,
        });
        let Some(state) = states
            .get_mut(document)
            .and_then(|states| states.get_mut(statement))
        else {
            continue;
        };
        if !holds {
            let (by, place) = latest;
            if let (Some(by), Some(later)) = (documents.get(by), at(documents, by, place)) {
                let when = match later.at {
                    Some(at) => format!(" of {}", at.second),
                    None => String::new(),
                };
                state.superseded = Some(format!(
                    "{}, {}{when} says {}",
                    by.name, later.place, later.status
                ));
            }
        } else if said.status.suppresses() {
            state.applied.push(label.clone());
            if finding.suppressed.is_none() {
                let why = match said.justification.as_str() {
                    "" => said.impact.clone(),
                    word => word.to_owned(),
                };
                finding.suppressed = Some(Suppression::Vex {
                    statement: format!("{}, {}", found.name, said.place),
                    digest: found.digest,
                    author: found.author.clone(),
                    status: said.status.to_string(),
                    justification: why,
                });
            }
        } else {
            state.stands.push(label.clone());
        }
    }
}

fn at(documents: &[VexDocument], document: usize, statement: usize) -> Option<&VexStatement> {
    documents.get(document)?.statements.get(statement)
}

/// By which name a statement is about a component, or the nearest miss.
fn product(
    statement: &VexStatement,
    target: &Target<'_>,
    component: ComponentId,
) -> Result<String, Miss> {
    let mut miss: Option<Miss> = None;
    for product in &statement.products {
        match target.about(product, component) {
            Ok(name) => return Ok(name),
            Err(found) if miss.as_ref().is_none_or(|kept| kept.near < found.near) => {
                miss = Some(found);
            }
            Err(_) => {}
        }
    }
    Err(miss.unwrap_or_else(|| Miss {
        near: 0,
        reason: "it names no product".to_owned(),
    }))
}

/// The statement that holds: the latest. In one document the later place goes first among equal
/// times; between documents, whose order means nothing, the one that suppresses nothing.
fn latest(about: &[(usize, usize, String)], documents: &[VexDocument]) -> Option<(usize, usize)> {
    let mut by_document: BTreeMap<usize, (usize, &VexStatement)> = BTreeMap::new();
    for (document, statement, _) in about {
        let said = at(documents, *document, *statement)?;
        match by_document.get(document) {
            Some((_, kept)) if kept.at > said.at => {}
            _ => {
                by_document.insert(*document, (*statement, said));
            }
        }
    }
    by_document
        .into_iter()
        .max_by_key(|(_, (_, said))| (said.at, !said.status.suppresses()))
        .map(|(document, (statement, _))| (document, statement))
}

/// What came of a statement that was looked at.
fn conclude(
    statement: &VexStatement,
    state: State,
    target: &Target<'_>,
) -> (VexVerdict, String, Vec<String>) {
    let status = statement.status;
    if !state.applied.is_empty() {
        let reason = format!("it suppresses {}", several(&state.applied));
        return (VexVerdict::Applied, reason, state.matched);
    }
    if !state.stands.is_empty() {
        let reason = format!(
            "it says {status}: the finding in {} stands",
            several(&state.stands)
        );
        return (VexVerdict::Stands, reason, state.matched);
    }
    if let Some(later) = state.superseded {
        return (
            VexVerdict::Superseded,
            format!("later: {later}"),
            state.matched,
        );
    }
    // What missed by another package says nothing: the right one may be here without the finding.
    if let Some(miss) = state.miss.filter(|miss| miss.near > 0) {
        return (VexVerdict::NotHere, miss.reason, Vec::new());
    }
    let mut nearest: Option<Miss> = None;
    for product in &statement.products {
        match target.any(product) {
            Ok((_, name)) => {
                let reason =
                    format!("{name} is in the image, and the vulnerability was not found there");
                return (VexVerdict::NothingToSuppress, reason, Vec::new());
            }
            Err(found) if nearest.as_ref().is_none_or(|kept| kept.near < found.near) => {
                nearest = Some(found);
            }
            Err(_) => {}
        }
    }
    let reason = match (nearest, statement.products.len()) {
        (Some(miss), _) if miss.near > 0 => miss.reason,
        (Some(miss), 1) => miss.reason,
        (Some(miss), count) => format!(
            "none of its {count} products is in the image: {}",
            miss.reason
        ),
        (None, _) => "it names no product".to_owned(),
    };
    (VexVerdict::NotHere, reason, Vec::new())
}

fn several(labels: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = labels
        .iter()
        .take(SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if labels.len() > SHOWN {
        text.push_str(&format!(" and {} more", labels.len() - SHOWN));
    }
    text
}
