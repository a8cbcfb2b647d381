//! Relation fields: Depends, Conflicts, Provides and their kin (deb-control(5), Debian policy 7).
//!
//! ```text
//! libc6 (>= 2.38), default-mta | mail-transport-agent, python3:any, libfoo [amd64 !i386] <!nocheck>
//! ```
//!
//! Restrictions to architectures are evaluated for the architecture at hand; build profiles (`<…>`)
//! mean nothing for binary packages and are dropped. The obsolete `<` and `>` mean `<=` and `>=`, as
//! in dpkg. Trailing and doubled commas are tolerated, as in dpkg.

use kiln_types::{
    Alternatives, Classify, Comparison, Constraint, ErrorClass, PackageVersion, Provide, Relation,
};

use crate::version::Version;

/// The most relations in one field.
pub const MAX_RELATIONS: usize = 20_000;

/// Why a relation field cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset} of `{found}`")]
pub struct RelationError {
    /// What is wrong.
    pub reason: String,
    /// Where in the field's value, in bytes from 0.
    pub offset: usize,
    /// The value around that place.
    pub found: String,
}

impl Classify for RelationError {
    fn class(&self) -> ErrorClass {
        ErrorClass::Integrity
    }
}

/// Reads a field in which each entry may have alternatives: Depends, Pre-Depends, Recommends.
/// An entry that holds on other architectures only is left out.
///
/// # Errors
/// When the value is malformed or has more than [`MAX_RELATIONS`] relations.
pub fn parse_depends(value: &str, architecture: &str) -> Result<Vec<Alternatives>, RelationError> {
    let mut entries: Vec<Alternatives> = Vec::new();
    let mut open = false;
    Cursor::new(value).relations(architecture, true, &mut |relation, alternative| {
        if !alternative {
            open = false;
        }
        if let Some(relation) = relation {
            match entries.last_mut().filter(|_| open) {
                Some(entry) => entry.push(relation),
                None => entries.push(vec![relation]),
            }
            open = true;
        }
    })?;
    Ok(entries)
}

/// Reads a field of entries without alternatives: Conflicts, Breaks, Replaces.
///
/// # Errors
/// When the value is malformed, has alternatives, or has more than [`MAX_RELATIONS`] relations.
pub fn parse_relations(value: &str, architecture: &str) -> Result<Vec<Relation>, RelationError> {
    let mut relations = Vec::new();
    Cursor::new(value).relations(architecture, false, &mut |relation, _| {
        relations.extend(relation)
    })?;
    Ok(relations)
}

/// Reads a Provides field. An entry qualified with another architecture is left out.
///
/// # Errors
/// When the value is malformed, has alternatives, has a constraint other than `=`, or has more than
/// [`MAX_RELATIONS`] entries.
pub fn parse_provides(value: &str, architecture: &str) -> Result<Vec<Provide>, RelationError> {
    let mut provides = Vec::new();
    let mut wrong = None;
    Cursor::new(value).relations(architecture, false, &mut |relation, _| {
        let Some(relation) = relation else { return };
        if relation
            .qualifier
            .is_some_and(|qualifier| qualifier != "any" && qualifier != architecture)
        {
            return;
        }
        let version = match relation.constraint {
            None => None,
            Some(constraint) if constraint.comparison == Comparison::Equal => {
                Some(constraint.version)
            }
            Some(_) => {
                wrong.get_or_insert_with(|| relation.name.clone());
                return;
            }
        };
        provides.push(Provide {
            name: relation.name,
            version,
        });
    })?;
    match wrong {
        None => Ok(provides),
        Some(name) => {
            let offset = value.find(&name).unwrap_or(0);
            Err(Cursor {
                text: value,
                position: offset,
            }
            .error("only `=` can be provided"))
        }
    }
}

/// Reads one relation such as `nginx` or `libc6 (>= 2.38)`, without alternatives.
///
/// # Errors
/// When the text is not exactly one relation.
pub fn parse_relation(text: &str, architecture: &str) -> Result<Relation, RelationError> {
    let mut relations = parse_relations(text, architecture)?;
    match (relations.pop(), relations.is_empty()) {
        (Some(relation), true) => Ok(relation),
        _ => Err(Cursor::new(text).error("expected exactly one relation")),
    }
}

/// Whether an architecture restriction such as `amd64`, `any`, `linux-any` or `any-arm64` covers the
/// (Linux) architecture (Debian policy 11.1).
#[must_use]
pub fn covers(restriction: &str, architecture: &str) -> bool {
    restriction == architecture
        || matches!(restriction, "any" | "linux-any" | "any-any")
        || restriction
            .strip_prefix("any-")
            .is_some_and(|cpu| cpu == architecture)
        || restriction
            .strip_prefix("linux-")
            .is_some_and(|cpu| cpu == architecture)
}

