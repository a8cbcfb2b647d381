//! How tests came out, for people and for programs: JUnit's XML, and CTRF's JSON (ctrf.io).

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

/// What `kiln test --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct TestAnswer {
    /// The image's name.
    pub(crate) image: String,
    /// The engine's client.
    pub(crate) engine: String,
    /// One for each target and kind of settings.
    pub(crate) targets: Vec<TargetTests>,
    /// How many tests passed.
    pub(crate) passed: usize,
    /// How many failed.
    pub(crate) failed: usize,
    /// Milliseconds since the process began.
    pub(crate) elapsed_ms: f64,
}

/// The tests of one target.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct TargetTests {
    /// The target, such as `1.26/standard/amd64`.
    pub(crate) target: String,
    /// `declared`, or `strict`: as an arbitrary user with group 0 and with limits.
    pub(crate) settings: String,
    /// The digest of the manifest.
    pub(crate) digest: String,
    /// Its tests in the order of the definition.
    pub(crate) tests: Vec<TestResult>,
}

/// How one test came out.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct TestResult {
    /// Its name.
    pub(crate) name: String,
    /// Whether it passed.
    pub(crate) passed: bool,
    /// How long it took, in milliseconds.
    pub(crate) ms: u64,
    /// Why it failed.
    pub(crate) message: Option<String>,
}

impl TargetTests {
    /// What people call it.
    pub(crate) fn title(&self, image: &str) -> String {
        let settings = if self.settings == "declared" {
            String::new()
        } else {
            format!(" ({})", self.settings)
        };
        format!("{image} {}{settings}", self.target)
    }
}

/// JUnit's XML, as CI systems read it.
pub(crate) fn junit(answer: &TestAnswer) -> String {
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let total: u64 = all(answer).map(|(_, test)| test.ms).sum();
    let _ = writeln!(
        text,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" time=\"{}\">",
        escape(&answer.image),
        answer.passed + answer.failed,
        answer.failed,
        seconds(total),
    );
    for target in &answer.targets {
        let title = escape(&target.title(&answer.image));
        let failures = target.tests.iter().filter(|test| !test.passed).count();
        let time: u64 = target.tests.iter().map(|test| test.ms).sum();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{title}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{}\">",
            target.tests.len(),
            seconds(time),
        );
        for test in &target.tests {
            let _ = write!(
                text,
                "    <testcase classname=\"{title}\" name=\"{}\" time=\"{}\"",
                escape(&test.name),
                seconds(test.ms),
            );
            match &test.message {
                None => text.push_str("/>\n"),
                Some(message) => {
                    let first = message.lines().next().unwrap_or_default();
                    let _ = writeln!(
                        text,
                        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                        escape(first),
                        escape(message),
                    );
                }
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

/// The common test report format; `stop` is now, in milliseconds since 1970.
pub(crate) fn ctrf(answer: &TestAnswer, stop: i64) -> Value {
    let took: u64 = all(answer).map(|(_, test)| test.ms).sum();
    let tests: Vec<Value> = all(answer)
        .map(|(target, test)| {
            let mut value = json!({
                "name": test.name,
                "status": if test.passed { "passed" } else { "failed" },
                "duration": test.ms,
                "suite": [target.title(&answer.image)],
            });
            if let (Some(message), Some(map)) = (&test.message, value.as_object_mut()) {
                map.insert("message".to_owned(), json!(message));
            }
            value
        })
        .collect();
    json!({
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": {"name": "kiln", "version": env!("CARGO_PKG_VERSION")},
            "summary": {
                "tests": answer.passed + answer.failed,
                "passed": answer.passed,
                "failed": answer.failed,
                "pending": 0,
                "skipped": 0,
                "other": 0,
                "start": stop.saturating_sub_unsigned(took),
                "stop": stop,
            },
            "tests": tests,
        },
    })
}

fn all(answer: &TestAnswer) -> impl Iterator<Item = (&TargetTests, &TestResult)> {
    answer
        .targets
        .iter()
        .flat_map(|target| target.tests.iter().map(move |test| (target, test)))
}

/// Text for XML 1.0, which has no control characters but tab and ends of lines.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' => escaped.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> TestAnswer {
        let result = |name: &str, message: Option<&str>| TestResult {
            name: name.to_owned(),
            passed: message.is_none(),
            ms: 1500,
            message: message.map(str::to_owned),
        };
        TestAnswer {
            image: "nginx".to_owned(),
            engine: "docker".to_owned(),
            targets: vec![TargetTests {
                target: "1.26/standard/amd64".to_owned(),
                settings: "strict".to_owned(),
                digest: "sha256:00".to_owned(),
                tests: vec![
                    result("serves", None),
                    result("has <no> shell", Some("it said \"&\u{7}\"\nmore")),
                ],
            }],
            passed: 1,
            failed: 1,
            elapsed_ms: 3000.0,
        }
    }

    #[test]
    fn junit_is_sound_xml_whatever_is_in_it() {
        insta::assert_snapshot!(junit(&answer()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="nginx" tests="2" failures="1" time="3.000">
          <testsuite name="nginx 1.26/standard/amd64 (strict)" tests="2" failures="1" errors="0" skipped="0" time="3.000">
            <testcase classname="nginx 1.26/standard/amd64 (strict)" name="serves" time="1.500"/>
            <testcase classname="nginx 1.26/standard/amd64 (strict)" name="has &lt;no&gt; shell" time="1.500">
              <failure message="it said &quot;&amp;�&quot;">it said &quot;&amp;�&quot;
        more</failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn ctrf_counts_and_tells_why() {
        let report = ctrf(&answer(), 10_000);
        let results = &report["results"];
        assert_eq!(results["summary"]["tests"], 2);
        assert_eq!(results["summary"]["failed"], 1);
        assert_eq!(results["summary"]["start"], 7_000);
        assert_eq!(results["tests"][0]["status"], "passed");
        assert!(results["tests"][0].get("message").is_none());
        assert_eq!(results["tests"][1]["status"], "failed");
        assert!(results["tests"][1]["message"].as_str().is_some());
    }
}
