//! Release files: the signed index of an archive's indexes (Debian repository format, "Release
//! files"; apt-secure(8)).
//!
//! [`Release::parse`] takes a text that [`crate::openpgp`] has verified (or that somebody declared
//! trusted) and gives what it says. [`Release::check`] compares that with what was wanted: a
//! signature alone does not say that the file is the one asked for, nor that it is fresh.
//!
//! Invariants: only the SHA-256 list counts; a file named there twice with different content is an
//! error; no path leaves the directory of the Release file; no clock is read.
//!
//! Rolling back is not judged here: it needs memory of what was seen before, which the pipeline has.

mod check;
mod date;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use kiln_types::{Digest, FormatError, FormatErrorKind, RelativePath, Timestamp};

use crate::control::{Limits, Paragraph};

pub use check::Expectation;
pub use date::parse_date;

/// The largest Release file accepted, in bytes. Debian's sid has 300 kB.
const MAX_SIZE: usize = 16 << 20;
/// The most files in its list.
const MAX_FILES: usize = 100_000;
/// The most words in `Architectures` or `Components`.
const MAX_WORDS: usize = 1_000;
/// The endings of index files, the best first: the smallest, and of those that are about the same,
/// the one that every archive has.
const SUFFIXES: [&str; 4] = [".xz", ".zst", ".gz", ""];

