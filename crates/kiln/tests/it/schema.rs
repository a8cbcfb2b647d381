//! What `--json` prints against `schemas/cli.json`, with a validator of the keywords in use.

use serde_json::Value;

/// Fails unless `value` is what the schema says of this command.
pub(crate) fn assert_valid(command: &str, value: &Value) {
    let schema: Value = serde_json::from_str(include_str!("../../../../schemas/cli.json")).unwrap();
    let rule = &schema["properties"][command];
    assert!(
        rule.is_object(),
        "schemas/cli.json says nothing of `{command}`"
    );
    let mut errors = Vec::new();
    validate(&schema, rule, value, "", &mut errors);
    assert!(errors.is_empty(), "{command}: {errors:#?}\n{value:#}");
}

/// An unknown keyword is a failure: it would be a rule that nobody checks.
fn validate(root: &Value, schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    let object = match schema {
        Value::Bool(true) => return,
        Value::Object(object) => object,
        other => panic!("a schema is an object, not {other}"),
    };
    for (keyword, rule) in object {
        match keyword.as_str() {
            "$schema" | "title" | "description" | "format" | "default" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                validate(root, root.pointer(pointer).unwrap(), value, place, errors);
            }
            "type" => {
                let types: Vec<&str> = match rule {
                    Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                    one => one.as_str().into_iter().collect(),
                };
                if !types.iter().any(|kind| is_of(value, kind)) {
                    errors.push(format!("{place}: {value} is not {rule}"));
                }
            }
            "const" => {
                if value != rule {
                    errors.push(format!("{place}: {value} is not {rule}"));
                }
            }
            "enum" => {
                if !rule.as_array().unwrap().contains(value) {
                    errors.push(format!("{place}: {value} is none of {rule}"));
                }
            }
            "minimum" => {
                // Of numbers only: what else may stand here, `type` says.
                if value.is_number() && value.as_f64() < rule.as_f64() {
                    errors.push(format!("{place}: {value} is less than {rule}"));
                }
            }
            "required" => {
                for key in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(key).is_none() {
                        errors.push(format!("{place}: `{key}` is missing"));
                    }
                }
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    match rule.get(key) {
                        Some(schema) => {
                            validate(root, schema, item, &format!("{place}.{key}"), errors);
                        }
                        // Programs rely on the schema: what it does not say must not be there.
                        None => errors.push(format!("{place}: `{key}` is not in the schema")),
                    }
                }
            }
            // Of maps, whose keys no schema can name.
            "additionalProperties" => {
                let is_named = |key: &String| {
                    let named = object.get("properties");
                    named.is_some_and(|named| named.get(key).is_some())
                };
                let items = value.as_object().into_iter().flatten();
                for (key, item) in items.filter(|(key, _)| !is_named(key)) {
                    match rule {
                        Value::Bool(false) => errors.push(format!("{place}: `{key}` is too much")),
                        rule => validate(root, rule, item, &format!("{place}.{key}"), errors),
                    }
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(root, rule, item, &format!("{place}[{at}]"), errors);
                }
            }
            "anyOf" | "oneOf" => {
                let fits = rule.as_array().unwrap().iter().any(|schema| {
                    let mut inner = Vec::new();
                    validate(root, schema, value, place, &mut inner);
                    inner.is_empty()
                });
                if !fits {
                    errors.push(format!("{place}: {value} fits none of the alternatives"));
                }
            }
            other => panic!("keyword `{other}` of schemas/cli.json is not checked here"),
        }
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    }
}
