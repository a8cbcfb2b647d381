//! kiln: hardened container images from Debian packages, in one binary.
//!
//! This is the only place that reads the clock, the environment and the command line, words
//! errors, draws progress and chooses exit codes. Everything else happens in the rooms below.

mod cli;
mod commands;
mod context;
mod day;
mod engine;
mod exit;
mod failure;
mod gating;
mod images;
mod loading;
mod memory;
mod only;
mod output;
mod progress;
mod render;
mod run_settings;
#[cfg(test)]
mod schema;
mod scripts;
mod settings;
mod statements;
mod testing;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;

use cli::{Cli, Command};
use context::Context;
use exit::Exit;
use failure::Failure;
use settings::World;

fn main() -> ExitCode {
    let started = Instant::now();
    memory::give_back();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let context = match Context::new(&cli.global, world(), started) {
        Ok(context) => context,
        Err(error) => {
            let failure = Failure::Other(error);
            let painter = render::Painter::new(cli.global.color, true, false);
            tell(&failure, cli.global.json, painter);
            return ExitCode::from(failure.exit().code());
        }
    };
    let exit = match run(&context, &cli.command) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            context.tell_warnings();
            tell(&failure, context.json, context.err_painter);
            failure.exit()
        }
    };
    ExitCode::from(exit.code())
}

fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Build(args) => commands::build::run(context, args),
        Command::Lock(args) => commands::lock::run(context, args),
        Command::Check(args) => commands::check::run(context, args),
        Command::Why(args) => commands::why::run(context, args),
        Command::Show(args) => commands::show::run(context, args),
        Command::Diff(args) => commands::diff::run(context, args),
        Command::Test(args) => commands::test::run(context, args),
        Command::Sbom(args) => commands::sbom::run(context, args),
        Command::Quickview(args) => commands::quickview::run(context, args),
        Command::Scan(args) => commands::scan::run(context, args),
        Command::Gate(args) => commands::gate::run(context, args),
        Command::Compare(args) => commands::compare::run(context, args),
        Command::Score(args) => commands::score::run(context, args),
        Command::Explain(args) => commands::explain::run(context, args),
        Command::Vex(args) => commands::vex::run(context, args),
        Command::Db(args) => commands::db::run(context, args),
        Command::Catalog(args) => commands::catalog::run(context, args),
        Command::Cache(args) => commands::cache::run(context, args),
        Command::Config(args) => commands::config::run(context, args),
        Command::Completions(args) => commands::completions::run(args),
        Command::Version(_) => commands::version::run(context),
    }
}

/// Says why it failed. A program that asked for JSON gets it as JSON, on the stream that it reads.
fn tell(failure: &Failure, json: bool, painter: render::Painter) {
    match failure.answer().filter(|_| json) {
        Some(answer) => {
            let text = serde_json::to_string_pretty(&answer).unwrap_or_default();
            let _ = render::print(&format!("{text}\n"));
        }
        None => render::tell(&failure.render(painter)),
    }
}

/// Help and version are answers; everything else of clap's is a usage error.
fn usage(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let exit = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    };
    // The command line could not be read, so its words are looked at one by one.
    let json = std::env::args_os()
        .skip(1)
        .take_while(|word| word != "--")
        .any(|word| word == "--json");
    if json && exit == Exit::Usage {
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ").to_owned();
        tell(
            &Failure::Usage(text),
            true,
            render::Painter::new(render::ColorChoice::Never, true, false),
        );
    } else {
        // A reader that went away is no reason to fail.
        let _ = error.print();
    }
    ExitCode::from(exit.code())
}

/// The outside world, read once.
fn world() -> World {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks for the working directory"
    )]
    let directory = std::env::current_dir().unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    World {
        environment,
        directory,
        processors,
    }
}
