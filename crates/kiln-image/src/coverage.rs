//! Script coverage: what became of the maintainer scripts that kiln never runs.
//!
//! For every script of every package this says which emulators stand for it, why parts of it do
//! nothing in a fresh image, what is withheld on purpose, and what is left out. The judgement is
//! made of three things, all of them data that people have reviewed:
//!
//! - sections that debhelper added are judged by the tool that added them (`sections.table`);
//! - what remains of the script is either inert (options, argument checks, empty cases) or known by
//!   its digest (`debian-13.table`). A script that nobody has read, or that has changed since, is a
//!   gap: it is never taken for harmless;
//! - `prerm` and `postrm` run when a package is removed or upgraded, never when it is installed
//!   (Debian policy 6.6, "Details of unpack phase of installation or upgrade"), so they have no
//!   effect on a fresh image. `preinst` and `config` do run and are read like `postinst`; `triggers`
//!   only names what sets off the `postinst` of another package, which is judged there.
//!
//! It does not judge what a script calls: a helper program of the package is part of what the
//! reviewer read, but not of the digest.

mod reviewed;
mod script;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kiln_types::{Control, Plan};
use serde::{Deserialize, Serialize};

use crate::Fragment;
use reviewed::{Tables, Verdict};
use script::Script;

/// The members of a package that are scripts or set scripts off, in the order of their use.
const SCRIPTS: [&str; 6] = [
    "config", "preinst", "postinst", "triggers", "prerm", "postrm",
];

/// Why `prerm` and `postrm` count as they do.
const NOT_ON_INSTALL: &str =
    "runs when the package is removed or upgraded, never when it is installed";

/// What became of one script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScriptCoverage {
    /// The package.
    pub package: String,
    /// The script: `postinst`, `triggers` …
    pub script: String,
    /// The emulators that stand for what it does, by name.
    pub emulators: BTreeSet<String>,
    /// Why parts of it have no effect on a fresh image.
    pub without_effect: BTreeSet<String>,
    /// What it does that no image should have: secrets, started services.
    pub withheld: BTreeSet<String>,
    /// What it does that nothing stands for.
    pub left_out: BTreeSet<String>,
}

impl ScriptCoverage {
    /// Whether nothing of it is left out.
    #[must_use]
    pub fn is_accounted_for(&self) -> bool {
        self.left_out.is_empty()
    }

    fn add(&mut self, verdict: &Verdict<'_>, image: &Image<'_>) {
        match verdict {
            Verdict::Emulated(emulator) => {
                if image.plan.emulators.iter().any(|name| name == emulator) {
                    self.emulators.insert((*emulator).to_owned());
                } else {
                    self.left_out.insert(format!(
                        "what emulator `{emulator}` does, which this distribution does not run"
                    ));
                }
            }
            Verdict::WithoutEffect(text) => {
                self.without_effect.insert((*text).to_owned());
            }
            Verdict::Withheld(text) => {
                self.withheld.insert((*text).to_owned());
            }
            Verdict::LeftOut(text) => {
                self.left_out.insert((*text).to_owned());
            }
            Verdict::LeftOutWith(packages, text) => {
                if packages
                    .split(',')
                    .any(|name| image.packages.contains(name))
                {
                    self.left_out.insert((*text).to_owned());
                }
            }
        }
    }
}

/// What a script is judged by, besides itself.
struct Image<'a> {
    plan: &'a Plan,
    packages: BTreeSet<&'a str>,
    tables: Tables<'static>,
}

/// What became of all scripts of an image: by package, then in the order of their use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coverage(pub Vec<ScriptCoverage>);

/// Scripts, counted by what became of them. A script is counted once, under the first that fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CoverageCounts {
    /// All of them.
    pub scripts: usize,
    /// Something is left out.
    pub left_out: usize,
    /// An emulator stands for it.
    pub emulated: usize,
    /// It does nothing on a fresh image but what is withheld.
    pub withheld: usize,
    /// It does nothing on a fresh image.
    pub without_effect: usize,
}

impl Coverage {
    /// Counts.
    #[must_use]
    pub fn counts(&self) -> CoverageCounts {
        let mut counts = CoverageCounts {
            scripts: self.0.len(),
            ..CoverageCounts::default()
        };
        for script in &self.0 {
            let slot = if !script.left_out.is_empty() {
                &mut counts.left_out
            } else if !script.emulators.is_empty() {
                &mut counts.emulated
            } else if !script.withheld.is_empty() {
                &mut counts.withheld
            } else {
                &mut counts.without_effect
            };
            *slot += 1;
        }
        counts
    }

