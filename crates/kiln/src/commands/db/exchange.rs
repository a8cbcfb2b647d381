//! `kiln db publish` and `kiln db import`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kiln_pipeline::{
    AdvisoryFolder, Older, PipelineError, Publication, PublicationPlace, Subscription,
};
use kiln_types::Clock as _;

use super::{failed, lock, said, text_of};
use crate::context::Context;
use crate::failure::Failure;
use crate::render;

/// The largest database file that is published.
const LARGEST: u64 = 1 << 30;

pub(super) fn publish(
    context: &Context,
    folder: &AdvisoryFolder,
    place: &str,
    sign_key: &Path,
    database: Option<&Path>,
    keep: usize,
) -> Result<(), Failure> {
    let PublicationPlace::Folder { directory, tag } = place.parse().map_err(Failure::Usage)? else {
        return Err(Failure::Usage(
            "a database is published into a folder, which a web server may serve".to_owned(),
        ));
    };
    let path = match database {
        Some(path) => path.to_owned(),
        None => folder.open(None).map_err(failed)?.0.path,
    };
    let mut bytes = Vec::new();
    std::fs::File::open(&path)
        .and_then(|file| file.take(LARGEST).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let publication = Publication {
        database: &bytes,
        key: &text_of(sign_key)?,
        keep,
    };
    let done = kiln_pipeline::publish(&directory, tag.as_deref(), &publication)
        .map_err(PipelineError::from)?;
    context.say(&match done.is_there {
        true => format!("{} is published there already", done.digest),
        false => format!(
            "published {}: {}, of which {} are sent",
            done.digest,
            render::size(done.bytes),
            render::size(done.sent)
        ),
    });
    for (from, size) in &done.deltas {
        context.say(&format!("  from {from}: {}", render::size(*size)));
    }
    if done.removed > 0 {
        context.say(&format!("{} older ones were taken out", done.removed));
    }
    Ok(())
}

pub(super) fn import(
    context: &Context,
    folder: &AdvisoryFolder,
    place: &str,
    key: Option<&Path>,
    unsigned: bool,
) -> Result<(), Failure> {
    let key = key.or(context.settings.advisory_key.value.as_deref());
    let keys = match (key, unsigned) {
        (_, true) => None,
        (Some(key), false) => Some(text_of(key)?),
        (None, false) => return Err(no_key("import")),
    };
    let place: PublicationPlace = place.parse().map_err(Failure::Usage)?;
    let PublicationPlace::Folder { directory, .. } = &place else {
        return Err(Failure::Usage(
            "`kiln db import` takes what is on this machine; `kiln db update --source` fetches"
                .to_owned(),
        ));
    };
    let _lock = lock(context, folder)?;
    let snapshot = match directory.join("oci-layout").is_file() {
        true => {
            let net = context.pipeline_settings(Path::new("."), None).net;
            let subscription = Subscription {
                place: &place,
                keys: keys.as_deref(),
                net: &net,
                now: context.clock.now(),
                older: Older::Keep,
                reporter: &context.progress,
                tell: &|line| context.say(&render::printable(line)),
            };
            folder.take(&subscription).map_err(failed)?.snapshot
        }
        false => {
            let file = newest(directory)?;
            folder
                .import(&file, keys.as_deref(), context.clock.now())
                .map_err(failed)?
        }
    };
    if keys.is_none() {
        context.say("it is taken as it is: nobody vouches for it");
    }
    said(context, folder, &snapshot)
}

/// A file, or the last by name of a folder's.
fn newest(path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "kilndb") {
            found.push(path);
        }
    }
    found.sort();
    let newest = found.pop().with_context(|| {
        let path = path.display();
        format!("`{path}` holds neither a publication nor a file `*.kilndb`")
    })?;
    Ok(newest)
}

/// That no key is set.
pub(super) fn no_key(command: &str) -> Failure {
    let unsigned = match command {
        "import" => ", or say `--unsigned`",
        _ => "",
    };
    Failure::Usage(format!(
        "`kiln db {command}` takes a database only if it is signed by a key that you name: set \
         `advisory-key` to a file with public keys (PEM){unsigned}"
    ))
}
