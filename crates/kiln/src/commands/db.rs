//! `kiln db`.

mod build;
mod exchange;
mod update;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use kiln_pipeline::{
    AdvisoryError, AdvisoryFolder, FolderLock, PipelineError, Snapshot, open_database,
};
use kiln_types::{Clock as _, Digest, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::render::{self, Table};

/// Make, update and look after the database of advisories
///
/// Nobody hosts it for you: `update` fetches the feeds and compiles them here. An organisation may
/// compile one, sign and `publish` it, and have `update` on its machines take that (setting
/// `advisory-source`). Databases are files that never change; the newest is in use, older ones answer
/// `--db-date`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln db update                                       fetch the feeds and compile them\n  \
    kiln db build debian-tracker=tracker.json osv=npm.zip   compile files, without a network\n  \
    kiln db build -o ours.kilndb --sign-key key.pem kev=kev.json   for other machines\n  \
    kiln db publish /srv/advisories --sign-key key.pem    for all machines\n  \
    kiln db update --source https://example.org/advisories   take it over, signed\n  \
    kiln db import ours.kilndb                           take a file over\n  \
    kiln db status                                       how old it is, and what is in it\n  \
    kiln db verify                                       read every record again\n\n\
    Exit codes: 0 done · 1 could not be done · 3 there is no database · 4 damaged, not signed as it\n\
    must be, or older than the one in use · 64 usage")]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    command: Option<DbCommand>,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// How old the database is, and what is in it (the default)
    Status,
    /// Fetch the feeds and compile them, or take over the database that somebody publishes
    ///
    /// A feed that cannot be fetched keeps its last content, and its date. Whatever goes wrong, the
    /// database that was in use stays in use.
    Update {
        /// Take over what is published there, signed by a key of the setting `advisory-key`:
        /// `https://…`, `oci:DIR[:TAG]`, a folder; `feeds` for the feeds [default: the setting
        /// `advisory-source`]
        #[arg(long, value_name = "PLACE")]
        source: Option<String>,
        /// Take it over even if it is older than the one in use
        #[arg(long)]
        allow_older: bool,
    },
    /// Compile files of feeds, and put the database into use in place of the one before: name all of
    /// them
    Build {
        /// A feed's file or folder: `KIND=PATH`. Kinds: debian-tracker, debian-vulnerabilities,
        /// debian-advisories, debian-lts-advisories, debian-changelogs, debian-releases,
        /// ubuntu-releases, alpine-secdb, wolfi-secdb, chainguard-secdb, osv, nvd, kev, epss,
        /// end-of-life
        #[arg(value_name = "KIND=PATH", required = true)]
        feeds: Vec<String>,
        /// Write it into a file instead
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Sign it with this Ed25519 key (PEM), into FILE.sig
        #[arg(long, value_name = "FILE", requires = "output")]
        sign_key: Option<PathBuf>,
        /// When the files were current [default: when each was written]
        #[arg(long, value_name = "DATE")]
        as_of: Option<Timestamp>,
    },
    /// Publish the database in use, signed, as an OCI layout that any web server can serve
    Publish {
        /// The folder, or `oci:DIR[:TAG]`
        place: String,
        /// The Ed25519 key (PEM) to sign with
        #[arg(long, value_name = "FILE")]
        sign_key: PathBuf,
        /// This database file instead
        #[arg(long, value_name = "FILE")]
        database: Option<PathBuf>,
        /// How many databases stay published; from each there is a delta to the new one
        #[arg(long, value_name = "COUNT", default_value_t = 7)]
        keep: usize,
    },
    /// Take over a database that was compiled elsewhere, without a network
    Import {
        /// A database file or a folder with some, or what `publish` wrote: a folder, `oci:DIR[:TAG]`
        place: String,
        /// The public keys (PEM), one of which must have signed it [default: the setting
        /// `advisory-key`]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Take it though nobody vouches for it
        #[arg(long, conflicts_with = "key")]
        unsigned: bool,
    },
    /// Remove old databases: those of a day that has a newer one first; the one in use stays
    Prune {
        /// How many stay [default: the setting `advisory-snapshots`]
        #[arg(long, value_name = "COUNT")]
        keep: Option<usize>,
    },
    /// Read every record again (exit 4 at the first damaged one)
    Verify,
}

