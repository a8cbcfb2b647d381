//! Which form a document has, and what the three have in common. Everything is bounded: the bytes of
//! a document, its depth (by the JSON reader), its statements, their products, and each text.

use std::collections::BTreeSet;

use kiln_types::{Digest, Timestamp};
use serde_json::Value;

use super::{Moment, VexDocument, VexError, VexForm, VexProduct, VexStatement};

/// The largest document that is read, in bytes.
pub const MAX_VEX: u64 = 32 << 20;

/// The most statements of a document.
const MAX_STATEMENTS: usize = 200_000;

/// The most memory, in bytes, that what a document says may need: a few names may be those of very
/// many statements.
const MAX_MEMORY: usize = 256 << 20;

/// The longest id or name, in bytes.
const LONGEST: usize = 4096;

/// The longest text for people that is kept, in characters.
const LONGEST_TEXT: usize = 2000;

/// The deepest tree of products or components.
pub(super) const DEEPEST: usize = 64;

/// What is wrong, and where.
pub(super) type Wrong = (String, String);

/// What a form's reader gives: who, when, and what.
pub(super) struct Read {
    pub(super) author: String,
    pub(super) at: Option<Moment>,
    pub(super) statements: Vec<VexStatement>,
}

/// What is left of the memory that a document may need. It is spent before anything is copied.
pub(super) struct Budget(usize);

impl Budget {
    fn new() -> Self {
        Self(MAX_MEMORY)
    }

    /// Spends what so many bytes need.
    pub(super) fn spend(&mut self, bytes: usize, place: &str) -> Result<(), Wrong> {
        match self.0.checked_sub(bytes) {
            Some(left) => {
                self.0 = left;
                Ok(())
            }
            None => {
                let most = MAX_MEMORY >> 20;
                let reason = format!("what it names needs more than {most} MiB");
                Err((place.to_owned(), reason))
            }
        }
    }

    /// Spends what texts need.
    pub(super) fn texts<'a>(
        &mut self,
        texts: impl IntoIterator<Item = &'a String>,
        place: &str,
    ) -> Result<(), Wrong> {
        const EACH: usize = 64;
        for text in texts {
            self.spend(text.len() + EACH, place)?;
        }
        Ok(())
    }

    /// Spends what products need.
    pub(super) fn products(&mut self, products: &[VexProduct], place: &str) -> Result<(), Wrong> {
        const EACH: usize = 96;
        for product in products {
            self.spend(EACH, place)?;
            let names = product.names.iter().chain(&product.parts);
            self.texts(names.chain(&product.unknown), place)?;
        }
        Ok(())
    }
}

/// Reads a document of any form.
///
/// # Errors
/// When it is none, is larger than what is read, or says something that its form has no word for.
pub fn read_vex(name: &str, bytes: &[u8]) -> Result<VexDocument, VexError> {
    let error = |is_other: bool| {
        move |(place, reason): Wrong| {
            let short = |text: String| text.chars().take(300).collect();
            VexError {
                name: name.to_owned(),
                place: short(place),
                reason: short(reason),
                is_other,
            }
        }
    };
    let start = || "its start".to_owned();
    if bytes.len() as u64 > MAX_VEX {
        let reason = format!("it is larger than {} MiB", MAX_VEX >> 20);
        return Err(error(false)((start(), reason)));
    }
    let document: Value = serde_json::from_slice(bytes).map_err(|cause| {
        let place = format!("line {}, column {}", cause.line(), cause.column());
        error(false)((place, cause.to_string()))
    })?;
    let word = |key: &str| {
        document
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let mut budget = Budget::new();
    let (form, read) = if word("@context").starts_with("https://openvex.dev/ns")
        && document.get("openvex").is_none()
    {
        (
            VexForm::OpenVex,
            super::openvex::read(&document, &mut budget),
        )
    } else if document.pointer("/document/csaf_version").is_some() {
        (VexForm::Csaf, super::csaf::read(&document, &mut budget))
    } else if word("bomFormat") == "CycloneDX" {
        (
            VexForm::CycloneDx,
            super::cyclonedx::read(&document, &mut budget),
        )
    } else {
        let reason = "it is neither OpenVEX nor CSAF nor CycloneDX".to_owned();
        return Err(error(true)((start(), reason)));
    };
    let read = read.map_err(error(false))?;
    if read.statements.len() > MAX_STATEMENTS {
        let reason = format!("it has more than {MAX_STATEMENTS} statements");
        return Err(error(false)(("its end".to_owned(), reason)));
    }
    Ok(VexDocument {
        name: name.to_owned(),
        digest: Digest::of(bytes),
        form,
        author: read.author,
        at: read.at,
        statements: read.statements,
    })
}

/// A text that may be absent.
pub(super) fn text<'a>(value: &'a Value, key: &str, place: &str) -> Result<&'a str, Wrong> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err((place.to_owned(), format!("`{key}` is no text"))),
    }
}

