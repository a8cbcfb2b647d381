//! `kiln build`.

use std::path::PathBuf;

use clap::Args;
use kiln_definition::{belongs_to_line, tags};
use kiln_pipeline::{
    BuildOptions, Compression, GatheredImage, Layering, Output, Pipeline, PlatformImage, Work,
};
use kiln_types::{Lock, Plan};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Selection;
use crate::commands::kept::KeptAnswer;
use crate::commands::lock::obtain;
use crate::context::Context;
use crate::failure::Failure;
use crate::gating::{self, Gate, GateFiles};
use crate::loading::{Loaded, Place, load};
use crate::render::{self, Table};
use crate::scripts::{self, ScriptsAnswer};

/// Build an image from a definition, and write or load it where you say
///
/// IMAGE is a name of the catalog (`nginx`, `nginx:1.26-dev`), a definition file, or a folder with
/// an `image.yaml`; a file or folder is told from a name by a `/` or by `.yaml`. The image is kept
/// in kiln's store; `-o` and `--load` bring it elsewhere. With a lock that fits the definition
/// nothing is resolved and no index is read; without one, the packages of today are locked.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln build nginx\n  \
    kiln build nginx --load                                   into the local docker engine\n  \
    kiln build nginx:1.26-dev --platform linux/arm64 -o oci:out:dev\n  \
    kiln build ./image.yaml --variant all -o oci-archive:image.tar\n  \
    kiln build nginx -o oci:out --gate policy.yaml            only what may ship is written\n  \
    kiln build nginx --strict -v                              nothing of a maintainer script left out\n  \
    kiln build ./image.yaml --update                          resolve again, then build")]
pub(crate) struct BuildArgs {
    /// An image of the catalog, a definition file, or a folder with one
    image: String,
    #[command(flatten)]
    selection: Selection,
    /// Write the image to `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:REF]`,
    /// `docker-daemon:REF` or `rootfs:DIR`; repeatable
    #[arg(short, long = "output", value_name = "TRANSPORT:WHERE")]
    outputs: Vec<String>,
    /// Load the image into the local container engine (with `docker load`), under NAME:TAG; images
    /// of the catalog under kiln/NAME:TAG
    #[arg(long)]
    load: bool,
    /// Resolve again, although there is a lock that fits
    #[arg(long)]
    update: bool,
    /// Refuse an image when effects of a maintainer script are left out
    #[arg(long)]
    strict: bool,
    /// Judge every image by this policy, as `kiln gate` does, before anything is written or loaded;
    /// `default` is the default policy
    #[arg(long, value_name = "POLICY")]
    gate: Option<PathBuf>,
    /// How packages become layers
    #[arg(long, value_name = "HOW", default_value = "shared")]
    layers: LayersChoice,
    /// How layers are compressed
    #[arg(long, value_name = "HOW", default_value = "gzip")]
    compression: CompressionChoice,
}

/// How packages share layers.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LayersChoice {
    /// Common packages in layers that images share, at most 12
    Shared,
    /// Everything in one layer
    Single,
    /// A layer for each package
    Package,
}

/// How layers are compressed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum CompressionChoice {
    /// What every engine reads
    Gzip,
    /// Smaller, for OCI layouts and archives; docker archives cannot hold it
    Zstd,
}

/// What `kiln build --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct BuildAnswer {
    /// The images: one for each version line and variant.
    images: Vec<ImageAnswer>,
    /// The lock that was used.
    lock: LockAnswer,
    /// What was written besides the store.
    outputs: Vec<String>,
    /// Milliseconds since the process began.
    elapsed_ms: f64,
}

/// One image.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ImageAnswer {
    /// `IMAGE:TAG`, with the most exact tag.
    reference: String,
    /// The version line.
    line: String,
    /// The variant.
    variant: String,
    /// All tags.
    tags: Vec<String>,
    /// The digest of the index over all platforms.
    digest: String,
    /// Its platforms.
    platforms: Vec<PlatformAnswer>,
}

