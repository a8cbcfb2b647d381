//! Paths that the definition adds, changes or removes.

use std::collections::BTreeMap;

use kiln_types::{Accounts, PathKind, PathPlan, RelativePath};

use super::evaluation::Evaluation;
use crate::format::rules;
use crate::model::*;
use crate::span::Spanned;
use crate::yaml::shorten;

/// The largest file beside a definition, in bytes.
const LARGEST_SOURCE: usize = 16 << 20;

impl Evaluation<'_> {
    pub(super) fn paths(&mut self, accounts: &Accounts) -> Vec<PathPlan> {
        let mut plans: Vec<PathPlan> = Vec::new();
        for layer in self.layers {
            let mut here: BTreeMap<RelativePath, u32> = BTreeMap::new();
            for item in &layer.paths {
                if !item.only.applies(self.variant, self.platform) {
                    continue;
                }
                let Some(plan) = self.path(item, accounts) else {
                    continue;
                };
                let replaces = !matches!(plan.kind, PathKind::Permissions);
                if replaces {
                    if let Some(line) = here.insert(plan.path.clone(), item.path.span.line) {
                        let message = format!("the path `{}` stands here twice", plan.path);
                        self.error("duplicate", message, &item.path.span).help =
                            Some(format!("it is first given in line {line}"));
                    }
                    plans.retain(|known| known.path != plan.path);
                }
                plans.push(plan);
            }
        }
        plans
    }

    pub(super) fn path(&mut self, item: &PathEntry, accounts: &Accounts) -> Option<PathPlan> {
        let text = self.word(&item.path, &rules::PATH);
        let path = RelativePath::new(&text).ok()?;
        let kind = match &item.kind {
            PathEntryKind::Directory => PathKind::Directory,
            PathEntryKind::EmptyFile => PathKind::File(Vec::new()),
            PathEntryKind::Permissions => PathKind::Permissions,
            PathEntryKind::Delete => PathKind::Delete,
            PathEntryKind::Content(content) => PathKind::File(self.text(content).into_bytes()),
            PathEntryKind::Symlink(target) => PathKind::Symlink(self.word(target, &rules::TARGET)),
            PathEntryKind::Source(source) => PathKind::File(self.source(source)?),
        };
        if path.is_root() && !matches!(kind, PathKind::Directory | PathKind::Permissions) {
            self.error(
                "path",
                "the root directory can only be a directory",
                &item.path.span,
            );
            return None;
        }
        let (uid, gid) = match &item.owner {
            Some(owner) => self.identity(owner, accounts)?,
            None => {
                let uid = item.uid.as_ref().map(|uid| uid.value);
                let gid = item.gid.as_ref().map(|gid| gid.value);
                (uid.unwrap_or(0), gid.or(uid).unwrap_or(0))
            }
        };
        Some(PathPlan {
            path,
            kind,
            mode: item.mode.as_ref().map(|mode| mode.value),
            uid,
            gid,
            writable: item.writable,
        })
    }

    pub(super) fn source(&mut self, source: &Spanned<String>) -> Option<Vec<u8>> {
        let name = self.word(source, &rules::SOURCE);
        if !(rules::SOURCE.holds)(&name) {
            return None;
        }
        if let Some(known) = self.sources.get(&name) {
            return known.clone();
        }
        let content = match (self.files)(&name) {
            Ok(content) if content.len() > LARGEST_SOURCE => {
                let message = format!(
                    "the file `{}` is larger than {LARGEST_SOURCE} bytes",
                    shorten(&name)
                );
                self.error("source", message, &source.span).help =
                    Some("put it into a package".to_owned());
                None
            }
            Ok(content) => Some(content),
            Err(reason) => {
                self.error(
                    "source",
                    format!("the file `{}` cannot be read: {reason}", shorten(&name)),
                    &source.span,
                );
                None
            }
        };
        self.sources.insert(name, content.clone());
        content
    }
}
