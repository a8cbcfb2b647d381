//! One spelling of one expression: what is said of every file of a package comes in any order, and often.

use std::collections::BTreeSet;

use spdx::Expression;
use spdx::expression::{ExprNode, Operator};

/// An expression. Terms that are equal are the same word for word.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Term {
    Licence(String),
    All(BTreeSet<Term>),
    Any(BTreeSet<Term>),
}

impl Term {
    /// Both under an operator. `A AND (B AND C)` is `A AND B AND C`, and `A AND A` is `A`.
    fn joined(self, other: Self, operator: Operator) -> Self {
        let operands = |term: Self| match (term, operator) {
            (Self::All(terms), Operator::And) | (Self::Any(terms), Operator::Or) => terms,
            (term, _) => BTreeSet::from([term]),
        };
        let (mut terms, other) = (operands(self), operands(other));
        terms.extend(other);
        if terms.len() == 1
            && let Some(only) = terms.pop_first()
        {
            return only;
        }
        match operator {
            Operator::And => Self::All(terms),
            Operator::Or => Self::Any(terms),
        }
    }

    fn write(&self, out: &mut String) {
        let (terms, operator) = match self {
            Self::Licence(name) => return out.push_str(name),
            Self::All(terms) => (terms, " AND "),
            Self::Any(terms) => (terms, " OR "),
        };
        for (place, term) in terms.iter().enumerate() {
            if place > 0 {
                out.push_str(operator);
            }
            match term {
                Self::Licence(name) => out.push_str(name),
                term => {
                    out.push('(');
                    term.write(out);
                    out.push(')');
                }
            }
        }
    }
}

/// The expression with the operands of each operator in order, and each of them once. That changes
/// nothing: both operators hold in any order (SPDX 2.3, annex D). What is no expression stays as it is.
pub(super) fn ordered(said: String) -> String {
    if !said.contains(' ') {
        return said;
    }
    let Ok(expression) = Expression::parse(&said) else {
        return said;
    };
    // Operands stand before their operator.
    let mut stack: Vec<Term> = Vec::new();
    for node in expression.iter() {
        let term = match node {
            ExprNode::Req(licence) => Term::Licence(licence.req.to_string()),
            ExprNode::Op(operator) => match (stack.pop(), stack.pop()) {
                (Some(right), Some(left)) => left.joined(right, *operator),
                _ => return said,
            },
        };
        stack.push(term);
    }
    let [whole] = stack.as_slice() else {
        return said;
    };
    let mut out = String::with_capacity(said.len());
    whole.write(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_twice_is_written_once_and_in_order() {
        for (said, expected) in [
            ("MIT", "MIT"),
            ("MIT AND MIT", "MIT"),
            ("MIT OR MIT", "MIT"),
            ("MIT AND Apache-2.0", "Apache-2.0 AND MIT"),
            ("(MIT AND ISC) AND (ISC AND MIT)", "ISC AND MIT"),
            ("(MIT OR ISC) AND (ISC OR MIT)", "ISC OR MIT"),
            ("Zlib AND (MIT OR ISC) AND Zlib", "Zlib AND (ISC OR MIT)"),
            ("MIT AND (MIT OR MIT) AND ISC", "ISC AND MIT"),
            ("MIT OR Zlib AND ISC", "MIT OR (ISC AND Zlib)"),
            (
                "LicenseRef-b AND GPL-2.0-or-later WITH Bison-exception-2.2 AND LicenseRef-a",
                "GPL-2.0-or-later WITH Bison-exception-2.2 AND LicenseRef-a AND LicenseRef-b",
            ),
            ("no expression at all", "no expression at all"),
        ] {
            assert_eq!(ordered(said.to_owned()), expected, "{said}");
        }
    }

    proptest::proptest! {
        /// Whoever may use what the one allows may use what the other allows, and the same again is the same.
        #[test]
        fn the_meaning_stays(
            said in "(MIT|ISC|Zlib|\\(MIT OR Zlib\\)|\\(ISC AND MIT\\))( (AND|OR) (MIT|Zlib|0BSD|\\(0BSD OR ISC AND MIT\\))){0,5}",
            have in 0_u8..16,
        ) {
            let written = ordered(said.clone());
            let allows = |text: &str| {
                let names = ["MIT", "ISC", "Zlib", "0BSD"];
                Expression::parse(text).unwrap().evaluate(|licence| {
                    let place = names.iter().position(|name| *name == licence.to_string()).unwrap();
                    have & (1 << place) != 0
                })
            };
            proptest::prop_assert_eq!(allows(&said), allows(&written), "{} {}", said, written);
            proptest::prop_assert_eq!(ordered(written.clone()), written);
        }
    }
}