/// One platform of an image.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct PlatformAnswer {
    /// `linux/amd64`.
    platform: String,
    /// The digest of the manifest.
    digest: String,
    /// The version of the package that names the tags.
    version: Option<String>,
    /// When it was created, by its packages.
    created: String,
    /// The number of packages.
    packages: usize,
    /// Bytes a registry stores.
    compressed: u64,
    /// Bytes of its files.
    unpacked: u64,
    /// The user it runs as.
    user: String,
    /// Shells, by path.
    shells: Vec<String>,
    /// The command lines that the command gate at `/bin/sh` runs, and nothing else; empty where
    /// there is no gate.
    command_gate: Vec<String>,
    /// Setuid and setgid files, by path.
    setuid: Vec<String>,
    /// What became of the maintainer scripts of its packages.
    scripts: ScriptsAnswer,
    /// What was kept of what was resolved, and what must hold of it.
    kept: KeptAnswer,
    /// The layers, bottom first.
    layers: Vec<LayerAnswer>,
    /// Whether the whole image was found in the store.
    found: bool,
    /// Packages that had to be normalised.
    packages_unpacked: usize,
    /// Layers that had to be written.
    layers_written: usize,
}

/// One layer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct LayerAnswer {
    /// What it is for.
    title: String,
    /// Its packages.
    packages: Vec<String>,
    /// The digest of the blob.
    digest: String,
    /// The size of the blob.
    size: u64,
    /// The size of the raw layer.
    raw_size: u64,
}

/// The lock of a build.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct LockAnswer {
    /// Where it stands.
    place: String,
    /// Whether it was resolved now.
    resolved: bool,
}

pub(crate) fn run(context: &Context, args: &BuildArgs) -> Result<(), Failure> {
    let options = BuildOptions {
        layering: match args.layers {
            LayersChoice::Shared => Layering::Shared,
            LayersChoice::Single => Layering::Single,
            LayersChoice::Package => Layering::Package,
        },
        compression: match args.compression {
            CompressionChoice::Gzip => Compression::Gzip,
            CompressionChoice::Zstd => Compression::Zstd,
        },
    };
    let gate = args.gate.as_deref().map(|policy| {
        let files = GateFiles::of_policy(policy);
        Gate::load(context, &files)
    });
    let gate = gate.transpose()?;
    let loaded = load(&args.image)?;
    let outputs = outputs(args, options.compression)?;
    let all = loaded.all_plans(&args.selection)?;
    let selected = loaded.select(&args.selection, &all)?;
    loaded.tell_warnings(context);
    let store = context.store()?;
    let guard = store.hold(&kiln_pipeline::Wait::at_most(
        std::time::Duration::from_secs(600),
    ));
    let _guard = guard.map_err(kiln_pipeline::PipelineError::from)?;
    let place = loaded.lock_place(&args.selection);
    let (lock, resolved) = obtain(context, &store, &loaded, &all, &place, args.update)?;
    let settings = context.pipeline_settings(loaded.folder(), lock.snapshot);
    let pipeline = context.pipeline(&store, &settings);
    let images = build(&pipeline, &loaded, &selected, &lock, &options)?;
    if args.strict {
        for image in &images {
            for gathered in &image.platforms {
                let target = format!("{} {}", reference(image), gathered.platform);
                scripts::refuse_gaps(&target, &gathered.image.coverage)?;
            }
        }
    }
    if let Some(gate) = &gate {
        for image in &images {
            let index = (image.index.digest, image.index.size);
            gating::admit(context, gate, &reference(image), index)?;
        }
    }
    let mut written = Vec::new();
    for output in &outputs {
        match output.daemon_reference() {
            Some(reference) => {
                for image in &images {
                    written.push(crate::engine::load(
                        context,
                        &pipeline,
                        image,
                        std::slice::from_ref(&reference),
                    )?);
                }
            }
            None => written.extend(pipeline.write(&images, output, &context.world.directory)?),
        }
    }
    if args.load {
        for image in &images {
            let references = engine_references(image, &loaded.place);
            written.push(crate::engine::load(context, &pipeline, image, &references)?);
        }
    }
    let answer = BuildAnswer {
        images: images.iter().map(image_answer).collect(),
        lock: LockAnswer {
            place: place.to_string(),
            resolved,
        },
        outputs: written,
        elapsed_ms: context.elapsed().as_secs_f64() * 1000.0,
    };
    context.answer(&answer, || table(context, &answer))
}

