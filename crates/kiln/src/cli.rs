//! The command line: global flags and the list of commands. Each command's arguments and help
//! stand in its own file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;
use crate::render::ColorChoice;

/// Hardened container images from Debian packages: minimal, reproducible, non-root.
#[derive(Debug, Parser)]
#[command(
    name = "kiln",
    version,
    max_term_width = 100,
    disable_help_subcommand = false,
    after_help = "Examples:\n  \
        kiln build nginx --load                 build the catalog's nginx and load it into docker\n  \
        kiln build ./image.yaml -o oci:out      build your own definition into an OCI layout\n  \
        kiln catalog                            what there is to build\n  \
        kiln why nginx libssl3t64               why a package is in an image\n\n\
        Exit codes: 0 done · 1 could not be done · 2 the answer is no · 3 cannot be known ·\n\
        4 an input is not what it claims · 64 usage"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print JSON (schemas/cli.json) on standard output, and nothing else
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say only what was asked for and what went wrong
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice, still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Show no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Use only what the store holds; touch no network
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Read settings from this file instead of ./kiln.toml and the user's
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Build(commands::build::BuildArgs),
    Lock(commands::lock::LockArgs),
    Check(commands::check::CheckArgs),
    Why(commands::why::WhyArgs),
    Show(commands::show::ShowArgs),
    Diff(commands::diff::DiffArgs),
    Catalog(commands::catalog::CatalogArgs),
    Cache(commands::cache::CacheArgs),
    Config(commands::config::ConfigArgs),
    Completions(commands::completions::CompletionsArgs),
    Version(commands::version::VersionArgs),
}

/// Which of a definition's targets a command means.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selection {
    /// A variant, or `all`; repeatable [default: standard]
    #[arg(long = "variant", value_name = "VARIANT")]
    pub(crate) variants: Vec<String>,
    /// A version line, or `all` [default: the first of the definition]
    #[arg(long = "version", value_name = "LINE")]
    pub(crate) lines: Vec<String>,
    /// Platforms, separated by commas, or `all` [default: all of the definition]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) platforms: Vec<String>,
    /// Set a variable of the definition
    #[arg(long = "set", value_name = "VAR=VALUE")]
    pub(crate) sets: Vec<String>,
    /// The lock to use [default: beside the definition; for catalog images, in the store]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
}
