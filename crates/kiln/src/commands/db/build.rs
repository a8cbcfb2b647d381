//! `kiln db build`.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use kiln_pipeline::{AdvisoryError, FeedFile, SIGNATURE_SUFFIX, build_database};
use kiln_types::{Clock as _, Digest, Timestamp};
use kiln_vuln::feed::FeedKind;
use kiln_vuln::signature;

use super::{failed, text_of};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::render;

/// The files that `KIND=PATH` names; of a folder, all in it.
pub(super) fn files(feeds: &[String], as_of: Option<Timestamp>) -> Result<Vec<FeedFile>, Failure> {
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

pub(super) fn compile(
    context: &Context,
    files: &[FeedFile],
    mut problems: Vec<String>,
) -> Result<(Vec<u8>, Vec<String>), Failure> {
    let built = build_database(files, context.clock.now(), &mut |feed, source| {
        let line = format!("{}: {} ({})", feed.kind, source.gave(), feed.origin);
        context.say_more(&render::printable(&line));
    })
    .map_err(failed)?;
    problems.extend(built.failed);
    for problem in &problems {
        context.say(&format!("missing: {}", render::printable(problem)));
    }
    Ok((built.bytes, problems))
}

pub(super) fn write(
    context: &Context,
    path: &Path,
    bytes: &[u8],
    key: Option<&Path>,
) -> Result<(), Failure> {
    output::keep(path, bytes)?;
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
        output::keep(Path::new(&beside), signature.as_bytes())?;
    }
    context.say(&format!(
        "wrote {} ({})",
        path.display(),
        render::size(bytes.len() as u64)
    ));
    Ok(())
}
