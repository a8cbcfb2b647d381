//! From checked trees to the model.
//!
//! [`crate::shape`] has already said everything about keys, types and spelling. Here a value that
//! does not fit is passed over in silence, because it has been reported; what is reported here is
//! what a table cannot say.

use std::collections::BTreeMap;
use std::sync::Arc;

use kiln_types::{Diagnostic, Platform, Timestamp};

use crate::model::*;
use crate::shape::mode;
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
        for key in ["keep", "start"] {
            if let Some((key, _)) = root.entries().iter().find(|(name, _)| name.text == key) {
                self.not_yet(&format!("`{}`", key.text), &key.span);
            }
        }
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

    fn contents(&mut self, node: &Node) -> Contents {
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
        }
    }

    /// The diagnostic that was given for a place, to say more about it.
    fn of_place(&mut self, span: &Span) -> Option<&mut Diagnostic> {
        let place = span.location();
        self.diagnostics
            .iter_mut()
            .find(|known| known.location.as_ref() == Some(&place))
    }

    fn repository(&mut self, node: &Node) -> RepositoryFields {
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

    fn accounts(&mut self, node: &Node) -> AccountSettings {
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

    fn unique<'n, T: Ord + std::fmt::Display>(
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

    fn path(&mut self, node: &Node) -> Option<PathEntry> {
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

    fn test(&mut self, node: &Node) -> Option<TestEntry> {
        let name = text_of(node, "name")?;
        let only = self.only(node);
        let must_fail = boolean_of(node, "must-fail").is_some_and(|must_fail| must_fail.value);
        match (node.get("run"), node.get("http")) {
            (Some(run), None) => {
                let command: Vec<_> = run.items().iter().filter_map(|item| text(item)).collect();
                if run.items().is_empty() && run.describe() == "a list" {
                    self.error("test", "the command of the test is empty", &run.span)
                        .help = Some("write `run: [PROGRAM, ARGUMENT…]`".to_owned());
                }
                let code = parsed_of(node, "exit-code");
                if let (Some(code), true) = (&code, must_fail) {
                    self.error("test", "a test that must fail has no exit code", &code.span)
                        .help = Some("keep one of `must-fail` and `exit-code`".to_owned());
                }
                Some(TestEntry {
                    name,
                    probe: ProbeEntry::Run(command),
                    code,
                    contains: text_of(node, "contains"),
                    must_fail,
                    only,
                })
            }
            (None, Some(http)) => {
                for key in ["exit-code", "must-fail", "contains"] {
                    if let Some(extra) = node.get(key) {
                        self.error(
                            "test",
                            format!("`{key}` belongs to a test with `run`"),
                            &extra.span,
                        )
                        .help = Some(
                            "a test with `http` has `status` and `contains` inside `http`"
                                .to_owned(),
                        );
                    }
                }
                let url = text_of(http, "url")?;
                let (code, contains) = (parsed_of(http, "status"), text_of(http, "contains"));
                Some(TestEntry {
                    name,
                    probe: ProbeEntry::Http { url },
                    code,
                    contains,
                    must_fail: false,
                    only,
                })
            }
            (Some(_), Some(http)) => {
                self.error("test", "the test has both `run` and `http`", &http.span)
                    .help = Some("make two tests of it".to_owned());
                None
            }
            (None, None) => {
                self.error("test", "the test has neither `run` nor `http`", &node.span)
                    .help = Some("say what it does".to_owned());
                None
            }
        }
    }
}
