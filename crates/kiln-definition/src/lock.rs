//! The text form of a lock: JSON, one index and one package a line, so that a difference between
//! two locks is a difference between lines.
//!
//! The text is strict both ways: [`to_text`] writes every lock in exactly one way, and
//! [`from_text`] refuses unknown keys, wrong order, duplicates, paths that leave their archive, and
//! formats newer than this kiln. The good case is read in one typed pass; only when something is
//! wrong is the text read again as a tree, which gives every diagnostic its place.

use std::collections::BTreeSet;

use kiln_types::{
    Diagnostic, Digest, ImageName, Location, Lock, LockedIndex, LockedPackage, PackageName,
    PackageVersion, TargetId, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::shape::{Checker, Object, Rule, Shape, optional, required};
use crate::span::Document;
use crate::yaml::{self, Limits, Node};

/// The version of the text form that this kiln writes, and the newest that it reads.
pub const FORMAT: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(rename = "kiln-lock")]
    format: i64,
    image: ImageName,
    inputs: Digest,
    #[serde(default)]
    snapshot: Option<Timestamp>,
    indexes: Vec<Index>,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    archive: String,
    suite: String,
    date: Timestamp,
    release: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    name: PackageName,
    version: PackageVersion,
    arch: String,
    archive: String,
    suite: String,
    path: String,
    size: u64,
    sha256: Digest,
    #[serde(rename = "in")]
    targets: Vec<TargetId>,
}

/// Writes a lock. Targets, indexes and packages are put into their order; the same lock gives the
/// same bytes.
#[must_use]
pub fn to_text(lock: &Lock) -> String {
    let mut text = String::with_capacity(512 + lock.packages.len() * 384);
    text.push_str("{\n");
    field(&mut text, "kiln-lock", &FORMAT);
    field(&mut text, "image", &lock.image);
    field(&mut text, "inputs", &lock.inputs);
    if let Some(snapshot) = &lock.snapshot {
        field(&mut text, "snapshot", snapshot);
    }
    let mut indexes: Vec<&LockedIndex> = lock.indexes.iter().collect();
    indexes.sort();
    lines(&mut text, "indexes", indexes.iter().map(json));
    text.push_str(",\n");
    let mut packages: Vec<LockedPackage> = lock.packages.clone();
    for package in &mut packages {
        package.targets.sort();
        package.targets.dedup();
    }
    packages.sort_by(|left, right| key(left).cmp(&key(right)));
    lines(&mut text, "packages", packages.iter().map(json));
    text.push_str("\n}\n");
    text
}

/// What packages are sorted by.
fn key(package: &LockedPackage) -> (&str, &str, &str) {
    (
        package.name.as_str(),
        &package.architecture,
        package.version.as_str(),
    )
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the types of a lock have text keys only and cannot fail")
}

fn field(text: &mut String, name: &str, value: &impl Serialize) {
    text.push_str(&format!("  \"{name}\": {},\n", json(value)));
}

fn lines(text: &mut String, name: &str, items: impl Iterator<Item = String>) {
    text.push_str(&format!("  \"{name}\": ["));
    let mut first = true;
    for item in items {
        text.push_str(if first { "\n    " } else { ",\n    " });
        text.push_str(&item);
        first = false;
    }
    text.push_str(if first { "]" } else { "\n  ]" });
}

/// Reads a lock.
///
/// # Errors
/// All diagnostics with their places, when the text is not exactly a lock.
pub fn from_text(document: &Document) -> Result<Lock, Vec<Diagnostic>> {
    if document.text.len() <= Limits::LOCK.bytes
        && let Ok(text) = serde_json::from_str::<Text>(&document.text)
    {
        let lock = Lock {
            image: text.image,
            inputs: text.inputs,
            snapshot: text.snapshot,
            indexes: text
                .indexes
                .into_iter()
                .map(|index| LockedIndex {
                    archive: index.archive,
                    suite: index.suite,
                    date: index.date,
                    release: index.release,
                })
                .collect(),
            packages: text
                .packages
                .into_iter()
                .map(|package| LockedPackage {
                    name: package.name,
                    version: package.version,
                    architecture: package.arch,
                    archive: package.archive,
                    suite: package.suite,
                    path: package.path,
                    size: package.size,
                    sha256: package.sha256,
                    targets: package.targets,
                })
                .collect(),
        };
        if text.format == FORMAT && is_sound(&lock) {
            return Ok(lock);
        }
    }
    Err(diagnose(document))
}

/// Everything that [`diagnose`] finds wrong with the values of a lock, as a yes or no.
fn is_sound(lock: &Lock) -> bool {
    let ordered = |targets: &[TargetId]| {
        !targets.is_empty() && targets.windows(2).all(|pair| pair.first() < pair.last())
    };
    lock.indexes
        .iter()
        .all(|index| (ARCHIVE.holds)(&index.archive) && (SUITE.holds)(&index.suite))
        && lock
            .indexes
            .windows(2)
            .all(|pair| pair.first() < pair.last())
        && lock.packages.iter().all(|package| {
            (POOL_PATH.holds)(&package.path)
                && (ARCHIVE.holds)(&package.archive)
                && (SUITE.holds)(&package.suite)
                && ARCHITECTURES.contains(&package.architecture.as_str())
                && i64::try_from(package.size).is_ok()
                && package.targets.iter().all(is_target)
                && ordered(&package.targets)
        })
        && lock
            .packages
            .windows(2)
            .all(|pair| matches!(pair, [left, right] if key(left) < key(right)))
}

