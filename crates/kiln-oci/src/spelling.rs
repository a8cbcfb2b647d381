//! Member names that two readers take differently. The engines' JSON reader takes a member in any case,
//! and of two that differ in case only the last; this one takes it as the specification spells it. A
//! document in which that matters would be two images.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::OciError;

/// Which document, and so which names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// A manifest or index (OCI image-spec `manifest.md`, `image-index.md`).
    Manifest,
    /// A configuration (OCI image-spec `config.md`).
    Config,
    /// `manifest.json` of what `docker save` writes.
    DockerManifest,
}

const MANIFEST: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "digest",
    "size",
    "platform",
    "os",
    "architecture",
    "variant",
    "annotations",
    "subject",
];
const CONFIG: &[&str] = &[
    "architecture",
    "os",
    "variant",
    "created",
    "config",
    "rootfs",
    "type",
    "diff_ids",
    "history",
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
];
const DOCKER_MANIFEST: &[&str] = &["Config", "RepoTags", "Layers"];

/// Members whose own members are anybody's words.
const FREE: &[&str] = &[
    "Labels",
    "annotations",
    "Volumes",
    "ExposedPorts",
    "Healthcheck",
    "history",
    "LayerSources",
];

/// Refuses a document in which a member is spelled otherwise than the specification has it, by case.
///
/// # Errors
/// When there is one, or the bytes are no JSON.
pub fn check_spelling(subject: &str, bytes: &[u8], which: Spelling) -> Result<(), OciError> {
    let names = match which {
        Spelling::Manifest => MANIFEST,
        Spelling::Config => CONFIG,
        Spelling::DockerManifest => DOCKER_MANIFEST,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Members { names }
        .deserialize(&mut deserializer)
        .map_err(|error| OciError::malformed(subject, error.to_string()))
}

/// As Go's reader folds names: simple case folding.
fn folded(name: &str) -> String {
    name.chars()
        .flat_map(|letter| match letter {
            '\u{17f}' => 's'.to_lowercase(),
            '\u{212a}' => 'k'.to_lowercase(),
            letter => letter.to_lowercase(),
        })
        .collect()
}

#[derive(Clone, Copy)]
struct Members {
    names: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for Members {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let fold = folded(&name);
            let meant = self.names.iter().find(|known| folded(known) == fold);
            if let Some(meant) = meant.filter(|meant| **meant != name) {
                let reason = format!(
                    "the member `{}` is `{meant}` to some readers and none to others",
                    name.escape_debug()
                );
                return Err(serde::de::Error::custom(reason));
            }
            if meant.is_some() && !seen.insert(fold) {
                let reason = format!("the member `{name}` is there twice");
                return Err(serde::de::Error::custom(reason));
            }
            match FREE.contains(&name.as_str()) {
                true => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                false => map.next_value_seed(self)?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_a_document_that_is_two() {
        use Spelling::{Config, DockerManifest, Manifest};
        for (which, text, is_fine) in [
            (
                Config,
                r#"{"config":{"User":"1","Labels":{"user":"x","USER":"y"}}}"#,
                true,
            ),
            (Config, r#"{"config":{"User":"1","user":"0"}}"#, false),
            (
                Config,
                r#"{"config":{"User":"1"},"Config":{"User":"0"}}"#,
                false,
            ),
            (Config, r#"{"config":{"U\u017fer":"0"}}"#, false),
            (Config, r#"{"config":{"User":"1","User":"0"}}"#, false),
            (Config, r#"{"rootfs":{"diff_ids":[]},"RootFS":{}}"#, false),
            (
                Config,
                r#"{"container_config":{"User":""},"docker_version":"1"}"#,
                true,
            ),
            (Manifest, r#"{"layers":[],"Layers":[]}"#, false),
            (
                Manifest,
                r#"{"config":{"mediaType":"x","digest":"d","size":1}}"#,
                true,
            ),
            (
                DockerManifest,
                r#"[{"Config":"a","RepoTags":null,"Layers":[]}]"#,
                true,
            ),
            (DockerManifest, r#"[{"Config":"a","config":"b"}]"#, false),
        ] {
            let found = check_spelling("x", text.as_bytes(), which);
            assert_eq!(found.is_ok(), is_fine, "{text}: {found:?}");
        }
    }
}
