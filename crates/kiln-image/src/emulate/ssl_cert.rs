//! What ssl-cert's postinst does besides its secret: `/etc/ssl/private` is the group's to enter.
//! The key and certificate of the host (`snakeoil`) are never made: all containers of an image
//! would share them.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::ownership::{directory, note_override};
use super::{EmulateError, Emulator, Tree};

const PRIVATE: &str = "etc/ssl/private";

/// Stands for ssl-cert's postinst, besides its group and its secret.
pub(super) struct SslCert;

impl Emulator for SslCert {
    fn name(&self) -> &'static str {
        "ssl-cert"
    }

    fn summary(&self) -> &'static str {
        "gives /etc/ssl/private to the group ssl-cert, and makes no key"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("ssl-cert", "postinst")]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if tree.has_package("ssl-cert") {
            let owner = ("root", "ssl-cert");
            directory(tree, &mut output, PRIVATE, 0o710, owner)?;
            note_override(tree, &mut output, PRIVATE, 0o710, owner)?;
        }
        Ok(output.finish())
    }
}
