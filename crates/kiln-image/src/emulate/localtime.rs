//! The time zone: UTC, as tzdata's postinst sets it up without answers from a person.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree, resolve};

const ZONE: &str = "Etc/UTC";

/// Links `/etc/localtime` to the zone and names it in `/etc/timezone`.
///
/// Debian 13's script writes `/etc/timezone` only where the file is there already; it is made here
/// in any case, because programs (the JVM among them) ask it for the zone's name.
pub(super) struct Localtime;

impl Emulator for Localtime {
    fn name(&self) -> &'static str {
        "localtime"
    }

    fn summary(&self) -> &'static str {
        "sets the time zone to UTC in /etc/localtime and /etc/timezone"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("tzdata", "config"), ("tzdata", "postinst")]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        let zone = format!("usr/share/zoneinfo/{ZONE}");
        if tree.has_package("tzdata") && resolve(tree, &zone).is_some() {
            if !output.exists("etc/localtime") {
                output.symlink("etc/localtime", &format!("/{zone}"))?;
            }
            if !output.exists("etc/timezone") {
                output.file("etc/timezone", 0o644, format!("{ZONE}\n"))?;
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
    fn is_utc_where_tzdata_is() {
        let zone = |tree: MemoryTree| tree.file("usr/share/zoneinfo/Etc/UTC", b"TZif2");
        let mut tree = zone(MemoryTree::new().package("tzdata"));
        assert_eq!(tree.run(&Localtime).len(), 2);
        assert_eq!(
            tree.target("etc/localtime"),
            Some("/usr/share/zoneinfo/Etc/UTC")
        );
        assert_eq!(tree.text("etc/timezone"), "Etc/UTC\n");
        assert!(Localtime.run(&zone(MemoryTree::new())).unwrap().is_empty());
        assert!(
            Localtime
                .run(&MemoryTree::new().package("tzdata"))
                .unwrap()
                .is_empty(),
            "the zone was cut"
        );
    }
}
