//! What must hold of a finished image: the invariants that a profile names.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    EntryKind, FileEntry, PackageFormat, Plan, RelativePath, SHELLS, SYSTEM_PACKAGE_MANAGERS,
};
use serde::Serialize;

use crate::AssembleError;
use crate::cuts::Pattern;
use crate::fragment::Fragment;
use crate::merge::Removal;
use crate::opening::Opening;
use crate::reach::{CutRule, KeptCaller, ReachReport};
use crate::tree::GrowingTree;

/// The names of all checks.
pub const CHECKS: [&str; 11] = [
    "declared-interpreters",
    "dependencies-hold",
    "known-owners",
    "no-package-manager",
    "no-private-keys",
    "no-setuid",
    "no-shell",
    "no-world-writable",
    "no-writable-system-paths",
    "non-root",
    "shell-callers",
];

/// What is known of a finished tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ImageFacts {
    /// The number of packages.
    pub packages: usize,
    /// The number of files and links.
    pub files: usize,
    /// The sum of the sizes of all files in bytes.
    pub size: u64,
    /// Shells, by path.
    pub shells: Vec<RelativePath>,
    /// The command lines that the command gate at `/bin/sh` runs, and nothing else; empty where
    /// there is no gate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command_gate: Vec<String>,
    /// Package managers, by path.
    pub package_managers: Vec<RelativePath>,
    /// Files with the setuid or setgid bit or with capabilities, by path.
    pub setuid: Vec<RelativePath>,
    /// Files and directories that anybody may write, sticky directories left out, by path.
    pub world_writable: Vec<RelativePath>,
    /// The number of packages that were resolved, of which some may have left.
    #[serde(default)]
    pub resolved: usize,
    /// What left by which rule: packages and files.
    #[serde(default)]
    pub cuts: BTreeMap<CutRule, CutCount>,
    /// The number of files, links and directories by who made them; the rest is of packages.
    #[serde(default)]
    pub made: BTreeMap<String, usize>,
    /// Files that can start a shell, by path.
    #[serde(default)]
    pub shell_callers: Vec<KeptCaller>,
}

/// How much a rule cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct CutCount {
    /// Whole packages.
    pub packages: usize,
    /// Files of packages that stay.
    pub files: usize,
}

impl ImageFacts {
    /// Looks at all entries of a tree.
    pub(crate) fn of<'a>(packages: usize, entries: impl Iterator<Item = &'a FileEntry>) -> Self {
        let mut facts = Self {
            packages,
            ..Self::default()
        };
        for entry in entries {
            if entry.kind != EntryKind::Directory {
                facts.files += 1;
                facts.size += entry.size;
            }
            if is_program(entry, &SHELLS) && !crate::start::is_gate(entry) {
                facts.shells.push(entry.path.clone());
            }
            if is_program(entry, &SYSTEM_PACKAGE_MANAGERS) {
                facts.package_managers.push(entry.path.clone());
            }
            // File capabilities give rights as setuid does (capabilities(7)).
            let privileged =
                entry.mode & 0o6000 != 0 || entry.xattrs.contains_key("security.capability");
            let file = matches!(entry.kind, EntryKind::File | EntryKind::Hardlink(_));
            if file && privileged {
                facts.setuid.push(entry.path.clone());
            }
            let sticky = entry.kind == EntryKind::Directory && entry.mode & 0o1000 != 0;
            if entry.mode & 0o002 != 0 && !sticky && !matches!(entry.kind, EntryKind::Symlink(_)) {
                facts.world_writable.push(entry.path.clone());
            }
        }
        facts
    }

    /// Adds the programs that are shells by what they hold, whatever their names.
    pub(crate) fn find_shells(&mut self, tree: &GrowingTree<'_>) {
        for (path, entry) in tree.entries() {
            let file = matches!(entry.kind, EntryKind::File | EntryKind::Hardlink(_));
            if file
                && entry.mode & 0o111 != 0
                && tree.facts(path).is_some_and(|facts| facts.is_a_shell)
                && !self.shells.contains(path)
            {
                self.shells.push(path.clone());
            }
        }
        self.shells.sort();
    }

    /// Adds what is known of how the tree came to be.
    pub(crate) fn describe(
        &mut self,
        tree: &GrowingTree<'_>,
        report: Option<&ReachReport>,
        resolved: usize,
    ) {
        self.resolved = resolved;
        for made in tree.made().values() {
            *self.made.entry(made.maker.to_string()).or_default() += 1;
        }
        let Some(report) = report else { return };
        for cut in &report.cut.packages {
            self.cuts.entry(cut.rule).or_default().packages += 1;
        }
        for cut in &report.cut.files {
            self.cuts.entry(cut.rule).or_default().files += cut.paths.len();
        }
        self.shell_callers.clone_from(&report.shell_callers);
    }
}

