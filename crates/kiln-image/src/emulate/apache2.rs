//! What the postinst of apache2 enables and makes on a fresh root: modules, configurations and the
//! default site as `a2enmod`, `a2enconf` and `a2ensite` do (a2enmod(8)), with their notes of who
//! enabled what; log files and the default page.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::ownership::numbers;
use super::{EmulateError, Emulator, Tree};

/// The modules that the script enables, with those that they depend on.
const MODULES: [&str; 19] = [
    "access_compat",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "autoindex",
    "deflate",
    "dir",
    "env",
    "filter",
    "mime",
    "mpm_event",
    "negotiation",
    "reqtimeout",
    "setenvif",
    "status",
];
const CONFIGURATIONS: [&str; 5] = [
    "charset",
    "localized-error-pages",
    "other-vhosts-access-log",
    "security",
    "serve-cgi-bin",
];
const SITE: &str = "000-default";
const LOGS: [&str; 3] = ["access.log", "error.log", "other_vhosts_access.log"];
/// Names of pages before which the default page stays away.
const PAGES: [&str; 6] = ["html", "cgi", "pl", "php", "xhtml", "htm"];

/// Stands for the postinst of apache2.
pub(super) struct Apache2;

impl Emulator for Apache2 {
    fn name(&self) -> &'static str {
        "apache2"
    }

    fn summary(&self) -> &'static str {
        "enables apache2's default modules, configurations and site, and makes its logs and page"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("apache2", "postinst")]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["apache2"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("apache2") {
            return Ok(output.finish());
        }
        for module in MODULES {
            for extension in ["conf", "load"] {
                enable(&mut output, "mods", &format!("{module}.{extension}"))?;
            }
            note(&mut output, "module/enabled_by_maint", module)?;
        }
        for configuration in CONFIGURATIONS {
            enable(&mut output, "conf", &format!("{configuration}.conf"))?;
            note(&mut output, "conf/enabled_by_maint", configuration)?;
        }
        enable(&mut output, "sites", &format!("{SITE}.conf"))?;
        note(&mut output, "site/enabled_by_admin", SITE)?;
        let (_, adm) = numbers(tree, "root", "adm")?;
        for log in LOGS {
            let path = format!("var/log/apache2/{log}");
            if !output.exists(&path) {
                output.file(&path, 0o640, "")?.gid = adm;
            }
        }
        let is_taken = ["var/www", "var/www/html"].iter().any(|folder| {
            PAGES
                .iter()
                .any(|page| output.exists(&format!("{folder}/index.{page}")))
        });
        if !is_taken && let Some(page) = tree.read("usr/share/apache2/default-site/index.html")? {
            output.file("var/www/html/index.html", 0o644, page)?;
        }
        Ok(output.finish())
    }
}

/// Links a file of `KIND-available` into `KIND-enabled`, where there is one.
fn enable(output: &mut Output<'_>, kind: &str, file: &str) -> Result<(), EmulateError> {
    let link = format!("etc/apache2/{kind}-enabled/{file}");
    if output.exists(&format!("etc/apache2/{kind}-available/{file}")) && !output.exists(&link) {
        output.symlink(&link, &format!("../{kind}-available/{file}"))?;
    }
    Ok(())
}

/// Notes who enabled something.
fn note(output: &mut Output<'_>, place: &str, name: &str) -> Result<(), EmulateError> {
    output.file(&format!("var/lib/apache2/{place}/{name}"), 0o644, "")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn enables_what_there_is() {
        let mut tree = MemoryTree::new()
            .package("apache2")
            .file("etc/apache2/mods-available/alias.conf", b"")
            .file("etc/apache2/mods-available/alias.load", b"")
            .file("etc/apache2/mods-available/ssl.load", b"")
            .file("etc/apache2/sites-available/000-default.conf", b"")
            .file("usr/share/apache2/default-site/index.html", b"It works!");
        tree.run(&Apache2);
        assert_eq!(
            tree.target("etc/apache2/mods-enabled/alias.conf"),
            Some("../mods-available/alias.conf")
        );
        assert_eq!(tree.target("etc/apache2/mods-enabled/ssl.load"), None);
        assert_eq!(
            tree.target("etc/apache2/sites-enabled/000-default.conf"),
            Some("../sites-available/000-default.conf")
        );
        assert_eq!(
            tree.text("var/lib/apache2/module/enabled_by_maint/alias"),
            ""
        );
        assert_eq!(tree.text("var/www/html/index.html"), "It works!");
        assert!(Apache2.run(&MemoryTree::new()).unwrap().is_empty());
    }
}
