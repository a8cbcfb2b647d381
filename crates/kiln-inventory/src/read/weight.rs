//! How much a document holds, before any of it is kept: an element of a list or a member of an object
//! may have two bytes in the document, and costs a hundred and more as a value.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Elements and members in one document. Fifty thousand components with sixty each have as many.
const MOST: u64 = 3_000_000;
/// Outermost members of which most documents about images mainly consist, and which are read in a form
/// that costs little: each has a bound of its own.
const CHEAP: [&str; 3] = ["artifactRelationships", "files", "relationships"];

/// Counts; the error says what is too much.
pub(super) fn weigh(bytes: &[u8]) -> Result<(), serde_json::Error> {
    let mut count = 0;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    Weigher {
        count: &mut count,
        is_outermost: true,
    }
    .deserialize(&mut json)
}

struct Weigher<'a> {
    count: &'a mut u64,
    is_outermost: bool,
}

impl Weigher<'_> {
    fn add<E: de::Error>(&mut self) -> Result<Weigher<'_>, E> {
        *self.count += 1;
        if *self.count > MOST {
            return Err(E::custom(format!(
                "it holds more than {MOST} elements and members"
            )));
        }
        Ok(Weigher {
            count: self.count,
            is_outermost: false,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Weigher<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Weigher<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.add()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(is_cheap) = map.next_key_seed(Key)? {
            if self.is_outermost && is_cheap {
                map.next_value::<de::IgnoredAny>()?;
            } else {
                map.next_value_seed(self.add()?)?;
            }
        }
        Ok(())
    }
}

/// A name of a member: whether it is one of [`CHEAP`].
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(CHEAP.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::weigh;

    #[test]
    fn attack_many_small_values_are_refused_wherever_they_stand() {
        let many = format!("[{}1]", "1,".repeat(3_000_000));
        for (document, is_right) in [
            (format!("{{\"facts\":{{\"shells\":{many}}}}}"), false),
            (
                format!("{{\"components\":[{{\"depends\":{many}}}]}}"),
                false,
            ),
            (format!("{{\"a\":{{\"files\":{many}}}}}"), false),
            (format!("{{\"files\":{many}}}"), true),
            (
                "{\"a\":[1,-1,1.5,null,true,\"x\",{\"b\":{}}]}".to_owned(),
                true,
            ),
        ] {
            let outcome = weigh(document.as_bytes());
            let begin: String = document.chars().take(40).collect();
            assert_eq!(outcome.is_ok(), is_right, "{begin}");
        }
    }
}
