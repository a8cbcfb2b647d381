//! Maven: the sequence of prefixed tokens of its POM reference ("Version Order Specification").
//!
//! A version is cut at dots, hyphens and where digits and letters meet (which counts as a hyphen).
//! Tokens that say nothing (0, "", `final`, `ga`, `release`) are trimmed from the end and before each
//! hyphen; the shorter of two is filled with them.

use std::cmp::Ordering;

use super::{is_number, numbers};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    hyphen: bool,
    value: String,
}

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (tokens(left)?, tokens(right)?);
    for at in 0..left.len().max(right.len()) {
        let order = match (left.get(at), right.get(at)) {
            (Some(one), Some(other)) => token_order(one, other),
            (Some(one), None) => token_order(one, &filling(one)),
            (None, Some(other)) => token_order(&filling(other), other),
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

/// What stands for a token that the other side lacks: 0 for a number after a dot, nothing otherwise.
fn filling(token: &Token) -> Token {
    let zero = !token.hyphen && is_number(&token.value);
    Token {
        hyphen: token.hyphen,
        value: if zero { "0".to_owned() } else { String::new() },
    }
}

fn token_order(left: &Token, right: &Token) -> Ordering {
    // The reference says that `.qualifier` = `-qualifier`; the code of Maven has the former lower,
    // because what follows a hyphen is a list there.
    let rank = |token: &Token| match (is_number(&token.value), token.hyphen) {
        (false, false) => 0,
        (false, true) => 1,
        (true, true) => 2,
        (true, false) => 3,
    };
    let (left_rank, right_rank) = (rank(left), rank(right));
    if left_rank != right_rank {
        return left_rank.cmp(&right_rank);
    }
    if left_rank > 1 {
        return numbers(&left.value, &right.value);
    }
    let (one, other) = (qualifier(&left.value), qualifier(&right.value));
    one.cmp(&other).then_with(|| {
        if one == UNKNOWN {
            left.value.cmp(&right.value)
        } else {
            Ordering::Equal
        }
    })
}

/// Where words go that Maven does not know: after all that it does.
const UNKNOWN: u8 = 8;

fn qualifier(word: &str) -> u8 {
    match word {
        "alpha" => 1,
        "beta" => 2,
        "milestone" => 3,
        "rc" | "cr" => 4,
        "snapshot" => 5,
        "" | "final" | "ga" | "release" => 6,
        "sp" => 7,
        _ => UNKNOWN,
    }
}

fn says_nothing(value: &str) -> bool {
    matches!(value, "" | "final" | "ga" | "release") || value.bytes().all(|byte| byte == b'0')
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let text = text.trim().to_lowercase();
    if text.is_empty() {
        return None;
    }
    let mut out: Vec<Token> = Vec::new();
    let mut hyphen = false;
    let mut value = String::new();
    let mut characters = text.chars().peekable();
    let push = |value: &mut String, hyphen: bool, followed: bool, out: &mut Vec<Token>| {
        let value = std::mem::take(value);
        let value = match value.as_str() {
            "" => "0".to_owned(),
            "a" if followed => "alpha".to_owned(),
            "b" if followed => "beta".to_owned(),
            "m" if followed => "milestone".to_owned(),
            _ => value,
        };
        out.push(Token { hyphen, value });
    };
    while let Some(character) = characters.next() {
        if character == '.' || character == '-' {
            push(&mut value, hyphen, false, &mut out);
            hyphen = character == '-';
            continue;
        }
        value.push(character);
        if let Some(&next) = characters.peek() {
            let digit = character.is_ascii_digit();
            if next != '.' && next != '-' && digit != next.is_ascii_digit() {
                push(&mut value, hyphen, next.is_ascii_digit(), &mut out);
                hyphen = true;
            }
        }
    }
    push(&mut value, hyphen, false, &mut out);
    trim(&mut out);
    Some(out)
}

/// Takes off what says nothing, at the end and before each hyphen; the first token stays.
fn trim(tokens: &mut Vec<Token>) {
    let mut end = tokens.len();
    loop {
        while end > 1
            && tokens
                .get(end - 1)
                .is_some_and(|token| says_nothing(&token.value))
        {
            end -= 1;
            tokens.remove(end);
        }
        match tokens.iter().take(end).rposition(|token| token.hyphen) {
            Some(at) if at > 0 => end = at,
            _ => return,
        }
    }
}
