//! What is told of a walk: why something is in an image, what left it, and what could start a
//! shell.

use std::collections::BTreeMap;

use kiln_types::RelativePath;
use serde::{Deserialize, Serialize};

use super::{CutRule, Reason, Stay};

/// A package that left as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The rule.
    pub rule: CutRule,
}

/// Files that left a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutFiles {
    /// The package.
    pub package: String,
    /// The rule.
    pub rule: CutRule,
    /// Their paths, sorted.
    pub paths: Vec<String>,
}

/// Everything that left an image by the rules of reachability: what the image itself says in
/// `/usr/share/kiln/cut.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutList {
    /// Packages that left as a whole, by name.
    pub packages: Vec<CutPackage>,
    /// Files that left packages which stay, by package and rule.
    pub files: Vec<CutFiles>,
}

impl CutList {
    /// Where an image holds it.
    pub const PATH: &'static str = "usr/share/kiln/cut.json";

    /// The file in an image. Every line is one package or one group of files, so that two can be
    /// compared.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        let mut text = "{\"format\": 1,\n\"rules\": {".to_owned();
        let rules: Vec<String> = CutRule::ALL
            .iter()
            .map(|rule| format!("\n{}: {}", json(&rule), json(&rule.sentence())))
            .collect();
        text.push_str(&rules.join(","));
        text.push_str("},\n\"packages\": [");
        let packages: Vec<String> = self
            .packages
            .iter()
            .map(|cut| format!("\n{}", json(cut)))
            .collect();
        text.push_str(&packages.join(","));
        text.push_str("],\n\"files\": [");
        let files: Vec<String> = self
            .files
            .iter()
            .map(|cut| format!("\n{}", json(cut)))
            .collect();
        text.push_str(&files.join(","));
        text.push_str("]}\n");
        text.into_bytes()
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain texts and lists can always be written")
}

/// A file of an image that can start a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCaller {
    /// The file.
    pub path: RelativePath,
    /// The functions by which it would.
    pub calls: Vec<String>,
    /// Why that is accepted; absent where nobody accepts it.
    pub reason: Option<String>,
}

/// What the walk over an image found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachReport {
    /// Why each reached path is.
    pub reasons: BTreeMap<RelativePath, Reason>,
    /// Why each package that stays does, by name.
    pub packages: BTreeMap<String, Stay>,
    /// What left.
    pub cut: CutList,
    /// Files that can start a shell, by path.
    pub shell_callers: Vec<KeptCaller>,
}

/// One step of the answer to "why is this in the image": what, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// A package or a path.
    pub what: String,
    /// Why it is there; names the next step where there is one.
    pub why: String,
}

impl ReachReport {
    /// Why a package is in the image, down to a root; `None` where it is not in it.
    #[must_use]
    pub fn why_package(&self, name: &str) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        let mut name = name.to_owned();
        loop {
            let stay = self.packages.get(&name)?;
            let what = format!("package {name}");
            match stay {
                Stay::Requested => {
                    let why = "the definition, its profile or the distribution asks for it";
                    steps.push(Step {
                        what,
                        why: why.to_owned(),
                    });
                    return Some(steps);
                }
                Stay::Reached(path) => {
                    let why = format!("{path} of it is reached");
                    steps.push(Step { what, why });
                    steps.extend(self.why_path(path)?);
                    return Some(steps);
                }
                Stay::Needed(by) => {
                    let why = format!("{by} depends on it, and it holds data or modules");
                    steps.push(Step { what, why });
                    // A package stays before those that stay for it: this cannot go in a circle.
                    if steps.len() > self.packages.len() {
                        return Some(steps);
                    }
                    name.clone_from(by);
                }
            }
        }
    }

    /// Why a path is reached, down to a root; `None` where nothing reaches it.
    #[must_use]
    pub fn why_path(&self, path: &RelativePath) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        let mut path = path;
        loop {
            match self.reasons.get(path)? {
                Reason::Root(why) => {
                    steps.push(Step {
                        what: path.to_string(),
                        why: why.clone(),
                    });
                    return Some(steps);
                }
                Reason::From { path: parent, how } => {
                    let why = match how.as_str() {
                        "its package stays" => format!("{parent} of its package is reached"),
                        how => format!("{parent} {how}"),
                    };
                    steps.push(Step {
                        what: path.to_string(),
                        why,
                    });
                    if steps.len() > self.reasons.len() {
                        return Some(steps);
                    }
                    path = parent;
                }
            }
        }
    }
}
