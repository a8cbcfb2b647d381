//! A hermetic environment in which the binary runs: a folder of its own for everything, no
//! variable of the machine, a clock that stands still.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kiln_types::Timestamp;

/// A folder, variables, and the binary that runs among them.
///
/// Below [`Environment::folder`] stand `home` (`HOME`), `store` (`KILN_HOME`), `work` (the
/// directory commands run in) and `apt` (an empty configuration of apt, `KILN_APT_DIR`).
#[derive(Debug)]
pub struct Environment {
    folder: tempfile::TempDir,
    binary: PathBuf,
    variables: BTreeMap<String, String>,
    names: Vec<(String, String)>,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The command, for people.
    pub command: String,
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output, with paths and times made the same everywhere.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Standard output as it was.
    pub raw_stdout: Vec<u8>,
}

impl Environment {
    /// The variable by which the present time is fixed (RFC 3339).
    pub const NOW: &'static str = "KILN_NOW";
    /// The variable that names another folder than `/etc/apt`.
    pub const APT: &'static str = "KILN_APT_DIR";
    /// The present time unless [`Environment::at`] says another: 2026-11-22T00:00:00Z, a day after
    /// the date of test repositories.
    pub const PRESENT: Timestamp = Timestamp::from_unix(1_795_305_600);

    /// A fresh environment for this binary: `Environment::new(env!("CARGO_BIN_EXE_kiln"))`.
    ///
    /// # Panics
    /// When its folder cannot be made.
    #[must_use]
    pub fn new(binary: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("kiln-test-")
            .tempdir()
            .expect("a temporary folder can be made");
        let mut variables = BTreeMap::new();
        let mut names = Vec::new();
        for (name, variable) in [
            ("home", Some("HOME")),
            ("store", Some("KILN_HOME")),
            ("work", None),
            ("apt", Some(Self::APT)),
        ] {
            let path = folder.path().join(name);
            fs::create_dir(&path).expect("the folder is new");
            let text = path.display().to_string();
            if let Some(variable) = variable {
                variables.insert(variable.to_owned(), text.clone());
            }
            names.push((text, format!("[{}]", name.to_uppercase())));
        }
        names.push((folder.path().display().to_string(), "[FOLDER]".to_owned()));
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
            ("NO_COLOR", "1"),
            ("COLUMNS", "100"),
            ("RUST_BACKTRACE", "0"),
        ] {
            variables.insert(name.to_owned(), value.to_owned());
        }
        let this = Self {
            folder,
            binary: PathBuf::from(binary),
            variables,
            names,
        };
        this.at(Self::PRESENT)
    }

    /// At another time.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        let text = time.to_string();
        self.variable(Self::NOW, &text)
    }

    /// With a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without a variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Shows `text` (a URL with a port, a path) as `[NAME]` in outputs.
    #[must_use]
    pub fn shown_as(mut self, text: &str, name: &str) -> Self {
        self.names.insert(0, (text.to_owned(), format!("[{name}]")));
        self
    }

    /// The folder of everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `HOME`.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder().join("home")
    }

    /// `KILN_HOME`.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder().join("store")
    }

    /// The directory that commands run in.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.folder().join("work")
    }

    /// Writes a file below the directory that commands run in.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.work().join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).expect("folders can be made");
        }
        fs::write(&file, content).expect("a file can be written");
        file
    }

    /// Reads a file below the directory that commands run in.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        match fs::read_to_string(self.work().join(path)) {
            Ok(text) => text,
            Err(error) => panic!("cannot read `{path}`: {error}"),
        }
    }

    /// The command, ready to start, for tests that want more than [`Environment::run`].
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.work())
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary with these arguments and waits for it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Run {
        let output = match self.command(arguments).output() {
            Ok(output) => output,
            Err(error) => panic!("cannot start `{}`: {error}", self.binary.display()),
        };
        Run {
            command: self.normalised(&format!("kiln {}", arguments.join(" "))),
            code: output.status.code(),
            stdout: self.normalised(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.normalised(&String::from_utf8_lossy(&output.stderr)),
            raw_stdout: output.stdout,
        }
    }

    /// `text` with the folders of this environment as `[HOME]`, `[STORE]`, `[WORK]`, `[APT]` and
    /// elapsed times as `[TIME]`.
    #[must_use]
    pub fn normalised(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.names {
            text = text.replace(from, to);
        }
        without_times(&text)
    }
}

impl Run {
    /// Standard output of a command that must succeed.
    ///
    /// # Panics
    /// When it did not.
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self}");
        self.stdout
    }

    /// Standard error of a command that must end with this code.
    ///
    /// # Panics
    /// When it ended with another.
    pub fn failure(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self}");
        self.stderr
    }
}

impl fmt::Display for Run {
    /// For snapshots: command, code, and both outputs where they are not empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}", self.command)?;
        match self.code {
            Some(code) => writeln!(f, "[exit {code}]")?,
            None => writeln!(f, "[ended by a signal]")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(f, "[{name}]")?;
                f.write_str(text)?;
                if !text.ends_with('\n') {
                    writeln!(f)?;
                }
            }
        }
        Ok(())
    }
}

/// Elapsed times (`1.2 s`, `340 ms`, `2m 3s`) as `[TIME]`.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut in_word = false;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() && !in_word {
            time_length(rest)
        } else {
            None
        };
        if let Some(length) = length {
            out.push_str("[TIME]");
            rest = &rest[length..];
            in_word = false;
        } else {
            out.push(first);
            in_word = first.is_alphanumeric() || matches!(first, '.' | '-' | '_' | ':');
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The length of the elapsed time that begins here: a number, perhaps a space, a unit.
fn time_length(text: &str) -> Option<usize> {
    let number = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let rest = &text[number..];
    let space = usize::from(rest.starts_with(' '));
    let unit = ["ms", "µs", "s"]
        .iter()
        .find(|unit| rest[space..].starts_with(**unit))?;
    let after = rest[space + unit.len()..].chars().next();
    let ends = after.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_' | '/'));
    ends.then_some(number + space + unit.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_times_are_the_same_everywhere_and_nothing_else_changes() {
        for (text, expected) in [
            ("built in 1.2 s, 3 packages", "built in [TIME], 3 packages"),
            ("340ms.", "[TIME]."),
            (
                "1.26.3-3 sha256:12s 12 static 5 s-files",
                "1.26.3-3 sha256:12s 12 static 5 s-files",
            ),
        ] {
            assert_eq!(without_times(text), expected);
        }
    }

    #[test]
    fn nothing_of_the_machine_gets_in() {
        let environment = Environment::new("/usr/bin/env");
        let run = environment.run(&[]);
        let names: Vec<&str> = run
            .stdout
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .collect();
        assert_eq!(
            names,
            [
                "COLUMNS",
                "HOME",
                "KILN_APT_DIR",
                "KILN_HOME",
                "KILN_NOW",
                "LC_ALL",
                "NO_COLOR",
                "PATH",
                "RUST_BACKTRACE",
                "TZ"
            ]
        );
        assert!(run.stdout.contains("HOME=[HOME]\n"), "{run}");
        assert!(
            run.stdout.contains("KILN_NOW=2026-11-22T00:00:00Z\n"),
            "{run}"
        );
    }
}
