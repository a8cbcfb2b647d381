//! Where apt in a `dev` image gets packages: the example that apt itself ships, with the component
//! that kiln's images are made of.
//!
//! So no mirror is named in a definition or in this code; whoever has one mounts another file over
//! `/etc/apt/sources.list.d/debian.sources`.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const EXAMPLE: &str = "usr/share/doc/apt/examples/debian.sources";
const SOURCES: &str = "etc/apt/sources.list.d/debian.sources";

/// Makes apt's sources.
pub(super) struct AptSources;

impl Emulator for AptSources {
    fn name(&self) -> &'static str {
        "apt-sources"
    }

    fn summary(&self) -> &'static str {
        "takes apt's example of the distribution's sources as its sources, component main"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        // An installer's work, no script's.
        &[]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["apt"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("apt") || output.exists("etc/apt/sources.list") {
            return Ok(output.finish());
        }
        if let Some(example) = tree.read(EXAMPLE)?
            && !output.exists(SOURCES)
        {
            let mut text = String::new();
            for line in String::from_utf8_lossy(&example).lines() {
                if !line.starts_with('#') {
                    let is_components = line.starts_with("Components:");
                    text.push_str(if is_components {
                        "Components: main"
                    } else {
                        line
                    });
                    text.push('\n');
                }
            }
            output.file(SOURCES, 0o644, text.trim_start().to_owned())?;
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn keeps_the_example_but_for_comments_and_components() {
        let example = b"## Sources\n## more\nTypes: deb\nURIs: http://example.org/debian\n\
            Components: main contrib\n\n# Security\nTypes: deb\nComponents: main\n";
        let mut tree = MemoryTree::new().package("apt").file(EXAMPLE, example);
        tree.run(&AptSources);
        assert_eq!(
            tree.text(SOURCES),
            "Types: deb\nURIs: http://example.org/debian\nComponents: main\n\nTypes: deb\n\
             Components: main\n"
        );
        assert!(
            AptSources.run(&tree).unwrap().is_empty(),
            "a second run changes nothing"
        );
    }
}