/// Whether an entry is a program (or a link to one) of one of these names, in a place for programs.
/// A link counts by its target's name too, wherever that is.
fn is_program(entry: &FileEntry, names: &[&str]) -> bool {
    let executable = match entry.kind {
        EntryKind::Directory => false,
        EntryKind::Symlink(_) => true,
        EntryKind::File | EntryKind::Hardlink(_) => entry.mode & 0o111 != 0,
    };
    let parent = entry.path.parent();
    let in_path = parent
        .as_str()
        .split('/')
        .next_back()
        .is_some_and(|name| name == "bin" || name == "sbin");
    let target = match &entry.kind {
        EntryKind::Symlink(target) => target.as_str().rsplit('/').next().unwrap_or_default(),
        _ => "",
    };
    executable && in_path && (names.contains(&entry.path.file_name()) || names.contains(&target))
}

/// How one check came out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct CheckOutcome {
    /// Its name.
    pub check: String,
    /// What speaks against it; empty when it holds.
    pub violations: Vec<String>,
}

/// Runs the plan's checks over a finished tree.
pub(crate) fn run_checks(
    plan: &Plan,
    format: &dyn PackageFormat,
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
    removal: &Removal,
) -> Result<Vec<CheckOutcome>, AssembleError> {
    let entries = tree.entries();
    let entries = entries.values().copied();
    let mut facts = ImageFacts::of(0, entries.clone());
    facts.find_shells(tree);
    let paths = |list: &[RelativePath]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    plan.checks
        .iter()
        .map(|check| {
            let violations = match check.as_str() {
                "declared-interpreters" => undeclared_interpreters(plan, entries.clone()),
                "dependencies-hold" => open_dependencies(format, fragments, removal),
                "known-owners" => strangers(tree),
                "no-private-keys" => private_keys(tree),
                "no-shell" => shells(plan, tree, &facts),
                "no-package-manager" => paths(&facts.package_managers),
                "no-setuid" => paths(&facts.setuid),
                "no-world-writable" => paths(&facts.world_writable),
                "no-writable-system-paths" => writable_system_paths(plan, entries.clone()),
                "non-root" => root_user(plan),
                "shell-callers" => shell_callers(plan, tree, fragments, removal),
                _ => return Err(AssembleError::UnknownCheck(check.clone())),
            };
            Ok(CheckOutcome {
                check: check.clone(),
                violations,
            })
        })
        .collect()
}

/// Shells by their names, and whatever else says of itself that it is a script for one and could
/// be started. Such a script is of no use without a shell: it is a sign of something forgotten.
fn shells(plan: &Plan, tree: &GrowingTree<'_>, facts: &ImageFacts) -> Vec<String> {
    let mut violations: Vec<String> = facts.shells.iter().map(ToString::to_string).collect();
    if !plan.reach.cut {
        return violations;
    }
    for (path, entry) in tree.entries() {
        let script = tree.opening(path).and_then(Opening::interpreter_name);
        let Some(program) = script.filter(|_| entry.mode & 0o111 != 0) else {
            continue;
        };
        let of = program.rsplit('/').next().unwrap_or_default();
        if SHELLS.contains(&of) {
            violations.push(format!("{path} is a script for `{of}`"));
        }
    }
    violations
}

/// Interpreters of languages that the definition does not declare.
fn undeclared_interpreters<'a>(
    plan: &Plan,
    entries: impl Iterator<Item = &'a FileEntry> + Clone,
) -> Vec<String> {
    let mut violations = Vec::new();
    for language in &plan.reach.languages {
        if plan.reach.interpreters.contains(&language.name) {
            continue;
        }
        let patterns: Vec<Pattern> = language
            .interpreters
            .iter()
            .map(|text| Pattern::of_files(text, plan.merged_usr))
            .collect();
        let found = entries.clone().filter(|entry| {
            entry.kind != EntryKind::Directory
                && patterns
                    .iter()
                    .any(|pattern| pattern.matches(entry.path.as_str()))
        });
        violations.extend(found.map(|entry| {
            format!(
                "{} runs {}, which `contents.interpreters` does not name",
                entry.path, language.name
            )
        }));
    }
    violations
}

fn private_keys(tree: &GrowingTree<'_>) -> Vec<String> {
    tree.entries()
        .keys()
        .filter(|path| matches!(tree.opening(path), Some(Opening::PrivateKey)))
        .map(|path| format!("{path} holds a private key"))
        .collect()
}

/// Paths of which neither the package database nor anybody who makes files says that they are
/// theirs. Directories that nobody lists but something lies in are everybody's.
fn strangers(tree: &GrowingTree<'_>) -> Vec<String> {
    let is_list = |path: &RelativePath| {
        path.is_below("var/lib/dpkg/info") && path.file_name().ends_with(".list")
    };
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for (_, made) in tree.made().iter().filter(|(path, _)| is_list(path)) {
        listed.extend(
            std::str::from_utf8(&made.file.content)
                .unwrap_or_default()
                .lines(),
        );
    }
    let is_listed = |path: &RelativePath| {
        let path = path.to_string();
        // Packages that do not know of the merged /usr list their files where they ship them.
        listed.contains(&*path)
            || path
                .strip_prefix("/usr")
                .is_some_and(|path| listed.contains(path))
    };
    // A database without lists (of packages in `status.d`) says nothing about files.
    let known = |path: &RelativePath| {
        tree.made().contains_key(path)
            || tree.owner(path).is_some() && (listed.is_empty() || is_listed(path))
    };
    tree.entries()
        .into_iter()
        .filter(|(path, entry)| entry.kind != EntryKind::Directory && !known(path))
        .map(|(path, _)| format!("{path} belongs to nobody"))
        .collect()
}

