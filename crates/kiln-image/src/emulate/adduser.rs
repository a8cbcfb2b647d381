//! The users and groups that scripts make with `adduser --system` (adduser(8), 3.152).
//!
//! What they ask for is declared in `adduser/debian-13.table`. Numbers are the first that are free
//! from 100 on, users and groups each for themselves, as adduser.conf(5) has them; they are given in
//! the order of the table, which is that of the dependencies. (dpkg gives them in the order in which
//! it configures packages; two of these servers in one image may so get each other's numbers.) An
//! account that is there already, such as one that the definition makes, is left as it is. Home
//! directories are made by those who own them.

use std::collections::BTreeMap;

use kiln_types::SynthesisedFile;

use super::output::Output;
use super::{EmulateError, Emulator, Tree};

const NAME: &str = "adduser";
const TABLE: &str = include_str!("adduser/debian-13.table");
/// adduser.conf(5): `FIRST_SYSTEM_UID` and `LAST_SYSTEM_UID`, and the same for groups.
const SYSTEM: std::ops::RangeInclusive<u32> = 100..=999;
/// Account files of an image are a few kilobytes; more lines than this are an attack.
const MAX_LINES: usize = 100_000;

/// Makes the system accounts of packages.
pub(super) struct Adduser;

impl Emulator for Adduser {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "makes the system users and groups that scripts ask of adduser"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("memcached", "postinst"),
            ("postgresql-common", "postinst"),
            ("redis-tools", "postinst"),
            ("ssl-cert", "postinst"),
            ("valkey-tools", "postinst"),
        ]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(NAME, tree);
        let wanted: Vec<Vec<&str>> = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().collect())
            .filter(|words: &Vec<&str>| words.first().is_some_and(|name| tree.has_package(name)))
            .collect();
        if wanted.is_empty() {
            return Ok(output.finish());
        }
        let mut files = Files::read(tree)?;
        for words in &wanted {
            match words[..] {
                [_, "group", name] => {
                    files.group(name)?;
                }
                [_, "user", name, group, home, shell, ref comment @ ..] => {
                    files.user(name, group, home, shell, &comment.join(" "))?;
                }
                [_, "member", user, group] => files.member(user, group),
                _ => {}
            }
        }
        for (path, lines) in files.changed() {
            let (mode, gid) = tree
                .entry(path)
                .map_or((0o644, 0), |entry| (entry.mode, entry.gid));
            output.file(path, mode, lines.join("\n") + "\n")?.gid = gid;
        }
        Ok(output.finish())
    }
}

/// The account files, line by line.
struct Files {
    by_path: BTreeMap<&'static str, (Vec<String>, bool)>,
}

