//! `kiln scan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kiln_types::{Clock as _, Finding, Findings, RiskLevel};
use kiln_vuln::Filter;
use kiln_vuln::report::{self, Group};
use kiln_vuln::vex::{self, VexDocument, VexOutcome};

use crate::commands::db::age_days;
use crate::context::Context;
use crate::day::Day;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images;
use crate::only::{Only, level};
use crate::output;
use crate::render::{self, Table, Versioned};
use crate::statements::Statements;

/// Find known vulnerabilities in an image
///
/// Three groups: what an update cures now, what has no fix (with the distribution's reason), and what
/// is suppressed (with the reason). A distribution or ecosystem that the database has nothing about
/// is named, and the answer is "cannot be known" (exit 3), never zero.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln scan nginx\n  \
    kiln scan oci:out --format sarif -o nginx.sarif\n  \
    kiln scan nginx --only-fixed --severity high,critical   show less; how much is hidden is said\n  \
    kiln scan nginx --fail-on high                       exit 2 when there is one\n  \
    kiln scan nginx --vex advisories/                      VEX documents suppress what they clear\n  \
    kiln scan sbom:app.cdx.json --db-date 2026-11-01       by the database of that day\n  \
    kiln scan nginx --at 2026-03-01                        what was known on that day\n\n\
    Exit codes: 0 done · 1 could not be done · 2 there is what --fail-on names · 3 cannot be known ·\n\
    4 an input is not what it claims · 64 usage")]
pub(crate) struct ScanArgs {
    /// An image: a name in the store, `oci:DIR[:TAG]`, `oci-archive:FILE`, `docker-archive:FILE`,
    /// `docker-daemon:NAME`, `rootfs:DIR` or an archive of it, or a document about one: `sbom:FILE`
    image: String,
    /// Of which platform, such as `linux/arm64` [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: Format,
    /// Into a file, whole or not at all; `-` is standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    day: Day,
    #[command(flatten)]
    only: Only,
    /// End with 2 when there is a finding of this level or worse that is not suppressed. One that
    /// nobody has rated counts as high, and what an `--only-…` option hides counts too
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    fail_on: Option<RiskLevel>,
    /// With `--fail-on`, only what an update cures counts
    #[arg(long)]
    only_fixable: bool,
    /// End with 3 when the database, or the content of a feed in it, is older than so many days
    #[arg(long, value_name = "DAYS")]
    max_age: Option<i64>,
    /// Show the suppressed findings one by one (the table only counts them)
    #[arg(long)]
    show_suppressed: bool,
    #[command(flatten)]
    statements: Statements,
}

/// The forms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people
    Table,
    /// Everything that was used
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// GitLab's container scanning report
    Gitlab,
    /// JUnit
    Junit,
    /// For comments
    Markdown,
    /// One page that needs nothing else
    Html,
    /// CycloneDX 1.6 with an analysis of each vulnerability
    CyclonedxVex,
}

pub(crate) fn run(context: &Context, args: &ScanArgs) -> Result<(), Failure> {
    let all = held(
        context,
        &args.image,
        args.platform.as_deref(),
        args.day,
        &args.statements,
    )?
    .findings;
    let filter = args.only.filter();
    let findings = filter.applied(&all);
    let version = env!("CARGO_PKG_VERSION");
    let format = match (context.json, args.format) {
        (true, Format::Table) => Format::Json,
        (true, format) if format != Format::Json => {
            let reason = "`--json` and another `--format` contradict each other".to_owned();
            return Err(Failure::Usage(reason));
        }
        (_, format) => format,
    };
    let document = match format {
        Format::Table => table(context, &findings, args.show_suppressed),
        Format::Json => pretty(&Versioned::new(&findings))?,
        Format::Sarif => pretty(&report::sarif(&findings, version))?,
        Format::Gitlab => pretty(&report::gitlab(&findings, version))?,
        Format::Junit => report::junit(&findings),
        Format::Markdown => report::markdown(&findings),
        Format::Html => report::html(&findings, context.clock.now(), version),
        Format::CyclonedxVex => pretty(&report::cyclonedx_vex(&findings, version))?,
    };
    context.tell_warnings();
    output::deliver(args.output.as_deref(), &document)?;
    for line in report::of_day(&findings) {
        context.say(&render::printable(&line));
    }
    if let (Some(filter), true) = (&findings.filter, format != Format::Table) {
        context.say(&filter.to_string());
    }
    let age = age_days(context, findings.database.built);
    if let Some(most) = args.max_age {
        let mut old = Vec::new();
        if age > most {
            old.push(format!("the database is {age} days old, more than {most}"));
        }
        for source in &findings.database.sources {
            let age = age_days(context, source.as_of);
            if source.facts > 0 && age > most {
                let name = &source.name;
                old.push(format!(
                    "what {name} says is {age} days old, more than {most}"
                ));
            }
        }
        for line in &old {
            context.say(&render::printable(line));
        }
        if !old.is_empty() {
            return Err(Failure::Answered(Exit::Unknown));
        }
    }
    if let Some(worst) = args.fail_on
        && let Some(reason) = failing(&all, &filter, worst, args.only_fixable)
    {
        context.say(&reason);
        return Err(Failure::Answered(Exit::No));
    }
    if !findings.blind.is_empty() || !findings.incomplete.is_empty() {
        const SHOWN: usize = 20;
        let lines = report::not_known(&findings);
        for line in lines.iter().take(SHOWN) {
            context.say(&render::printable(line));
        }
        if lines.len() > SHOWN {
            context.say(&format!("and {} lines more", lines.len() - SHOWN));
        }
        return Err(Failure::Answered(Exit::Unknown));
    }
    if !report::is_day_known(&findings) {
        return Err(Failure::Answered(Exit::Unknown));
    }
    if findings.components == 0 {
        context.say(
            "nothing was recognised in it, so that nothing is known: no package database, and no \
             program or library whose name and version can be told",
        );
        return Err(Failure::Answered(Exit::Unknown));
    }
    Ok(())
}

