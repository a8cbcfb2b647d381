//! `/etc/shells`: the valid login shells (shells(5)), as debianutils' `update-shells` lists them
//! from what packages declare below `/usr/share/debianutils/shells.d`.

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree, resolve};

const TEMPLATE: &str = "usr/share/debianutils/shells";
const DECLARED: &str = "usr/share/debianutils/shells.d";

/// Makes `/etc/shells` and the state beside it.
pub(super) struct Shells;

impl Emulator for Shells {
    fn name(&self) -> &'static str {
        "shells"
    }

    fn summary(&self) -> &'static str {
        "lists the login shells of packages in /etc/shells"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        // debianutils' postinst also registers an alternative: see `alternatives`. That of dash
        // finds nothing to do in a fresh root.
        &[("debianutils", "postinst"), ("debianutils", "triggers")]
    }

    fn describes_contents(&self) -> bool {
        true
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        let template = tree.read(TEMPLATE)?;
        let Some(template) = template.filter(|_| tree.has_package("debianutils")) else {
            return Ok(output.finish());
        };
        let template = String::from_utf8_lossy(&template).into_owned();
        let mut shells: Vec<String> = Vec::new();
        let files = tree.below(DECLARED);
        for path in files.iter().map(|entry| entry.path.as_str()) {
            if let Some(content) = tree.read(path)? {
                collect(tree, &String::from_utf8_lossy(&content), &mut shells);
            }
        }
        let mut all = Vec::new();
        collect(tree, &template, &mut all);
        all.extend(
            shells
                .into_iter()
                .filter(|shell| !all.contains(shell))
                .collect::<Vec<_>>(),
        );

        let mut text = String::new();
        for line in template.lines() {
            text.push_str(line);
            text.push('\n');
        }
        let listed: Vec<&str> = template.lines().filter_map(shell).collect();
        let mut state = String::new();
        for shell in &all {
            let line = format!("{shell}\n");
            state.push_str(&line);
            if !listed.contains(&shell.as_str()) {
                text.push_str(&line);
            }
        }
        if !output.exists("etc/shells") {
            output.file("etc/shells", 0o644, text)?;
            output.file("var/lib/shells.state", 0o644, state)?;
        }
        Ok(output.finish())
    }
}

/// The shell of a line, without its comment.
fn shell(line: &str) -> Option<&str> {
    let shell = line.split('#').next().unwrap_or_default().trim();
    (!shell.is_empty()).then_some(shell)
}

/// Adds the shells of a file, each also by the path that it has when links to its directory are
/// followed.
fn collect(tree: &dyn Tree, text: &str, shells: &mut Vec<String>) {
    for written in text.lines().filter_map(shell) {
        let (directory, name) = written.rsplit_once('/').unwrap_or(("", written));
        let real = resolve(tree, directory).map_or_else(
            || written.to_owned(),
            |directory| format!("{directory}/{name}"),
        );
        for shell in [written.to_owned(), real] {
            if !shells.contains(&shell) {
                shells.push(shell);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    #[test]
    fn lists_what_a_fresh_debian_13_lists() {
        let mut tree = MemoryTree::new()
            .package("debianutils")
            .link("bin", "usr/bin")
            .directory("usr/bin")
            .file(TEMPLATE, b"# /etc/shells: valid login shells\n/bin/sh\n")
            .file(
                "usr/share/debianutils/shells.d/bash",
                b"/bin/bash\n/bin/rbash\n/usr/bin/bash\n/usr/bin/rbash\n",
            )
            .file(
                "usr/share/debianutils/shells.d/dash",
                b"/usr/bin/dash # small\n",
            );
        tree.run(&Shells);
        assert_eq!(
            tree.text("etc/shells"),
            "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n/usr/bin/bash\n\
             /bin/rbash\n/usr/bin/rbash\n/usr/bin/dash\n"
        );
        assert!(
            tree.text("var/lib/shells.state")
                .starts_with("/bin/sh\n/usr/bin/sh\n/bin/bash\n")
        );
        assert!(tree.run(&Shells).is_empty());
        assert!(Shells.run(&MemoryTree::new()).unwrap().is_empty());
    }
}
