//! `/etc/memcached.conf`, which the postinst of memcached copies from its default.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

/// Stands for memcached's postinst, besides its account.
pub(super) struct Memcached;

impl Emulator for Memcached {
    fn name(&self) -> &'static str {
        "memcached"
    }

    fn summary(&self) -> &'static str {
        "copies memcached's default settings to /etc/memcached.conf"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("memcached", "postinst")]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["memcached"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if tree.has_package("memcached")
            && !output.exists("etc/memcached.conf")
            && let Some(content) = tree.read("usr/share/memcached/memcached.conf.default")?
        {
            output.file("etc/memcached.conf", 0o644, content)?;
        }
        Ok(output.finish())
    }
}
