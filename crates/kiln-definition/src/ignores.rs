//! Ignore files of other tools: Trivy's `.trivyignore` in its plain and its YAML form, and the
//! `ignore:` rules in a configuration of Grype.
//!
//! What they say becomes [`Allowance`]s. A condition that kiln cannot judge stays as
//! [`Condition::Unjudged`]: such an entry allows nothing, and the gate says so.

use kiln_types::{Allowance, Condition, Diagnostic, FixState, Severity, Timestamp};

use crate::parse::Parsed;
use crate::read::{text_of, words_of};
use crate::shape::{Checker, Object, Rule, Shape, optional, required};
use crate::span::{Document, Span};
use crate::yaml::{self, Limits, Node};

/// The most lines of a plain file.
const LINES: usize = 100_000;

static TIME: Rule = Rule {
    what: "a date",
    form: "a date of the form `2028-08-09`",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}",
    holds: |text| day(text).is_some(),
    substituted: false,
};

static TRIVY_ITEM: Object = Object {
    what: "an entry of Trivy's",
    keys: &[&[
        required("id", Shape::Text, "the id"),
        optional("paths", Shape::List(&Shape::Text), "paths of files"),
        optional("purls", Shape::List(&Shape::Text), "package URLs"),
        optional(
            "expired_at",
            Shape::Word(&TIME),
            "from when on it holds no more",
        ),
        optional("statement", Shape::Text, "why"),
    ]],
};
const TRIVY_ITEMS: Shape = Shape::List(&Shape::Object(&TRIVY_ITEM));
static TRIVY: Object = Object {
    what: "an ignore file of Trivy's",
    keys: &[&[
        optional("vulnerabilities", TRIVY_ITEMS, "vulnerabilities"),
        optional("misconfigurations", TRIVY_ITEMS, "misconfigurations"),
        optional("secrets", TRIVY_ITEMS, "secrets"),
        optional("licenses", TRIVY_ITEMS, "licences"),
    ]],
};

static GRYPE_PACKAGE: Object = Object {
    what: "`package`",
    keys: &[&[
        optional("name", Shape::Text, "its name"),
        optional("version", Shape::Text, "its version"),
        optional("language", Shape::Text, "its language"),
        optional("type", Shape::Text, "its type"),
        optional("location", Shape::Text, "where it lies"),
        optional(
            "upstream-name",
            Shape::Text,
            "the name of its source package",
        ),
    ]],
};
static GRYPE_RULE: Object = Object {
    what: "a rule of Grype's",
    keys: &[&[
        optional("vulnerability", Shape::Text, "the id"),
        optional(
            "include-aliases",
            Shape::Boolean,
            "whether other names count",
        ),
        optional("reason", Shape::Text, "why"),
        optional("namespace", Shape::Text, "the advisories"),
        optional("fix-state", Shape::Text, "what is known of a fix"),
        optional("package", Shape::Object(&GRYPE_PACKAGE), "the package"),
        optional("vex-status", Shape::Text, "the status of a VEX statement"),
        optional("vex-justification", Shape::Text, "its justification"),
        optional("match-type", Shape::Text, "how it was matched"),
    ]],
};

const GRYPE_RULES: Shape = Shape::List(&Shape::Object(&GRYPE_RULE));

/// Reads an ignore file; its form is told by its name and its keys.
#[must_use]
pub fn parse(document: &Document) -> Parsed<Vec<Allowance>> {
    let mut diagnostics = Vec::new();
    let name = document.name.to_ascii_lowercase();
    let entries = if name.ends_with(".yaml") || name.ends_with(".yml") {
        in_yaml(document, &mut diagnostics)
    } else {
        plain(document, &mut diagnostics)
    };
    diagnostics.sort();
    let failed = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    Parsed {
        value: Some(entries).filter(|_| !failed),
        diagnostics,
    }
}

