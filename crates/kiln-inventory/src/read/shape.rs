//! Which format a document is of, told by the names of its outermost members.

use std::fmt;

use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};

/// The members that tell the formats apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) bom_format: Option<String>,
    pub(super) spec_version: Option<String>,
    pub(super) spdx_version: Option<String>,
    pub(super) has_graph: bool,
    pub(super) has_artifacts: bool,
    pub(super) has_subject: bool,
    pub(super) has_components: bool,
}

impl Shape {
    /// Looks at a document. Of CycloneDX that says so at its begin, as all programs write it, nothing
    /// more is read: reading all of it twice would take half of the time.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut shape = Self::default();
        let mut json = serde_json::Deserializer::from_slice(bytes);
        match json.deserialize_map(&mut shape).and_then(|()| json.end()) {
            Err(error) if !shape.is_settled() => Err(error),
            _ => Ok(shape),
        }
    }

    /// Whether nothing that follows can make it another format.
    fn is_settled(&self) -> bool {
        self.bom_format.as_deref() == Some("CycloneDX") && self.spec_version.is_some()
    }
}

impl<'de> Visitor<'de> for &mut Shape {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "bomFormat" if self.bom_format.is_none() => self.bom_format = map.next_value()?,
                "specVersion" if self.spec_version.is_none() => {
                    self.spec_version = map.next_value()?;
                }
                "spdxVersion" if self.spdx_version.is_none() => {
                    self.spdx_version = map.next_value()?;
                }
                "bomFormat" | "specVersion" | "spdxVersion" => {
                    return Err(de::Error::custom(format!("it names `{name}` twice")));
                }
                name => {
                    let has = match name {
                        "@graph" => &mut self.has_graph,
                        "artifacts" => &mut self.has_artifacts,
                        "subject" => &mut self.has_subject,
                        "components" => &mut self.has_components,
                        _ => &mut false,
                    };
                    *has = true;
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if self.is_settled() {
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_wherever_its_mark_stands() {
        let cyclonedx = |text: &str| {
            let shape = Shape::of(text.as_bytes()).unwrap();
            (shape.bom_format.unwrap(), shape.spec_version.unwrap())
        };
        let expected = ("CycloneDX".to_owned(), "1.6".to_owned());
        for text in [
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#,
            r#"{"components":[{"bomFormat":"x"}],"specVersion":"1.6","bomFormat":"CycloneDX"}"#,
            r#"{"spdxVersion":"SPDX-2.3","bomFormat":"CycloneDX","specVersion":"1.6"}"#,
        ] {
            assert_eq!(cyclonedx(text), expected, "{text}");
        }
        let shape = Shape::of(br#"{"artifacts":[1],"@graph":{}}"#).unwrap();
        assert!(shape.has_artifacts && shape.has_graph && !shape.has_subject);
        for text in [
            "",
            "[]",
            "{\"artifacts\":[",
            "{} {}",
            r#"{"bomFormat":1}"#,
            r#"{"bomFormat":"a","bomFormat":"CycloneDX","specVersion":"1.6"}"#,
        ] {
            assert!(Shape::of(text.as_bytes()).is_err(), "{text}");
        }
    }
}
