//! The language of start scripts: what happens in a container before its program starts.
//!
//! kiln writes a script from the `start:` of a definition into the image, at [`PATH`]; the start
//! program (`kiln-start`) reads and runs it there. Both use this crate, so they cannot disagree. It
//! depends on nothing, because the start program is built by itself for every architecture.
//!
//! # The format
//!
//! Text in UTF-8, one statement a line, words apart by one space. A word stands bare, or in double
//! quotes with `\"`, `\\`, `\n`, `\t` and `\r`; it holds no other control characters. Blocks end
//! with `end`. The first line is `kiln-start 1`.
//!
//! ```text
//! kiln-start 1
//! program postgres
//! gate o "locale -a >/dev/null" locale -a
//! default PGDATA /var/lib/postgresql/data
//! when !POSTGRES_PASSWORD POSTGRES_HOST_AUTH_METHOD!=trust
//! refuse "set POSTGRES_PASSWORD"
//! once ${PGDATA}/PG_VERSION
//! run initdb --username=${POSTGRES_USER}
//! end
//! ```
//!
//! Words are templates where [`Action`] says so: `${NAME}` is a variable, `${NAME:-text}` has a
//! default, `$${` is a literal `${`. There is no other expansion, and nothing is split into words.

mod condition;
mod gate;
mod read;
mod template;
mod write;

pub use condition::{Condition, Test};
pub use read::ScriptError;
pub use template::{Template, TemplateError};

/// Where the script is in an image.
pub const PATH: &str = "/usr/lib/kiln-start/script";

/// Where the start program looks for programs when no `PATH` says so, and the command gate always.
pub const PROGRAMS: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// The version of the format.
pub const FORMAT: u32 = 1;

/// What a start program does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The program that the steps are for. Arguments that begin with `-` are given to it; steps do
    /// not run for another program. Absent: the steps run whatever starts.
    pub program: Option<String>,
    /// The commands that `/bin/sh` runs; without any there is no `/bin/sh`.
    pub gate: Vec<GateCommand>,
    /// What happens before the program starts, in order.
    pub steps: Vec<Step>,
}

/// A command line that the command gate runs when it is asked for exactly this text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateCommand {
    /// The text behind `sh -c`.
    pub text: String,
    /// Where the standard streams lead.
    pub streams: Streams,
    /// The program and its arguments.
    pub arguments: Vec<String>,
}

/// Redirections of a gate's command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// Standard input is `/dev/null`.
    pub input_null: bool,
    /// Standard output is `/dev/null`.
    pub output_null: bool,
    /// Standard error is `/dev/null`.
    pub error_null: bool,
    /// Standard error is what standard output is.
    pub error_to_output: bool,
}

/// A step, and when it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// All must hold.
    pub when: Vec<Condition>,
    /// What is done.
    pub action: Action,
}

