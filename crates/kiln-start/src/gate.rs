//! The command gate: what programs find as `/bin/sh` when they call `system(3)` or `popen(3)`.
//!
//! It has no language. The definition lists command lines; where the text behind `-c` is exactly one
//! of them, its program is started with the arguments and redirections that kiln read from it when
//! the image was built. Everything else is refused, with a line in the log that says what.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use kiln_script::GateCommand;

use crate::environment::Environment;
use crate::{NOT_EXECUTABLE, NOT_FOUND, load, say};

/// Runs what `sh` was asked to.
pub(crate) fn run(arguments: &[OsString], script: &Path) -> ExitCode {
    let refuse = |what: &str| {
        say(&format!(
            "command gate: refused {what}; this image has no shell"
        ));
        ExitCode::from(NOT_EXECUTABLE)
    };
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    if words.len() != arguments.len() {
        return refuse("a command that is not UTF-8");
    }
    // The C library says `sh -c -- COMMAND` (glibc 2.38 and later), others leave out the dashes.
    let text = match words.as_slice() {
        ["-c", "--", text] | ["-c", text] => *text,
        _ => {
            return refuse(&format!(
                "`sh {}`, which is not of the form `sh -c COMMAND`",
                words.join(" ")
            ));
        }
    };
    let script = match load(script) {
        Ok(script) => script,
        Err(reason) => {
            say(&reason);
            return ExitCode::from(NOT_EXECUTABLE);
        }
    };
    match script.gate.iter().find(|command| command.text == text) {
        Some(command) => start(command),
        None => refuse(&format!("`{text}`, which its definition does not list")),
    }
}

/// Becomes the command.
fn start(gate: &GateCommand) -> ExitCode {
    let failed = |error: &std::io::Error| {
        say(&format!("command gate: `{}`: {error}", gate.text));
        ExitCode::from(match error.kind() {
            std::io::ErrorKind::NotFound => NOT_FOUND,
            _ => NOT_EXECUTABLE,
        })
    };
    match prepare(gate, Environment::of_process()) {
        Ok(mut command) => failed(&command.exec()),
        Err(error) => failed(&error),
    }
}

fn prepare(gate: &GateCommand, mut environment: Environment) -> std::io::Result<Command> {
    let Some((program, arguments)) = gate.arguments.split_first() else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    let null = || File::options().read(true).write(true).open("/dev/null");
    let streams = gate.streams;
    // The definition says which programs run: the caller's PATH makes no others of them. What is
    // preloaded stays, because images give names to arbitrary users that way.
    environment.unset("PATH");
    let mut command = Command::new(environment.find(program.as_ref())?);
    command.arg0(program).args(arguments);
    command.env_remove("PATH");
    if streams.input_null {
        command.stdin(null()?);
    }
    if streams.output_null {
        command.stdout(null()?);
    }
    if streams.error_null {
        command.stderr(null()?);
    } else if streams.error_to_output {
        let output = if streams.output_null {
            Stdio::from(null()?)
        } else {
            std::io::stdout().as_fd().try_clone_to_owned()?.into()
        };
        command.stderr(output);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use kiln_script::Streams;

    use super::*;

    #[test]
    fn the_callers_path_makes_no_other_program_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let planted = folder.path().join("cat");
        std::fs::write(&planted, "planted").unwrap();
        std::fs::set_permissions(&planted, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut environment = Environment::default();
        environment.set("PATH", folder.path().to_str().unwrap());
        assert_eq!(environment.find("cat".as_ref()).unwrap(), planted);

        let gate = GateCommand {
            text: "cat x".to_owned(),
            streams: Streams::default(),
            arguments: vec!["cat".to_owned(), "x".to_owned()],
        };
        let command = prepare(&gate, environment).unwrap();
        assert!(
            [Path::new("/usr/bin/cat"), Path::new("/bin/cat")]
                .contains(&Path::new(command.get_program())),
            "{command:?}"
        );
        // Nor does what it starts find programs there.
        let path = command.get_envs().find(|(name, _)| *name == "PATH");
        assert_eq!(path, Some(("PATH".as_ref(), None)));
    }
}