/// What a Release file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `Origin`: `Debian`.
    pub origin: Option<String>,
    /// `Label`: `Debian`, `Debian-Security`.
    pub label: Option<String>,
    /// `Suite`: `stable`.
    pub suite: Option<String>,
    /// `Codename`: `trixie`.
    pub codename: Option<String>,
    /// `Version`: `13.2`.
    pub version: Option<String>,
    /// `Date`: when it was made.
    pub date: Timestamp,
    /// `Valid-Until`: when it is no longer to be believed.
    pub valid_until: Option<Timestamp>,
    /// `Acquire-By-Hash`: index files can be had by their digest, which does not race with updates.
    pub acquire_by_hash: bool,
    /// `NotAutomatic`: packages get pin priority 1 unless asked for (apt_preferences(5)).
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades`: with the former, pin priority 100.
    pub but_automatic_upgrades: bool,
    /// `Architectures`, in its order.
    pub architectures: Vec<String>,
    /// `Components`, in its order.
    pub components: Vec<String>,
    /// `No-Support-for-Architecture-all: Packages`: the index of an architecture holds the packages
    /// of architecture `all` too.
    pub all_is_merged: bool,
    /// The files listed, by path below the directory of the Release file.
    pub files: BTreeMap<String, ListedFile>,
}

/// A file that a Release file lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// An index file to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexFile<'a> {
    /// Its path below the directory of the Release file; the ending tells the compression.
    pub path: &'a str,
    /// Its size and digest.
    pub file: ListedFile,
}

impl Release {
    /// Reads the text of a Release file. `subject` names it in errors.
    ///
    /// # Errors
    /// When the text is malformed, lacks a valid `Date` or a SHA-256 list, lists a path that leaves
    /// its directory or two contents for one path, or passes a limit.
    pub fn parse(text: &[u8], subject: &str) -> Result<Self, FormatError> {
        let malformed = |reason: String| FormatError::malformed(subject, reason);
        let limit = |reason: String| FormatError::new(FormatErrorKind::Limit, subject, reason);
        if text.len() > MAX_SIZE {
            return Err(limit(format!("larger than {MAX_SIZE} bytes")));
        }
        let limits = Limits {
            paragraph: MAX_SIZE,
            ..Limits::DOCUMENT
        };
        let paragraph = Paragraph::parse(text, limits).map_err(|error| error.of(subject))?;
        let owned = |name: &str| {
            paragraph
                .get(name)
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        let date = |name: &str| match paragraph.get(name) {
            None => Ok(None),
            Some(value) => parse_date(value).map(Some).ok_or_else(|| {
                let found: String = value.chars().take(60).collect();
                malformed(format!(
                    "`{name}: {found}` is not a date like `Sat, 15 Nov 2025 10:00:00 UTC`"
                ))
            }),
        };
        let words = |name: &str| {
            let words: Vec<_> = owned(name)
                .unwrap_or_default()
                .split_ascii_whitespace()
                .map(str::to_owned)
                .collect();
            match words.len() {
                0..=MAX_WORDS => Ok(words),
                count => Err(limit(format!(
                    "`{name}` has {count} words, at most {MAX_WORDS} are accepted"
                ))),
            }
        };
        let yes = |name: &str| {
            paragraph
                .get(name)
                .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
        };
        let list = paragraph.get("SHA256").ok_or_else(|| {
            malformed("has no `SHA256` list; weaker digests alone are not accepted".to_owned())
        })?;
        Ok(Self {
            origin: owned("Origin"),
            label: owned("Label"),
            suite: owned("Suite"),
            codename: owned("Codename"),
            version: owned("Version"),
            date: date("Date")?.ok_or_else(|| malformed("has no `Date`".to_owned()))?,
            valid_until: date("Valid-Until")?,
            acquire_by_hash: yes("Acquire-By-Hash"),
            not_automatic: yes("NotAutomatic"),
            but_automatic_upgrades: yes("ButAutomaticUpgrades"),
            architectures: words("Architectures")?,
            components: words("Components")?,
            all_is_merged: words("No-Support-for-Architecture-all")?
                .iter()
                .any(|word| word == "Packages"),
            files: read_list(list, subject)?,
        })
    }

    /// The best `Packages` file of a component and architecture: `main/binary-amd64/Packages.xz`.
    /// Prefers xz, then zst, gz, and the plain one, which many archives list but do not keep.
    #[must_use]
    pub fn packages(&self, component: &str, architecture: &str) -> Option<IndexFile<'_>> {
        // The security archive names its components `updates/main` and yet keeps them in `main/`.
        let directory = component.strip_prefix("updates/").unwrap_or(component);
        self.best(&format!("{directory}/binary-{architecture}/Packages"))
    }

    /// The best `Packages` file of a flat repository, which has no components.
    #[must_use]
    pub fn flat_packages(&self) -> Option<IndexFile<'_>> {
        self.best("Packages")
    }

    /// Whether packages of architecture `all` stand in an index of their own
    /// (`main/binary-all/Packages.xz`) that must be read beside that of the architecture.
    #[must_use]
    pub fn has_separate_all(&self) -> bool {
        !self.all_is_merged
            && self
                .architectures
                .iter()
                .any(|architecture| architecture == "all")
    }

    /// The best of the files `stem` with any ending.
    fn best(&self, stem: &str) -> Option<IndexFile<'_>> {
        SUFFIXES.iter().find_map(|suffix| {
            let (path, file) = self.files.get_key_value(&format!("{stem}{suffix}"))?;
            Some(IndexFile { path, file: *file })
        })
    }
}

impl IndexFile<'_> {
    /// Where the same file is kept under its digest: `main/binary-amd64/by-hash/SHA256/<hex>`.
    /// To be used when [`Release::acquire_by_hash`] says so.
    #[must_use]
    pub fn by_hash_path(&self) -> String {
        by_hash_path(self.path, &self.file.sha256)
    }
}

/// The by-hash path of a file: beside it, `by-hash/SHA256/` and the digest in hex.
#[must_use]
pub fn by_hash_path(path: &str, digest: &Digest) -> String {
    let hex = digest.hex();
    match path.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/by-hash/SHA256/{hex}"),
        None => format!("by-hash/SHA256/{hex}"),
    }
}

/// Reads lines of digest, size and path.
fn read_list(list: &str, subject: &str) -> Result<BTreeMap<String, ListedFile>, FormatError> {
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let malformed = |reason: &str| {
            let line: String = line.trim().chars().take(160).collect();
            FormatError::malformed(subject, format!("{reason} in the `SHA256` list: `{line}`"))
        };
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(malformed("expected a digest, a size and a path"));
        };
        let sha256 = Digest::from_hex(digest).map_err(|_| malformed("not a SHA-256 digest"))?;
        let size = Some(size)
            .filter(|size| size.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| malformed("not a size"))?;
        let path = RelativePath::new(path)
            .ok()
            .filter(|normal| !normal.is_root() && !path.starts_with('/'))
            .ok_or_else(|| malformed("not a path below the archive's suite"))?;
        let file = ListedFile { size, sha256 };
        if files
            .insert(path.as_str().to_owned(), file)
            .is_some_and(|earlier| earlier != file)
        {
            return Err(malformed("two contents for one path"));
        }
        if files.len() > MAX_FILES {
            let reason = format!("lists more than {MAX_FILES} files");
            return Err(FormatError::new(FormatErrorKind::Limit, subject, reason));
        }
    }
    Ok(files)
}
