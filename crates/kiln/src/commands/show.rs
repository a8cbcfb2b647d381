//! `kiln show`.

mod reach;

use clap::{Args, ValueEnum};
use kiln_definition::{
    distribution_document, distribution_ids, profile_document, profile_names,
    show as show_definition,
};
use kiln_pipeline::BuildOptions;
use kiln_types::Plan;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Selection;
use crate::commands::lock::obtain;
use crate::context::Context;
use crate::failure::Failure;
use crate::loading::load;
use crate::render::{self, Table};
use crate::run_settings::{self, RunFor};
use crate::scripts::ScriptsAnswer;

#[cfg(test)]
pub(crate) use reach::{CutAnswer, WhyKeptAnswer};

/// Show what a definition becomes, and what an image holds
///
/// Without a flag: the definition with profile, distribution and variables put in, as YAML.
/// `--packages` shows the lock (made if need be), `--layers` the image (built if need be), `--run`
/// the settings to run it with.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln show nginx                         the evaluated definition\n  \
    kiln show nginx --packages              packages, versions and where they come from\n  \
    kiln show nginx --layers                layers, sizes, users, setuid files, checks\n  \
    kiln show nginx --scripts               maintainer scripts: emulated, without effect, left out\n  \
    kiln show nginx --why-kept libssl3t64   why a package is in the image\n  \
    kiln show nginx --cut                   what left the image, and by which rule\n  \
    kiln show nginx --run                   how to run it: docker, compose, Kubernetes\n  \
    kiln show --profile standard            what the profile `standard` says")]
pub(crate) struct ShowArgs {
    /// An image of the catalog, a definition file, or a folder with one
    #[arg(required_unless_present_any = ["profile", "distribution"])]
    image: Option<String>,
    #[command(flatten)]
    selection: Selection,
    /// Show the packages of its lock
    #[arg(long, conflicts_with_all = ["run", "layers"])]
    packages: bool,
    /// Show its layers, and what is known of its files
    #[arg(long, conflicts_with_all = ["run"])]
    layers: bool,
    /// Show what became of the maintainer scripts of its packages
    #[arg(long, conflicts_with_all = ["run", "layers", "packages"])]
    scripts: bool,
    /// Show why a package or a path is in the image, down to what the definition names
    #[arg(long, value_name = "PACKAGE|PATH", conflicts_with_all = ["packages", "layers", "scripts", "run", "cut"])]
    why_kept: Option<String>,
    /// Show what left the image because nothing reaches it, and by which rule
    #[arg(long, conflicts_with_all = ["packages", "layers", "scripts", "run"])]
    cut: bool,
    /// Show how to run it with nothing more than it declares
    #[arg(long, value_name = "WITH", num_args = 0..=1, default_missing_value = "all")]
    run: Option<RunChoice>,
    /// Print a built-in profile: `standard` or `dev`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["image", "distribution"])]
    profile: Option<String>,
    /// Print a built-in distribution, such as `debian-13`
    #[arg(long, value_name = "ID", conflicts_with = "image")]
    distribution: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RunChoice {
    All,
    Docker,
    Compose,
    Kubernetes,
}

/// What `kiln show --packages --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PackagesAnswer {
    /// For each target, its packages.
    targets: Vec<TargetPackages>,
}

/// The packages of a target.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct TargetPackages {
    /// The target.
    target: String,
    /// Its packages, by name.
    packages: Vec<PackageAnswer>,
}

/// One package.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct PackageAnswer {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// Its architecture.
    architecture: String,
    /// The archive and suite that named it.
    suite: String,
    /// Its path in the archive.
    path: String,
    /// The size of the file in bytes.
    size: u64,
    /// The digest of the file.
    sha256: String,
}

pub(crate) fn run(context: &Context, args: &ShowArgs) -> Result<(), Failure> {
    for (name, kind) in [
        (&args.profile, "profile"),
        (&args.distribution, "distribution"),
    ] {
        if let Some(name) = name {
            let text = builtin(kind, name)?;
            return context.answer(&serde_json::json!({ kind: name, "text": text }), || {
                text.to_owned()
            });
        }
    }
    let Some(image) = &args.image else {
        return Err(Failure::Usage("an IMAGE is wanted".to_owned()));
    };
    let loaded = load(image)?;
    let all = loaded.all_plans(&args.selection)?;
    let selected = loaded.select(&args.selection, &all)?;
    loaded.tell_warnings(context);
    if let Some(choice) = args.run {
        return show_run(context, &selected, choice, loaded.place.engine_prefix());
    }
    let walked = args.cut || args.why_kept.is_some();
    if !args.packages && !args.layers && !args.scripts && !walked {
        return context.answer(&selected, || show_definition(&loaded.definition, &selected));
    }
    let store = context.store()?;
    let place = loaded.lock_place(&args.selection);
    let (lock, _) = obtain(context, &store, &loaded, &all, &place, false)?;
    if args.packages {
        let targets = selected
            .iter()
            .map(|plan| {
                let target = plan.target();
                let packages = lock
                    .packages_of(&target)
                    .map(|package| PackageAnswer {
                        name: package.name.to_string(),
                        version: package.version.to_string(),
                        architecture: package.architecture.clone(),
                        suite: format!("{}/{}", package.archive, package.suite),
                        path: package.path.clone(),
                        size: package.size,
                        sha256: package.sha256.hex(),
                    })
                    .collect();
                TargetPackages {
                    target: target.to_string(),
                    packages,
                }
            })
            .collect();
        let answer = PackagesAnswer { targets };
        return context.answer(&answer, || packages_text(context, &answer));
    }
    let settings = context.pipeline_settings(loaded.folder(), lock.snapshot);
    let pipeline = context.pipeline(&store, &settings);
    if let Some(subject) = &args.why_kept {
        return reach::why_kept(context, &pipeline, &selected, &lock, subject);
    }
    if args.cut {
        return reach::cut(context, &pipeline, &selected, &lock);
    }
    let mut images = Vec::new();
    for plan in &selected {
        let (image, _) = pipeline.build(plan, &lock, &BuildOptions::default())?;
        images.push((plan.target().to_string(), image));
    }
    if args.scripts {
        let json: Vec<_> = images
            .iter()
            .map(|(target, image)| {
                serde_json::json!({
                    "target": target, "scripts": ScriptsAnswer::of(&image.coverage),
                })
            })
            .collect();
        return context.answer(&json, || {
            images
                .iter()
                .map(|(target, image)| ScriptsAnswer::of(&image.coverage).list(context, target))
                .collect()
        });
    }
    let json: Vec<_> = images
        .iter()
        .map(|(target, image)| {
            serde_json::json!({
                "target": target, "digest": image.manifest.digest, "layers": image.layers,
                "facts": image.facts, "checks": image.checks, "user": image.user,
            })
        })
        .collect();
    context.answer(&json, || {
        images
            .iter()
            .map(|(target, image)| layers_text(context, target, image))
            .collect()
    })
}