/// A day, or a moment of which only the day counts.
fn day(text: &str) -> Option<Timestamp> {
    text.get(..10)?.parse().ok()
}

/// One id a line, `exp:DATE` behind it, `#` before what is for people.
fn plain(document: &Document, diagnostics: &mut Vec<Diagnostic>) -> Vec<Allowance> {
    let mut entries = Vec::new();
    // The lines of remarks above an entry, and of those whether the next line goes on.
    let mut comment = String::new();
    let mut is_remark = false;
    let mut offset = 0_usize;
    for (index, line) in document.text.split('\n').enumerate() {
        let start = offset;
        offset = offset.saturating_add(line.len() + 1);
        let span = Span {
            line: u32::try_from(index + 1).unwrap_or(u32::MAX),
            offset: u32::try_from(start).unwrap_or(u32::MAX),
            length: u32::try_from(line.trim_end().len()).unwrap_or(0),
            ..Span::start_of(&document.name)
        };
        if index >= LINES {
            diagnostics.push(
                Diagnostic::error("ignore-file/too-long", "the file has too many lines")
                    .at(span.location())
                    .expected(format!("at most {LINES}")),
            );
            break;
        }
        let (said, remark) = match line.split_once('#') {
            Some((said, remark)) => (said, Some(remark.trim())),
            None => (line, None),
        };
        let mut words = said.split_whitespace();
        let Some(id) = words.next() else {
            match (remark, is_remark) {
                (Some(remark), true) => {
                    comment.push(' ');
                    comment.push_str(remark);
                }
                (remark, _) => remark.unwrap_or_default().clone_into(&mut comment),
            }
            is_remark = remark.is_some();
            continue;
        };
        is_remark = false;
        let mut expires = None;
        for word in words {
            match word.strip_prefix("exp:") {
                Some(date) if is_day(date) => expires = day(date),
                _ => diagnostics.push(
                    Diagnostic::error(
                        "ignore-file/bad-value",
                        format!("`{}` is no end of an entry", yaml::shorten(word)),
                    )
                    .at(span.location())
                    .expected("`exp:2028-08-09`"),
                ),
            }
        }
        let reason = match remark {
            Some(remark) if !remark.is_empty() => remark,
            _ => &comment,
        };
        entries.push(Allowance {
            place: span.location().to_string(),
            conditions: vec![Condition::Id {
                id: id.to_owned(),
                // What another tool shows under its own id may be an alias here.
                or_alias: true,
            }],
            reason: reason_or_none(reason),
            owner: None,
            expires,
        });
    }
    entries
}

/// Whether the whole text is a day.
fn is_day(text: &str) -> bool {
    text.len() == 10 && day(text).is_some()
}

fn reason_or_none(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.as_str() {
        "" => "no reason is given".to_owned(),
        _ => yaml::shorten(&line),
    }
}

fn in_yaml(document: &Document, diagnostics: &mut Vec<Diagnostic>) -> Vec<Allowance> {
    let Some(root) = yaml::parse(document, Limits::DOCUMENT, diagnostics) else {
        return Vec::new();
    };
    let mut checker = Checker {
        prefix: "ignore-file",
        diagnostics,
    };
    if let Some(rules) = root.get("ignore") {
        // The rest of the file is the configuration of the tool.
        checker.check(rules, GRYPE_RULES, "`ignore`");
        return rules.items().iter().map(|rule| of_grype(rule)).collect();
    }
    checker.check(&root, Shape::Object(&TRIVY), TRIVY.what);
    let mut entries = Vec::new();
    for (key, list) in root.entries() {
        match key.text.as_str() {
            "vulnerabilities" | "licenses" => entries.extend(
                list.items()
                    .iter()
                    .filter_map(|item| of_trivy(item, key.text == "licenses")),
            ),
            section => {
                let message = format!("kiln looks for no {}", yaml::shorten(section));
                diagnostics.push(
                    Diagnostic::warning("ignore-file/passed-over", message).at(key.span.location()),
                );
            }
        }
    }
    entries
}

