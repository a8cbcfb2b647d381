//! Debian versions: `[epoch:]upstream[-revision]` and their order (deb-version(7), Debian policy
//! 5.6.12).
//!
//! [`compare`] takes any two texts, allocates nothing and is a total preorder over all of them: what
//! is no valid version still has its place, as in dpkg. [`Version::parse`] is the strict reading, for
//! versions that come from outside.
//!
//! Two versions may be equal and yet be written differently (`1.0`, `0:1.0-0`, `01.0`).

use std::cmp::Ordering;
use std::fmt;

use kiln_types::{Classify, ErrorClass};

/// The longest version that is accepted, in bytes.
pub const MAX_LENGTH: usize = 256;

/// A valid version in its three parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version<'a> {
    /// The epoch; 0 where none is written.
    pub epoch: u32,
    /// The upstream version.
    pub upstream: &'a str,
    /// The Debian revision, where there is one.
    pub revision: Option<&'a str>,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a Debian version: {reason}")]
pub struct VersionError {
    /// What was written, shortened.
    pub found: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl Classify for VersionError {
    fn class(&self) -> ErrorClass {
        ErrorClass::Integrity
    }
}

impl<'a> Version<'a> {
    /// Reads a version by the rules of deb-version(7).
    ///
    /// # Errors
    /// When the text is empty, too long, holds a character that its part may not hold, has an epoch
    /// that is no number below 2³¹, an empty revision, or an upstream version that does not begin
    /// with a digit.
    pub fn parse(text: &'a str) -> Result<Self, VersionError> {
        let error = |reason| VersionError {
            found: text.chars().take(80).collect(),
            reason,
        };
        if text.is_empty() {
            return Err(error("it is empty"));
        }
        if text.len() > MAX_LENGTH {
            return Err(error("it is longer than 256 bytes"));
        }
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => {
                if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(error("its epoch is not a number"));
                }
                let epoch: u32 = epoch.parse().map_err(|_| error("its epoch is too large"))?;
                if epoch > i32::MAX.unsigned_abs() {
                    return Err(error("its epoch is too large"));
                }
                (epoch, rest)
            }
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, None),
            Some((_, "")) => return Err(error("its revision is empty")),
            Some((upstream, revision)) => (upstream, Some(revision)),
        };
        if !upstream
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
        {
            return Err(error("its upstream version does not begin with a digit"));
        }
        if !upstream
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte))
        {
            return Err(error(
                "its upstream version holds a character other than letters, digits and `.+-~:`",
            ));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+~".contains(&byte);
        if !revision.unwrap_or_default().bytes().all(plain) {
            return Err(error(
                "its revision holds a character other than letters, digits and `.+~`",
            ));
        }
        Ok(Self {
            epoch,
            upstream,
            revision,
        })
    }
}

impl fmt::Display for Version<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An upstream version with a colon is only told apart by an epoch in front of it.
        if self.epoch != 0 || self.upstream.contains(':') {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(self.upstream)?;
        if let Some(revision) = self.revision {
            write!(f, "-{revision}")?;
        }
        Ok(())
    }
}

/// Compares two versions by the rules of deb-version(7). Never fails: an epoch that is not made of
/// digits counts as part of the upstream version.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = split_epoch(left.as_bytes());
    let (right_epoch, right) = split_epoch(right.as_bytes());
    let (left_upstream, left_revision) = split_revision(left);
    let (right_upstream, right_revision) = split_revision(right);
    compare_numbers(left_epoch, right_epoch)
        .then_with(|| compare_part(left_upstream, right_upstream))
        .then_with(|| compare_part(left_revision, right_revision))
}

/// The epoch (empty for none) and the rest.
fn split_epoch(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match text.split_at(digits) {
        (epoch, [b':', rest @ ..]) => (epoch, rest),
        _ => (&[], text),
    }
}

/// The upstream version and the revision (empty for none).
fn split_revision(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().rposition(|&byte| byte == b'-') {
        None => (text, &[]),
        Some(hyphen) => {
            let (upstream, revision) = text.split_at(hyphen);
            (upstream, revision.get(1..).unwrap_or_default())
        }
    }
}

/// Compares two runs of digits of any length as numbers; an empty run is zero.
fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let (left, right) = (without_leading_zeros(left), without_leading_zeros(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

fn without_leading_zeros(digits: &[u8]) -> &[u8] {
    digits
        .split_at(digits.iter().take_while(|&&byte| byte == b'0').count())
        .1
}

/// The rank of a character outside a run of digits: `~`, then the end (or a digit), then letters,
/// then everything else.
fn rank(byte: Option<&u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None | Some(b'0'..=b'9') => 1,
        Some(&byte) if byte.is_ascii_alphabetic() => 2 + u16::from(byte),
        Some(&byte) => 2 + 256 + u16::from(byte),
    }
}

/// Compares two upstream versions or two revisions: runs of other characters and runs of digits in
/// turn, the first by [`rank`], the second as numbers.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        loop {
            let at_digit = |text: &[u8]| text.first().is_none_or(u8::is_ascii_digit);
            if at_digit(left) && at_digit(right) {
                break;
            }
            let ordering = rank(left.first()).cmp(&rank(right.first()));
            if ordering.is_ne() {
                return ordering;
            }
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (left_digits, left_rest) = left.split_at(digits(left));
        let (right_digits, right_rest) = right.split_at(digits(right));
        let ordering = compare_numbers(left_digits, right_digits);
        if ordering.is_ne() {
            return ordering;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests;
