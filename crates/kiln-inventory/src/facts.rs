//! The second view of the same pass: how an image runs, and what an intruder would find in it.

use std::collections::BTreeSet;

use kiln_oci::ImageConfig;
use kiln_types::{
    AccountFact, FileFact, ImageFacts, LANGUAGE_PACKAGE_MANAGERS, SHELLS, SYSTEM_PACKAGE_MANAGERS,
};

use crate::assemble::text;
use crate::node::{Finding, Node, NodeKind};
use crate::path::{name, parent};
use crate::tree::Tree;

const INTERPRETERS: [&str; 14] = [
    "awk", "bun", "deno", "gawk", "guile", "java", "lua", "mawk", "node", "perl", "php", "python",
    "ruby", "tclsh",
];
/// Accounts of one file.
const MOST_ACCOUNTS: usize = 10_000;

/// What stands out in the merged view.
pub(crate) fn facts(tree: &Tree<'_>, config: Option<&ImageConfig>) -> ImageFacts {
    let mut facts = ImageFacts::default();
    let passwd = text(tree, "etc/passwd").unwrap_or_default();
    if let Some(config) = config {
        configured(&mut facts, config, passwd);
    }
    facts.accounts = accounts(passwd);
    facts.directories = u64::try_from(tree.implied()).unwrap_or(u64::MAX);
    let mut contents = BTreeSet::new();
    for (path, node, origin) in tree.nodes() {
        match node.kind {
            NodeKind::Directory => facts.directories += 1,
            NodeKind::Symlink => facts.links += 1,
            NodeKind::File => {
                facts.files += 1;
                let entry = facts.by_directory.entry(top(path)).or_default();
                entry.files += 1;
                if contents.insert(origin) {
                    entry.bytes = entry.bytes.saturating_add(node.size);
                    facts.content_bytes = facts.content_bytes.saturating_add(node.size);
                }
            }
            NodeKind::Hardlink | NodeKind::Other => {}
        }
        standing_out(&mut facts, tree, path, node);
    }
    facts
}

fn configured(facts: &mut ImageFacts, config: &ImageConfig, passwd: &str) {
    let process = &config.config;
    facts.user.clone_from(&process.user);
    let user = process.user.split(':').next().unwrap_or_default();
    let is_root = runs_as_root(user, passwd);
    facts.is_root = is_root == Some(true);
    facts.is_user_unknown = is_root.is_none();
    facts.entrypoint.clone_from(&process.entrypoint);
    facts.command.clone_from(&process.cmd);
    facts.working_directory.clone_from(&process.working_dir);
    facts.environment.clone_from(&process.env);
    facts.ports = process.exposed_ports.keys().cloned().collect();
    facts.volumes = process.volumes.keys().cloned().collect();
    facts.labels.clone_from(&process.labels);
}

/// Whether a user is root; nothing where nobody can say it. An engine looks a name up in the image's own
/// accounts, takes what is no number there for 0, and some look up numbers too: whichever way leads to
/// root counts.
fn runs_as_root(user: &str, passwd: &str) -> Option<bool> {
    if user.is_empty() || user == "root" {
        return Some(true);
    }
    let number = user.parse::<u32>().ok();
    let mut uids = passwd.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let uid = (fields.next()? == user).then(|| fields.nth(1).unwrap_or_default())?;
        Some(uid.trim().parse::<u32>().unwrap_or(0))
    });
    let first = uids.next().or(number)?;
    Some(first == 0 || number == Some(0) || uids.any(|uid| uid == 0))
}

/// passwd(5). Lines that are none are left out, as the C library does.
fn accounts(passwd: &str) -> Vec<AccountFact> {
    let mut accounts: Vec<AccountFact> = passwd
        .lines()
        .take(MOST_ACCOUNTS)
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
            let _password = fields.next()?;
            let uid = fields.next()?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            let _comment = fields.next()?;
            Some(AccountFact {
                name,
                uid,
                gid,
                home: fields.next()?.to_owned(),
                shell: fields.next().unwrap_or_default().to_owned(),
            })
        })
        .collect();
    accounts.sort();
    accounts.dedup();
    accounts
}

/// The first two components of the directory of a path.
fn top(path: &str) -> String {
    let parts: Vec<&str> = parent(path).split('/').take(2).collect();
    parts.join("/")
}

fn standing_out(facts: &mut ImageFacts, tree: &Tree<'_>, path: &str, node: &Node) {
    let fact = |note: Option<&str>| FileFact {
        path: path.to_owned(),
        mode: format!("{:04o}", node.mode),
        uid: node.uid,
        gid: node.gid,
        note: note.map(str::to_owned),
    };
    if node.kind == NodeKind::File {
        if node.mode & 0o4000 != 0 {
            facts.setuid.push(fact(None));
        }
        if node.mode & 0o2000 != 0 {
            facts.setgid.push(fact(None));
        }
        if node.capable {
            facts.capabilities.push(fact(None));
        }
        if let Some(secret) = node.findings.iter().find_map(|finding| match finding {
            Finding::Secret(what) => Some(what.as_str()),
            _ => None,
        }) {
            facts.secrets.push(fact(Some(secret)));
        }
    }
    let is_open = match node.kind {
        NodeKind::File => node.mode & 0o002 != 0,
        NodeKind::Directory => node.mode & 0o1002 == 0o002,
        _ => false,
    };
    if is_open {
        facts.world_writable.push(fact(None));
    }
    // A program is a file that may be executed, or a link that leads to one.
    let folder = name(parent(path));
    let is_in_path = matches!(folder, "bin" | "sbin");
    // Shells are such wherever they lie: images for debugging keep theirs in `/busybox`.
    let is_shell = matches!(
        name(path),
        "ash" | "bash" | "busybox" | "dash" | "ksh" | "sh" | "zsh"
    );
    if !(is_in_path || is_shell) || node.kind == NodeKind::Directory {
        return;
    }
    let is_program = tree
        .resolve(path)
        .is_some_and(|(_, node, _)| node.kind == NodeKind::File && node.mode & 0o111 != 0);
    if !is_program {
        return;
    }
    let base = name(path);
    // `python3.13`, `perl5.40.1`, `pip3.13` are what they are without the number.
    let stem = base
        .trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-');
    if SHELLS.contains(&base) {
        facts.shells.push(path.to_owned());
    }
    if !is_in_path {
        return;
    }
    let is_manager = |name: &str| {
        SYSTEM_PACKAGE_MANAGERS.contains(&name) || LANGUAGE_PACKAGE_MANAGERS.contains(&name)
    };
    if is_manager(base) || is_manager(stem) {
        facts.package_managers.push(path.to_owned());
    }
    if INTERPRETERS.contains(&stem) {
        facts.interpreters.push(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_name_that_is_root() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:0:0\nweb:x:33:33:web:/:/bin/sh\n\
                      1000:x:0:0::/:\n twice:x:5:5::/:\ntwice:x:0:0::/:\nbroken:x::\nshort\n";
        for (user, expected) in [
            ("", Some(true)),
            ("root", Some(true)),
            ("0", Some(true)),
            ("00", Some(true)),
            ("app", Some(true)),
            ("twice", Some(true)),
            ("broken", Some(true)),
            ("short", Some(true)),
            ("1000", Some(true)),
            ("web", Some(false)),
            ("1001", Some(false)),
            ("nobody", None),
            ("99999999999", None),
        ] {
            assert_eq!(runs_as_root(user, passwd), expected, "{user}");
        }
        assert_eq!(runs_as_root("app", ""), None);
        assert_eq!(runs_as_root("65532", ""), Some(false));
    }
}
