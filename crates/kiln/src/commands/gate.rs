//! `kiln gate`.

use std::path::{Path, PathBuf};

use clap::Args;
use kiln_types::{Clock as _, ErrorClass, Timestamp, UsedFile, VERDICT_FORMAT, Verdict};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gating::{self, Advice, Gate, GateFiles, Named, Verdicts};
use crate::images;
use crate::loading::read_document;
use crate::output;
use crate::render;
use crate::statements::{self, Statements};

/// Say whether an image may ship, by a policy
///
/// The verdict is a document with every reason and the digest of everything that was used: `--json`
/// prints it, `-o` keeps it, `--replay` comes to it again or says which input is another. What the
/// policy asks about and nobody can say (no advisories, old ones, an unknown distribution, a layer
/// that cannot be read) is never a pass.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln gate nginx                                    by the default policy\n  \
    kiln gate oci:out --policy policy.yaml -o verdict.json\n  \
    kiln gate nginx --ignore-file .trivyignore\n  \
    kiln gate --replay verdict.json\n  \
    kiln gate --print-policy > policy.yaml             to start from\n\n\
    Exit codes: 0 it may ship · 1 could not be done · 2 it may not · 3 cannot be known ·\n\
    4 an input is not what it claims, or not what the verdict was made from · 64 usage")]
pub(crate) struct GateArgs {
    /// An image, named as for `kiln scan`
    #[arg(required_unless_present_any = ["print_policy", "replay"])]
    image: Option<String>,
    /// The policy; `default` is the one that `--print-policy` shows [default: default]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// An ignore file of another tool: `.trivyignore` (plain or YAML), or a configuration of Grype;
    /// repeatable
    #[arg(long = "ignore-file", value_name = "FILE")]
    ignore_files: Vec<PathBuf>,
    /// A document (SBOM) about the image, for a policy that asks for one; repeatable
    #[arg(long = "sbom", value_name = "FILE")]
    sboms: Vec<PathBuf>,
    #[command(flatten)]
    statements: Statements,
    /// Only this platform, such as `linux/arm64` [default: every platform that the image has, each with
    /// a verdict of its own]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// By the newest database of this day or before
    #[arg(long, value_name = "DATE", conflicts_with = "replay")]
    db_date: Option<Timestamp>,
    /// Write the verdict, as JSON, into a file too
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Judge again from what a verdict was made from; files that lie elsewhere now are named as usual
    #[arg(long, value_name = "VERDICT")]
    replay: Option<PathBuf>,
    /// Print the default policy, to start from
    #[arg(long, exclusive = true)]
    print_policy: bool,
}

pub(crate) fn run(context: &Context, args: &GateArgs) -> Result<(), Failure> {
    if args.print_policy {
        render::print(&kiln_definition::policy::default_document().text)?;
        return Ok(());
    }
    output::must_be_file("-o", args.output.as_deref())?;
    let verdicts = match &args.replay {
        Some(_) if !args.statements.products().is_empty() => {
            return Err(Failure::Usage(
                "`--replay` takes the names that VEX documents may use from the verdict: \
                 leave out `--vex-product`"
                    .to_owned(),
            ));
        }
        Some(path) => replay(context, args, path)?,
        None => {
            let image = args.image.as_deref().unwrap_or_default();
            let named = |paths: &[PathBuf]| paths.iter().map(|path| Named::of(path)).collect();
            let files = GateFiles {
                policy: args.policy.as_deref().and_then(Named::of_policy),
                ignore_files: named(&args.ignore_files),
                sboms: named(&args.sboms),
                vex: args.statements.places().to_vec(),
                vex_products: args.statements.products().to_vec(),
                vex_until: args.db_date.map(statements::whole_day),
                vex_names: Vec::new(),
            };
            let gate = Gate::load(context, &files)?;
            let platform = args.platform.as_deref();
            let inventories = images::inventories_for_verdict(context, image, platform)?;
            let advice = Advice::of_day(context, args.db_date)?;
            let now = context.clock.now();
            let verdicts: Result<Vec<Verdict>, Failure> = inventories
                .iter()
                .map(|inventory| gate.judge((image, platform), inventory, &advice, now))
                .collect();
            Verdicts::new(verdicts?)
        }
    };
    if let Some(path) = &args.output {
        output::keep(path, verdicts.to_json()?.as_bytes())?;
    }
    context.answer(&verdicts, || {
        let all = verdicts.all().iter();
        let tables: Vec<String> = all.map(|one| gating::table(context, one)).collect();
        tables.join("\n")
    })?;
    gating::end(verdicts.all())
}

