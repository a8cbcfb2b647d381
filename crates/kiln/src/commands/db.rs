//! `kiln db`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use kiln_pipeline::{
    AdvisoryError, AdvisoryFolder, FeedFile, PipelineError, SIGNATURE_SUFFIX, Snapshot,
    build_database, open_database,
};
use kiln_types::{Clock as _, Digest, Timestamp};
use kiln_vuln::feed::FeedKind;
use kiln_vuln::signature;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Table};

/// Make, update and look after the database of advisories
///
/// Nobody hosts it for you: `update` fetches the feeds and compiles them here. An organisation may
/// compile one, sign it, and have its machines take it over with `import`. Databases are files that
/// never change; the newest is in use, older ones answer `--db-date`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln db update                                       fetch the feeds and compile them\n  \
    kiln db build debian-tracker=tracker.json osv=npm.zip   compile files, without a network\n  \
    kiln db build -o ours.kilndb --sign-key key.pem kev=kev.json   for other machines\n  \
    kiln db import ours.kilndb                           take one over\n  \
    kiln db status                                       how old it is, and what is in it\n  \
    kiln db verify                                       read every record again\n\n\
    Exit codes: 0 done · 1 could not be done · 3 there is no database · 4 damaged, or not signed\n\
    as it must be · 64 usage")]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    command: Option<DbCommand>,
}

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// How old the database is, and what is in it (the default)
    Status,
    /// Fetch the feeds and compile them; a feed that cannot be fetched keeps its last content
    Update,
    /// Compile files of feeds, and put the database into use
    Build {
        /// A feed's file or folder: `KIND=PATH`
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
    /// Take over a database that was compiled elsewhere
    Import {
        /// The file, or a folder with one
        path: PathBuf,
        /// The public key (PEM) that it must be signed with [default: the setting `advisory-key`]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
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
    /// The dates of all databases of this machine, for `--db-date`.
    dates: Vec<String>,
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
    /// How many facts it gave.
    facts: u64,
}

pub(crate) fn run(context: &Context, args: &DbArgs) -> Result<(), Failure> {
    let folder = AdvisoryFolder::new(&context.settings.home.value);
    match &args.command {
        None | Some(DbCommand::Status) => status(context, &folder),
        Some(DbCommand::Update) => update(context, &folder),
        Some(DbCommand::Build {
            feeds,
            output,
            sign_key,
            as_of,
        }) => {
            let files = files(feeds, *as_of)?;
            let bytes = compile(context, &files, Vec::new())?;
            match output {
                None => in_use(context, &folder, &bytes.0)?,
                Some(path) => write(context, path, &bytes.0, sign_key.as_deref())?,
            }
            complete(&bytes.1)
        }
        Some(DbCommand::Import { path, key }) => import(context, &folder, path, key.as_deref()),
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
                facts: source.facts,
            })
            .collect(),
        dates: folder
            .snapshots()
            .map_err(failed)?
            .iter()
            .map(|snapshot| snapshot.built.to_string())
            .collect(),
    };
    context.answer(&answer, || {
        let mut table = Table::new(&["feed", "as of", ">facts", "from"]);
        for source in &answer.sources {
            table.row([
                source.name.clone(),
                source.as_of.clone(),
                source.facts.to_string(),
                render::printable(&source.origin).into_owned(),
            ]);
        }
        format!(
            "{}\n{} facts about {} vulnerabilities, {}, built {} ({} days ago)\ncovers {}\n",
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

fn update(context: &Context, folder: &AdvisoryFolder) -> Result<(), Failure> {
    if context.settings.offline.value {
        return Err(Failure::Usage(
            "`kiln db update` fetches feeds, and `--offline` forbids that: compile files with `kiln db build`"
                .to_owned(),
        ));
    }
    let mut feeds: BTreeMap<FeedKind, Vec<String>> = FeedKind::all()
        .map(|kind| {
            let urls = kind.default_urls().iter().map(ToString::to_string);
            (kind, urls.collect())
        })
        .collect();
    for (name, urls) in &context.settings.feeds.value {
        let kind = name.parse().map_err(Failure::Usage)?;
        let urls = urls.iter().filter(|url| !url.is_empty()).cloned();
        feeds.insert(kind, urls.collect());
    }
    let here = Path::new(".");
    let net = context.pipeline_settings(here, None).net;
    let now = context.clock.now();
    let (files, problems) = folder
        .fetch(&feeds, &net, now, &mut |url| {
            context.say(&format!("fetching {}", render::printable(url)));
        })
        .map_err(failed)?;
    if files.is_empty() {
        let snapshots = folder.snapshots().map_err(failed)?;
        if let Some(last) = snapshots.last() {
            context.say(&format!(
                "the database of {} stays in use ({} days old)",
                last.built,
                age_days(context, last.built)
            ));
        }
    }
    let (bytes, problems) = compile(context, &files, problems)?;
    in_use(context, folder, &bytes)?;
    complete(&problems)
}

/// Feeds that are missing are a failure, although the rest is in use.
fn complete(problems: &[String]) -> Result<(), Failure> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Answered(Exit::Failed)),
    }
}

