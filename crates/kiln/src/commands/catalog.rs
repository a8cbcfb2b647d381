//! `kiln catalog`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use kiln_definition::catalog;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::loading::load;
use crate::render::Table;

/// List the images that kiln carries, or write one out to start from
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  \
    kiln catalog\n  \
    kiln catalog export nginx             writes ./nginx/image.yaml and what it needs\n  \
    kiln catalog export nginx my-nginx"
)]
pub(crate) struct CatalogArgs {
    #[command(subcommand)]
    command: Option<CatalogCommand>,
}

#[derive(Debug, Subcommand)]
enum CatalogCommand {
    /// List the images (the default)
    List,
    /// Write an image's definition to a folder, to start from
    #[command(
        after_help = "Examples:\n  kiln catalog export nginx\n  kiln catalog export nginx my-nginx"
    )]
    Export {
        /// The image
        image: String,
        /// The folder; must not exist yet [default: the image's name]
        folder: Option<PathBuf>,
    },
}

/// What `kiln catalog --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CatalogAnswer {
    /// The images, by name.
    images: Vec<CatalogImage>,
}

/// An image of the catalog.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CatalogImage {
    /// Its name.
    name: String,
    /// A name for people.
    title: String,
    /// What it is, in one line.
    summary: String,
    /// Its version lines; the first is `latest`.
    versions: Vec<String>,
    /// Its variants.
    variants: Vec<String>,
    /// Its platforms.
    platforms: Vec<String>,
}

pub(crate) fn run(context: &Context, args: &CatalogArgs) -> Result<(), Failure> {
    match &args.command {
        None | Some(CatalogCommand::List) => list(context),
        Some(CatalogCommand::Export { image, folder }) => {
            let folder = folder.clone().unwrap_or_else(|| PathBuf::from(image));
            export(context, image, &folder)
        }
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let mut images = Vec::new();
    for name in catalog::names() {
        let definition = load(name)?.definition;
        let text = |value: &Option<kiln_definition::Spanned<String>>| {
            value
                .as_ref()
                .map(|text| text.value.clone())
                .unwrap_or_default()
        };
        images.push(CatalogImage {
            name: name.to_owned(),
            title: text(&definition.about.title),
            summary: text(&definition.about.summary),
            versions: definition
                .versions
                .iter()
                .map(|line| line.name.value.clone())
                .collect(),
            variants: kiln_definition::variants(&definition),
            platforms: kiln_definition::platforms(&definition)
                .iter()
                .map(ToString::to_string)
                .collect(),
        });
    }
    let answer = CatalogAnswer { images };
    context.answer(&answer, || {
        let mut table = Table::new(&["image", "versions", "variants", "platforms", "what it is"]);
        for image in &answer.images {
            table.row([
                image.name.clone(),
                image.versions.join(", "),
                image.variants.join(", "),
                image.platforms.join(", "),
                image.summary.clone(),
            ]);
        }
        table.render(context.painter)
    })
}

fn export(context: &Context, image: &str, folder: &Path) -> Result<(), Failure> {
    let Some(files) = catalog::get(image) else {
        return load(image).map(|_| ());
    };
    if folder.exists() {
        return Err(anyhow::anyhow!(
            "`{}` exists already: name another folder, nothing was written",
            folder.display()
        )
        .into());
    }
    // Whole or not at all: everything goes into a folder beside it, which then takes the name.
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let describe = || format!("cannot write `{}`", folder.display());
    let building = tempfile::Builder::new()
        .prefix(".kiln-export")
        .tempdir_in(parent)
        .with_context(describe)?;
    let mut written = Vec::new();
    for file in files {
        let path = building.path().join(file.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(describe)?;
        }
        std::fs::write(&path, file.bytes).with_context(describe)?;
        written.push(folder.join(file.path).display().to_string());
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(building.path(), mode).with_context(describe)?;
    std::fs::rename(building.keep(), folder).with_context(describe)?;
    context.answer(&serde_json::json!({ "written": written }), || {
        let mut text: String = written
            .iter()
            .map(|path| format!("written  {path}\n"))
            .collect();
        text.push_str(&format!(
            "build it with: kiln build ./{}\n",
            folder.display()
        ));
        text
    })
}
