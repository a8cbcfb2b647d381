//! `kiln explain`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;
use kiln_pipeline::{AdvisoryError, PipelineError};
use kiln_types::{
    AdvisorySource, Component, Fact, FixState, RangeEnd, RiskLevel, Timestamp, Vulnerability,
};
use kiln_vuln::Advisories as _;
use kiln_vuln::ecosystem::question;
use kiln_vuln::matching::{Known, fact_at, facts_of, holds, known_at, vulnerability_at};
use serde::Serialize;

use crate::commands::scan;
use crate::context::Context;
use crate::day::Day;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images;
use crate::render::{self, Versioned};
use crate::statements::Statements;

/// Show every fact about a vulnerability and an image, and what each means for it
///
/// Facts that say that a version is not affected are shown too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln explain CVE-2026-1234 nginx\n  \
    kiln explain CVE-2026-1234 nginx --vex advisories/\n  \
    kiln explain CVE-2026-1234 nginx --at 2026-03-01     what was known on that day\n\n\
    Exit codes: 0 there are facts · 1 could not be done · 3 the database has nothing about it, or\n\
    nothing on that day · 64 usage")]
pub(crate) struct ExplainArgs {
    /// The vulnerability, by any of its ids
    id: String,
    /// What it may be in, as `kiln scan` takes it
    image: String,
    /// Of which platform [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    #[command(flatten)]
    day: Day,
    #[command(flatten)]
    statements: Statements,
}

