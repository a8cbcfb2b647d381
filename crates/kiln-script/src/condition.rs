//! When a step is done.

use std::fmt;

/// A condition; written `NAME`, `NAME=value` or `/path`, with `!` in front (`NAME!=value`) for the
/// opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is looked at.
    pub test: Test,
    /// Whether it must be so, or must not.
    pub wanted: bool,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A variable is there and not empty.
    Set(String),
    /// A variable has a value (a template).
    Equals(String, String),
    /// A path (a template that begins with `/` or `${`) is there.
    Exists(String),
}

/// Whether this can be the name of a variable.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Condition {
    /// Reads a condition; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, negated) = match text.strip_prefix('!') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if rest.starts_with('/') || rest.starts_with("${") {
            let test = Test::Exists(rest.to_owned());
            return Some(Self {
                test,
                wanted: !negated,
            });
        }
        let Some((name, value)) = rest.split_once('=') else {
            return is_name(rest).then(|| Self {
                test: Test::Set(rest.to_owned()),
                wanted: !negated,
            });
        };
        let (name, differs) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        (!negated && is_name(name)).then(|| Self {
            test: Test::Equals(name.to_owned(), value.to_owned()),
            wanted: !differs,
        })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.wanted { "" } else { "!" };
        match &self.test {
            Test::Set(name) => write!(f, "{not}{name}"),
            Test::Equals(name, value) => write!(f, "{name}{not}={value}"),
            Test::Exists(path) => write!(f, "{not}{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_they_are_written() {
        for text in ["NAME", "!NAME", "A=b=c", "A!=", "/a", "!${DATA}/x"] {
            assert_eq!(Condition::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "!", "!A=b", "1A", "a-b", "=x", "!=x"] {
            assert_eq!(Condition::parse(text), None, "{text}");
        }
    }
}
