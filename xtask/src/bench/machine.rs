//! What was measured, and on what: without the name of the machine.

use std::path::Path;
use std::process::Command;

/// A machine, a day and a kiln.
pub(crate) struct Machine {
    pub(crate) processor: String,
    /// How many threads the measured programs may use.
    pub(crate) threads: usize,
    /// GiB.
    pub(crate) memory: f64,
    pub(crate) system: String,
    pub(crate) date: String,
    pub(crate) commit: String,
    /// Processes that wanted to run in the minute before, on average.
    pub(crate) load: String,
}

/// Describes this machine; what cannot be found out is called unknown.
pub(crate) fn describe(root: &Path) -> Machine {
    let cpu = read("/proc/cpuinfo");
    let processor = field(&cpu, "model name").unwrap_or("unknown processor");
    let memory = read("/proc/meminfo");
    let kibibytes: f64 = field(&memory, "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(f64::NAN);
    let release = read("/etc/os-release");
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or("unknown system");
    let kernel = said(Command::new("uname").args(["-s", "-r", "-m"]));
    let mut commit =
        said(
            Command::new("git")
                .current_dir(root)
                .args(["rev-parse", "--short=12", "HEAD"]),
        );
    let changes = said(Command::new("git").current_dir(root).args([
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "crates",
        "Cargo.lock",
    ]));
    if changes != "unknown" && !changes.is_empty() {
        commit.push_str(" with local changes");
    }
    Machine {
        processor: processor.to_owned(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        memory: kibibytes / f64::from(1 << 20),
        system: format!("{}, {kernel}", name.trim_matches('"')),
        date: said(Command::new("date").args(["-u", "+%F"])),
        commit,
        load: read("/proc/loadavg")
            .split(' ')
            .next()
            .unwrap_or("unknown")
            .to_owned(),
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first `NAME: VALUE`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn said(command: &mut Command) -> String {
    match command.output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn finds_a_field_by_its_whole_name() {
        let text = "model\t\t: 7\nmodel name\t: Fast: one\n";
        assert_eq!(field(text, "model name"), Some("Fast: one"));
        assert_eq!(field(text, "name"), None);
    }
}
