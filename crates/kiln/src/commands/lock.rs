//! `kiln lock`.

use clap::Args;
use kiln_pipeline::{BlobStore, diff_locks};
use kiln_types::{Lock, Plan};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Selection;
use crate::commands::diff::{ChangeAnswer, change_answers, change_lines};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::{Loaded, LockPlace, inputs, load, read_lock, write_lock};

/// Resolve a definition into exact packages, and write them down
///
/// One lock holds all version lines, variants and platforms, whichever are selected. It names
/// archives, never mirrors, and each package by version, path, size and SHA-256. It is written
/// beside the definition (`image.lock`); for images of the catalog, into the store.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln lock ./image.yaml                        resolve, and say what changed\n  \
    kiln lock ./image.yaml --check                for CI: exit 2 when the lock does not fit\n  \
    KILN_SNAPSHOT=20261101T000000Z kiln lock ./image.yaml      a lock that lasts")]
pub(crate) struct LockArgs {
    /// An image of the catalog, a definition file, or a folder with one
    image: String,
    #[command(flatten)]
    selection: Selection,
    /// Resolve nothing; exit 2 unless there is a lock that fits the definition
    #[arg(long)]
    check: bool,
    /// Accepted for symmetry with `build`; `lock` always resolves again
    #[arg(long, conflicts_with = "check")]
    update: bool,
}

/// What `kiln lock --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct LockAnswer {
    /// Where the lock stands.
    place: String,
    /// Whether it fits the definition.
    fits: bool,
    /// The number of packages in it.
    packages: usize,
    /// The targets it covers.
    targets: Vec<String>,
    /// What changed against the lock before.
    changes: Vec<ChangeAnswer>,
}

pub(crate) fn run(context: &Context, args: &LockArgs) -> Result<(), Failure> {
    let loaded = load(&args.image)?;
    let all = loaded.all_plans(&args.selection)?;
    loaded.tell_warnings(context);
    let place = loaded.lock_place(&args.selection);
    let store = context.store()?;
    let before = read_lock(&place, Some(&store));
    if args.check {
        return check(context, &place, before?, &all);
    }
    // A lock that cannot be read is replaced: resolving again is what was asked for.
    let before = before.unwrap_or_default();
    let lock = resolve(context, &store, &loaded, &all, &place)?;
    let diff = before
        .as_ref()
        .map(|before| diff_locks(before, &lock, None))
        .unwrap_or_default();
    let answer = LockAnswer {
        place: place.to_string(),
        fits: true,
        packages: lock.packages.len(),
        targets: lock.targets().iter().map(ToString::to_string).collect(),
        changes: change_answers(&diff),
    };
    context.answer(&answer, || {
        let mut text = change_lines(context.painter, &diff);
        if before.is_some() && diff.changes.is_empty() {
            text.push_str("no package changed\n");
        }
        let targets = answer.targets.len();
        text.push_str(&format!(
            "{} packages for {targets} targets in {}\n",
            answer.packages, answer.place
        ));
        text
    })
}

fn check(
    context: &Context,
    place: &LockPlace,
    lock: Option<Lock>,
    all: &[Plan],
) -> Result<(), Failure> {
    let fits = lock.as_ref().is_some_and(|lock| lock.inputs == inputs(all));
    let answer = LockAnswer {
        place: place.to_string(),
        fits,
        packages: lock.as_ref().map_or(0, |lock| lock.packages.len()),
        targets: lock
            .iter()
            .flat_map(Lock::targets)
            .map(|target| target.to_string())
            .collect(),
        changes: Vec::new(),
    };
    context.answer(&answer, || match (&lock, fits) {
        (None, _) => format!("there is no lock at {place}: make one with `kiln lock`\n"),
        (Some(_), false) => {
            format!(
                "{place} does not fit the definition any more: resolve again with `kiln lock`\n"
            )
        }
        (Some(_), true) => format!("{place} fits the definition\n"),
    })?;
    if fits {
        Ok(())
    } else {
        Err(Failure::Answered(Exit::No))
    }
}

/// The lock to build with: the one that is there if it fits, otherwise a new one. Says whether it
/// was resolved now.
pub(crate) fn obtain(
    context: &Context,
    store: &BlobStore,
    loaded: &Loaded,
    all: &[Plan],
    place: &LockPlace,
    update: bool,
) -> Result<(Lock, bool), Failure> {
    if !update && let Some(lock) = read_lock(place, Some(store))? {
        if lock.inputs == inputs(all) {
            return Ok((lock, false));
        }
        context.say(&format!(
            "{place} does not fit the definition any more; resolving again"
        ));
    }
    Ok((resolve(context, store, loaded, all, place)?, true))
}

fn resolve(
    context: &Context,
    store: &BlobStore,
    loaded: &Loaded,
    all: &[Plan],
    place: &LockPlace,
) -> Result<Lock, Failure> {
    let settings = context.pipeline_settings(loaded.folder(), None);
    let pipeline = context.pipeline(store, &settings);
    let outcome = pipeline.lock(&loaded.definition.name.value, inputs(all), all)?;
    for open in &outcome.tolerated {
        let (target, package, relation) = (&open.target, &open.package, &open.relation);
        context.say_more(&format!(
            "{target}: `{package}` needs `{relation}`, which is excluded"
        ));
    }
    write_lock(place, &outcome.lock, store)?;
    Ok(outcome.lock)
}
