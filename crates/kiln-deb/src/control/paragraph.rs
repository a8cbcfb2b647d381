//! A paragraph that owns its fields.

use std::fmt;

use super::{ControlError, ControlErrorKind, Limits, Stanza, StanzaReader};

/// A paragraph: fields in order, values with their continuation lines.
///
/// A value is what stands after the colon without surrounding blanks; its continuation lines each
/// begin with the blank they have in the file. [`Display`](fmt::Display) writes it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paragraph {
    fields: Vec<(String, String)>,
    /// The line of each field, from 1; 0 for one that was not read from a file.
    lines: Vec<u64>,
}

impl Paragraph {
    /// Reads a file of exactly one paragraph, such as the control file of a package.
    ///
    /// # Errors
    /// When the file is malformed, passes a limit, or does not hold exactly one paragraph.
    pub fn parse(bytes: &[u8], limits: Limits) -> Result<Self, ControlError> {
        let mut paragraphs = Self::parse_all(bytes, limits)?.into_iter();
        match (paragraphs.next(), paragraphs.next()) {
            (Some(paragraph), None) => Ok(paragraph),
            (_, second) => {
                let line = second.map_or(1, |paragraph| paragraph.line());
                Err(ControlError::new(line, ControlErrorKind::NotOne))
            }
        }
    }

    /// Reads all paragraphs of a file.
    ///
    /// # Errors
    /// When the file is malformed or passes a limit.
    pub fn parse_all(bytes: &[u8], limits: Limits) -> Result<Vec<Self>, ControlError> {
        let mut reader = StanzaReader::new(bytes, limits);
        let mut paragraphs = Vec::new();
        while let Some(stanza) = reader.next()? {
            paragraphs.push(Self::of(&stanza)?);
        }
        Ok(paragraphs)
    }

    /// An owned copy of a borrowed paragraph.
    ///
    /// # Errors
    /// When a value is not UTF-8 or holds a NUL.
    pub fn of(stanza: &Stanza<'_>) -> Result<Self, ControlError> {
        let mut paragraph = Self::default();
        for field in stanza.fields() {
            paragraph
                .fields
                .push((field.name.to_owned(), field.text()?.into_owned()));
            paragraph.lines.push(field.line);
        }
        Ok(paragraph)
    }

    /// The value of a field; case does not count in its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name)
            .and_then(|index| self.fields.get(index))
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field that must be there.
    ///
    /// # Errors
    /// When the field is missing.
    pub fn require(&self, name: &'static str) -> Result<&str, ControlError> {
        self.get(name)
            .ok_or_else(|| ControlError::new(self.line(), ControlErrorKind::Missing(name)))
    }

    /// Sets a field where it stands, or appends it.
    pub fn set(&mut self, name: &str, value: &str) {
        match self
            .position(name)
            .and_then(|index| self.fields.get_mut(index))
        {
            Some((_, old)) => value.clone_into(old),
            None => {
                self.fields.push((name.to_owned(), value.to_owned()));
                self.lines.push(0);
            }
        }
    }

    /// Takes a field out.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let index = self.position(name)?;
        self.lines.remove(index);
        Some(self.fields.remove(index).1)
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The fields in order, as an owner.
    #[must_use]
    pub fn into_fields(self) -> Vec<(String, String)> {
        self.fields
    }

    /// The line of the first field, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.lines.first().copied().unwrap_or(1)
    }

    /// The line of a field, from 1; absent where the field is, or was not read from a file.
    #[must_use]
    pub fn line_of(&self, name: &str) -> Option<u64> {
        self.position(name)
            .and_then(|index| self.lines.get(index))
            .copied()
            .filter(|&line| line > 0)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|(field, _)| field.eq_ignore_ascii_case(name))
    }
}

impl FromIterator<(String, String)> for Paragraph {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(fields: T) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        Self {
            lines: vec![0; fields.len()],
            fields,
        }
    }
}

impl fmt::Display for Paragraph {
    /// `Name: value` lines, without the empty line that separates paragraphs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            if value.is_empty() || value.starts_with('\n') {
                writeln!(f, "{name}:{value}")?;
            } else {
                writeln!(f, "{name}: {value}")?;
            }
        }
        Ok(())
    }
}