/// An id or a name, which may be absent and must not be endless.
pub(super) fn short<'a>(value: &'a Value, key: &str, place: &str) -> Result<&'a str, Wrong> {
    let found = text(value, key, place)?;
    is_short(found, place)?;
    Ok(found)
}

/// Refuses an id or a name that is longer than any is.
pub(super) fn is_short(text: &str, place: &str) -> Result<(), Wrong> {
    if text.len() > LONGEST {
        let reason = format!("a name is longer than {LONGEST} bytes");
        return Err((place.to_owned(), reason));
    }
    Ok(())
}

/// A text for people, cut where it is endless.
pub(super) fn prose(value: &Value, key: &str, place: &str) -> Result<String, Wrong> {
    Ok(text(value, key, place)?
        .chars()
        .take(LONGEST_TEXT)
        .collect())
}

/// A list that may be absent.
pub(super) fn list<'a>(value: &'a Value, key: &str, place: &str) -> Result<&'a [Value], Wrong> {
    match value.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err((place.to_owned(), format!("`{key}` is no list"))),
    }
}

/// A time that may be absent.
pub(super) fn time(value: &Value, key: &str, place: &str) -> Result<Option<Moment>, Wrong> {
    match text(value, key, place)? {
        "" => Ok(None),
        found => moment(found).map(Some).ok_or_else(|| {
            let reason = format!("`{key}` is no time as RFC 3339 writes them: `{found}`");
            (place.to_owned(), reason)
        }),
    }
}

/// RFC 3339, with or without a fraction, in any zone.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let (day, clock) = (text.get(..10)?, text.get(11..19)?);
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let base: Timestamp = format!("{day}T{clock}Z").parse().ok()?;
    let mut rest = text.get(19..)?;
    let mut nanoseconds = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(fraction.len());
        let (digits, zone) = fraction.split_at_checked(end)?;
        let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
        nanoseconds = nine.parse().ok()?;
        rest = zone;
    }
    let sign = match rest.get(..1)? {
        "Z" | "z" if rest.len() == 1 => 0,
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let mut offset = 0;
    if sign != 0 {
        let (hours, minutes) = rest.get(1..)?.split_once(':')?;
        let number = |text: &str, most: i64| {
            let is_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number: i64 = is_two.then(|| text.parse().ok())??;
            (number <= most).then_some(number)
        };
        offset = sign * (number(hours, 23)? * 60 + number(minutes, 59)?) * 60;
    }
    Some(Moment {
        second: Timestamp::from_unix(base.unix().checked_sub(offset)?),
        nanoseconds,
    })
}

/// The ids of a vulnerability, without what is empty. An address stands for its last part.
pub(super) fn ids<'a>(found: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    found
        .into_iter()
        .map(|id| match id.contains("://") {
            true => id.rsplit('/').next().unwrap_or(id),
            false => id,
        })
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect()
}

/// A product by one name.
pub(super) fn product(name: &str) -> VexProduct {
    VexProduct {
        names: vec![name.to_owned()],
        ..VexProduct::default()
    }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn times_of_all_zones_have_one_order() {
        let at = |text| moment(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            at("2022-12-22T20:56:05-05:00").second.to_string(),
            "2022-12-23T01:56:05Z"
        );
        assert_eq!(
            at("2022-12-23T01:56:05Z"),
            at("2022-12-23 03:26:05.000+01:30")
        );
        assert!(
            at("2023-12-04T21:55:19.945014473-06:00") < at("2023-12-04T21:55:19.945015302-06:00")
        );
        for wrong in [
            "",
            "2022",
            "2022-12-22T20:56:05",
            "2022-12-22T20:56:05+1",
            "2022-12-22T20:56:05+aa:00",
            "2022-12-22T20:56:05ZZ",
            "2022-13-22T20:56:05Z",
            "2022-12-22T20:56:05+24:00",
            "ééééééééééééééé",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }
}
