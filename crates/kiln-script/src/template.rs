//! Text with variables in it.

use std::fmt;

use crate::condition::is_name;

/// A text with variables, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<'a>(Vec<Part<'a>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Variable {
        name: &'a str,
        default: Option<&'a str>,
        written: &'a str,
    },
}

/// Why a template cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A variable is neither set nor has a default.
    Missing(String),
    /// The `${` at this byte has no `}`.
    Unclosed(usize),
    /// Between `${` and `}` is no name.
    NotAName(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the variable {name} is not set"),
            Self::Unclosed(at) => write!(f, "the `${{` at byte {at} has no `}}`"),
            Self::NotAName(text) => {
                write!(
                    f,
                    "`${{{text}}}` is not a variable; write `$${{` for a literal `${{`"
                )
            }
        }
    }
}

impl std::error::Error for TemplateError {}

impl<'a> Template<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// When a `${` is not closed or holds no name.
    pub fn parse(text: &'a str) -> Result<Self, TemplateError> {
        Self::take_apart(text, true)
    }

    /// Takes a text apart in which `${…}` without a name of a variable is text.
    #[must_use]
    pub fn parse_lenient(text: &'a str) -> Self {
        Self::take_apart(text, false).unwrap_or_else(|_| Self(vec![Part::Text(text)]))
    }

    fn take_apart(text: &'a str, strict: bool) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let (mut start, mut at) = (0, 0);
        let slice = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        while let Some(found) = slice(at, text.len()).find("${") {
            let open = at + found;
            let inner = open + 2;
            if slice(start, open).ends_with('$') {
                // `$${`: without its first `$`.
                parts.push(Part::Text(slice(start, open - 1)));
                start = open;
                at = inner;
                continue;
            }
            let Some(length) = slice(inner, text.len()).find('}') else {
                if strict {
                    return Err(TemplateError::Unclosed(open));
                }
                break;
            };
            let body = slice(inner, inner + length);
            let close = inner + length + 1;
            let (name, default) = match body.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (body, None),
            };
            if is_name(name) {
                parts.push(Part::Text(slice(start, open)));
                parts.push(Part::Variable {
                    name,
                    default,
                    written: slice(open, close),
                });
                start = close;
            } else if strict {
                return Err(TemplateError::NotAName(body.chars().take(80).collect()));
            }
            at = if is_name(name) { close } else { inner };
        }
        parts.push(Part::Text(slice(start, text.len())));
        Ok(Self(parts))
    }

    /// The text with every variable replaced. A variable that is empty has its default, as in a
    /// shell.
    ///
    /// # Errors
    /// The first variable that is missing.
    pub fn fill(&self, get: &dyn Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
        let mut result = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Variable { name, default, .. } => match (get(name), default) {
                    (Some(value), Some(default)) if value.is_empty() => result.push_str(default),
                    (Some(value), _) => result.push_str(&value),
                    (None, Some(default)) => result.push_str(default),
                    (None, None) => return Err(TemplateError::Missing((*name).to_owned())),
                },
            }
        }
        Ok(result)
    }

    /// The text with every variable replaced that is there.
    #[must_use]
    pub fn fill_known(&self, get: &dyn Fn(&str) -> Option<String>) -> String {
        let mut result = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Variable {
                    name,
                    default,
                    written,
                } => {
                    let value = get(name).filter(|value| default.is_none() || !value.is_empty());
                    match (value, default) {
                        (Some(value), _) => result.push_str(&value),
                        (None, Some(default)) => result.push_str(default),
                        (None, None) => result.push_str(written),
                    }
                }
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(name: &str) -> Option<String> {
        match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_and_nothing_else() {
        for (text, filled) in [
            ("", Ok("")),
            ("${A}-${A}", Ok("one-one")),
            ("$A $$ $", Ok("$A $$ $")),
            ("$${A}${A}", Ok("${A}one")),
            ("x$${", Ok("x${")),
            ("${NO:-two}${EMPTY:-three}${EMPTY}", Ok("twothree")),
            ("${NO:-}", Ok("")),
            ("é${A}é", Ok("éoneé")),
            ("${NO}", Err(TemplateError::Missing("NO".to_owned()))),
            ("x${", Err(TemplateError::Unclosed(1))),
            ("${a-b}", Err(TemplateError::NotAName("a-b".to_owned()))),
        ] {
            let result = Template::parse(text).and_then(|template| template.fill(&get));
            assert_eq!(result, filled.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn unknown_names_can_stay() {
        for (text, filled) in [
            (
                "${A} $host ${host_x} ${1} ${",
                "one $host ${host_x} ${1} ${",
            ),
            ("{${ ${A}}", "{${ one}"),
            ("${NO:-two}", "two"),
        ] {
            assert_eq!(
                Template::parse_lenient(text).fill_known(&get),
                filled,
                "{text}"
            );
        }
    }
}