fn of_trivy(item: &Node, is_licence: bool) -> Option<Allowance> {
    let id = text_of(item, "id")?.value;
    let mut conditions = vec![match is_licence {
        // Trivy's id of such an entry is the licence.
        true => Condition::Unjudged("licences are allowed by the policy's `licences`".to_owned()),
        false => Condition::Id { id, or_alias: true },
    }];
    let paths = words_of(item, "paths");
    if !paths.is_empty() {
        conditions.push(Condition::Path(paths));
    }
    let purls = words_of(item, "purls");
    if !purls.is_empty() {
        match purls.iter().map(|purl| purl.parse()).collect() {
            Ok(purls) => conditions.push(Condition::Purl(purls)),
            Err(error) => conditions.push(Condition::Unjudged(format!("{error}"))),
        }
    }
    Some(Allowance {
        place: item.span.location().to_string(),
        conditions,
        reason: reason_or_none(
            &text_of(item, "statement").map_or(String::new(), |text| text.value),
        ),
        owner: None,
        expires: text_of(item, "expired_at").and_then(|text| day(&text)),
    })
}

fn of_grype(rule: &Node) -> Allowance {
    let mut conditions = Vec::new();
    let text = |node: &Node, key: &str| {
        text_of(node, key)
            .map(|text| text.value)
            .filter(|text| !text.is_empty())
    };
    if let Some(id) = text(rule, "vulnerability") {
        let or_alias = text(rule, "include-aliases").is_some_and(|word| word == "true");
        conditions.push(Condition::Id { id, or_alias });
    }
    conditions.extend(text(rule, "fix-state").map(|word| fix_state(&word)));
    conditions.extend(text(rule, "namespace").map(|name| namespace(&name)));
    for key in ["vex-status", "vex-justification", "match-type"] {
        if text(rule, key).is_some() {
            conditions.push(Condition::Unjudged(format!(
                "`{key}` means nothing to kiln"
            )));
        }
    }
    if let Some(package) = rule.get("package") {
        conditions
            .extend(text(package, "name").map(|name| name_pattern(&name, Condition::Package)));
        let source = |mut list: Vec<String>| Condition::Source(list.pop().unwrap_or_default());
        conditions.extend(text(package, "upstream-name").map(|name| name_pattern(&name, source)));
        conditions.extend(text(package, "version").map(Condition::Version));
        conditions.extend(text(package, "location").map(|path| Condition::Path(vec![path])));
        conditions.extend(text(package, "type").map(|word| kind(&word)));
        if text(package, "language").is_some() {
            let reason = "`language` means nothing to kiln: write `type`".to_owned();
            conditions.push(Condition::Unjudged(reason));
        }
    }
    if conditions.is_empty() {
        conditions.push(Condition::Unjudged("it names no condition".to_owned()));
    }
    Allowance {
        place: rule.span.location().to_string(),
        conditions,
        reason: reason_or_none(&text(rule, "reason").unwrap_or_default()),
        owner: None,
        expires: None,
    }
}

/// Names are regular expressions there, matched as a whole; of these, literal text and `.*` are read.
/// What is more allows nothing: guessed too wide, it would allow what nobody meant.
fn name_pattern(name: &str, make: impl Fn(Vec<String>) -> Condition) -> Condition {
    let unjudged = || {
        Condition::Unjudged(format!(
            "the expression `{}` is more than text and `.*`",
            yaml::shorten(name)
        ))
    };
    let inner = name.strip_prefix('^').unwrap_or(name);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let mut plain = String::new();
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '.' if letters.next_if_eq(&'*').is_some() => plain.push('*'),
            '\\' => match letters.next() {
                Some(escaped) if escaped.is_ascii_punctuation() && escaped != '*' => {
                    plain.push(escaped);
                }
                _ => return unjudged(),
            },
            '*' | '+' | '?' | '[' | ']' | '(' | ')' | '{' | '}' | '|' | '^' | '$' => {
                return unjudged();
            }
            // Of a dot, which stands for any letter, only the dot itself is taken.
            letter => plain.push(letter),
        }
    }
    make(vec![plain])
}

