//! `kiln vex`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use kiln_types::{Clock as _, Purl, Timestamp, VexDocumentFact, VexStatus};
use kiln_vuln::vex::{
    Moment, StatementMistake, VexDocument, VexHead, VexOutcome, VexProduct, VexStatement,
    check_statement, image_purl, merge_vex, write_openvex,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::commands::scan;
use crate::context::Context;
use crate::day::Day;
use crate::failure::Failure;
use crate::images;
use crate::output;
use crate::render::{self, Table};
use crate::statements::{self, Statements};

/// Say why VEX statements apply to an image or do not
///
/// VEX documents say of products whether a vulnerability affects them. `kiln scan --vex` suppresses
/// by them what is not affected or fixed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln vex explain nginx --vex advisories/            what came of each statement, and why\n  \
    kiln scan nginx --vex advisories/                   suppress by them\n  \
    kiln vex create nginx --id CVE-2026-1234 --part pkg:deb/debian/zlib --status not_affected \\\n      \
    --justification vulnerable_code_not_in_execute_path --author 'Ours <a@example.org>' -o ours.json\n  \
    kiln vex merge advisories/ ours.json --author 'Ours <a@example.org>' -o all.json\n\n\
    Exit codes: 0 done · 1 could not be done · 4 a document is not what it claims · 64 usage")]
pub(crate) struct VexArgs {
    #[command(subcommand)]
    command: VexCommand,
}

#[derive(Debug, Subcommand)]
enum VexCommand {
    /// Say of each statement whether it applies to an image, and why
    Explain(ExplainArgs),
    /// Write a statement about an image or another product as an OpenVEX document
    Create(CreateArgs),
    /// Make one OpenVEX document of many documents, of any form
    ///
    /// The same documents give the same bytes, in whatever order they come.
    Merge(MergeArgs),
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

#[derive(Debug, Args)]
struct CreateArgs {
    /// The image that it is about, as `kiln scan` takes it: the digest of each of its platforms
    /// becomes a product
    #[arg(required_unless_present = "products")]
    image: Option<String>,
    /// Of this platform only [default: all that the image has]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// A product: a package URL or the reference of an image; repeatable
    #[arg(long = "product", value_name = "PURL|REF")]
    products: Vec<String>,
    /// A part of the products that it is about, by its package URL; repeatable [default: all of them]
    #[arg(long = "part", value_name = "PURL")]
    parts: Vec<String>,
    /// The vulnerability; further ids are its aliases
    #[arg(long = "id", value_name = "ID", required = true)]
    ids: Vec<String>,
    /// `not_affected`, `affected`, `fixed` or `under_investigation`
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: VexStatus,
    /// Why it is not affected, in a word of OpenVEX
    #[arg(
        long,
        value_name = "WORD",
        default_value = "",
        hide_default_value = true
    )]
    justification: String,
    /// Why it is not affected, in words
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    impact: String,
    /// What users of an affected product can do
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    action: String,
    /// How it came to that status
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    notes: String,
    #[command(flatten)]
    head: HeadArgs,
}

#[derive(Debug, Args)]
struct MergeArgs {
    /// VEX documents, and folders of them
    #[arg(required = true, value_name = "FILE|FOLDER")]
    places: Vec<PathBuf>,
    #[command(flatten)]
    head: HeadArgs,
}

/// What a new document says of itself.
#[derive(Debug, Args)]
struct HeadArgs {
    /// Who says it
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// When [default: SOURCE_DATE_EPOCH; else now, and for a merge the time of the newest statement]
    #[arg(long, value_name = "TIME")]
    timestamp: Option<Timestamp>,
    /// The document's own id, an IRI [default: made of its content]
    #[arg(long, value_name = "IRI")]
    document_id: Option<String>,
    /// Into a file, whole or not at all; `-` is standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn status(text: &str) -> Result<VexStatus, String> {
    VexStatus::of_word(text)
        .ok_or_else(|| "expected not_affected, affected, fixed or under_investigation".to_owned())
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
    counts: Vec<CountAnswer>,
}

/// How many statements came to the same.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CountAnswer {
    /// What came of them.
    verdict: String,
    /// How many.
    statements: u64,
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
        VexCommand::Create(args) => create(context, args),
        VexCommand::Merge(args) => merge(context, args),
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
        Day::of_database(args.db_date),
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
        counts: counts
            .into_iter()
            .map(|(verdict, statements)| CountAnswer {
                verdict,
                statements,
            })
            .collect(),
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
        .map(|count| format!("{} {}", count.statements, count.verdict))
        .collect();
    out.push_str(&format!(
        "{total} statements in {} documents: {}\n",
        answer.documents.len(),
        counts.join(", ")
    ));
    out
}

