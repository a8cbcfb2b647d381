//! What dpkg knows besides its packages: its architecture, and the diversions that scripts of the
//! base system register (dpkg-divert(1)).
//!
//! The diversions of Debian 13 protect paths of the merged `/usr` from packages of before; none
//! moves a file.

use kiln_types::{Architecture, SynthesisedFile};

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

/// Libraries that moved into `/usr` under a new package's name.
const LIBRARIES: [(&str, &[&str]); 2] = [
    (
        "libreadline8t64",
        &[
            "libhistory.so.8",
            "libhistory.so.8.2",
            "libreadline.so.8",
            "libreadline.so.8.2",
        ],
    ),
    ("libtirpc3t64", &["libtirpc.so.3", "libtirpc.so.3.0.0"]),
];

/// Stands for what is registered with dpkg.
pub(super) struct Dpkg;

impl Emulator for Dpkg {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn summary(&self) -> &'static str {
        "registers the architecture and the diversions of the base system with dpkg"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("dpkg", "postinst"),
            ("base-files", "preinst"),
            ("libc6", "preinst"),
            ("libreadline8t64", "preinst"),
            ("libtirpc3t64", "preinst"),
            ("postgresql-common", "preinst"),
        ]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["dpkg"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("dpkg") {
            return Ok(output.finish());
        }
        let architecture = tree.plan().platform.architecture;
        for file in ["arch", "arch-native"] {
            let path = format!("var/lib/dpkg/{file}");
            output.file(&path, 0o644, format!("{}\n", architecture.as_str()))?;
        }
        let (loader, libraries) = match architecture {
            Architecture::Amd64 => ("/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu"),
            Architecture::Arm64 => ("/lib/ld-linux-aarch64.so.1", "/lib/aarch64-linux-gnu"),
        };
        let mut diversions = String::new();
        let mut divert = |package: &str, from: &str, to: &str| {
            diversions.push_str(&format!("{from}\n{to}\n{package}\n"));
        };
        if tree.has_package("libc6") {
            divert("libc6", loader, &format!("{loader}.usr-is-merged"));
        }
        if tree.has_package("base-files") {
            for library in ["libx32", "lib32", "libo32"] {
                let from = format!("/{library}");
                divert("base-files", &from, &format!("/.{library}.usr-is-merged"));
            }
        }
        for (package, files) in LIBRARIES {
            for file in files.iter().filter(|_| tree.has_package(package)) {
                let from = format!("{libraries}/{file}");
                divert(package, &from, &format!("{from}.usr-is-merged"));
            }
        }
        // pg_config of the development package is found by a script that knows clusters.
        if tree.has_package("postgresql-common") {
            let from = "/usr/bin/pg_config";
            divert("postgresql-common", from, &format!("{from}.libpq-dev"));
        }
        if !diversions.is_empty() {
            output.file("var/lib/dpkg/diversions", 0o644, diversions)?;
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn each_diversion_is_three_lines() {
        let mut tree = MemoryTree::new().package("dpkg").package("libc6");
        tree.run(&Dpkg);
        assert_eq!(
            tree.text("var/lib/dpkg/diversions"),
            "/lib64/ld-linux-x86-64.so.2\n/lib64/ld-linux-x86-64.so.2.usr-is-merged\nlibc6\n"
        );
        assert_eq!(tree.text("var/lib/dpkg/arch-native"), "amd64\n");
        let without = MemoryTree::new().package("libc6");
        assert!(Dpkg.run(&without).unwrap().is_empty());
    }
}
