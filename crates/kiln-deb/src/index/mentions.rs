//! The order in which the indexes first mention names.
//!
//! apt's package cache gives every name a number when it first meets it, be it as a package or in a
//! relation of one, and its solver breaks ties between providers by that number
//! (`apt-pkg/pkgcachegen.cc`, `apt-pkg/deb/deblistparser.cc`). The names are numbered here in the
//! same order: stanza by stanza, the package first, then its relations field by field
//! ([`Fields::mention`](super::fields::Fields::mention)), also those that a record does not keep.
//!
//! Nothing here is checked: of a malformed relation only what stands for its name counts.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use memchr::{memchr, memchr2_iter};

/// The most names that are numbered. Debian 13 has 145,000.
const MAX_NAMES: usize = 1 << 20;

/// Names with their numbers.
///
/// One stretch of text instead of a key for each name: that is faster, and many small allocations
/// would leave the heap in pieces for what comes next.
#[derive(Debug, Default)]
pub(super) struct Mentions {
    /// The first name of each hash.
    first: HashMap<u64, u32>,
    /// By number.
    names: Vec<Text>,
    texts: Vec<u8>,
}

/// A name in the texts.
#[derive(Clone, Copy, Debug)]
struct Text {
    start: usize,
    length: usize,
    /// The number of the next name of the same hash.
    next: Option<u32>,
}

impl Mentions {
    /// The number of a name, which may be a new one; `None` when there are too many.
    pub(super) fn name(&mut self, name: &str) -> Option<u32> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        self.hashed(name, hasher.finish())
    }

    fn hashed(&mut self, name: &str, hash: u64) -> Option<u32> {
        let mut place = self.first.get(&hash).copied();
        let mut last = None;
        while let Some(number) = place {
            let text = self.names.get(number as usize)?;
            if self.texts.get(text.start..text.start + text.length) == Some(name.as_bytes()) {
                return Some(number);
            }
            last = place;
            place = text.next;
        }
        let number = u32::try_from(self.names.len())
            .ok()
            .filter(|_| self.names.len() < MAX_NAMES)?;
        self.names.push(Text {
            start: self.texts.len(),
            length: name.len(),
            next: None,
        });
        self.texts.extend(name.as_bytes());
        match last.and_then(|last| self.names.get_mut(last as usize)) {
            Some(last) => last.next = Some(number),
            None => {
                self.first.insert(hash, number);
            }
        }
        Some(number)
    }

    /// Numbers the names in a relation field; `None` when there are too many. A name for another
    /// architecture, or for any, is another name to apt.
    pub(super) fn relations(&mut self, value: &str, architecture: &str) -> Option<()> {
        let separators = memchr2_iter(b',', b'|', value.as_bytes());
        let mut start = 0;
        for end in separators.chain([value.len()]) {
            let relation = value.get(start..end).unwrap_or_default();
            start = end + 1;
            let relation = relation.trim_ascii_start();
            let is_end = |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'(' | b'[' | b'<');
            let end = relation.bytes().position(is_end);
            let word = end.map_or(relation, |end| relation.get(..end).unwrap_or_default());
            let (name, qualifier) = match memchr(b':', word.as_bytes()) {
                Some(colon) => word.split_at(colon),
                None => (word, ""),
            };
            let native = match qualifier.strip_prefix(':') {
                Some(qualifier) => qualifier == architecture || qualifier == "native",
                None => true,
            };
            if native && !name.is_empty() {
                self.name(name)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_as_they_come() {
        let mut mentions = Mentions::default();
        assert_eq!(mentions.name("a"), Some(0));
        for value in [
            "b (>= 1),c|d[arm64]\n , e <!nocheck>,\n f(<<2) | a",
            "g:any, h:amd64 (= 1), i:arm64, j:native",
            "",
            " , | (= 1), :amd64, k",
        ] {
            assert_eq!(mentions.relations(value, "amd64"), Some(()));
        }
        let names: Vec<_> = mentions
            .names
            .iter()
            .map(|text| &mentions.texts[text.start..text.start + text.length])
            .map(|text| std::str::from_utf8(text).unwrap())
            .collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f", "h", "j", "k"]);
    }

    #[test]
    fn names_of_one_hash_are_kept_apart() {
        let mut mentions = Mentions::default();
        for _ in 0..2 {
            for (number, name) in (0..).zip(["a", "ab", "", "c"]) {
                assert_eq!(mentions.hashed(name, 7), Some(number), "{name}");
            }
        }
        assert_eq!(mentions.hashed("a", 8), Some(4));
    }

    #[test]
    fn too_many_names_are_refused_and_known_ones_still_found() {
        let mut mentions = Mentions::default();
        for number in 0..MAX_NAMES {
            assert!(mentions.name(&number.to_string()).is_some(), "{number}");
        }
        assert_eq!(mentions.name("one-more"), None);
        assert_eq!(mentions.relations("1, one-more", "amd64"), None);
        assert_eq!(mentions.relations("1, 2 | 3", "amd64"), Some(()));
        assert_eq!(mentions.name("17"), Some(17));
    }
}
