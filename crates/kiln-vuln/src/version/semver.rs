//! SemVer 2.0 and its relatives, read as leniently as packages are written: a `v` in front, fewer or
//! more than three numbers, a word straight after a number (`1.20rc1`, `1.0.0.alpha`).

use std::cmp::Ordering;

use super::{is_number, numbers, split_digits};

/// A version in its parts.
struct Parts<'a> {
    numbers: Vec<&'a str>,
    /// What follows `-`, or a word that stands where a number should.
    before: Option<&'a str>,
    build: Option<&'a str>,
}

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (parts(left)?, parts(right)?);
    Some(core(&left, &right).then_with(|| releases(left.before, right.before)))
}

/// Go: modules are SemVer; the toolchain writes `go1.21rc2` for `1.21.0-rc.2`.
pub(super) fn compare_go(left: &str, right: &str) -> Option<Ordering> {
    compare(&go(left), &go(right))
}

fn go(text: &str) -> String {
    let Some(version) = text.strip_prefix("go") else {
        return text.to_owned();
    };
    // `go1.24.3 X:boringcrypto` and `go1.22.1-fips` are builds of the same source.
    let version = version.split([' ', '-']).next().unwrap_or(version);
    match version.find(|character: char| character.is_ascii_alphabetic()) {
        None => version.to_owned(),
        Some(at) => {
            let (numbers, word) = version.split_at(at);
            let digits = word.trim_start_matches(|character: char| character.is_ascii_alphabetic());
            let word = word.get(..word.len() - digits.len()).unwrap_or(word);
            format!("{numbers}-{word}.{digits}")
        }
    }
}

/// `NuGet`: without case.
pub(super) fn compare_nuget(left: &str, right: &str) -> Option<Ordering> {
    compare(&left.to_ascii_lowercase(), &right.to_ascii_lowercase())
}

/// Dart: of two that differ in the build alone, one without is older.
pub(super) fn compare_pub(left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (parts(left)?, parts(right)?);
    let build = |one: Option<&str>, other: Option<&str>| match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(one), Some(other)) => identifiers(one, other),
    };
    Some(
        core(&left, &right)
            .then_with(|| releases(left.before, right.before))
            .then_with(|| build(left.build, right.build)),
    )
}

/// Bitnami: `-N` is the revision of the package, which no advisory names.
pub(super) fn compare_bitnami(left: &str, right: &str) -> Option<Ordering> {
    let upstream = |text: &str| match text.rsplit_once('-') {
        Some((upstream, revision)) if is_number(revision) => upstream.to_owned(),
        _ => text.to_owned(),
    };
    compare(&upstream(left), &upstream(right))
}

fn core(left: &Parts<'_>, right: &Parts<'_>) -> Ordering {
    let longest = left.numbers.len().max(right.numbers.len());
    for at in 0..longest {
        let one = left.numbers.get(at).copied().unwrap_or("0");
        let other = right.numbers.get(at).copied().unwrap_or("0");
        let order = numbers(one, other);
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// SemVer 2.0 § 11.3: a version with a prerelease is older than the one without.
fn releases(left: Option<&str>, right: Option<&str>) -> Ordering {
    match (left, right) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => identifiers(left, right),
    }
}

/// SemVer 2.0 § 11.4: numbers below words, fewer identifiers below more.
fn identifiers(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => match (is_number(one), is_number(other)) {
                (true, true) => numbers(one, other),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => one.cmp(other),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let text = text.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (text, build) = match text.split_once('+') {
        None => (text, None),
        Some((text, build)) => (text, Some(build)),
    };
    let mut out = Parts {
        numbers: Vec::with_capacity(4),
        before: None,
        build,
    };
    let (first, mut rest) = split_digits(text);
    if first.is_empty() {
        return None;
    }
    out.numbers.push(first);
    loop {
        if rest.is_empty() {
            return Some(out);
        }
        if let Some(before) = rest.strip_prefix('-') {
            out.before = Some(before);
            return Some(out);
        }
        let after = rest.strip_prefix('.').unwrap_or(rest);
        let (digits, tail) = split_digits(after);
        if digits.is_empty() || after.len() == rest.len() {
            out.before = Some(after);
            return (!after.is_empty()).then_some(out);
        }
        out.numbers.push(digits);
        rest = tail;
    }
}
