//! The preferences of the system for the Java virtual machine, which java-common and the runtimes
//! make: a folder with two empty files (`java.util.prefs`).

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const PACKAGES: [&str; 3] = [
    "java-common",
    "openjdk-21-jre-headless",
    "openjdk-25-jre-headless",
];
const FOLDER: &str = "etc/.java/.systemPrefs";

/// Stands for the postinst of java-common and half of those of the runtimes.
pub(super) struct Java;

impl Emulator for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn summary(&self) -> &'static str {
        "makes the folder of Java's system preferences"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("java-common", "postinst"),
            ("openjdk-21-jre-headless", "postinst"),
            ("openjdk-25-jre-headless", "postinst"),
        ]
    }

    fn serves(&self) -> &'static [&'static str] {
        &PACKAGES
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if PACKAGES.iter().any(|name| tree.has_package(name)) {
            for name in [".system.lock", ".systemRootModFile"] {
                let path = format!("{FOLDER}/{name}");
                if !output.exists(&path) {
                    output.file(&path, 0o644, "")?;
                }
            }
        }
        Ok(output.finish())
    }
}
