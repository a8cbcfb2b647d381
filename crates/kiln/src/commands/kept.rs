//! What a build report says of what was kept: how much left by which rule, who made what, which
//! files could start a shell, and what holds.

use kiln_pipeline::{CheckOutcome, ImageFacts};
use schemars::JsonSchema;
use serde::Serialize;

/// What was kept of what was resolved, and what must hold of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct KeptAnswer {
    /// Packages that were resolved.
    pub(crate) resolved: usize,
    /// Packages that are in the image.
    packages: usize,
    /// What left, by rule.
    cuts: Vec<CutCountAnswer>,
    /// Files, links and directories that no package ships, by who made them.
    made: Vec<MadeAnswer>,
    /// Files that can start a shell, and why they may stay.
    shell_callers: Vec<CallerAnswer>,
    /// The checks that were made; an image that does not pass one is not built.
    checks: Vec<String>,
}

/// How much a rule cut.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CutCountAnswer {
    /// The rule.
    rule: String,
    /// Whole packages.
    packages: usize,
    /// Files of packages that stay.
    files: usize,
}

/// How much somebody made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct MadeAnswer {
    /// Who: an emulator, the package database, the definition.
    maker: String,
    /// Files, links and directories.
    count: usize,
}

/// A file that can start a shell.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CallerAnswer {
    /// The file.
    path: String,
    /// By which functions.
    calls: Vec<String>,
    /// Why that is right.
    reason: Option<String>,
}

impl KeptAnswer {
    pub(crate) fn of(facts: &ImageFacts, checks: &[CheckOutcome]) -> Self {
        let cuts = facts.cuts.iter().map(|(rule, count)| CutCountAnswer {
            rule: rule.as_str().to_owned(),
            packages: count.packages,
            files: count.files,
        });
        let callers = facts.shell_callers.iter().map(|caller| CallerAnswer {
            path: caller.path.to_string(),
            calls: caller.calls.clone(),
            reason: caller.reason.clone(),
        });
        Self {
            resolved: facts.resolved,
            packages: facts.packages,
            cuts: cuts.collect(),
            made: facts
                .made
                .iter()
                .map(|(maker, count)| MadeAnswer {
                    maker: maker.clone(),
                    count: *count,
                })
                .collect(),
            shell_callers: callers.collect(),
            checks: checks.iter().map(|check| check.check.clone()).collect(),
        }
    }

    pub(crate) fn text(&self, platform: &str) -> String {
        let mut text = format!(
            "\n{platform}: {} of {} packages kept\n",
            self.packages, self.resolved
        );
        for cut in &self.cuts {
            text.push_str(&format!(
                "  cut by {:<18} {} packages, {} files\n",
                cut.rule, cut.packages, cut.files
            ));
        }
        for MadeAnswer { maker, count } in &self.made {
            text.push_str(&format!("  made by {maker}: {count}\n"));
        }
        for caller in &self.shell_callers {
            let reason = caller.reason.as_deref().unwrap_or("not accepted");
            text.push_str(&format!(
                "  can start a shell: {} ({}): {reason}\n",
                caller.path,
                caller.calls.join(", ")
            ));
        }
        text.push_str(&format!("  holds: {}\n", self.checks.join(", ")));
        text
    }
}
