//! Small files by name in JSON: as text where they are text, which nearly all are, and otherwise as
//! numbers. Numbers alone would be four times as long, and slow to read in every build.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<S: Serializer>(
    members: &BTreeMap<String, Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(members.iter().map(|(name, bytes)| (name, Borrowed(bytes))))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<u8>>, D::Error> {
    let members = BTreeMap::<String, Owned>::deserialize(deserializer)?;
    Ok(members
        .into_iter()
        .map(|(name, Owned(bytes))| (name, bytes))
        .collect())
}

struct Borrowed<'a>(&'a [u8]);

impl Serialize for Borrowed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_seq(self.0),
        }
    }
}

struct Owned(Vec<u8>);

impl<'de> Deserialize<'de> for Owned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrNumbers)
    }
}

struct TextOrNumbers;

impl<'de> Visitor<'de> for TextOrNumbers {
    type Value = Owned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or a list of bytes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Owned, E> {
        Ok(Owned(text.as_bytes().to_vec()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Owned, E> {
        Ok(Owned(text.into_bytes()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Owned, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = list.next_element()? {
            bytes.push(byte);
        }
        Ok(Owned(bytes))
    }
}

#[cfg(test)]
mod tests {
    use crate::Control;

    fn control(content: &[u8]) -> Control {
        let mut control = Control::default();
        control
            .members
            .insert("postinst".to_owned(), content.to_vec());
        control
    }

    #[test]
    fn text_is_text_and_anything_else_comes_back_too() {
        for content in [&b"#!/bin/sh\n\"quoted\"\n"[..], b"", b"\xff\x00\xfe"] {
            let control = control(content);
            let json = serde_json::to_string(&control).unwrap();
            assert_eq!(json.contains("[255,0,254]"), content.contains(&0xff));
            assert_eq!(serde_json::from_str::<Control>(&json).unwrap(), control);
        }
    }

    #[test]
    fn lists_of_numbers_are_read_whatever_they_mean() {
        let json = serde_json::to_string(&control(b"text")).unwrap();
        let listed = json.replace("\"text\"", "[116,101,120,116]");
        assert_ne!(listed, json);
        assert_eq!(
            serde_json::from_str::<Control>(&listed).unwrap(),
            control(b"text")
        );
        let wrong = json.replace("\"text\"", "[256]");
        assert!(serde_json::from_str::<Control>(&wrong).is_err());
    }
}
