//! Times of processes, and what several of them say together.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

/// Values of one measurement, repeated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// A sample of these values; the order does not matter.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The sample of a list in JSON.
    pub(crate) fn of_json(values: &Value) -> Self {
        let values = values.as_array().into_iter().flatten();
        Self::of(values.filter_map(Value::as_f64).collect())
    }

    /// The middle value; of an even number the mean of the two in the middle.
    pub(crate) fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        let upper = self.0.get(middle).copied().unwrap_or(f64::NAN);
        if self.0.len() % 2 == 1 {
            return upper;
        }
        let lower = middle.checked_sub(1).and_then(|below| self.0.get(below));
        (lower.copied().unwrap_or(f64::NAN) + upper) / 2.0
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// Milliseconds from its start to its end.
    pub(crate) wall: f64,
    /// Milliseconds of all processors together.
    pub(crate) processor: f64,
    /// The most memory that was resident, in MiB.
    pub(crate) memory: f64,
}

/// The wall time of a process in milliseconds.
pub(crate) fn wall(command: &mut Command) -> Result<f64, String> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    let time = started.elapsed().as_secs_f64() * 1000.0;
    if status.success() {
        Ok(time)
    } else {
        Err(format!("{command:?} failed: {status}"))
    }
}

/// All that a process took, as GNU time sees it: `command` is `time -f … -o RECORD …`.
pub(crate) fn spent(command: &mut Command, record: &Path) -> Result<Spent, String> {
    let wall = wall(command)?;
    let text = std::fs::read_to_string(record)
        .map_err(|error| format!("cannot read `{}`: {error}", record.display()))?;
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    match numbers.as_slice() {
        [user, system, kibibytes] => Ok(Spent {
            wall,
            processor: (user + system) * 1000.0,
            memory: kibibytes / 1024.0,
        }),
        _ => Err(format!("GNU time said `{}`", text.trim())),
    }
}

/// What GNU time is to write: seconds of user and system, KiB at most.
pub(crate) const FORMAT: &str = "%U %S %M";

/// Runs a program and reads its answer.
pub(crate) fn json(program: &Path, arguments: &[&str]) -> Result<Value, String> {
    output(Command::new(program).args(arguments))
}

/// Runs a command and reads the JSON it prints.
pub(crate) fn output(command: &mut Command) -> Result<Value, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{command:?} printed no JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::Sample;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Sample::of(vec![9.0, 1.0, 4.0]).median(), 4.0);
        assert_eq!(Sample::of(vec![9.0, 1.0, 4.0, 2.0]).median(), 3.0);
        assert!(Sample::of(Vec::new()).median().is_nan());
    }

    #[test]
    fn the_ends_are_the_least_and_the_most() {
        let sample = Sample::of(vec![3.0, -1.0, 7.0]);
        assert_eq!(
            (sample.least(), sample.most(), sample.count()),
            (-1.0, 7.0, 3)
        );
    }
}
