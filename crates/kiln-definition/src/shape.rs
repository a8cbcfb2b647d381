//! What a document may look like, as data. One table says which keys there are, what each holds
//! and what it means; the reader refuses what is not in it ([`check`]) and the JSON Schema is
//! printed from it (`schema`), so the two cannot drift apart.
//!
//! [`check`] walks a whole tree and reports everything at once. What passes has the right types
//! and keys; what a value means beyond its spelling is for the readers in `read`.

use kiln_types::Diagnostic;

use crate::suggest::nearest;
use crate::yaml::{Key, Kind, Node, ScalarType, scalar_type, shorten};

/// The shape of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// Text that keeps a rule.
    Word(&'static Rule),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// Permission bits: quoted octal digits.
    Mode,
    /// Items of one shape, in order.
    List(&'static Shape),
    /// Names of the reader's choice, each with a value of one shape.
    Map(&'static Rule, &'static Shape),
    /// Known keys.
    Object(&'static Object),
    /// Known keys of a map that may stand inside itself; the schema defines it once under this name.
    ///
    /// A function, because a table cannot hold a reference to itself.
    Named(&'static str, fn() -> &'static Object),
    /// One of two shapes, told apart by being a map, a list or a scalar.
    Either(&'static Shape, &'static Shape),
}

/// A rule for text, checked here and printed into the schema as a pattern.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What such a text is, with its article.
    pub(crate) what: &'static str,
    /// How it looks, for people.
    pub(crate) form: &'static str,
    /// The same as a regular expression of ECMA 262, for editors.
    pub(crate) pattern: &'static str,
    /// Whether a text keeps the rule.
    pub(crate) holds: fn(&str) -> bool,
    /// Whether `${name}` may stand in it; the rule is then checked again after substitution.
    pub(crate) substituted: bool,
}

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// What such a map is, with its article.
    pub(crate) what: &'static str,
    /// The keys, in groups that several kinds of map may share.
    pub(crate) keys: &'static [&'static [Field]],
}

impl Object {
    /// All keys.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> + Clone + use<> {
        self.keys.iter().flat_map(|group| group.iter())
    }
}

/// A known key.
#[derive(Debug)]
pub(crate) struct Field {
    /// The key.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) shape: Shape,
    /// What it means, for editors.
    pub(crate) doc: &'static str,
    /// Whether it must be there.
    pub(crate) required: bool,
}

/// A key that may be left out.
pub(crate) const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field {
        name,
        shape,
        doc,
        required: false,
    }
}

/// A key that must be there.
pub(crate) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field {
        name,
        shape,
        doc,
        required: true,
    }
}

impl Shape {
    /// What fits here, for "expected".
    fn expected(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Word(rule) => rule.form.to_owned(),
            Self::Choice(words) => list_of(words),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Integer(least, most) => format!("a whole number from {least} to {most}"),
            Self::Mode => "octal digits in quotes, such as `\"0755\"`".to_owned(),
            Self::List(item) => match item.expected() {
                item if item.contains("list") => "a list of lists".to_owned(),
                item => format!("a list; each item: {item}"),
            },
            Self::Map(..) => "a map".to_owned(),
            Self::Object(object) => object.what.to_owned(),
            Self::Named(_, object) => object().what.to_owned(),
            Self::Either(left, right) => format!("{}, or {}", left.expected(), right.expected()),
        }
    }

    /// Whether a node of this kind is meant for this shape.
    fn takes(self, kind: &Kind) -> bool {
        match self {
            Self::List(_) => matches!(kind, Kind::List(_)),
            Self::Map(..) | Self::Object(_) | Self::Named(..) => matches!(kind, Kind::Map(_)),
            Self::Either(left, right) => left.takes(kind) || right.takes(kind),
            _ => matches!(kind, Kind::Scalar { .. }),
        }
    }
}

fn list_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// How diagnostics of one kind of document are coded, and which sibling keys exist elsewhere.
pub(crate) struct Checker<'a> {
    /// The prefix of the codes: `definition`, `lock` …
    pub(crate) prefix: &'static str,
    /// Where findings go.
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

