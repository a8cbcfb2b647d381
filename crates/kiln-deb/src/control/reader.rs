//! One pass over a control file of any length.

use std::io::{self, Read};
use std::ops::Range;

use memchr::memchr;

use super::{ControlError, ControlErrorKind, Field, Limits};

/// The buffer's first size, enough for most small files.
const FIRST: usize = 8 << 10;
/// The size that the buffer grows to; it goes on for longer paragraphs only.
const BUFFER: usize = 256 << 10;

/// Reads paragraph after paragraph from a reader.
///
/// Memory stays at some hundred kilobytes, or twice the longest paragraph.
#[derive(Debug)]
pub struct StanzaReader<R> {
    input: R,
    limits: Limits,
    buffer: Vec<u8>,
    /// The part of the buffer that is read but not yet handed out.
    pending: Range<usize>,
    ended: bool,
    failed: bool,
    scan: Scan,
    /// The line of the first pending byte.
    line: u64,
    paragraphs: usize,
}

/// A paragraph, borrowed from its reader.
#[derive(Clone, Copy, Debug)]
pub struct Stanza<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
    line: u64,
}

/// A field within the bytes of a paragraph.
#[derive(Clone, Debug)]
struct Span {
    name: Range<usize>,
    value: Range<usize>,
    /// Lines from the first one of the paragraph's bytes.
    line: u64,
}

/// The fields found so far, kept between paragraphs for its memory.
#[derive(Debug, Default)]
struct Scan {
    fields: Vec<Span>,
}

/// How a scan ended.
enum Outcome {
    /// A paragraph, its length in bytes with the separator, and the lines in that.
    Stanza { length: usize, lines: u64 },
    /// The bytes end within a paragraph.
    More,
    /// There is no further paragraph.
    End,
}

impl<R: Read> StanzaReader<R> {
    /// A reader of the paragraphs in `input`.
    pub fn new(input: R, limits: Limits) -> Self {
        Self {
            input,
            limits,
            buffer: Vec::new(),
            pending: 0..0,
            ended: false,
            failed: false,
            scan: Scan::default(),
            line: 1,
            paragraphs: 0,
        }
    }

    /// The next paragraph; `None` at the end, and after an error.
    ///
    /// # Errors
    /// When reading fails, the file is malformed or a limit is passed.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator cannot lend from its buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Stanza<'_>>, ControlError> {
        if self.failed {
            return Ok(None);
        }
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some((range, line))) => {
                let bytes = self.buffer.get(range).unwrap_or_default();
                Ok(Some(Stanza {
                    bytes,
                    spans: &self.scan.fields,
                    line,
                }))
            }
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    /// Finds the next paragraph and steps over it: its place in the buffer and its line.
    fn advance(&mut self) -> Result<Option<(Range<usize>, u64)>, ControlError> {
        loop {
            let bytes = self.buffer.get(self.pending.clone()).unwrap_or_default();
            match self.scan.run(bytes, self.ended, self.line, &self.limits)? {
                Outcome::End => return Ok(None),
                Outcome::Stanza { length, lines } => {
                    self.paragraphs += 1;
                    if self.paragraphs > self.limits.paragraphs {
                        let kind = ControlErrorKind::Limit {
                            what: "paragraphs",
                            limit: self.limits.paragraphs,
                        };
                        return Err(ControlError::new(self.line, kind));
                    }
                    let start = self.pending.start;
                    let line = self.line;
                    self.pending.start += length;
                    self.line += lines;
                    return Ok(Some((start..start + length, line)));
                }
                Outcome::More => self.fill()?,
            }
        }
    }

    /// Reads until the buffer is full or the input ends, after making room.
    fn fill(&mut self) -> Result<(), ControlError> {
        let length = self.pending.len();
        if length >= self.limits.paragraph {
            let kind = ControlErrorKind::Limit {
                what: "bytes in one paragraph",
                limit: self.limits.paragraph,
            };
            return Err(ControlError::new(self.line, kind));
        }
        self.buffer.copy_within(self.pending.clone(), 0);
        self.pending = 0..length;
        let steady = (self.buffer.len() * 2).clamp(FIRST, BUFFER);
        let size = steady.max((length * 2).min(self.limits.paragraph));
        if self.buffer.len() < size {
            self.buffer.resize(size, 0);
        }
        while !self.ended {
            let room = self.buffer.get_mut(self.pending.end..).unwrap_or_default();
            if room.is_empty() {
                break;
            }
            match self.input.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => self.pending.end += count.min(room.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(ControlError::new(self.line, ControlErrorKind::Read(error)));
                }
            }
        }
        Ok(())
    }
}