/// Builds the selected plans; those of one line and variant become one image.
fn build(
    pipeline: &Pipeline<'_>,
    loaded: &Loaded,
    selected: &[Plan],
    lock: &Lock,
    options: &BuildOptions,
) -> Result<Vec<GatheredImage>, Failure> {
    let mut images = Vec::new();
    let mut rest = selected;
    while let Some(first) = rest.first() {
        let same = |plan: &Plan| plan.line == first.line && plan.variant == first.variant;
        let count = rest.iter().take_while(|plan| same(plan)).count();
        let (group, after) = rest.split_at(count);
        rest = after;
        let mut built: Vec<(PlatformImage, Work)> = Vec::new();
        for plan in group {
            built.push(pipeline.build(plan, lock, options)?);
        }
        let version = built.iter().find_map(|(image, _)| image.version.clone());
        refuse_other_line(first, lock)?;
        let tags = tags(&loaded.definition, first, version.as_deref());
        let plans: Vec<&Plan> = group.iter().collect();
        images.push(pipeline.gather(&plans, built, tags)?);
    }
    Ok(images)
}

/// A version line promises a version: nginx 1.28 never comes out as `1.26`.
fn refuse_other_line(plan: &Plan, lock: &Lock) -> Result<(), Failure> {
    let Some(track) = &plan.track else {
        return Ok(());
    };
    let target = plan.target();
    let violation = match lock
        .packages_of(&target)
        .find(|package| package.name == *track)
    {
        None => Some(format!(
            "`track` names `{track}`, which the image does not hold"
        )),
        Some(package) if !belongs_to_line(package.version.as_str(), &plan.line) => Some(format!(
            "`{track}` is {}, which does not belong to the version line `{}`",
            package.version, plan.line
        )),
        Some(_) => None,
    };
    match violation {
        None => Ok(()),
        Some(violation) => Err(kiln_pipeline::PipelineError::Checks {
            target: format!("{} {target}", plan.image),
            violations: vec![format!("version-line: {violation}")],
        }
        .into()),
    }
}

fn outputs(args: &BuildArgs, compression: Compression) -> Result<Vec<Output>, Failure> {
    let mut outputs = Vec::new();
    for text in &args.outputs {
        let output: Output = text
            .parse()
            .map_err(|error: kiln_pipeline::OutputError| Failure::Usage(error.to_string()))?;
        if compression == Compression::Zstd && output.is_docker() {
            return Err(Failure::Usage(format!(
                "`{text}`: docker archives cannot hold zstd layers; leave out `--compression zstd`"
            )));
        }
        outputs.push(output);
    }
    if args.load && compression == Compression::Zstd {
        return Err(Failure::Usage(
            "`--load`: docker archives cannot hold zstd layers; leave out `--compression zstd`"
                .to_owned(),
        ));
    }
    Ok(outputs)
}

fn image_answer(image: &GatheredImage) -> ImageAnswer {
    let text = |paths: &[kiln_types::RelativePath]| paths.iter().map(ToString::to_string).collect();
    let platforms = image
        .platforms
        .iter()
        .map(|gathered| {
            let platform = &gathered.image;
            PlatformAnswer {
                platform: gathered.platform.to_string(),
                digest: platform.manifest.digest.to_string(),
                version: platform.version.clone(),
                created: platform.created.to_string(),
                packages: platform.facts.packages,
                compressed: platform.compressed,
                unpacked: platform.facts.size,
                user: platform.user.clone(),
                shells: text(&platform.facts.shells),
                command_gate: platform.facts.command_gate.clone(),
                setuid: text(&platform.facts.setuid),
                scripts: ScriptsAnswer::of(&platform.coverage),
                kept: KeptAnswer::of(&platform.facts, &platform.checks),
                layers: platform
                    .layers
                    .iter()
                    .map(|layer| LayerAnswer {
                        title: layer.title.clone(),
                        packages: layer.packages.clone(),
                        digest: layer.digest.to_string(),
                        size: layer.size,
                        raw_size: layer.raw_size,
                    })
                    .collect(),
                found: gathered.work.found,
                packages_unpacked: gathered.work.fragments_made,
                layers_written: gathered.work.layers_written,
            }
        })
        .collect();
    ImageAnswer {
        reference: reference(image),
        line: image.line.clone(),
        variant: image.variant.clone(),
        tags: image.tags.clone(),
        digest: image.index.digest.to_string(),
        platforms,
    }
}

