//! The order of versions, one for each world of packages, in one place.
//!
//! Every order takes texts as they stand in feeds and images and allocates little. Numbers may be of
//! any length: they are compared as runs of digits, never parsed into a machine word.
//!
//! [`compare`] answers nothing where a text has no place in its order (`1.0_foo` of apk, `(devel)` of
//! Go). What cannot be compared is *unknown* to the matcher, never "not affected".

mod apk;
mod gem;
mod jvm;
mod maven;
mod packagist;
mod pep440;
mod plain;
mod rpm;
mod semver;

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// The longest version that is compared, in bytes. Longer ones have no place in any order.
pub const MAX_LENGTH: usize = 512;

/// The order that a world of packages uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// dpkg: deb-version(7).
    Deb,
    /// apk: `src/version.c` of apk-tools.
    Apk,
    /// rpm: `rpmvercmp`, with `~` and `^`.
    Rpm,
    /// SemVer 2.0, read leniently: npm, crates.
    Semver,
    /// Go modules and the toolchain (`go1.21rc2`).
    Go,
    /// Python: PEP 440, with the legacy order below it.
    Pep440,
    /// Maven's `ComparableVersion`.
    Maven,
    /// `Gem::Version`, without the platform.
    Gem,
    /// Composer: `version_compare` of PHP.
    Packagist,
    /// `NuGet`: SemVer with a fourth number, without case.
    Nuget,
    /// Dart: SemVer in which the build takes part.
    Pub,
    /// R packages.
    Cran,
    /// Haskell packages.
    Hackage,
    /// Bitnami: SemVer whose `-N` is a revision of the package.
    Bitnami,
    /// Java runtimes (`1.8.0_131` is `8.0.131`).
    Jvm,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Semver,
        Self::Go,
        Self::Pep440,
        Self::Maven,
        Self::Gem,
        Self::Packagist,
        Self::Nuget,
        Self::Pub,
        Self::Cran,
        Self::Hackage,
        Self::Bitnami,
        Self::Jvm,
    ];
}

/// Sorts by an order that need not be one: versions without a place in theirs leave no total order,
/// for which the standard library's sort may panic. Equal ones keep their places.
pub(crate) fn sorted<T>(mut list: Vec<T>, order: &impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if list.len() < 2 {
        return list;
    }
    let upper = list.split_off(list.len() / 2);
    let mut out = Vec::with_capacity(list.len() + upper.len());
    let mut lower = sorted(list, order).into_iter().peekable();
    let mut upper = sorted(upper, order).into_iter().peekable();
    while let (Some(one), Some(other)) = (lower.peek(), upper.peek()) {
        out.extend(match order(one, other) {
            Ordering::Greater => upper.next(),
            Ordering::Less | Ordering::Equal => lower.next(),
        });
    }
    out.extend(lower);
    out.extend(upper);
    out
}

/// Compares two versions; nothing where one of them has no place in the order.
#[must_use]
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Option<Ordering> {
    if left.len() > MAX_LENGTH || right.len() > MAX_LENGTH {
        return None;
    }
    match scheme {
        Scheme::Deb => deb(left, right),
        Scheme::Apk => apk::compare(left, right),
        Scheme::Rpm => rpm::compare(left, right),
        Scheme::Semver => semver::compare(left, right),
        Scheme::Go => semver::compare_go(left, right),
        Scheme::Pep440 => pep440::compare(left, right),
        Scheme::Maven => maven::compare(left, right),
        Scheme::Gem => gem::compare(left, right),
        Scheme::Packagist => packagist::compare(left, right),
        Scheme::Nuget => semver::compare_nuget(left, right),
        Scheme::Pub => semver::compare_pub(left, right),
        Scheme::Cran => plain::compare_cran(left, right),
        Scheme::Hackage => plain::compare_hackage(left, right),
        Scheme::Bitnami => semver::compare_bitnami(left, right),
        Scheme::Jvm => jvm::compare(left, right),
    }
}

/// dpkg compares any two texts; an empty one is no version.
fn deb(left: &str, right: &str) -> Option<Ordering> {
    let real = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    (real(left) && real(right)).then(|| kiln_deb::version::compare(left, right))
}

/// Compares two runs of digits as numbers, whatever their length.
pub(crate) fn numbers(left: &str, right: &str) -> Ordering {
    let left = left.trim_start_matches('0');
    let right = right.trim_start_matches('0');
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Whether a text is a run of digits.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits a text where its run of digits at the front ends.
pub(crate) fn split_digits(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// Splits a text where its run of ASCII letters at the front ends.
pub(crate) fn split_letters(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(text.len());
    text.split_at(end)
}
