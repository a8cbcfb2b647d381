//! What a definition becomes, as YAML for people: every plan with everything derived, maps
//! sorted. The text can be read again by any YAML 1.2 or 1.1 reader.

use kiln_types::{Plan, TargetId};
use serde_json::Value;

use crate::model::Definition;
use crate::yaml::{ScalarType, scalar_type};

/// The evaluated definition: what it says about itself, and each plan under its target
/// (`1.26/standard/amd64`).
#[must_use]
pub fn show(definition: &Definition, plans: &[Plan]) -> String {
    let mut text = format!("image: {}\n", scalar(definition.name.as_str(), 0));
    let about = &definition.about;
    for (name, value) in [
        ("title", &about.title),
        ("summary", &about.summary),
        ("description", &about.description),
        ("upstream", &about.upstream),
        ("license", &about.license),
    ] {
        if let Some(value) = value {
            text.push_str(&format!("{name}: {}\n", scalar(value, 0)));
        }
    }
    if !about.categories.is_empty() {
        let categories: Vec<String> = about
            .categories
            .iter()
            .map(|category| scalar(category, 0))
            .collect();
        text.push_str(&format!("categories: [{}]\n", categories.join(", ")));
    }
    text.push_str("plans:\n");
    let mut sorted: Vec<(TargetId, &Plan)> =
        plans.iter().map(|plan| (plan.target(), plan)).collect();
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    for (target, plan) in sorted {
        text.push_str(&format!("  {}:\n", scalar(&target.to_string(), 1)));
        if let Ok(value) = serde_json::to_value(plan) {
            block(&value, 2, &mut text);
        }
    }
    text
}

/// A JSON value as YAML text, maps sorted.
#[must_use]
pub fn to_yaml(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(value, 0, &mut text),
        Value::Array(items) if !items.is_empty() => block(value, 0, &mut text),
        flat => {
            text.push_str(&inline(flat, 0));
            text.push('\n');
        }
    }
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().filter(|(_, value)| !value.is_null()).collect();
            entries.sort_by_key(|(key, _)| *key);
            for (key, value) in entries {
                text.push_str(&format!("{indent}{}:", scalar(key, depth)));
                nested(value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        let mut inner = String::new();
                        block(item, depth + 1, &mut inner);
                        let first = inner.trim_start();
                        text.push_str(&format!("{indent}- {first}"));
                    }
                    _ => {
                        text.push_str(&format!("{indent}-"));
                        nested(item, depth, text);
                    }
                }
            }
        }
        _ => {}
    }
}

/// What follows `key:` or `-`.
fn nested(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(map) if !map.values().all(Value::is_null) => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        Value::Array(items)
            if items
                .iter()
                .map(|item| inline(item, depth).len() + 2)
                .sum::<usize>()
                > 80 =>
        {
            text.push('\n');
            block(value, depth + 1, text);
        }
        flat => {
            text.push(' ');
            text.push_str(&inline(flat, depth));
            text.push('\n');
        }
    }
}

fn inline(value: &Value, depth: usize) -> String {
    match value {
        Value::String(text) => scalar(text, depth),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| match item {
                    // Blocks cannot stand in a line.
                    Value::String(text) if text.contains('\n') => quoted(text),
                    item => inline(item, depth),
                })
                .collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(_) => "{}".to_owned(),
        Value::Null => "null".to_owned(),
        other => other.to_string(),
    }
}

/// Text as a scalar: plain where nobody can take it for something else, as a block where it has
/// several lines, otherwise in double quotes.
fn scalar(text: &str, depth: usize) -> String {
    let printable = !text
        .chars()
        .any(|letter| letter.is_control() && letter != '\n')
        && !text.contains(['\u{feff}', '\u{2028}', '\u{2029}', '\u{85}']);
    if printable
        && text.contains('\n')
        && text.ends_with('\n')
        && !text.ends_with("\n\n")
        && !text.starts_with([' ', '\n'])
    {
        let indent = "  ".repeat(depth + 1);
        let lines: Vec<String> = text
            .trim_end_matches('\n')
            .split('\n')
            .map(|line| {
                if line.is_empty() {
                    String::new()
                } else {
                    format!("{indent}{line}")
                }
            })
            .collect();
        return format!("|\n{}", lines.join("\n"));
    }
    let word = |letter: char| letter.is_ascii_alphanumeric() || "/._+-".contains(letter);
    let boolean_of_old = matches!(
        text.to_ascii_lowercase().as_str(),
        "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let plain = !boolean_of_old
        && scalar_type(text) == ScalarType::Text
        && text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/')
        && text
            .split(' ')
            .all(|part| !part.is_empty() && part.chars().all(word));
    if plain { text.to_owned() } else { quoted(text) }
}

/// JSON strings are YAML scalars in double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter
                if letter.is_control()
                    || matches!(letter, '\u{feff}' | '\u{2028}' | '\u{2029}') =>
            {
                quoted.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
