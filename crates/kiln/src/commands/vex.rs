//! `kiln vex`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use kiln_types::{Timestamp, VexDocumentFact};
use kiln_vuln::vex::{VexDocument, VexOutcome};
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::scan;
use crate::context::Context;
use crate::failure::Failure;
use crate::render::{self, Table};
use crate::statements::Statements;

/// Say why VEX statements apply to an image or do not
///
/// VEX documents say of products whether a vulnerability affects them. `kiln scan --vex` suppresses
/// by them what is not affected or fixed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln vex explain nginx --vex advisories/            what came of each statement, and why\n  \
    kiln scan nginx --vex advisories/                   suppress by them\n\n\
    Exit codes: 0 done · 1 could not be done · 4 a document is not what it claims · 64 usage")]
pub(crate) struct VexArgs {
    #[command(subcommand)]
    command: VexCommand,
}

#[derive(Debug, Subcommand)]
enum VexCommand {
    /// Say of each statement whether it applies to an image, and why
    Explain(ExplainArgs),
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The image, as `kiln scan` takes it
    image: String,
    /// Of which platform [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// By the newest database of this day or before, and what was said until then
    #[arg(long, value_name = "DATE")]
    db_date: Option<Timestamp>,
    /// Only statements about this vulnerability
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    statements: Statements,
}

/// What `kiln vex explain --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct VexExplainAnswer {
    /// The documents.
    documents: Vec<DocumentAnswer>,
    /// Their statements.
    statements: Vec<StatementAnswer>,
    /// How many statements came to what.
    counts: BTreeMap<String, u64>,
}

/// A document.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct DocumentAnswer {
    /// Its name.
    name: String,
    /// `sha256:…` of its bytes.
    digest: String,
    /// `openvex`, `csaf` or `cyclonedx`.
    form: String,
    /// Who says what it says.
    author: String,
    /// How many statements it has.
    statements: u64,
    /// How many of them suppressed a finding.
    applied: u64,
}

/// What came of a statement.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct StatementAnswer {
    /// The document.
    document: String,
    /// The place in it.
    place: String,
    /// The ids of the vulnerability.
    ids: Vec<String>,
    /// `not_affected`, `affected`, `fixed` or `under_investigation`.
    status: String,
    /// When it was made.
    at: Option<String>,
    /// `applied`, `stands`, `superseded`, `nothing-to-suppress`, `not-here`, `unusable` or `later`.
    verdict: String,
    /// Why.
    reason: String,
    /// The findings that it is about.
    findings: Vec<String>,
}

pub(crate) fn run(context: &Context, args: &VexArgs) -> Result<(), Failure> {
    match &args.command {
        VexCommand::Explain(args) => explain(context, args),
    }
}

fn explain(context: &Context, args: &ExplainArgs) -> Result<(), Failure> {
    if args.statements.is_empty() {
        return Err(Failure::Usage(
            "name the documents with `--vex FILE|FOLDER`".to_owned(),
        ));
    }
    let held = scan::held(
        context,
        &args.image,
        args.platform.as_deref(),
        args.db_date,
        &args.statements,
    )?;
    let mut statements = Vec::new();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for outcome in &held.outcomes {
        let Some(answer) = statement(&held.documents, outcome) else {
            continue;
        };
        let is_asked = |id: &String| answer.ids.iter().any(|own| own.eq_ignore_ascii_case(id));
        if args.id.as_ref().is_none_or(is_asked) {
            *counts.entry(answer.verdict.clone()).or_default() += 1;
            statements.push(answer);
        }
    }
    let answer = VexExplainAnswer {
        documents: held.findings.vex.iter().map(document).collect(),
        statements,
        counts,
    };
    context.answer(&answer, || text(context, &answer))
}

fn document(fact: &VexDocumentFact) -> DocumentAnswer {
    DocumentAnswer {
        name: fact.name.clone(),
        digest: fact.digest.to_string(),
        form: fact.form.clone(),
        author: fact.author.clone(),
        statements: fact.statements,
        applied: fact.applied,
    }
}

fn statement(documents: &[VexDocument], outcome: &VexOutcome) -> Option<StatementAnswer> {
    let document = documents.get(outcome.document)?;
    let statement = document.statements.get(outcome.statement)?;
    Some(StatementAnswer {
        document: document.name.clone(),
        place: statement.place.clone(),
        ids: statement.ids.iter().cloned().collect(),
        status: statement.status.to_string(),
        at: statement.at.map(|at| at.second.to_string()),
        verdict: outcome.verdict.as_str().to_owned(),
        reason: outcome.reason.clone(),
        findings: outcome.findings.clone(),
    })
}

fn text(context: &Context, answer: &VexExplainAnswer) -> String {
    let mut table = Table::new(&["what", "vulnerability", "status", "statement", "why"]);
    let printable = |text: &str| render::printable(text).into_owned();
    for statement in &answer.statements {
        table.row([
            statement.verdict.clone(),
            printable(&statement.ids.join(", ")),
            statement.status.clone(),
            printable(&format!("{}, {}", statement.document, statement.place)),
            printable(&statement.reason),
        ]);
    }
    let mut out = table.render(context.painter);
    let total = answer.statements.len();
    let counts: Vec<String> = answer
        .counts
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    out.push_str(&format!(
        "{total} statements in {} documents: {}\n",
        answer.documents.len(),
        counts.join(", ")
    ));
    out
}
