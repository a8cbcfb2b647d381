//! The JSON Schemas (draft 2020-12) of the formats, printed from the tables that the readers
//! check against.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::format;
use crate::shape::{Object, Rule, Shape};

/// The schema of a definition.
#[must_use]
pub fn definition() -> Value {
    document(&format::DEFINITION, "kiln image definition")
}

/// The schema of a profile.
#[must_use]
pub fn profile() -> Value {
    document(&format::PROFILE, "kiln profile")
}

/// The schema of a distribution.
#[must_use]
pub fn distribution() -> Value {
    document(&format::DISTRIBUTION_DOCUMENT, "kiln distribution")
}

/// A schema as the text that is committed: keys sorted, two spaces, a final newline.
#[must_use]
pub fn to_text(schema: &Value) -> String {
    let mut text = String::new();
    write(schema, 0, &mut text);
    text.push('\n');
    text
}

pub(crate) fn document(object: &Object, title: &str) -> Value {
    let mut schema = object_schema(object);
    if let Some(map) = schema.as_object_mut() {
        map.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        map.insert("title".to_owned(), json!(title));
        let mut named = BTreeMap::new();
        for field in object.fields() {
            collect_named(field.shape, &mut named);
        }
        if !named.is_empty() {
            let definitions: serde_json::Map<String, Value> = named
                .into_iter()
                .map(|(name, object)| (name.to_owned(), object_schema(object)))
                .collect();
            map.insert("$defs".to_owned(), Value::Object(definitions));
        }
    }
    schema
}

/// The shapes that have a name, each once.
fn collect_named(shape: Shape, named: &mut BTreeMap<&'static str, &'static Object>) {
    let object = match shape {
        Shape::Object(object) => object,
        Shape::Named(name, object) => {
            let object = object();
            if named.insert(name, object).is_some() {
                return;
            }
            object
        }
        Shape::List(inner) | Shape::Map(_, inner) => return collect_named(*inner, named),
        Shape::Either(left, right) => {
            collect_named(*left, named);
            return collect_named(*right, named);
        }
        _ => return,
    };
    for field in object.fields() {
        collect_named(field.shape, named);
    }
}

fn object_schema(object: &Object) -> Value {
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for field in object.fields() {
        let mut schema = shape(field.shape);
        if let Some(map) = schema.as_object_mut() {
            map.insert("description".to_owned(), json!(field.doc));
        }
        properties.insert(field.name.to_owned(), schema);
        if field.required {
            required.push(field.name);
        }
    }
    let mut schema =
        json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (false, Some(map)) = (required.is_empty(), schema.as_object_mut()) {
        map.insert("required".to_owned(), json!(required));
    }
    schema
}

fn shape(shape_: Shape) -> Value {
    match shape_ {
        Shape::Text => json!({"type": "string"}),
        Shape::Word(rule) => word(rule),
        Shape::Choice(words) => json!({"type": "string", "enum": words}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Integer(least, most) => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        Shape::Mode => json!({"type": "string", "pattern": "^[0-7]{3,4}$"}),
        Shape::List(item) => json!({"type": "array", "items": shape(*item)}),
        Shape::Map(rule, value) => {
            json!({"type": "object", "additionalProperties": shape(*value), "propertyNames": {"pattern": rule.pattern}})
        }
        Shape::Object(object) => object_schema(object),
        Shape::Named(name, _) => json!({"$ref": format!("#/$defs/{name}")}),
        Shape::Either(left, right) => json!({"anyOf": [shape(*left), shape(*right)]}),
    }
}

fn word(rule: &Rule) -> Value {
    if rule.substituted {
        json!({"type": "string", "anyOf": [{"pattern": rule.pattern}, {"pattern": "\\$\\{"}]})
    } else {
        json!({"type": "string", "pattern": rule.pattern})
    }
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = |text: &mut String, depth: usize| {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push('{');
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                indent(text, depth + 1);
                text.push_str(&Value::String(key.clone()).to_string());
                text.push_str(": ");
                write(value, depth + 1, text);
            }
            indent(text, depth);
            text.push('}');
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                indent(text, depth + 1);
                write(item, depth + 1, text);
            }
            indent(text, depth);
            text.push(']');
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            text.push_str(&format!("[{}]", items.join(", ")));
        }
        other => text.push_str(&other.to_string()),
    }
}
