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
        kiln why nginx libssl3t64               why a package is in an image\n  \
        kiln show nginx --run                   how to run it with a read-only root file system\n\n\
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
    /// Print only the answer and errors: no warnings, no remarks
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Print more, such as the dependencies that exclusions leave open
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// When to colour the output
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Show no progress on standard error
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Use only what the store holds, and leave the network alone
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Read settings from this file instead of ./kiln.toml and your own (see `kiln config --help`)
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
    Test(commands::test::TestArgs),
    Sbom(commands::sbom::SbomArgs),
    Quickview(commands::quickview::QuickviewArgs),
    Scan(commands::scan::ScanArgs),
    Gate(commands::gate::GateArgs),
    Compare(commands::compare::CompareArgs),
    Score(commands::score::ScoreArgs),
    Explain(commands::explain::ExplainArgs),
    Vex(commands::vex::VexArgs),
    Db(commands::db::DbArgs),
    Catalog(commands::catalog::CatalogArgs),
    Cache(commands::cache::CacheArgs),
    Config(commands::config::ConfigArgs),
    Completions(commands::completions::CompletionsArgs),
    Version(commands::version::VersionArgs),
}

/// Which of a definition's targets a command means.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Selection {
    /// A variant, such as `dev`, or `all`; repeatable [default: standard]
    #[arg(long = "variant", value_name = "VARIANT")]
    pub(crate) variants: Vec<String>,
    /// A version line, such as `1.26`, or `all`; repeatable [default: the first of the definition]
    #[arg(long = "version", value_name = "LINE")]
    pub(crate) lines: Vec<String>,
    /// Platforms, such as `linux/arm64`, separated by commas, or `all` [default: all of the definition]
    #[arg(long = "platform", value_name = "PLATFORM", value_delimiter = ',')]
    pub(crate) platforms: Vec<String>,
    /// Give a variable of the definition (`vars`) another value; repeatable
    #[arg(long = "set", value_name = "VAR=VALUE")]
    pub(crate) sets: Vec<String>,
    /// The lock [default: image.lock beside image.yaml; for catalog images, in the store]
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// A profile of your own, for the variant of its name; repeatable
    #[arg(long = "profile-file", value_name = "FILE")]
    pub(crate) profile_files: Vec<PathBuf>,
}
