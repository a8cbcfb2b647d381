//! From checked trees to the model.
//!
//! [`crate::shape`] has already said everything about keys, types and spelling. Here a value that
//! does not fit is passed over in silence, because it has been reported; what is reported here is
//! what a table cannot say.

mod accounts;
mod contents;
mod paths;
mod probes;
mod start;

use std::sync::Arc;

use kiln_types::{Diagnostic, Platform, Timestamp};

use crate::model::*;
use crate::span::{Span, Spanned};
use crate::yaml::{Key, Node};

/// Reads trees of one document and collects what is wrong.
pub(crate) struct Reader<'a> {
    /// Where findings go.
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

/// The text of a scalar with its place.
pub(crate) fn text(node: &Node) -> Option<Spanned<String>> {
    node.text()
        .map(|text| Spanned::new(text.to_owned(), node.span.clone()))
}

/// The text under a key.
pub(crate) fn text_of(node: &Node, key: &str) -> Option<Spanned<String>> {
    node.get(key).and_then(text)
}

/// The texts of a list under a key.
pub(crate) fn texts_of(node: &Node, key: &str) -> Vec<Spanned<String>> {
    node.get(key).map_or(Vec::new(), |list| {
        list.items().iter().filter_map(|item| text(item)).collect()
    })
}

/// The same without places.
pub(crate) fn words_of(node: &Node, key: &str) -> Vec<String> {
    texts_of(node, key)
        .into_iter()
        .map(|word| word.value)
        .collect()
}

/// A parsed scalar under a key.
pub(crate) fn parsed_of<T: std::str::FromStr>(node: &Node, key: &str) -> Option<Spanned<T>> {
    let node = node.get(key)?;
    node.text()?
        .parse()
        .ok()
        .map(|value| Spanned::new(value, node.span.clone()))
}

/// A boolean under a key.
pub(crate) fn boolean_of(node: &Node, key: &str) -> Option<Spanned<bool>> {
    let node = node.get(key)?;
    match node.text()?.to_ascii_lowercase().as_str() {
        "true" => Some(Spanned::new(true, node.span.clone())),
        "false" => Some(Spanned::new(false, node.span.clone())),
        _ => None,
    }
}

fn name_of(key: &Key) -> Spanned<String> {
    Spanned::new(key.text.clone(), key.span.clone())
}

fn pairs_of(node: &Node, key: &str) -> Vec<Pair> {
    let entries = node.get(key).map_or(&[] as &[_], Node::entries);
    entries
        .iter()
        .filter_map(|(key, value)| {
            Some(Pair {
                name: name_of(key),
                value: text(value)?,
            })
        })
        .collect()
}

fn command_of(node: &Node, key: &str) -> Option<Spanned<Vec<Spanned<String>>>> {
    let list = node.get(key)?;
    Some(Spanned::new(
        list.items().iter().filter_map(|item| text(item)).collect(),
        list.span.clone(),
    ))
}

fn dates(node: &Node) -> Dates {
    Dates {
        release: parsed_of::<Timestamp>(node, "release"),
        end_of_support: parsed_of(node, "end-of-support"),
        end_of_life: parsed_of(node, "end-of-life"),
    }
}