pub(crate) fn run(context: &Context, args: &ExplainArgs) -> Result<(), Failure> {
    let inventory = images::inventory(context, &args.image, args.platform.as_deref())?;
    let (snapshot, database) = args.day.database(context)?;
    let failed = |source| {
        PipelineError::from(AdvisoryError::Database {
            path: snapshot.path.display().to_string(),
            source,
        })
    };
    let mut found = None;
    for id in spellings(&args.id) {
        found = database.vulnerability(&id).map_err(failed)?;
        if found.is_some() {
            break;
        }
    }
    let Some(mut vulnerability) = found else {
        let statements = match args.statements.is_empty() {
            true => Vec::new(),
            false => stated(context, args, &BTreeSet::from([&args.id]))?,
        };
        if context.json {
            context.answer(
                &Versioned::new(&Explanation {
                    id: &args.id,
                    database: snapshot.built,
                    at: args.day.at(),
                    known: None,
                    vulnerability: None,
                    facts: Vec::new(),
                    statements: &statements,
                }),
                String::new,
            )?;
        } else if !args.statements.is_empty() {
            let told = told(&statements);
            render::print(&render::printable_lines(&format!("{told}\n")))?;
        }
        context.say(&format!(
            "the database of {} has nothing about {}",
            snapshot.built,
            render::printable(&args.id)
        ));
        return Err(Failure::Answered(Exit::Unknown));
    };
    let mut found = Vec::new();
    for (_, component) in inventory.entries() {
        let Ok(question) = question(component, inventory.distribution.as_ref()) else {
            continue;
        };
        let facts = facts_of(&database, &question).map_err(failed)?;
        let about = facts
            .into_iter()
            .filter(|fact| fact.vulnerability == vulnerability.id);
        found.extend(about.map(|fact| (component, question.clone(), fact)));
    }
    let sources = &database.meta().sources;
    let mut text = String::new();
    let mut is_known = true;
    let mut known = None;
    if let Some(at) = args.day.at() {
        let facts: Vec<Fact> = found.iter().map(|(_, _, fact)| fact.clone()).collect();
        let line = match known_at(&vulnerability, &facts, at) {
            Known::Since(date) => {
                known = Some(date.to_string());
                format!("known on {at}, since {date} at least")
            }
            Known::Later => {
                if context.json {
                    let nothing = Explanation {
                        id: &args.id,
                        database: snapshot.built,
                        at: Some(at),
                        known: None,
                        vulnerability: None,
                        facts: Vec::new(),
                        statements: &[],
                    };
                    context.answer(&Versioned::new(&nothing), String::new)?;
                }
                context.say(&format!(
                    "{} was not known on {at}",
                    render::printable(&vulnerability.id)
                ));
                return Err(Failure::Answered(Exit::Unknown));
            }
            Known::Undated => {
                is_known = false;
                format!("not known: no date says whether it was known on {at}")
            }
        };
        let _ = writeln!(text, "{line}; severities and reasons are today's");
        vulnerability = vulnerability_at(vulnerability, at);
        for (_, _, fact) in &mut found {
            *fact = fact_at(fact, at).0;
        }
    }
    let _ = writeln!(text, "{}  {}", vulnerability.id, vulnerability.summary);
    let aliases: Vec<&str> = vulnerability.aliases.iter().map(String::as_str).collect();
    if !aliases.is_empty() {
        let _ = writeln!(text, "also {}", aliases.join(", "));
    }
    for rating in &vulnerability.ratings {
        let score = rating
            .score
            .map(kiln_vuln::report::score)
            .unwrap_or_default();
        let vector = rating.vector.as_deref().unwrap_or_default();
        let of = dated(&rating.source, sources);
        let line = format!("{} by {of}  {score} {vector}", rating.level);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if let Some(exploited) = &vulnerability.exploited {
        let of = dated("kev", sources);
        let _ = writeln!(text, "exploited, known since {} by {of}", exploited.added);
    }
    if let Some(epss) = vulnerability.epss {
        let probability = kiln_vuln::report::fraction(epss.probability);
        let _ = writeln!(text, "EPSS {probability} by {}", dated("epss", sources));
    }
    if let Some(published) = vulnerability.published {
        let _ = writeln!(text, "published {published}");
    }
    let mut lines = Vec::new();
    let mut judged = Vec::new();
    for (component, question, fact) in &found {
        let answer = match holds(&question.ecosystem, &question.version, fact).0 {
            Some(true) => "affected",
            Some(false) => "not affected",
            None => "cannot be compared",
        };
        let as_of = feeds_of(&fact.source, sources).next();
        judged.push(Judged {
            package: &component.name,
            version: &component.version,
            purl: component.purl.as_ref().map(ToString::to_string),
            owner: component
                .owner
                .and_then(|owner| inventory.component(owner))
                .map(|owner| owner.name.as_str()),
            ecosystem: &question.ecosystem,
            compared: format!("{} {}", question.package, question.version),
            answer,
            as_of: as_of.map(|source| source.as_of),
            fact,
        });
        let of = dated(&fact.source, sources);
        let mut line = format!(
            "{} {} ({} {} in {}): {answer}\n  {of} says: {}",
            component.name,
            component.version,
            question.package,
            question.version,
            question.ecosystem,
            said(fact)
        );
        if fact.level != RiskLevel::Unknown {
            let _ = write!(line, "\n  {} by {of}", fact.level);
        }
        let files = files(component);
        if !files.is_empty() {
            let _ = write!(line, "\n  found in {files}");
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push("no fact about it speaks of anything in this image".to_owned());
    }
    let _ = writeln!(text, "\n{}", lines.join("\n"));
    let mut statements = Vec::new();
    if !args.statements.is_empty() {
        let ids = std::iter::once(&vulnerability.id).chain(&vulnerability.aliases);
        let ids: BTreeSet<&String> = ids.collect();
        statements = stated(context, args, &ids)?;
        let _ = writeln!(text, "\n{}", told(&statements));
    }
    let explanation = Explanation {
        id: &args.id,
        database: snapshot.built,
        at: args.day.at(),
        known,
        vulnerability: Some(&vulnerability),
        facts: judged,
        statements: &statements,
    };
    context.answer(&Versioned::new(&explanation), || {
        render::printable_lines(&text).into_owned()
    })?;
    match is_known {
        true => Ok(()),
        false => Err(Failure::Answered(Exit::Unknown)),
    }
}

/// What VEX statements say about a vulnerability, and what came of each.
fn stated(
    context: &Context,
    args: &ExplainArgs,
    ids: &BTreeSet<&String>,
) -> Result<Vec<Stated>, Failure> {
    let platform = args.platform.as_deref();
    let held = scan::held(context, &args.image, platform, args.day, &args.statements)?;
    let mut told = Vec::new();
    for outcome in &held.outcomes {
        let Some(document) = held.documents.get(outcome.document) else {
            continue;
        };
        let Some(said) = document.statements.get(outcome.statement) else {
            continue;
        };
        if !said.ids.iter().any(|id| ids.contains(id)) {
            continue;
        }
        let why = [&said.justification, &said.impact]
            .into_iter()
            .find(|why| !why.is_empty());
        told.push(Stated {
            document: document.name.clone(),
            place: said.place.clone(),
            at: said.at.map(|at| at.second),
            author: document.author.clone(),
            status: said.status.to_string(),
            why: why.cloned(),
            outcome: outcome.verdict.as_str(),
            reason: outcome.reason.clone(),
        });
    }
    Ok(told)
}

/// Statements for people.
fn told(statements: &[Stated]) -> String {
    if statements.is_empty() {
        return "no VEX statement is about it".to_owned();
    }
    let lines: Vec<String> = statements
        .iter()
        .map(|said| {
            format!(
                "{}, {}{} by {}: {}{}\n  {}: {}",
                said.document,
                said.place,
                said.at.map(|at| format!(" of {at}")).unwrap_or_default(),
                said.author,
                said.status,
                said.why
                    .as_ref()
                    .map(|why| format!(" ({why})"))
                    .unwrap_or_default(),
                said.outcome,
                said.reason,
            )
        })
        .collect();
    lines.join("\n")
}

/// What `--json` prints.
#[derive(Serialize)]
struct Explanation<'a> {
    /// What was asked about.
    id: &'a str,
    /// When the database was built.
    database: Timestamp,
    /// The day whose knowledge was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    /// Since when it was known, of that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<String>,
    /// It; null where the database has nothing about it.
    vulnerability: Option<&'a Vulnerability>,
    /// Every fact about something in the image.
    facts: Vec<Judged<'a>>,
    /// What VEX documents say.
    statements: &'a [Stated],
}

/// A fact, and what it means for a package of the image.
#[derive(Serialize)]
struct Judged<'a> {
    package: &'a str,
    version: &'a str,
    purl: Option<String>,
    /// The package of the distribution that it came with.
    owner: Option<&'a str>,
    ecosystem: &'a str,
    /// Name and version that were compared.
    compared: String,
    answer: &'static str,
    /// When its source was current.
    as_of: Option<Timestamp>,
    fact: &'a Fact,
}

