//! The bytes of `ld.so.cache` (`sysdeps/generic/dl-cache.h`, `elf/cache.c` of glibc 2.41), in the
//! new format only, little-endian: a header, the entries, the string table, and an extension
//! directory with the names of `glibc-hwcaps` subdirectories and of the generator.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
const HEADER: usize = 48;
const ENTRY: usize = 24;
const LITTLE_ENDIAN: u32 = 2;
/// Marks the capability field of libraries below `glibc-hwcaps`; bits 32 to 41 are the ISA level.
const CAPABILITY: u64 = 1 << 62;

/// One line of the cache.
pub(super) struct Cached {
    pub(super) path: String,
    pub(super) soname: String,
    pub(super) flags: u32,
    pub(super) isa_level: u32,
    /// The `glibc-hwcaps` subdirectory.
    pub(super) capability: Option<String>,
}

/// The whole file. `known` names the `glibc-hwcaps` subdirectories that were searched: the string
/// table has those too in which nothing was found.
pub(super) fn write_cache(
    mut cached: Vec<Cached>,
    known: &BTreeSet<&str>,
    generator: &str,
    signed: bool,
) -> Vec<u8> {
    cached.sort_by(|left, right| compare(left, right, signed));
    let capabilities: BTreeSet<&str> = cached
        .iter()
        .filter_map(|line| line.capability.as_deref())
        .collect();
    let mut strings = known.clone();
    for line in &cached {
        strings.extend([line.path.as_str(), line.soname.as_str()]);
    }
    let (table, offsets) = string_table(strings);
    let start = HEADER + cached.len() * ENTRY;
    let offset = |text: &str| number(start + offsets.get(text).copied().unwrap_or(0));
    let extension = (start + table.len()).next_multiple_of(4);

    let mut bytes = MAGIC.to_vec();
    for value in [
        number(cached.len()),
        number(table.len()),
        LITTLE_ENDIAN,
        number(extension),
        0,
        0,
        0,
    ] {
        bytes.extend(value.to_le_bytes());
    }
    for line in &cached {
        let capability = line.capability.as_deref().map_or(0, |name| {
            let index = capabilities
                .iter()
                .position(|other| *other == name)
                .unwrap_or(0);
            CAPABILITY | u64::from(line.isa_level) << 32 | index as u64
        });
        for value in [line.flags, offset(&line.soname), offset(&line.path), 0] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(capability.to_le_bytes());
    }
    bytes.extend(table);
    bytes.resize(extension, 0);

    // Where the data of the sections lies. glibc places the capabilities after room for two
    // sections, and the generator after one or two, as many as there are.
    let sections = if capabilities.is_empty() { 1 } else { 2 };
    let names = extension + 8 + 2 * 16;
    let generator_at = extension + 8 + sections * 16 + capabilities.len() * 4;
    let mut directory = vec![
        EXTENSION_MAGIC,
        number(sections),
        0,
        0,
        number(generator_at),
        number(generator.len()),
    ];
    if !capabilities.is_empty() {
        directory.extend([1, 0, number(names), number(capabilities.len() * 4)]);
        directory.extend(capabilities.iter().map(|name| offset(name)));
    }
    bytes.extend(directory.into_iter().flat_map(u32::to_le_bytes));
    bytes.extend(generator.as_bytes());
    bytes
}

/// The format has 32 bits; limits on libraries and path lengths keep everything far below.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Later names first; then larger flags; then libraries below `glibc-hwcaps`, by its name.
fn compare(left: &Cached, right: &Cached, signed: bool) -> Ordering {
    compare_names(&right.soname, &left.soname, signed)
        .then_with(|| right.flags.cmp(&left.flags))
        .then_with(|| match (&left.capability, &right.capability) {
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (left, right) => left.cmp(right),
        })
}

