//! The alternatives system: `/etc/alternatives`, the links into it, and dpkg's database of them,
//! as `update-alternatives --install` (update-alternatives(1), dpkg 1.22) leaves them in automatic
//! mode.
//!
//! What the scripts of packages register is declared in `alternatives/debian-13.table`; a new one
//! is a line there.

use std::collections::BTreeMap;

use kiln_types::{EntryKind, SynthesisedFile};

use super::output::Output;
use super::resolve::resolve_parent;
use super::{EmulateError, Emulator, Tree, resolve};

const TABLE: &str = include_str!("alternatives/debian-13.table");

/// Registers alternatives.
pub(super) struct Alternatives;

impl Emulator for Alternatives {
    fn name(&self) -> &'static str {
        "alternatives"
    }

    fn summary(&self) -> &'static str {
        "registers alternatives (awk, pager, editor, cc …) in automatic mode"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        // The packages of the table, as a test checks.
        &[
            ("bash", "postinst"),
            ("bison", "postinst"),
            ("cpp", "postinst"),
            ("debianutils", "postinst"),
            ("fakeroot", "postinst"),
            ("g++", "postinst"),
            ("gawk", "postinst"),
            ("gcc", "postinst"),
            ("less", "postinst"),
            ("mawk", "postinst"),
            ("nano", "postinst"),
            ("netcat-openbsd", "postinst"),
            ("netcat-traditional", "postinst"),
            ("node-babel7", "postinst"),
            ("nodejs", "postinst"),
            ("openjdk-21-jdk-headless", "postinst"),
            ("openjdk-21-jre-headless", "postinst"),
            ("openjdk-25-jdk-headless", "postinst"),
            ("openjdk-25-jre-headless", "postinst"),
            ("original-awk", "postinst"),
            ("postgresql-client-17", "postinst"),
            ("tar", "postinst"),
            ("util-linux", "postinst"),
            ("vim", "postinst"),
            ("vim-tiny", "postinst"),
            ("xz-utils", "postinst"),
        ]
    }

    fn describes_contents(&self) -> bool {
        true
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
        let architecture = tree.plan().platform.architecture;
        let table = TABLE.replace("-ARCH/", &format!("-{}/", architecture.as_str()));
        for choice in choices(&table) {
            if tree.has_package(choice.package) && resolve(tree, choice.path).is_some() {
                groups.entry(choice.name).or_default().register(choice);
            }
        }
        for (name, group) in groups {
            group.write(name, tree, &mut output)?;
        }
        Ok(output.finish())
    }
}

/// One `--install`.
struct Choice<'a> {
    package: &'a str,
    name: &'a str,
    link: &'a str,
    path: &'a str,
    priority: i32,
    /// Name, link and path.
    slaves: Vec<[&'a str; 3]>,
}

/// The choices of a table; lines that do not parse are left out, and a test sees to it that there
/// are none.
fn choices(table: &str) -> Vec<Choice<'_>> {
    let mut choices: Vec<Choice<'_>> = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        match (&fields[..], choices.last_mut()) {
            (&[package, name, link, path, priority], _) => {
                if let Ok(priority) = priority.parse() {
                    choices.push(Choice {
                        package,
                        name,
                        link,
                        path,
                        priority,
                        slaves: Vec::new(),
                    });
                }
            }
            (&[name, link, path], Some(choice)) => choice.slaves.push([name, link, path]),
            _ => {}
        }
    }
    choices
}

/// All choices of one name.
#[derive(Default)]
struct Group<'a> {
    link: &'a str,
    /// The links of slaves by their name.
    slaves: BTreeMap<&'a str, &'a str>,
    /// The choices by path.
    choices: BTreeMap<&'a str, Choice<'a>>,
}

impl<'a> Group<'a> {
    fn register(&mut self, choice: Choice<'a>) {
        self.link = choice.link;
        self.slaves
            .extend(choice.slaves.iter().map(|[name, link, _]| (*name, *link)));
        self.choices.insert(choice.path, choice);
    }

    fn write(
        &self,
        name: &str,
        tree: &dyn Tree,
        output: &mut Output<'_>,
    ) -> Result<(), EmulateError> {
        // The highest priority; of several, the one that comes first by path.
        let Some(best) = self.choices.values().reduce(|best, choice| {
            if choice.priority > best.priority {
                choice
            } else {
                best
            }
        }) else {
            return Ok(());
        };
        output.file(
            &format!("var/lib/dpkg/alternatives/{name}"),
            0o644,
            self.record(),
        )?;
        install(tree, output, name, self.link, best.path)?;
        for [name, link, path] in &best.slaves {
            // dpkg leaves out slaves whose file is not there, such as cut manual pages.
            if resolve(tree, path).is_some() {
                install(tree, output, name, link, path)?;
            }
        }
        Ok(())
    }

    /// The file in dpkg's database: status, links of master and slaves, then each choice with its
    /// priority and the files of its slaves; an empty line ends both lists.
    fn record(&self) -> String {
        let mut lines = vec!["auto", self.link];
        for (name, link) in &self.slaves {
            lines.extend([*name, *link]);
        }
        lines.push("");
        let priorities: Vec<String> = self
            .choices
            .values()
            .map(|choice| choice.priority.to_string())
            .collect();
        for (choice, priority) in self.choices.values().zip(&priorities) {
            lines.extend([choice.path, priority.as_str()]);
            for name in self.slaves.keys() {
                let slave = choice.slaves.iter().find(|slave| slave[0] == *name);
                lines.push(slave.map_or("", |slave| slave[2]));
            }
        }
        lines.push("");
        lines.join("\n") + "\n"
    }
}

/// Links `link` to `/etc/alternatives/NAME`, and that to the path, unless a file of a package
/// stands where the link would be.
fn install(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    name: &str,
    link: &str,
    path: &str,
) -> Result<(), EmulateError> {
    let indirect = format!("/etc/alternatives/{name}");
    output.symlink(&indirect, path)?;
    let here = resolve_parent(tree, link)
        .and_then(|link| tree.entry(link.as_str()))
        .map(|entry| &entry.kind);
    if matches!(here, None | Some(EntryKind::Symlink(_))) {
        output.symlink(link, &indirect)?;
    }
    Ok(())
}

/// The packages of the table, for the check that the list above is complete.
#[cfg(test)]
fn packages() -> std::collections::BTreeSet<&'static str> {
    choices(TABLE).iter().map(|choice| choice.package).collect()
}

#[cfg(test)]
mod tests;
