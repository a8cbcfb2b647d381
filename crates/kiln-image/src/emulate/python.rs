//! What the scripts of Python 3.13 make besides byte code: the folder for packages of the
//! administrator, the setting of how to compile, and the note that the runtime is new.
//!
//! Byte code (`__pycache__`) is not made: only Python could compile it, and nothing of a package
//! runs while an image is built. What that costs is in the guide on maintainer scripts.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const SITE: &str = "usr/local/lib/python3.13/dist-packages";
const SETTING: &str = "etc/python3/debian_config";
const SETTING_TEXT: &str = "[DEFAULT]\n\
                            # how to byte-compile (comma separated: standard, optimize)\n\
                            byte-compile = standard\n";
const CUSTOMIZE: &str = "etc/python3.13/sitecustomize.py";
const CUSTOMIZE_TEXT: &str = "# install the apport exception handler if available\n\
                              try:\n    import apport_python_hook\n\
                              except ImportError:\n    pass\n\
                              else:\n    apport_python_hook.install()\n";
/// Made by the preinst; taken away by the runtime that compiles for the packages of all.
const NEW: &str = "var/lib/python/python3.13_installed";

/// Stands for the scripts of Python's packages.
pub(super) struct Python;

impl Emulator for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn summary(&self) -> &'static str {
        "makes Python's folder for local packages and its settings, without byte code"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("libpython3.13-minimal", "postinst"),
            ("python3", "postinst"),
            ("python3.13-minimal", "preinst"),
            ("python3.13-minimal", "postinst"),
        ]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["libpython3.13-minimal", "python3", "python3.13-minimal"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if tree.has_package("python3.13-minimal") {
            if !output.exists(SITE) {
                output.directory(SITE, 0o755)?;
            }
            output.file(NEW, 0o644, "")?;
        }
        let writes = [
            ("libpython3.13-minimal", CUSTOMIZE, CUSTOMIZE_TEXT),
            ("python3", SETTING, SETTING_TEXT),
        ];
        for (package, path, text) in writes {
            if tree.has_package(package) && !output.exists(path) {
                output.file(path, 0o644, text)?;
            }
        }
        Ok(output.finish())
    }
}
