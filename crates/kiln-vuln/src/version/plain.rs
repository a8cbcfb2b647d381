//! Orders of numbers alone: R (`1.2-3`) and Haskell (`1.2.3.0`). The longer of two that agree is the
//! greater.

use std::cmp::Ordering;

use super::{is_number, numbers};

pub(super) fn compare_cran(left: &str, right: &str) -> Option<Ordering> {
    compare(left, right, &['.', '-'])
}

pub(super) fn compare_hackage(left: &str, right: &str) -> Option<Ordering> {
    compare(left, right, &['.'])
}

fn compare(left: &str, right: &str, separators: &[char]) -> Option<Ordering> {
    let valid = |text: &str| text.split(separators).all(is_number);
    if !valid(left) || !valid(right) {
        return None;
    }
    let (mut left, mut right) = (left.split(separators), right.split(separators));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Some(Ordering::Equal),
            (None, Some(_)) => return Some(Ordering::Less),
            (Some(_), None) => return Some(Ordering::Greater),
            (Some(one), Some(other)) => numbers(one, other),
        };
        if order != Ordering::Equal {
            return Some(order);
        }
    }
}
