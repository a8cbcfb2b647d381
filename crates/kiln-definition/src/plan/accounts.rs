//! Users and groups, and who the program runs as.

use kiln_types::{Account, Accounts, Group};

use super::evaluation::Evaluation;
use super::placed;
use crate::builtin;
use crate::span::Spanned;

impl Evaluation<'_> {
    pub(super) fn accounts(&mut self) -> Accounts {
        let [profile, image, variant] = self.layers;
        // The profile's accounts are for images that bring none.
        let own = !image.accounts.users.is_empty() || !variant.accounts.users.is_empty();
        let layers = if own {
            vec![image, variant]
        } else {
            vec![profile, image, variant]
        };
        let mut users: Vec<Account> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        for layer in layers {
            for user in &layer.accounts.users {
                if user.uid.value == 0 && user.name.value != "root" {
                    let message = format!("the user `{}` has the uid of root", user.name.value);
                    self.error("uid-zero", message, &user.uid.span).help =
                        Some("choose another uid, such as 65532".to_owned());
                }
                let account = Account {
                    name: user.name.value.clone(),
                    uid: user.uid.value,
                    gid: user.gid.as_ref().map_or(user.uid.value, |gid| gid.value),
                    home: user.home.as_ref().map_or_else(
                        || format!("/home/{}", user.name.value),
                        |home| home.value.clone(),
                    ),
                    shell: user.shell.as_ref().map_or_else(
                        || "/usr/sbin/nologin".to_owned(),
                        |shell| shell.value.clone(),
                    ),
                    comment: user
                        .comment
                        .as_ref()
                        .map_or_else(|| user.name.value.clone(), |comment| comment.value.clone()),
                };
                users.retain(|known| known.name != account.name);
                users.push(account);
            }
            for group in &layer.accounts.groups {
                groups.retain(|known| known.name != group.name.value);
                groups.push(Group {
                    name: group.name.value.clone(),
                    gid: group.gid.value,
                    members: group
                        .members
                        .iter()
                        .map(|member| member.value.clone())
                        .collect(),
                });
            }
        }
        for user in &users {
            let exists = groups.iter().any(|group| group.gid == user.gid)
                || self
                    .distribution
                    .users
                    .iter()
                    .any(|(_, _, gid)| *gid == user.gid)
                || groups.iter().any(|group| group.name == user.name);
            if !exists {
                groups.push(Group {
                    name: user.name.clone(),
                    gid: user.gid,
                    members: Vec::new(),
                });
            }
        }
        let mut accounts = Accounts {
            run_as: None,
            users,
            groups,
        };
        let run_as = self.last("run-as", |layer| layer.accounts.run_as.as_ref());
        accounts.run_as = match run_as {
            Some(text) => self.identity(text, &accounts),
            None => Some((0, 0)),
        };
        accounts
    }

    /// `user`, `user:group`, or numbers in their place. A number without a group is its own group.
    pub(super) fn identity(
        &mut self,
        text: &Spanned<String>,
        accounts: &Accounts,
    ) -> Option<(u32, u32)> {
        let (user, group) = text
            .split_once(':')
            .map_or((text.as_str(), None), |(user, group)| (user, Some(group)));
        let known = |name: &str| {
            let own = accounts
                .users
                .iter()
                .find(|account| account.name == name)
                .map(|account| (account.uid, account.gid));
            own.or_else(|| {
                self.distribution
                    .users
                    .iter()
                    .find(|(known, ..)| known == name)
                    .map(|(_, uid, gid)| (*uid, *gid))
            })
        };
        let uid_gid = match user.parse::<u32>() {
            Ok(uid) => Some((
                uid,
                accounts
                    .users
                    .iter()
                    .find(|account| account.uid == uid)
                    .map_or(uid, |account| account.gid),
            )),
            Err(_) => known(user),
        };
        let Some((uid, gid)) = uid_gid else {
            let names: Vec<String> = accounts
                .users
                .iter()
                .map(|account| account.name.clone())
                .chain(["root".to_owned()])
                .collect();
            self.diagnostics
                .push(placed(builtin::unknown("user", user, &names), &text.span));
            return None;
        };
        let Some(group) = group else {
            return Some((uid, gid));
        };
        let by_name = accounts
            .groups
            .iter()
            .find(|known| known.name == group)
            .map(|known| known.gid);
        match group
            .parse::<u32>()
            .ok()
            .or(by_name)
            .or_else(|| known(group).map(|(_, gid)| gid))
        {
            Some(gid) => Some((uid, gid)),
            None => {
                let names: Vec<String> = accounts
                    .groups
                    .iter()
                    .map(|known| known.name.clone())
                    .collect();
                self.diagnostics
                    .push(placed(builtin::unknown("group", group, &names), &text.span));
                None
            }
        }
    }
}
