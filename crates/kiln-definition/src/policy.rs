//! The document that says what an image must be like to ship. What a key that is left out means stands
//! in [`Policy::default`]; the document of the default policy says the same, and a test holds the two
//! together.

use kiln_types::{
    Allowance, Condition, Demand, Diagnostic, EvidenceDemand, Policy, RiskLevel, Severity, Support,
};

use crate::format::rules::{DATE, LINE};
use crate::parse::Parsed;
use crate::read::{text_of, words_of};
use crate::shape::{Checker, Field, Object, Rule, Shape, optional, required};
use crate::span::Document;
use crate::yaml::{self, Limits, Node};

/// The format version this kiln reads.
const FORMAT: i64 = 1;

const DEMAND: Shape = Shape::Choice(&["deny", "warn", "allow"]);
const LEVEL: &[&str] = &["critical", "high", "medium", "low", "negligible"];
const LEVEL_OR_NEVER: Shape =
    Shape::Choice(&["critical", "high", "medium", "low", "negligible", "never"]);
const DAYS: Shape = Shape::Integer(0, 3650);

static PATTERN: Rule = Rule {
    what: "a pattern",
    form: "one line without spaces at its ends, with `*` for any text",
    pattern: "^\\S([^\\u0000-\\u001f\\u007f]{0,1022}\\S)?$",
    holds: |text| (LINE.holds)(text) && text.trim() == text,
    substituted: false,
};
static ID: Rule = Rule {
    what: "the id of a vulnerability or the code of a rule",
    form: "letters, digits and `- _ . : /`, such as `CVE-2026-1234` or `image/setuid`",
    pattern: "^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$",
    holds: |text| {
        text.len() <= 128
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
    },
    substituted: false,
};
static NAME: Rule = Rule {
    what: "the name of a policy",
    form: "lower-case letters, digits and `-`, at most 64, beginning with a letter",
    pattern: "^[a-z][a-z0-9-]{0,63}$",
    holds: |text| {
        text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    },
    substituted: false,
};
static SENTENCE: Rule = Rule {
    what: "one line of text",
    form: "one line of 1 to 1024 characters",
    pattern: "^[^\\u0000-\\u001f\\u007f]{1,1024}$",
    holds: LINE.holds,
    substituted: false,
};
const PATTERNS: Shape = Shape::List(&Shape::Word(&PATTERN));