/// What a step does. Fields are templates unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Gives a variable a value where it has none or an empty one.
    Default {
        /// The variable's name, as it stands.
        name: String,
        /// The value.
        value: String,
    },
    /// Reads the file that `NAME_FILE` names into `NAME`; both given is an error.
    Secret {
        /// The variable's name, as it stands.
        name: String,
    },
    /// Takes a variable away from everything that starts later.
    Unset {
        /// The variable's name, as it stands.
        name: String,
    },
    /// Ends the container with a message.
    Refuse {
        /// The message.
        message: String,
    },
    /// Makes sure that a directory is there and can be written.
    Writable {
        /// The directory.
        path: String,
        /// The mode of a directory that is made.
        mode: u32,
        /// It must also belong to the uid that runs.
        own: bool,
        /// What to do, for people, where it is not so.
        note: String,
    },
    /// Waits until something accepts TCP connections.
    WaitTcp {
        /// `host:port`.
        address: String,
        /// In seconds, as it stands.
        timeout: u32,
    },
    /// Waits until an HTTP server answers with a status.
    WaitHttp {
        /// `http://host[:port]/path`.
        url: String,
        /// The status, as it stands.
        status: u16,
        /// In seconds, as it stands.
        timeout: u32,
    },
    /// Waits until a command succeeds.
    WaitRun {
        /// The command.
        command: Vec<String>,
        /// In seconds, as it stands.
        timeout: u32,
    },
    /// Writes a file, or adds to its end.
    File {
        /// The file.
        path: String,
        /// The mode of a file that is made.
        mode: u32,
        /// Add to the end.
        append: bool,
        /// What is written.
        content: String,
    },
    /// Removes a file, if it is there.
    Remove {
        /// The file.
        path: String,
    },
    /// Fills a template file from the environment. Where `from` is a directory, each of its files
    /// `NAME.template` becomes `NAME` in the directory `to`.
    Fill {
        /// The template, or a directory of them. A directory that is not there is empty.
        from: String,
        /// The file, or directory.
        to: String,
        /// The mode of files that are made.
        mode: u32,
        /// Leave `${NAME}` as it is where there is no such variable; an error otherwise.
        keep_unknown: bool,
    },
    /// Runs a command, which must succeed.
    Run {
        /// The command.
        command: Vec<String>,
        /// The variable (its name, as it stands) whose words are further arguments, apart by blanks
        /// and with `'` and `"` as quotes.
        words: Option<String>,
        /// What it reads from its standard input; `/dev/null` where absent.
        input: Option<String>,
    },
    /// Does steps where a path is not there.
    Once {
        /// The path.
        path: String,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Fills a directory as a whole: the steps fill a new one inside it, whose path is `${FOLDER}`,
    /// and only when all of them succeeded does what is in it move to its place. What an interrupted
    /// attempt left is removed before the next.
    Whole {
        /// The directory.
        path: String,
        /// The name, as it stands, of what moves last: where it is in the directory, the steps are
        /// not done.
        last: String,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Runs a server while steps are done, and stops it.
    Serve {
        /// The command.
        command: Vec<String>,
        /// The signal that stops it, by number.
        signal: u32,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Does steps for each file of a directory, by name; `${FILE}` is its path. A directory that is
    /// not there is empty; what no case fits is passed over with a note, what one without steps fits
    /// without.
    Each {
        /// The directory.
        folder: String,
        /// The first case that fits is taken.
        cases: Vec<Case>,
    },
    /// Where it runs as root: this and everything that starts later runs as another user.
    User {
        /// The user's name in `/etc/passwd`, as it stands.
        name: String,
    },
    /// Where the uid that runs has no name: writes a passwd and a group file with one into a
    /// directory and has the following commands look there, by means of nss_wrapper(1). The program
    /// itself is started without it.
    Account {
        /// The user's name.
        name: String,
        /// The user's home.
        home: String,
        /// The directory.
        folder: String,
        /// The library `libnss_wrapper.so`.
        library: String,
    },
}

/// What is done with files whose names end alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// How the name ends, as it stands; empty fits all.
    pub suffix: String,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Action {
    /// The steps inside, in groups.
    #[must_use]
    pub fn inner(&self) -> Vec<&[Step]> {
        match self {
            Self::Once { steps, .. } | Self::Whole { steps, .. } | Self::Serve { steps, .. } => {
                vec![steps]
            }
            Self::Each { cases, .. } => cases.iter().map(|case| case.steps.as_slice()).collect(),
            _ => Vec::new(),
        }
    }

    /// Shows every template in it, inner steps and their conditions included.
    pub fn each_template(&mut self, show: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Default { value, .. } => show(value),
            Self::Secret { .. } | Self::Unset { .. } | Self::User { .. } => {}
            Self::Refuse { message } => show(message),
            Self::Writable { path, note, .. } => [path, note].into_iter().for_each(show),
            Self::WaitTcp { address, .. } => show(address),
            Self::WaitHttp { url, .. } => show(url),
            Self::WaitRun { command, .. } => command.iter_mut().for_each(show),
            Self::File { path, content, .. } => [path, content].into_iter().for_each(show),
            Self::Remove { path } => show(path),
            Self::Fill { from, to, .. } => [from, to].into_iter().for_each(show),
            Self::Run { command, input, .. } => command.iter_mut().chain(input).for_each(show),
            Self::Once { path, steps } | Self::Whole { path, steps, .. } => {
                show(path);
                steps.iter_mut().for_each(|step| step.each_template(show));
            }
            Self::Serve { command, steps, .. } => {
                command.iter_mut().for_each(&mut *show);
                steps.iter_mut().for_each(|step| step.each_template(show));
            }
            Self::Each { folder, cases } => {
                show(folder);
                let steps = cases.iter_mut().flat_map(|case| &mut case.steps);
                steps.for_each(|step| step.each_template(show));
            }
            Self::Account {
                home,
                folder,
                library,
                ..
            } => [home, folder, library].into_iter().for_each(show),
        }
    }

    /// What it does, in a few words for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        let program = |command: &[String]| command.first().cloned().unwrap_or_default();
        match self {
            Self::Default { name, .. } => format!("default of {name}"),
            Self::Secret { name } => format!("secret {name}"),
            Self::Unset { name } => format!("unset {name}"),
            Self::Refuse { .. } => "refuse".to_owned(),
            Self::Writable { path, .. } => format!("writable {path}"),
            Self::WaitTcp { address, .. } => format!("wait for tcp {address}"),
            Self::WaitHttp { url, .. } => format!("wait for {url}"),
            Self::WaitRun { command, .. } => format!("wait for {}", program(command)),
            Self::File { path, .. } => format!("file {path}"),
            Self::Remove { path } => format!("remove {path}"),
            Self::Fill { from, .. } => format!("fill {from}"),
            Self::Run { command, .. } => format!("run {}", program(command)),
            Self::Once { path, .. } => format!("once {path}"),
            Self::Whole { path, .. } => format!("whole {path}"),
            Self::Serve { command, .. } => format!("serve {}", program(command)),
            Self::Each { folder, .. } => format!("each of {folder}"),
            Self::User { name } => format!("user {name}"),
            Self::Account { name, .. } => format!("account {name}"),
        }
    }
}