/// Says everything that is wrong with a text that is not a lock.
fn diagnose(document: &Document) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let at = |line: usize, column: usize| Location {
        file: document.name.clone(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        offset: 0,
        length: 0,
    };
    if document.text.len() <= Limits::LOCK.bytes
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&document.text)
    {
        let message = error.to_string();
        let reason = message.split(" at line ").next().unwrap_or("");
        let place = at(error.line(), error.column().max(1));
        return vec![
            Diagnostic::error("lock/syntax", format!("this is not JSON: {reason}"))
                .at(place)
                .help(MAKE_AGAIN),
        ];
    }
    let Some(root) = yaml::parse(document, Limits::LOCK, &mut diagnostics) else {
        return relabel(diagnostics);
    };
    let format = root
        .get("kiln-lock")
        .and_then(|node| Some((node, node.text()?.parse::<i64>().ok()?)));
    if let Some((node, format)) = format.filter(|(_, format)| *format > FORMAT) {
        return vec![
            Diagnostic::error(
                "lock/newer-format",
                format!("lock format {format} is newer than this kiln"),
            )
            .at(node.span.location())
            .expected(format!("`{FORMAT}`"))
            .found(format!("`{format}`"))
            .help("use a newer kiln, or make the lock again with `kiln lock`"),
        ];
    }
    Checker {
        prefix: "lock",
        diagnostics: &mut diagnostics,
    }
    .check(&root, Shape::Object(&LOCK), "the lock");
    order(&root, &mut diagnostics);
    if diagnostics.is_empty() {
        // A number too large for its field, or the like.
        let reason = serde_json::from_str::<Text>(&document.text).err();
        let place = reason
            .as_ref()
            .map_or_else(|| at(1, 1), |error| at(error.line(), error.column().max(1)));
        let message = reason.map_or_else(
            || "a value does not fit".to_owned(),
            |error| error.to_string(),
        );
        let message = message.split(" at line ").next().unwrap_or("").to_owned();
        diagnostics.push(
            Diagnostic::error("lock/bad-value", message)
                .at(place)
                .help(MAKE_AGAIN),
        );
    }
    diagnostics.sort();
    diagnostics.dedup();
    relabel(diagnostics)
}

fn relabel(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for diagnostic in &mut diagnostics {
        diagnostic.code = diagnostic.code.replace("yaml/", "lock/");
    }
    diagnostics
}

/// Order and duplicates, with places.
fn order(root: &Node, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(indexes) = root.get("indexes") {
        let keyed = keyed(indexes, &["archive", "suite", "date", "release"]);
        check_order("the index", &keyed, diagnostics);
    }
    let Some(packages) = root.get("packages") else {
        return;
    };
    check_order(
        "the package",
        &keyed(packages, &["name", "arch", "version"]),
        diagnostics,
    );
    for package in packages.items() {
        let Some(targets) = package.get("in") else {
            continue;
        };
        let keyed: Vec<_> = targets
            .items()
            .iter()
            .map(|node| {
                (
                    node.text()
                        .unwrap_or("")
                        .split('/')
                        .map(str::to_owned)
                        .collect(),
                    node.as_ref(),
                )
            })
            .collect();
        check_order("the target", &keyed, diagnostics);
        if targets.items().is_empty() && targets.describe() == "a list" {
            let name = package.get("name").and_then(Node::text).unwrap_or("");
            diagnostics.push(
                Diagnostic::error(
                    "lock/bad-value",
                    format!("the package `{}` is in no target", yaml::shorten(name)),
                )
                .at(targets.span.location())
                .help(MAKE_AGAIN),
            );
        }
    }
}

/// The items of a list with what they are sorted by.
fn keyed<'n>(list: &'n Node, keys: &[&str]) -> Vec<(Vec<String>, &'n Node)> {
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::text).unwrap_or("").to_owned();
    list.items()
        .iter()
        .map(|node| {
            (
                keys.iter().map(|key| text(node, key)).collect(),
                node.as_ref(),
            )
        })
        .collect()
}

fn check_order(what: &str, keyed: &[(Vec<String>, &Node)], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeSet<&[String]> = BTreeSet::new();
    let mut last: Option<&[String]> = None;
    for (key, node) in keyed {
        let name = yaml::shorten(&key.join(" "));
        let found = if !seen.insert(key) {
            Some((
                "lock/duplicate",
                format!("{what} `{name}` stands here twice"),
            ))
        } else if last.is_some_and(|last| last > key.as_slice()) {
            Some(("lock/order", format!("{what} `{name}` is out of order")))
        } else {
            None
        };
        if let Some((code, message)) = found {
            diagnostics.push(
                Diagnostic::error(code, message)
                    .at(node.span.location())
                    .help(MAKE_AGAIN),
            );
        }
        last = Some(key);
    }
}

