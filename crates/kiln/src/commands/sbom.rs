//! `kiln sbom`.

use std::borrow::Cow;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use kiln_inventory::write::{
    CycloneDxVersion, DocumentOptions, Filter, cyclonedx, filtered, list, own, spdx, spdx3,
};
use kiln_types::{Inventory, Timestamp};

use crate::context::Context;
use crate::failure::Failure;
use crate::images;
use crate::output;
use crate::render::{self, Table};

/// List what is inside an image, or write a bill of materials of it
///
/// Any image will do, kiln's or not; nothing of it is executed or unpacked to a disk, and no network
/// is used. The same image gives the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln sbom nginx                                    what is in the nginx that was built\n  \
    kiln sbom oci:out --format spdx -o nginx.spdx.json\n  \
    kiln sbom docker-archive:app.tar --format cyclonedx\n  \
    kiln sbom rootfs:/mnt/image --license 'GPL-3.0*'   only what is under such a licence\n\n\
    Exit codes: 0 done · 1 could not be read · 3 done, but something in the image could not be\n\
    read · 4 the image is not what it claims · 64 usage")]
pub(crate) struct SbomArgs {
    /// An image: a name in the store (`nginx`, `nginx:1.26-dev`), `oci:DIR[:TAG]`,
    /// `oci-archive:FILE`, `docker-archive:FILE`, `docker-daemon:NAME`, `rootfs:DIR` or an archive
    /// of it, `rootfs:FILE`; or a document about one, `sbom:FILE` (CycloneDX, SPDX, the JSON of Syft or of kiln)
    image: String,
    /// In which form
    #[arg(long, value_name = "FORM", default_value = "table")]
    format: Format,
    /// Of which platform, such as `linux/arm64` [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// Into a file, whole or not at all; `-` is standard output [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only components of such a name, with `*` for anything; repeatable
    #[arg(long = "name", value_name = "PATTERN")]
    names: Vec<String>,
    /// Only components of a kind, such as `deb` or `npm`; repeatable
    #[arg(long = "type", value_name = "KIND")]
    kinds: Vec<String>,
    /// Only components with such a licence, with `*` for anything; repeatable
    #[arg(long = "license", value_name = "PATTERN")]
    licences: Vec<String>,
    /// With the files that speak for each component (`table` and `list`; the others have them)
    #[arg(long)]
    files: bool,
    /// The organisation that supplies the image [default: what the image's labels say]
    #[arg(long, value_name = "NAME")]
    supplier: Option<String>,
}

/// The forms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for people
    Table,
    /// Name, version, type, licence and package URL, separated by tabs
    List,
    /// Everything that is known, as kiln keeps it
    Json,
    /// SPDX 2.3
    Spdx,
    /// SPDX 3.0.1
    Spdx3,
    /// CycloneDX 1.6
    Cyclonedx,
    /// CycloneDX 1.7
    #[value(name = "cyclonedx-1.7")]
    Cyclonedx17,
}

pub(crate) fn run(context: &Context, args: &SbomArgs) -> Result<(), Failure> {
    let filter = Filter {
        names: args.names.clone(),
        kinds: args.kinds.clone(),
        licences: args.licences.clone(),
    };
    if let Some(kind) = filter.unknown_kinds().first() {
        return Err(Failure::Usage(format!(
            "`{kind}` is no type of component: expected deb, apk, rpm, npm, pypi, golang, cargo, \
             maven, gem, composer, nuget, binary or other"
        )));
    }
    let mut inventory = images::inventory(context, &args.image, args.platform.as_deref())?;
    images::add_build(context, &args.image, &mut inventory)?;
    let shown = match filter == Filter::default() {
        true => Cow::Borrowed(&inventory),
        false => Cow::Owned(filtered(&inventory, &filter)),
    };
    let options = DocumentOptions {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        created: created(context, &inventory)?,
        supplier: args.supplier.clone(),
    };
    let format = match (context.json, args.format) {
        (true, Format::Table) => Format::Json,
        (true, format) if format != Format::Json => {
            let reason = "`--json` and another `--format` contradict each other".to_owned();
            return Err(Failure::Usage(reason));
        }
        (_, format) => format,
    };
    let document = match format {
        Format::Table => table(context, &shown, args.files),
        Format::List => list(&shown, args.files),
        Format::Json => pretty(&own(&shown))?,
        Format::Spdx => pretty(&spdx(&shown, &options))?,
        Format::Spdx3 => pretty(&spdx3(&shown, &options))?,
        Format::Cyclonedx => pretty(&cyclonedx(&shown, &options, CycloneDxVersion::V1_6))?,
        Format::Cyclonedx17 => pretty(&cyclonedx(&shown, &options, CycloneDxVersion::V1_7))?,
    };
    context.tell_warnings();
    output::deliver(args.output.as_deref(), &document)?;
    images::tell_incomplete(context, &inventory)
}

/// `SOURCE_DATE_EPOCH`, or when the image was made: never the clock's time.
fn created(context: &Context, inventory: &Inventory) -> Result<Timestamp, Failure> {
    let epoch = context.world.environment.get("SOURCE_DATE_EPOCH");
    if let Some(text) = epoch {
        let seconds = text
            .parse()
            .with_context(|| format!("environment variable `SOURCE_DATE_EPOCH`: `{text}`"))?;
        return Ok(Timestamp::from_unix(seconds));
    }
    Ok(inventory.subject.created.unwrap_or_default())
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
    text.push('\n');
    Ok(text)
}

fn table(context: &Context, inventory: &Inventory, files: bool) -> String {
    let mut columns = vec!["name", "version", "type", "license"];
    if files {
        columns.push("files");
    }
    let mut table = Table::new(&columns);
    for component in &inventory.components {
        let mut cells = vec![
            render::printable(&component.name).into_owned(),
            render::printable(&component.version).into_owned(),
            component.kind.to_string(),
            short(component.licences.expression.as_deref().unwrap_or("–")),
        ];
        if files {
            let paths: Vec<&str> = component
                .evidence
                .iter()
                .map(|evidence| evidence.path.as_str())
                .collect();
            cells.push(render::printable(&paths.join(", ")).into_owned());
        }
        table.row(cells);
    }
    let count = inventory.components.len();
    format!("{}{count} components\n", table.render(context.painter))
}

/// A licence expression that fits into a column.
fn short(expression: &str) -> String {
    const LONGEST: usize = 60;
    if expression.chars().count() <= LONGEST {
        return expression.to_owned();
    }
    let kept: String = expression.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}
