//! Programs that were copied into an image without a package: name and version from text that the
//! program prints or carries. Only where file name and text agree.

mod known;

use std::collections::BTreeSet;

use kiln_types::{Component, ComponentKind, EvidenceKind};

use super::component;
use crate::node::Found;

pub(crate) use known::CLASSES;

/// How a program is recognised.
pub(crate) struct Class {
    /// The component.
    name: &'static str,
    /// What the file is called: exactly, or up to digits and dots where it ends in `*`.
    files: &'static [&'static str],
    /// What stands before the version.
    pub(crate) mark: &'static [u8],
    /// How the version is found.
    form: Form,
    /// The licence of every version.
    licence: Option<&'static str>,
    /// Who makes it.
    supplier: &'static str,
}

/// How a version is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// After the mark.
    After,
    /// After the mark, up to a zero or blank: the mark also stands in lists of versions.
    Alone,
    /// After the mark, up to this byte.
    Until(u8),
    /// After a mark of which so many bytes at its end belong to the version.
    Shared(usize),
    /// The highest of all versions of three numbers that stand alone between zeros: programs that
    /// list since when they have each command list no version above their own. That of a compiler may
    /// be higher: where one of them begins the identifier of a build, only such count.
    Highest,
    /// The version that the file's name has behind this, if the text stands in the file too.
    Named(&'static str),
}

/// A class without a mark, see [`Form::Highest`].
const fn highest(
    name: &'static str,
    files: &'static [&'static str],
    licence: Option<&'static str>,
    supplier: &'static str,
) -> Class {
    Class {
        name,
        files,
        mark: b"",
        form: Form::Highest,
        licence,
        supplier,
    }
}

const fn class(
    name: &'static str,
    files: &'static [&'static str],
    mark: &'static [u8],
    licence: Option<&'static str>,
    supplier: &'static str,
) -> Class {
    Class {
        name,
        files,
        mark,
        form: Form::After,
        licence,
        supplier,
    }
}

impl Class {
    const fn with(mut self, form: Form) -> Self {
        self.form = form;
        self
    }
}

/// Files beside a program that tell its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// `VERSION` of Go.
    Go,
    /// `OTP_VERSION`.
    Erlang,
    /// The application resource file of Elixir.
    Elixir,
}

fn release_of(path: &str) -> Option<Release> {
    fn name(folder: &str) -> &str {
        folder.rsplit('/').next().unwrap_or_default()
    }
    let (folder, base) = path.rsplit_once('/')?;
    let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
    match base {
        "VERSION" if name(folder) == "go" => Some(Release::Go),
        "OTP_VERSION" if above.ends_with("erlang/releases") => Some(Release::Erlang),
        "elixir.app" if name(folder) == "ebin" && name(above) == "elixir" => Some(Release::Elixir),
        _ => None,
    }
}

/// Whether a file tells the version of a program beside it.
pub(crate) fn is_release(path: &str) -> bool {
    release_of(path).is_some()
}

/// The component that such a file is about.
pub(crate) fn release(path: &str, bytes: &[u8]) -> super::Cataloged {
    const LONGEST: usize = 4_096;
    let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(LONGEST)).unwrap_or_default());
    let line = text.lines().next().unwrap_or_default().trim();
    let quoted = |name: &str| {
        let rest = text.split_once(name)?.1;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let found = match release_of(path) {
        Some(Release::Go) => {
            let version = line.strip_prefix("go").unwrap_or(line);
            Some(released("go", version, Some("BSD-3-Clause"), "Go project"))
        }
        Some(Release::Erlang) => Some(released("erlang", line, Some("Apache-2.0"), "Ericsson")),
        Some(Release::Elixir) => quoted("{vsn,\"")
            .map(|version| released("elixir", &version, Some("Apache-2.0"), "Elixir project")),
        None => None,
    };
    Ok(found.flatten().into_iter().collect())
}

fn released(name: &str, version: &str, licence: Option<&str>, supplier: &str) -> Option<Found> {
    let is_version = version.starts_with(|letter: char| letter.is_ascii_digit())
        && version.len() < 40
        && version.chars().all(|letter| {
            letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '+' | '-')
        });
    let mut component: Component =
        is_version.then(|| component(ComponentKind::Binary, None, name, name, version))?;
    component.licences.expression = licence.map(str::to_owned);
    component.supplier = (!supplier.is_empty()).then(|| supplier.to_owned());
    Some(Found::new(component, EvidenceKind::Metadata))
}

/// Versions that stand alone between zeros.
#[derive(Default)]
pub(crate) struct Versions {
    /// Those of three numbers.
    alone: BTreeSet<Vec<u32>>,
    /// What begins like a version and goes on to the next zero: identifiers of builds of Redis and of
    /// its descendants, which are a version, a time and more in one.
    builds: Vec<Vec<u8>>,
}

/// Versions and builds that are kept of one program.
const MOST_VERSIONS: usize = 256;
const MOST_BUILDS: usize = 16;
/// Bytes of a build's identifier: behind a version stand at least the seconds since the epoch.
const BUILD: std::ops::Range<usize> = 15..100;

