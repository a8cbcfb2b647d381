//! `kiln why`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::Selection;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::load;

/// Show the chain of dependencies that brings a package into an image
///
/// Also which packages need it; for one that is not there, which excluded dependencies ask for it
/// (exit 2). The answer is about the package indexes as they are now, not about a lock.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln why nginx libssl3t64\n  \
    kiln why nginx perl-base --variant dev\n  \
    kiln why ./image.yaml libc6 --json")]
pub(crate) struct WhyArgs {
    /// An image of the catalog, a definition file, or a folder with one
    image: String,
    /// The package to explain
    package: String,
    #[command(flatten)]
    selection: Selection,
}

/// What `kiln why --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct WhyAnswer {
    /// For each target, why; empty where the package is not in it.
    targets: Vec<TargetWhy>,
}

/// Why a package is in a target.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct TargetWhy {
    /// The target.
    target: String,
    /// The version of the package there.
    version: Option<String>,
    /// The shortest chain from a request to the package.
    chain: Vec<Step>,
    /// Every package that needs it.
    needed_by: Vec<String>,
    /// The dependencies that would bring it in, were it not excluded.
    excluded_from: Vec<String>,
}

/// One step of a chain.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct Step {
    /// The package that requires; none for the definition itself.
    requirer: Option<String>,
    /// What it requires, as the index words it.
    relation: String,
    /// The package that was chosen.
    chosen: String,
}

pub(crate) fn run(context: &Context, args: &WhyArgs) -> Result<(), Failure> {
    let loaded = load(&args.image)?;
    let all = loaded.all_plans(&args.selection)?;
    let selected = loaded.select(&args.selection, &all)?;
    let store = context.store()?;
    let settings = context.pipeline_settings(loaded.folder(), None);
    let pipeline = context.pipeline(&store, &settings);
    let mut targets: Vec<TargetWhy> = Vec::new();
    for plan in &selected {
        let (resolution, _) = pipeline.resolve(plan)?;
        let chain = resolution
            .why(&args.package)
            .unwrap_or_default()
            .into_iter()
            .map(|edge| Step {
                requirer: edge.requirer.as_ref().map(ToString::to_string),
                relation: edge.relation.clone(),
                chosen: edge.chosen.to_string(),
            })
            .collect();
        let needed_by = resolution
            .why_all(&args.package)
            .filter_map(|edge| edge.requirer.as_ref())
            .map(ToString::to_string);
        let excluded_from = resolution
            .tolerated
            .iter()
            .filter(|open| {
                open.excluded_by
                    .iter()
                    .any(|name| name.as_str() == args.package)
            })
            .map(|open| format!("{} needs {}", open.package, open.relation));
        targets.push(TargetWhy {
            target: plan.target().to_string(),
            version: resolution
                .package(&args.package)
                .map(|record| record.version.to_string()),
            chain,
            needed_by: needed_by.collect(),
            excluded_from: excluded_from.collect(),
        });
    }
    let present = targets.iter().any(|target| target.version.is_some());
    let answer = WhyAnswer { targets };
    context.answer(&answer, || text(&args.package, &answer.targets))?;
    if present {
        Ok(())
    } else {
        Err(Failure::Answered(Exit::No))
    }
}

fn text(package: &str, targets: &[TargetWhy]) -> String {
    // Targets whose answer is the same are told once.
    let mut groups: Vec<(Vec<&str>, &TargetWhy)> = Vec::new();
    for target in targets {
        let same = |other: &TargetWhy| {
            (
                &other.version,
                &other.chain,
                &other.needed_by,
                &other.excluded_from,
            ) == (
                &target.version,
                &target.chain,
                &target.needed_by,
                &target.excluded_from,
            )
        };
        match groups.iter_mut().find(|(_, other)| same(other)) {
            Some((names, _)) => names.push(&target.target),
            None => groups.push((vec![&target.target], target)),
        }
    }
    let mut text = String::new();
    for (names, why) in groups {
        text.push_str(&format!("{}\n", names.join(" ")));
        match &why.version {
            None => text.push_str(&format!("  `{package}` is not in it\n")),
            Some(version) => {
                for (depth, step) in why.chain.iter().enumerate() {
                    let indent = "  ".repeat(depth + 1);
                    let chosen = if step.relation == step.chosen {
                        String::new()
                    } else {
                        format!(" -> {}", step.chosen)
                    };
                    match &step.requirer {
                        None => text.push_str(&format!(
                            "{indent}the definition asks for {}{chosen}\n",
                            step.relation
                        )),
                        Some(requirer) => text.push_str(&format!(
                            "{indent}{requirer} needs {}{chosen}\n",
                            step.relation
                        )),
                    }
                }
                text.push_str(&format!(
                    "  {package} {version}, needed by: {}\n",
                    list(&why.needed_by)
                ));
            }
        }
        for open in &why.excluded_from {
            text.push_str(&format!("  excluded, though {open}\n"));
        }
    }
    text
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "the definition alone".to_owned()
    } else {
        names.join(", ")
    }
}
