//! Whether a licence expression can be kept with what a policy allows.
//!
//! `A OR B` can be kept where one of them can, `A AND B` where both can. A licence with an exception
//! (`GPL-3.0-only WITH GCC-exception-3.1`) is asked about as a whole first and then by its licence, so
//! that a policy may allow the exception and deny the licence.

use std::collections::BTreeSet;

use kiln_types::LicenceRules;

use super::pattern::fits;

/// How deep parentheses may be nested.
const DEPTH: usize = 64;

/// The licences that stand in the way, each once; none where the expression can be kept.
///
/// # Errors
/// When it is no expression.
pub(super) fn obstacle(expression: &str, rules: &LicenceRules) -> Result<Vec<String>, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader {
        words: &words,
        rules,
    };
    let answer = reader.any(0)?;
    match reader.words.first() {
        None => Ok(answer.into_iter().collect()),
        Some(word) => Err(format!("`{word}` stands where none can")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    rules: &'a LicenceRules,
}

impl Reader<'_> {
    fn takes(&mut self, wanted: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if word.eq_ignore_ascii_case(wanted) => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self, depth: usize) -> Result<BTreeSet<String>, String> {
        let mut answer = self.all(depth)?;
        while self.takes("OR") {
            let other = self.all(depth)?;
            match answer.is_empty() || other.is_empty() {
                true => answer.clear(),
                false => answer.extend(other),
            }
        }
        Ok(answer)
    }

    fn all(&mut self, depth: usize) -> Result<BTreeSet<String>, String> {
        let mut answer = self.one(depth)?;
        while self.takes("AND") {
            answer.extend(self.one(depth)?);
        }
        Ok(answer)
    }

    fn one(&mut self, depth: usize) -> Result<BTreeSet<String>, String> {
        if depth > DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        if self.takes("(") {
            let answer = self.any(depth + 1)?;
            return match self.takes(")") {
                true => Ok(answer),
                false => Err("a parenthesis is not closed".to_owned()),
            };
        }
        let Some((licence, rest)) = self.words.split_first() else {
            return Err("it ends too early".to_owned());
        };
        if matches!(*licence, ")" | "AND" | "OR" | "WITH") {
            return Err(format!("`{licence}` stands where none can"));
        }
        self.words = rest;
        let mut whole = (*licence).to_owned();
        if self.takes("WITH") {
            let Some((exception, rest)) = self.words.split_first() else {
                return Err("it ends too early".to_owned());
            };
            self.words = rest;
            whole = format!("{licence} WITH {exception}");
            // A pattern that names the exception speaks before one that names the licence.
            let names = |list: &[String]| {
                list.iter()
                    .any(|pattern| pattern.contains(" WITH ") && fits_word(pattern, &whole))
            };
            if names(&self.rules.denied) {
                return Ok(BTreeSet::from([whole]));
            }
            if names(&self.rules.allowed) {
                return Ok(BTreeSet::new());
            }
        }
        let is_in = |list: &[String]| list.iter().any(|pattern| fits_word(pattern, licence));
        let allowed = &self.rules.allowed;
        let is_kept = !is_in(&self.rules.denied) && (allowed.is_empty() || is_in(allowed));
        Ok((!is_kept).then_some(whole).into_iter().collect())
    }
}

/// Identifiers of SPDX are compared without regard to case.
fn fits_word(pattern: &str, word: &str) -> bool {
    fits(&pattern.to_ascii_lowercase(), &word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_types::Demand;

    #[test]
    fn expressions() {
        let rules = |allowed: &[&str], denied: &[&str]| LicenceRules {
            allowed: allowed.iter().map(ToString::to_string).collect(),
            denied: denied.iter().map(ToString::to_string).collect(),
            unknown: Demand::Allow,
        };
        let deny = rules(&[], &["GPL-3.0*", "AGPL-*"]);
        let allow = rules(&["MIT", "BSD-*"], &[]);
        let except = rules(&["* WITH GCC-exception-3.1"], &["GPL-3.0*"]);
        for (expression, rules, expected) in [
            ("MIT", &deny, Ok(vec![])),
            ("GPL-3.0-only", &deny, Ok(vec!["GPL-3.0-only"])),
            ("gpl-3.0-only", &deny, Ok(vec!["gpl-3.0-only"])),
            ("MIT OR GPL-3.0-only", &deny, Ok(vec![])),
            ("MIT AND GPL-3.0-only", &deny, Ok(vec!["GPL-3.0-only"])),
            ("MIT AND (GPL-3.0-only OR ISC)", &deny, Ok(vec![])),
            (
                "AGPL-3.0-only OR GPL-3.0-or-later",
                &deny,
                Ok(vec!["AGPL-3.0-only", "GPL-3.0-or-later"]),
            ),
            (
                "GPL-3.0-only AND MIT AND AGPL-3.0-only AND GPL-3.0-only",
                &deny,
                Ok(vec!["AGPL-3.0-only", "GPL-3.0-only"]),
            ),
            ("(GPL-3.0-only OR MIT) AND ISC", &deny, Ok(vec![])),
            ("LGPL-3.0-only", &deny, Ok(vec![])),
            ("MIT AND BSD-3-Clause", &allow, Ok(vec![])),
            ("MIT AND ISC", &allow, Ok(vec!["ISC"])),
            (
                "GPL-3.0-or-later WITH GCC-exception-3.1",
                &deny,
                Ok(vec!["GPL-3.0-or-later WITH GCC-exception-3.1"]),
            ),
            (
                "GPL-3.0-or-later WITH GCC-exception-3.1",
                &except,
                Ok(vec![]),
            ),
            ("", &deny, Err(())),
            ("MIT AND", &deny, Err(())),
            ("(MIT", &deny, Err(())),
            ("MIT ISC", &deny, Err(())),
            ("OR MIT", &deny, Err(())),
        ] {
            let found = obstacle(expression, rules);
            let expected: Result<Vec<String>, ()> =
                expected.map(|list: Vec<&str>| list.iter().map(ToString::to_string).collect());
            let found = found.map_err(|_| ());
            assert_eq!(found, expected, "{expression}");
        }
        assert!(obstacle(&"(".repeat(10_000), &deny).is_err());
    }
}
