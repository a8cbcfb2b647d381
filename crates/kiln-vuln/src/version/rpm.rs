//! rpm: `[epoch:]version[-release]`, each part by `rpmvercmp`.
//! A missing epoch is 0, and a version without a release is older than one with any.

use std::cmp::Ordering;

use super::{is_number, numbers, split_digits, split_letters};

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    if left.trim().is_empty() || right.trim().is_empty() {
        return None;
    }
    let (left_epoch, left) = epoch(left.trim());
    let (right_epoch, right) = epoch(right.trim());
    let release = |text| match str::rsplit_once(text, '-') {
        None => (text, None),
        Some((version, release)) => (version, Some(release)),
    };
    let (left_version, left_release) = release(left);
    let (right_version, right_release) = release(right);
    Some(
        numbers(left_epoch, right_epoch)
            .then_with(|| part(left_version, right_version))
            .then_with(|| match (left_release, right_release) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Less,
                (Some(_), None) => Ordering::Greater,
                (Some(left), Some(right)) => part(left, right),
            }),
    )
}

fn epoch(text: &str) -> (&str, &str) {
    match text.split_once(':') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        _ => ("0", text),
    }
}

fn part(mut left: &str, mut right: &str) -> Ordering {
    let separator = |character: char| {
        !character.is_ascii_alphanumeric() && character != '~' && character != '^'
    };
    loop {
        left = left.trim_start_matches(separator);
        right = right.trim_start_matches(separator);
        // A tilde is below everything, even the end.
        match (left.strip_prefix('~'), right.strip_prefix('~')) {
            (Some(one), Some(other)) => {
                (left, right) = (one, other);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        // A caret is above the end and below everything else.
        match (left.strip_prefix('^'), right.strip_prefix('^')) {
            (Some(one), Some(other)) => {
                (left, right) = (one, other);
                continue;
            }
            (Some(_), None) if right.is_empty() => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) if left.is_empty() => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (left.is_empty(), right.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let digit = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let order = match (digit(left), digit(right)) {
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (true, true) => {
                let (one, left_rest) = split_digits(left);
                let (other, right_rest) = split_digits(right);
                (left, right) = (left_rest, right_rest);
                numbers(one, other)
            }
            (false, false) => {
                let (one, left_rest) = split_letters(left);
                let (other, right_rest) = split_letters(right);
                (left, right) = (left_rest, right_rest);
                one.cmp(other)
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}
