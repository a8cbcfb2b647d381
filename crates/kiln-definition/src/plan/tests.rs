//! Declared tests of one target.

use std::collections::BTreeMap;

use kiln_types::{
    HttpStep, RelativePath, StopStep, TcpStep, TestExpectation, TestFile, TestPlan, TestProbe,
    TestStep, TextExpectation,
};

use super::evaluation::Evaluation;
use crate::format::rules;
use crate::model::*;
use crate::span::Spanned;

impl Evaluation<'_> {
    pub(super) fn tests(&mut self) -> Vec<TestPlan> {
        let layers = self.layers;
        let mut tests = Vec::new();
        for item in layers.iter().flat_map(|layer| &layer.tests) {
            if item.only.applies(self.variant, self.platform) {
                tests.push(self.test(item));
            }
        }
        tests
    }

    fn test(&mut self, item: &TestEntry) -> TestPlan {
        let probe = match &item.probe {
            ProbeEntry::Run(words) => TestProbe::Run(self.texts(words)),
            ProbeEntry::Arguments(words) => TestProbe::Arguments(self.texts(words)),
            ProbeEntry::Steps { arguments, steps } => TestProbe::Steps {
                arguments: arguments.as_ref().map(|words| self.texts(words)),
                steps: steps.iter().map(|step| self.step(step)).collect(),
            },
        };
        TestPlan {
            name: self.text(&item.name),
            probe,
            expectation: self.expectation(&item.expectation),
            environment: self.pairs(&item.environment),
            files: item
                .files
                .iter()
                .filter_map(|file| self.test_file(file))
                .collect(),
            timeout: item.timeout.as_ref().map(|seconds| seconds.value),
        }
    }

    fn step(&mut self, step: &StepEntry) -> TestStep {
        match step {
            StepEntry::Http(http) => TestStep::Http(HttpStep {
                url: self.word(&http.url, &rules::TEST_URL),
                method: http.method.as_ref().map(|method| method.value.clone()),
                headers: self.pairs(&http.headers),
                body: http.body.as_ref().map(|body| self.text(body)),
                status: http.status.as_ref().map(|status| status.value),
                text: self.expected_text(&http.text),
                response_headers: self.pairs(&http.response_headers),
            }),
            StepEntry::Tcp { port, send, text } => TestStep::Tcp(TcpStep {
                port: self
                    .word(port, &rules::PORT)
                    .split('/')
                    .next()
                    .and_then(|number| number.parse().ok())
                    .unwrap_or_default(),
                send: send.as_ref().map(|send| self.text(send)),
                text: self.expected_text(text),
            }),
            StepEntry::Run(words, expectation) => TestStep::Run {
                command: self.texts(words),
                expectation: self.expectation(expectation),
            },
            StepEntry::Log(text) => TestStep::Log(self.expected_text(text)),
            StepEntry::Restart => TestStep::Restart,
            StepEntry::Stop {
                signal,
                within,
                code,
            } => TestStep::Stop(StopStep {
                signal: signal.as_ref().map(|signal| signal.value.clone()),
                within: within.as_ref().map(|within| within.value),
                code: code.as_ref().map(|code| code.value),
            }),
        }
    }

    fn expectation(&mut self, item: &ExpectationEntry) -> TestExpectation {
        TestExpectation {
            code: item.code.as_ref().map(|code| code.value),
            output: self.expected_text(&item.output),
            stdout: self.expected_text(&item.stdout),
            stderr: self.expected_text(&item.stderr),
            must_fail: item.must_fail,
        }
    }

    fn expected_text(&mut self, item: &TextEntry) -> TextExpectation {
        TextExpectation {
            contains: self.texts(&item.contains),
            matches: item
                .matches
                .iter()
                .map(|expression| self.word(expression, &rules::EXPRESSION))
                .collect(),
        }
    }

    fn test_file(&mut self, file: &TestFileEntry) -> Option<TestFile> {
        let path = RelativePath::new(&self.word(&file.path, &rules::PATH)).ok()?;
        let content = match &file.content {
            TestFileContent::Text(text) => self.text(text).into_bytes(),
            TestFileContent::Source(source) => self.source(source)?,
        };
        Some(TestFile { path, content })
    }

    fn texts(&mut self, words: &[Spanned<String>]) -> Vec<String> {
        words.iter().map(|word| self.text(word)).collect()
    }

    fn pairs(&mut self, pairs: &[Pair]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|pair| (pair.name.value.clone(), self.text(&pair.value)))
            .collect()
    }
}
