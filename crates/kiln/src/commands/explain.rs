//! `kiln explain`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::Args;
use kiln_pipeline::{AdvisoryError, PipelineError};
use kiln_types::{Fact, RangeEnd, Timestamp, Vulnerability};
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
    let Some(mut vulnerability) = database.vulnerability(&args.id).map_err(failed)? else {
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
        let _ = writeln!(
            text,
            "{} by {}  {score} {vector}",
            rating.level, rating.source
        );
    }
    if let Some(exploited) = &vulnerability.exploited {
        let _ = writeln!(text, "exploited, known since {}", exploited.added);
    }
    if let Some(epss) = vulnerability.epss {
        let probability = kiln_vuln::report::fraction(epss.probability);
        let _ = writeln!(text, "EPSS {probability}");
    }
    let mut lines = Vec::new();
    let mut judged = Vec::new();
    for (component, question, fact) in &found {
        let answer = match holds(&question.ecosystem, &question.version, fact).0 {
            Some(true) => "affected",
            Some(false) => "not affected",
            None => "cannot be compared",
        };
        let source = database
            .meta()
            .sources
            .iter()
            .find(|source| source.name == fact.source);
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
            as_of: source.map(|source| source.as_of),
            fact,
        });
        let source = source
            .map(|source| format!(" of {}", source.as_of))
            .unwrap_or_default();
        lines.push(format!(
            "{} {} ({} {} in {}): {answer}\n  {}{source} says: {}",
            component.name,
            component.version,
            question.package,
            question.version,
            question.ecosystem,
            fact.source,
            said(fact)
        ));
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

/// A fact in one line.
fn said(fact: &Fact) -> String {
    let mut ranges: Vec<String> = fact
        .ranges
        .iter()
        .map(|range| {
            let from = range.from.as_deref().map(|from| format!("from {from} "));
            let end = match &range.end {
                RangeEnd::Open => "every version".to_owned(),
                RangeEnd::Before(version) => format!("before {version}"),
                RangeEnd::With(version) => format!("up to {version}"),
            };
            format!("{}{end}", from.unwrap_or_default())
        })
        .collect();
    ranges.extend(fact.versions.iter().take(10).cloned());
    let reason = match fact.reason.as_str() {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    format!(
        "{}: {} {}{reason}",
        fact.record,
        fact.state,
        ranges.join(", ")
    )
}
