//! Tar headers, ar members and compressed streams that nobody's tools would write.

use std::io::Write as _;

use crate::archive::{Compression, ar};

/// The zeros that end a tar archive.
pub(super) const END: [u8; 1_024] = [0; 1_024];

const WHY: &str = "writing to memory does not fail";

/// A tar header, field by field.
#[derive(Clone)]
pub(super) struct Header([u8; 512]);

impl Header {
    /// A GNU header of root's with mode 0644 and this size.
    pub(super) fn new(path: &str, flag: u8, size: u64) -> Self {
        let mut header = Self([0; 512]);
        header.put(0, path.as_bytes());
        header.put(100, b"0000644\0");
        header.put(108, b"0000000\0");
        header.put(116, b"0000000\0");
        header.put(124, format!("{size:011o}\0").as_bytes());
        header.put(136, b"14725470400\0");
        header.put(156, &[flag]);
        header.put(257, b"ustar  \0");
        header
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// The same with other bytes at a place.
    pub(super) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.put(at, bytes);
        self
    }

    /// The same with a link target.
    pub(super) fn link(self, target: &str) -> Self {
        self.with(157, target.as_bytes())
    }

    /// The block, with the checksum that fits.
    pub(super) fn block(mut self) -> Vec<u8> {
        self.put(148, b"        ");
        let sum: u32 = self.0.iter().map(|&byte| u32::from(byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
        self.0.to_vec()
    }
}

/// Content, filled to whole blocks.
pub(super) fn blocks(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(content.len().next_multiple_of(512), 0);
    bytes
}

/// A header with its content.
pub(super) fn entry(path: &str, flag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Header::new(path, flag, content.len() as u64).block();
    bytes.extend(blocks(content));
    bytes
}

/// A file whose path may be longer than a header holds (GNU's way).
pub(super) fn long(path: &str, flag: u8, content: &[u8]) -> Vec<u8> {
    let mut name = path.as_bytes().to_vec();
    name.push(0);
    let mut bytes = entry("././@LongLink", b'L', &name);
    bytes.extend(entry(&path[..path.len().min(99)], flag, content));
    bytes
}

/// A PAX header of these records (`x` for the next entry, `g` for all).
pub(super) fn pax(flag: u8, records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        content.extend_from_slice(format!("{length} {key}=").as_bytes());
        content.extend_from_slice(value);
        content.push(b'\n');
    }
    entry("PaxHeaders/x", flag, &content)
}

/// An archive of these pieces, ended as it should be.
pub(super) fn ended(pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = pieces.concat();
    bytes.extend(END);
    bytes
}

/// Very many empty files, `./many/0000000` and so on, compressed as they are made.
pub(super) fn many_entries(count: u32) -> Vec<u8> {
    let mut out = zstd::Encoder::new(Vec::new(), 1).expect(WHY);
    let mut block = Header::new("./many/0000000", b'0', 0).block();
    // The sum changes by what the digits change: adding up half a gigabyte takes long.
    let base: u32 = block[..148]
        .iter()
        .chain(&block[156..])
        .map(|&byte| u32::from(byte))
        .sum::<u32>()
        + 8 * u32::from(b' ')
        - 7 * u32::from(b'0');
    for number in 0..count {
        let digits = format!("{number:07}");
        block[7..14].copy_from_slice(digits.as_bytes());
        let sum = base + digits.bytes().map(u32::from).sum::<u32>();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.write_all(&block).expect(WHY);
    }
    out.write_all(&END).expect(WHY);
    out.finish().expect(WHY)
}

/// `piece`, and behind it the same bytes over and over until `length` bytes were given, compressed:
/// streams, members or frames behind each other are one content.
pub(super) fn bomb(compression: Compression, first: &[u8], piece: &[u8], length: usize) -> Vec<u8> {
    let many = piece.repeat((32 << 20) / piece.len());
    let compressed = compression.apply(&many);
    let mut bytes = compression.apply(first);
    for _ in 0..length.div_ceil(many.len()) {
        bytes.extend_from_slice(&compressed);
    }
    bytes
}

/// Bytes in which nothing repeats, the same each time.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A package of these members.
pub(super) fn deb(members: &[(&str, &[u8])]) -> Vec<u8> {
    ar(members, 1_767_225_600)
}
