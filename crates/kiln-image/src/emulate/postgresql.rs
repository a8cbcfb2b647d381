//! What the postinst of postgresql-common makes on a fresh root besides its account: directories of
//! the server, the template of clusters (through `ucf`), and a file in the place of a root
//! certificate. No cluster is made: see the table of scripts.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::ownership::directory;
use super::{EmulateError, Emulator, Tree};

const ROOT_CERTIFICATE: &str = "etc/postgresql-common/root.crt";
const TEMPLATE: &str = "usr/share/postgresql-common/createcluster.conf";
const SETTINGS: &str = "etc/postgresql-common/createcluster.conf";

/// Stands for the scripts of postgresql-common.
pub(super) struct Postgresql;

impl Emulator for Postgresql {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn summary(&self) -> &'static str {
        "makes PostgreSQL's directories and the settings of new clusters"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("postgresql-common", "postinst")]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["postgresql-common"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("postgresql-common") {
            return Ok(output.finish());
        }
        let own = ("postgres", "postgres");
        directory(tree, &mut output, "var/lib/postgresql", 0o755, own)?;
        directory(tree, &mut output, "etc/postgresql", 0o755, own)?;
        // Of dictionaries that are converted where there are any.
        output.directory("var/cache/postgresql/dicts", 0o755)?;
        let log = "var/log/postgresql";
        directory(tree, &mut output, log, 0o1775, ("root", "postgres"))?;
        directory(tree, &mut output, "run/postgresql", 0o2775, own)?;
        if !output.exists(ROOT_CERTIFICATE) {
            output.file(ROOT_CERTIFICATE, 0o644, ROOT_CERTIFICATE_TEXT)?;
        }
        if !output.exists(SETTINGS)
            && let Some(template) = tree.read(TEMPLATE)?
        {
            // debconf's default for `postgresql-common/ssl`.
            let text: String = String::from_utf8_lossy(&template)
                .lines()
                .map(|line| match line.starts_with("ssl =") {
                    true => "ssl = on\n".to_owned(),
                    false => format!("{line}\n"),
                })
                .collect();
            output.file(SETTINGS, 0o644, text)?;
        }
        Ok(output.finish())
    }
}

/// What the script writes: not a certificate, but an explanation.
const ROOT_CERTIFICATE_TEXT: &str = include_str!("postgresql/root.crt");