/// What makes `--fail-on` fail, counted over all findings to act on, whatever is shown of them.
fn failing(all: &Findings, filter: &Filter, worst: RiskLevel, fixable: bool) -> Option<String> {
    let counted: Vec<&Finding> = all
        .active()
        .filter(|finding| counts_as(finding) >= worst)
        .filter(|finding| !fixable || finding.is_fixable())
        .collect();
    let of = |is_one: &dyn Fn(&Finding) -> bool| {
        let is_one = |finding: &&&Finding| is_one(finding);
        counted.iter().filter(is_one).count()
    };
    let unrated = of(&|finding| finding.level == RiskLevel::Unknown);
    let hidden = of(&|finding| !filter.shows(finding));
    let notes = [
        (unrated, "are not rated, which counts as high"),
        (hidden, "are not shown here"),
    ];
    let notes: Vec<String> = notes
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} of them {what}"))
        .collect();
    let notes = match notes.is_empty() {
        true => String::new(),
        false => format!(" ({})", notes.join("; ")),
    };
    let which = match fixable {
        true => "findings that an update cures",
        false => "findings",
    };
    let count = counted.len();
    (count > 0).then(|| format!("{count} {which} are {worst} or worse{notes}"))
}

/// One that nobody has rated may be anything: it counts as the gate counts it.
fn counts_as(finding: &Finding) -> RiskLevel {
    match finding.level {
        RiskLevel::Unknown => RiskLevel::High,
        level => level,
    }
}

/// What is wrong with an image, and what came of VEX statements about it.
pub(crate) struct Held {
    /// What is wrong with it, statements applied.
    pub(crate) findings: Findings,
    /// The documents.
    pub(crate) documents: Vec<VexDocument>,
    /// What came of each of their statements.
    pub(crate) outcomes: Vec<VexOutcome>,
}

/// What is wrong with an image, by the database in use or of another day, with VEX statements applied.
pub(crate) fn held(
    context: &Context,
    image: &str,
    platform: Option<&str>,
    day: Day,
    statements: &Statements,
) -> Result<Held, Failure> {
    // Before the image, which takes longer to read.
    let documents = statements.read(context)?;
    let inventory = images::inventory(context, image, platform)?;
    let mut findings = day.findings(context, &inventory)?;
    let options = statements.options(image, day.statements().or(Some(context.clock.now())));
    let outcomes = vex::apply(&mut findings, &inventory, &documents, &options);
    Ok(Held {
        findings,
        documents,
        outcomes,
    })
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    text.push('\n');
    Ok(text)
}

fn table(context: &Context, findings: &Findings, show_suppressed: bool) -> String {
    let mut out = String::new();
    if let Some(day) = &findings.at {
        out.push_str(&format!("What was known on {}\n", day.at));
    }
    for group in Group::ALL {
        let list = group.findings(findings);
        let title = format!("{} ({})", group.title(), list.len());
        out.push_str(&context.painter.bold(&title));
        out.push('\n');
        if list.is_empty() || (group == Group::Suppressed && !show_suppressed) {
            continue;
        }
        let last = match group {
            Group::Fixable => "fixed in",
            Group::NoFix | Group::Suppressed => "why",
        };
        let mut columns = vec![
            "level",
            "rated by",
            "id",
            "package",
            "version",
            last,
            "exploited",
        ];
        let has_places = list.iter().any(|one| report::place(one).is_some());
        if has_places {
            columns.push("where");
        }
        let mut table = Table::new(&columns);
        for finding in list {
            let exploited = match &finding.vulnerability.exploited {
                Some(exploited) => exploited.added.clone(),
                None => String::new(),
            };
            let printable = |text: &str| render::printable(text).into_owned();
            let mut cells = vec![
                finding.level.to_string(),
                printable(finding.level_source.as_deref().unwrap_or("-")),
                printable(&finding.vulnerability.id),
                printable(&finding.package),
                printable(&finding.version),
                printable(&report::remedy(finding)),
                printable(&exploited),
            ];
            if has_places {
                cells.push(printable(&shortened(
                    report::place(finding).unwrap_or_default(),
                )));
            }
            table.row(cells);
        }
        out.push_str(&table.render(context.painter));
        out.push('\n');
    }
    if let Some(line) = report::supported(findings, context.clock.now()) {
        out.push_str(&format!("Supported until: {}\n", render::printable(&line)));
    }
    if !findings.vex.is_empty() {
        let said: u64 = findings
            .vex
            .iter()
            .map(|document| document.statements)
            .sum();
        let applied: u64 = findings.vex.iter().map(|document| document.applied).sum();
        out.push_str(&format!(
            "VEX: {applied} of {said} statements suppress something; `kiln vex explain` says why the \
             others do not\n"
        ));
    }
    let age = age_days(context, findings.database.built);
    if let Some(filter) = &findings.filter {
        out.push_str(&format!("{filter}\n"));
    }
    out.push_str(&format!(
        "{} in {}; database of {} ({age} days old)\n",
        findings.all_counts(),
        findings.scope(),
        findings.database.built
    ));
    out
}

/// A path that fits beside other columns: of a long one the end, which tells more than the begin.
fn shortened(path: &str) -> String {
    const LONGEST: usize = 48;
    let count = path.chars().count();
    match count > LONGEST {
        false => path.to_owned(),
        true => {
            let end: String = path.chars().skip(count - LONGEST + 1).collect();
            format!("…{end}")
        }
    }
}