static VULNERABILITIES: Object = Object {
    what: "`vulnerabilities`",
    keys: &[&[
        optional(
            "fixable",
            LEVEL_OR_NEVER,
            "the lowest level that fails where an update cures it; `high` unless stated",
        ),
        optional(
            "no-fix",
            LEVEL_OR_NEVER,
            "the lowest level that fails where there is no fix; `never` unless stated",
        ),
        optional(
            "unrated",
            Shape::Choice(LEVEL),
            "the level that a vulnerability counts as which nobody has rated; `high` unless stated",
        ),
        optional(
            "grace-days",
            DAYS,
            "for so many days after the fix came, it is only warned of; 0 unless stated",
        ),
        optional(
            "exploited",
            DEMAND,
            "vulnerabilities known to be exploited, whatever their level and whether they have a fix; `deny` unless stated",
        ),
        optional(
            "epss-percent",
            Shape::Integer(1, 100),
            "the least probability of exploitation within 30 days (EPSS), in percent, that fails; not asked unless stated",
        ),
    ]],
};
static DATABASE: Object = Object {
    what: "`database`",
    keys: &[&[
        optional(
            "max-age-days",
            DAYS,
            "advisories that were compiled longer ago give no answer; 7 unless stated",
        ),
        optional(
            "source-max-age-days",
            DAYS,
            "the same for the date of each of their sources; 7 unless stated",
        ),
        optional(
            "may-lack",
            PATTERNS,
            "ecosystems and kinds that may be without advisories, such as `binary`; anything else without advisories gives no answer",
        ),
    ]],
};
static END_OF_LIFE: Object = Object {
    what: "`end-of-life`",
    keys: &[&[
        optional(
            "ended",
            DEMAND,
            "a distribution whose support has ended; with `allow` its dates need not be known; `deny` unless stated",
        ),
        optional(
            "support",
            Shape::Choice(&["regular", "extended"]),
            "which support counts; `extended` unless stated",
        ),
        optional(
            "warn-days",
            DAYS,
            "so many days before the end it is warned of; 90 unless stated",
        ),
    ]],
};
static IMAGE: Object = Object {
    what: "`image`",
    keys: &[&[
        optional("root", DEMAND, "running as root; `deny` unless stated"),
        optional("shell", DEMAND, "shells; `warn` unless stated"),
        optional(
            "package-manager",
            DEMAND,
            "package managers; `warn` unless stated",
        ),
        optional(
            "setuid",
            DEMAND,
            "files with the setuid bit; `deny` unless stated",
        ),
        optional(
            "setgid",
            DEMAND,
            "files with the setgid bit; `warn` unless stated",
        ),
        optional(
            "capabilities",
            DEMAND,
            "files with capabilities; `warn` unless stated",
        ),
        optional(
            "world-writable",
            DEMAND,
            "files and directories that everybody may write to; `warn` unless stated",
        ),
        optional(
            "secrets",
            DEMAND,
            "files that look like secrets; `deny` unless stated",
        ),
        optional(
            "labels",
            PATTERNS,
            "labels that must be there and not be empty",
        ),
    ]],
};
static LICENCES: Object = Object {
    what: "`licences`",
    keys: &[&[
        optional(
            "allowed",
            PATTERNS,
            "SPDX identifiers that are allowed, such as `MIT` or `LGPL-*`; everything that is not denied unless stated",
        ),
        optional(
            "denied",
            PATTERNS,
            "SPDX identifiers that are denied, such as `AGPL-3.0-*`",
        ),
        optional(
            "unknown",
            DEMAND,
            "components of which no licence is known; `allow` unless stated",
        ),
    ]],
};
static SCOPE: Object = Object {
    what: "`scope`",
    keys: &[&[
        optional(
            "packages",
            PATTERNS,
            "names of packages or of their source packages, or package URLs, with `*` for any text",
        ),
        optional(
            "images",
            PATTERNS,
            "names of images as they are given to `kiln gate`, with `*` for any text",
        ),
        optional(
            "paths",
            PATTERNS,
            "paths in the image; `*` ends at a slash, `**` does not",
        ),
    ]],
};
static ALLOWANCE: Object = Object {
    what: "an entry of the allow-list",
    keys: &[&[
        required(
            "id",
            Shape::Word(&ID),
            "the vulnerability, by any of its ids, or the code of a rule, such as `image/setuid`",
        ),
        required(
            "scope",
            Shape::Object(&SCOPE),
            "what it is about; everything that is written must hold",
        ),
        required("reason", Shape::Word(&SENTENCE), "why it is allowed"),
        required("owner", Shape::Word(&SENTENCE), "who answers for it"),
        required(
            "expires",
            Shape::Word(&DATE),
            "the day from which on it holds no more and fails the image",
        ),
    ]],
};
static FIELDS: &[Field] = &[
    required(
        "kiln",
        Shape::Integer(FORMAT, FORMAT),
        "the version of this format",
    ),
    required("policy", Shape::Word(&NAME), "the policy's name"),
    optional(
        "summary",
        Shape::Word(&SENTENCE),
        "what it is for, in one line",
    ),
    optional(
        "vulnerabilities",
        Shape::Object(&VULNERABILITIES),
        "which vulnerabilities fail an image",
    ),
    optional(
        "database",
        Shape::Object(&DATABASE),
        "what is demanded of the advisories",
    ),
    optional(
        "end-of-life",
        Shape::Object(&END_OF_LIFE),
        "what is demanded of the support of the distribution",
    ),
    optional(
        "image",
        Shape::Object(&IMAGE),
        "what is demanded of the image itself",
    ),
    optional(
        "licences",
        Shape::Object(&LICENCES),
        "what is demanded of licences",
    ),
    optional(
        "evidence",
        Shape::List(&Shape::Choice(&[
            "digest",
            "package-database",
            "sbom",
            "supplier",
        ])),
        "what must be known: a digest of the image; a package database or kiln's lock for every package of the distribution; a document (`--sbom`) that lists every component; a supplier of every component",
    ),
    optional(
        "ignore-files",
        Shape::Choice(&["accept", "refuse"]),
        "whether ignore files of other tools may be given too; `accept` unless stated",
    ),
    optional(
        "vex",
        Shape::Choice(&["accept", "refuse"]),
        "whether VEX documents may be given, whoever wrote them; `accept` unless stated",
    ),
    optional(
        "allow",
        Shape::List(&Shape::Object(&ALLOWANCE)),
        "what is allowed although it would fail, each with its reason, owner and end",
    ),
];

/// A policy.
static POLICY: Object = Object {
    what: "a policy",
    keys: &[FIELDS],
};

/// The schema of a policy.
#[must_use]
pub fn schema() -> serde_json::Value {
    crate::schema::document(&POLICY, "kiln policy")
}

/// The document of the default policy.
#[must_use]
pub fn default_document() -> Document {
    Document::new(
        "kiln:policies/default.yaml",
        include_str!("../builtin/policies/default.yaml"),
    )
}

/// Reads a policy.
#[must_use]
pub fn parse(document: &Document) -> Parsed<Policy> {
    let mut diagnostics = Vec::new();
    let root = yaml::parse(document, Limits::DOCUMENT, &mut diagnostics);
    let value = root.and_then(|root| {
        Checker {
            prefix: "policy",
            diagnostics: &mut diagnostics,
        }
        .check(&root, Shape::Object(&POLICY), POLICY.what);
        policy(&root, &mut diagnostics)
    });
    diagnostics.sort();
    diagnostics.dedup();
    let failed = diagnostics
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    Parsed {
        value: value.filter(|_| !failed),
        diagnostics,
    }
}

