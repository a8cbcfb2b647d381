//! Which repositories apt is configured with (sources.list(5)).
//!
//! [`parse_list`] reads the one-line format of `.list` files, [`parse_deb822`] that of `.sources`
//! files, and [`parse_entry`] a single `deb …` line as definitions write it. All of them report every
//! problem with its line and still give the entries that are right. Which archive an entry belongs
//! to, and whether kiln may use it, is not decided here.
//!
//! Values are never interpreted: `$(ARCH)` stays as it is, and paths are not looked at.

mod deb822;
mod one_line;

use kiln_types::{Diagnostic, Location};

pub use deb822::parse_deb822;
pub use one_line::{parse_entry, parse_list};

/// What an entry offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArchiveType {
    /// `deb`: packages.
    Binary,
    /// `deb-src`: sources, which kiln does not read.
    Source,
}

/// Whose signature an entry accepts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignedBy {
    /// The keys in a file, by its absolute path.
    Path(String),
    /// A key of the machine's keyrings, by its fingerprint in upper case; `exact` where subkeys do
    /// not count (a `!` at the end).
    Fingerprint {
        /// The hex digits.
        fingerprint: String,
        /// Whether subkeys do not count.
        exact: bool,
    },
    /// An armoured key in the entry itself.
    Inline(String),
}

/// One entry: its archives are every URI with every suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptSource {
    /// What it offers; at least one.
    pub types: Vec<ArchiveType>,
    /// The roots of the archives, at least one. May hold passwords: use [`redacted`] for people.
    pub uris: Vec<String>,
    /// The suites, at least one. One that ends with `/` is the path of a flat repository.
    pub suites: Vec<String>,
    /// The components; none for flat repositories.
    pub components: Vec<String>,
    /// Whose signature is accepted; empty for apt's default keyrings.
    pub signed_by: Vec<SignedBy>,
    /// `trusted=yes`: no signature is needed.
    pub trusted: bool,
    /// The architectures wanted; empty for those of the machine.
    pub architectures: Vec<String>,
    /// Whether the entry is switched on.
    pub enabled: bool,
    /// The file it stands in.
    pub file: String,
    /// Its first line, from 1.
    pub line: u32,
}

impl AptSource {
    /// Whether a suite is the path of a flat repository (it ends with `/`).
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.suites.iter().any(|suite| suite.ends_with('/'))
    }
}

/// What a sources file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptSources {
    /// The entries that could be read, in order.
    pub sources: Vec<AptSource>,
    /// Everything that is wrong or doubtful, in order.
    pub diagnostics: Vec<Diagnostic>,
}

/// A URI without the user and password in it.
#[must_use]
pub fn redacted(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest.get(..end).and_then(|authority| authority.rfind('@')) {
        Some(at) => format!("{scheme}://***{}", rest.get(at..).unwrap_or_default()),
        None => uri.to_owned(),
    }
}

/// The largest sources file that is read, in bytes.
pub const MAX_LENGTH: usize = 1 << 20;

/// An entry before its rules are checked, and the problems found.
struct Draft<'a> {
    file: &'a str,
    line: u32,
    source: AptSource,
    diagnostics: Vec<Diagnostic>,
    /// Whether there was an error, so that there is no entry.
    failed: bool,
}

impl<'a> Draft<'a> {
    fn new(file: &'a str, line: u32) -> Self {
        let source = AptSource {
            types: Vec::new(),
            uris: Vec::new(),
            suites: Vec::new(),
            components: Vec::new(),
            signed_by: Vec::new(),
            trusted: false,
            architectures: Vec::new(),
            enabled: true,
            file: file.to_owned(),
            line,
        };
        Self {
            file,
            line,
            source,
            diagnostics: Vec::new(),
            failed: false,
        }
    }

    fn place(&self, line: u32) -> Location {
        place(self.file, line)
    }

    fn error(&mut self, line: u32, code: &str, message: impl Into<String>, expected: &str) {
        self.failed = true;
        let diagnostic =
            Diagnostic::error(&format!("sources-list/{code}"), message).at(self.place(line));
        self.diagnostics.push(if expected.is_empty() {
            diagnostic
        } else {
            diagnostic.expected(expected)
        });
    }

