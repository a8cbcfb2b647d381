//! Matching: which components of an inventory are affected, by the facts of the database.
//!
//! A component of a distribution is asked about by its source package and source version, any other
//! by its own name. Facts of several sources about one vulnerability make one finding: affected where
//! any says so, and marked where they disagree. What distributions say of the packages that own a
//! component's files suppresses its findings, with evidence only. Nothing is dropped: what is not to
//! be acted on stands among the findings with its reason.

mod at;

pub use at::{Known, fact_at, known_at, vulnerability_at};

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    Affected, Blind, Component, ComponentKind, DatabaseFact, DayFact, Fact, Finding, Findings,
    FixState, Inventory, RangeEnd, Rating, RiskLevel, Suppression, Timestamp, Undated, UndatedPart,
    VersionRange, Vulnerability,
};

use crate::advisories::Advisories;
use crate::ecosystem::{Question, Unasked, question, scheme_of};
use crate::version::compare;

/// Whether a version is in a range; nothing where it cannot be compared.
#[must_use]
pub fn is_within(ecosystem: &str, version: &str, range: &VersionRange) -> Option<bool> {
    let scheme = scheme_of(ecosystem)?;
    let above = match &range.from {
        None => true,
        Some(from) => compare(scheme, version, from)? != Ordering::Less,
    };
    let below = match &range.end {
        RangeEnd::Open => true,
        RangeEnd::Before(end) => compare(scheme, version, end)? == Ordering::Less,
        RangeEnd::With(end) => compare(scheme, version, end)? != Ordering::Greater,
    };
    Some(above && below)
}

/// Whether a fact holds a version to be affected, and the range that it is in.
#[must_use]
pub fn holds<'a>(
    ecosystem: &str,
    version: &str,
    fact: &'a Fact,
) -> (Option<bool>, Option<&'a VersionRange>) {
    if fact.state == FixState::NotAffected {
        return (Some(false), None);
    }
    let scheme = scheme_of(ecosystem);
    let is_listed = fact.versions.iter().any(|listed| {
        listed == version
            || scheme.and_then(|scheme| compare(scheme, listed, version)) == Some(Ordering::Equal)
    });
    if is_listed {
        return (Some(true), None);
    }
    let mut answer = Some(false);
    for range in &fact.ranges {
        match is_within(ecosystem, version, range) {
            Some(true) => return (Some(true), Some(range)),
            Some(false) => {}
            None => answer = None,
        }
    }
    (answer, None)
}

/// Matches an inventory by what was known on a day ([`known_at`]).
///
/// # Errors
/// When the advisories cannot be read.
pub fn match_inventory_at<A: Advisories>(
    inventory: &Inventory,
    advisories: &A,
    database: DatabaseFact,
    at: Timestamp,
) -> Result<Findings, A::Error> {
    matched(inventory, advisories, database, Some(at))
}

/// Matches an inventory. The findings come sorted: the worst first, then by package and id.
///
/// # Errors
/// When the advisories cannot be read.
pub fn match_inventory<A: Advisories>(
    inventory: &Inventory,
    advisories: &A,
    database: DatabaseFact,
) -> Result<Findings, A::Error> {
    matched(inventory, advisories, database, None)
}

