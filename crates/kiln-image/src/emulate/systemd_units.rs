//! Links of units that are enabled at installation, as `deb-systemd-helper enable` makes them, and
//! of scripts for System V runlevels, as `update-rc.d` does (init-system-helpers).
//!
//! No init runs in a container; the links are made because scripts that run in a `dev` image when
//! a package is upgraded, removed or purged look at them.

use std::collections::BTreeSet;

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree, resolve};

/// Stands for the calls that debhelper puts into postinst scripts.
pub(super) struct SystemdUnits;

/// One kind of unit: where links and the helper's memory of them are.
struct Instance {
    name: &'static str,
    state: &'static str,
}

const SYSTEM: Instance = Instance {
    name: "system",
    state: "var/lib/systemd/deb-systemd-helper-enabled",
};
const USER: Instance = Instance {
    name: "user",
    state: "var/lib/systemd/deb-systemd-user-helper-enabled",
};

impl Emulator for SystemdUnits {
    fn name(&self) -> &'static str {
        "systemd-units"
    }

    fn summary(&self) -> &'static str {
        "links enabled units and init scripts for the tools that look at them on upgrades"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        // Only the calls of its two tools, in whatever script.
        &[]
    }

    fn serves(&self) -> &'static [&'static str] {
        &["init-system-helpers"]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(self.name(), tree);
        if !tree.has_package("init-system-helpers") {
            return Ok(output.finish());
        }
        for control in tree.packages() {
            let Some(script) = control.members.get("postinst") else {
                continue;
            };
            let script = String::from_utf8_lossy(script);
            for line in script.lines().map(str::trim) {
                if let Some(unit) = argument(line, "deb-systemd-helper enable ") {
                    enable(tree, &mut output, &SYSTEM, unit)?;
                } else if let Some(unit) = argument(line, "deb-systemd-helper --user enable ") {
                    enable(tree, &mut output, &USER, unit)?;
                } else if let Some(call) = line.strip_prefix("update-rc.d ") {
                    let mut words = call.split_whitespace();
                    if let (Some(name), Some(action)) = (words.next(), words.next()) {
                        runlevels(tree, &mut output, name, action)?;
                    }
                }
            }
        }
        Ok(output.finish())
    }
}

/// The first argument of a call, without its quotes.
fn argument<'a>(line: &'a str, call: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(call)?;
    let word = rest.split_whitespace().next()?;
    let word = word.trim_matches(['\'', '"']);
    (!word.contains(['$', '/']) && !word.is_empty()).then_some(word)
}

fn enable(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    instance: &Instance,
    unit: &str,
) -> Result<(), EmulateError> {
    let mut links = Vec::new();
    collect(tree, instance, unit, &mut BTreeSet::new(), &mut links)?;
    let mut memory: Vec<&str> = Vec::new();
    for (link, target) in &links {
        let relative = link.trim_start_matches("/etc/systemd/");
        let relative = relative.split_once('/').map_or(relative, |(_, rest)| rest);
        if !memory.contains(&link.as_str()) {
            memory.push(link);
        }
        if !output.exists(link) {
            output.symlink(link, target)?;
        }
        output.file(&format!("{}/{relative}", instance.state), 0o644, "")?;
    }
    if !memory.is_empty() {
        let path = format!("{}/{unit}.dsh-also", instance.state);
        output.file(&path, 0o644, memory.join("\n") + "\n")?;
    }
    Ok(())
}

