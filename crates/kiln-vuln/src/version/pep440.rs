//! Python: PEP 440; what is no such version has the order that setuptools gave it, below all others.

use std::cmp::Ordering;

use super::{is_number, numbers, split_digits, split_letters};

/// A place in an order that may have nothing there, below or above everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'a> {
    Lowest,
    Word(u8, &'a str),
    Highest,
}

struct Version<'a> {
    epoch: &'a str,
    release: Vec<&'a str>,
    before: Place<'a>,
    after: Place<'a>,
    development: Place<'a>,
    local: Option<Vec<&'a str>>,
}

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let left = left.trim().to_ascii_lowercase();
    let right = right.trim().to_ascii_lowercase();
    if left.is_empty() || right.is_empty() {
        return None;
    }
    Some(match (parse(&left), parse(&right)) {
        (Some(left), Some(right)) => versions(&left, &right),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => legacy(&left).cmp(&legacy(&right)),
    })
}

fn versions(left: &Version<'_>, right: &Version<'_>) -> Ordering {
    let release = || {
        for at in 0..left.release.len().max(right.release.len()) {
            let one = left.release.get(at).copied().unwrap_or("0");
            let other = right.release.get(at).copied().unwrap_or("0");
            let order = numbers(one, other);
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    };
    numbers(left.epoch, right.epoch)
        .then_with(release)
        .then_with(|| place(left.before, right.before))
        .then_with(|| place(left.after, right.after))
        .then_with(|| place(left.development, right.development))
        .then_with(|| local(left.local.as_deref(), right.local.as_deref()))
}

fn place(left: Place<'_>, right: Place<'_>) -> Ordering {
    let rank = |place: Place<'_>| match place {
        Place::Lowest => 0,
        Place::Word(..) => 1,
        Place::Highest => 2,
    };
    match (left, right) {
        (Place::Word(one, left), Place::Word(other, right)) => {
            one.cmp(&other).then_with(|| numbers(left, right))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

/// Words below numbers, fewer segments below more, none below any.
fn local(left: Option<&[&str]>, right: Option<&[&str]>) -> Ordering {
    let (left, right) = match (left, right) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Less,
        (Some(_), None) => return Ordering::Greater,
        (Some(left), Some(right)) => (left, right),
    };
    for (one, other) in left.iter().zip(right) {
        let order = match (is_number(one), is_number(other)) {
            (true, true) => numbers(one, other),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => one.cmp(other),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (public, local) = match text.split_once('+') {
        None => (text, None),
        Some((public, local)) => {
            let segments: Vec<&str> = local.split(['.', '-', '_']).collect();
            let valid = |segment: &&str| {
                !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric())
            };
            if !segments.iter().all(valid) {
                return None;
            }
            (public, Some(segments))
        }
    };
    let (epoch, rest) = match public.split_once('!') {
        None => ("0", public),
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        Some(_) => return None,
    };
    let (first, mut rest) = split_digits(rest);
    if first.is_empty() {
        return None;
    }
    let mut release = vec![first];
    while let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = split_digits(after);
        if digits.is_empty() {
            break;
        }
        release.push(digits);
        rest = after;
    }
    let mut before = None;
    let mut after = None;
    let mut development = None;
    if let Some((word, number, tail)) = marked(rest, &BEFORE) {
        before = Some((word, number));
        rest = tail;
    }
    // `1.0-1` is a post release too.
    if let Some(tail) = rest
        .strip_prefix('-')
        .map(split_digits)
        .filter(|(digits, _)| !digits.is_empty())
    {
        after = Some(tail.0);
        rest = tail.1;
    } else if let Some((_, number, tail)) = marked(rest, &AFTER) {
        after = Some(number);
        rest = tail;
    }
    if let Some((_, number, tail)) = marked(rest, &DEVELOPMENT) {
        development = Some(number);
        rest = tail;
    }
    if !rest.is_empty() {
        return None;
    }
    let before = match before {
        Some((word, number)) => Place::Word(word, number),
        // A development release of the release itself is below its prereleases.
        None if after.is_none() && development.is_some() => Place::Lowest,
        None => Place::Highest,
    };
    Some(Version {
        epoch,
        release,
        before,
        after: after.map_or(Place::Lowest, |number| Place::Word(0, number)),
        development: development.map_or(Place::Highest, |number| Place::Word(0, number)),
        local,
    })
}

const BEFORE: [(&str, u8); 8] = [
    ("alpha", 0),
    ("a", 0),
    ("beta", 1),
    ("b", 1),
    ("preview", 2),
    ("pre", 2),
    ("rc", 2),
    ("c", 2),
];
const AFTER: [(&str, u8); 3] = [("post", 0), ("rev", 0), ("r", 0)];
const DEVELOPMENT: [(&str, u8); 1] = [("dev", 0)];

/// Reads `[-_.]?word[-_.]?digits?`.
fn marked<'a>(text: &'a str, words: &[(&str, u8)]) -> Option<(u8, &'a str, &'a str)> {
    let separators = ['-', '_', '.'];
    let start = text.strip_prefix(separators).unwrap_or(text);
    let (word, rest) = split_letters(start);
    let (_, place) = words.iter().find(|(name, _)| *name == word)?;
    let after = rest.strip_prefix(separators).unwrap_or(rest);
    let (digits, tail) = split_digits(after);
    if digits.is_empty() {
        // A separator without a number belongs to what follows.
        return Some((*place, "0", rest));
    }
    Some((*place, digits, tail))
}

/// The key of setuptools for texts that are no PEP 440 version.
fn legacy(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut rest = text;
    let mut parts: Vec<String> = Vec::new();
    while let Some(first) = rest.chars().next() {
        if first.is_ascii_digit() {
            let (digits, tail) = split_digits(rest);
            parts.push(format!("{digits:0>8}"));
            rest = tail;
        } else if first.is_ascii_alphabetic() {
            let (word, tail) = split_letters(rest);
            let word = match word {
                "pre" | "preview" | "rc" => "c",
                "dev" => "@",
                word => word,
            };
            parts.push(format!("*{word}"));
            rest = tail;
        } else {
            match first {
                '.' => {}
                '-' => parts.push("*final-".to_owned()),
                other => parts.push(format!("*{other}")),
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    parts.push("*final".to_owned());
    for part in parts {
        if part.starts_with('*') {
            if part.as_str() < "*final" {
                while out.last().is_some_and(|last| last == "*final-") {
                    out.pop();
                }
            }
            while out.last().is_some_and(|last| last == "00000000") {
                out.pop();
            }
        }
        out.push(part);
    }
    out
}
