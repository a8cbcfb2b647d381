//! The guide for writing definitions, held to what is true: its YAML is read without an error, and
//! it names every key of the schema and every lint.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kiln_definition::{Document, LINT_CODES, PlanOptions, parse, plans, policy};
use serde_json::Value;

const HEAD: &str = "kiln: 1\nname: example\n";
const VERSIONS: &str = "versions: {\"1.26\": {distribution: debian-13}}\n";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// The blocks marked `yaml`, with the line on which each begins. One that is no whole definition
/// gets the keys that every definition has.
fn examples(name: &str, text: &str) -> Vec<Document> {
    let mut found = Vec::new();
    let mut block: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut block {
            None if line == "```yaml" => block = Some((index + 2, String::new())),
            Some((first, yaml)) if line == "```" => {
                let mut whole = String::new();
                if !yaml.contains("kiln: 1\n") {
                    whole.push_str(HEAD);
                    if !yaml.starts_with("versions:") {
                        whole.push_str(VERSIONS);
                    }
                }
                whole.push_str(yaml);
                found.push(Document::new(format!("{name}:{first}"), whole));
                block = None;
            }
            Some((_, yaml)) => {
                yaml.push_str(line);
                yaml.push('\n');
            }
            None => {}
        }
    }
    found
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                found.extend(properties.keys().cloned());
            }
            map.values().for_each(|inner| keys(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| keys(inner, found)),
        _ => {}
    }
}

#[test]
fn examples_are_definitions() {
    let mut count = 0;
    for guide in ["definition", "mirrors-and-offline"] {
        let name = format!("docs/guides/{guide}.md");
        for document in examples(&name, &read(&name)) {
            let parsed = parse(&document);
            assert_eq!(parsed.diagnostics, [], "{}", document.name);
            let planned = plans(&parsed.value.unwrap(), &PlanOptions::default(), &|_| {
                Ok(Vec::new())
            });
            assert_eq!(planned.err(), None, "{}", document.name);
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} examples were found");
}

#[test]
fn the_guide_names_every_key_and_every_lint() {
    let guide = read("docs/guides/definition.md");
    let schema: Value = serde_json::from_str(&read("schemas/definition.json")).unwrap();
    let mut all = BTreeSet::new();
    keys(&schema, &mut all);
    assert!(all.len() > 50, "{all:?}");
    let missing: Vec<&String> = all
        .iter()
        .filter(|key| {
            let inner = format!(".{key}`");
            !guide.contains(&format!("`{key}`")) && !guide.contains(&inner)
        })
        .collect();
    assert!(missing.is_empty(), "not in the guide: {missing:?}");
    for (code, finds) in LINT_CODES {
        let line = format!("| `{code}` | {finds} |");
        assert!(guide.contains(&line), "not in the guide: {line}");
    }
}

#[test]
fn the_guide_of_the_gate_names_every_key_of_a_policy() {
    let name = "docs/guides/gate.md";
    let text = read(name);
    let example = text.split("```yaml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let parsed = policy::parse(&Document::new(name, example));
    assert_eq!(parsed.diagnostics, []);
    assert!(parsed.value.is_some());
    let mut known = BTreeSet::new();
    keys(&policy::schema(), &mut known);
    for key in known {
        let is_named = text.contains(&format!("{key}:")) || text.contains(&format!("`{key}`"));
        assert!(is_named, "{name} does not name `{key}`");
    }
}
