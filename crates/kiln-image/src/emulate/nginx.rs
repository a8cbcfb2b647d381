//! What the postinst of nginx-common makes on a fresh root (logs, the default site, its page), and
//! the links that enable the modules of packages (`dh_nginx`).

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::ownership::numbers;
use super::{EmulateError, Emulator, Tree};

const AVAILABLE: &str = "usr/share/nginx/modules-available";
/// How `dh_nginx` says in a script which modules it enables: `for confpair in FILE:LINK … ; do`.
const LOOP: &str = "for confpair in ";

/// Stands for the postinst of nginx-common and for the sections of `dh_nginx`.
pub(super) struct Nginx;

impl Emulator for Nginx {
    fn name(&self) -> &'static str {
        "nginx"
    }

    fn summary(&self) -> &'static str {
        "makes nginx's log files, default site and page, and enables the modules of packages"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[("nginx-common", "postinst")]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["nginx-common"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if tree.has_package("nginx-common") {
            let (www_data, adm) = numbers(tree, "www-data", "adm")?;
            output.directory("var/log/nginx", 0o755)?.gid = adm;
            for log in ["var/log/nginx/access.log", "var/log/nginx/error.log"] {
                if !output.exists(log) {
                    let entry = output.file(log, 0o640, "")?;
                    (entry.uid, entry.gid) = (www_data, adm);
                }
            }
            if output.exists("etc/nginx/sites-enabled")
                && output.exists("etc/nginx/sites-available")
                && !output.exists("etc/nginx/sites-enabled/default")
            {
                output.symlink(
                    "etc/nginx/sites-enabled/default",
                    "/etc/nginx/sites-available/default",
                )?;
            }
            let page = "var/www/html/index.nginx-debian.html";
            if !output.exists(page)
                && let Some(content) = tree.read("usr/share/nginx/html/index.html")?
            {
                output.file(page, 0o644, content)?;
            }
        }
        for control in tree.packages() {
            let script = control.members.get("postinst").map(Vec::as_slice);
            for (file, link) in enabled_modules(script.unwrap_or_default()) {
                if output.exists(&format!("{AVAILABLE}/{file}")) {
                    let link = format!("etc/nginx/modules-enabled/{link}");
                    output.symlink(&link, &format!("/{AVAILABLE}/{file}"))?;
                }
            }
        }
        Ok(output.finish())
    }
}

/// The pairs of file and link in a script; names that could lead elsewhere are passed over.
fn enabled_modules(script: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(script);
    let is_name = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(LOOP))
        .flat_map(|rest| {
            rest.split(';')
                .next()
                .unwrap_or_default()
                .split_whitespace()
        })
        .filter_map(|pair| pair.split_once(':'))
        .filter(|(file, link)| is_name(file) && is_name(link))
        .map(|(file, link)| (file.to_owned(), link.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn logs_site_and_page() {
        let mut tree = MemoryTree::new()
            .package("nginx-common")
            .file(
                "etc/passwd",
                b"www-data:x:33:33::/var/www:/usr/sbin/nologin\n",
            )
            .file("etc/group", b"adm:x:4:\n")
            .file("usr/share/nginx/html/index.html", b"Welcome")
            .file("etc/nginx/sites-available/default", b"server {}\n")
            .directory("etc/nginx/sites-enabled");
        let made = tree.run(&Nginx);
        assert_eq!(tree.text("var/www/html/index.nginx-debian.html"), "Welcome");
        assert_eq!(
            tree.target("etc/nginx/sites-enabled/default"),
            Some("/etc/nginx/sites-available/default")
        );
        let log = made
            .iter()
            .find(|file| file.entry.path.as_str() == "var/log/nginx/error.log")
            .unwrap();
        assert_eq!(
            (log.entry.mode, log.entry.uid, log.entry.gid),
            (0o640, 33, 4)
        );
    }

    #[test]
    fn modules_are_those_that_the_script_names() {
        let script = b"#!/bin/sh\nfor confpair in mod-stream.conf:50-mod-stream.conf ../x:y  ; do\n\tx\ndone\n";
        assert_eq!(
            enabled_modules(script),
            [(
                "mod-stream.conf".to_owned(),
                "50-mod-stream.conf".to_owned()
            )]
        );
        assert!(enabled_modules(b"for confpair in").is_empty());
    }
}
