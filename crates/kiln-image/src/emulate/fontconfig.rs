//! Which of its settings fontconfig uses (fonts-conf(5)): links in `/etc/fonts/conf.d` that the
//! postinst of fontconfig-config makes by the answers to debconf's questions, and the
//! folder for fonts of one's own.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const PACKAGE: &str = "fontconfig-config";
/// What the answers that nobody gave choose: slight hinting, and no bitmaps but of emoji.
const CHOSEN: [&str; 2] = ["10-hinting-slight.conf", "70-no-bitmaps-except-emoji.conf"];

/// Stands for the postinst script of fontconfig-config.
pub(super) struct Fontconfig;

impl Emulator for Fontconfig {
    fn name(&self) -> &'static str {
        "fontconfig"
    }

    fn summary(&self) -> &'static str {
        "chooses how fonts are drawn, as fontconfig-config does when nobody is asked"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[(PACKAGE, "postinst")]
    }

    fn serves(&self) -> &'static [&'static str] {
        &[PACKAGE]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package(PACKAGE) {
            return Ok(output.finish());
        }
        for name in CHOSEN {
            let target = format!("/usr/share/fontconfig/conf.avail/{name}");
            if tree.entry(target.trim_start_matches('/')).is_some() {
                output.symlink(&format!("etc/fonts/conf.d/{name}"), &target)?;
            }
        }
        if !output.exists("usr/local/share/fonts") {
            output.directory("usr/local/share/fonts", 0o755)?;
        }
        Ok(output.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn links_what_nobody_chose() {
        let mut tree = MemoryTree::new().package(PACKAGE).file(
            "usr/share/fontconfig/conf.avail/10-hinting-slight.conf",
            b"<x/>",
        );
        let made = Fontconfig.run(&tree).unwrap();
        let paths: Vec<&str> = made.iter().map(|file| file.entry.path.as_str()).collect();
        // A link to nothing is not made: this version has no such file.
        assert_eq!(
            paths,
            [
                "etc/fonts/conf.d/10-hinting-slight.conf",
                "usr/local/share/fonts"
            ]
        );
        tree.run(&Fontconfig);
        assert!(
            tree.entry("etc/fonts/conf.d/10-hinting-slight.conf")
                .is_some()
        );
        let without = MemoryTree::new();
        assert!(Fontconfig.run(&without).unwrap().is_empty());
    }
}