fn create(context: &Context, args: &CreateArgs) -> Result<(), Failure> {
    let Some(author) = &args.head.author else {
        return Err(Failure::Usage(
            "say who says so: `--author NAME`".to_owned(),
        ));
    };
    let mut products = args.products.clone();
    if let Some(image) = &args.image {
        products.extend(image_products(context, image, args.platform.as_deref())?);
    }
    let at = Moment {
        second: epoch(context, &args.head)?.unwrap_or_else(|| context.clock.now()),
        nanoseconds: 0,
    };
    let statement = VexStatement {
        place: "it".to_owned(),
        at: Some(at),
        ids: args.ids.iter().cloned().collect(),
        status: args.status,
        justification: args.justification.clone(),
        impact: args.impact.clone(),
        action: args.action.clone(),
        notes: args.notes.clone(),
        products: products
            .into_iter()
            .map(|name| VexProduct {
                names: vec![name],
                parts: args.parts.clone(),
                ..VexProduct::default()
            })
            .collect(),
        unusable: None,
    };
    check_statement(&statement).map_err(|mistake| {
        let (option, reason) = match &mistake {
            StatementMistake::Id => ("--id", &mistake),
            StatementMistake::Product => ("--product", &mistake),
            StatementMistake::Justification(_) | StatementMistake::NoReason => {
                ("--justification", &mistake)
            }
            StatementMistake::Reason(_) if args.justification.is_empty() => ("--impact", &mistake),
            StatementMistake::Reason(_) => ("--justification", &mistake),
            StatementMistake::NoAction | StatementMistake::Action(_) => ("--action", &mistake),
        };
        Failure::Usage(format!("`{option}`: {reason}"))
    })?;
    for (option, names) in [("--product", &args.products), ("--part", &args.parts)] {
        for name in names {
            if name.starts_with("pkg:")
                && let Err(error) = name.parse::<Purl>()
            {
                return Err(Failure::Usage(format!("`{option}`: {error}")));
            }
        }
    }
    if let Some(part) = args.parts.iter().find(|part| !part.starts_with("pkg:")) {
        return Err(Failure::Usage(format!(
            "`--part`: `{part}` is no package URL"
        )));
    }
    write(context, &[statement], author, at, &args.head)
}

/// The package URLs of an image, one a platform.
fn image_products(
    context: &Context,
    image: &str,
    platform: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let subjects = images::subjects(context, image, platform)?;
    let named = subjects.iter().map(|subject| {
        let purl = image_purl(subject).ok_or_else(|| {
            Failure::Usage(format!(
                "`{image}` has no digest to be named by: name it with `--product`"
            ))
        });
        purl.map(|purl| purl.to_string())
    });
    named.collect()
}

fn merge(context: &Context, args: &MergeArgs) -> Result<(), Failure> {
    let documents = statements::read(context, &args.places)?;
    let authors: BTreeSet<&str> = documents
        .iter()
        .map(|found| found.author.as_str())
        .collect();
    let author = match (&args.head.author, authors.len(), authors.first()) {
        (Some(author), ..) => author.clone(),
        (None, 1, Some(author)) if !author.is_empty() => (*author).to_owned(),
        _ => {
            return Err(Failure::Usage(
                "the documents are not of one author: say who vouches for all, `--author NAME`"
                    .to_owned(),
            ));
        }
    };
    let (merged, left) = merge_vex(&documents);
    for line in &left {
        context.say(&render::printable(&format!("left out: {line}")));
    }
    let newest = merged.iter().filter_map(|statement| statement.at).max();
    let given = epoch(context, &args.head)?.map(|second| Moment {
        second,
        nanoseconds: 0,
    });
    let Some(at) = given.or(newest) else {
        return Err(Failure::Usage(
            "no statement has a time: say one, `--timestamp TIME`".to_owned(),
        ));
    };
    write(context, &merged, &author, at, &args.head)
}

/// The time that was given, by flag or environment.
fn epoch(context: &Context, head: &HeadArgs) -> Result<Option<Timestamp>, Failure> {
    let found = context.world.environment.get("SOURCE_DATE_EPOCH");
    match (head.timestamp, found) {
        (Some(given), _) => Ok(Some(given)),
        (None, None) => Ok(None),
        (None, Some(found)) => match found.parse() {
            Ok(seconds) => Ok(Some(Timestamp::from_unix(seconds))),
            Err(_) => Err(Failure::Usage(
                "SOURCE_DATE_EPOCH is no number of seconds".to_owned(),
            )),
        },
    }
}

fn write(
    context: &Context,
    statements: &[VexStatement],
    author: &str,
    at: Moment,
    head: &HeadArgs,
) -> Result<(), Failure> {
    let head_of = VexHead {
        id: head.document_id.clone(),
        author: author.to_owned(),
        at,
        tooling: format!("kiln {}", env!("CARGO_PKG_VERSION")),
    };
    let document = write_openvex(statements, &head_of);
    let mut text = serde_json::to_string_pretty(&document).map_err(anyhow::Error::from)?;
    text.push('\n');
    context.tell_warnings();
    output::deliver(head.output.as_deref(), &text)
}