fn fix_state(word: &str) -> Condition {
    Condition::State(match word {
        "fixed" => vec![FixState::Fixed],
        "not-fixed" => vec![FixState::Open],
        // Grype gives all three of Debian's decisions this name.
        "wont-fix" => vec![FixState::WontFix, FixState::NoAdvisory, FixState::Deferred],
        "unknown" => vec![FixState::Undetermined, FixState::EndOfLife],
        other => {
            return Condition::Unjudged(format!("`{}` is no state of a fix", yaml::shorten(other)));
        }
    })
}

/// `debian:distro:debian:13` and `github:language:python`.
fn namespace(name: &str) -> Condition {
    let parts: Vec<&str> = name.split(':').collect();
    let ecosystem = match parts.as_slice() {
        [_, "distro", id @ ("wolfi" | "chainguard" | "minimos"), ..] => (*id).to_owned(),
        [_, "distro", id, release] => format!("{id}:{release}"),
        ["github", "language", language] => match *language {
            "python" => "pypi",
            "javascript" => "npm",
            "go" => "go",
            "rust" => "cargo",
            "java" => "maven",
            "ruby" => "gem",
            "php" => "composer",
            "dotnet" => "nuget",
            _ => {
                return Condition::Unjudged(format!(
                    "`{}` names no advisories of kiln's",
                    yaml::shorten(name)
                ));
            }
        }
        .to_owned(),
        _ => {
            return Condition::Unjudged(format!(
                "`{}` names no advisories of kiln's",
                yaml::shorten(name)
            ));
        }
    };
    Condition::Ecosystem(ecosystem)
}

