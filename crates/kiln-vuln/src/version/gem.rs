//! `Gem::Version`: segments of digits and of letters; letters make a prerelease.
//!
//! The platform of a gem (`1.2.0-x86_64-linux`) is no part of its version and is taken off.

use std::cmp::Ordering;

use super::{is_number, numbers, split_digits, split_letters};

/// Words that begin the platform of a gem.
const PLATFORMS: [&str; 17] = [
    "aarch64",
    "arm",
    "arm64",
    "armv5",
    "armv6",
    "armv7",
    "i386",
    "i686",
    "java",
    "jruby",
    "mingw32",
    "mswin32",
    "powerpc",
    "universal",
    "x64",
    "x86",
    "x86_64",
];

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (segments(left)?, segments(right)?);
    let longest = left.len().max(right.len());
    for at in 0..longest {
        let one = left.get(at).copied().unwrap_or("0");
        let other = right.get(at).copied().unwrap_or("0");
        let order = match (is_number(one), is_number(other)) {
            (true, true) => numbers(one, other),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => one.cmp(other),
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(Ordering::Equal)
}

/// The segments without zeros that say nothing; a `-` stands for `.pre.`.
fn segments(text: &str) -> Option<Vec<&str>> {
    let text = without_platform(text.trim());
    if !text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let mut out: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (segment, after) = if first.is_ascii_digit() {
            split_digits(rest)
        } else if first.is_ascii_alphabetic() {
            split_letters(rest)
        } else {
            if first == '-' {
                out.push("pre");
            }
            rest = rest.get(first.len_utf8()..)?;
            continue;
        };
        out.push(segment);
        rest = after;
    }
    // `1.0.a` is `1.a`, and `1.a.0` is `1.a`.
    let zero = |segment: &&str| segment.bytes().all(|byte| byte == b'0');
    while out.last().is_some_and(zero) {
        out.pop();
    }
    if let Some(word) = out.iter().position(|segment| !is_number(segment)) {
        let kept = out
            .iter()
            .take(word)
            .rposition(|segment| !zero(segment))
            .map_or(0, |at| at + 1);
        out.drain(kept..word);
    }
    Some(out)
}

fn without_platform(text: &str) -> &str {
    let mut at = 0;
    for part in text.split('-') {
        if at > 0 && PLATFORMS.contains(&part) {
            return text.get(..at - 1).unwrap_or(text);
        }
        at += part.len() + 1;
    }
    text
}
