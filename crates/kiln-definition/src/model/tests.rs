//! Declared tests as written.

use super::{Only, Pair};
use crate::span::Spanned;

/// What a test does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeEntry {
    /// Runs a command in place of the entrypoint.
    Run(Vec<Spanned<String>>),
    /// Runs the entrypoint with these arguments.
    Arguments(Vec<Spanned<String>>),
    /// Starts the image and does these steps.
    Steps {
        /// Arguments in place of the image's own.
        arguments: Option<Vec<Spanned<String>>>,
        /// What happens.
        steps: Vec<StepEntry>,
    },
}

/// A step of a test with the image running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepEntry {
    /// An HTTP request.
    Http(Box<HttpEntry>),
    /// A connection.
    Tcp {
        /// The port in the container.
        port: Spanned<String>,
        /// What to send.
        send: Option<Spanned<String>>,
        /// What must come.
        text: TextEntry,
    },
    /// A command in the running container.
    Run(Vec<Spanned<String>>, Box<ExpectationEntry>),
    /// What the log must hold.
    Log(TextEntry),
    /// Stop and start.
    Restart,
    /// The end.
    Stop {
        /// The signal.
        signal: Option<Spanned<String>>,
        /// The seconds that it may take.
        within: Option<Spanned<u32>>,
        /// The expected exit code.
        code: Option<Spanned<i32>>,
    },
}

/// An HTTP request and what is expected of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpEntry {
    /// The URL.
    pub url: Spanned<String>,
    /// The method.
    pub method: Option<Spanned<String>>,
    /// Header fields to send.
    pub headers: Vec<Pair>,
    /// The body to send.
    pub body: Option<Spanned<String>>,
    /// The expected status.
    pub status: Option<Spanned<u16>>,
    /// What the body must hold.
    pub text: TextEntry,
    /// What header fields of the answer must hold.
    pub response_headers: Vec<Pair>,
}

/// What a text must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextEntry {
    /// Texts.
    pub contains: Vec<Spanned<String>>,
    /// Regular expressions.
    pub matches: Vec<Spanned<String>>,
}

/// What a command is expected to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectationEntry {
    /// The exit code.
    pub code: Option<Spanned<i32>>,
    /// It must not succeed.
    pub must_fail: bool,
    /// What it must write, to wherever.
    pub output: TextEntry,
    /// What it must write to standard output.
    pub stdout: TextEntry,
    /// What it must write to standard error.
    pub stderr: TextEntry,
}

/// A file that a test mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFileEntry {
    /// Where.
    pub path: Spanned<String>,
    /// What is in it.
    pub content: TestFileContent,
}

/// What is in a file that a test mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestFileContent {
    /// This text.
    Text(Spanned<String>),
    /// The content of a file beside the definition.
    Source(Spanned<String>),
}

/// A declared test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestEntry {
    /// Its name.
    pub name: Spanned<String>,
    /// What it does.
    pub probe: ProbeEntry,
    /// What a command is expected to do.
    pub expectation: ExpectationEntry,
    /// Variables to set in the container.
    pub environment: Vec<Pair>,
    /// Files to mount.
    pub files: Vec<TestFileEntry>,
    /// The seconds that it may take.
    pub timeout: Option<Spanned<u32>>,
    /// When it applies.
    pub only: Only,
}
