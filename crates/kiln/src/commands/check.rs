//! `kiln check`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use kiln_definition::{Document, PlanOptions, catalog, lint, parse};
use kiln_types::{Diagnostic, Severity};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Selection;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::{load, load_file, read_document};
use crate::render;

/// Check definitions for errors, and for what a careful person would change
///
/// Reads definition files, folders of them, or images of the catalog. Also asks the package
/// indexes whether every package exists, unless `--no-index`. Exit 2 when there is an error (with
/// `--strict`, a warning too).
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln check ./image.yaml\n  \
    kiln check images/ --strict\n  \
    kiln check nginx --no-index --json")]
pub(crate) struct CheckArgs {
    /// Definition files, folders, or images of the catalog
    #[arg(value_name = "FILE|DIR|IMAGE", default_value = "image.yaml")]
    what: Vec<String>,
    /// Do not ask the package indexes whether the packages exist
    #[arg(long)]
    no_index: bool,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
    /// A profile of your own, for the variant of its name; repeatable
    #[arg(long = "profile-file", value_name = "FILE")]
    profile_files: Vec<PathBuf>,
    /// Set a variable of the definition
    #[arg(long = "set", value_name = "VAR=VALUE")]
    sets: Vec<String>,
}

/// What `kiln check --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CheckAnswer {
    /// The definitions that were read.
    checked: Vec<String>,
    /// Whether they pass.
    passed: bool,
    /// Everything found, by place.
    #[schemars(with = "Vec<serde_json::Value>")]
    diagnostics: Vec<Diagnostic>,
}

pub(crate) fn run(context: &Context, args: &CheckArgs) -> Result<(), Failure> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut checked = Vec::new();
    for what in definitions(&args.what)? {
        let document = match &what {
            What::Catalog(name) => {
                catalog::document(name).unwrap_or_else(|| Document::new(name.clone(), ""))
            }
            What::File(path) => read_document(path)?,
        };
        texts.insert(document.name.to_string(), document.text.to_string());
        checked.push(document.name.to_string());
        let parsed = parse(&document);
        let sound = !parsed
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error);
        found.extend(parsed.diagnostics);
        if sound && parsed.value.is_some() {
            found.extend(beyond_the_text(context, &what, args)?);
        }
    }
    found.sort();
    found.dedup();
    let errors = found
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .count();
    let warnings = found
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Warning)
        .count();
    let passed = errors == 0 && !(args.strict && warnings > 0);
    let answer = CheckAnswer {
        checked,
        passed,
        diagnostics: found,
    };
    context.answer(&answer, || {
        let mut text = render::diagnostics(
            &answer.diagnostics,
            &|file| texts.get(file).cloned(),
            context.painter,
        );
        let count = |number: usize, what: &str| match number {
            1 => format!("1 {what}"),
            number => format!("{number} {what}s"),
        };
        text.push_str(&format!(
            "{} checked: {}, {}\n",
            count(answer.checked.len(), "definition"),
            count(errors, "error"),
            count(warnings, "warning"),
        ));
        text
    })?;
    if answer.passed {
        Ok(())
    } else {
        Err(Failure::Answered(Exit::No))
    }
}

enum What {
    Catalog(String),
    File(PathBuf),
}

/// What the arguments name: files, every `image.yaml` below a folder, images of the catalog.
fn definitions(arguments: &[String]) -> Result<Vec<What>, Failure> {
    let mut list = Vec::new();
    for argument in arguments {
        let path = Path::new(argument);
        if path.is_dir() {
            let mut files = Vec::new();
            find(path, 0, &mut files)?;
            if files.is_empty() {
                return Err(anyhow::anyhow!(
                    "there is no `image.yaml` in `{argument}` or below it"
                )
                .into());
            }
            files.sort();
            list.extend(files.into_iter().map(What::File));
        } else if catalog::get(argument).is_some() && !path.exists() {
            list.push(What::Catalog(argument.clone()));
        } else {
            list.push(What::File(path.to_owned()));
        }
    }
    Ok(list)
}

/// Folders nested deeper than this are no catalog.
const DEEPEST: usize = 16;

fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| anyhow::anyhow!("cannot read folder `{}`: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && depth < DEEPEST && !entry.file_name().to_string_lossy().starts_with('.')
        {
            find(&path, depth + 1, files)?;
        } else if kind.is_file() && entry.file_name() == "image.yaml" {
            files.push(path);
        }
    }
    Ok(())
}

/// What only evaluation and the indexes can tell.
fn beyond_the_text(
    context: &Context,
    what: &What,
    args: &CheckArgs,
) -> Result<Vec<Diagnostic>, Failure> {
    let loaded = match what {
        What::Catalog(name) => load(name)?,
        What::File(path) => load_file(path.clone())?,
    };
    let selection = Selection {
        sets: args.sets.clone(),
        profile_files: args.profile_files.clone(),
        ..Selection::default()
    };
    let plans = match loaded.all_plans(&selection) {
        Ok(plans) => plans,
        Err(Failure::Diagnostics { list, .. }) => return Ok(list),
        Err(other) => return Err(other),
    };
    let profiles = selection.profiles()?;
    let options = PlanOptions {
        profiles,
        ..PlanOptions::default()
    };
    let mut found = lint(&loaded.definition, &plans, &options);
    if args.no_index {
        return Ok(found);
    }
    let store = context.store()?;
    let settings = context.pipeline_settings(loaded.folder(), None);
    let pipeline = context.pipeline(&store, &settings);
    let mut unknown: BTreeMap<String, (BTreeSet<String>, Vec<String>)> = BTreeMap::new();
    for plan in &plans {
        for (package, similar) in pipeline.unknown_packages(plan)? {
            let entry = unknown
                .entry(package)
                .or_insert_with(|| (BTreeSet::new(), similar));
            entry.0.insert(plan.target().to_string());
        }
    }
    let diagnostics = unknown.into_iter().map(|(package, (targets, similar))| {
        let targets: Vec<String> = targets.into_iter().collect();
        let message = format!(
            "no index has a package `{package}` (for {})",
            targets.join(", ")
        );
        let mut diagnostic = Diagnostic::error("definition/unknown-package", message);
        let packages = loaded.definition.settings.contents.packages.iter();
        let variants = loaded
            .definition
            .variants
            .iter()
            .flat_map(|variant| &variant.settings.contents.packages);
        if let Some(entry) = packages
            .chain(variants)
            .find(|entry| names(&entry.text.value, &package))
        {
            diagnostic = diagnostic.at(entry.text.span.location());
        }
        match similar.as_slice() {
            [] => diagnostic,
            names => diagnostic.help(format!("did you mean `{}`?", names.join("`, `"))),
        }
    });
    found.extend(diagnostics);
    Ok(found)
}

/// Whether an entry of a package list asks for this package.
fn names(entry: &str, package: &str) -> bool {
    entry.strip_prefix(package).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with(['=', '/', ' ', '(', '<', '>', '~'])
    })
}