/// What `kiln db --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct DbAnswer {
    /// The file.
    path: String,
    /// Its digest.
    sha256: String,
    /// Its bytes.
    bytes: u64,
    /// When it was built.
    built: String,
    /// How old it is, in whole days.
    age_days: i64,
    /// How many facts about packages.
    facts: u64,
    /// How many vulnerabilities.
    vulnerabilities: u64,
    /// What it covers.
    ecosystems: Vec<String>,
    /// The feeds.
    sources: Vec<SourceAnswer>,
    /// All databases of this machine, the oldest first, for `--db-date`.
    databases: Vec<KeptAnswer>,
}

/// One database.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct KeptAnswer {
    /// When it was built.
    built: String,
    /// Its digest.
    sha256: String,
    /// Its bytes.
    bytes: u64,
    /// Whether it is in use.
    in_use: bool,
}

/// One feed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct SourceAnswer {
    /// Its kind.
    name: String,
    /// Where it came from.
    origin: String,
    /// When it was current.
    as_of: String,
    /// How old that is, in whole days.
    age_days: i64,
    /// How many facts about packages it gave.
    facts: u64,
    /// How many of what else, by name, such as `exploited` or `ratings`.
    others: BTreeMap<String, u64>,
}

pub(crate) fn run(context: &Context, args: &DbArgs) -> Result<(), Failure> {
    let folder = AdvisoryFolder::new(&context.settings.home.value);
    match &args.command {
        None | Some(DbCommand::Status) => status(context, &folder),
        Some(DbCommand::Update {
            source,
            allow_older,
        }) => update::run(context, &folder, source.as_deref(), *allow_older),
        Some(DbCommand::Build {
            feeds,
            output,
            sign_key,
            as_of,
        }) => {
            output::must_be_file("-o", output.as_deref())?;
            let files = build::files(feeds, *as_of)?;
            let bytes = build::compile(context, &files, Vec::new())?;
            match output {
                None => {
                    let _lock = lock(context, &folder)?;
                    let before = folder.in_use().map_err(failed)?;
                    in_use(context, &folder, &bytes.0)
                        .inspect_err(|_| stays(context, before.as_ref()))?;
                    if let Some(before) = before {
                        context.say(&format!(
                            "it holds the feeds that were named, and nothing of the database of {}, in \
                             whose place it is used",
                            before.built
                        ));
                    }
                }
                Some(path) => build::write(context, path, &bytes.0, sign_key.as_deref())?,
            }
            complete(&bytes.1)
        }
        Some(DbCommand::Publish {
            place,
            sign_key,
            database,
            keep,
        }) => exchange::publish(
            context,
            &folder,
            place,
            sign_key,
            database.as_deref(),
            *keep,
        ),
        Some(DbCommand::Import {
            place,
            key,
            unsigned,
        }) => exchange::import(context, &folder, place, key.as_deref(), *unsigned),
        Some(DbCommand::Prune { keep }) => {
            let _lock = lock(context, &folder)?;
            let keep = keep.unwrap_or(context.settings.advisory_snapshots.value);
            for gone in folder.prune(keep).map_err(failed)? {
                context.say(&format!("removed the database of {}", gone.built));
            }
            status(context, &folder)
        }
        Some(DbCommand::Verify) => verify(context, &folder),
    }
}

fn failed(error: AdvisoryError) -> Failure {
    PipelineError::from(error).into()
}