impl Step {
    /// Shows every template in it: see [`Action::each_template`].
    pub fn each_template(&mut self, show: &mut dyn FnMut(&mut String)) {
        for condition in &mut self.when {
            match &mut condition.test {
                Test::Set(_) => {}
                Test::Equals(_, text) | Test::Exists(text) => show(text),
            }
        }
        self.action.each_template(show);
    }
}

impl Script {
    /// The programs that steps and gate start, as they are written, sorted.
    #[must_use]
    pub fn programs(&self) -> Vec<String> {
        let mut programs: Vec<String> = self
            .gate
            .iter()
            .filter_map(|command| command.arguments.first().cloned())
            .collect();
        collect_programs(&self.steps, &mut programs);
        programs.sort();
        programs.dedup();
        programs
    }

    /// The script as text.
    #[must_use]
    pub fn to_text(&self) -> String {
        write::script(self)
    }

    /// Reads a script.
    ///
    /// # Errors
    /// The first line that is not as it must be.
    pub fn from_text(text: &str) -> Result<Self, ScriptError> {
        read::script(text)
    }
}

fn collect_programs(steps: &[Step], programs: &mut Vec<String>) {
    for step in steps {
        match &step.action {
            Action::Run { command, .. }
            | Action::WaitRun { command, .. }
            | Action::Serve { command, .. } => programs.extend(command.first().cloned()),
            // A library, but it must be there for the same reason.
            Action::Account { library, .. } => programs.push(library.clone()),
            _ => {}
        }
        for inner in step.action.inner() {
            collect_programs(inner, programs);
        }
    }
}
