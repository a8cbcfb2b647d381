//! Tests of the built image.

use super::{Reader, boolean_of, pairs_of, parsed_of, text, text_of, texts_of};
use crate::model::*;
use crate::span::Spanned;
use crate::yaml::Node;

/// What asks the running image for something, with the keys that say what is expected of a command.
const ASKING: [&str; 3] = ["http", "tcp", "log"];
const EXPECTING: [&str; 6] = [
    "exit-code",
    "contains",
    "matches",
    "stdout",
    "stderr",
    "must-fail",
];

impl Reader<'_> {
    pub(super) fn test(&mut self, node: &Node) -> Option<TestEntry> {
        let name = text_of(node, "name")?;
        let probe = self.probe(node)?;
        Some(TestEntry {
            name,
            probe,
            expectation: self.expectation(node),
            environment: pairs_of(node, "environment"),
            files: self.each(node, "files", Self::test_file),
            timeout: parsed_of(node, "timeout"),
            only: self.only(node),
        })
    }

    /// What a test does: one of `run`, `http`, `tcp`, `log` and `steps`, or `arguments` alone.
    fn probe(&mut self, node: &Node) -> Option<ProbeEntry> {
        let arguments = node.get("arguments").map(|_| texts_of(node, "arguments"));
        let mut kinds = ["run", "http", "tcp", "log", "steps"]
            .into_iter()
            .filter_map(|kind| Some((kind, node.get(kind)?)));
        let first = kinds.next();
        if let (Some((first, _)), Some((second, other))) = (first, kinds.next()) {
            self.error(
                "test",
                format!("the test has both `{first}` and `{second}`"),
                &other.span,
            )
            .help = Some("make two tests of it, or list them as `steps`".to_owned());
            return None;
        }
        let (kind, item) = match (first, arguments) {
            (Some(found), _) => found,
            (None, Some(arguments)) => return Some(ProbeEntry::Arguments(arguments)),
            (None, None) => {
                self.error("test", "the test has neither `run` nor `http`", &node.span)
                    .help = Some(
                    "say what it does: `run`, `http`, `tcp`, `log`, `steps` or `arguments`"
                        .to_owned(),
                );
                return None;
            }
        };
        if kind == "run" {
            if let Some(extra) = node.get("arguments") {
                self.error("test", "`run` has its arguments in it", &extra.span)
                    .help =
                    Some("`arguments` are for the image's own entrypoint: keep one".to_owned());
            }
            return Some(ProbeEntry::Run(self.command(item)));
        }
        self.no_expectation(node, kind);
        let steps = if kind == "steps" {
            if item.items().is_empty() && item.describe() == "a list" {
                self.error("test", "the test has no steps", &item.span).help =
                    Some("say what it does, or remove it".to_owned());
            }
            self.each(node, "steps", Self::step)
        } else {
            self.asking(kind, item).into_iter().collect()
        };
        Some(ProbeEntry::Steps {
            arguments: node.get("arguments").map(|_| texts_of(node, "arguments")),
            steps,
        })
    }

    fn step(&mut self, node: &Node) -> Option<StepEntry> {
        let kinds: Vec<(&str, &Node)> = ["run", "http", "tcp", "log", "restart", "stop"]
            .into_iter()
            .filter_map(|kind| Some((kind, node.get(kind)?)))
            .collect();
        let [(kind, item)] = kinds.as_slice() else {
            self.error("test", "a step does exactly one thing", &node.span)
                .help = Some(
                "write one of `run`, `http`, `tcp`, `log`, `restart` and `stop` in it".to_owned(),
            );
            return None;
        };
        if *kind != "run" {
            self.no_expectation(node, kind);
        }
        match *kind {
            "run" => {
                let command = self.command(item);
                Some(StepEntry::Run(command, Box::new(self.expectation(node))))
            }
            "restart" => {
                let restart = boolean_of(node, "restart")?;
                if !restart.value {
                    self.error("test", "`restart: false` does nothing", &restart.span)
                        .help = Some("remove the step".to_owned());
                }
                Some(StepEntry::Restart)
            }
            "stop" => Some(StepEntry::Stop {
                signal: text_of(item, "signal"),
                within: parsed_of(item, "within"),
                code: parsed_of(item, "exit-code"),
            }),
            kind => self.asking(kind, item),
        }
    }

    fn asking(&mut self, kind: &str, item: &Node) -> Option<StepEntry> {
        match kind {
            "http" => Some(StepEntry::Http(Box::new(HttpEntry {
                url: text_of(item, "url")?,
                method: text_of(item, "method"),
                headers: pairs_of(item, "headers"),
                body: text_of(item, "body"),
                status: parsed_of(item, "status"),
                text: expected_text(item),
                response_headers: pairs_of(item, "response-headers"),
            }))),
            "tcp" => Some(StepEntry::Tcp {
                port: text_of(item, "port")?,
                send: text_of(item, "send"),
                text: expected_text(item),
            }),
            _ => Some(StepEntry::Log(match text(item) {
                Some(text) => TextEntry {
                    contains: vec![text],
                    matches: Vec::new(),
                },
                None => expected_text(item),
            })),
        }
    }

    fn command(&mut self, run: &Node) -> Vec<Spanned<String>> {
        if run.items().is_empty() && run.describe() == "a list" {
            self.error("test", "the command of the test is empty", &run.span)
                .help = Some("write `run: [PROGRAM, ARGUMENT…]`".to_owned());
        }
        run.items().iter().filter_map(|item| text(item)).collect()
    }

    fn expectation(&mut self, node: &Node) -> ExpectationEntry {
        let must_fail = boolean_of(node, "must-fail").is_some_and(|must_fail| must_fail.value);
        let code = parsed_of(node, "exit-code");
        if let (Some(code), true) = (&code, must_fail) {
            self.error("test", "a test that must fail has no exit code", &code.span)
                .help = Some("keep one of `must-fail` and `exit-code`".to_owned());
        }
        ExpectationEntry {
            code,
            must_fail,
            output: expected_text(node),
            stdout: node.get("stdout").map(expected_text).unwrap_or_default(),
            stderr: node.get("stderr").map(expected_text).unwrap_or_default(),
        }
    }

    /// What is expected of a command says nothing about anything else.
    fn no_expectation(&mut self, node: &Node, kind: &str) {
        for key in EXPECTING {
            if let Some(extra) = node.get(key) {
                let inside = match key {
                    "contains" | "matches" if ASKING.contains(&kind) => {
                        format!("write it inside `{kind}`")
                    }
                    "exit-code" if kind == "stop" => "write it inside `stop`".to_owned(),
                    "exit-code" if kind == "http" => {
                        "a request has a `status` inside `http`".to_owned()
                    }
                    _ => "remove it".to_owned(),
                };
                self.error(
                    "test",
                    format!("`{key}` belongs to a test with `run`"),
                    &extra.span,
                )
                .help = Some(inside);
            }
        }
    }

    fn test_file(&mut self, node: &Node) -> Option<TestFileEntry> {
        let path = text_of(node, "path")?;
        let content = match (text_of(node, "content"), text_of(node, "source")) {
            (Some(text), None) => TestFileContent::Text(text),
            (None, Some(source)) => TestFileContent::Source(source),
            _ => {
                self.error(
                    "test",
                    "the file needs one of `content` and `source`",
                    &node.span,
                )
                .help = Some("say what is in it, in one of these ways".to_owned());
                return None;
            }
        };
        Some(TestFileEntry { path, content })
    }
}

fn expected_text(node: &Node) -> TextEntry {
    TextEntry {
        contains: one_or_several(node, "contains"),
        matches: one_or_several(node, "matches"),
    }
}

fn one_or_several(node: &Node, key: &str) -> Vec<Spanned<String>> {
    match text_of(node, key) {
        Some(one) => vec![one],
        None => texts_of(node, key),
    }
}
