//! Java runtimes: JEP 223 (`11.0.4`), and before it `1.8.0_131`, which is `8.0.131`. The number of a
//! build takes no part; `-ea` is older than the release.

use std::cmp::Ordering;

use super::{is_number, numbers};

pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left, left_early) = parts(left)?;
    let (right, right_early) = parts(right)?;
    for at in 0..left.len().max(right.len()) {
        let one = left.get(at).copied().unwrap_or("0");
        let other = right.get(at).copied().unwrap_or("0");
        let order = numbers(one, other);
        if order != Ordering::Equal {
            return Some(order);
        }
    }
    Some(right_early.cmp(&left_early))
}

fn parts(text: &str) -> Option<(Vec<&str>, bool)> {
    let text = text.trim();
    let text = text.split('+').next().unwrap_or(text);
    let (version, marks) = text.split_once('-').unwrap_or((text, ""));
    let early = marks.split('-').any(|mark| mark.eq_ignore_ascii_case("ea"));
    let version = version.strip_prefix("1.").unwrap_or(version);
    let numbers: Vec<&str> = version.split(['.', '_']).collect();
    numbers
        .iter()
        .all(|part| is_number(part))
        .then_some((numbers, early))
}
