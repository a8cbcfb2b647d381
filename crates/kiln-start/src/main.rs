//! `kiln-start`: PID 1 of images that need something done before their program starts, or whose
//! program is not made to be PID 1.
//!
//! ```text
//! kiln-start [--] PROGRAM [ARGUMENT…]
//! ```
//!
//! It reads the script that kiln made from the definition's `start:` (if there is one), does its
//! steps, starts the program, forwards signals to it, reaps orphans, and ends as the program ends
//! (128 + n for signal n). It needs no rights, no writable path of its own and nothing from the
//! image: it is one static file.
//!
//! Started as `sh` it is the command gate: it runs a command line only where the definition lists
//! exactly that one. See [`gate`].
//!
//! What it does not do: restart anything, run several programs, read its script from anywhere but
//! the image, expand anything a shell would.

#![expect(
    clippy::disallowed_methods,
    reason = "a start program is what reads the container's environment and starts its programs"
)]

mod environment;
mod files;
mod gate;
mod steps;
mod supervise;
mod system;
mod user;
mod wait;
mod whole;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use environment::Environment;
use kiln_script::{PATH, Script};
use steps::Runner;
use supervise::Supervisor;

/// Could not be started, as shells say it (POSIX `sh`, exit status).
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;
/// A step failed, or the script is not readable.
const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Why the container ends before its program does.
#[derive(Debug)]
enum Stop {
    /// Something failed; the message is for people.
    Failed(String),
    /// A signal asked for it.
    Signal(i32),
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self::Failed(message)
    }
}

/// A message in the container's log.
fn say(message: &str) {
    use std::io::Write;
    // Nobody is left to hear that this fails.
    let _ = writeln!(std::io::stderr(), "kiln-start: {message}");
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let called = Path::new(&name).file_name().unwrap_or_default();
    if called == "sh" || called == "-sh" {
        return gate::run(&arguments, Path::new(PATH));
    }
    ExitCode::from(start(arguments))
}

fn start(mut arguments: Vec<OsString>) -> u8 {
    if arguments.len() == 1 && arguments[0] == "--version" {
        say(concat!("version ", env!("CARGO_PKG_VERSION")));
        return 0;
    }
    if arguments.first().is_some_and(|first| first == "--") {
        arguments.remove(0);
    }
    let script = match load(Path::new(PATH)) {
        Ok(script) => script,
        Err(reason) => {
            say(&reason);
            return FAILED;
        }
    };
    let with_steps = match &script.program {
        None => true,
        Some(program) => {
            let option = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
            if arguments.first().is_none_or(option) {
                arguments.insert(0, program.into());
            }
            let first = Path::new(&arguments[0]).file_name();
            first == Path::new(program).file_name()
        }
    };
    if arguments.is_empty() {
        say("there is no program to start: give one after `--`");
        return USAGE;
    }
    let mut supervisor = match Supervisor::new() {
        Ok(supervisor) => supervisor,
        Err(error) => {
            say(&format!("signals cannot be caught: {error}"));
            return FAILED;
        }
    };
    let mut environment = Environment::of_process();
    if with_steps {
        let mut runner = Runner::new(&mut supervisor, &mut environment);
        match runner.run(&script.steps) {
            // The steps may have done their last before they saw that somebody wants the end.
            Ok(()) => {
                if let Some(signal) = supervisor.asked_to_stop() {
                    return stopped(signal);
                }
            }
            Err(Stop::Failed(message)) => {
                say(&message);
                return FAILED;
            }
            Err(Stop::Signal(signal)) => return stopped(signal),
        }
    }
    match supervisor.start_program(&arguments, &environment) {
        Ok(status) => status,
        Err(error) => {
            let program = arguments[0].to_string_lossy();
            say(&format!("`{program}` cannot be started: {error}"));
            match error.kind() {
                std::io::ErrorKind::NotFound => NOT_FOUND,
                _ => NOT_EXECUTABLE,
            }
        }
    }
}

fn stopped(signal: i32) -> u8 {
    say(&format!(
        "stopped by signal {signal} before the program started"
    ));
    code_of_signal(signal)
}

fn code_of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(FAILED)
}

/// The image's script; an empty one where it has none.
fn load(path: &Path) -> Result<Script, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Script::default()),
        Err(error) => return Err(format!("`{}` cannot be read: {error}", path.display())),
    };
    Script::from_text(&text).map_err(|error| format!("`{}`: {error}", path.display()))
}
