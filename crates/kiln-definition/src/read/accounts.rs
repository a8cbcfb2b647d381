//! Users and groups.

use std::collections::BTreeMap;

use super::{Reader, boolean_of, parsed_of, text_of, texts_of};
use crate::model::*;
use crate::span::Span;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn accounts(&mut self, node: &Node) -> AccountSettings {
        let users = self.users(node);
        let groups = self.each(node, "groups", |_, item| {
            Some(GroupEntry {
                name: text_of(item, "name")?,
                gid: parsed_of(item, "gid")?,
                members: texts_of(item, "members"),
            })
        });
        self.unique(
            "group",
            groups
                .iter()
                .map(|group| (group.name.as_str(), &group.name.span)),
        );
        self.unique(
            "gid",
            groups
                .iter()
                .map(|group| (group.gid.value, &group.gid.span)),
        );
        let root = boolean_of(node, "root");
        if let Some(root) = root.as_ref().filter(|root| !root.value) {
            self.not_yet(
                "an image without a root account (`root: false`)",
                &root.span,
            );
        }
        AccountSettings {
            root,
            run_as: text_of(node, "run-as"),
            users,
            groups,
        }
    }

    /// The users under `users`.
    pub(crate) fn users(&mut self, node: &Node) -> Vec<UserEntry> {
        let users = self.each(node, "users", |_, item| {
            Some(UserEntry {
                name: text_of(item, "name")?,
                uid: parsed_of(item, "uid")?,
                gid: parsed_of(item, "gid"),
                home: text_of(item, "home"),
                shell: text_of(item, "shell"),
                comment: text_of(item, "comment"),
            })
        });
        self.unique(
            "user",
            users
                .iter()
                .map(|user| (user.name.as_str(), &user.name.span)),
        );
        self.unique(
            "uid",
            users.iter().map(|user| (user.uid.value, &user.uid.span)),
        );
        users
    }

    pub(super) fn unique<'n, T: Ord + std::fmt::Display>(
        &mut self,
        what: &str,
        names: impl Iterator<Item = (T, &'n Span)>,
    ) {
        let mut seen: BTreeMap<T, u32> = BTreeMap::new();
        for (name, span) in names {
            match seen.get(&name) {
                Some(line) => {
                    let help = format!("it is first given in line {line}");
                    self.error(
                        "duplicate",
                        format!("the {what} `{name}` stands here twice"),
                        span,
                    )
                    .help = Some(help);
                }
                None => {
                    seen.insert(name, span.line);
                }
            }
        }
    }
}
