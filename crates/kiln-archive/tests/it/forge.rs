//! Forges tar archives block by block, right and wrong ones.

use kiln_archive::tar::{Entry, Reader};
use kiln_archive::{ArchiveError, Limits};

/// One header with all fields as given; `sum` makes it valid.
#[derive(Clone)]
pub(crate) struct Forged(pub(crate) [u8; 512]);

impl Forged {
    /// A ustar header.
    pub(crate) fn new(name: &str, flag: u8, size: u64) -> Self {
        let mut header = Self([0; 512]);
        header
            .put(0, name.as_bytes())
            .put(100, b"0000644\0")
            .put(108, b"0000000\0");
        header
            .put(116, b"0000000\0")
            .put(124, format!("{size:011o}\0").as_bytes());
        header
            .put(136, b"00000000000\0")
            .put(156, &[flag])
            .put(257, b"ustar\x0000");
        header
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.put(at, bytes);
        self
    }

    pub(crate) fn sum(mut self) -> Vec<u8> {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0.to_vec()
    }
}

/// Content, filled to whole blocks.
pub(crate) fn blocks(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

/// A header with its content.
pub(crate) fn entry(name: &str, flag: u8, content: &[u8]) -> Vec<u8> {
    [
        Forged::new(name, flag, content.len() as u64).sum(),
        blocks(content),
    ]
    .concat()
}

/// A PAX header of these records.
pub(crate) fn pax(flag: u8, records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..)
            .find(|length| rest + length.to_string().len() == *length)
            .unwrap();
        content.extend_from_slice(format!("{length} {key}=").as_bytes());
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    entry("PaxHeaders/x", flag, &content)
}

pub(crate) const END: [u8; 1024] = [0; 1024];

/// Reads everything: entries with their content.
pub(crate) fn read_all(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, ArchiveError> {
    read_with(bytes, &Limits::default())
}

pub(crate) fn read_with(
    bytes: &[u8],
    limits: &Limits,
) -> Result<Vec<(Entry, Vec<u8>)>, ArchiveError> {
    let mut reader = Reader::new(bytes, limits);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        let mut content = Vec::new();
        reader.content().read_to_end(&mut content)?;
        assert_eq!(content.len() as u64, entry.size);
        entries.push((entry, content));
    }
    assert!(reader.next()?.is_none(), "an archive ends once");
    Ok(entries)
}

/// Reads only the headers, and skips all content.
pub(crate) fn list(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
    let mut reader = Reader::new(bytes, &Limits::default());
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        entries.push(entry);
    }
    Ok(entries)
}

/// Bytes that compress like text and programs do, the same everywhere.
pub(crate) fn sample(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: Vec<Vec<u8>> = (0..400)
        .map(|_| {
            (0..2 + next() % 9)
                .map(|_| b'a' + (next() % 26) as u8)
                .collect()
        })
        .collect();
    let mut bytes = Vec::with_capacity(length + 16);
    while bytes.len() < length {
        match next() % 8 {
            0 => bytes.extend_from_slice(&next().to_le_bytes()),
            1 => bytes.extend_from_slice(&[0; 6]),
            _ => bytes.extend_from_slice(&words[(next() % 400) as usize]),
        }
        bytes.push(b' ');
    }
    bytes.truncate(length);
    bytes
}
