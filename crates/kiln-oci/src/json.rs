//! Documents to bytes and back.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::OciError;

/// The largest document read, in bytes: what registries accept (distribution-spec, "Pushing
/// Manifests").
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// The bytes of a document: keys in the order of their declaration, maps sorted, no white space,
/// no newline at the end.
///
/// # Errors
/// Never for the documents of this crate.
pub fn to_json(document: &impl Serialize) -> Result<Vec<u8>, OciError> {
    serde_json::to_vec(document).map_err(|error| OciError::malformed("document", error.to_string()))
}

/// Reads a document. `subject` names it in errors.
///
/// # Errors
/// When it is larger than [`MAX_DOCUMENT`] or does not have the form of `T`.
pub fn from_json<T: DeserializeOwned>(subject: &str, bytes: &[u8]) -> Result<T, OciError> {
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(OciError::malformed(
            subject,
            format!("it is larger than {MAX_DOCUMENT} bytes"),
        ));
    }
    serde_json::from_slice(bytes).map_err(|error| OciError::malformed(subject, error.to_string()))
}

/// Reads `null` as the default: Go writes it for empty lists and maps.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