fn packages_text(context: &Context, answer: &PackagesAnswer) -> String {
    let mut text = String::new();
    for target in &answer.targets {
        text.push_str(&format!("{}\n", context.painter.bold(&target.target)));
        let mut table = Table::new(&["package", "version", "architecture", "suite", ">size"]);
        for package in &target.packages {
            table.row([
                package.name.clone(),
                package.version.clone(),
                package.architecture.clone(),
                package.suite.clone(),
                render::size(package.size),
            ]);
        }
        text.push_str(&table.render(context.painter));
        text.push_str(&format!("{} packages\n\n", target.packages.len()));
    }
    text
}

fn layers_text(context: &Context, target: &str, image: &kiln_pipeline::PlatformImage) -> String {
    let mut text = format!(
        "{}  {}\n",
        context.painter.bold(target),
        image.manifest.digest
    );
    let mut table = Table::new(&["layer", ">compressed", ">unpacked", "packages"]);
    for layer in &image.layers {
        let names: Vec<&str> = layer.packages.iter().map(String::as_str).take(8).collect();
        let more = layer.packages.len() - names.len();
        let mut packages = names.join(" ");
        if more > 0 {
            packages.push_str(&format!(" and {more} more"));
        }
        table.row([
            layer.title.clone(),
            render::size(layer.size),
            render::size(layer.raw_size),
            packages,
        ]);
    }
    text.push_str(&table.render(context.painter));
    let facts = &image.facts;
    let list = |paths: &[kiln_types::RelativePath]| match paths {
        [] => "none".to_owned(),
        paths => paths
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
    };
    text.push_str(&format!(
        "files            {}, {}\n",
        facts.files,
        render::size(facts.size)
    ));
    text.push_str(&format!(
        "user             {}\n",
        if image.user.is_empty() {
            "root"
        } else {
            &image.user
        }
    ));
    text.push_str(&format!("shells           {}\n", list(&facts.shells)));
    for (index, command) in facts.command_gate.iter().enumerate() {
        let name = if index == 0 { "command gate" } else { "" };
        text.push_str(&format!("{name:<16} {command}\n"));
    }
    text.push_str(&format!(
        "package managers {}\n",
        list(&facts.package_managers)
    ));
    text.push_str(&format!("setuid           {}\n", list(&facts.setuid)));
    text.push_str(&format!(
        "world-writable   {}\n",
        list(&facts.world_writable)
    ));
    let checks: Vec<String> = image
        .checks
        .iter()
        .map(
            |check| match (check.check.as_str(), facts.command_gate.len()) {
                ("no-shell", 1..) => {
                    format!(
                        "no-shell ok (command gate: {} commands)",
                        facts.command_gate.len()
                    )
                }
                (name, _) => format!("{name} ok"),
            },
        )
        .collect();
    text.push_str(&format!("checks           {}\n\n", checks.join(", ")));
    text
}

fn show_run(
    context: &Context,
    selected: &[Plan],
    choice: RunChoice,
    prefix: &str,
) -> Result<(), Failure> {
    let Some(plan) = selected.first() else {
        return Ok(());
    };
    let wanted: &[RunFor] = match choice {
        RunChoice::All => &[RunFor::Docker, RunFor::Compose, RunFor::Kubernetes],
        RunChoice::Docker => &[RunFor::Docker],
        RunChoice::Compose => &[RunFor::Compose],
        RunChoice::Kubernetes => &[RunFor::Kubernetes],
    };
    let texts: Vec<(RunFor, String)> = wanted
        .iter()
        .map(|with| (*with, run_settings::render(plan, *with, prefix)))
        .collect();
    let json: serde_json::Map<String, serde_json::Value> = texts
        .iter()
        .map(|(with, text)| (with.name().to_owned(), text.clone().into()))
        .collect();
    context.answer(&json, || {
        if let [(_, text)] = texts.as_slice() {
            return text.clone();
        }
        texts
            .iter()
            .map(|(with, text)| format!("# {}\n{text}\n", with.title()))
            .collect()
    })
}

/// The text of a built-in profile or distribution.
fn builtin(kind: &str, name: &str) -> Result<String, Failure> {
    let (document, known): (_, Vec<&str>) = match kind {
        "profile" => (profile_document(name), profile_names().collect()),
        _ => (distribution_document(name), distribution_ids().collect()),
    };
    document
        .map(|document| document.text.to_string())
        .ok_or_else(|| {
            Failure::Usage(format!(
                "there is no {kind} `{name}`: expected one of {}",
                known.join(", ")
            ))
        })
}
