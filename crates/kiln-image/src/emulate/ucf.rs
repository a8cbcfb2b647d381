//! What `ucf` (ucf(1)) remembers of the configuration files that scripts hand to it: the digest of
//! each as it was installed, whose it is, and a copy, so that a later version asks before it
//! replaces what was changed by hand.
//!
//! The files themselves are made by the emulators of their packages, which run before.

use kiln_types::SynthesisedFile;
use md5::{Digest as _, Md5};

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

/// Package and file, in the order of registration.
const REGISTERED: [(&str, &str); 1] = [(
    "postgresql-common",
    "/etc/postgresql-common/createcluster.conf",
)];

/// Whether a script hands a file to `ucf`.
pub(super) fn is_handed_files(tree: &dyn Tree) -> bool {
    REGISTERED
        .iter()
        .any(|(package, _)| tree.has_package(package))
}

/// Stands for `ucf` and `ucfr`.
pub(super) struct Ucf;

impl Emulator for Ucf {
    fn name(&self) -> &'static str {
        "ucf"
    }

    fn summary(&self) -> &'static str {
        "registers configuration files that scripts hand to ucf"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("postgresql-common", "postinst"), ("ucf", "postinst")]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["ucf"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("ucf") {
            return Ok(output.finish());
        }
        let (mut hashes, mut registry) = (String::new(), String::new());
        for (package, path) in REGISTERED {
            let content = if tree.has_package(package) {
                tree.read(path)?
            } else {
                None
            };
            let Some(content) = content else {
                continue;
            };
            let digest: String = Md5::digest(&content)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            hashes.push_str(&format!("{digest}  {path}\n"));
            registry.push_str(&format!("{package} \t {path}\n"));
            let copy = format!("var/lib/ucf/cache/{}", path.replace('/', ":"));
            output.file(&copy, 0o644, content)?;
        }
        output.file("var/lib/ucf/hashfile", 0o644, hashes)?;
        output.file("var/lib/ucf/registry", 0o644, registry)?;
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn files_are_remembered_with_their_digest() {
        let mut tree = MemoryTree::new()
            .package("ucf")
            .package("postgresql-common")
            .file("etc/postgresql-common/createcluster.conf", b"ssl = on\n");
        tree.run(&Ucf);
        assert_eq!(
            tree.text("var/lib/ucf/hashfile"),
            "d9fcb1b7cdfd2959d105322bc0248673  /etc/postgresql-common/createcluster.conf\n"
        );
        assert_eq!(
            tree.text("var/lib/ucf/registry"),
            "postgresql-common \t /etc/postgresql-common/createcluster.conf\n"
        );
        assert_eq!(
            tree.text("var/lib/ucf/cache/:etc:postgresql-common:createcluster.conf"),
            "ssl = on\n"
        );
        let mut nothing = MemoryTree::new().package("ucf");
        nothing.run(&Ucf);
        assert_eq!(nothing.text("var/lib/ucf/hashfile"), "");
    }
}