/// A VEX statement, and what came of it.
#[derive(Serialize)]
struct Stated {
    document: String,
    place: String,
    at: Option<Timestamp>,
    author: String,
    status: String,
    why: Option<String>,
    outcome: &'static str,
    reason: String,
}

/// How an id may be meant: as it is written, and as its issuer writes it, who has the letters at its
/// begin in capitals and those of GHSA behind them in lower case.
fn spellings(id: &str) -> BTreeSet<String> {
    let (prefix, rest) = id.split_once('-').unwrap_or((id, ""));
    let prefix = prefix.to_ascii_uppercase();
    [
        id.to_owned(),
        format!("{prefix}-{rest}"),
        format!("{prefix}-{}", rest.to_ascii_lowercase()),
        id.to_ascii_uppercase(),
    ]
    .into()
}

/// The feeds that what a source says came with; records of OSV name who wrote them.
fn feeds_of<'a>(
    source: &'a str,
    sources: &'a [AdvisorySource],
) -> impl Iterator<Item = &'a AdvisorySource> {
    let has = |name: &str| sources.iter().any(|feed| feed.name == name);
    let name = match source {
        "cna" => "nvd",
        name if !has(name) => "osv",
        name => name,
    };
    sources.iter().filter(move |feed| feed.name == name)
}

/// A source with the date of what it says: `nvd of 2026-11-27T16:26:24Z`.
fn dated(source: &str, sources: &[AdvisorySource]) -> String {
    let dates: BTreeSet<Timestamp> = feeds_of(source, sources).map(|feed| feed.as_of).collect();
    match (dates.first(), dates.last()) {
        (Some(first), Some(last)) if first == last => format!("{source} of {first}"),
        // Several files of one feed.
        (Some(first), Some(last)) => format!("{source} of {first} to {last}"),
        _ => source.to_owned(),
    }
}

/// The files that speak for a component.
fn files(component: &Component) -> String {
    const SHOWN: usize = 5;
    let paths: BTreeSet<&str> = component
        .evidence
        .iter()
        .map(|one| one.path.as_str())
        .collect();
    let mut shown: Vec<&str> = paths.iter().copied().take(SHOWN).collect();
    let more = format!("{} more", paths.len().saturating_sub(SHOWN));
    if paths.len() > SHOWN {
        shown.push(&more);
    }
    shown.join(", ")
}

/// A fact in one line: which versions are affected, and what there is of a fix.
fn said(fact: &Fact) -> String {
    const SHOWN: usize = 10;
    let mut affected: Vec<String> = Vec::new();
    let mut fixes: Vec<&str> = Vec::new();
    for range in &fact.ranges {
        let from = range.from.as_deref().filter(|from| *from != "0");
        if let RangeEnd::Before(version) = &range.end {
            fixes.push(version);
        }
        affected.push(match (from, &range.end) {
            (None, RangeEnd::Open) => "in every version".to_owned(),
            (None, RangeEnd::Before(end)) => format!("before {end}"),
            (None, RangeEnd::With(end)) => format!("up to {end}"),
            (Some(from), RangeEnd::Open) => format!("from {from} on"),
            (Some(from), RangeEnd::Before(end)) => format!("from {from} before {end}"),
            (Some(from), RangeEnd::With(end)) => format!("from {from} up to {end}"),
        });
    }
    if !fact.versions.is_empty() {
        let named = fact.versions.iter().take(SHOWN).map(String::as_str);
        let named: Vec<&str> = named.collect();
        let more = match fact.versions.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        affected.push(format!("in {}{more}", named.join(", ")));
    }
    let mut parts = Vec::new();
    if !affected.is_empty() {
        parts.push(format!("affected {}", affected.join(", ")));
    }
    parts.push(match (fact.state, fixes.is_empty()) {
        (FixState::Fixed, false) => format!("fixed in {}", fixes.join(", ")),
        (state, _) => state.to_string(),
    });
    let on = fact.fixed_at.filter(|_| fact.state == FixState::Fixed);
    let on = on.map(|at| format!(" on {at}")).unwrap_or_default();
    let reason = match fact.reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    format!("{}: {}{on}{reason}", fact.record, parts.join(", "))
}
