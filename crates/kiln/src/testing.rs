//! Declared tests against a built image in the local container engine.
//!
//! A container may do nothing but what its definition declares: the root file system is read-only,
//! only the declared paths are writable, there are no capabilities and no new privileges. Variants
//! that run as root are for building and keep what root has.

mod client;
pub(crate) mod report;
mod steps;

pub(crate) use client::Engine;

use std::path::Path;
use std::time::{Duration, Instant};

use kiln_types::{Plan, Platform, TestExpectation, TestPlan, TestProbe, TextExpectation};

use crate::engine::native;
use crate::run_settings::{runs_as_root, writable};
use client::Finished;

/// What a command or step may take, unless the test says something else.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much longer programs may take that another processor's emulator runs.
const EMULATED: u32 = 4;

/// Under which settings the tests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// As the definition declares.
    Declared,
    /// The same as an arbitrary user with group 0 (OpenShift), with limits on memory and processes.
    Strict,
}

impl Strictness {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Strict => "strict",
        }
    }
}

/// How one test came out.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Its name.
    pub(crate) name: String,
    /// How long it took.
    pub(crate) time: Duration,
    /// Why it failed.
    pub(crate) failure: Option<String>,
}

/// An image in the engine, to be tested.
pub(crate) struct Subject<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) plan: &'a Plan,
    /// Its name in the engine.
    pub(crate) reference: &'a str,
    pub(crate) strictness: Strictness,
    /// A folder for files that tests mount.
    pub(crate) folder: &'a Path,
}

impl Subject<'_> {
    /// Runs one test.
    pub(crate) fn run(&self, test: &TestPlan) -> Outcome {
        let started = Instant::now();
        let result = self.mounts(test).and_then(|mounts| match &test.probe {
            TestProbe::Run(command) => self.command(test, Some(command), &[], &mounts),
            TestProbe::Arguments(arguments) => self.command(test, None, arguments, &mounts),
            TestProbe::Steps { arguments, steps } => {
                steps::run(self, test, arguments.as_deref(), steps, &mounts)
            }
        });
        Outcome {
            name: test.name.clone(),
            time: started.elapsed(),
            failure: result.err(),
        }
    }

    /// How long a command or step of this test may take.
    fn patience(&self, test: &TestPlan) -> Duration {
        let stated = test
            .timeout
            .map_or(PATIENCE, |seconds| Duration::from_secs(seconds.into()));
        let emulated = native().is_some_and(|native: Platform| native != self.plan.platform);
        stated * if emulated { EMULATED } else { 1 }
    }

    /// A command in a container of its own, without network.
    fn command(
        &self,
        test: &TestPlan,
        command: Option<&[String]>,
        arguments: &[String],
        mounts: &[String],
    ) -> Result<(), String> {
        let container = self.engine.reserve();
        let mut words = vec![
            "run".to_owned(),
            "--name".to_owned(),
            container.name().to_owned(),
            "--network".to_owned(),
            "none".to_owned(),
        ];
        words.extend(self.flags(test));
        words.extend_from_slice(mounts);
        let mut rest = arguments;
        if let Some((program, after)) = command.and_then(<[String]>::split_first) {
            words.extend(["--entrypoint".to_owned(), program.clone()]);
            rest = after;
        }
        words.push(self.reference.to_owned());
        words.extend_from_slice(rest);
        let patience = self.patience(test);
        match self.engine.within(&words, patience)? {
            None => Err(format!("it did not end within {} s", patience.as_secs())),
            // The engine itself failed; 126 and 127 are about the program.
            Some(finished) if finished.code == 125 => Err(format!(
                "the engine cannot run it: {}",
                finished.stderr.trim()
            )),
            Some(finished) => judge(&test.expectation, &finished),
        }
    }

    /// What the container may do, and its variables.
    fn flags(&self, test: &TestPlan) -> Vec<String> {
        let mut flags = vec!["--platform".to_owned(), self.plan.platform.to_string()];
        for (name, value) in &test.environment {
            flags.extend(["--env".to_owned(), format!("{name}={value}")]);
        }
        if runs_as_root(self.plan) {
            return flags;
        }
        let restrictions = [
            "--read-only",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
        ];
        flags.extend(restrictions.map(str::to_owned));
        for path in writable(self.plan) {
            let (place, uid, gid, mode) = (path.path, path.uid, path.gid, path.mode);
            flags.extend(if path.volume {
                ["--volume".to_owned(), place]
            } else {
                [
                    "--tmpfs".to_owned(),
                    format!("{place}:uid={uid},gid={gid},mode={mode:o}"),
                ]
            });
        }
        if self.strictness == Strictness::Strict {
            let limits = [
                "--user",
                "1000680000:0",
                "--memory",
                "1g",
                "--pids-limit",
                "256",
            ];
            flags.extend(limits.map(str::to_owned));
        }
        flags
    }

    /// Writes the files of a test and says how to mount them.
    fn mounts(&self, test: &TestPlan) -> Result<Vec<String>, String> {
        let mut mounts = Vec::new();
        for (number, file) in test.files.iter().enumerate() {
            let place = self.folder.join(number.to_string());
            let write = || -> std::io::Result<()> {
                use std::os::unix::fs::PermissionsExt as _;
                std::fs::write(&place, &file.content)?;
                std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o644))
            };
            write().map_err(|error| format!("cannot write `{}`: {error}", place.display()))?;
            mounts.extend([
                "--volume".to_owned(),
                format!("{}:{}:ro", place.display(), file.path),
            ]);
        }
        Ok(mounts)
    }
}