    /// The scripts of which something is left out.
    pub fn gaps(&self) -> impl Iterator<Item = &ScriptCoverage> {
        self.0.iter().filter(|script| !script.is_accounted_for())
    }
}

/// A script that somebody must read before kiln can say what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreviewed {
    /// The script.
    pub script: String,
    /// What names it in the table.
    pub digest: String,
    /// What debhelper did not add.
    pub text: String,
}

/// The scripts of a package that no table knows; with all, also those that it knows.
#[must_use]
pub fn to_review(control: &Control, all: bool) -> Vec<Unreviewed> {
    let tables = Tables::built_in();
    ["config", "preinst", "postinst"]
        .iter()
        .filter_map(|name| {
            let script = Script::parse(control.members.get(*name)?, &control.architecture);
            let digest = script.digest();
            let known = tables.script(&control.name, name, &digest).is_ok();
            (!script.inert && (all || !known)).then(|| Unreviewed {
                script: (*name).to_owned(),
                digest,
                text: script.rest,
            })
        })
        .collect()
}

/// What becomes of the scripts of these packages.
#[must_use]
pub fn coverage(plan: &Plan, fragments: &[&Fragment]) -> Coverage {
    let mut packages: Vec<&Control> = fragments.iter().map(|fragment| &fragment.control).collect();
    packages.sort_by(|left, right| left.name.cmp(&right.name));
    let image = Image {
        plan,
        packages: packages.iter().map(|control| &*control.name).collect(),
        tables: Tables::built_in(),
    };
    Coverage(
        packages
            .into_iter()
            .flat_map(|control| of_package(&image, control))
            .collect(),
    )
}

fn of_package(image: &Image<'_>, control: &Control) -> Vec<ScriptCoverage> {
    SCRIPTS
        .iter()
        .filter_map(|name| Some((*name, control.members.get(*name)?)))
        .map(|(name, content)| {
            let mut covered = ScriptCoverage {
                package: control.name.clone(),
                script: name.to_owned(),
                ..ScriptCoverage::default()
            };
            match name {
                "prerm" | "postrm" => {
                    covered.without_effect.insert(NOT_ON_INSTALL.to_owned());
                }
                "triggers" => of_triggers(image, content, &mut covered),
                _ => of_script(image, control, content, &mut covered),
            }
            covered
        })
        .collect()
}

fn of_script(image: &Image<'_>, control: &Control, content: &[u8], covered: &mut ScriptCoverage) {
    let script = Script::parse(content, &control.architecture);
    for tool in &script.tools {
        match image.tables.section(tool, &covered.script) {
            Some(verdicts) => verdicts
                .iter()
                .for_each(|verdict| covered.add(verdict, image)),
            None => {
                covered.left_out.insert(format!(
                    "the section that `{tool}` added, a tool not reviewed"
                ));
            }
        }
    }
    if script.inert {
        if script.tools.is_empty() {
            covered
                .without_effect
                .insert("checks its arguments and does nothing".to_owned());
        }
        return;
    }
    let digest = script.digest();
    match image.tables.script(&control.name, &covered.script, &digest) {
        Ok(verdicts) => verdicts
            .iter()
            .for_each(|verdict| covered.add(verdict, image)),
        Err(known) => {
            let what = if known {
                "it has changed since it was reviewed"
            } else {
                "not reviewed"
            };
            covered
                .left_out
                .insert(format!("{what} ({} {digest})", control.version));
        }
    }
}

/// deb-triggers(5): `activate` sets off the postinst of whoever is interested, `interest` one's own.
fn of_triggers(image: &Image<'_>, content: &[u8], covered: &mut ScriptCoverage) {
    for line in String::from_utf8_lossy(content).lines() {
        let mut words = line.split_whitespace();
        let (Some(directive), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        if let Some(verdicts) = directive
            .starts_with("activate")
            .then(|| image.tables.section(&format!("trigger:{name}"), "triggers"))
            .flatten()
        {
            verdicts
                .iter()
                .for_each(|verdict| covered.add(verdict, image));
        }
    }
    if covered.emulators.is_empty() && covered.left_out.is_empty() {
        covered
            .without_effect
            .insert("sets off `postinst`, which is judged there".to_owned());
    }
}
