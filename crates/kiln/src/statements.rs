//! VEX documents from the command line: files, and folders of them.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use kiln_types::{Classify as _, Timestamp};
use kiln_vuln::vex::{MAX_VEX, VexDocument, VexError, VexOptions, read_vex};

use crate::context::Context;
use crate::failure::Failure;
use crate::images;
use crate::render;

/// The most files that folders may hold together.
const MAX_FILES: usize = 20_000;

/// How deep folders may lie in one another.
const MAX_DEPTH: usize = 16;

/// Which statements are held against an image.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Statements {
    /// A VEX document (OpenVEX, CSAF or CycloneDX), or a folder of them; repeatable
    #[arg(long = "vex", value_name = "FILE|FOLDER")]
    places: Vec<PathBuf>,
    /// A reference by which documents name this image besides the one it was named by; repeatable
    #[arg(long = "vex-product", value_name = "REF")]
    products: Vec<String>,
}

impl Statements {
    /// Whether none are given.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The files and folders that were given.
    pub(crate) fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// The references by which documents name the image besides the one it was named by.
    pub(crate) fn products(&self) -> &[String] {
        &self.products
    }

    /// How they are held against an image, by what was known on a day.
    pub(crate) fn options(&self, image: &str, day: Option<Timestamp>) -> VexOptions {
        VexOptions {
            references: images::references(image, &self.products),
            until: day.map(whole_day),
        }
    }

    /// Reads them.
    pub(crate) fn read(&self, context: &Context) -> Result<Vec<VexDocument>, Failure> {
        read(context, &self.places)
    }
}

/// The last moment of a day that was given as a date; any other moment is itself.
pub(crate) fn whole_day(day: Timestamp) -> Timestamp {
    match day.unix().rem_euclid(86_400) {
        0 => Timestamp::from_unix(day.unix() + 86_399),
        _ => day,
    }
}

/// Reads documents and folders of them, each content once. In a folder what is JSON and no VEX
/// document is passed over, and said.
pub(crate) fn read(context: &Context, places: &[PathBuf]) -> Result<Vec<VexDocument>, Failure> {
    let mut out: Vec<VexDocument> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut add = |document: VexDocument| {
        if seen.insert(document.digest) {
            out.push(document);
        }
    };
    for place in places {
        let place = context.world.directory.join(place);
        if !place.is_dir() {
            add(read_one(context, &place)?.map_err(classed)?);
            continue;
        }
        let mut files = Vec::new();
        list(&place, 0, &mut files)?;
        files.sort();
        let count = files.len();
        let mut others = 0_usize;
        for file in files {
            match read_one(context, &file)? {
                Ok(document) => add(document),
                Err(error) if error.is_other => {
                    others += 1;
                    let line = format!("passed over: {} is no VEX document", error.name);
                    context.say_more(&render::printable(&line));
                }
                Err(error) => return Err(classed(error)),
            }
        }
        if others == count {
            let place = place.display();
            return Err(anyhow::anyhow!("`{place}` holds no VEX document (`*.json`)").into());
        }
        if others > 0 {
            context.say(&format!(
                "{others} JSON files in `{}` are no VEX documents",
                place.display()
            ));
        }
    }
    Ok(out)
}

fn classed(error: VexError) -> Failure {
    Failure::Classed(error.class(), error.into())
}

/// A document, or why it is none. Its name is as it was given, so that it does not tell where the
/// working directory lies.
fn read_one(context: &Context, path: &Path) -> Result<Result<VexDocument, VexError>, Failure> {
    let shown = path.strip_prefix(&context.world.directory).unwrap_or(path);
    let name = shown.display().to_string();
    let describe = || format!("cannot read `{name}`");
    let mut bytes = Vec::new();
    // One byte more than is read tells a larger file.
    std::fs::File::open(path)
        .with_context(describe)?
        .take(MAX_VEX + 1)
        .read_to_end(&mut bytes)
        .with_context(describe)?;
    Ok(read_vex(&name, &bytes))
}

/// All `*.json` below a folder that are not hidden.
fn list(folder: &Path, depth: usize, out: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let describe = || format!("cannot read `{}`", folder.display());
    if depth > MAX_DEPTH {
        let folder = folder.display();
        return Err(anyhow::anyhow!("`{folder}` lies more than {MAX_DEPTH} folders deep").into());
    }
    for entry in std::fs::read_dir(folder).with_context(describe)? {
        let entry = entry.with_context(describe)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        // Links are not followed: they could lead anywhere, and in circles.
        let kind = entry.file_type().with_context(describe)?;
        if kind.is_dir() {
            list(&path, depth + 1, out)?;
        } else if kind.is_file() && name.ends_with(".json") {
            out.push(path);
        }
        if out.len() > MAX_FILES {
            return Err(anyhow::anyhow!("there are more than {MAX_FILES} documents").into());
        }
    }
    Ok(())
}
