//! From a document to a definition, a profile or a distribution, with every diagnostic at once.

use std::sync::Arc;

use kiln_types::{ArchiveSource, Diagnostic, Language, Load, Severity, ShellCaller, Unmet};

use crate::format::{self, FORMAT};
use crate::model::{Definition, Distribution, Profile};
use crate::read::{Reader, boolean_of, text_of, texts_of, words_of};
use crate::shape::{Checker, Object, Shape};
use crate::span::Document;
use crate::yaml::{self, Limits, Node};

/// What came of a document: the value where it has no errors, and everything there is to say.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// The value; absent when a diagnostic is an error.
    pub value: Option<T>,
    /// Errors and warnings, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Parsed<T> {
    /// The value, or all diagnostics when there is none.
    ///
    /// # Errors
    /// When a diagnostic is an error.
    pub fn into_result(self) -> Result<T, Vec<Diagnostic>> {
        self.value.ok_or(self.diagnostics)
    }
}

/// Reads a definition in kiln's own format.
#[must_use]
pub fn parse(document: &Document) -> Parsed<Definition> {
    read(document, &format::DEFINITION, |reader, root| {
        reader.definition(root)
    })
}

/// Reads a profile.
#[must_use]
pub fn parse_profile(document: &Document) -> Parsed<Profile> {
    read(document, &format::PROFILE, |reader, root| {
        let name = text_of(root, "profile")?;
        let tag_suffix = text_of(root, "tag-suffix")
            .map_or_else(|| format!("-{}", name.value), |suffix| suffix.value);
        if !tag_suffix.is_empty() && !(format::rules::TAG.holds)(&format!("a{tag_suffix}")) {
            reader
                .error("bad-value", "the suffix cannot end a tag", &name.span)
                .expected = Some(format::rules::TAG.form.to_owned());
        }
        Some(Profile {
            summary: text_of(root, "summary"),
            tag_suffix,
            unmet: match root.get("unmet").and_then(Node::text) {
                Some("tolerate") => Unmet::Tolerate,
                _ => Unmet::Refuse,
            },
            maintainer_scripts: boolean_of(root, "maintainer-scripts")
                .is_some_and(|keep| keep.value),
            cut_unreached: root.get("unreached").and_then(Node::text) == Some("cut"),
            checks: texts_of(root, "checks"),
            overrides: texts_of(root, "overrides"),
            settings: reader.settings(root),
            name,
        })
    })
}

/// Reads a distribution.
#[must_use]
pub fn parse_distribution(document: &Document) -> Parsed<Distribution> {
    read(document, &format::DISTRIBUTION_DOCUMENT, |reader, root| {
        let value = |key: &str| text_of(root, key).map(|text| text.value);
        let sources = root.get("sources").map_or(&[] as &[_], Node::items);
        let foundation = root.get("foundation").map_or(&[] as &[_], Node::items);
        let snapshot = text_of(root, "snapshot");
        if let Some(template) = snapshot
            .as_ref()
            .filter(|template| !template.contains("{timestamp}"))
        {
            let message = format!(
                "the address of snapshots `{}` has no place for the time",
                yaml::shorten(template)
            );
            reader.error("bad-value", message, &template.span).help =
                Some("write `{timestamp}` where the time stands in it".to_owned());
        }
        let snapshot = snapshot.map(|template| template.value);
        Some(Distribution {
            id: value("distribution")?,
            title: value("title")?,
            format: value("format")?,
            tag_name: value("tag-name")?,
            merged_usr: boolean_of(root, "merged-usr")?.value,
            sources: sources
                .iter()
                .filter_map(|node| {
                    Some(ArchiveSource {
                        archive: text_of(node, "archive")?.value,
                        suites: words_of(node, "suites"),
                        components: words_of(node, "components"),
                        url: None,
                        flat: None,
                        keyrings: words_of(node, "keyrings"),
                        trusted: false,
                        origin: text_of(node, "origin").map(|text| text.value),
                        label: text_of(node, "label").map(|text| text.value),
                        priority: 500,
                        snapshot: snapshot.clone(),
                    })
                })
                .collect(),
            snapshot: snapshot.clone(),
            packages: words_of(root, "packages"),
            emulators: words_of(root, "emulators"),
            foundation: foundation
                .iter()
                .map(|group| {
                    group
                        .items()
                        .iter()
                        .filter_map(|item| item.text().map(str::to_owned))
                        .collect()
                })
                .collect(),
            users: reader
                .users(root)
                .into_iter()
                .map(|user| {
                    (
                        user.name.value,
                        user.uid.value,
                        user.gid.map_or(user.uid.value, |gid| gid.value),
                    )
                })
                .collect(),
            languages: items_of(root, "languages")
                .iter()
                .filter_map(|node| {
                    Some(Language {
                        name: text_of(node, "name")?.value,
                        interpreters: words_of(node, "interpreters"),
                        modules: words_of(node, "modules"),
                    })
                })
                .collect(),
            loads: items_of(root, "loads")
                .iter()
                .filter_map(|node| {
                    Some(Load {
                        file: text_of(node, "file")?.value,
                        opens: words_of(node, "opens"),
                        optional: boolean_of(node, "optional").is_some_and(|word| word.value),
                    })
                })
                .collect(),
            without_shell: items_of(root, "without-shell")
                .iter()
                .filter_map(|node| {
                    Some(ShellCaller {
                        file: text_of(node, "file")?.value,
                        reason: text_of(node, "reason")?.value,
                    })
                })
                .collect(),
        })
    })
}