/// The links that a unit asks for in its `[Install]`, and those of the units it names beside.
fn collect(
    tree: &dyn Tree,
    instance: &Instance,
    unit: &str,
    visited: &mut BTreeSet<String>,
    links: &mut Vec<(String, String)>,
) -> Result<(), EmulateError> {
    if visited.len() > 64 || !visited.insert(unit.to_owned()) {
        return Ok(());
    }
    let places = ["/etc/systemd", "/usr/lib/systemd"];
    let path = places
        .iter()
        .map(|place| format!("{place}/{}/{unit}", instance.name))
        .find(|path| resolve(tree, path).is_some());
    let Some(path) = path else {
        return Ok(());
    };
    let Some(content) = tree.read(&path)? else {
        return Ok(());
    };
    // deb-systemd-helper finds units by `/lib` first, which is a link.
    let target = path.strip_prefix("/usr").unwrap_or(&path).to_owned();
    let mut wants: Vec<String> = Vec::new();
    let mut wanted = unit.to_owned();
    for line in String::from_utf8_lossy(&content).lines() {
        let Some((key, value)) = line.trim_start().split_once('=') else {
            continue;
        };
        let values = value
            .split_whitespace()
            .map(|value| value.trim_matches(['"', '\'']))
            .filter(|value| !value.contains('/'));
        match key.to_ascii_lowercase().as_str() {
            "wantedby" => wants.extend(values.map(|value| format!("{value}.wants"))),
            "requiredby" => wants.extend(values.map(|value| format!("{value}.requires"))),
            "also" => {
                for value in values {
                    collect(tree, instance, value, visited, links)?;
                }
            }
            "alias" => {
                for value in values.filter(|value| *value != unit) {
                    let link = format!("/etc/systemd/{}/{value}", instance.name);
                    links.push((link, target.clone()));
                }
            }
            "defaultinstance" => {
                if let Some((before, after)) = unit.split_once("@.") {
                    let value = value.trim().trim_matches(['"', '\'']);
                    wanted = format!("{before}@{value}.{after}");
                }
            }
            _ => {}
        }
    }
    for directory in wants {
        let link = format!("/etc/systemd/{}/{directory}/{wanted}", instance.name);
        links.push((link, target.clone()));
    }
    Ok(())
}

/// `update-rc.d NAME defaults` without insserv: every start and stop has the number 01.
fn runlevels(
    tree: &dyn Tree,
    output: &mut Output<'_>,
    name: &str,
    action: &str,
) -> Result<(), EmulateError> {
    let disabled = match action {
        "defaults" => false,
        "defaults-disabled" => true,
        _ => return Ok(()),
    };
    if name.contains(['$', '/', '\'', '"']) {
        return Ok(());
    }
    let Some(script) = tree.read(&format!("etc/init.d/{name}"))? else {
        return Ok(());
    };
    let script = String::from_utf8_lossy(&script);
    for (header, start) in [("# Default-Start:", true), ("# Default-Stop:", false)] {
        let letter = if start && !disabled { 'S' } else { 'K' };
        let levels = script.lines().find_map(|line| line.strip_prefix(header));
        for level in levels.unwrap_or_default().split_whitespace() {
            if matches!(level, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "S") {
                let link = format!("etc/rc{level}.d/{letter}01{name}");
                output.symlink(&link, &format!("../init.d/{name}"))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    fn tree(script: &str) -> MemoryTree {
        MemoryTree::new()
            .package("init-system-helpers")
            .script("web", "postinst", script)
            .file(
                "usr/lib/systemd/system/web.service",
                b"[Install]\nWantedBy=multi-user.target \"other.target\"\nAlias=www.service\nAlso=web.timer\n",
            )
            .file(
                "usr/lib/systemd/system/web.timer",
                b"[Install]\nWantedBy=timers.target\nAlso=web.service\n",
            )
            .file(
                "etc/init.d/web",
                b"#!/bin/sh\n# Default-Start:     2 3\n# Default-Stop:      0\n",
            )
    }

    #[test]
    fn enables_as_the_helper_does() {
        let mut tree = tree(
            "if true; then\n\tdeb-systemd-helper enable 'web.service' >/dev/null || true\n\
             \tupdate-rc.d web defaults >/dev/null || exit 1\nfi\n",
        );
        tree.run(&SystemdUnits);
        let target = Some("/lib/systemd/system/web.service");
        for link in [
            "multi-user.target.wants/web.service",
            "other.target.wants/web.service",
            "www.service",
        ] {
            assert_eq!(tree.target(&format!("etc/systemd/system/{link}")), target);
            assert_eq!(tree.text(&format!("{}/{link}", SYSTEM.state)), "");
        }
        assert_eq!(
            tree.text(&format!("{}/web.service.dsh-also", SYSTEM.state)),
            "/etc/systemd/system/www.service\n\
             /etc/systemd/system/timers.target.wants/web.timer\n\
             /etc/systemd/system/multi-user.target.wants/web.service\n\
             /etc/systemd/system/other.target.wants/web.service\n"
        );
        assert_eq!(tree.target("etc/rc2.d/S01web"), Some("../init.d/web"));
        assert_eq!(tree.target("etc/rc0.d/K01web"), Some("../init.d/web"));
    }

    #[test]
    fn variables_and_paths_are_left_alone() {
        let mut tree = tree(
            "deb-systemd-helper enable \"$unit\"\ndeb-systemd-helper enable '../x'\n\
             update-rc.d $name defaults\nupdate-rc.d web remove\n",
        );
        assert!(tree.run(&SystemdUnits).is_empty());
    }
}