/// The names in an engine.
fn engine_references(image: &GatheredImage, place: &Place) -> Vec<String> {
    let prefix = place.engine_prefix();
    image
        .tags
        .iter()
        .map(|tag| format!("{prefix}{}:{tag}", image.name))
        .collect()
}

fn reference(image: &GatheredImage) -> String {
    format!(
        "{}:{}",
        image.name,
        image.tags.first().map_or("latest", String::as_str)
    )
}

/// The short table that a person wants.
fn table(context: &Context, answer: &BuildAnswer) -> String {
    let mut text = String::new();
    for image in &answer.images {
        let tags = image.tags.get(1..).unwrap_or_default().join(", ");
        let also = if tags.is_empty() {
            String::new()
        } else {
            context.painter.dim(&format!("  also {tags}"))
        };
        text.push_str(&format!(
            "{}{also}\n",
            context.painter.bold(&image.reference)
        ));
        text.push_str(&format!("{}\n\n", image.digest));
        let mut table = Table::new(&[
            "platform",
            "digest",
            ">packages",
            ">compressed",
            ">unpacked",
            "user",
            "shell",
            ">setuid",
            "from the store",
        ]);
        for platform in &image.platforms {
            let gate = format!("gate: {} commands", platform.command_gate.len());
            let shell = match (platform.shells.first(), platform.command_gate.is_empty()) {
                (Some(shell), _) => shell,
                (None, false) => gate.as_str(),
                (None, true) => "none",
            };
            table.row([
                platform.platform.clone(),
                platform.digest.chars().take(19).collect(),
                platform.packages.to_string(),
                render::size(platform.compressed),
                render::size(platform.unpacked),
                if platform.user.is_empty() {
                    "root".to_owned()
                } else {
                    platform.user.clone()
                },
                shell.to_owned(),
                platform.setuid.len().to_string(),
                from_store(platform),
            ]);
        }
        text.push_str(&table.render(context.painter));
        if context.verbose > 0 {
            for platform in &image.platforms {
                text.push_str(&platform.kept.text(&platform.platform));
            }
        }
        text.push('\n');
    }
    let scripts: Vec<(String, &ScriptsAnswer)> = answer
        .images
        .iter()
        .flat_map(|image| {
            image
                .platforms
                .iter()
                .map(move |platform| (image, platform))
        })
        .map(|(image, platform)| {
            let target = format!("{} {}", image.reference, platform.platform);
            (target, &platform.scripts)
        })
        .collect();
    text.push_str(&scripts::summary(context, &scripts));
    for output in &answer.outputs {
        text.push_str(&format!("written  {output}\n"));
    }
    let resolved = if answer.lock.resolved {
        "resolved now"
    } else {
        "as it was"
    };
    text.push_str(&format!("lock     {} ({resolved})\n", answer.lock.place));
    text.push_str(&format!(
        "time     {}\n",
        render::duration(context.elapsed())
    ));
    text
}

fn from_store(platform: &PlatformAnswer) -> String {
    if platform.found {
        return "everything".to_owned();
    }
    let layers = platform.layers.len();
    format!(
        "{} of {} packages, {} of {layers} layers",
        platform
            .kept
            .resolved
            .saturating_sub(platform.packages_unpacked),
        platform.kept.resolved,
        layers.saturating_sub(platform.layers_written),
    )
}