fn kind(word: &str) -> Condition {
    let kind = match word {
        "deb" | "apk" | "rpm" | "npm" | "gem" | "binary" => word,
        "python" => "pypi",
        "go-module" => "golang",
        "rust-crate" => "cargo",
        "java-archive" | "jenkins-plugin" => "maven",
        "php-composer" => "composer",
        "dotnet" => "nuget",
        _ => {
            return Condition::Unjudged(format!(
                "`{}` is no kind of package of kiln's",
                yaml::shorten(word)
            ));
        }
    };
    Condition::Kind(kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<Allowance> {
        let parsed = parse(&Document::new(name, text));
        parsed
            .value
            .unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
    }

    fn id(id: &str, or_alias: bool) -> Condition {
        Condition::Id {
            id: id.to_owned(),
            or_alias,
        }
    }

    #[test]
    fn trivys_plain_file() {
        let entries = read(
            ".trivyignore",
            "# not reachable\nCVE-2018-14618\r\n\nCVE-2019-14697 exp:2023-01-01 # until then\nGHSA-1\n",
        );
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].conditions, [id("CVE-2018-14618", true)]);
        assert_eq!(entries[0].reason, "not reachable");
        assert_eq!(entries[0].place, ".trivyignore:2:1");
        assert_eq!(entries[1].expires, "2023-01-01".parse().ok());
        assert_eq!(entries[1].reason, "until then");
        assert_eq!(entries[2].reason, "no reason is given");
        for wrong in ["CVE-1 exp:soon", "CVE-1 CVE-2", "CVE-1 exp:2023-01-01T00"] {
            let parsed = parse(&Document::new(".trivyignore", wrong));
            assert!(parsed.value.is_none(), "{wrong}");
        }
    }

    #[test]
    fn trivys_yaml_file() {
        let entries = read(
            ".trivyignore.yaml",
            "vulnerabilities:\n  - id: CVE-2022-40897\n    paths: [\"usr/local/**/setuptools\"]\n    \
             purls: [\"pkg:pypi/setuptools\"]\n    expired_at: 2024-01-01\n    statement: |\n      accepted\n      risk\n\
             licenses:\n  - id: GPL-3.0\nsecrets:\n  - id: aws\n",
        );
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].reason, "accepted risk");
        assert_eq!(entries[0].expires, "2024-01-01".parse().ok());
        assert_eq!(entries[0].conditions.len(), 3);
        assert!(matches!(
            entries[1].conditions[..],
            [Condition::Unjudged(_)]
        ));
        for wrong in [
            "vulnerabilities: [{paths: [a]}]",
            "vulnerabilities: [{id: a, expires: 2024-01-01}]",
            "vulnerabilities: [{id: a, expired_at: soon}]",
            "vulnerability: []",
            "[]",
        ] {
            assert!(
                parse(&Document::new("x.yaml", wrong)).value.is_none(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn grypes_expressions_are_never_read_wider_than_they_are() {
        let of = |name: &str| {
            let text = format!("ignore:\n- package:\n    name: '{name}'\n");
            read(".grype.yaml", &text)[0].conditions[0].clone()
        };
        let package = |name: &str| Condition::Package(vec![name.to_owned()]);
        for (name, expected) in [
            ("^lib.*$", "lib*"),
            ("libstdc\\+\\+6", "libstdc++6"),
            ("python3\\.11", "python3.11"),
            ("zlib1g", "zlib1g"),
        ] {
            assert_eq!(of(name), package(expected), "{name}");
        }
        for name in [
            "*",
            "lib*",
            "a+",
            "lib.+",
            "libstdc++6",
            ".**",
            "\\d",
            "a\\*",
            "a?",
            "x|y",
            "^^a",
            "a\\",
        ] {
            assert!(matches!(of(name), Condition::Unjudged(_)), "{name}");
        }
        let open = read(".grype.yaml", "ignore: [{fix-state: not-fixed}]");
        assert_eq!(open[0].conditions, [Condition::State(vec![FixState::Open])]);
    }

    #[test]
    fn grypes_rules() {
        let entries = read(
            ".grype.yaml",
            "fail-on-severity: high\nignore:\n\
             \x20 - vulnerability: CVE-2008-4318\n    include-aliases: true\n    fix-state: wont-fix\n    reason: never called\n    \
             namespace: debian:distro:debian:13\n    package: {name: libcurl.*, version: \"1.5\", type: deb, location: \"/usr/lib/**\", upstream-name: curl}\n\
             \x20 - package: {type: gem}\n\
             \x20 - vex-status: not_affected\n\
             \x20 - reason: nothing else\n\
             \x20 - package: {name: \"a(b|c)\"}\n",
        );
        assert_eq!(
            entries[0].conditions,
            [
                id("CVE-2008-4318", true),
                Condition::State(vec![
                    FixState::WontFix,
                    FixState::NoAdvisory,
                    FixState::Deferred
                ]),
                Condition::Ecosystem("debian:13".to_owned()),
                Condition::Package(vec!["libcurl*".to_owned()]),
                Condition::Source("curl".to_owned()),
                Condition::Version("1.5".to_owned()),
                Condition::Path(vec!["/usr/lib/**".to_owned()]),
                Condition::Kind("deb".to_owned()),
            ]
        );
        assert_eq!(entries[1].conditions, [Condition::Kind("gem".to_owned())]);
        for entry in &entries[2..] {
            let unjudged = |one: &Condition| matches!(one, Condition::Unjudged(_));
            assert!(entry.conditions.iter().any(unjudged), "{entry:?}");
        }
        let wrong = parse(&Document::new("x.yml", "ignore: [{vulnerabilty: CVE-1}]"));
        assert_eq!(wrong.diagnostics[0].code, "ignore-file/unknown-key");
    }
}
