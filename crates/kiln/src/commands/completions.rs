//! `kiln completions`.

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::render;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln completions bash > ~/.local/share/bash-completion/completions/kiln\n  \
    kiln completions zsh > ~/.zfunc/_kiln")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kiln", &mut text);
    render::print(&String::from_utf8_lossy(&text))?;
    Ok(())
}
