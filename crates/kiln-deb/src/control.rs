//! Control files (deb822(5)): paragraphs of `Name: value` lines with continuation lines.
//!
//! [`StanzaReader`] walks over a file of any length in one pass and hands out paragraphs that borrow
//! from its buffer; that is how indexes of many megabytes are read. [`Paragraph`] is the owned form
//! for small files (the control file of a package, a sources file): it keeps the order of the fields
//! and their continuation lines.
//!
//! Strict where a lax reader would let two tools see two different things: a field named twice, a
//! continuation line without a field and a line without a colon are errors, each with its line.
//! Lines that begin with `#` are comments and skipped, blanks at the end of a line do not count, and
//! a line of nothing but blanks separates paragraphs.

mod paragraph;
mod reader;

use std::borrow::Cow;

use kiln_types::{Classify, ErrorClass, FormatError, FormatErrorKind};

pub use paragraph::Paragraph;
pub use reader::{Stanza, StanzaReader};

/// How much of a control file is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest paragraph in bytes, comments included; no field is longer.
    pub paragraph: usize,
    /// The most fields in a paragraph.
    pub fields: usize,
    /// The most paragraphs in a file.
    pub paragraphs: usize,
}

impl Limits {
    /// For `Packages` files: Debian's largest has 68,825 paragraphs, none above 60 KB.
    pub const INDEX: Self = Self {
        paragraph: 4 << 20,
        fields: 256,
        paragraphs: 2_000_000,
    };

    /// For files of one or a few paragraphs: a package's control file, a sources file, and Release
    /// files, which hold one paragraph of some hundred kilobytes.
    pub const DOCUMENT: Self = Self {
        paragraph: 8 << 20,
        fields: 512,
        paragraphs: 1_000,
    };
}

/// One field, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The name as written.
    pub name: &'a str,
    /// The value: from the first character that is no blank to the last, with its continuation lines
    /// and the comments between them.
    pub raw: &'a [u8],
    /// The line of the name, from 1.
    pub line: u64,
}

impl<'a> Field<'a> {
    /// The value as text, without comments; continuation lines keep the blank they begin with.
    ///
    /// # Errors
    /// When the value is not UTF-8 or holds a NUL.
    pub fn text(&self) -> Result<Cow<'a, str>, ControlError> {
        let wrong = |kind| ControlError::new(self.line, kind);
        let text = std::str::from_utf8(self.raw)
            .map_err(|_| wrong(ControlErrorKind::NotUtf8(self.name.to_owned())))?;
        if text.contains('\0') {
            return Err(wrong(ControlErrorKind::Nul(self.name.to_owned())));
        }
        if !text.contains("\n#") && !text.contains('\r') {
            return Ok(Cow::Borrowed(text));
        }
        let lines: Vec<_> = text
            .split('\n')
            .enumerate()
            // The first line stands behind the name: there, `#` begins no comment.
            .filter(|(number, line)| *number == 0 || !line.starts_with('#'))
            .map(|(_, line)| line.trim_ascii_end())
            .collect();
        Ok(Cow::Owned(lines.join("\n")))
    }
}

/// What is wrong with a control file, and on which line.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {kind}")]
pub struct ControlError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong.
    pub kind: ControlErrorKind,
}

impl ControlError {
    pub(crate) const fn new(line: u64, kind: ControlErrorKind) -> Self {
        Self { line, kind }
    }

    /// The same as an error of the file `subject`.
    #[must_use]
    pub fn of(self, subject: &str) -> FormatError {
        let kind = match self.kind {
            // What a decoder finds wrong with its input comes as `InvalidData` or `UnexpectedEof`.
            ControlErrorKind::Read(ref error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
                ) =>
            {
                FormatErrorKind::Malformed
            }
            ControlErrorKind::Read(_) => FormatErrorKind::Io,
            ControlErrorKind::Limit { .. } => FormatErrorKind::Limit,
            _ => FormatErrorKind::Malformed,
        };
        FormatError::new(kind, subject, self.to_string())
    }
}

impl Classify for ControlError {
    fn class(&self) -> ErrorClass {
        match self.kind {
            ControlErrorKind::Read(_) => ErrorClass::Environment,
            _ => ErrorClass::Integrity,
        }
    }
}

/// What can be wrong with a control file.
#[derive(Debug, thiserror::Error)]
pub enum ControlErrorKind {
    /// A line that is no field, no continuation and no comment.
    #[error("expected `Name: value`, found `{0}`")]
    NoField(String),
    /// A field name with a character that deb822(5) does not allow.
    #[error("`{0}` is not a field name")]
    Name(String),
    /// A continuation line before any field of the paragraph.
    #[error("a continuation line without a field")]
    Continuation,
    /// A field that its paragraph already has.
    #[error("field `{0}` is given twice in one paragraph")]
    Duplicate(String),
    /// A required field that is not there.
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    /// A value that is not UTF-8.
    #[error("field `{0}` is not UTF-8")]
    NotUtf8(String),
    /// A value with a NUL.
    #[error("field `{0}` holds a NUL")]
    Nul(String),
    /// A value that breaks the rules of its field.
    #[error("field `{field}`: {reason}")]
    Value {
        /// The field.
        field: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// There is no paragraph, or more than one where one was expected.
    #[error("expected exactly one paragraph")]
    NotOne,
    /// A limit was passed.
    #[error("more than {limit} {what}")]
    Limit {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The file could not be read.
    #[error("cannot read: {0}")]
    Read(#[source] std::io::Error),
}

#[cfg(test)]
mod tests;
