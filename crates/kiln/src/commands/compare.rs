//! `kiln compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kiln_types::{Clock as _, Inventory, Outcome, Timestamp};
use kiln_vuln::compare::{self, Change, Comparison, Sheet, Subject};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gating::{Advice, Gate, GateFiles, Vex};
use crate::images;
use crate::only::Only;
use crate::output;
use crate::render::{self, Table, Versioned};
use crate::statements::{self, Statements};

/// Compare two images, for a decision: what went, what came, what is larger
///
/// Vulnerabilities by level, packages, sizes, layers, files by directory, user, shells, package
/// managers, setuid files, how it runs, environment, labels, ports, licences and end of life. Both
/// images are judged by the same advisories, on this machine.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln compare docker-daemon:node:24 node\n  \
    kiln compare nginx:1.26 nginx:1.26-dev --format markdown -o diff.md\n  \
    kiln compare sbom:old.json sbom:new.json --only-severity critical,high --exit-on vulnerability\n\n\
    Exit codes: 0 done · 1 could not be done · 2 what --exit-on names came · 3 done, but something\n\
    of an image is not known · 4 an input is not what it claims · 64 usage")]
pub(crate) struct CompareArgs {
    /// An image, named as for `kiln scan`
    from: String,
    /// The image to compare it with
    to: String,
    /// Of which platform, such as `linux/arm64` [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "text")]
    format: Format,
    /// Into a file, whole or not at all; `-` is standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    statements: Statements,
    /// By the newest database of this day or before
    #[arg(long, value_name = "DATE")]
    db_date: Option<Timestamp>,
    #[command(flatten)]
    only: Only,
    /// Judge both images by this policy too, as `kiln gate` does
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// End with 2 when the second image has such a thing that the first has not; repeatable
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    exit_on: Vec<ExitOn>,
}

/// The forms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people
    Text,
    /// For comments
    Markdown,
    /// Everything
    Json,
    /// One page that needs nothing else
    Html,
}

/// What may be worse than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExitOn {
    /// A vulnerability
    Vulnerability,
    /// A package
    Package,
    /// A verdict that is no pass (with `--policy`)
    Policy,
}

pub(crate) fn run(context: &Context, args: &CompareArgs) -> Result<(), Failure> {
    if args.exit_on.contains(&ExitOn::Policy) && args.policy.is_none() {
        return Err(Failure::Usage(
            "`--exit-on policy` needs `--policy`".to_owned(),
        ));
    }
    let gate = args.policy.as_deref().map(|policy| {
        let files = GateFiles {
            vex: args.statements.places().to_vec(),
            vex_products: args.statements.products().to_vec(),
            vex_until: args.db_date.map(statements::whole_day),
            ..GateFiles::of_policy(policy)
        };
        Gate::load(context, &files)
    });
    let gate = gate.transpose()?;
    let platform = args.platform.as_deref();
    let from = images::inventory(context, &args.from, platform)?;
    let to = images::inventory(context, &args.to, platform)?;
    let advice = Advice::of_day(context, args.db_date)?;
    let vex = Vex::of(context, &args.statements, args.db_date)?;
    let now = context.clock.now();
    let from_findings = advice.findings(&args.from, &from, &vex, now)?;
    let to_findings = advice.findings(&args.to, &to, &vex, now)?;
    let filter = args.only.filter();
    let comparison = compare::compare(
        Subject {
            inventory: &from,
            findings: from_findings.as_ref(),
            ends: advice.ends(),
        },
        Subject {
            inventory: &to,
            findings: to_findings.as_ref(),
            ends: advice.ends(),
        },
        &filter,
    );
    let verdict = |name: &str, inventory: &Inventory| match &gate {
        None => Ok(None),
        Some(gate) => gate
            .judge((name, platform), inventory, &advice, now)
            .map(|verdict| Some(verdict.outcome)),
    };
    let verdicts = (verdict(&args.from, &from)?, verdict(&args.to, &to)?);
    let mut sheet = compare::sheet(&comparison);
    if let ((Some(one), Some(other)), Some(overview)) = (verdicts, sheet.tables.first_mut()) {
        let cells = ["policy", one.as_str(), other.as_str(), ""];
        overview.rows.push(cells.map(str::to_owned).to_vec());
    }
    let format = match (context.json, args.format) {
        (true, Format::Text) => Format::Json,
        (true, format) if format != Format::Json => {
            let reason = "`--json` and another `--format` contradict each other".to_owned();
            return Err(Failure::Usage(reason));
        }
        (_, format) => format,
    };
    let document = match format {
        Format::Json => json(&comparison, verdicts)?,
        Format::Text => text(context, &sheet),
        Format::Markdown => compare::markdown(&sheet),
        Format::Html => compare::html(&sheet),
    };
    context.tell_warnings();
    output::deliver(args.output.as_deref(), &document)?;
    end(context, args, &comparison, verdicts.1)
}

fn end(
    context: &Context,
    args: &CompareArgs,
    comparison: &Comparison,
    verdict: Option<Outcome>,
) -> Result<(), Failure> {
    let came = |what: ExitOn| match what {
        ExitOn::Vulnerability => comparison
            .came
            .as_ref()
            .is_some_and(|list| !list.is_empty()),
        ExitOn::Package => {
            let is_added = |one: &compare::PackageChange| one.change == Change::Added;
            comparison.packages.iter().any(is_added)
        }
        ExitOn::Policy => verdict == Some(Outcome::Fail),
    };
    if args.exit_on.iter().any(|what| came(*what)) {
        return Err(Failure::Answered(Exit::No));
    }
    let unknown = [&comparison.from, &comparison.to];
    let not_known: Vec<String> = unknown
        .into_iter()
        .flat_map(|side| {
            side.not_known
                .iter()
                .map(|what| format!("{}: {what}", side.name))
        })
        .collect();
    if not_known.is_empty() && verdict != Some(Outcome::Unknown) {
        return Ok(());
    }
    for what in not_known {
        context.say(&render::printable(&format!("not known: {what}")));
    }
    Err(Failure::Answered(Exit::Unknown))
}

fn json(
    comparison: &Comparison,
    verdicts: (Option<Outcome>, Option<Outcome>),
) -> Result<String, Failure> {
    let answer = Versioned::new(comparison);
    let mut value = serde_json::to_value(answer).map_err(anyhow::Error::from)?;
    for (side, outcome) in [("from", verdicts.0), ("to", verdicts.1)] {
        if let (Some(side), Some(outcome)) = (value.get_mut(side), outcome)
            && let Some(side) = side.as_object_mut()
        {
            side.insert("policy".to_owned(), outcome.as_str().into());
        }
    }
    Ok(format!("{value:#}\n"))
}

fn text(context: &Context, sheet: &Sheet) -> String {
    const SHOWN: usize = 25;
    let most = if context.verbose > 0 {
        usize::MAX
    } else {
        SHOWN
    };
    let mut out = String::new();
    for table in &sheet.tables {
        out.push_str(&context.painter.bold(&render::printable(&table.title)));
        out.push('\n');
        let mut shown = Table::named(&table.columns);
        for row in table.rows.iter().take(most) {
            shown.row(row.iter().map(|cell| render::printable(cell).into_owned()));
        }
        out.push_str(&shown.render(context.painter));
        if let more @ 1.. = table.rows.len().saturating_sub(most) {
            out.push_str(&format!("… and {more} more (`-v`)\n"));
        }
        out.push('\n');
    }
    out
}
