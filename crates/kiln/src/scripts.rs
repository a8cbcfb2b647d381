//! Script coverage for people and programs: what became of the maintainer scripts of an image.

use kiln_pipeline::{Coverage, PipelineError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::render::Table;

/// What became of the maintainer scripts of one image.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ScriptsAnswer {
    /// All scripts.
    total: usize,
    /// Scripts that do nothing on a fresh install.
    without_effect: usize,
    /// Scripts that emulators stand for.
    emulated: usize,
    /// Scripts that do only what no image should have: secrets, started services.
    withheld: usize,
    /// Scripts of which something is left out.
    left_out: usize,
    /// Each script, by package.
    list: Vec<ScriptAnswer>,
}

/// One script.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct ScriptAnswer {
    /// The package.
    package: String,
    /// `preinst`, `postinst`, `prerm`, `postrm`, `config` or `triggers`.
    script: String,
    /// The emulators that stand for it.
    emulators: Vec<String>,
    /// Why parts of it have no effect on a fresh image.
    without_effect: Vec<String>,
    /// What it does that no image should have.
    withheld: Vec<String>,
    /// What it does that nothing stands for.
    left_out: Vec<String>,
}

impl ScriptsAnswer {
    pub(crate) fn of(coverage: &Coverage) -> Self {
        let counts = coverage.counts();
        let list = coverage
            .0
            .iter()
            .map(|script| ScriptAnswer {
                package: script.package.clone(),
                script: script.script.clone(),
                emulators: script.emulators.iter().cloned().collect(),
                without_effect: script.without_effect.iter().cloned().collect(),
                withheld: script.withheld.iter().cloned().collect(),
                left_out: script.left_out.iter().cloned().collect(),
            })
            .collect();
        Self {
            total: counts.scripts,
            without_effect: counts.without_effect,
            emulated: counts.emulated,
            withheld: counts.withheld,
            left_out: counts.left_out,
            list,
        }
    }

    /// Every script with what became of it.
    pub(crate) fn list(&self, context: &Context, target: &str) -> String {
        let mut table = Table::new(&["package", "script", "what became of it"]);
        for script in &self.list {
            let mut parts: Vec<String> = Vec::new();
            if !script.emulators.is_empty() {
                parts.push(format!("emulated: {}", script.emulators.join(", ")));
            }
            let kinds = [
                ("left out", &script.left_out),
                ("withheld", &script.withheld),
                ("no effect", &script.without_effect),
            ];
            for (kind, texts) in kinds {
                parts.extend(texts.iter().map(|text| format!("{kind}: {text}")));
            }
            table.row([
                script.package.clone(),
                script.script.clone(),
                parts.join("; "),
            ]);
        }
        format!(
            "{}\n{}{} scripts: {} without effect, {} emulated, {} withheld, {} left out\n\n",
            context.painter.bold(target),
            table.render(context.painter),
            self.total,
            self.without_effect,
            self.emulated,
            self.withheld,
            self.left_out
        )
    }
}

/// One line about all images, and with `-v` one more for whatever is left out of one.
pub(crate) fn summary(context: &Context, images: &[(String, &ScriptsAnswer)]) -> String {
    let total: usize = images.iter().map(|(_, scripts)| scripts.total).sum();
    let left_out: usize = images.iter().map(|(_, scripts)| scripts.left_out).sum();
    let mut text = format!("scripts  {} of {total} accounted for\n", total - left_out);
    for (target, scripts) in images.iter().filter(|_| context.verbose > 0) {
        for script in &scripts.list {
            for effect in &script.left_out {
                let (package, script) = (&script.package, &script.script);
                text.push_str(&format!(
                    "         {target}: {package} {script}: {effect}\n"
                ));
            }
        }
    }
    text
}

/// With `--strict`, an image of which scripts are left out is refused.
pub(crate) fn refuse_gaps(target: &str, coverage: &Coverage) -> Result<(), Failure> {
    let violations: Vec<String> = coverage
        .gaps()
        .flat_map(|script| {
            script
                .left_out
                .iter()
                .map(|effect| format!("scripts: {} {}: {effect}", script.package, script.script))
        })
        .collect();
    if violations.is_empty() {
        return Ok(());
    }
    let target = target.to_owned();
    Err(PipelineError::Checks { target, violations }.into())
}
