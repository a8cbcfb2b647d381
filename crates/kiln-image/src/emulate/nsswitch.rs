//! `/etc/nsswitch.conf`: where names of hosts, users and services are looked up.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

/// For images that hold the C library without libc-bin. Without `files` for hosts, programs that
/// bring their own resolver (Go's among them) would pass over `/etc/hosts`.
const MINIMAL: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// Makes `/etc/nsswitch.conf`.
pub(super) struct Nsswitch;

impl Emulator for Nsswitch {
    fn name(&self) -> &'static str {
        "nsswitch"
    }

    fn summary(&self) -> &'static str {
        "makes /etc/nsswitch.conf of libc-bin, or a minimal one"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        // The other half of libc-bin's postinst is `ldconfig`: see `ld-so-cache`.
        &[("libc-bin", "postinst")]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        let libc_bin = tree.has_package("libc-bin");
        if (libc_bin || tree.has_package("libc6")) && !output.exists("etc/nsswitch.conf") {
            let default = if libc_bin {
                tree.read("usr/share/libc-bin/nsswitch.conf")?
            } else {
                None
            };
            output.file(
                "etc/nsswitch.conf",
                0o644,
                default.unwrap_or_else(|| MINIMAL.into()),
            )?;
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn copies_the_default_or_is_minimal() {
        let mut tree = MemoryTree::new().package("libc6").package("libc-bin").file(
            "usr/share/libc-bin/nsswitch.conf",
            b"hosts: files dns myhostname\n",
        );
        tree.run(&Nsswitch);
        assert_eq!(
            tree.text("etc/nsswitch.conf"),
            "hosts: files dns myhostname\n"
        );
        let mut tree = MemoryTree::new().package("libc6");
        tree.run(&Nsswitch);
        assert_eq!(tree.text("etc/nsswitch.conf"), MINIMAL);
        assert!(
            Nsswitch.run(&MemoryTree::new()).unwrap().is_empty(),
            "no C library, no switch"
        );
    }
}