fn items_of<'a>(node: &'a Node, key: &str) -> &'a [Arc<Node>] {
    node.get(key).map_or(&[], Node::items)
}

fn read<T>(
    document: &Document,
    object: &'static Object,
    convert: impl FnOnce(&mut Reader<'_>, &Node) -> Option<T>,
) -> Parsed<T> {
    let mut diagnostics = Vec::new();
    let root = yaml::parse(document, Limits::DOCUMENT, &mut diagnostics);
    let value = root.and_then(|root: Arc<Node>| {
        if let Some(newer) = newer_format(&root) {
            diagnostics.push(newer);
            return None;
        }
        Checker {
            prefix: "definition",
            diagnostics: &mut diagnostics,
        }
        .check(&root, Shape::Object(object), object.what);
        convert(
            &mut Reader {
                diagnostics: &mut diagnostics,
            },
            &root,
        )
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

/// A document of a later format: nothing else about it can be judged.
fn newer_format(root: &Node) -> Option<Diagnostic> {
    let node = root.get("kiln")?;
    let version: i64 = node.text()?.parse().ok()?;
    (version > FORMAT).then(|| {
        Diagnostic::error(
            "definition/newer-format",
            format!("format version {version} is newer than this kiln"),
        )
        .at(node.span.location())
        .expected(format!("`{FORMAT}`"))
        .found(format!("`{version}`"))
        .help("use a newer kiln, or write the definition in an older format")
    })
}

/// A YAML document as JSON text, with the types that YAML 1.2 gives its scalars (core schema), as
/// validators of JSON Schema want it.
///
/// # Errors
/// When the text is not one YAML document.
pub fn yaml_to_json(document: &Document) -> Result<String, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    match yaml::parse(document, Limits::DOCUMENT, &mut diagnostics) {
        Some(root) if diagnostics.is_empty() => Ok(json(&root).to_string()),
        _ => Err(diagnostics),
    }
}

fn json(node: &Node) -> serde_json::Value {
    use crate::yaml::{Kind, ScalarType, scalar_type};
    use serde_json::Value;
    match &node.kind {
        Kind::List(items) => Value::Array(items.iter().map(|item| json(item)).collect()),
        Kind::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key.text.clone(), json(value)))
                .collect(),
        ),
        Kind::Scalar { text, plain: false } => Value::String(text.clone()),
        Kind::Scalar { text, plain: true } => match scalar_type(text) {
            ScalarType::Null => Value::Null,
            ScalarType::Boolean => Value::Bool(text.eq_ignore_ascii_case("true")),
            ScalarType::Number => text
                .parse::<i64>()
                .map(Value::from)
                .or_else(|_| text.parse::<f64>().map(Value::from))
                .unwrap_or(Value::Null),
            ScalarType::Text => Value::String(text.clone()),
        },
    }
}
