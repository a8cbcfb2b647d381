//! The users and groups that a definition adds, in `/etc/passwd` and `/etc/group` (passwd(5),
//! group(5)), with their home directories; and the shadow files where the package `passwd` is.

use kiln_types::{Account, Group, SynthesisedFile};

use super::output::Output;
use super::shadow::shadow_files;
use super::{EmulateError, Emulator, Tree};

const NAME: &str = "accounts";
/// Account files of an image are a few kilobytes; more lines than this are an attack.
const MAX_LINES: usize = 100_000;

/// Adds the accounts of the plan.
pub(super) struct Accounts;

impl Emulator for Accounts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn summary(&self) -> &'static str {
        "adds the definition's users and groups, their home directories, and shadow files"
    }

    fn stands_for(&self) -> &'static [(&'static str, &'static str)] {
        // `shadowconfig on` is what passwd's postinst does to a fresh root.
        &[("passwd", "postinst")]
    }

    fn run(&self, tree: &dyn Tree) -> Result<Vec<SynthesisedFile>, EmulateError> {
        let mut output = Output::new(NAME, tree);
        let accounts = &tree.plan().accounts;
        let shadow = tree.has_package("passwd");
        if accounts.users.is_empty() && accounts.groups.is_empty() && !shadow {
            return Ok(output.finish());
        }
        let mut users = Table::read(tree, "etc/passwd")?;
        let mut groups = Table::read(tree, "etc/group")?;
        for group in &accounts.groups {
            add_group(&mut groups, group)?;
        }
        for user in &accounts.users {
            add_user(&mut users, &mut groups, user)?;
        }
        if shadow {
            shadow_files(&mut users, &mut groups, &mut output)?;
        }
        output.file("etc/passwd", 0o644, users.print())?;
        output.file("etc/group", 0o644, groups.print())?;
        for user in &accounts.users {
            let home = user.home.trim_end_matches('/');
            // `/nonexistent` is Debian policy's home of users that have none (policy 9.2.3).
            if !matches!(home, "" | "/nonexistent" | "/dev/null") && !output.exists(home) {
                let entry = output.directory(home, 0o700)?;
                (entry.uid, entry.gid) = (user.uid, user.gid);
            }
        }
        Ok(output.finish())
    }
}

/// An account file: lines of fields between colons, in their order.
pub(super) struct Table {
    path: &'static str,
    pub(super) lines: Vec<Vec<String>>,
}