fn status(context: &Context, folder: &AdvisoryFolder) -> Result<(), Failure> {
    let (snapshot, database) = folder.open(None).map_err(failed)?;
    let meta = database.meta();
    let bytes = std::fs::metadata(&snapshot.path)?.len();
    let mut databases = Vec::new();
    for kept in folder.snapshots().map_err(failed)? {
        databases.push(KeptAnswer {
            built: kept.built.to_string(),
            sha256: kept.digest.hex(),
            bytes: std::fs::metadata(&kept.path)?.len(),
            in_use: kept == snapshot,
        });
    }
    let answer = DbAnswer {
        path: snapshot.path.display().to_string(),
        sha256: snapshot.digest.hex(),
        bytes,
        built: snapshot.built.to_string(),
        age_days: age_days(context, snapshot.built),
        facts: meta.facts,
        vulnerabilities: meta.vulnerabilities,
        ecosystems: meta.ecosystems.clone(),
        sources: meta
            .sources
            .iter()
            .map(|source| SourceAnswer {
                name: source.name.clone(),
                origin: source.origin.clone(),
                as_of: source.as_of.to_string(),
                age_days: age_days(context, source.as_of),
                facts: source.facts,
                others: source.others.clone(),
            })
            .collect(),
        databases,
    };
    context.answer(&answer, || {
        let mut table = Table::new(&["feed", "as of", ">days old", "gave", "from"]);
        for (source, of) in answer.sources.iter().zip(&meta.sources) {
            table.row([
                source.name.clone(),
                source.as_of.clone(),
                source.age_days.to_string(),
                of.gave(),
                render::printable(&source.origin).into_owned(),
            ]);
        }
        let mut kept = String::new();
        if answer.databases.len() > 1 {
            let dates: Vec<String> = answer
                .databases
                .iter()
                .map(|one| match one.in_use {
                    true => format!("{} (in use)", one.built),
                    false => one.built.clone(),
                })
                .collect();
            kept = format!("kept for `--db-date`: {}\n", dates.join(", "));
        }
        format!(
            "{}\n{} facts about {} vulnerabilities, {}, built {} ({} days ago)\ncovers {}\n{kept}",
            table.render(context.painter),
            answer.facts,
            answer.vulnerabilities,
            render::size(answer.bytes),
            answer.built,
            answer.age_days,
            answer.ecosystems.join(", ")
        )
    })
}

pub(crate) fn age_days(context: &Context, built: Timestamp) -> i64 {
    (context.clock.now().unix() - built.unix()).div_euclid(86_400)
}

/// Says which database is still in use, and how old it is.
fn stays(context: &Context, before: Option<&Snapshot>) {
    if let Some(before) = before {
        context.say(&format!(
            "the database of {} stays in use ({} days old)",
            before.built,
            age_days(context, before.built)
        ));
    }
}

/// Waits until no other process changes the databases.
fn lock(context: &Context, folder: &AdvisoryFolder) -> Result<FolderLock, Failure> {
    folder
        .lock(&mut || context.say("another kiln is changing the databases: waiting for it"))
        .map_err(failed)
}

/// Feeds that are missing are a failure, although the rest is in use.
fn complete(problems: &[String]) -> Result<(), Failure> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Answered(Exit::Failed)),
    }
}

/// Puts a compiled database into use.
fn in_use(context: &Context, folder: &AdvisoryFolder, bytes: &[u8]) -> Result<(), Failure> {
    // What a wrong clock made is no reason not to use what is compiled now.
    let before = folder.in_use().map_err(failed)?;
    let back = before.is_some_and(|before| before.built > context.clock.now());
    let snapshot = folder.install(bytes, back).map_err(failed)?;
    said(context, folder, &snapshot)
}

/// Says what is in use now, and lets go of the oldest databases.
fn said(context: &Context, folder: &AdvisoryFolder, snapshot: &Snapshot) -> Result<(), Failure> {
    let in_use = folder.in_use().map_err(failed)?;
    if in_use.as_ref() != Some(snapshot) {
        context.say(&format!(
            "it is of {}; a newer one is here and stays in use",
            snapshot.built
        ));
    }
    let keep = context.settings.advisory_snapshots.value;
    for gone in folder.prune(keep).map_err(failed)? {
        context.say_more(&format!("removed the database of {}", gone.built));
    }
    status(context, folder)
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(64 << 10).read_to_string(&mut text))
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(text)
}

fn verify(context: &Context, folder: &AdvisoryFolder) -> Result<(), Failure> {
    let snapshots = folder.snapshots().map_err(failed)?;
    if snapshots.is_empty() {
        return Err(failed(AdvisoryError::None { at: None }));
    }
    for snapshot in &snapshots {
        let bytes = std::fs::read(&snapshot.path)?;
        let damaged = |reason: &str| {
            failed(AdvisoryError::Database {
                path: snapshot.path.display().to_string(),
                source: kiln_vuln::DatabaseError::Damaged(reason.to_owned()),
            })
        };
        if Digest::of(&bytes) != snapshot.digest {
            return Err(damaged("its digest is not the one in its name"));
        }
        open_database(&snapshot.path)
            .map_err(failed)?
            .check()
            .map_err(|error| damaged(&error.to_string()))?;
        context.say(&format!("{} is whole", snapshot.path.display()));
    }
    status(context, folder)
}
