//! Tests of the built image.

use super::{Reader, boolean_of, parsed_of, text, text_of};
use crate::model::*;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn test(&mut self, node: &Node) -> Option<TestEntry> {
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
