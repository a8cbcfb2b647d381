//! Paths of the image.

use super::{Reader, boolean_of, parsed_of, text_of};
use crate::model::*;
use crate::shape::mode;
use crate::span::Spanned;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn path(&mut self, node: &Node) -> Option<PathEntry> {
        let path = text_of(node, "path")?;
        let kind_node = node.get("type")?;
        let (content, source, target) = (
            text_of(node, "content"),
            text_of(node, "source"),
            text_of(node, "target"),
        );
        let allowed: &[&str] = match kind_node.text()? {
            "file" => &[
                "content", "source", "mode", "owner", "uid", "gid", "writable",
            ],
            "symlink" => &["target", "owner", "uid", "gid"],
            "directory" | "emptyfile" | "permissions" => {
                &["mode", "owner", "uid", "gid", "writable"]
            }
            _ => &[],
        };
        let common = ["path", "type", "platforms", "variants", "recursive"];
        for (key, _) in node.entries() {
            let elsewhere = [
                "content", "source", "target", "mode", "owner", "uid", "gid", "writable",
            ];
            let known = common.contains(&key.text.as_str()) || allowed.contains(&key.text.as_str());
            if !known && elsewhere.contains(&key.text.as_str()) {
                let message = format!(
                    "`{}` means nothing for `type: {}`",
                    key.text,
                    kind_node.text()?
                );
                self.error("path", message, &key.span).help = match key.text.as_str() {
                    "content" | "source" => Some("remove it, or write `type: file`".to_owned()),
                    "target" => Some("remove it, or write `type: symlink`".to_owned()),
                    _ => Some("remove it".to_owned()),
                };
            }
        }
        if let Some(recursive) = boolean_of(node, "recursive").filter(|recursive| recursive.value) {
            self.not_yet("`recursive: true`", &recursive.span);
        }
        if let (Some(owner), true) = (
            node.get("owner"),
            node.get("uid").is_some() || node.get("gid").is_some(),
        ) {
            self.error(
                "path",
                "the owner is given by name and by number",
                &owner.span,
            )
            .help = Some("keep `owner`, or `uid` and `gid`".to_owned());
        }
        let kind = match (kind_node.text()?, content, source, target) {
            ("directory", ..) => PathEntryKind::Directory,
            ("emptyfile", ..) => PathEntryKind::EmptyFile,
            ("permissions", ..) => PathEntryKind::Permissions,
            ("delete", ..) => PathEntryKind::Delete,
            ("symlink", _, _, Some(target)) => PathEntryKind::Symlink(target),
            ("symlink", ..) => {
                self.error("path", "the symlink has no `target`", &node.span)
                    .help = Some("add `target`".to_owned());
                return None;
            }
            ("file", Some(content), None, _) => PathEntryKind::Content(content),
            ("file", None, Some(source), _) => PathEntryKind::Source(source),
            ("file", Some(_), Some(source), _) => {
                self.error(
                    "path",
                    "the file has both `content` and `source`",
                    &source.span,
                )
                .help = Some("keep one of them".to_owned());
                return None;
            }
            ("file", None, None, _) => {
                self.error(
                    "path",
                    "the file has neither `content` nor `source`",
                    &node.span,
                )
                .help = Some("add one of them, or write `type: emptyfile`".to_owned());
                return None;
            }
            _ => return None,
        };
        let bits = node
            .get("mode")
            .and_then(|node| Some(Spanned::new(mode(node.text()?)?, node.span.clone())));
        Some(PathEntry {
            path,
            kind,
            owner: text_of(node, "owner"),
            uid: parsed_of(node, "uid"),
            gid: parsed_of(node, "gid"),
            mode: bits,
            writable: boolean_of(node, "writable").is_some_and(|writable| writable.value),
            only: self.only(node),
        })
    }
}
