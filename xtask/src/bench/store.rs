//! kiln, and a store that is made cold.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::measure::{self, FORMAT, Spent};

/// Records of what is made from packages: without them, and without their blobs, a store holds
/// packages and indexes and nothing else.
const MADE: [&str; 4] = ["fragment", "layer", "image", "name"];

/// A kiln with a store of its own.
pub(crate) struct Kiln {
    program: PathBuf,
    work: PathBuf,
    store: PathBuf,
}

impl Kiln {
    pub(crate) fn new(root: &Path, work: &Path) -> Self {
        Self {
            program: root.join("target/release/kiln"),
            work: work.to_owned(),
            store: work.join("store"),
        }
    }

    /// The folder for everything that measuring leaves behind.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// A command on this store, with the settings of the machine for mirrors and no others.
    fn prepared(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.work)
            .env("KILN_HOME", &self.store)
            .env_remove("KILN_JOBS");
        command
    }

    /// Runs kiln, unmeasured.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let mut command = self.prepared(&self.program);
        let status = command
            .args(arguments)
            .stdout(Stdio::null())
            .status()
            .map_err(|error| format!("cannot start kiln: {error}"))?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("{command:?} failed: {status}"))
        }
    }

    /// What kiln answers with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value, String> {
        measure::output(self.prepared(&self.program).args(arguments).arg("--json"))
    }

    /// Milliseconds of a whole process.
    pub(crate) fn timed(&self, arguments: &[&str]) -> Result<f64, String> {
        measure::wall(self.prepared(&self.program).args(arguments))
    }

    /// Time and memory of a whole process.
    pub(crate) fn measured(&self, arguments: &[&str]) -> Result<Spent, String> {
        let record = self.work.join("time.txt");
        let mut command = self.prepared(Path::new("/usr/bin/time"));
        command
            .args(["-f", FORMAT, "-o"])
            .arg(&record)
            .arg(&self.program)
            .args(arguments);
        measure::spent(&mut command, &record)
    }

    /// Forgets all records of these kinds.
    pub(crate) fn forget(&self, kinds: &[&str]) -> Result<(), String> {
        for kind in kinds {
            match fs::remove_dir_all(self.store.join("records").join(kind)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("cannot remove records of kind `{kind}`: {error}"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Leaves packages and indexes in the store, and nothing that was made from them: the records of
    /// fragments, layers and images go, and then every blob that no record names any more.
    pub(crate) fn make_cold(&self) -> Result<(), String> {
        self.forget(&MADE)?;
        let fail = |error: std::io::Error| format!("cannot make the store cold: {error}");
        let mut named: BTreeSet<String> = BTreeSet::new();
        for kind in fs::read_dir(self.store.join("records")).map_err(fail)? {
            for record in fs::read_dir(kind.map_err(fail)?.path()).map_err(fail)? {
                let bytes = fs::read(record.map_err(fail)?.path()).map_err(fail)?;
                named.extend(digests(&bytes));
            }
        }
        for blob in fs::read_dir(self.store.join("blobs/sha256")).map_err(fail)? {
            let blob = blob.map_err(fail)?;
            if !named.contains(&*blob.file_name().to_string_lossy()) {
                fs::remove_file(blob.path()).map_err(fail)?;
            }
        }
        Ok(())
    }

    /// Puts a file among the blobs, where kiln finds it by its digest, and says its digest.
    pub(crate) fn put(&self, file: &Path) -> Result<String, String> {
        let fail = |error: std::io::Error| format!("cannot keep `{}`: {error}", file.display());
        let output = Command::new("sha256sum")
            .arg(file)
            .output()
            .map_err(|error| format!("cannot start sha256sum: {error}"))?;
        let hex: String = String::from_utf8_lossy(&output.stdout)
            .chars()
            .take(64)
            .collect();
        let blob = self.store.join("blobs/sha256").join(&hex);
        fs::copy(file, &blob).map_err(fail)?;
        Ok(hex)
    }
}

/// Everything in a text that may be a digest: 64 hex digits in a row.
fn digests(bytes: &[u8]) -> impl Iterator<Item = String> {
    bytes
        .split(|byte| !byte.is_ascii_hexdigit())
        .filter(|run| run.len() == 64)
        .map(|run| String::from_utf8_lossy(run).into_owned())
}

#[cfg(test)]
mod tests {
    use super::digests;

    #[test]
    fn digests_are_64_hex_digits_in_a_row() {
        let one = "ab".repeat(32);
        let text = format!("\"blob:{one}:12\" {one}0 sha256:{}", "c".repeat(63));
        assert_eq!(digests(text.as_bytes()).collect::<Vec<_>>(), [one]);
    }
}