/// Dependencies of packages of the image that no package of the image satisfies.
fn open_dependencies(
    format: &dyn PackageFormat,
    fragments: &[&Fragment],
    removal: &Removal,
) -> Vec<String> {
    let here: Vec<&Fragment> = fragments
        .iter()
        .enumerate()
        .filter(|(index, _)| !removal.packages.contains(index))
        .map(|(_, fragment)| *fragment)
        .collect();
    let mut violations = Vec::new();
    for fragment in &here {
        for alternatives in format.depends(&fragment.control) {
            let holds = alternatives.iter().any(|relation| {
                here.iter()
                    .any(|other| format.satisfies(relation, &other.control))
            });
            if !holds {
                let wanted: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                let name = &fragment.control.name;
                violations.push(format!("`{name}` depends on `{}`", wanted.join(" | ")));
            }
        }
    }
    violations
}

fn shell_callers(
    plan: &Plan,
    tree: &GrowingTree<'_>,
    fragments: &[&Fragment],
    removal: &Removal,
) -> Vec<String> {
    let callers = crate::reach::shell_callers(plan, tree, fragments, removal);
    callers
        .iter()
        .filter(|caller| caller.reason.is_none())
        .map(|caller| {
            format!(
                "{} starts a shell ({}), and there is none: say in `contents.without-shell` why that is right",
                caller.path,
                caller.calls.join(", ")
            )
        })
        .collect()
}

fn root_user(plan: &Plan) -> Vec<String> {
    match plan.accounts.run_as {
        Some((0, _)) => vec!["the image runs as uid 0".to_owned()],
        None => vec!["the image names no user, so it runs as root".to_owned()],
        Some(_) => {
            let user = &plan.config.user;
            let numeric = !user.is_empty()
                && user
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b':');
            match numeric {
                true => Vec::new(),
                false => vec![format!("the user `{user}` is not a number")],
            }
        }
    }
}

/// Programs, libraries and settings must not belong to the user that the image runs as, unless the
/// definition declares them writable.
fn writable_system_paths<'a>(
    plan: &Plan,
    entries: impl Iterator<Item = &'a FileEntry>,
) -> Vec<String> {
    let Some((uid, gid)) = plan.accounts.run_as.filter(|(uid, _)| *uid != 0) else {
        return Vec::new();
    };
    // `/usr` as a whole is nobody's working directory, whatever the definition says.
    let declared = |path: &RelativePath| {
        plan.paths.iter().any(|declared| {
            declared.writable
                && declared.path.as_str().contains('/')
                && path.is_below(declared.path.as_str())
        })
    };
    entries
        .filter(|entry| {
            // Platforms run images as any user with group 0, who then may write what root's group may.
            (entry.uid == uid && entry.mode & 0o200 != 0
                || (entry.gid == gid || entry.gid == 0) && entry.mode & 0o020 != 0)
                && !matches!(entry.kind, EntryKind::Symlink(_))
        })
        .filter(|entry| {
            let first = entry.path.as_str().split('/').next().unwrap_or_default();
            matches!(
                first,
                "usr" | "etc" | "bin" | "sbin" | "lib" | "lib64" | "boot" | "opt"
            )
        })
        .filter(|entry| !declared(&entry.path))
        .map(|entry| entry.path.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: EntryKind, mode: u32) -> FileEntry {
        let path = RelativePath::new(path).unwrap();
        FileEntry {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 1,
            xattrs: Default::default(),
        }
    }

    #[test]
    fn facts_name_what_matters() {
        let entries = [
            entry("usr/bin/dash", EntryKind::File, 0o755),
            entry("usr/bin/sh", EntryKind::Symlink("dash".to_owned()), 0o777),
            entry("usr/share/doc/sh", EntryKind::File, 0o755),
            entry("usr/bin/su", EntryKind::File, 0o4755),
            entry("tmp", EntryKind::Directory, 0o1777),
            entry("var/open", EntryKind::Directory, 0o777),
            entry("usr/sbin/apk", EntryKind::File, 0o644),
            entry(
                "usr/bin/dpkg",
                EntryKind::Hardlink(RelativePath::new("x").unwrap()),
                0o755,
            ),
        ];
        let facts = ImageFacts::of(3, entries.iter());
        let text =
            |paths: &[RelativePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&facts.shells), ["/usr/bin/dash", "/usr/bin/sh"]);
        assert_eq!(text(&facts.setuid), ["/usr/bin/su"]);
        assert_eq!(text(&facts.world_writable), ["/var/open"]);
        assert_eq!(text(&facts.package_managers), ["/usr/bin/dpkg"]);
        assert_eq!((facts.packages, facts.files), (3, 6));
    }
}
