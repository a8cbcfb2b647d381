//! `${name}` in values. Names come from the image, the version line and the target; there are no
//! expressions, and a value is never substituted twice, so nothing can grow by repetition.

use std::collections::BTreeMap;

use kiln_types::Diagnostic;

use crate::span::{Span, Spanned};
use crate::suggest::nearest;
use crate::yaml::shorten;

/// The longest text that a substitution may give, in bytes.
const LONGEST: usize = 1 << 20;

/// The names that every definition has.
pub(crate) const BUILT_IN: [&str; 5] = ["version", "arch", "triplet", "variant", "distribution"];

/// The names known in one place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope(pub(crate) BTreeMap<String, String>);

impl Scope {
    /// The text with every name replaced. `$${` stands for a literal `${`; a `$` before anything
    /// else is itself.
    pub(crate) fn apply(
        &self,
        text: &Spanned<String>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find("${") {
            let (before, after) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                result.push_str(before);
                result.push_str("${");
                rest = after.get(2..).unwrap_or("");
                continue;
            }
            result.push_str(before);
            let inner = after.get(2..).unwrap_or("");
            let Some((name, behind)) = inner.split_once('}') else {
                report(
                    diagnostics,
                    &text.span,
                    "unclosed-substitution",
                    "`${` has no `}`".to_owned(),
                    Some("write `$${` for a literal `${`".to_owned()),
                );
                return result;
            };
            match self.0.get(name) {
                Some(value) => result.push_str(value),
                None => {
                    let help = match nearest(name, self.0.keys().map(String::as_str)) {
                        Some(meant) => format!("did you mean `${{{meant}}}`?"),
                        None => format!(
                            "the names here are {}; write `$${{{}}}` for a literal",
                            self.0
                                .keys()
                                .map(|name| format!("`{name}`"))
                                .collect::<Vec<_>>()
                                .join(", "),
                            shorten(name)
                        ),
                    };
                    report(
                        diagnostics,
                        &text.span,
                        "undefined-name",
                        format!("`${{{}}}` is not defined", shorten(name)),
                        Some(help),
                    );
                }
            }
            if result.len() > LONGEST {
                report(
                    diagnostics,
                    &text.span,
                    "too-long",
                    format!("the value is longer than {LONGEST} bytes after substitution"),
                    None,
                );
                return String::new();
            }
            rest = behind;
        }
        result.push_str(rest);
        result
    }
}

fn report(
    diagnostics: &mut Vec<Diagnostic>,
    span: &Span,
    code: &str,
    message: String,
    help: Option<String>,
) {
    let mut diagnostic =
        Diagnostic::error(&format!("definition/{code}"), message).at(span.location());
    diagnostic.help = help;
    diagnostics.push(diagnostic);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_names_and_nothing_else() {
        let scope = Scope(BTreeMap::from([
            ("a".to_owned(), "1".to_owned()),
            ("long".to_owned(), "${a}".to_owned()),
        ]));
        for (text, result, errors) in [
            ("", "", 0),
            ("${a}-${a}", "1-1", 0),
            ("$a $$ $", "$a $$ $", 0),
            ("$${a}", "${a}", 0),
            ("${long}", "${a}", 0),
            ("é${a}é", "é1é", 0),
            ("${b}", "", 1),
            ("x${", "x", 1),
        ] {
            let mut diagnostics = Vec::new();
            let spanned = Spanned::new(text.to_owned(), Span::start_of("f"));
            assert_eq!(scope.apply(&spanned, &mut diagnostics), result, "{text}");
            assert_eq!(diagnostics.len(), errors, "{text}");
        }
    }
}