impl Reader<'_> {
    pub(crate) fn error(
        &mut self,
        code: &str,
        message: impl Into<String>,
        span: &Span,
    ) -> &mut Diagnostic {
        let index = self.diagnostics.len();
        self.diagnostics
            .push(Diagnostic::error(&format!("definition/{code}"), message).at(span.location()));
        &mut self.diagnostics[index]
    }

    fn not_yet(&mut self, what: &str, span: &Span) {
        self.error("not-yet", format!("{what} is not supported yet"), span)
            .help = Some("remove it".to_owned());
    }

    /// Reads a definition. `None` only where what must be there is not.
    pub(crate) fn definition(&mut self, root: &Node) -> Option<Definition> {
        let versions = self.versions(root);
        let variants = self.variants(root);
        let platforms = self.platforms(root).unwrap_or_default();
        let settings = self.settings(root);
        Some(Definition {
            file: Arc::clone(&root.span.file),
            name: parsed_of(root, "name")?,
            about: About {
                title: text_of(root, "title"),
                summary: text_of(root, "summary"),
                description: text_of(root, "description"),
                documentation: text_of(root, "documentation"),
                upstream: text_of(root, "upstream"),
                license: text_of(root, "license"),
                categories: texts_of(root, "categories"),
            },
            dates: root.get("dates").map(dates).unwrap_or_default(),
            versions,
            vars: pairs_of(root, "vars"),
            platforms,
            settings,
            variants,
            tags: texts_of(root, "tags"),
        })
    }

    fn versions(&mut self, root: &Node) -> Vec<VersionLine> {
        let Some(node) = root.get("versions") else {
            return Vec::new();
        };
        if node.entries().is_empty() && node.describe() == "a map" {
            self.error("no-versions", "`versions` is empty", &node.span)
                .help = Some(
                "add a version line, such as `\"1.26\": {distribution: debian-13}`".to_owned(),
            );
        }
        let mut lines = Vec::new();
        for (key, line) in node.entries() {
            let number = crate::yaml::scalar_type(&key.text) == crate::yaml::ScalarType::Number;
            if key.plain && number {
                let message = format!(
                    "the version line `{}` should be in quotes",
                    crate::yaml::shorten(&key.text)
                );
                self.diagnostics.push(
                    Diagnostic::warning("definition/unquoted-version", message)
                        .at(key.span.location())
                        .help(format!("write `\"{}\":`; other tools read it as a number, so that 1.30 becomes 1.3", key.text)),
                );
            }
            let Some(distribution) = text_of(line, "distribution") else {
                continue;
            };
            lines.push(VersionLine {
                name: name_of(key),
                distribution,
                track: parsed_of(line, "track"),
                dates: dates(line),
                vars: pairs_of(line, "vars"),
            });
        }
        lines
    }

    fn variants(&mut self, root: &Node) -> Vec<Variant> {
        let entries = root.get("variants").map_or(&[] as &[_], Node::entries);
        let mut variants = Vec::new();
        for (key, value) in entries {
            if matches!(key.text.as_str(), "fips" | "fips-dev") {
                self.not_yet(&format!("the variant `{}`", key.text), &key.span);
                continue;
            }
            variants.push(Variant {
                name: name_of(key),
                settings: self.settings(value),
            });
        }
        variants
    }

    fn platforms(&mut self, node: &Node) -> Option<Vec<Spanned<Platform>>> {
        let list = node.get("platforms")?;
        let mut platforms: Vec<Spanned<Platform>> = Vec::new();
        for item in list.items() {
            let Some(platform) = item.text().and_then(|text| text.parse::<Platform>().ok()) else {
                continue;
            };
            if platforms.iter().any(|known| known.value == platform) {
                self.error(
                    "duplicate",
                    format!("`{platform}` stands here twice"),
                    &item.span,
                )
                .help = Some("remove one of them".to_owned());
            } else {
                platforms.push(Spanned::new(platform, item.span.clone()));
            }
        }
        if list.items().is_empty() && list.describe() == "a list" {
            self.error("empty-list", "`platforms` is empty", &list.span)
                .help = Some("name a platform or remove the key".to_owned());
        }
        Some(platforms)
    }

    fn only(&mut self, node: &Node) -> Only {
        let variants = node.get("variants").map(|_| texts_of(node, "variants"));
        if let (Some([]), Some(list)) = (variants.as_deref(), node.get("variants"))
            && list.describe() == "a list"
        {
            self.error("empty-list", "`variants` is empty", &list.span)
                .help = Some("name a variant or remove the key".to_owned());
        }
        Only {
            platforms: self.platforms(node),
            variants,
        }
    }

    /// The settings that images, variants and profiles share.
    pub(crate) fn settings(&mut self, node: &Node) -> Settings {
        Settings {
            contents: node
                .get("contents")
                .map(|contents| self.contents(contents))
                .unwrap_or_default(),
            accounts: node
                .get("accounts")
                .map(|accounts| self.accounts(accounts))
                .unwrap_or_default(),
            paths: self.each(node, "paths", Self::path),
            environment: pairs_of(node, "environment"),
            init: boolean_of(node, "init"),
            start: node.get("start").map(|start| self.start(start)),
            entrypoint: command_of(node, "entrypoint"),
            cmd: command_of(node, "cmd"),
            work_dir: text_of(node, "work-dir"),
            ports: self.ports(node),
            volumes: texts_of(node, "volumes"),
            stop_signal: text_of(node, "stop-signal"),
            labels: pairs_of(node, "labels"),
            annotations: pairs_of(node, "annotations"),
            tests: self.each(node, "tests", Self::test),
        }
    }

    fn each<T>(
        &mut self,
        node: &Node,
        key: &str,
        read: fn(&mut Self, &Node) -> Option<T>,
    ) -> Vec<T> {
        let items = node.get(key).map_or(&[] as &[_], Node::items);
        items.iter().filter_map(|item| read(self, item)).collect()
    }

    fn ports(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let mut ports: Vec<Spanned<String>> = Vec::new();
        for port in texts_of(node, "ports") {
            let port = port.map(|text| {
                if text.contains('/') || text.contains('$') {
                    text
                } else {
                    format!("{text}/tcp")
                }
            });
            if ports.iter().any(|known| known.value == port.value) {
                self.error(
                    "duplicate",
                    format!("the port `{}` stands here twice", port.value),
                    &port.span,
                )
                .help = Some("remove one of them".to_owned());
            } else {
                ports.push(port);
            }
        }
        ports
    }
}
