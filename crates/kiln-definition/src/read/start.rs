//! What happens before the program starts.

use kiln_script::{Action, Case, Condition, Step};

use super::{Reader, boolean_of, parsed_of, text_of, texts_of, words_of};
use crate::model::*;
use crate::shape::mode;
use crate::yaml::Node;

/// The keys that say what a step does, each with those that belong to it; `+` marks what must be
/// there.
const ACTIONS: &[(&str, &[&str])] = &[
    ("default", &[]),
    ("secret", &[]),
    ("unset", &[]),
    ("refuse", &[]),
    ("writable", &["mode", "own", "note"]),
    ("wait-tcp", &["timeout"]),
    ("wait-http", &["status", "timeout"]),
    ("wait-run", &["timeout"]),
    ("file", &["+content", "append", "mode"]),
    ("remove", &[]),
    ("fill", &["+to", "mode", "keep-unknown"]),
    ("run", &["words", "input"]),
    ("once", &["+steps"]),
    ("whole", &["+last", "+steps"]),
    ("serve", &["stop-signal", "+steps"]),
    ("each", &["+cases"]),
    ("user", &[]),
    ("account", &["home", "+folder", "+library"]),
];

const TIMEOUT: u32 = 30;

impl Reader<'_> {
    pub(super) fn start(&mut self, node: &Node) -> StartSettings {
        let list = match node.get("steps") {
            Some(steps) => steps.items(),
            None => node.items(),
        };
        let mut steps = Vec::new();
        for item in list {
            let only = self.only(item);
            let span = item.span.clone();
            steps.extend(self.steps_of(item).into_iter().map(|step| StartEntry {
                step,
                span: span.clone(),
                only: only.clone(),
            }));
        }
        StartSettings {
            span: node.span.clone(),
            program: text_of(node, "program"),
            gate: texts_of(node, "gate"),
            steps,
        }
    }

    fn inner_steps(&mut self, node: &Node) -> Vec<Step> {
        let items = node.get("steps").map_or(&[] as &[_], Node::items);
        items.iter().flat_map(|item| self.steps_of(item)).collect()
    }

    /// The steps that one item stands for: `default` and `unset` are several.
    fn steps_of(&mut self, node: &Node) -> Vec<Step> {
        let Some(actions) = self.actions(node) else {
            return Vec::new();
        };
        let when: Vec<Condition> = texts_of(node, "when")
            .iter()
            .filter_map(|text| Condition::parse(text))
            .collect();
        actions
            .into_iter()
            .map(|action| Step {
                when: when.clone(),
                action,
            })
            .collect()
    }

    fn actions(&mut self, node: &Node) -> Option<Vec<Action>> {
        let key = self.action_key(node)?;
        let word = |key: &str| text_of(node, key).map_or(String::new(), |text| text.value);
        let flag = |key: &str| boolean_of(node, key).is_some_and(|flag| flag.value);
        let bits = |default: u32| {
            let node = node.get("mode").and_then(Node::text);
            node.and_then(mode).unwrap_or(default)
        };
        let timeout = parsed_of(node, "timeout").map_or(TIMEOUT, |timeout| timeout.value);
        Some(vec![match key {
            "default" => {
                let pairs = super::pairs_of(node, "default").into_iter();
                return Some(
                    pairs
                        .map(|pair| Action::Default {
                            name: pair.name.value,
                            value: pair.value.value,
                        })
                        .collect(),
                );
            }
            "unset" => {
                let names = words_of(node, "unset").into_iter();
                return Some(names.map(|name| Action::Unset { name }).collect());
            }
            "secret" => Action::Secret {
                name: word("secret"),
            },
            "refuse" => Action::Refuse {
                message: word("refuse"),
            },
            "writable" => Action::Writable {
                path: word("writable"),
                mode: bits(0o755),
                own: flag("own"),
                note: word("note"),
            },
            "wait-tcp" => Action::WaitTcp {
                address: word("wait-tcp"),
                timeout,
            },
            "wait-http" => Action::WaitHttp {
                url: word("wait-http"),
                status: parsed_of(node, "status").map_or(200, |status| status.value),
                timeout,
            },
            "wait-run" => Action::WaitRun {
                command: words_of(node, "wait-run"),
                timeout,
            },
            "file" => Action::File {
                path: word("file"),
                mode: bits(0o644),
                append: flag("append"),
                content: word("content"),
            },
            "remove" => Action::Remove {
                path: word("remove"),
            },
            "fill" => Action::Fill {
                from: word("fill"),
                to: word("to"),
                mode: bits(0o644),
                keep_unknown: flag("keep-unknown"),
            },
            "run" => Action::Run {
                command: words_of(node, "run"),
                words: text_of(node, "words").map(|words| words.value),
                input: text_of(node, "input").map(|input| input.value),
            },
            "once" => Action::Once {
                path: word("once"),
                steps: self.inner_steps(node),
            },
            "whole" => Action::Whole {
                path: word("whole"),
                last: word("last"),
                steps: self.inner_steps(node),
            },
            "serve" => Action::Serve {
                command: words_of(node, "serve"),
                signal: self.signal(node),
                steps: self.inner_steps(node),
            },
            "each" => Action::Each {
                folder: word("each"),
                cases: self.cases(node),
            },
            "user" => Action::User { name: word("user") },
            _ => Action::Account {
                name: word("account"),
                home: match word("home") {
                    home if home.is_empty() => "/".to_owned(),
                    home => home,
                },
                folder: word("folder"),
                library: word("library"),
            },
        }])
    }

    fn cases(&mut self, node: &Node) -> Vec<Case> {
        let items = node.get("cases").map_or(&[] as &[_], Node::items);
        items
            .iter()
            .map(|item| Case {
                suffix: text_of(item, "suffix").map_or(String::new(), |suffix| suffix.value),
                steps: self.inner_steps(item),
            })
            .collect()
    }

    /// The number of a signal (signal(7), the same on both architectures).
    fn signal(&mut self, node: &Node) -> u32 {
        let Some(name) = text_of(node, "stop-signal") else {
            return 15;
        };
        let known = [
            ("SIGHUP", 1),
            ("SIGINT", 2),
            ("SIGQUIT", 3),
            ("SIGKILL", 9),
            ("SIGUSR1", 10),
            ("SIGUSR2", 12),
            ("SIGTERM", 15),
            ("SIGWINCH", 28),
        ];
        match known.iter().find(|(known, _)| *known == name.value) {
            Some((_, number)) => *number,
            None => {
                let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                self.error(
                    "start",
                    format!("`{}` does not stop a server", name.value),
                    &name.span,
                )
                .help = Some(format!("take one of {}", names.join(", ")));
                15
            }
        }
    }

    /// What the step does, after a look at what else stands there.
    fn action_key(&mut self, node: &Node) -> Option<&'static str> {
        if node.describe() != "a map" {
            return None;
        }
        let found: Vec<&(&str, &[&str])> = ACTIONS
            .iter()
            .filter(|(key, _)| node.get(key).is_some())
            .collect();
        let (key, belonging) = match found.as_slice() {
            [one] => **one,
            [] => {
                let names: Vec<String> =
                    ACTIONS.iter().map(|(key, _)| format!("`{key}`")).collect();
                self.error("start", "the step does nothing", &node.span)
                    .help = Some(format!("give it one of {}", names.join(", ")));
                return None;
            }
            [first, second, ..] => {
                let message = format!("the step has both `{}` and `{}`", first.0, second.0);
                self.error("start", message, &node.span).help =
                    Some("make two steps of it".to_owned());
                return None;
            }
        };
        for (other, _) in node.entries() {
            let name = other.text.as_str();
            let common = ["when", "platforms", "variants"].contains(&name) || name == key;
            let fits = belonging
                .iter()
                .any(|known| known.trim_start_matches('+') == name);
            let elsewhere = ACTIONS.iter().any(|(_, keys)| {
                keys.iter()
                    .any(|known| known.trim_start_matches('+') == name)
            });
            if !common && !fits && elsewhere {
                let message = format!("`{name}` means nothing for a step with `{key}`");
                self.error("start", message, &other.span).help = Some("remove it".to_owned());
            }
        }
        let missing = belonging
            .iter()
            .filter_map(|known| known.strip_prefix('+'))
            .find(|known| node.get(known).is_none());
        if let Some(missing) = missing {
            self.error(
                "start",
                format!("the step with `{key}` has no `{missing}`"),
                &node.span,
            )
            .help = Some(format!("add `{missing}`"));
            return None;
        }
        if let Some(list) = node.get(key)
            && list.describe() == "a list"
            && list.items().is_empty()
        {
            self.error("start", format!("`{key}` is empty"), &list.span)
                .help = Some("name a program".to_owned());
            return None;
        }
        Some(key)
    }
}
