//! Packages and repositories.

use super::{Reader, boolean_of, parsed_of, text, text_of, texts_of, words_of};
use crate::model::*;
use crate::span::Span;
use crate::yaml::Node;
use kiln_types::Diagnostic;

impl Reader<'_> {
    pub(super) fn contents(&mut self, node: &Node) -> Contents {
        let packages = self.each(node, "packages", |reader, item| {
            let entry = match item.text() {
                Some(_) => PackageEntry {
                    text: text(item)?,
                    only: Only::default(),
                },
                None => PackageEntry {
                    text: text_of(item, "name")?,
                    only: reader.only(item),
                },
            };
            if !entry.text.contains("${") {
                // The rule has said that it is wrong; only here is known why.
                if let (Err(reason), Some(last)) = (
                    crate::entry::package(&entry.text),
                    reader.of_place(&entry.text.span),
                ) {
                    last.help = Some(reason);
                }
            }
            Some(entry)
        });
        let repositories = node.get("repositories").map(|_| {
            self.each(node, "repositories", |reader, item| {
                let only = if item.text().is_some() {
                    Only::default()
                } else {
                    reader.only(item)
                };
                let kind = match item.text() {
                    Some(line) => {
                        if let (false, Err(reason)) = (
                            line == "distribution" || line.contains("${"),
                            crate::entry::repository(line),
                        ) && let Some(last) = reader.of_place(&item.span)
                        {
                            last.help = Some(reason);
                        }
                        RepositoryKind::Line(line.to_owned())
                    }
                    None => RepositoryKind::Fields(Box::new(reader.repository(item))),
                };
                Some(RepositoryEntry {
                    kind,
                    span: item.span.clone(),
                    only,
                })
            })
        });
        Contents {
            packages,
            repositories,
            keyring: texts_of(node, "keyring"),
            cuts: texts_of(node, "cuts"),
            keep: self.each(node, "keep", |reader, item| {
                Some(match item.text() {
                    Some(_) => KeepEntry {
                        text: text(item)?,
                        only: Only::default(),
                    },
                    None => KeepEntry {
                        text: text_of(item, "name")?,
                        only: reader.only(item),
                    },
                })
            }),
            loads: self.each(node, "loads", |_, item| {
                Some(LoadEntry {
                    file: text_of(item, "file")?,
                    opens: texts_of(item, "opens"),
                    optional: boolean_of(item, "optional").is_some_and(|word| word.value),
                })
            }),
            interpreters: texts_of(node, "interpreters"),
            without_shell: self.each(node, "without-shell", |_, item| {
                Some(Pair {
                    name: text_of(item, "file")?,
                    value: text_of(item, "reason")?,
                })
            }),
        }
    }

    /// The diagnostic that was given for a place, to say more about it.
    pub(super) fn of_place(&mut self, span: &Span) -> Option<&mut Diagnostic> {
        let place = span.location();
        self.diagnostics
            .iter_mut()
            .find(|known| known.location.as_ref() == Some(&place))
    }

    pub(super) fn repository(&mut self, node: &Node) -> RepositoryFields {
        let fields = RepositoryFields {
            name: text_of(node, "name").map(|name| name.value),
            url: text_of(node, "url").map(|url| url.value),
            suites: words_of(node, "suites"),
            components: words_of(node, "components"),
            flat: text_of(node, "flat").map(|flat| flat.value),
            keyrings: words_of(node, "keyrings"),
            trusted: boolean_of(node, "trusted").is_some_and(|trusted| trusted.value),
            origin: text_of(node, "origin").map(|origin| origin.value),
            label: text_of(node, "label").map(|label| label.value),
            priority: parsed_of(node, "priority").map(|priority| priority.value),
        };
        match (&fields.flat, fields.suites.is_empty()) {
            (None, true) => {
                self.error(
                    "repository",
                    "the repository has neither `suites` nor `flat`",
                    &node.span,
                )
                .help = Some(
                    "name its suites and components, or give the path of a flat repository"
                        .to_owned(),
                );
            }
            (None, false) if fields.components.is_empty() => {
                self.error(
                    "repository",
                    "the repository has no `components`",
                    &node.span,
                )
                .help = Some("add `components: [main]`".to_owned());
            }
            (Some(_), false) => {
                self.error(
                    "repository",
                    "a flat repository has no `suites`",
                    &node.span,
                )
                .help = Some("keep one of `flat` and `suites`".to_owned());
            }
            (Some(flat), true)
                if flat.starts_with('/') && flat.len() > 1
                    || flat.split('/').any(|part| part == "..") =>
            {
                self.error(
                    "repository",
                    "the path of a flat repository is below its address",
                    &node.span,
                )
                .help = Some("write a relative path such as `./`".to_owned());
            }
            _ => {}
        }
        fields
    }
}