fn matched<A: Advisories>(
    inventory: &Inventory,
    advisories: &A,
    database: DatabaseFact,
    at: Option<Timestamp>,
) -> Result<Findings, A::Error> {
    let mut day = at.map(|at| DayFact {
        at,
        ..DayFact::default()
    });
    let mut findings = Vec::new();
    let mut blind: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (mut owned, mut unasked_of) = (0, 0);
    for (id, component) in inventory.entries() {
        let question = match question(component, inventory.distribution.as_ref()) {
            Ok(question) => question,
            Err(reason) => {
                match unasked(component, reason) {
                    Some(key) => *blind.entry(key).or_default() += 1,
                    None if component.owner.is_some() && !component.kind.is_system() => {
                        owned += 1;
                    }
                    None => unasked_of += 1,
                }
                continue;
            }
        };
        if !advisories.covers(&question.ecosystem) {
            let reason = "the database has nothing about it".to_owned();
            *blind.entry((question.ecosystem, reason)).or_default() += 1;
            continue;
        }
        let mut found = about(component, &question, advisories, day.as_mut())?;
        for finding in &mut found {
            finding.component = id;
            if finding.suppressed.is_none() {
                finding.suppressed = owner_says(inventory, component, finding, advisories)?;
            }
        }
        findings.extend(found);
    }
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| {
            (
                std::cmp::Reverse(finding.level),
                finding.package.clone(),
                finding.vulnerability.id.clone(),
                finding.component,
            )
        };
        key(one).cmp(&key(other))
    });
    if let Some(day) = &mut day {
        day.undated.sort();
        day.undated.dedup();
    }
    Ok(Findings {
        at: day,
        filter: None,
        subject: inventory.subject.clone(),
        distribution: inventory.distribution.clone(),
        database,
        components: inventory.components.len() as u64,
        owned,
        unasked: unasked_of,
        findings,
        support: Vec::new(),
        blind: blind
            .into_iter()
            .map(|((ecosystem, reason), components)| Blind {
                ecosystem,
                components,
                reason,
            })
            .collect(),
        incomplete: inventory.incomplete.clone(),
        vex: Vec::new(),
    })
}

/// What is not known about a component that no advisories can be asked about; nothing where another
/// component answers for it.
fn unasked(component: &Component, reason: Unasked) -> Option<(String, String)> {
    // What no kind stands for is told by the type of its package URL, so that a policy can name it.
    let kind = match (&component.purl, component.kind) {
        (Some(purl), ComponentKind::Other) => purl.kind().to_owned(),
        (_, kind) => kind.as_str().to_owned(),
    };
    match reason {
        // Nothing but the distribution answers for its own package.
        _ if component.owner.is_some() && !component.kind.is_system() => None,
        Unasked::NoVersion => Some((kind, "no version is known".to_owned())),
        Unasked::NoDistribution => Some((
            kind,
            "the release of the distribution is not known".to_owned(),
        )),
        Unasked::NoGroup => Some((
            kind,
            "the group is not known, by which advisories name artifacts".to_owned(),
        )),
        Unasked::NoAdvisories => match component.kind {
            ComponentKind::Rpm | ComponentKind::Binary | ComponentKind::Other => {
                Some((kind, "no advisories are read for this kind".to_owned()))
            }
            _ => None,
        },
    }
}

/// The facts that answer a question. Modules of Go are asked about in their own spelling and, where
/// nothing is known under it, in lower case, as some writers of documents have them.
///
/// # Errors
/// When the advisories cannot be read.
pub fn facts_of<A: Advisories>(advisories: &A, question: &Question) -> Result<Vec<Fact>, A::Error> {
    let facts = advisories.facts(&question.ecosystem, &question.package)?;
    if question.ecosystem != "go" || !facts.is_empty() {
        return Ok(facts);
    }
    advisories.facts(&question.ecosystem, &question.package.to_lowercase())
}