impl Scan {
    /// Finds one paragraph at the start of `bytes`. `ended` says that nothing follows them.
    fn run(
        &mut self,
        bytes: &[u8],
        ended: bool,
        first_line: u64,
        limits: &Limits,
    ) -> Result<Outcome, ControlError> {
        self.fields.clear();
        let mut position = 0;
        let mut lines = 0;
        while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
            let (line, next) = match memchr(b'\n', rest) {
                Some(end) => (rest.get(..end).unwrap_or_default(), position + end + 1),
                None if ended => (rest, bytes.len()),
                None => return Ok(Outcome::More),
            };
            let error = |kind| ControlError::new(first_line + lines, kind);
            match line.first() {
                Some(b' ' | b'\t' | b'\r') | None => {
                    let content = line.trim_ascii_end();
                    if content.is_empty() {
                        if !self.fields.is_empty() {
                            return Ok(Outcome::Stanza {
                                length: next,
                                lines: lines + 1,
                            });
                        }
                    } else if let Some(field) = self.fields.last_mut() {
                        field.value.end = position + content.len();
                    } else {
                        return Err(error(ControlErrorKind::Continuation));
                    }
                }
                Some(b'#') => {}
                Some(_) => {
                    let Some(colon) = memchr(b':', line) else {
                        return Err(error(ControlErrorKind::NoField(shortened(line))));
                    };
                    let (name, value) = line.split_at(colon);
                    if !is_field_name(name) {
                        return Err(error(ControlErrorKind::Name(shortened(name))));
                    }
                    let is_this = |earlier: &Span| {
                        earlier.name.len() == name.len()
                            && bytes
                                .get(earlier.name.clone())
                                .is_some_and(|earlier| earlier.eq_ignore_ascii_case(name))
                    };
                    if self.fields.iter().any(is_this) {
                        return Err(error(ControlErrorKind::Duplicate(shortened(name))));
                    }
                    if self.fields.len() >= limits.fields {
                        let kind = ControlErrorKind::Limit {
                            what: "fields in one paragraph",
                            limit: limits.fields,
                        };
                        return Err(error(kind));
                    }
                    let value = value.get(1..).unwrap_or_default().trim_ascii_start();
                    // Where nothing follows the colon, the value begins with the line break.
                    let start = position + line.len() - value.len();
                    let end = start + value.trim_ascii_end().len();
                    self.fields.push(Span {
                        name: position..position + colon,
                        value: start..end,
                        line: lines,
                    });
                }
            }
            position = next;
            lines += 1;
            if position > limits.paragraph && !self.fields.is_empty() {
                let kind = ControlErrorKind::Limit {
                    what: "bytes in one paragraph",
                    limit: limits.paragraph,
                };
                return Err(ControlError::new(first_line, kind));
            }
        }
        Ok(match (ended, self.fields.is_empty()) {
            (false, _) => Outcome::More,
            (true, false) => Outcome::Stanza {
                length: bytes.len(),
                lines,
            },
            (true, true) => Outcome::End,
        })
    }
}

/// deb822(5): US-ASCII without control characters, blanks and colons, not beginning with `#` or `-`.
fn is_field_name(name: &[u8]) -> bool {
    name.first().is_some_and(|&first| first != b'-')
        && name
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b':')
}

/// A stretch of bytes for an error message.
fn shortened(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes))
        .escape_debug()
        .collect()
}

impl<'a> Stanza<'a> {
    /// The line of the paragraph's first field, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line + self.spans.first().map_or(0, |span| span.line)
    }

    /// The fields in order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let (bytes, line) = (self.bytes, self.line);
        self.spans.iter().map(move |span| Field {
            name: bytes
                .get(span.name.clone())
                .and_then(|name| std::str::from_utf8(name).ok())
                .unwrap_or_default(),
            raw: bytes.get(span.value.clone()).unwrap_or_default(),
            line: line + span.line,
        })
    }

    /// The field of this name; case does not count.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.fields()
            .find(|field| field.name.eq_ignore_ascii_case(name))
    }
}