    fn types<'b>(&mut self, line: u32, words: impl Iterator<Item = &'b str>) {
        for word in words {
            match word {
                "deb" => self.source.types.push(ArchiveType::Binary),
                "deb-src" => self.source.types.push(ArchiveType::Source),
                _ => self.error(
                    line,
                    "type",
                    format!("`{}` is not a type of archive", shortened(word)),
                    "`deb` or `deb-src`",
                ),
            }
        }
    }

    /// `Signed-By` and `signed-by`, apart from keys in the entry.
    fn signed_by<'b>(&mut self, line: u32, words: impl Iterator<Item = &'b str>) {
        for word in words {
            let digits = word.strip_suffix('!').unwrap_or(word);
            if word.starts_with('/') {
                self.source.signed_by.push(SignedBy::Path(word.to_owned()));
            } else if matches!(digits.len(), 40 | 64)
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                self.source.signed_by.push(SignedBy::Fingerprint {
                    fingerprint: digits.to_ascii_uppercase(),
                    exact: word.ends_with('!'),
                });
            } else {
                let message = format!("`{}` names no key", shortened(word));
                self.error(
                    line,
                    "signed-by",
                    message,
                    "an absolute path or a fingerprint of 40 hex digits",
                );
            }
        }
    }

    fn boolean(&mut self, line: u32, name: &str, value: &str) -> bool {
        // The words of apt's StringToBool.
        match value.to_ascii_lowercase().as_str() {
            "yes" | "true" | "with" | "on" | "enable" | "1" => true,
            "no" | "false" | "without" | "off" | "disable" | "0" => false,
            _ => {
                let message = format!("`{name}` is `{}`", shortened(value));
                self.error(line, "boolean", message, "`yes` or `no`");
                false
            }
        }
    }

    /// An option that kiln does not need; one that apt does not know either is worth a warning.
    fn other_option(&mut self, line: u32, name: &str) {
        const KNOWN: [&str; 18] = [
            "lang",
            "languages",
            "target",
            "targets",
            "pdiffs",
            "by-hash",
            "allow-insecure",
            "allow-weak",
            "allow-downgrade-to-insecure",
            "check-valid-until",
            "valid-until-min",
            "valid-until-max",
            "check-date",
            "date-max-future",
            "inrelease-path",
            "snapshot",
            "include",
            "exclude",
        ];
        let lower = name.to_ascii_lowercase();
        // deb822 files may carry fields for people and programs (`X-Repolib-Name`).
        if KNOWN.contains(&lower.as_str()) || lower.starts_with("x-") || lower == "description" {
            return;
        }
        let message = format!("unknown option `{}` is ignored", shortened(name));
        self.diagnostics
            .push(Diagnostic::warning("sources-list/unknown-option", message).at(self.place(line)));
    }

    /// Checks what the entry must have, at the lines where URIs and suites stand.
    fn finish(mut self, uri_line: u32, suite_line: u32) -> (Option<AptSource>, Vec<Diagnostic>) {
        if self.source.types.is_empty() && !self.failed {
            self.error(
                self.line,
                "type",
                "the entry has no type",
                "`deb` or `deb-src`",
            );
        }
        if self.source.uris.is_empty() {
            self.error(
                self.line,
                "missing-uri",
                "the entry has no URI",
                "such as `https://mirror.example/debian`",
            );
        }
        for uri in self.source.uris.clone() {
            if let Err(reason) = check_uri(&uri) {
                let message = format!("`{}` is not a URI: {reason}", shortened(&redacted(&uri)));
                self.error(
                    uri_line,
                    "uri",
                    message,
                    "such as `https://mirror.example/debian`",
                );
            }
        }
        if self.source.suites.is_empty() {
            let expected =
                "a suite such as `trixie`, or the path of a flat repository such as `./`";
            self.error(
                self.line,
                "missing-suite",
                "the entry has no suite",
                expected,
            );
        }
        for suite in self.source.suites.clone() {
            if !is_path(&suite) {
                let message = format!("`{}` is not a suite", shortened(&suite));
                self.error(suite_line, "suite", message, "");
            }
        }
        for component in self.source.components.clone() {
            if !is_path(&component) {
                let message = format!("`{}` is not a component", shortened(&component));
                self.error(self.line, "component", message, "");
            }
        }
        let flat = self
            .source
            .suites
            .iter()
            .filter(|suite| suite.ends_with('/'))
            .count();
        if flat > 0 && flat < self.source.suites.len() {
            self.error(
                suite_line,
                "suite",
                "flat repositories and suites are mixed in one entry",
                "",
            );
        } else if flat > 0 && !self.source.components.is_empty() {
            let message = "a flat repository (a suite that ends with `/`) has no components";
            self.error(suite_line, "component", message, "");
        } else if flat == 0 && !self.source.suites.is_empty() && self.source.components.is_empty() {
            let message = "the entry has no component";
            self.error(
                suite_line,
                "missing-component",
                message,
                "such as `main`; a flat repository ends with `/`",
            );
        }
        ((!self.failed).then_some(self.source), self.diagnostics)
    }
}

/// A scheme, a colon, and printable characters. apt takes many schemes (`http`, `file`, `copy`,
/// `cdrom`, `mirror+file` …); which of them kiln can use is decided where it fetches.
fn check_uri(uri: &str) -> Result<(), &'static str> {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Err("it has no scheme");
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        || !scheme.bytes().all(letters)
    {
        return Err("it has no scheme");
    }
    if rest.is_empty() || rest == "//" {
        return Err("nothing follows its scheme");
    }
    if uri.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    Ok(())
}

/// Whether a suite or component is a relative path that stays where it is.
fn is_path(text: &str) -> bool {
    !text.is_empty()
        && (text == "/" || !text.starts_with('/'))
        && !text.split('/').any(|part| part == "..")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\\\"'<>?#".contains(&byte))
}

fn place(file: &str, line: u32) -> Location {
    Location {
        file: file.to_owned(),
        line,
        ..Location::default()
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Refuses a file that is too large.
fn too_long(file: &str, text: &str) -> Option<AptSources> {
    (text.len() > MAX_LENGTH).then(|| AptSources {
        sources: Vec::new(),
        diagnostics: vec![
            Diagnostic::error("sources-list/too-long", "the file is longer than 1 MiB")
                .at(place(file, 0)),
        ],
    })
}

#[cfg(test)]
mod tests;