impl Table {
    fn read(tree: &dyn Tree, path: &'static str) -> Result<Self, EmulateError> {
        let error = |reason: &str| EmulateError::File {
            emulator: NAME,
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let content = tree.read(path)?.unwrap_or_default();
        let text = String::from_utf8(content).map_err(|_| error("it is not text"))?;
        let lines: Vec<Vec<String>> = text
            .lines()
            .filter(|line| !line.is_empty())
            .take(MAX_LINES + 1)
            .map(|line| line.split(':').map(str::to_owned).collect())
            .collect();
        if lines.len() > MAX_LINES {
            return Err(error("it has too many lines"));
        }
        Ok(Self { path, lines })
    }

    fn named(&self, name: &str) -> Option<&Vec<String>> {
        self.lines
            .iter()
            .find(|line| line.first().is_some_and(|field| field == name))
    }

    fn numbered(&self, id: u32) -> Option<&Vec<String>> {
        self.lines
            .iter()
            .find(|line| line.get(2).is_some_and(|field| field.parse() == Ok(id)))
    }

    /// That neither this name nor this number is taken.
    fn claim(&self, name: &str, id: u32) -> Result<(), EmulateError> {
        let taken = match (self.named(name), self.numbered(id)) {
            (Some(line), _) => format!("the name `{name}` is taken by `{}`", line.join(":")),
            (None, Some(line)) => {
                format!("the id {id} of `{name}` is taken by `{}`", line.join(":"))
            }
            (None, None) => return Ok(()),
        };
        Err(EmulateError::Plan {
            emulator: NAME,
            reason: format!("/{}: {taken}", self.path),
        })
    }

    fn print(&self) -> String {
        self.lines
            .iter()
            .map(|line| line.join(":") + "\n")
            .collect()
    }
}

fn add_group(groups: &mut Table, group: &Group) -> Result<(), EmulateError> {
    check_name("group", &group.name)?;
    for member in &group.members {
        check_name("member", member)?;
    }
    // A group of the distribution may be named again to give it members.
    let same = groups.lines.iter_mut().find(|line| {
        line.first() == Some(&group.name)
            && line
                .get(2)
                .is_some_and(|field| field.parse() == Ok(group.gid))
    });
    if let Some(line) = same {
        line.resize(4, String::new());
        let mut members: Vec<String> = line[3]
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        for member in &group.members {
            if !members.contains(member) {
                members.push(member.clone());
            }
        }
        line[3] = members.join(",");
        return Ok(());
    }
    groups.claim(&group.name, group.gid)?;
    groups.lines.push(vec![
        group.name.clone(),
        "x".to_owned(),
        group.gid.to_string(),
        group.members.join(","),
    ]);
    Ok(())
}

fn add_user(users: &mut Table, groups: &mut Table, user: &Account) -> Result<(), EmulateError> {
    check_name("user", &user.name)?;
    for (field, value) in [
        ("comment", &user.comment),
        ("home", &user.home),
        ("shell", &user.shell),
    ] {
        if value.contains(':') || value.chars().any(char::is_control) {
            return Err(EmulateError::Plan {
                emulator: NAME,
                reason: format!(
                    "the {field} of user `{}` holds a colon or a control character",
                    user.name
                ),
            });
        }
    }
    let line = vec![
        user.name.clone(),
        "x".to_owned(),
        user.uid.to_string(),
        user.gid.to_string(),
        user.comment.clone(),
        user.home.clone(),
        user.shell.clone(),
    ];
    // Saying of a user of the distribution what is so already is no contradiction.
    let without_password = |line: &[String]| {
        let mut line = line.to_vec();
        line.get_mut(1).map(String::clear);
        line
    };
    if users
        .named(&user.name)
        .is_some_and(|here| without_password(here) == without_password(&line))
    {
        return Ok(());
    }
    users.claim(&user.name, user.uid)?;
    users.lines.push(line);
    if groups.numbered(user.gid).is_none() {
        // The user's own group (useradd's USERGROUPS_ENAB), so that its files show a name.
        groups.claim(&user.name, user.gid)?;
        groups.lines.push(vec![
            user.name.clone(),
            "x".to_owned(),
            user.gid.to_string(),
            String::new(),
        ]);
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), EmulateError> {
    let starts = name
        .as_bytes()
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    if starts
        && name.len() <= 32
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    {
        return Ok(());
    }
    let name: String = name.chars().take(80).collect();
    Err(EmulateError::Plan {
        emulator: NAME,
        reason: format!(
            "`{name}` is no name for a {what}: expected a letter or `_`, then letters, digits, `.`, `_` or `-`, \
             32 characters at most"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::testing::MemoryTree;

    fn user(name: &str, uid: u32, home: &str) -> Account {
        Account {
            name: name.to_owned(),
            uid,
            gid: uid,
            home: home.to_owned(),
            shell: "/sbin/nologin".to_owned(),
            comment: name.to_owned(),
        }
    }

    fn group(name: &str, gid: u32, members: &[&str]) -> Group {
        Group {
            name: name.to_owned(),
            gid,
            members: members.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn tree(users: Vec<Account>, groups: Vec<Group>) -> MemoryTree {
        let mut tree = MemoryTree::new()
            .planned(|plan| (plan.accounts.users, plan.accounts.groups) = (users, groups));
        tree.run(&crate::emulate::base_passwd::BasePasswd);
        tree
    }

    #[test]
    fn gives_the_files_that_distroless_images_have() {
        let mut tree = tree(vec![user("nonroot", 65532, "/home/nonroot")], vec![]);
        let made = tree.run(&Accounts);
        assert_eq!(
            tree.text("etc/passwd"),
            "root:x:0:0:root:/root:/sbin/nologin\n\
             nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n\
             nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"
        );
        assert_eq!(
            tree.text("etc/group"),
            "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n"
        );
        let home = made
            .iter()
            .find(|file| file.entry.path.as_str() == "home/nonroot")
            .unwrap();
        assert_eq!(
            (home.entry.mode, home.entry.uid, home.entry.gid),
            (0o700, 65532, 65532)
        );
        assert!(
            made.iter()
                .all(|file| !file.entry.path.as_str().contains("shadow"))
        );
    }

    #[test]
    fn members_are_added_to_groups_that_are_there() {
        let mut tree = tree(
            vec![user("web", 33000, "/nonexistent")],
            vec![group("staff", 50, &["web"]), group("extra", 600, &[])],
        );
        let made = tree.run(&Accounts);
        assert!(
            tree.text("etc/group")
                .contains("staff:x:50:web\nextra:x:600:\nweb:x:33000:\n")
        );
        assert_eq!(made.len(), 2, "`/nonexistent` is not made");
    }

    #[test]
    fn refuses_what_is_taken_or_would_break_the_file() {
        for (users, groups, expected) in [
            (
                vec![user("root", 1, "/")],
                vec![],
                "the name `root` is taken",
            ),
            (
                vec![user("web", 0, "/")],
                vec![],
                "the id 0 of `web` is taken",
            ),
            (
                vec![user("a", 7, "/"), user("a", 8, "/")],
                vec![],
                "the name `a` is taken",
            ),
            (
                vec![user("a", 7, "/"), user("b", 7, "/")],
                vec![],
                "the id 7 of `b` is taken",
            ),
            (
                vec![],
                vec![group("a", 7, &[]), group("b", 7, &[])],
                "the id 7 of `b` is taken",
            ),
            (
                vec![user("a:x:0:0", 7, "/")],
                vec![],
                "is no name for a user",
            ),
            (
                vec![user("a\nroot2", 7, "/")],
                vec![],
                "is no name for a user",
            ),
            (
                vec![user("a", 7, "/x\ny:0")],
                vec![],
                "the home of user `a` holds",
            ),
            (
                vec![],
                vec![group("g", 7, &["a,b:"])],
                "is no name for a member",
            ),
        ] {
            let error = Accounts.run(&tree(users, groups)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let nobody = Account {
            gid: 65534,
            ..user("nobody", 65534, "/nonexistent")
        };
        assert!(
            Accounts.run(&tree(vec![nobody], vec![])).is_ok(),
            "saying what is so already"
        );
    }

    #[test]
    fn shadow_files_come_with_the_passwd_package() {
        let mut tree = tree(vec![user("web", 33000, "/nonexistent")], vec![]).package("passwd");
        let made = tree.run(&Accounts);
        assert_eq!(
            tree.text("etc/shadow"),
            "root:*::0:99999:7:::\nnobody:*::0:99999:7:::\nweb:*::0:99999:7:::\n"
        );
        assert!(tree.text("etc/gshadow").starts_with("root:*::\n"));
        let shadow = made
            .iter()
            .find(|file| file.entry.path.as_str() == "etc/shadow")
            .unwrap();
        assert_eq!(
            (shadow.entry.mode, shadow.entry.uid, shadow.entry.gid),
            (0o640, 0, 42)
        );
    }
}