/// A place in the value of a field.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Cursor<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// Walks over the relations. `visit` gets each (`None` for one that other architectures only
    /// have), and whether it is a further alternative of the one before.
    fn relations(
        mut self,
        architecture: &str,
        alternatives: bool,
        visit: &mut dyn FnMut(Option<Relation>, bool),
    ) -> Result<(), RelationError> {
        let mut count = 0_usize;
        let mut alternative = false;
        loop {
            self.skip_blanks();
            match self.peek() {
                Some(b',') if !alternative => {
                    self.position += 1;
                    continue;
                }
                None if !alternative => return Ok(()),
                _ => {}
            }
            let relation = self.relation(architecture)?;
            count += 1;
            if count > MAX_RELATIONS {
                return Err(self.error("too many relations"));
            }
            visit(relation, alternative);
            self.skip_blanks();
            alternative = match self.peek() {
                None => return Ok(()),
                Some(b',') => false,
                Some(b'|') if alternatives => true,
                Some(b'|') => return Err(self.error("alternatives are not allowed in this field")),
                Some(_) => return Err(self.error("expected `,` or `|`")),
            };
            self.position += 1;
        }
    }

    fn relation(&mut self, architecture: &str) -> Result<Option<Relation>, RelationError> {
        let name = self.word(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte));
        if !name
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
        {
            return Err(self.error("expected a package name"));
        }
        let mut relation = Relation {
            name: name.to_owned(),
            qualifier: None,
            constraint: None,
        };
        if self.peek() == Some(b':') {
            self.position += 1;
            let qualifier = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if qualifier.is_empty() {
                return Err(self.error("expected an architecture after `:`"));
            }
            relation.qualifier = Some(qualifier.to_owned());
        }
        self.skip_blanks();
        if self.peek() == Some(b'(') {
            self.position += 1;
            relation.constraint = Some(self.constraint()?);
            self.skip_blanks();
        }
        let mut wanted = true;
        if self.peek() == Some(b'[') {
            self.position += 1;
            wanted = self.restriction(architecture)?;
            self.skip_blanks();
        }
        while self.peek() == Some(b'<') {
            let end = self
                .rest()
                .find('>')
                .ok_or_else(|| self.error("expected `>`"))?;
            self.position += end + 1;
            self.skip_blanks();
        }
        Ok(wanted.then_some(relation))
    }

    /// What stands between `(` and `)`.
    fn constraint(&mut self) -> Result<Constraint, RelationError> {
        self.skip_blanks();
        let operator = self.word(|byte| b"<=>".contains(&byte));
        let comparison = match operator {
            "<<" => Comparison::Earlier,
            "<=" | "<" => Comparison::EarlierOrEqual,
            "=" | "" => Comparison::Equal,
            ">=" | ">" => Comparison::LaterOrEqual,
            ">>" => Comparison::Later,
            _ => return Err(self.error("expected `<<`, `<=`, `=`, `>=` or `>>`")),
        };
        self.skip_blanks();
        let text = self.word(|byte| !byte.is_ascii_whitespace() && byte != b')');
        Version::parse(text).map_err(|error| self.error(&error.to_string()))?;
        let version = PackageVersion::new(text).map_err(|error| self.error(&error.to_string()))?;
        self.skip_blanks();
        if self.peek() != Some(b')') {
            return Err(self.error("expected `)`"));
        }
        self.position += 1;
        Ok(Constraint {
            comparison,
            version,
        })
    }

    /// What stands between `[` and `]`: whether it covers the architecture.
    fn restriction(&mut self, architecture: &str) -> Result<bool, RelationError> {
        let (mut included, mut positive, mut excluded) = (false, false, false);
        loop {
            self.skip_blanks();
            let negated = self.peek() == Some(b'!');
            self.position += usize::from(negated);
            let word = self.word(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            match (word, negated) {
                ("", false) if self.peek() == Some(b']') => {
                    self.position += 1;
                    return Ok(!excluded && (included || !positive));
                }
                ("", _) => return Err(self.error("expected an architecture or `]`")),
                (word, true) => excluded |= covers(word, architecture),
                (word, false) => {
                    positive = true;
                    included |= covers(word, architecture);
                }
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.position += 1;
        }
    }

    /// The longest run of bytes that `accept` takes; it must not take parts of a character.
    fn word(&mut self, accept: fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest
            .bytes()
            .position(|byte| !accept(byte))
            .unwrap_or(rest.len());
        self.position += length;
        rest.get(..length).unwrap_or_default()
    }

    fn error(&self, reason: &str) -> RelationError {
        let from = self
            .text
            .floor_char_boundary(self.position.saturating_sub(40));
        let found = self
            .text
            .get(from..)
            .unwrap_or_default()
            .chars()
            .take(80)
            .collect();
        RelationError {
            reason: reason.to_owned(),
            offset: self.position.min(self.text.len()),
            found,
        }
    }
}

#[cfg(test)]
mod tests;