/// The findings of one component.
fn about<A: Advisories>(
    component: &Component,
    question: &Question,
    advisories: &A,
    mut day: Option<&mut DayFact>,
) -> Result<Vec<Finding>, A::Error> {
    let mut groups: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    for fact in facts_of(advisories, question)? {
        groups
            .entry(fact.vulnerability.clone())
            .or_default()
            .push(fact);
    }
    let mut out = Vec::new();
    for (id, mut facts) in groups {
        let is_system = component.kind.is_system();
        let Some(mut verdict) = weigh(question, &facts, is_system) else {
            continue;
        };
        let mut vulnerability = advisories.vulnerability(&id)?.unwrap_or(Vulnerability {
            id,
            ..Vulnerability::default()
        });
        if let Some(day) = day.as_deref_mut() {
            let undated = |part| Undated {
                vulnerability: vulnerability.id.clone(),
                ecosystem: question.ecosystem.clone(),
                package: question.package.clone(),
                part,
            };
            match known_at(&vulnerability, &facts, day.at) {
                Known::Since(_) => {}
                Known::Later => {
                    day.later += 1;
                    continue;
                }
                Known::Undated => {
                    day.undated.push(undated(UndatedPart::Advisory));
                    continue;
                }
            }
            for fact in &mut facts {
                let (then, is_undated) = fact_at(fact, day.at);
                *fact = then;
                if is_undated {
                    day.undated.push(undated(UndatedPart::Fix));
                }
            }
            vulnerability = vulnerability_at(vulnerability, day.at);
            match weigh(question, &facts, is_system) {
                Some(then) => verdict = then,
                None => continue,
            }
        }
        let (level, level_source) = level(&facts, &vulnerability);
        let differs = |asked: &str, own: &str| (asked != own).then(|| asked.to_owned());
        let suppressed = unimportant(question, &facts, verdict.state, &vulnerability);
        out.push(Finding {
            component: kiln_types::ComponentId(0),
            kind: component.kind.as_str().to_owned(),
            package: component.name.clone(),
            version: component.version.clone(),
            purl: component.purl.as_ref().map(ToString::to_string),
            location: component
                .evidence
                .first()
                .map(|evidence| evidence.path.clone()),
            layer: component
                .evidence
                .first()
                .and_then(|evidence| evidence.layer),
            source_package: differs(&question.package, &component.name)
                .filter(|_| component.kind.is_system()),
            source_version: differs(&question.version, &component.version),
            ecosystem: question.ecosystem.clone(),
            vulnerability,
            affected: verdict.affected,
            state: verdict.state,
            fixed_version: verdict.fixed_version,
            fixed_at: verdict.fixed_at,
            level,
            level_source,
            disputed: verdict.disputed,
            facts,
            vex: Vec::new(),
            suppressed,
        });
    }
    Ok(out)
}

struct Verdict {
    affected: Affected,
    state: FixState,
    fixed_version: Option<String>,
    fixed_at: Option<kiln_types::Timestamp>,
    disputed: bool,
}

/// What the facts about one vulnerability say together; nothing where the version is not affected.
fn weigh(question: &Question, facts: &[Fact], is_system: bool) -> Option<Verdict> {
    // "Never affected" from a distribution about its own package ends the matter.
    if is_system && facts.iter().any(|fact| fact.state == FixState::NotAffected) {
        return None;
    }
    let mut affected: BTreeSet<&str> = BTreeSet::new();
    let mut spared: BTreeSet<&str> = BTreeSet::new();
    let mut is_unknown = false;
    let mut state: Option<FixState> = None;
    let mut fixes: Vec<(&str, Option<kiln_types::Timestamp>)> = Vec::new();
    for fact in facts {
        let (answer, range) = holds(&question.ecosystem, &question.version, fact);
        match answer {
            Some(false) => {
                spared.insert(&fact.source);
                continue;
            }
            None => is_unknown = true,
            Some(true) => {
                affected.insert(&fact.source);
            }
        }
        let fix = match (fact.state, range.map(|range| &range.end)) {
            (FixState::Fixed, Some(RangeEnd::Before(version))) => Some(version.as_str()),
            // An uncomparable version is cured by the last fix there is.
            (FixState::Fixed, None) => {
                fact.ranges.iter().rev().find_map(|range| match &range.end {
                    RangeEnd::Before(version) => Some(version.as_str()),
                    _ => None,
                })
            }
            _ => None,
        };
        if let Some(version) = fix {
            fixes.push((version, fact.fixed_at));
        } else {
            // A range without an end of a record that has a fix for another branch is open.
            let own = match fact.state {
                FixState::Fixed => FixState::Open,
                state => state,
            };
            state = Some(state.map_or(own, |state| state.max(own)));
        }
    }
    if affected.is_empty() && !is_unknown {
        return None;
    }
    let scheme = scheme_of(&question.ecosystem);
    let lowest = fixes.into_iter().min_by(|(one, _), (other, _)| {
        scheme
            .and_then(|scheme| compare(scheme, one, other))
            .unwrap_or_else(|| one.cmp(other))
    });
    let (fixed_version, fixed_at) = lowest.map_or((None, None), |(version, date)| {
        (Some(version.to_owned()), date)
    });
    // A source whose other range holds the version does not dispute itself.
    spared.retain(|source| !affected.contains(source));
    Some(Verdict {
        affected: if affected.is_empty() {
            Affected::Unknown
        } else {
            Affected::Yes
        },
        state: if fixed_version.is_some() {
            FixState::Fixed
        } else {
            state.unwrap_or(FixState::Open)
        },
        fixed_version,
        fixed_at,
        disputed: !affected.is_empty() && !spared.is_empty(),
    })
}

