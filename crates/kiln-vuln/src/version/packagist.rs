//! Composer: `version_compare` of PHP, over parts that begin and end where digits do.

use std::cmp::Ordering;

use super::{is_number, numbers};

/// The words with a place of their own; `#` stands for a number.
const FORMS: [(&str, i8); 10] = [
    ("dev", 0),
    ("alpha", 1),
    ("a", 1),
    ("beta", 2),
    ("b", 2),
    ("RC", 3),
    ("rc", 3),
    ("#", 4),
    ("pl", 5),
    ("p", 5),
];

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (parts(left), parts(right));
    if left.is_empty() || right.is_empty() {
        return None;
    }
    let number = "#";
    for at in 0..left.len().max(right.len()) {
        let order = match (left.get(at), right.get(at)) {
            (Some(one), Some(other)) => match (is_number(one), is_number(other)) {
                (true, true) => numbers(one, other),
                (true, false) => form(number).cmp(&form(other)),
                (false, true) => form(one).cmp(&form(number)),
                (false, false) => form(one).cmp(&form(other)),
            },
            // What goes on after the other ends: a number is more, a word is what it is.
            (Some(one), None) if is_number(one) => Ordering::Greater,
            (Some(one), None) => form(one).cmp(&form(number)),
            (None, Some(other)) if is_number(other) => Ordering::Less,
            (None, Some(other)) => form(number).cmp(&form(other)),
            (None, None) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

/// The place of a word; one that PHP does not know is below all others.
fn form(word: &str) -> i8 {
    FORMS
        .iter()
        .find(|(name, _)| word.starts_with(name))
        .map_or(-1, |(_, place)| *place)
}

fn parts(text: &str) -> Vec<String> {
    let text = text.trim();
    let text = match text.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|first: char| first.is_ascii_digit()) => rest,
        _ => text,
    };
    let mut out: Vec<String> = Vec::new();
    let mut digits = false;
    let mut open = false;
    for character in text.chars() {
        if matches!(character, '-' | '_' | '+' | '.') {
            open = false;
            continue;
        }
        let digit = character.is_ascii_digit();
        match out.last_mut() {
            Some(part) if open && digit == digits => part.push(character),
            _ => out.push(character.to_string()),
        }
        digits = digit;
        open = true;
    }
    out
}
