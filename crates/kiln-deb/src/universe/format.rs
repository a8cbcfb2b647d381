//! The universe file: the layout that [`crate::index`] writes and [`super::DebUniverse`] reads.
//!
//! ```text
//! header    MAGIC, VERSION
//! records   one after the other, in the order in which the indexes named them
//! tables    sources, record table, name table, provider list, name texts
//! footer    the sizes of all that
//! ```
//!
//! All numbers are little-endian. The tables and the footer come last so that the records can be
//! written while the indexes are read. The record table is sorted by name and then by preference,
//! and a package's id is its place in it; the name table is sorted by name and holds real and
//! virtual names. Each entry of the name table names the first record and the first provider of its
//! name; the next entry ends both, and a last entry without a name closes the table.

use kiln_types::{FormatError, FormatErrorKind};

/// What the file begins with.
pub(crate) const MAGIC: [u8; 12] = *b"kiln-deb-uni";
/// What the file ends with.
pub(crate) const END: [u8; 8] = *b"kiln-end";
/// The version of this layout; a reader takes no other.
pub(crate) const VERSION: u32 = 2;
/// The length of the header: magic and version.
pub(crate) const HEADER: usize = 16;
/// The length of the footer.
pub(crate) const FOOTER: usize = 48;
/// The length of an entry of the record table: offset, length, source, and the place of the name in
/// the order of mention.
pub(crate) const RECORD_ENTRY: usize = 16;
/// The length of an entry of the name table: text offset, first record, first provider.
pub(crate) const NAME_ENTRY: usize = 12;
/// The longest record in bytes.
pub(crate) const MAX_RECORD: usize = 8 << 20;

/// The end of the file: where the tables begin and how long each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Footer {
    /// The offset of the tables, which is the end of the records.
    pub(crate) tables: u64,
    /// The length of the source table in bytes.
    pub(crate) sources: u32,
    /// The number of records.
    pub(crate) records: u32,
    /// The number of names, without the closing entry.
    pub(crate) names: u32,
    /// The number of entries of the provider list.
    pub(crate) providers: u32,
    /// The length of the name texts in bytes.
    pub(crate) texts: u32,
}

impl Footer {
    /// The bytes of the footer.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FOOTER);
        bytes.extend(self.tables.to_le_bytes());
        for number in [
            self.sources,
            self.records,
            self.names,
            self.providers,
            self.texts,
            VERSION,
        ] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(FOOTER - END.len(), 0);
        bytes.extend(END);
        bytes
    }

    /// Reads the footer; `None` when it is none, or one of another version.
    pub(crate) fn decode(bytes: &[u8; FOOTER]) -> Option<Self> {
        let mut input = Decoder::new(bytes);
        let tables = u64::from_le_bytes(input.array()?);
        let mut next = || input.array().map(u32::from_le_bytes);
        let footer = Self {
            tables,
            sources: next()?,
            records: next()?,
            names: next()?,
            providers: next()?,
            texts: next()?,
        };
        (next()? == VERSION && bytes.ends_with(&END)).then_some(footer)
    }

    /// The length of all tables together.
    pub(crate) fn tables_length(&self) -> u64 {
        u64::from(self.sources)
            + u64::from(self.records) * RECORD_ENTRY as u64
            + (u64::from(self.names) + 1) * NAME_ENTRY as u64
            + u64::from(self.providers) * 4
            + u64::from(self.texts)
    }
}

/// An index that the records came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) archive: String,
    pub(crate) suite: String,
    pub(crate) priority: i32,
}

/// Writes the source table: the architecture, then the sources.
pub(crate) fn encode_sources(architecture: &str, sources: &[Source]) -> Vec<u8> {
    let mut out = Encoder::default();
    out.text(architecture);
    for source in sources {
        out.text(&source.archive);
        out.text(&source.suite);
        out.bytes.extend(source.priority.to_le_bytes());
    }
    out.bytes
}

/// Reads the source table.
pub(crate) fn decode_sources(bytes: &[u8]) -> Option<(String, Vec<Source>)> {
    let mut input = Decoder::new(bytes);
    let architecture = input.text()?.to_owned();
    let mut sources = Vec::new();
    while !input.is_empty() {
        sources.push(Source {
            archive: input.text()?.to_owned(),
            suite: input.text()?.to_owned(),
            priority: i32::from_le_bytes(input.array()?),
        });
    }
    Some((architecture, sources))
}

/// Appends numbers and texts.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    pub(crate) bytes: Vec<u8>,
}

impl Encoder {
    /// A number in groups of seven bits, the lowest first; the top bit says that more follow.
    pub(crate) fn number(&mut self, mut number: u64) {
        loop {
            let group = number.to_le_bytes()[0] & 0x7f;
            number >>= 7;
            if number == 0 {
                self.bytes.push(group);
                return;
            }
            self.bytes.push(group | 0x80);
        }
    }

    /// A text behind its length.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }
}

/// Takes numbers and texts off the front; `None` when there are not enough bytes or they are no such
/// thing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*array)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                return None;
            }
            number |= group << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }
}

/// A limit of this format that was passed.
pub(crate) fn too_large(subject: &str, what: &str) -> FormatError {
    FormatError::new(
        FormatErrorKind::Limit,
        subject,
        format!("{what} too large for a universe file"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_round_trip() {
        let numbers = [
            0,
            1,
            127,
            128,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ];
        let mut out = Encoder::default();
        for number in numbers {
            out.number(number);
            out.text("é");
        }
        let mut input = Decoder::new(&out.bytes);
        for number in numbers {
            assert_eq!(input.number(), Some(number));
            assert_eq!(input.text(), Some("é"));
        }
        assert!(input.is_empty());
    }

    #[test]
    fn numbers_and_texts_that_lie() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0xff; 9],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
        ] {
            assert_eq!(Decoder::new(bytes).number(), None, "{bytes:?}");
        }
        for bytes in [
            &[2, b'a'][..],
            &[1, 0xff],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ] {
            assert_eq!(Decoder::new(bytes).text(), None, "{bytes:?}");
        }
    }

    #[test]
    fn footers_round_trip_and_other_versions_are_refused() {
        let footer = Footer {
            tables: 1 << 40,
            sources: 1,
            records: 2,
            names: 3,
            providers: 4,
            texts: 5,
        };
        let bytes: [u8; FOOTER] = footer.encode().try_into().unwrap();
        assert_eq!(Footer::decode(&bytes), Some(footer));
        for place in [28, FOOTER - 1] {
            let mut other = bytes;
            other[place] ^= 1;
            assert_eq!(Footer::decode(&other), None, "{place}");
        }
    }
}