/// `_dl_cache_libcmp`: runs of digits compare as numbers and come after every other byte.
pub(super) fn compare_names(left: &str, right: &str, signed: bool) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    let byte = |bytes: &[u8]| {
        let byte = bytes.first().copied().unwrap_or(0);
        if signed {
            i16::from(byte.cast_signed())
        } else {
            i16::from(byte)
        }
    };
    while let Some(first) = left.first() {
        let other = right.first().copied().unwrap_or(0);
        match (first.is_ascii_digit(), other.is_ascii_digit()) {
            (true, true) => {
                let (value, rest) = digits(left);
                let (other, other_rest) = digits(right);
                if value != other {
                    return value.cmp(&other);
                }
                (left, right) = (rest, other_rest);
            }
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {
                if *first != other {
                    return byte(left).cmp(&byte(right));
                }
                (left, right) = (
                    left.get(1..).unwrap_or_default(),
                    right.get(1..).unwrap_or_default(),
                );
            }
        }
    }
    byte(left).cmp(&byte(right))
}

/// The number at the front, as large as it may be (glibc's `int` overflows, which nobody needs).
fn digits(bytes: &[u8]) -> (u64, &[u8]) {
    let count = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (number, rest) = bytes.split_at(count);
    (
        number.iter().fold(0u64, |value, digit| {
            value
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        }),
        rest,
    )
}

/// `elf/stringtable.c`: NUL-terminated strings in falling order of their reversals, one that ends
/// another sharing its tail.
fn string_table(strings: BTreeSet<&str>) -> (Vec<u8>, BTreeMap<&str, usize>) {
    let mut order: Vec<&str> = strings.into_iter().collect();
    order.sort_by(|left, right| right.bytes().rev().cmp(left.bytes().rev()));
    let mut table = Vec::new();
    let mut offsets = BTreeMap::new();
    let mut previous: Option<(&str, usize)> = None;
    for string in order {
        let offset = match previous {
            Some((longer, at)) if longer.ends_with(string) => at + longer.len() - string.len(),
            _ => {
                let at = table.len();
                table.extend(string.as_bytes());
                table.push(0);
                at
            }
        };
        offsets.insert(string, offset);
        previous = Some((string, offset));
    }
    (table, offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_with_numbers() {
        // The rows of glibc's tst-ldconfig-ld_so_conf-update and of apko's libcmp table.
        for (left, right, expected) in [
            ("libfoo.so.9", "libfoo.so.10", Ordering::Less),
            ("libfoo.so.10", "libfoo.so.9", Ordering::Greater),
            ("libfoo.so.1", "libfoo.so.01", Ordering::Equal),
            ("libfoo.so.1", "libfoo.so", Ordering::Greater),
            ("libfoo.so", "libfoo.so.1", Ordering::Less),
            ("liba", "libb", Ordering::Less),
            ("lib1", "liba", Ordering::Greater),
            ("", "", Ordering::Equal),
            ("", "a", Ordering::Less),
        ] {
            assert_eq!(compare_names(left, right, true), expected, "{left} {right}");
            assert_eq!(
                compare_names(right, left, true),
                expected.reverse(),
                "{right} {left}"
            );
        }
        assert_eq!(compare_names("libé", "liba", true), Ordering::Less);
        assert_eq!(compare_names("libé", "liba", false), Ordering::Greater);
    }

    #[test]
    fn strings_share_tails() {
        let (table, offsets) =
            string_table(BTreeSet::from(["/lib/libz.so.1", "libz.so.1", "libx.so.1"]));
        assert_eq!(table, b"/lib/libz.so.1\0libx.so.1\0");
        assert_eq!(offsets["libz.so.1"], 5);
    }

    proptest::proptest! {
        #[test]
        fn the_order_is_total(a in "[ab09.é]{0,6}", b in "[ab09.é]{0,6}", c in "[ab09.é]{0,6}") {
            let mut names = [a, b, c];
            names.sort_by(|left, right| compare_names(left, right, true));
            assert!(compare_names(&names[0], &names[1], true).is_le());
            assert!(compare_names(&names[1], &names[2], true).is_le());
            assert!(compare_names(&names[0], &names[2], true).is_le());
        }
    }
}