/// Judges again from what verdicts name, at the moment that they name.
fn replay(context: &Context, args: &GateArgs, path: &Path) -> Result<Verdicts, Failure> {
    let not_one = |reason: String| {
        Failure::Classed(
            ErrorClass::Integrity,
            anyhow::anyhow!("`{}` is no verdict: {reason}", path.display()),
        )
    };
    let text = read_document(path)?.text;
    let read: Result<Vec<Verdict>, _> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text),
        false => serde_json::from_str(&text).map(|one| vec![one]),
    };
    let old = read.map_err(|error| not_one(error.to_string()))?;
    if old.is_empty() {
        return Err(not_one("it is an empty list".to_owned()));
    }
    if let Some(other) = old.iter().find(|one| one.format != VERDICT_FORMAT) {
        return Err(not_one(format!("its format is {}", other.format)));
    }
    if let Some(wanted) = &args.platform
        && old.len() > 1
    {
        return Err(Failure::Usage(format!(
            "`{}` has a verdict for each platform: leave out `--platform {wanted}`",
            path.display()
        )));
    }
    let again: Result<Vec<Verdict>, Failure> = old
        .iter()
        .map(|verdict| once_more(context, args, path, verdict))
        .collect();
    let again = again?;
    Ok(Verdicts::new(again))
}

/// Judges again from what one verdict names.
fn once_more(
    context: &Context,
    args: &GateArgs,
    path: &Path,
    old: &Verdict,
) -> Result<Verdict, Failure> {
    let inputs = &old.inputs;
    let policy = inputs.policy.as_ref().map(|file| Named {
        path: args
            .policy
            .clone()
            .unwrap_or_else(|| file.name.clone().into()),
        name: file.name.clone(),
    });
    let files = GateFiles {
        policy: policy.or_else(|| args.policy.as_deref().and_then(Named::of_policy)),
        ignore_files: again(&inputs.ignore_files, &args.ignore_files),
        sboms: again(&inputs.sboms, &args.sboms),
        vex: match args.statements.places() {
            [] => inputs
                .vex
                .iter()
                .map(|file| file.name.clone().into())
                .collect(),
            given => given.to_vec(),
        },
        vex_products: inputs.vex_products.clone(),
        vex_until: inputs.vex_until,
        vex_names: inputs.vex.clone(),
    };
    let gate = Gate::load(context, &files)?;
    let platform = args
        .platform
        .as_deref()
        .or(inputs.image.platform.as_deref());
    let image = args.image.as_deref().unwrap_or(&inputs.image.name);
    let inventory = images::inventory_for_verdict(context, image, platform)?;
    let Some(advice) = Advice::same(context, inputs.database.as_ref())? else {
        let built = inputs.database.as_ref().map(|one| one.built.to_string());
        context.say(&format!(
            "the advisories of {} that the verdict used are not on this machine",
            built.unwrap_or_default()
        ));
        return Err(Failure::Answered(Exit::Unknown));
    };
    let asked = inputs.image.platform.as_deref();
    let new = gate.judge((&inputs.image.name, asked), &inventory, &advice, old.at)?;
    let mut differences = gating::differences(inputs, &new.inputs);
    if differences.is_empty() && new != *old {
        differences.push(match new.kiln == old.kiln {
            false => format!("kiln: it was {} and is {}", old.kiln, new.kiln),
            true => "the verdict: it is not what its inputs give".to_owned(),
        });
    }
    if differences.is_empty() {
        return Ok(new);
    }
    Err(Failure::Classed(
        ErrorClass::Integrity,
        anyhow::anyhow!(
            "`{}` was made from other inputs: {}",
            path.display(),
            differences.join("; ")
        ),
    ))
}

/// The files that a verdict names, each where it is now.
fn again(used: &[UsedFile], given: &[PathBuf]) -> Vec<Named> {
    let mut files: Vec<Named> = used
        .iter()
        .enumerate()
        .map(|(place, file)| Named {
            path: given
                .get(place)
                .cloned()
                .unwrap_or_else(|| file.name.clone().into()),
            name: file.name.clone(),
        })
        .collect();
    files.extend(given.iter().skip(used.len()).map(|path| Named::of(path)));
    files
}
