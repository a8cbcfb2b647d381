//! `kiln cache`.

use clap::{Args, Subcommand};
use kiln_pipeline::{PipelineError, Problem, PrunePolicy, RecordKind};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Table};

/// Look after the store: its size, what may go, and whether it is intact
///
/// The store holds downloaded packages, what was made of them, and the images that were built.
/// Everything in it can be made or fetched again, except the locks of catalog images.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln cache                              how large it is, and where\n  \
    kiln cache prune --max-age 30d --max-size 5GB\n  \
    kiln cache prune --dry-run\n  \
    kiln cache verify                       hash everything again")]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: Option<CacheCommand>,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// How large the store is, and where (the default)
    Size,
    /// Remove what has not been used for long (90 days unless stated), or what exceeds a size
    Prune {
        /// Remove what has not been used for this long, such as `30d` or `12h`
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        max_age: Option<u64>,
        /// Keep at most this much, such as `5GB` or `500MB`; what was used last stays
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        max_size: Option<u64>,
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
    },
    /// Hash every blob again, and remove what is not what it should be (exit 4)
    Verify,
    /// Forget which package indexes were seen, so that older ones are accepted again
    ForgetReleases,
}

/// What `kiln cache --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CacheAnswer {
    /// Where the store is.
    place: String,
    /// Bytes of everything.
    bytes: u64,
    /// The number of blobs.
    blobs: u64,
    /// Bytes by what blobs are for.
    kinds: Vec<KindAnswer>,
}

/// The blobs of one kind.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct KindAnswer {
    /// What they are for.
    kind: String,
    /// How many.
    count: u64,
    /// Their bytes.
    bytes: u64,
}

pub(crate) fn run(context: &Context, args: &CacheArgs) -> Result<(), Failure> {
    match &args.command {
        None | Some(CacheCommand::Size) => size(context),
        Some(CacheCommand::Prune {
            max_age,
            max_size,
            dry_run,
        }) => prune(context, *max_age, *max_size, *dry_run),
        Some(CacheCommand::Verify) => verify(context),
        Some(CacheCommand::ForgetReleases) => forget_releases(context),
    }
}

fn size(context: &Context) -> Result<(), Failure> {
    let store = context.store()?;
    let usage = store.usage().map_err(PipelineError::from)?;
    let kind = |name: &str, count: u64, bytes: u64| KindAnswer {
        kind: name.to_owned(),
        count,
        bytes,
    };
    let mut kinds: Vec<KindAnswer> = usage
        .blobs_of
        .iter()
        .map(|(name, tally)| kind(name, tally.count, tally.bytes))
        .collect();
    // These records are what is kept, and refer to no blob.
    for (name, records) in [
        ("scan", "layers that were read"),
        ("seen", "files that were hashed"),
    ] {
        kinds.retain(|kind| kind.kind != name);
        if let Some(tally) = usage.records.get(name) {
            kinds.push(kind(records, tally.count, tally.bytes));
        }
    }
    kinds.push(kind(
        "unfinished downloads",
        usage.partial.count,
        usage.partial.bytes,
    ));
    let answer = CacheAnswer {
        place: store.root().display().to_string(),
        bytes: usage.bytes,
        blobs: usage.blobs.count,
        kinds,
    };
    context.answer(&answer, || {
        let mut table = Table::new(&["blobs of", ">count", ">size"]);
        for kind in &answer.kinds {
            table.row([
                kind.kind.clone(),
                kind.count.to_string(),
                render::size(kind.bytes),
            ]);
        }
        let total = render::size(answer.bytes);
        format!(
            "{}{} blobs, {total} in {}\n",
            table.render(context.painter),
            answer.blobs,
            answer.place
        )
    })
}

/// Without limits, what nobody has used for this long goes: 90 days.
const DEFAULT_AGE: u64 = 90 * 86_400;

fn prune(
    context: &Context,
    max_age: Option<u64>,
    max_size: Option<u64>,
    dry_run: bool,
) -> Result<(), Failure> {
    use kiln_types::Clock as _;
    let store = context.store()?;
    let max_age = if max_age.is_none() && max_size.is_none() {
        Some(DEFAULT_AGE)
    } else {
        max_age
    };
    let policy = PrunePolicy {
        max_age,
        max_size,
        ..PrunePolicy::default()
    };
    let pruned = store
        .prune(&policy, context.clock.now(), dry_run)
        .map_err(PipelineError::from)?;
    if pruned.busy {
        context.say("the store is in use by another kiln; nothing was removed");
    }
    let json = serde_json::json!({
        "busy": pruned.busy, "dry-run": dry_run, "removed-blobs": pruned.blobs.count,
        "removed-bytes": pruned.bytes(), "kept-bytes": pruned.kept,
    });
    context.answer(&json, || {
        let (freed, kept) = (render::size(pruned.bytes()), render::size(pruned.kept));
        let verb = if dry_run { "would remove" } else { "removed" };
        format!(
            "{verb} {} blobs, {freed}; {kept} stay\n",
            pruned.blobs.count
        )
    })
}

fn verify(context: &Context) -> Result<(), Failure> {
    use kiln_types::{Reporter as _, Stage};
    let store = context.store()?;
    context.progress.begin(Stage::Assemble, None, "");
    let problems = store
        .verify(&mut |done, _| {
            context.progress.advance(
                Stage::Assemble,
                0,
                &format!("{} hashed", render::size(done)),
            )
        })
        .map_err(PipelineError::from)?;
    let list: Vec<String> = problems.iter().map(Problem::to_string).collect();
    context.answer(&serde_json::json!({ "problems": list }), || {
        let mut text: String = list.iter().map(|problem| format!("{problem}\n")).collect();
        text.push_str(&match list.len() {
            0 => "every blob is what it should be\n".to_owned(),
            count => format!(
                "{count} problems; what was wrong is removed and will be made or fetched again\n"
            ),
        });
        text
    })?;
    if list.is_empty() {
        Ok(())
    } else {
        Err(Failure::Answered(Exit::Integrity))
    }
}

fn forget_releases(context: &Context) -> Result<(), Failure> {
    let store = context.store()?;
    let seen = store
        .record_list(RecordKind::ReleaseSeen)
        .map_err(PipelineError::from)?;
    let count = seen.len();
    for record in seen {
        store
            .record_remove(RecordKind::ReleaseSeen, record.key)
            .map_err(PipelineError::from)?;
    }
    context.answer(&serde_json::json!({ "forgotten": count }), || {
        format!("{count} indexes forgotten\n")
    })
}

fn parse_age(text: &str) -> Result<u64, String> {
    let error = || format!("`{text}` is not an age such as `30d`, `12h` or `90m`");
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?);
    let factor = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(error()),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(error)
}

fn parse_size(text: &str) -> Result<u64, String> {
    let error = || format!("`{text}` is not a size such as `5GB` or `500MB`");
    let (digits, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let factor = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        "T" | "TB" => 1_000_000_000_000,
        _ => return Err(error()),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes() {
        assert_eq!(parse_age("30d"), Ok(30 * 86_400));
        assert_eq!(parse_size("5GB"), Ok(5_000_000_000));
        assert_eq!(parse_size("12"), Ok(12));
        for bad in ["", "d", "5", "5y", "-5d", "99999999999999999999d"] {
            assert!(parse_age(bad).is_err(), "{bad}");
        }
        for bad in ["", "GB", "5 GB", "5X", "99999999999999999999"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