/// How bad it is, and who says so: the distribution about its package, then GitHub, the ecosystem's
/// own database, NVD and the issuer of the id. Of one source a later version of CVSS goes first.
fn level(facts: &[Fact], vulnerability: &Vulnerability) -> (RiskLevel, Option<String>) {
    let own = facts
        .iter()
        .filter(|fact| fact.level != RiskLevel::Unknown)
        .max_by_key(|fact| fact.level);
    if let Some(fact) = own {
        return (fact.level, Some(fact.source.clone()));
    }
    let place = |rating: &Rating| {
        let source = match rating.source.as_str() {
            "ghsa" => 0,
            "nvd" => 2,
            "cna" => 3,
            _ => 1,
        };
        let version = match rating.vector.as_deref() {
            Some(vector) if vector.starts_with("CVSS:4") => 0,
            Some(vector) if vector.starts_with("CVSS:3") => 1,
            None => 2,
            Some(_) => 3,
        };
        (source, version)
    };
    vulnerability
        .ratings
        .iter()
        .filter(|rating| rating.level != RiskLevel::Unknown)
        .min_by_key(|rating| place(rating))
        .map_or((RiskLevel::Unknown, None), |rating| {
            (rating.level, Some(rating.source.clone()))
        })
}

/// What the sources themselves hold to be no vulnerability to act on.
fn unimportant(
    question: &Question,
    facts: &[Fact],
    state: FixState,
    vulnerability: &Vulnerability,
) -> Option<Suppression> {
    if facts.iter().all(|fact| fact.informational) {
        let reason = facts
            .iter()
            .map(|fact| fact.reason.as_str())
            .find(|text| !text.is_empty());
        return Some(Suppression::Informational {
            reason: reason.unwrap_or("informational").to_owned(),
        });
    }
    if !question.ecosystem.starts_with("debian:") {
        return None;
    }
    if state == FixState::Undetermined {
        return Some(Suppression::Undetermined {
            reason: "Debian has not determined whether it is affected".to_owned(),
        });
    }
    if vulnerability.id.starts_with("TEMP-") {
        return Some(Suppression::Undetermined {
            reason: "Debian tracks it under a temporary id; no CVE is assigned".to_owned(),
        });
    }
    let is_negligible = facts.iter().any(|fact| fact.level == RiskLevel::Negligible);
    is_negligible.then(|| Suppression::Unimportant {
        reason: "Debian holds it to be without consequence for security".to_owned(),
    })
}

/// What the distribution says of the package that owns a component's files.
fn owner_says<A: Advisories>(
    inventory: &Inventory,
    component: &Component,
    finding: &Finding,
    advisories: &A,
) -> Result<Option<Suppression>, A::Error> {
    let owner = component.owner.and_then(|id| inventory.component(id));
    let Some(owner) = owner.filter(|_| !component.kind.is_system()) else {
        return Ok(None);
    };
    let Ok(question) = question(owner, inventory.distribution.as_ref()) else {
        return Ok(None);
    };
    let names: BTreeSet<&str> = std::iter::once(finding.vulnerability.id.as_str())
        .chain(finding.vulnerability.aliases.iter().map(String::as_str))
        .collect();
    let facts = facts_of(advisories, &question)?;
    let about: Vec<&Fact> = facts
        .iter()
        .filter(|fact| {
            names.contains(fact.vulnerability.as_str()) || names.contains(fact.record.as_str())
        })
        .collect();
    let package = format!("{} {}", owner.name, owner.version);
    let mut reason = None;
    for fact in &about {
        match (
            fact.state,
            holds(&question.ecosystem, &question.version, fact).0,
        ) {
            (FixState::NotAffected, _) => {
                reason = Some(format!("{} says that it was never affected", fact.source));
                break;
            }
            (_, Some(false)) => {
                reason = Some(format!(
                    "{} says that this version has the fix",
                    fact.source
                ));
            }
            (_, Some(true)) => {
                reason.get_or_insert_with(|| "it is reported for this package".to_owned());
            }
            (_, None) => {}
        }
    }
    Ok(reason.map(|reason| Suppression::Owner { package, reason }))
}
