//! What an answer about a past day leaves open.

use kiln_types::{Findings, Timestamp, UndatedPart};

/// The most ids, or things of another kind, that are named in a line.
const NAMED: usize = 20;

/// What findings of a past day leave open, in sentences; nothing where no day was asked about.
#[must_use]
pub fn of_day(findings: &Findings) -> Vec<String> {
    let Some(day) = &findings.at else {
        return Vec::new();
    };
    let mut out = vec![format!(
        "as known on {}: {} findings came later",
        day.at, day.later
    )];
    if is_beyond(findings) {
        out.push(format!(
            "not known: the database is of {}, before the end of that day",
            findings.database.built
        ));
    }
    let ids = |part| {
        let ids = day.undated(part);
        let named = ids.get(..NAMED).unwrap_or(&ids).join(", ");
        let rest = match ids.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (ids.len(), format!("{named}{rest}"))
    };
    let (count, named) = ids(UndatedPart::Advisory);
    if count > 0 {
        out.push(format!(
            "not known: no date says whether {count} vulnerabilities were known: {named}"
        ));
    }
    let (count, named) = ids(UndatedPart::Fix);
    if count > 0 {
        out.push(format!(
            "no date says when {count} were fixed, so they stand without a fix: {named}"
        ));
    }
    let scores = match &day.epss {
        Some(_) => "EPSS scores are of that day; severities and reasons are today's",
        None => "no EPSS scores of that day are here; severities and reasons are today's",
    };
    out.push(scores.to_owned());
    out
}

/// Whose support ends when, in one line, and whose has ended; nothing where no day is known.
#[must_use]
pub fn supported(findings: &Findings, now: Timestamp) -> Option<String> {
    let today = now.to_string();
    let each = findings.support.iter().map(|fact| {
        let mut notes = Vec::new();
        // The last day is a day of support.
        if fact.last_day.as_str() < today.get(..10).unwrap_or_default() {
            notes.push("ended");
        }
        notes.extend(fact.place.as_deref());
        let notes = match notes.is_empty() {
            true => String::new(),
            false => format!(" ({})", notes.join(", ")),
        };
        format!("{} {}{notes}", fact.name, fact.last_day)
    });
    let mut each: Vec<String> = each.collect();
    let more = each.len().saturating_sub(NAMED);
    each.truncate(NAMED);
    if more > 0 {
        each.push(format!("and {more} more"));
    }
    (!each.is_empty()).then(|| each.join("; "))
}

/// What a reader of a report must know before its findings, in sentences: the day that was asked
/// about, and that a filter hides some.
#[must_use]
pub fn notes(findings: &Findings) -> Vec<String> {
    let filter = findings.filter.as_ref();
    let mut out = of_day(findings);
    out.extend(filter.map(ToString::to_string));
    out
}

/// What is not known of the image, in sentences. Where there is such a thing, "none found" means
/// nothing.
#[must_use]
pub fn not_known(findings: &Findings) -> Vec<String> {
    let blind = findings.blind.iter().map(|blind| {
        format!(
            "not known: {} components of {}: {}",
            blind.components, blind.ecosystem, blind.reason
        )
    });
    let missed = findings.incomplete.iter();
    let missed = missed.map(|missed| format!("not read: {}: {}", missed.place, missed.reason));
    blind.chain(missed).collect()
}

/// Whether the findings are the whole answer: nothing of the image is unknown, and nothing of the day
/// that was asked about. A report that is not must say so wherever a program looks for success.
#[must_use]
pub fn is_known(findings: &Findings) -> bool {
    findings.blind.is_empty() && findings.incomplete.is_empty() && is_day_known(findings)
}

/// Whether findings of a past day say all that was known; those of no day do.
#[must_use]
pub fn is_day_known(findings: &Findings) -> bool {
    let day = findings.at.as_ref();
    day.is_none_or(|day| day.undated(UndatedPart::Advisory).is_empty()) && !is_beyond(findings)
}

/// Whether the day goes on after the day on which the database was built.
fn is_beyond(findings: &Findings) -> bool {
    let day = findings.at.as_ref();
    day.is_some_and(|day| day.at.date() > findings.database.built.date())
}
