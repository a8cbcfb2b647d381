//! `/etc/os-release`, which base-files ships as a link: made again where a cut took it away
//! (os-release(5) asks for both paths).

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree, resolve};

/// Links `/etc/os-release` to `/usr/lib/os-release`.
pub(super) struct OsRelease;

impl Emulator for OsRelease {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn summary(&self) -> &'static str {
        "links /etc/os-release to /usr/lib/os-release where it is missing"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !output.exists("etc/os-release") && resolve(tree, "usr/lib/os-release").is_some() {
            output.symlink("etc/os-release", "../usr/lib/os-release")?;
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn links_only_where_missing() {
        let mut tree = MemoryTree::new().file("usr/lib/os-release", b"ID=debian\n");
        assert_eq!(tree.run(&OsRelease).len(), 1);
        assert_eq!(tree.target("etc/os-release"), Some("../usr/lib/os-release"));
        assert!(tree.run(&OsRelease).is_empty());
        assert!(OsRelease.run(&MemoryTree::new()).unwrap().is_empty());
    }
}
