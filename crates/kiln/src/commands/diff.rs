//! `kiln diff`.

use std::path::Path;

use clap::Args;
use kiln_definition::lock::from_text;
use kiln_pipeline::{Change, LockDiff, diff_locks};
use kiln_types::Lock;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Selection;
use crate::context::Context;
use crate::failure::Failure;
use crate::loading::{load, read_document, read_lock};
use crate::render::Painter;

/// Show the packages that went up, down, came or went between two locks
///
/// A and B are lock files (`*.lock`, `*.json`), or images, whose lock is meant. The exit code is 0
/// whether or not they differ.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln diff old.lock image.lock\n  \
    git show HEAD:image.lock > /tmp/old.lock && kiln diff /tmp/old.lock ./image.yaml\n  \
    kiln diff old.lock nginx --json")]
pub(crate) struct DiffArgs {
    /// The older lock, or an image
    a: String,
    /// The newer lock, or an image
    b: String,
}

/// What `kiln diff --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DiffAnswer {
    /// The changes, by package.
    changes: Vec<ChangeAnswer>,
}

/// One change.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ChangeAnswer {
    /// The package.
    package: String,
    /// `added`, `removed`, `up`, `down` or `rebuilt`.
    kind: &'static str,
    /// The version before.
    from: Option<String>,
    /// The version after.
    to: Option<String>,
    /// The targets in which it changed so.
    targets: Vec<String>,
}

pub(crate) fn run(context: &Context, args: &DiffArgs) -> Result<(), Failure> {
    let (old, new) = (lock_of(context, &args.a)?, lock_of(context, &args.b)?);
    let diff = diff_locks(&old, &new, None);
    context.answer(
        &DiffAnswer {
            changes: change_answers(&diff),
        },
        || match diff.changes.len() {
            0 => "no package changed\n".to_owned(),
            _ => change_lines(context.painter, &diff),
        },
    )
}

fn lock_of(context: &Context, text: &str) -> Result<Lock, Failure> {
    let path = Path::new(text);
    let is_lock = path
        .extension()
        .is_some_and(|extension| extension == "lock" || extension == "json");
    if is_lock {
        let document = read_document(path)?;
        return from_text(&document)
            .map_err(|list| Failure::of_text(list, &document.name, &document.text));
    }
    let place = load(text)?.lock_place(&Selection::default());
    let store = context.store()?;
    read_lock(&place, Some(&store))?.ok_or_else(|| {
        anyhow::anyhow!("there is no lock at {place}: make one with `kiln lock {text}`").into()
    })
}

/// Changes for programs.
pub(crate) fn change_answers(diff: &LockDiff) -> Vec<ChangeAnswer> {
    diff.changes
        .iter()
        .map(|changed| {
            let (kind, from, to) = parts(&changed.change);
            ChangeAnswer {
                package: changed.package.clone(),
                kind,
                from: from.map(str::to_owned),
                to: to.map(str::to_owned),
                targets: changed.targets.iter().map(ToString::to_string).collect(),
            }
        })
        .collect()
}

/// Changes for people, one a line.
pub(crate) fn change_lines(painter: Painter, diff: &LockDiff) -> String {
    let mut text = String::new();
    for changed in &diff.changes {
        let package = &changed.package;
        let line = match parts(&changed.change) {
            ("added", _, Some(to)) => painter.green(&format!("+ {package} {to}")),
            ("removed", Some(from), _) => painter.red(&format!("- {package} {from}")),
            ("up", Some(from), Some(to)) => {
                format!("{} {package} {from} -> {to}", painter.green("^"))
            }
            ("down", Some(from), Some(to)) => {
                format!("{} {package} {from} -> {to}", painter.red("v"))
            }
            (_, _, to) => format!("~ {package} {} (another file)", to.unwrap_or_default()),
        };
        let targets: Vec<String> = changed.targets.iter().map(ToString::to_string).collect();
        text.push_str(&format!("{line}  {}\n", painter.dim(&targets.join(" "))));
    }
    text
}

fn parts(change: &Change) -> (&'static str, Option<&str>, Option<&str>) {
    match change {
        Change::Added { to } => ("added", None, Some(to)),
        Change::Removed { from } => ("removed", Some(from), None),
        Change::Up { from, to } => ("up", Some(from), Some(to)),
        Change::Down { from, to } => ("down", Some(from), Some(to)),
        Change::Rebuilt { version } => ("rebuilt", Some(version), Some(version)),
    }
}
