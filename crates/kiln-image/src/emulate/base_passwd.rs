//! `/etc/passwd` and `/etc/group` as base-passwd's scripts make them; a minimal pair for images
//! without that package.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

/// The users of an image without base-passwd: the superuser and nobody, neither with a shell.
const MINIMAL_PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\n\
                              nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n";

/// The groups of an image without base-passwd, with Debian's fixed numbers.
const MINIMAL_GROUP: &str = "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\n";

/// Makes the account files of the distribution.
pub(super) struct BasePasswd;

impl Emulator for BasePasswd {
    fn name(&self) -> &'static str {
        "base-passwd"
    }

    fn summary(&self) -> &'static str {
        "makes /etc/passwd and /etc/group of the distribution, or minimal ones"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("base-passwd", "preinst"), ("base-passwd", "postinst")]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        for (path, master, minimal) in [
            (
                "etc/passwd",
                "usr/share/base-passwd/passwd.master",
                MINIMAL_PASSWD,
            ),
            (
                "etc/group",
                "usr/share/base-passwd/group.master",
                MINIMAL_GROUP,
            ),
        ] {
            if output.exists(path) {
                continue;
            }
            let content = tree
                .read(master)?
                .unwrap_or_else(|| minimal.as_bytes().to_vec());
            output.file(path, 0o644, content)?;
        }
        if tree.has_package("base-passwd") {
            for path in ["etc/subuid", "etc/subgid"] {
                if !output.exists(path) {
                    output.file(path, 0o644, "")?;
                }
            }
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn takes_the_masters_where_they_are() {
        let mut tree = MemoryTree::new()
            .package("base-passwd")
            .file(
                "usr/share/base-passwd/passwd.master",
                b"root:*:0:0:root:/root:/bin/bash\n",
            )
            .file("usr/share/base-passwd/group.master", b"root:*:0:\n");
        let made = tree.run(&BasePasswd);
        let paths: Vec<_> = made.iter().map(|file| file.entry.path.as_str()).collect();
        assert_eq!(
            paths,
            ["etc/group", "etc/passwd", "etc/subgid", "etc/subuid"]
        );
        assert_eq!(tree.text("etc/passwd"), "root:*:0:0:root:/root:/bin/bash\n");
        assert!(
            tree.run(&BasePasswd).is_empty(),
            "a second run changes nothing"
        );
    }

    #[test]
    fn is_minimal_without_the_package() {
        let mut tree = MemoryTree::new();
        tree.run(&BasePasswd);
        assert_eq!(tree.text("etc/passwd"), MINIMAL_PASSWD);
        assert_eq!(tree.text("etc/group"), MINIMAL_GROUP);
    }
}
