//! Places in documents, and values that know theirs.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use kiln_types::Location;

/// A document: its text, and the name that diagnostics give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The file as the person named it, or another name of the text.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Document {
    /// A document.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }
}

/// A stretch of a document. Cheap to copy around: the file's name is shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The file as the person named it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The byte offset of the first byte.
    pub offset: u32,
    /// The length in bytes.
    pub length: u32,
}

impl Span {
    /// The start of a file.
    #[must_use]
    pub fn start_of(file: &str) -> Self {
        Self {
            file: Arc::from(file),
            line: 1,
            column: 1,
            offset: 0,
            length: 0,
        }
    }

    /// The same place as diagnostics carry it.
    #[must_use]
    pub fn location(&self) -> Location {
        Location {
            file: self.file.to_string(),
            line: self.line,
            column: self.column,
            offset: self.offset,
            length: self.length,
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it was written. Derefs to the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// A value with its place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Another value at the same place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: change(self.value),
            span: self.span,
        }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
