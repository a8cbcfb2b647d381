//! Files that small packages of the base system write on a fresh root: `/etc/hosts` and
//! `/etc/networks` (netbase), `/etc/inputrc` (readline-common).

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n\
                     ff02::1\t\tip6-allnodes\nff02::2\t\tip6-allrouters\n\n";
const NETWORKS: &str = "default\t\t0.0.0.0\nloopback\t127.0.0.0\nlink-local\t169.254.0.0\n\n";

/// Stands for the postinst scripts of netbase and readline-common.
pub(super) struct Netbase;

impl Emulator for Netbase {
    fn name(&self) -> &'static str {
        "netbase"
    }

    fn summary(&self) -> &'static str {
        "writes /etc/hosts, /etc/networks and /etc/inputrc where their packages do"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("netbase", "postinst"), ("readline-common", "postinst")]
    }

    fn describes_contents(&self) -> bool {
        true
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if tree.has_package("netbase") {
            for (path, content) in [("etc/hosts", HOSTS), ("etc/networks", NETWORKS)] {
                if !output.exists(path) {
                    output.file(path, 0o644, content)?;
                }
            }
        }
        if tree.has_package("readline-common")
            && let Some(content) = tree.read("usr/share/readline/inputrc")?
            && !output.exists("etc/inputrc")
        {
            output.file("etc/inputrc", 0o644, content)?;
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn writes_only_what_is_missing() {
        let mut tree = MemoryTree::new()
            .package("netbase")
            .package("readline-common")
            .file("usr/share/readline/inputrc", b"set bell-style none\n")
            .file("etc/networks", b"mine\n");
        tree.run(&Netbase);
        assert!(tree.text("etc/hosts").starts_with("127.0.0.1\tlocalhost\n"));
        assert_eq!(tree.text("etc/networks"), "mine\n");
        assert_eq!(tree.text("etc/inputrc"), "set bell-style none\n");
        assert!(Netbase.run(&MemoryTree::new()).unwrap().is_empty());
    }
}