impl Files {
    fn read(tree: &dyn Tree) -> Result<Self, EmulateError> {
        let mut by_path = BTreeMap::new();
        for path in ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"] {
            let Some(content) = tree.read(path)? else {
                continue;
            };
            let text = String::from_utf8(content).map_err(|_| wrong(path, "it is not text"))?;
            let lines: Vec<String> = text
                .lines()
                .take(MAX_LINES + 1)
                .map(str::to_owned)
                .collect();
            if lines.len() > MAX_LINES {
                return Err(wrong(path, "it has too many lines"));
            }
            by_path.insert(path, (lines, false));
        }
        Ok(Self { by_path })
    }

    fn find(&self, path: &str, name: &str) -> Option<&String> {
        let (lines, _) = self.by_path.get(path)?;
        lines
            .iter()
            .find(|line| line.split(':').next() == Some(name))
    }

    /// Appends a line, to files that there are.
    fn push(&mut self, path: &'static str, line: String) {
        if let Some((lines, changed)) = self.by_path.get_mut(path) {
            lines.push(line);
            *changed = true;
        }
    }

    fn free(&self, path: &'static str) -> Result<u32, EmulateError> {
        let taken: Vec<u32> = self
            .by_path
            .get(path)
            .map(|(lines, _)| lines.as_slice())
            .unwrap_or_default()
            .iter()
            .filter_map(|line| line.split(':').nth(2)?.parse().ok())
            .collect();
        SYSTEM
            .into_iter()
            .find(|id| !taken.contains(id))
            .ok_or_else(|| wrong(path, "no number of a system account is free"))
    }

    fn group(&mut self, name: &str) -> Result<u32, EmulateError> {
        let number = |line: &String| line.split(':').nth(2)?.parse().ok();
        if let Some(id) = self.find("etc/group", name).and_then(number) {
            return Ok(id);
        }
        let id = self.free("etc/group")?;
        self.push("etc/group", format!("{name}:x:{id}:"));
        self.push("etc/gshadow", format!("{name}:!::"));
        Ok(id)
    }

    fn user(
        &mut self,
        name: &str,
        group: &str,
        home: &str,
        shell: &str,
        comment: &str,
    ) -> Result<(), EmulateError> {
        if self.find("etc/passwd", name).is_some() {
            return Ok(());
        }
        let uid = self.free("etc/passwd")?;
        let gid = self.group(group)?;
        self.push(
            "etc/passwd",
            format!("{name}:x:{uid}:{gid}:{comment}:{home}:{shell}"),
        );
        // No day of the last change: today's date must not get into an image.
        self.push("etc/shadow", format!("{name}:!:::::::"));
        Ok(())
    }

    /// Adds a user to a group that there is.
    fn member(&mut self, user: &str, group: &str) {
        if self.find("etc/passwd", user).is_none() {
            return;
        }
        for path in ["etc/group", "etc/gshadow"] {
            let Some((lines, changed)) = self.by_path.get_mut(path) else {
                continue;
            };
            let here = lines
                .iter_mut()
                .find(|line| line.split(':').next() == Some(group));
            if let Some(line) = here {
                let members = line.rsplit(':').next().unwrap_or_default();
                if !members.split(',').any(|member| member == user) {
                    let comma = if members.is_empty() { "" } else { "," };
                    line.push_str(&format!("{comma}{user}"));
                    *changed = true;
                }
            }
        }
    }

    fn changed(self) -> impl Iterator<Item = (&'static str, Vec<String>)> {
        self.by_path
            .into_iter()
            .filter(|(_, (_, changed))| *changed)
            .map(|(path, (lines, _))| (path, lines))
    }
}

fn wrong(path: &str, reason: &str) -> EmulateError {
    EmulateError::File {
        emulator: NAME,
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    /// What the real scripts leave in a root of Debian 13 with these packages, but for the date.
    #[test]
    fn gives_the_numbers_that_adduser_gives() {
        let mut tree = MemoryTree::new()
            .package("ssl-cert")
            .package("redis-tools")
            .package("postgresql-common")
            .file("etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n")
            .file("etc/group", b"root:x:0:\nusers:x:100:\n")
            .file("etc/shadow", b"root:*::0:99999:7:::\n")
            .file("etc/gshadow", b"root:*::\nusers:*::\n");
        assert_eq!(tree.run(&Adduser).len(), 4);
        assert_eq!(
            tree.text("etc/passwd"),
            "root:x:0:0:root:/root:/bin/bash\nredis:x:100:102::/var/lib/redis:/usr/sbin/nologin\n\
             postgres:x:101:103:PostgreSQL administrator:/var/lib/postgresql:/bin/bash\n"
        );
        assert_eq!(
            tree.text("etc/group"),
            "root:x:0:\nusers:x:100:\nssl-cert:x:101:postgres\nredis:x:102:\npostgres:x:103:\n"
        );
        assert!(tree.text("etc/shadow").ends_with("\npostgres:!:::::::\n"));
        assert!(
            tree.text("etc/gshadow")
                .contains("\nssl-cert:!::postgres\n")
        );
        assert!(
            tree.run(&Adduser).is_empty(),
            "a second run changes nothing"
        );
    }

    #[test]
    fn leaves_the_accounts_of_the_definition_alone() {
        let mut tree = MemoryTree::new()
            .package("redis-tools")
            .file(
                "etc/passwd",
                b"redis:x:65532:65532:redis:/data:/sbin/nologin\n",
            )
            .file("etc/group", b"redis:x:65532:\n");
        assert!(tree.run(&Adduser).is_empty());
    }

    #[test]
    fn every_line_of_the_table_is_understood_and_declared() {
        let declared: Vec<&str> = Adduser.stands_for().iter().map(|(name, _)| *name).collect();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(declared.contains(&words[0]), "{line}");
            let least = match words[1] {
                "group" => 3,
                "member" => 4,
                "user" => 6,
                other => panic!("{other}"),
            };
            assert!(words.len() >= least, "{line}");
        }
    }
}
