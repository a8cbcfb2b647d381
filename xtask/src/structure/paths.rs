//! The paths that a source names, with what its `use` declarations mean put in: after
//! `use std::{fs, time::Instant as I}`, `fs::read` is `std::fs::read` and `I::now` is
//! `std::time::Instant::now`.

use std::collections::BTreeMap;

/// A path in a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The line, from 1.
    pub line: usize,
    /// The path, with imports put in; a macro ends in `!`.
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Colons,
    Other(char),
}

/// All paths of `code` (comments and literals blank), in order.
#[must_use]
pub fn named(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut imports = BTreeMap::new();
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].1 == Token::Word("use") && !after_dot(&tokens, at) {
            at = import(&tokens, at + 1, "", &mut imports, &mut found);
        } else {
            at += 1;
        }
    }
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].1 {
            Token::Word("use") => {
                while at < tokens.len() && tokens[at].1 != Token::Other(';') {
                    at += 1;
                }
            }
            Token::Word(word) if !after_dot(&tokens, at) => {
                let line = tokens[at].0;
                let mut path = imports
                    .get(*word)
                    .cloned()
                    .unwrap_or_else(|| (*word).to_owned());
                at += 1;
                while let (Some((_, Token::Colons)), Some((_, Token::Word(next)))) =
                    (tokens.get(at), tokens.get(at + 1))
                {
                    path.push_str("::");
                    path.push_str(next);
                    at += 2;
                }
                if matches!(tokens.get(at), Some((_, Token::Other('!'))))
                    && !matches!(tokens.get(at + 1), Some((_, Token::Other('='))))
                {
                    path.push('!');
                }
                found.push(Named { line, path });
            }
            _ => at += 1,
        }
    }
    found.sort();
    found.dedup();
    found
}

fn after_dot(tokens: &[(usize, Token<'_>)], at: usize) -> bool {
    at > 0 && tokens[at - 1].1 == Token::Other('.')
}

/// Reads one tree of a `use` declaration; gives the position after it.
fn import(
    tokens: &[(usize, Token<'_>)],
    mut at: usize,
    prefix: &str,
    imports: &mut BTreeMap<String, String>,
    found: &mut Vec<Named>,
) -> usize {
    let mut path = prefix.to_owned();
    let mut last = path.rsplit("::").next().unwrap_or("").to_owned();
    let mut line = 0;
    while let Some((here, token)) = tokens.get(at) {
        match token {
            Token::Word("as") => {
                if let Some((_, Token::Word(name))) = tokens.get(at + 1) {
                    last = (*name).to_owned();
                }
                at += 2;
            }
            Token::Word("self") => at += 1,
            Token::Word(word) => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(word);
                last = (*word).to_owned();
                line = *here;
                at += 1;
            }
            Token::Colons => at += 1,
            Token::Other('{') => {
                at += 1;
                loop {
                    match tokens.get(at) {
                        None => return at,
                        Some((_, Token::Other('}'))) => return at + 1,
                        Some((_, Token::Other(','))) => at += 1,
                        Some(_) => at = import(tokens, at, &path, imports, found),
                    }
                }
            }
            Token::Other('*') => {
                path.push_str("::*");
                at += 1;
            }
            Token::Other(_) => break,
        }
    }
    if line == 0 {
        // `self` in a group: the group's own path.
        line = tokens.get(at.saturating_sub(1)).map_or(1, |token| token.0);
    }
    found.push(Named {
        line,
        path: path.clone(),
    });
    if last != "_" && !last.is_empty() {
        imports.insert(last, path);
    }
    // At least one token is consumed, or a broken source would loop.
    at.max(1)
}

fn tokens(code: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if is_word(first) {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            tokens.push((line, Token::Word(&rest[..end])));
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push((line, Token::Colons));
            rest = after;
        } else {
            if first == '\n' {
                line += 1;
            } else if !first.is_whitespace() {
                tokens.push((line, Token::Other(first)));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(code: &str) -> Vec<String> {
        named(code).into_iter().map(|named| named.path).collect()
    }

    #[test]
    fn imports_are_put_in() {
        for (code, expected) in [
            ("use std::fs; fn f() { fs::read(x) }", "std::fs::read"),
            ("use std::{io, fs}; fn f() { fs::read(x) }", "std::fs::read"),
            (
                "use std::time::{Instant as I}; fn f() { I::now() }",
                "std::time::Instant::now",
            ),
            (
                "use std::{time::{self, Duration}, io}; x(time::Instant::now())",
                "std::time::Instant::now",
            ),
            ("use std::env::var; fn f() { var(x) }", "std::env::var"),
            ("fn f() { std::env::var(x) }", "std::env::var"),
            ("fn f() { println!(x) }", "println!"),
            ("fn f(x: &std::path::Path) {}", "std::path::Path"),
        ] {
            assert!(
                paths(code).contains(&expected.to_owned()),
                "{code}: {:?}",
                paths(code)
            );
        }
    }

    #[test]
    fn methods_and_comparisons_are_not_paths() {
        let found = paths("fn f() { x.env.var; if print != y {} }");
        assert!(!found.contains(&"env".to_owned()), "{found:?}");
        assert!(!found.contains(&"print!".to_owned()), "{found:?}");
    }

    #[test]
    fn lines_are_those_of_the_source() {
        let found = named("\n\nfn f() {\n  std::env::var(x)\n}");
        let place = found.iter().find(|n| n.path == "std::env::var").unwrap();
        assert_eq!(place.line, 4);
    }
}
