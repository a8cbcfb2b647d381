//! What was known on a day, by the dates that facts carry.
//!
//! That a version is affected does not change with time; what was known of it does. A vulnerability
//! was known when its publication, a fix of it, or its entry among the exploited ones is of that day or
//! before, and was not known when its publication is later, or its CVE id is of a later year. Where
//! neither can be said, it is named as such and is no finding. A fix of a later day is none; one
//! without a date is not counted as one, and named. Severities, reasons and "never affected" carry no
//! dates: they are today's. What was withdrawn since then is not in the feeds any more.

use kiln_types::{Exploited, Fact, FixState, RangeEnd, Timestamp, Vulnerability};

/// Whether a vulnerability was known on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was, since this day at least.
    Since(Timestamp),
    /// It was not.
    Later,
    /// No date says so.
    Undated,
}

/// Whether a vulnerability was known at a moment, by what carries a date.
#[must_use]
pub fn known_at(vulnerability: &Vulnerability, facts: &[Fact], at: Timestamp) -> Known {
    let exploited = vulnerability.exploited.as_ref().and_then(added);
    let dates = facts.iter().filter_map(|fact| fact.fixed_at);
    let first = dates.chain(vulnerability.published).chain(exploited).min();
    match first {
        Some(first) if first <= at => Known::Since(first),
        // A fix of a later day does not say when the vulnerability was known.
        _ if vulnerability.published.is_some() => Known::Later,
        _ if year_of(&vulnerability.id).is_some_and(|year| year > at.date().0) => Known::Later,
        _ => Known::Undated,
    }
}

/// What is left of a fact at a moment, and whether it has a fix without a date.
#[must_use]
pub fn fact_at(fact: &Fact, at: Timestamp) -> (Fact, bool) {
    let mut fact = fact.clone();
    if fact.state != FixState::Fixed || fact.fixed_at.is_some_and(|date| date <= at) {
        return (fact, false);
    }
    let version = fact.ranges.iter().rev().find_map(|range| match &range.end {
        RangeEnd::Before(version) => Some(version.as_str()),
        _ => None,
    });
    let Some(version) = version else {
        return (fact, false);
    };
    let reason = match fact.fixed_at {
        Some(date) => format!("fixed in {version} on {date}"),
        None => format!("fixed in {version}, and no date says when"),
    };
    fact.state = FixState::Open;
    fact.reason = match fact.reason.is_empty() {
        true => reason,
        false => format!("{reason}; {}", fact.reason),
    };
    let is_undated = fact.fixed_at.take().is_none();
    (fact, is_undated)
}

/// What was known of a vulnerability at a moment; its probability of exploitation is of another day.
#[must_use]
pub fn vulnerability_at(mut vulnerability: Vulnerability, at: Timestamp) -> Vulnerability {
    let was_added = |exploited: &Exploited| added(exploited).is_some_and(|date| date <= at);
    vulnerability.exploited = vulnerability.exploited.filter(was_added);
    vulnerability.epss = None;
    vulnerability
}

fn added(exploited: &Exploited) -> Option<Timestamp> {
    exploited.added.parse().ok()
}

/// The year of a CVE id.
fn year_of(id: &str) -> Option<i64> {
    let (year, number) = id.strip_prefix("CVE-")?.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (year.len() == 4 && is_number(year) && is_number(number)).then(|| year.parse().ok())?
}
