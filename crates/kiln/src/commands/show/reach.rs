//! `kiln show --why-kept` and `kiln show --cut`.

use kiln_pipeline::{CutList, CutRule, Pipeline, Step};
use kiln_types::{Lock, Plan};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

/// What `kiln show --why-kept --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct WhyKeptAnswer {
    /// The package or path that was asked for.
    subject: String,
    /// For each target, why it is there.
    targets: Vec<WhyKeptTarget>,
}

/// The answer for one target.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct WhyKeptTarget {
    /// The target.
    target: String,
    /// Whether it is in the image.
    kept: bool,
    /// From what was asked for down to what the definition names.
    steps: Vec<StepAnswer>,
}

/// One step of the reason.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct StepAnswer {
    /// A package or a path.
    what: String,
    /// Why it is there.
    why: String,
}

/// What `kiln show --cut --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct CutAnswer {
    /// For each target, what left it.
    targets: Vec<CutTarget>,
}

/// What left one target: the same as `/usr/share/kiln/cut.json` in the image.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CutTarget {
    /// The target.
    target: String,
    /// Packages that left as a whole.
    packages: Vec<CutPackageAnswer>,
    /// Files that left packages which stay.
    files: Vec<CutFilesAnswer>,
}

/// A package that left.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CutPackageAnswer {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// The rule.
    rule: String,
}

/// Files that left a package.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CutFilesAnswer {
    /// The package.
    package: String,
    /// The rule.
    rule: String,
    /// Their paths.
    paths: Vec<String>,
}

pub(super) fn why_kept(
    context: &Context,
    pipeline: &Pipeline<'_>,
    plans: &[Plan],
    lock: &Lock,
    subject: &str,
) -> Result<(), Failure> {
    let mut targets = Vec::new();
    for plan in plans {
        let steps = pipeline.examine(plan, lock)?.why_kept(subject);
        targets.push(WhyKeptTarget {
            target: plan.target().to_string(),
            kept: steps.is_some(),
            steps: steps.unwrap_or_default().into_iter().map(step).collect(),
        });
    }
    let answer = WhyKeptAnswer {
        subject: subject.to_owned(),
        targets,
    };
    context.answer(&answer, || {
        let mut text = String::new();
        for target in &answer.targets {
            text.push_str(&format!("{}\n", context.painter.bold(&target.target)));
            if !target.kept {
                text.push_str(&format!("  `{subject}` is not in it\n"));
            }
            for step in &target.steps {
                text.push_str(&format!("  {}: {}\n", step.what, step.why));
            }
        }
        text
    })
}

fn step(step: Step) -> StepAnswer {
    StepAnswer {
        what: step.what,
        why: step.why,
    }
}

pub(super) fn cut(
    context: &Context,
    pipeline: &Pipeline<'_>,
    plans: &[Plan],
    lock: &Lock,
) -> Result<(), Failure> {
    let mut targets = Vec::new();
    for plan in plans {
        let reach = pipeline.examine(plan, lock)?.reach;
        let list = reach.map(|reach| reach.cut).unwrap_or_default();
        targets.push(target(plan.target().to_string(), list));
    }
    let answer = CutAnswer { targets };
    context.answer(&answer, || {
        answer
            .targets
            .iter()
            .map(|target| cut_text(context, target))
            .collect()
    })
}

fn target(target: String, list: CutList) -> CutTarget {
    CutTarget {
        target,
        packages: list
            .packages
            .into_iter()
            .map(|cut| CutPackageAnswer {
                name: cut.name,
                version: cut.version,
                rule: cut.rule.as_str().to_owned(),
            })
            .collect(),
        files: list
            .files
            .into_iter()
            .map(|cut| CutFilesAnswer {
                package: cut.package,
                rule: cut.rule.as_str().to_owned(),
                paths: cut.paths,
            })
            .collect(),
    }
}

fn cut_text(context: &Context, target: &CutTarget) -> String {
    let mut text = format!("{}\n", context.painter.bold(&target.target));
    if target.packages.is_empty() && target.files.is_empty() {
        text.push_str("  nothing\n");
    }
    for rule in CutRule::ALL {
        let packages: Vec<&str> = target
            .packages
            .iter()
            .filter(|cut| cut.rule == rule.as_str())
            .map(|cut| cut.name.as_str())
            .collect();
        let files: Vec<&CutFilesAnswer> = target
            .files
            .iter()
            .filter(|cut| cut.rule == rule.as_str())
            .collect();
        if packages.is_empty() && files.is_empty() {
            continue;
        }
        text.push_str(&format!("  {}: {}\n", rule.as_str(), rule.sentence()));
        for package in packages {
            text.push_str(&format!("    package {package}\n"));
        }
        for cut in files {
            for path in &cut.paths {
                text.push_str(&format!("    {path} of {}\n", cut.package));
            }
        }
    }
    text
}