impl Checker<'_> {
    fn report(&mut self, code: &str, message: String, node: &Node) -> &mut Diagnostic {
        self.push(
            Diagnostic::error(&format!("{}/{code}", self.prefix), message).at(node.span.location()),
        )
    }

    fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        let index = self.diagnostics.len();
        self.diagnostics.push(diagnostic);
        &mut self.diagnostics[index]
    }

    fn wrong_type(&mut self, node: &Node, shape: Shape, what: &str) {
        let message = if node.describe() == "nothing" {
            format!("{what} is empty")
        } else {
            format!("{what} must not be {}", node.describe())
        };
        let expected = shape.expected();
        let help = match (&node.kind, shape) {
            _ if node.describe() == "nothing" => {
                Some("give it a value or remove the key".to_owned())
            }
            (Kind::Scalar { text, .. }, Shape::Text | Shape::Word(_) | Shape::Choice(_)) => {
                Some(format!("put it in quotes: `\"{}\"`", shorten(text)))
            }
            (Kind::Scalar { text, .. }, Shape::List(_)) => {
                Some(format!("write a list: `[{}]`", shorten(text)))
            }
            (Kind::Scalar { plain: false, .. }, Shape::Boolean | Shape::Integer(..)) => {
                Some("remove the quotes".to_owned())
            }
            _ => None,
        };
        let found = found(node);
        let code = if node.describe() == "nothing" {
            "empty-value"
        } else {
            "wrong-type"
        };
        let diagnostic = self.report(code, message, node);
        diagnostic.expected = Some(expected);
        diagnostic.found = Some(found);
        diagnostic.help = help;
    }

    /// Checks a node and everything below it. `what` names it: "`entrypoint`".
    pub(crate) fn check(&mut self, node: &Node, shape: Shape, what: &str) {
        if let Shape::Either(left, right) = shape {
            let shape = match (left.takes(&node.kind), right.takes(&node.kind)) {
                (true, true) => match (left, node.describe()) {
                    (Shape::Integer(..), "a number") => *left,
                    _ => *right,
                },
                (true, false) => *left,
                (false, true) => *right,
                (false, false) => return self.wrong_type(node, shape, what),
            };
            return self.check(node, shape, what);
        }
        match (&node.kind, shape) {
            (Kind::Map(entries), Shape::Named(_, object)) => {
                self.check_object(node, entries, object(), what)
            }
            (Kind::Map(entries), Shape::Object(object)) => {
                self.check_object(node, entries, object, what)
            }
            (Kind::Map(entries), Shape::Map(rule, value)) => {
                for (key, item) in entries {
                    if !(rule.holds)(&key.text) {
                        let message = format!("`{}` is not {}", shorten(&key.text), rule.what);
                        let diagnostic =
                            Diagnostic::error(&format!("{}/bad-value", self.prefix), message)
                                .at(key.span.location())
                                .expected(rule.form);
                        self.push(diagnostic);
                    }
                    self.check(item, *value, &format!("`{}`", shorten(&key.text)));
                }
            }
            (Kind::List(items), Shape::List(item_shape)) => {
                let what = if what.starts_with("an item of") {
                    what.to_owned()
                } else {
                    format!("an item of {what}")
                };
                for item in items {
                    self.check(item, *item_shape, &what);
                }
            }
            (Kind::Scalar { text, plain }, shape)
                if !matches!(
                    shape,
                    Shape::Object(_) | Shape::Named(..) | Shape::Map(..) | Shape::List(_)
                ) =>
            {
                self.check_scalar(node, text, *plain, shape, what);
            }
            _ => self.wrong_type(node, shape, what),
        }
    }

    fn check_object(
        &mut self,
        node: &Node,
        entries: &[(Key, std::sync::Arc<Node>)],
        object: &'static Object,
        what: &str,
    ) {
        for (key, value) in entries {
            match object.fields().find(|field| field.name == key.text) {
                Some(field) => self.check(value, field.shape, &format!("`{}`", field.name)),
                None => {
                    let message =
                        format!("unknown key `{}` in {}", shorten(&key.text), object.what);
                    let names = object.fields().map(|field| field.name);
                    let help = match nearest(&key.text, names.clone()) {
                        Some(name) => format!("did you mean `{name}`?"),
                        None => format!(
                            "the keys here are {}",
                            list_of(&names.collect::<Vec<_>>()).replace(" or ", " and ")
                        ),
                    };
                    let diagnostic =
                        Diagnostic::error(&format!("{}/unknown-key", self.prefix), message);
                    self.push(diagnostic.at(key.span.location()).help(help));
                }
            }
        }
        for field in object.fields().filter(|field| field.required) {
            if !entries.iter().any(|(key, _)| key.text == field.name) {
                let mut place = node.span.location();
                // A whole map is no place to point at: its first line is.
                place.length = 0;
                let diagnostic = Diagnostic::error(
                    &format!("{}/missing-key", self.prefix),
                    format!("{what} has no `{}`", field.name),
                );
                self.push(
                    diagnostic
                        .at(place)
                        .expected(field.shape.expected())
                        .help(format!("add `{}`: {}", field.name, field.doc)),
                );
            }
        }
    }

    fn check_scalar(&mut self, node: &Node, text: &str, plain: bool, shape: Shape, what: &str) {
        let meaning = if plain {
            scalar_type(text)
        } else {
            ScalarType::Text
        };
        match shape {
            Shape::Mode => self.check_mode(node, text, plain, what),
            Shape::Boolean => self.check_boolean(node, text, meaning, what),
            Shape::Integer(least, most) => match (meaning, text.parse::<i64>()) {
                (ScalarType::Number, Ok(number)) if (least..=most).contains(&number) => {}
                (ScalarType::Number, _) => {
                    let diagnostic =
                        self.report("bad-value", format!("{what} is out of range"), node);
                    diagnostic.expected = Some(shape.expected());
                    diagnostic.found = Some(format!("`{}`", shorten(text)));
                }
                _ => self.wrong_type(node, shape, what),
            },
            _ if meaning != ScalarType::Text => self.wrong_type(node, shape, what),
            Shape::Word(rule) => {
                let open = rule.substituted && text.contains("${");
                if !open && !(rule.holds)(text) {
                    let diagnostic = self.report(
                        "bad-value",
                        format!("`{}` is not {}", shorten(text), rule.what),
                        node,
                    );
                    diagnostic.expected = Some(rule.form.to_owned());
                }
            }
            Shape::Choice(words) if !words.contains(&text) => {
                // How far two words are spelt apart says nothing of how far apart they are: a policy
                // must not be made weaker by a hint (`never` for `severe`).
                let help = match self.prefix {
                    "policy" => None,
                    _ => nearest(text, words.iter().copied())
                        .map(|word| format!("did you mean `{word}`?")),
                };
                let diagnostic = self.report(
                    "bad-value",
                    format!("{what} cannot be `{}`", shorten(text)),
                    node,
                );
                diagnostic.expected = Some(list_of(words));
                diagnostic.help = help;
            }
            _ => {}
        }
    }

    fn check_boolean(&mut self, node: &Node, text: &str, meaning: ScalarType, what: &str) {
        if meaning == ScalarType::Boolean {
            return;
        }
        self.wrong_type(node, Shape::Boolean, what);
        let help = match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => "write `true`",
            "no" | "off" | "n" | "false" => "write `false`",
            _ => return,
        };
        if let Some(last) = self.diagnostics.last_mut() {
            last.help = Some(help.to_owned());
        }
    }

    fn check_mode(&mut self, node: &Node, text: &str, plain: bool, what: &str) {
        let octal = mode(text).is_some();
        if octal && !plain {
            return;
        }
        let help = match (octal, plain) {
            (true, _) => Some(format!(
                "put it in quotes: `\"{text:0>4}\"` (YAML reads `{text}` as a decimal number)"
            )),
            (false, _) => text
                .strip_prefix("0o")
                .filter(|digits| mode(digits).is_some())
                .map(|digits| format!("write `\"{digits:0>4}\"`")),
        };
        let code = if octal { "unquoted-mode" } else { "bad-value" };
        let message = if octal {
            format!("{what} must be in quotes")
        } else {
            format!("`{}` is not a file mode", shorten(text))
        };
        let diagnostic = self.report(code, message, node);
        diagnostic.expected = Some(Shape::Mode.expected());
        diagnostic.found = Some(format!("`{}`", shorten(text)));
        diagnostic.help = help;
    }
}

/// Permission bits from three or four octal digits.
pub(crate) fn mode(text: &str) -> Option<u32> {
    let octal =
        (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    octal.then(|| u32::from_str_radix(text, 8).ok()).flatten()
}

/// What stood there, for "found".
fn found(node: &Node) -> String {
    match (&node.kind, node.describe()) {
        (_, "nothing") => "nothing".to_owned(),
        (Kind::Scalar { text, .. }, kind) => format!("{kind}, `{}`", shorten(text)),
        (_, kind) => kind.to_owned(),
    }
}
