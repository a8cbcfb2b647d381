//! `kiln version`.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

/// Print the version of kiln; with `--json`, of the formats it reads too
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kiln version\n  kiln version --json")]
pub(crate) struct VersionArgs {}

/// What `kiln version --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct VersionAnswer {
    /// The version of kiln.
    version: &'static str,
    /// The version of the definition format.
    definition_format: u32,
    /// The version of the lock format.
    lock_format: u32,
}

pub(crate) fn run(context: &Context) -> Result<(), Failure> {
    let answer = VersionAnswer {
        version: env!("CARGO_PKG_VERSION"),
        definition_format: 1,
        lock_format: 1,
    };
    context.answer(&answer, || format!("kiln {}\n", answer.version))
}
