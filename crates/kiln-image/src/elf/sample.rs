//! Tiny ELF files, for tests: headers, one loaded segment, a dynamic section and notes.

/// What a sample holds.
pub(crate) struct Sample<'a> {
    pub(crate) machine: u16,
    /// 2 for programs at a fixed address, 3 for shared objects.
    pub(crate) kind: u16,
    pub(crate) soname: Option<&'a str>,
    pub(crate) needed: &'a [&'a str],
    pub(crate) runpath: Option<&'a str>,
    pub(crate) interpreter: Option<&'a str>,
    pub(crate) isa_needed: u32,
}

impl Default for Sample<'_> {
    fn default() -> Self {
        Self {
            machine: 62,
            kind: 3,
            soname: None,
            needed: &[],
            runpath: None,
            interpreter: None,
            isa_needed: 0,
        }
    }
}

impl Sample<'_> {
    /// A 64-bit little-endian file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        const BASE: u64 = 0x1000;
        let mut strings = vec![0];
        let mut dynamic: Vec<(u64, u64)> = Vec::new();
        let mut add = |tag: u64, text: &str| {
            dynamic.push((tag, strings.len() as u64));
            strings.extend(text.as_bytes());
            strings.push(0);
        };
        self.needed.iter().for_each(|name| add(1, name));
        self.soname.iter().for_each(|name| add(14, name));
        self.runpath.iter().for_each(|path| add(29, path));
        let interpreter: Vec<u8> = self
            .interpreter
            .map_or(Vec::new(), |path| path.bytes().chain([0]).collect());
        let mut property = Vec::new();
        for value in [
            4u32,
            16,
            5,
            u32::from_le_bytes(*b"GNU\0"),
            0xc000_8002,
            4,
            self.isa_needed,
            0,
        ] {
            property.extend(value.to_le_bytes());
        }
        let tag: Vec<u8> = [4u32, 16, 1, u32::from_le_bytes(*b"GNU\0"), 0, 3, 2, 0]
            .map(u32::to_le_bytes)
            .concat();

        let start = 64 + 5 * 56;
        let strings_at = start;
        let dynamic_at = (strings_at + strings.len()).next_multiple_of(8);
        let dynamic_size = (dynamic.len() + 2) * 16;
        let property_at = dynamic_at + dynamic_size;
        let tag_at = property_at + property.len();
        let interpreter_at = tag_at + tag.len();
        let end = interpreter_at + interpreter.len();
        dynamic.push((5, BASE + strings_at as u64));
        dynamic.push((0, 0));

        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(16, 0);
        bytes.extend([self.kind.to_le_bytes(), self.machine.to_le_bytes()].concat());
        bytes.extend(1u32.to_le_bytes());
        for value in [0u64, 64, 0] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(0u32.to_le_bytes());
        for value in [64u16, 56, 5, 64, 0, 0] {
            bytes.extend(value.to_le_bytes());
        }
        for (kind, offset, size, align) in [
            (1u32, 0, end, 4096),
            (2, dynamic_at, dynamic_size, 8),
            (0x6474_e553, property_at, property.len(), 8),
            (4, tag_at, tag.len(), 4),
            (
                if interpreter.is_empty() { 0 } else { 3 },
                interpreter_at,
                interpreter.len(),
                1,
            ),
        ] {
            let (offset, size): (u64, u64) = (offset as u64, size as u64);
            bytes.extend(kind.to_le_bytes());
            bytes.extend(4u32.to_le_bytes());
            for value in [offset, BASE + offset, BASE + offset, size, size, align] {
                bytes.extend(value.to_le_bytes());
            }
        }
        bytes.extend(strings);
        bytes.resize(dynamic_at, 0);
        bytes.extend(
            dynamic
                .into_iter()
                .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()])
                .flatten(),
        );
        bytes.extend([property, tag, interpreter].concat());
        bytes
    }
}