/// Whether a command did what was expected.
fn judge(expectation: &TestExpectation, finished: &Finished) -> Result<(), String> {
    let all = format!("{}{}", finished.stdout, finished.stderr);
    let said = |reason: String| {
        if all.trim().is_empty() {
            format!("{reason}; it wrote nothing")
        } else {
            format!("{reason}; it wrote:\n{}", shorten(all.trim()))
        }
    };
    if expectation.must_fail {
        if finished.code == 0 {
            return Err(said("it succeeded and must fail".to_owned()));
        }
    } else {
        let wanted = expectation.code.unwrap_or(0);
        if finished.code != wanted {
            return Err(said(format!(
                "it ended with {} instead of {wanted}",
                finished.code
            )));
        }
    }
    for (what, text, expected) in [
        ("its output", &all, &expectation.output),
        ("its standard output", &finished.stdout, &expectation.stdout),
        ("its standard error", &finished.stderr, &expectation.stderr),
    ] {
        holds(what, text, expected).map_err(&said)?;
    }
    Ok(())
}

/// Whether a text holds everything that it must.
fn holds(what: &str, text: &str, expected: &TextExpectation) -> Result<(), String> {
    for part in &expected.contains {
        if !text.contains(part) {
            return Err(format!("`{part}` is not in {what}"));
        }
    }
    for expression in &expected.matches {
        let compiled = regex_lite::Regex::new(expression)
            .map_err(|error| format!("`{expression}` is not a regular expression: {error}"))?;
        if !compiled.is_match(text) {
            return Err(format!("`{expression}` matches nothing in {what}"));
        }
    }
    Ok(())
}

/// The end of a long text: what matters of a log stands there.
fn shorten(text: &str) -> String {
    const MOST: usize = 4000;
    match text.char_indices().rev().nth(MOST) {
        Some((from, _)) => format!("…{}", text.get(from..).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(code: i32, stdout: &str, stderr: &str) -> Finished {
        Finished {
            code,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        }
    }

    fn text(contains: &[&str], matches: &[&str]) -> TextExpectation {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        TextExpectation {
            contains: own(contains),
            matches: own(matches),
        }
    }

    #[test]
    fn commands_are_judged_by_code_and_by_every_stream() {
        let plain = TestExpectation::default();
        assert!(judge(&plain, &finished(0, "", "")).is_ok());
        let failed = judge(&plain, &finished(3, "out", "err")).unwrap_err();
        assert!(
            failed.contains("3 instead of 0") && failed.contains("outerr"),
            "{failed}"
        );
        let coded = TestExpectation {
            code: Some(3),
            ..TestExpectation::default()
        };
        assert!(judge(&coded, &finished(3, "", "")).is_ok());
        assert!(judge(&coded, &finished(0, "", "")).is_err());
        let failing = TestExpectation {
            must_fail: true,
            ..TestExpectation::default()
        };
        assert!(judge(&failing, &finished(127, "", "")).is_ok());
        assert!(judge(&failing, &finished(0, "", "")).is_err());
        let strict = TestExpectation {
            output: text(&["a", "b"], &["^a"]),
            stdout: text(&["a"], &[]),
            stderr: text(&[], &["^b+$"]),
            ..TestExpectation::default()
        };
        assert!(judge(&strict, &finished(0, "a", "bb")).is_ok());
        assert!(
            judge(&strict, &finished(0, "bb", "a")).is_err(),
            "the wrong streams"
        );
        assert!(judge(&strict, &finished(0, "a", "bc")).is_err(), "no match");
        assert!(
            judge(&strict, &finished(0, "a", "")).is_err(),
            "one is missing"
        );
    }

    #[test]
    fn long_logs_lose_their_beginning() {
        let text = format!("{}end", "ä".repeat(5000));
        let short = shorten(&text);
        assert!(short.starts_with('…') && short.ends_with("end") && short.len() < text.len());
        assert_eq!(shorten("short"), "short");
    }
}