impl Versions {
    /// Looks at what follows a zero.
    pub(crate) fn look(&mut self, after_zero: &[u8]) {
        let named = after_zero.strip_prefix(b"valkey");
        let text = named.or_else(|| after_zero.strip_prefix(b"v"));
        let text = text.unwrap_or(after_zero);
        let Some((numbers, length)) = numbers(text) else {
            return;
        };
        let is_whole = numbers.len() == 3;
        if text.get(length) == Some(&0) {
            if is_whole {
                self.alone.insert(numbers);
            }
            if self.alone.len() > MOST_VERSIONS {
                self.alone.pop_first();
            }
            return;
        }
        let part = text.get(..BUILD.end.min(text.len())).unwrap_or_default();
        let end = part.iter().position(|byte| !byte.is_ascii_graphic());
        let is_build = is_whole && end.is_some_and(|end| end >= BUILD.start);
        if is_build && self.builds.len() < MOST_BUILDS {
            let begin = part.get(..BUILD.start).unwrap_or_default();
            self.builds.push(begin.to_vec());
        }
    }

    /// The component of a class by them.
    pub(crate) fn found(&self, class: &Class) -> Option<Found> {
        let text = |numbers: &Vec<u32>| {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            numbers.join(".")
        };
        let all: Vec<String> = self.alone.iter().map(text).collect();
        let is_built = |version: &&String| {
            let version = version.as_bytes();
            self.builds.iter().any(|build| build.starts_with(version))
        };
        let version = all.iter().rfind(is_built).or(all.last())?;
        Some(class.component(version))
    }
}

/// The two or three numbers that a text begins with, and how long they are. Only the next byte says
/// whether they are all.
fn numbers(text: &[u8]) -> Option<(Vec<u32>, usize)> {
    let mut numbers = vec![0_u32];
    let (mut digits, mut length) = (0, 0);
    for byte in text.iter().take(12) {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                digits += 1;
                if let Some(number) = numbers.last_mut() {
                    *number = *number * 10 + u32::from(byte - b'0');
                }
            }
            b'.' if digits > 0 && numbers.len() < 3 => {
                numbers.push(0);
                digits = 0;
            }
            _ => break,
        }
        length += 1;
    }
    (numbers.len() > 1 && digits > 0).then_some((numbers, length))
}

/// The classes that a file of this name may belong to.
pub(crate) fn classes(file: &str) -> Vec<&'static Class> {
    CLASSES
        .iter()
        .filter(|class| class.files.iter().any(|pattern| is_called(file, pattern)))
        .collect()
}

/// `python*` is `python3`, `python3.13`, `libpython*` also `libpython3.13.so.1.0`.
fn is_called(file: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => file == pattern,
        Some(stem) => file.strip_prefix(stem).is_some_and(|rest| {
            let plain = rest.replace(".so", "");
            plain
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
        }),
    }
}

impl Class {
    /// The component.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// What to look for in a file of this name: for Python the version's first two numbers are part
    /// of the name.
    pub(crate) fn needle(&self, file: &str) -> Option<Vec<u8>> {
        match self.form {
            Form::Highest => return None,
            Form::Named(stem) => {
                let version = file.strip_prefix(stem)?;
                let is_whole = numbers(version.as_bytes())
                    .is_some_and(|(numbers, length)| numbers.len() == 3 && length == version.len());
                return is_whole.then(|| format!("{version}\0").into_bytes());
            }
            _ => {}
        }
        if self.name != "python" {
            return Some(self.mark.to_vec());
        }
        let digits = file.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        let mut parts = digits.split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(major) || !is_number(minor) {
            return None;
        }
        Some(format!("\0{major}.{minor}.").into_bytes())
    }

    /// The component, if what stands from the needle on has a version of numbers and dots.
    pub(crate) fn found(&self, from_needle: &[u8]) -> Option<Found> {
        let text = match (self.name, self.form) {
            ("python", _) => from_needle.get(1..)?,
            (_, Form::Named(_)) => from_needle,
            _ => {
                from_needle.strip_prefix(self.mark)?;
                let shared = match self.form {
                    Form::Shared(shared) => shared,
                    _ => 0,
                };
                from_needle.get(self.mark.len().checked_sub(shared)?..)?
            }
        };
        let length = text
            .iter()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.')
            .count();
        let version = std::str::from_utf8(text.get(..length)?).ok()?;
        // bash writes `5.2.37(1)-release`, PHP `8.3.1\r\n`, PostgreSQL `17.5 (Debian …)`.
        let version = version.trim_end_matches('.');
        let numbers = version.split('.').count();
        let begins = version.starts_with(|letter: char| letter.is_ascii_digit());
        // A program that merely mentions a version has it in the middle of a sentence; the version of
        // Python stands alone between two zeros.
        let stands_alone = match (self.name, self.form) {
            ("python", _) | (_, Form::Shared(_)) => text.get(length) == Some(&0),
            (_, Form::Alone) => matches!(text.get(length), Some(0 | b' ')),
            (_, Form::Until(end)) => text.get(length) == Some(&end),
            _ => true,
        };
        if !begins || !(2..=4).contains(&numbers) || !stands_alone {
            return None;
        }
        Some(self.component(version))
    }

    fn component(&self, version: &str) -> Found {
        let mut component = component(ComponentKind::Binary, None, self.name, self.name, version);
        // OpenSSL changed its licence with version 3.
        let licence = match self.name {
            "openssl" if version.starts_with("3.") => Some("Apache-2.0"),
            _ => self.licence,
        };
        component.licences.expression = licence.map(str::to_owned);
        component.supplier = Some(self.supplier.to_owned());
        Found::new(component, EvidenceKind::BinaryText)
    }

    /// Whether its version is one of those that stand alone, see [`Versions`].
    pub(crate) fn is_of_versions(&self) -> bool {
        matches!(self.form, Form::Highest)
    }
}

#[cfg(test)]
mod tests;
