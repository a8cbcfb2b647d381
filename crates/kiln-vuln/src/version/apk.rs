//! The order of apk: `digits{.digits}[a-z]{_suffix[digits]}[~hash][-r digits]`.
//!
//! Strict: what apk-tools 3 calls invalid has no place in the order. apk-tools 2 took some of it (an
//! upper-case letter after the digits); such a version is unknown here.

use std::cmp::Ordering;

use super::{numbers, split_digits, split_letters};

/// The kinds of token; of two that differ at the same place, the earlier kind is the greater version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token<'a> {
    First(&'a str),
    Digits(&'a str),
    Letter(u8),
    Suffix(Suffix),
    SuffixNumber(&'a str),
    Hash(&'a str),
    Revision(&'a str),
    End,
}

/// Suffixes in their order; those before `Cvs` make a version older than without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    Alpha,
    Beta,
    Pre,
    Rc,
    Cvs,
    Svn,
    Git,
    Hg,
    Patch,
}

impl Token<'_> {
    fn kind(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Digits(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
        }
    }

    fn is_before_release(self) -> bool {
        matches!(self, Self::Suffix(suffix) if suffix < Suffix::Cvs)
    }
}

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    // Both are read to their end first: an invalid tail makes the whole version invalid.
    let left = tokens(left)?;
    let right = tokens(right)?;
    for (&one, &other) in left.iter().zip(&right) {
        let order = match (one, other) {
            (Token::Digits(one), Token::Digits(other))
                if one.starts_with('0') || other.starts_with('0') =>
            {
                one.cmp(other)
            }
            (Token::First(one), Token::First(other))
            | (Token::Digits(one), Token::Digits(other))
            | (Token::SuffixNumber(one), Token::SuffixNumber(other))
            | (Token::Revision(one), Token::Revision(other)) => numbers(one, other),
            (Token::Letter(one), Token::Letter(other)) => one.cmp(&other),
            (Token::Suffix(one), Token::Suffix(other)) => one.cmp(&other),
            (Token::Hash(one), Token::Hash(other)) => one.cmp(other),
            _ if one.kind() == other.kind() => Ordering::Equal,
            _ if one.is_before_release() => Ordering::Less,
            _ if other.is_before_release() => Ordering::Greater,
            _ => other.kind().cmp(&one.kind()),
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

/// The tokens of a valid version, `End` last.
fn tokens(text: &str) -> Option<Vec<Token<'_>>> {
    let mut out = Vec::with_capacity(8);
    let (first, mut rest) = split_digits(text);
    if first.is_empty() {
        return None;
    }
    out.push(Token::First(first));
    while let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = split_digits(after);
        if digits.is_empty() {
            return None;
        }
        out.push(Token::Digits(digits));
        rest = after;
    }
    if let Some(letter) = rest.bytes().next().filter(u8::is_ascii_lowercase) {
        out.push(Token::Letter(letter));
        rest = rest.get(1..)?;
    }
    while let Some(after) = rest.strip_prefix('_') {
        let (word, after) = split_letters(after);
        out.push(Token::Suffix(suffix(word)?));
        let (digits, after) = split_digits(after);
        if !digits.is_empty() {
            out.push(Token::SuffixNumber(digits));
        }
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('~') {
        let end = after
            .bytes()
            .position(|byte| !byte.is_ascii_digit() && !(b'a'..=b'f').contains(&byte))
            .unwrap_or(after.len());
        let (hash, after) = after.split_at(end);
        if hash.is_empty() {
            return None;
        }
        out.push(Token::Hash(hash));
        rest = after;
    }
    if let Some(after) = rest.strip_prefix("-r") {
        let (digits, after) = split_digits(after);
        if digits.is_empty() {
            return None;
        }
        out.push(Token::Revision(digits));
        rest = after;
    }
    out.push(Token::End);
    rest.is_empty().then_some(out)
}

fn suffix(word: &str) -> Option<Suffix> {
    Some(match word {
        "alpha" => Suffix::Alpha,
        "beta" => Suffix::Beta,
        "pre" => Suffix::Pre,
        "rc" => Suffix::Rc,
        "cvs" => Suffix::Cvs,
        "svn" => Suffix::Svn,
        "git" => Suffix::Git,
        "hg" => Suffix::Hg,
        "p" => Suffix::Patch,
        _ => return None,
    })
}