fn policy(root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
    let mut policy = Policy {
        name: text_of(root, "policy")?.value,
        ..Policy::default()
    };
    if let Some(node) = root.get("vulnerabilities") {
        let rules = &mut policy.vulnerabilities;
        threshold(node, "fixable", &mut rules.fixable);
        threshold(node, "no-fix", &mut rules.no_fix);
        if let Some(level) = word(node, "unrated").and_then(RiskLevel::of_word) {
            rules.unrated = level;
        }
        number(node, "grace-days", &mut rules.grace_days);
        demand(node, "exploited", &mut rules.exploited);
        let mut percent = 0;
        number(node, "epss-percent", &mut percent);
        rules.epss = (percent > 0).then_some(percent.saturating_mul(1000));
    }
    if let Some(node) = root.get("database") {
        let rules = &mut policy.database;
        number(node, "max-age-days", &mut rules.max_age_days);
        if node.get("source-max-age-days").is_some() {
            let mut days = 0;
            number(node, "source-max-age-days", &mut days);
            rules.source_max_age_days = Some(days);
        }
        rules.may_lack = words_of(node, "may-lack");
    }
    if let Some(node) = root.get("end-of-life") {
        let rules = &mut policy.end_of_life;
        demand(node, "ended", &mut rules.ended);
        if word(node, "support") == Some("regular") {
            rules.support = Support::Regular;
        }
        number(node, "warn-days", &mut rules.warn_days);
    }
    if let Some(node) = root.get("image") {
        let rules = &mut policy.image;
        for (key, place) in [
            ("root", &mut rules.root),
            ("shell", &mut rules.shell),
            ("package-manager", &mut rules.package_manager),
            ("setuid", &mut rules.setuid),
            ("setgid", &mut rules.setgid),
            ("capabilities", &mut rules.capabilities),
            ("world-writable", &mut rules.world_writable),
            ("secrets", &mut rules.secrets),
        ] {
            demand(node, key, place);
        }
        rules.labels = words_of(node, "labels");
    }
    if let Some(node) = root.get("licences") {
        policy.licences.allowed = words_of(node, "allowed");
        policy.licences.denied = words_of(node, "denied");
        demand(node, "unknown", &mut policy.licences.unknown);
    }
    let asked = words_of(root, "evidence");
    policy.evidence = EvidenceDemand::ALL
        .into_iter()
        .filter(|demand| asked.iter().any(|word| word == demand.as_str()))
        .collect();
    policy.accepts_ignore_files = word(root, "ignore-files") != Some("refuse");
    policy.accepts_vex = word(root, "vex") != Some("refuse");
    let entries = root.get("allow").map_or(&[] as &[_], Node::items);
    for entry in entries {
        policy.allow.extend(allowance(entry, diagnostics));
    }
    Some(policy)
}

fn word<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Node::text)
}

fn threshold(node: &Node, key: &str, place: &mut Option<RiskLevel>) {
    match word(node, key) {
        Some("never") => *place = None,
        Some(level) => *place = RiskLevel::of_word(level),
        None => {}
    }
}

fn demand(node: &Node, key: &str, place: &mut Demand) {
    *place = match word(node, key) {
        Some("deny") => Demand::Deny,
        Some("warn") => Demand::Warn,
        Some("allow") => Demand::Allow,
        _ => return,
    };
}

fn number(node: &Node, key: &str, place: &mut u32) {
    if let Some(number) = word(node, key).and_then(|text| text.parse().ok()) {
        *place = number;
    }
}

fn allowance(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Allowance> {
    let scope = node.get("scope")?;
    let mut conditions = vec![Condition::Id {
        id: text_of(node, "id")?.value,
        or_alias: true,
    }];
    let of = |key: &str| Some(words_of(scope, key)).filter(|list| !list.is_empty());
    conditions.extend(of("images").map(Condition::Image));
    conditions.extend(of("packages").map(Condition::Package));
    conditions.extend(of("paths").map(Condition::Path));
    if conditions.len() == 1 && scope.describe() == "a map" {
        let mut place = scope.span.location();
        place.length = 0;
        diagnostics.push(
            Diagnostic::error("policy/empty-scope", "`scope` names nothing")
                .at(place)
                .expected("`packages`, `images` or `paths`")
                .help("name what is allowed to have it; `images: [\"*\"]` means every image"),
        );
    }
    let place = node.span.location();
    Some(Allowance {
        place: place.to_string(),
        conditions,
        reason: text_of(node, "reason")?.value,
        owner: Some(text_of(node, "owner")?.value),
        expires: Some(text_of(node, "expires")?.value.parse().ok()?),
    })
}

#[cfg(test)]
mod tests;
