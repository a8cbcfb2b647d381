//! The JSON Schemas: current, and in agreement with the readers.

use std::path::Path;

use kiln_definition::{
    Document, Parsed, catalog, distribution_document, distribution_ids, lock, parse, policy,
    profile_document, profile_names, schema,
};
use serde_json::Value;

fn committed(name: &str, schema: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../schemas")
        .join(name);
    let text = schema::to_text(schema);
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch that writes the schemas again"
    )]
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "schemas/{name} is not current; run the tests with UPDATE_SCHEMAS=1 and commit it"
    );
}

#[test]
fn the_committed_schemas_are_current() {
    committed("definition.json", &schema::definition());
    committed("profile.json", &schema::profile());
    committed("distribution.json", &schema::distribution());
    committed("lock.json", &lock::schema());
    committed("policy.json", &policy::schema());
}

/// A validator for the keywords that the schemas use; anything else is a failure.
fn validate(rules: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    for (keyword, rule) in rules.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            // Definitions are looked at where something refers to them.
            "$schema" | "title" | "description" | "$defs" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                let definitions = &schema::definition()["$defs"];
                validate(&definitions[name], value, place, errors);
            }
            "type" => {
                let fits = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("type {other}"),
                };
                if !fits {
                    errors.push(format!("{place}: not {rule}"));
                }
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = rule.get(key) {
                        validate(schema, item, &format!("{place}.{key}"), errors);
                    }
                }
            }
            "additionalProperties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    let known = rules
                        .get("properties")
                        .is_some_and(|known| known.get(key).is_some());
                    match rule {
                        Value::Bool(false) if !known => {
                            errors.push(format!("{place}: unknown key {key}"))
                        }
                        Value::Bool(_) => {}
                        rule => validate(rule, item, &format!("{place}.{key}"), errors),
                    }
                }
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    if value.is_object() && value.get(key.as_str().unwrap()).is_none() {
                        errors.push(format!("{place}: no {key}"));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(rule, item, &format!("{place}[{index}]"), errors);
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    errors.push(format!("{place}: not in {rule}"));
                }
            }
            "minimum" => {
                if value
                    .as_i64()
                    .is_some_and(|number| number < rule.as_i64().unwrap())
                {
                    errors.push(format!("{place}: too small"));
                }
            }
            "maximum" => {
                if value
                    .as_i64()
                    .is_some_and(|number| number > rule.as_i64().unwrap())
                {
                    errors.push(format!("{place}: too large"));
                }
            }
            "anyOf" => {
                let fits = rule.as_array().unwrap().iter().any(|rule| {
                    let mut errors = Vec::new();
                    validate(rule, value, place, &mut errors);
                    errors.is_empty()
                });
                if !fits {
                    errors.push(format!("{place}: fits nothing of anyOf"));
                }
            }
            // Patterns are for editors: that they say what the rules say is tested beside the rules.
            "pattern" | "propertyNames" => {}
            other => panic!("keyword {other}"),
        }
    }
}

/// YAML as JSON, with the types of the core schema, by way of the text that people see.
fn json(document: &Document) -> Value {
    serde_json::from_str(&kiln_definition::yaml_to_json(document).expect("it is YAML"))
        .expect("it is JSON")
}

fn agrees<T>(schema: &Value, document: &Document, parsed: &Parsed<T>) {
    let mut errors = Vec::new();
    validate(schema, &json(document), "", &mut errors);
    assert_eq!(errors, Vec::<String>::new(), "{}", document.name);
    assert!(
        parsed.value.is_some(),
        "{}: {:?}",
        document.name,
        parsed.diagnostics
    );
}

#[test]
fn every_document_that_kiln_carries_fits_its_schema() {
    for name in catalog::names() {
        let document = catalog::document(name).unwrap();
        agrees(&schema::definition(), &document, &parse(&document));
    }
    for name in profile_names() {
        let document = profile_document(name).unwrap();
        agrees(
            &schema::profile(),
            &document,
            &kiln_definition::parse_profile(&document),
        );
    }
    let document = policy::default_document();
    agrees(&policy::schema(), &document, &policy::parse(&document));
    for id in distribution_ids() {
        let document = distribution_document(id).unwrap();
        agrees(
            &schema::distribution(),
            &document,
            &kiln_definition::parse_distribution(&document),
        );
    }
}

#[test]
fn schema_and_reader_refuse_the_same_shapes() {
    let good = "kiln: 1\nname: x\nversions: {\"1\": {distribution: debian-13}}\n";
    for (extra, fits) in [
        ("", true),
        ("cmd: [a, b]\n", true),
        ("cmd: a\n", false),
        ("cmd: [1]\n", false),
        ("ports: [8080, 80/tcp]\n", true),
        ("ports: [true]\n", false),
        ("environment: {A: b}\n", true),
        ("environment: {A: 1}\n", false),
        ("unknown: 1\n", false),
        (
            "contents: {packages: [a, {name: b, variants: [dev]}]}\n",
            true,
        ),
        ("contents: {packages: [{variants: [dev]}]}\n", false),
        ("contents: {packages: [[a]]}\n", false),
        ("accounts: {users: [{name: a, uid: 5}]}\n", true),
        ("accounts: {users: [{name: a, uid: -5}]}\n", false),
        ("accounts: {users: [{name: a, uid: \"5\"}]}\n", false),
        (
            "paths: [{path: /a, type: directory, writable: yes}]\n",
            false,
        ),
        (
            "paths: [{path: /a, type: directory, writable: true}]\n",
            true,
        ),
        ("paths: [{path: /a, type: folder}]\n", false),
        ("paths: [{path: /a, type: directory, mode: 755}]\n", false),
        ("variants: {dev: null}\n", false),
        ("variants: {dev: {}}\n", true),
    ] {
        let document = Document::new("x.yaml", format!("{good}{extra}"));
        let mut errors = Vec::new();
        validate(&schema::definition(), &json(&document), "", &mut errors);
        assert_eq!(errors.is_empty(), fits, "schema: {extra} {errors:?}");
        assert_eq!(parse(&document).value.is_some(), fits, "reader: {extra}");
    }
}
