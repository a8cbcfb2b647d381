//! A map in which no key stands twice. JSON leaves open which of two counts (RFC 8259, 4), and a feed
//! that says two things about one vulnerability says neither: that is an error of the feed.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// The map. An empty list stands for an empty one, as some feeds write it.
#[derive(Debug)]
pub(super) struct Unique<T>(pub(super) BTreeMap<String, T>);

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Unique<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map, or an empty list in its place")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Unique<T>, M::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if entries.contains_key(&key) {
                return Err(M::Error::custom(format!("`{key}` stands there twice")));
            }
            let value = map.next_value()?;
            entries.insert(key, value);
        }
        Ok(Unique(entries))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Unique<T>, S::Error> {
        match list.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(Unique::default()),
            Some(_) => Err(S::Error::custom("a map is expected, and there is a list")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_there_once() {
        let read = |text: &str| serde_json::from_str::<Unique<u8>>(text);
        assert_eq!(read(r#"{"a":1,"b":2}"#).unwrap().0.len(), 2);
        assert_eq!(read("[]").unwrap().0.len(), 0);
        for (text, reason) in [
            (r#"{"a":1,"b":2,"a":1}"#, "`a` stands there twice"),
            (r#"{"\u0061":1,"a":2}"#, "`a` stands there twice"),
            ("[1]", "a map is expected"),
            ("1", "a map, or an empty list"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