const MAKE_AGAIN: &str = "restore it, or make it again with `kiln lock`";

const ARCHITECTURES: &[&str] = &["all", "amd64", "arm64"];

static ARCHIVE: Rule = Rule {
    what: "the name of an archive",
    form: "the name of an archive",
    pattern: "^[!-~]{1,512}$",
    holds: |text| {
        (1..=512).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
            && !has_parent(text)
    },
    substituted: false,
};
static SUITE: Rule = Rule {
    what: "a suite",
    form: "the name of a suite, or nothing for a flat repository",
    pattern: "^[A-Za-z0-9._/-]{0,128}$",
    holds: |text| text.is_empty() || crate::entry::suite(text),
    substituted: false,
};
static POOL_PATH: Rule = Rule {
    what: "a path below an archive",
    form: "a relative path without `..`",
    pattern: "^[!-~]{1,1024}$",
    holds: |text| {
        (1..=1024).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !text.starts_with('/')
            && !text.split('/').any(|part| part.is_empty() || part == "..")
            && !has_parent(text)
    },
    substituted: false,
};
static DIGEST: Rule = Rule {
    what: "a SHA-256 digest",
    form: "`sha256:` and 64 hex digits",
    pattern: "^sha256:[0-9a-f]{64}$",
    holds: |text| text.parse::<Digest>().is_ok(),
    substituted: false,
};
static TIME: Rule = Rule {
    what: "a time",
    form: "a time of the form `2026-11-24T03:00:00Z`",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
    holds: |text| text.parse::<Timestamp>().is_ok(),
    substituted: false,
};
static TARGET: Rule = Rule {
    what: "a target",
    form: "`LINE/VARIANT/ARCHITECTURE`",
    pattern: "^[A-Za-z0-9._-]+/[a-z0-9-]+/(amd64|arm64)$",
    holds: |text| {
        text.parse::<TargetId>()
            .is_ok_and(|target| is_target(&target))
    },
    substituted: false,
};
static VERSION: Rule = Rule {
    what: "a package version",
    form: "a package version",
    pattern: "^[!-~]{1,256}$",
    holds: |text| PackageVersion::new(text).is_ok(),
    substituted: false,
};

/// Whether the parts of a target are names.
fn is_target(target: &TargetId) -> bool {
    (crate::format::rules::VERSION_LINE.holds)(&target.line)
        && (crate::format::rules::VARIANT.holds)(&target.variant)
}

/// Whether a part is `..`, also when it is written with percent signs.
fn has_parent(text: &str) -> bool {
    if !text.contains('%') {
        return text.split('/').any(|part| part == "..");
    }
    let plain = text
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    plain.split('/').any(|part| part == "..")
}

static INDEX: Object = Object {
    what: "an index",
    keys: &[&[
        required("archive", Shape::Word(&ARCHIVE), "the archive"),
        required(
            "suite",
            Shape::Word(&SUITE),
            "the suite; empty for a flat repository",
        ),
        required("date", Shape::Word(&TIME), "the `Date` of its Release file"),
        required(
            "release",
            Shape::Word(&DIGEST),
            "the digest of its InRelease (or Release) file",
        ),
    ]],
};
static PACKAGE: Object = Object {
    what: "a package",
    keys: &[&[
        required(
            "name",
            Shape::Word(&crate::format::rules::PACKAGE_NAME),
            "its name",
        ),
        required("version", Shape::Word(&VERSION), "its version"),
        required("arch", Shape::Choice(ARCHITECTURES), "its architecture"),
        required(
            "archive",
            Shape::Word(&ARCHIVE),
            "the archive that holds it",
        ),
        required(
            "suite",
            Shape::Word(&SUITE),
            "the suite whose index named it",
        ),
        required(
            "path",
            Shape::Word(&POOL_PATH),
            "where it is below the archive's root",
        ),
        required("size", Shape::Integer(0, i64::MAX), "its size in bytes"),
        required("sha256", Shape::Word(&DIGEST), "the digest of the file"),
        required(
            "in",
            Shape::List(&Shape::Word(&TARGET)),
            "the targets that hold it",
        ),
    ]],
};
static LOCK: Object = Object {
    what: "a lock",
    keys: &[&[
        required(
            "kiln-lock",
            Shape::Integer(FORMAT, FORMAT),
            "the version of this format",
        ),
        required(
            "image",
            Shape::Word(&crate::format::rules::IMAGE_NAME),
            "the image",
        ),
        required(
            "inputs",
            Shape::Word(&DIGEST),
            "the digest of what resolution depended on",
        ),
        optional("snapshot", Shape::Word(&TIME), "the snapshot that was read"),
        required(
            "indexes",
            Shape::List(&Shape::Object(&INDEX)),
            "the indexes that were read",
        ),
        required(
            "packages",
            Shape::List(&Shape::Object(&PACKAGE)),
            "the packages",
        ),
    ]],
};

/// The JSON Schema of a lock.
#[must_use]
pub fn schema() -> serde_json::Value {
    crate::schema::document(&LOCK, "kiln lock")
}