/// The files that `KIND=PATH` names; of a folder, all in it.
fn files(feeds: &[String], as_of: Option<Timestamp>) -> Result<Vec<FeedFile>, Failure> {
    let mut out = Vec::new();
    for feed in feeds {
        let (kind, path) = feed
            .split_once('=')
            .ok_or_else(|| Failure::Usage(format!("`{feed}` is not of the form KIND=PATH")))?;
        let kind: FeedKind = kind.parse().map_err(Failure::Usage)?;
        let mut paths = vec![PathBuf::from(path)];
        while let Some(path) = paths.pop() {
            let meta = std::fs::metadata(&path)
                .with_context(|| format!("cannot read `{}`", path.display()))?;
            if meta.is_dir() {
                let mut below = Vec::new();
                for entry in std::fs::read_dir(&path)? {
                    below.push(entry?.path());
                }
                below.sort();
                below.reverse();
                paths.extend(below);
                continue;
            }
            let written = meta
                .modified()
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .and_then(|since| i64::try_from(since.as_secs()).ok())
                .unwrap_or_default();
            out.push(FeedFile {
                kind,
                origin: path.display().to_string(),
                as_of: as_of.unwrap_or(Timestamp::from_unix(written)),
                path,
            });
        }
    }
    Ok(out)
}

fn compile(
    context: &Context,
    files: &[FeedFile],
    mut problems: Vec<String>,
) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let built = build_database(files, context.clock.now(), &mut |feed, facts| {
        let line = format!("{}: {facts} facts ({})", feed.kind, feed.origin);
        context.say_more(&render::printable(&line));
    })
    .map_err(failed)?;
    problems.extend(built.failed);
    for problem in &problems {
        context.say(&format!("missing: {}", render::printable(problem)));
    }
    Ok((built.bytes, problems))
}

fn in_use(context: &Context, folder: &AdvisoryFolder, bytes: &[u8]) -> Result<(), Failure> {
    let before = folder.snapshots().map_err(failed)?.last().cloned();
    let snapshot = folder.install(bytes).map_err(|error| {
        if let Some(before) = &before {
            context.say(&format!("the database of {} stays in use", before.built));
        }
        failed(error)
    })?;
    said(context, folder, &snapshot)
}

fn said(context: &Context, folder: &AdvisoryFolder, snapshot: &Snapshot) -> Result<(), Failure> {
    let newest = folder.snapshots().map_err(failed)?.pop();
    if newest.as_ref() != Some(snapshot) {
        context.say(&format!(
            "it is of {}; a newer one is here and stays in use",
            snapshot.built
        ));
    }
    status(context, folder)
}

fn write(context: &Context, path: &Path, bytes: &[u8], key: Option<&Path>) -> Result<(), Failure> {
    let place = || format!("cannot write `{}`", path.display());
    let whole = |path: &Path, bytes: &[u8]| -> anyhow::Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.persist(path)?;
        Ok(())
    };
    whole(path, bytes).with_context(place)?;
    if let Some(key) = key {
        let text = text_of(key)?;
        let signature = signature::sign(&text, &Digest::of(bytes))
            .map_err(|source| AdvisoryError::Signature {
                path: key.display().to_string(),
                source,
            })
            .map_err(failed)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(SIGNATURE_SUFFIX);
        whole(Path::new(&beside), signature.as_bytes()).with_context(place)?;
    }
    context.say(&format!(
        "wrote {} ({})",
        path.display(),
        render::size(bytes.len() as u64)
    ));
    Ok(())
}

fn text_of(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(64 << 10).read_to_string(&mut text))
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(text)
}

fn import(
    context: &Context,
    folder: &AdvisoryFolder,
    path: &Path,
    key: Option<&Path>,
) -> Result<(), Failure> {
    let key = key.or(context.settings.advisory_key.value.as_deref());
    let key = key.map(text_of).transpose()?;
    let mut path = path.to_owned();
    if path.is_dir() {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "kilndb") {
                found.push(path);
            }
        }
        found.sort();
        path = found
            .pop()
            .with_context(|| format!("there is no file `*.kilndb` in `{}`", path.display()))?;
    }
    let snapshot = folder.import(&path, key.as_deref()).map_err(failed)?;
    if key.is_none() {
        context.say("it is taken as it is: no key is set that it must be signed with");
    }
    said(context, folder, &snapshot)
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
