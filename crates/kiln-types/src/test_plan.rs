//! The declared tests of an image, evaluated: what to run, what to send, and what must come back.
//! Whatever runs them needs nothing but this and the built image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::RelativePath;

/// A declared test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPlan {
    /// Its name.
    pub name: String,
    /// What it does.
    pub probe: TestProbe,
    /// What a command is expected to do; of no meaning for [`TestProbe::Steps`], whose steps have
    /// their own.
    #[serde(default)]
    pub expectation: TestExpectation,
    /// Variables to set in the container.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Files to mount into the container, read-only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<TestFile>,
    /// The time it may take, in seconds, where stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u32>,
}

/// What a test does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestProbe {
    /// Runs a command in place of the entrypoint, in a container of its own.
    Run(Vec<String>),
    /// Runs the entrypoint with these arguments to its end, in a container of its own.
    Arguments(Vec<String>),
    /// Starts the image and does this, step by step.
    Steps {
        /// Arguments in place of the image's own.
        arguments: Option<Vec<String>>,
        /// What happens.
        steps: Vec<TestStep>,
    },
}

/// A step of a test with the image running. What asks for something is asked again until the
/// answer is as expected or the time is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestStep {
    /// An HTTP request.
    Http(HttpStep),
    /// A connection.
    Tcp(TcpStep),
    /// Runs a command in the running container.
    Run {
        /// Program and arguments.
        command: Vec<String>,
        /// What it is expected to do.
        expectation: TestExpectation,
    },
    /// The log of the container holds this.
    Log(TextExpectation),
    /// Stops the container with its stop signal and starts it again: what it must keep it keeps.
    Restart,
    /// Ends it.
    Stop(StopStep),
}

/// An HTTP request and what is expected of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpStep {
    /// The URL, with `localhost` for the container.
    pub url: String,
    /// The method; `GET` unless stated.
    pub method: Option<String>,
    /// Header fields to send.
    pub headers: BTreeMap<String, String>,
    /// The body to send.
    pub body: Option<String>,
    /// The expected status; 200 unless stated.
    pub status: Option<u16>,
    /// What the body must hold.
    pub text: TextExpectation,
    /// What header fields of the answer must hold, by name.
    pub response_headers: BTreeMap<String, String>,
}

/// A connection, what to send and what is expected to come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpStep {
    /// The port in the container.
    pub port: u16,
    /// What to send.
    pub send: Option<String>,
    /// What must come.
    pub text: TextExpectation,
}

/// How the container is ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopStep {
    /// The signal; the image's stop signal unless stated.
    pub signal: Option<String>,
    /// The seconds that it may take; 20 unless stated.
    pub within: Option<u32>,
    /// The expected exit code; 0 unless stated.
    pub code: Option<i32>,
}

/// What a text must hold: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextExpectation {
    /// Texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// Regular expressions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<String>,
}

impl TextExpectation {
    /// Whether nothing is expected.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.contains.is_empty() && self.matches.is_empty()
    }
}

/// What a command is expected to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestExpectation {
    /// The exit code; 0 unless stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// What it must write, to wherever.
    #[serde(default, skip_serializing_if = "TextExpectation::is_empty")]
    pub output: TextExpectation,
    /// What it must write to standard output.
    #[serde(default, skip_serializing_if = "TextExpectation::is_empty")]
    pub stdout: TextExpectation,
    /// What it must write to standard error.
    #[serde(default, skip_serializing_if = "TextExpectation::is_empty")]
    pub stderr: TextExpectation,
    /// The command must not succeed (nor be found).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_fail: bool,
}

/// A file that a test mounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestFile {
    /// Where.
    pub path: RelativePath,
    /// Its content.
    #[serde(with = "crate::plan::content")]
    pub content: Vec<u8>,
}

impl TestPlan {
    /// The commands that the image must hold for this test: those that it runs in place of the
    /// entrypoint or beside it, unless they must fail.
    pub fn commands(&self) -> impl Iterator<Item = &[String]> {
        let (one, steps): (Option<&[String]>, &[TestStep]) = match &self.probe {
            TestProbe::Run(command) if !self.expectation.must_fail => (Some(command), &[]),
            TestProbe::Run(_) | TestProbe::Arguments(_) => (None, &[]),
            TestProbe::Steps { steps, .. } => (None, steps),
        };
        one.into_iter()
            .chain(steps.iter().filter_map(|step| match step {
                TestStep::Run {
                    command,
                    expectation,
                } if !expectation.must_fail => Some(command.as_slice()),
                _ => None,
            }))
    }
}
