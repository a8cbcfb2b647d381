//! Records: small documents that say what blobs mean, by kind and key, replaced atomically.
//!
//! On disk a record is its content and one more line, the SHA-256 of the content. A record that a
//! power cut tore, or that somebody edited, does not match it and is as good as absent.

use std::fmt;

use kiln_types::{Digest, Timestamp};

use crate::layout::RECORDS;
use crate::{Store, StoreError};

/// The most that a record may hold, in bytes.
const LIMIT: u64 = 64 << 20;
/// A line end, 64 hex digits and a line end.
const SEAL: usize = 66;
/// `NAME_MAX` of the usual file systems, less some room.
const LONGEST_NAME: usize = 240;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// A package file: which blob it is.
    Package,
    /// A package normalised by certain rules.
    Fragment,
    /// A layer.
    Layer,
    /// A whole image.
    Image,
    /// A repository index that was verified, and what was made of it.
    Index,
    /// A lock of an image of the catalog. Kept whatever its age.
    Lock,
    /// The newest release of a suite that was seen, against roll-back. Kept whatever its age.
    ReleaseSeen,
    /// An image by its name.
    Name,
    /// What an image was made of, by the digest of its manifest.
    Built,
    /// What a layer of any image says. It holds texts of foreign images, and refers to no blob.
    Scan,
    /// Bytes outside the store that were read and found to have a digest.
    Seen,
}

impl RecordKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Package,
        Self::Fragment,
        Self::Layer,
        Self::Image,
        Self::Index,
        Self::Lock,
        Self::ReleaseSeen,
        Self::Name,
        Self::Built,
        Self::Scan,
        Self::Seen,
    ];

    /// The name of the kind, which is that of its directory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Package => "package",
            Self::Fragment => "fragment",
            Self::Layer => "layer",
            Self::Image => "image",
            Self::Index => "index",
            Self::Lock => "lock",
            Self::ReleaseSeen => "release-seen",
            Self::Name => "name",
            Self::Built => "built",
            Self::Scan => "scan",
            Self::Seen => "seen",
        }
    }

    /// Whether what looks like a [`Stored`](crate::Stored) in a record of this kind is one.
    pub(crate) const fn refers_to_blobs(self) -> bool {
        !matches!(self, Self::Scan | Self::Seen)
    }

    /// Whether records of this kind are state that cannot be made again: never pruned.
    #[must_use]
    pub const fn is_state(self) -> bool {
        matches!(self, Self::Lock | Self::ReleaseSeen)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The key of a record: a digest's 64 hex digits, or any short text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(String);

impl RecordKey {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file name: letters, digits, `.`, `_` and `-` stand for themselves (a dot not in front),
    /// every other byte is `%XX`.
    fn file_name(&self) -> Result<String, StoreError> {
        let mut name = String::with_capacity(self.0.len());
        for (index, byte) in self.0.bytes().enumerate() {
            let plain = byte.is_ascii_alphanumeric()
                || byte == b'_'
                || byte == b'-'
                || (byte == b'.' && index > 0);
            if plain {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("%{byte:02X}"));
            }
        }
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(StoreError::Name {
                name: self.0.chars().take(80).collect(),
                reason: "a key has between 1 and some 200 characters",
            });
        }
        Ok(name)
    }

    /// The key of a file name; `None` for a name that no key has.
    fn from_file_name(name: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(name.len());
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            } else {
                bytes.push(byte);
            }
        }
        let key = Self(String::from_utf8(bytes).ok()?);
        (key.file_name().ok()? == name).then_some(key)
    }
}

impl From<&Digest> for RecordKey {
    fn from(digest: &Digest) -> Self {
        Self(digest.hex())
    }
}

impl From<&str> for RecordKey {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&String> for RecordKey {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordInfo {
    /// Its key.
    pub key: RecordKey,
    /// The size of its content in bytes.
    pub size: u64,
    /// When it was last used, to a day.
    pub used: Timestamp,
}

fn path_of(kind: RecordKind, key: &RecordKey) -> Result<String, StoreError> {
    Ok(format!("{RECORDS}/{kind}/{}", key.file_name()?))
}

/// The content of a sealed record; `None` where the seal does not match.
fn unseal(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let length = bytes.len().checked_sub(SEAL)?;
    let seal = std::str::from_utf8(bytes.get(length..)?).ok()?;
    let hex = seal.strip_prefix('\n')?.strip_suffix('\n')?;
    let expected = Digest::from_hex(hex).ok()?;
    bytes.truncate(length);
    (Digest::of(&bytes) == expected).then_some(bytes)
}

impl Store {
    /// Writes a record, in place of the one that is there.
    ///
    /// # Errors
    /// When the key is no key, the record too large, or the disk full.
    pub fn record_put(
        &self,
        kind: RecordKind,
        key: impl Into<RecordKey>,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let path = path_of(kind, &key.into())?;
        let size = bytes.len() as u64;
        if size > LIMIT {
            return Err(StoreError::TooLarge {
                path: self.full_path(&path),
                size,
                limit: LIMIT,
            });
        }
        self.make_directory(&format!("{RECORDS}/{kind}"))?;
        let mut sealed = Vec::with_capacity(bytes.len() + SEAL);
        sealed.extend_from_slice(bytes);
        sealed.extend_from_slice(format!("\n{}\n", Digest::of(bytes).hex()).as_bytes());
        let mut temporary = self.temporary(0o600)?;
        temporary.write(&sealed)?;
        temporary.replace(&path)
    }

    /// Reads a record and renews its access stamp; `None` where there is none, or where it is not
    /// as it was written.
    ///
    /// # Errors
    /// When the key is no key, or the file cannot be read.
    pub fn record_get(
        &self,
        kind: RecordKind,
        key: impl Into<RecordKey>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let path = path_of(kind, &key.into())?;
        let content = self.record_at(&path)?;
        if content.is_some()
            && let Some(meta) = self.meta(&path)?
        {
            self.stamp(&path, meta.modified, true);
        }
        Ok(content)
    }

    /// The records of a kind, sorted by their files' names.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn record_list(&self, kind: RecordKind) -> Result<Vec<RecordInfo>, StoreError> {
        let directory = format!("{RECORDS}/{kind}");
        let mut records = Vec::new();
        for name in self.names_in(&directory)? {
            let Some(key) = RecordKey::from_file_name(&name) else {
                continue;
            };
            // Gone since the directory was read: somebody removed it.
            let Some(meta) = self.meta(&format!("{directory}/{name}"))? else {
                continue;
            };
            let size = meta.size.saturating_sub(SEAL as u64);
            records.push(RecordInfo {
                key,
                size,
                used: Timestamp::from_unix(meta.modified),
            });
        }
        Ok(records)
    }

    /// Removes a record; whether it was there.
    ///
    /// # Errors
    /// When the key is no key, or the file cannot be removed.
    pub fn record_remove(
        &self,
        kind: RecordKind,
        key: impl Into<RecordKey>,
    ) -> Result<bool, StoreError> {
        self.remove(&path_of(kind, &key.into())?)
    }

    pub(crate) fn record_at(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read_small(path, LIMIT + SEAL as u64)?.and_then(unseal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn file_names_are_safe_and_give_the_key_back(text in "\\PC{1,18}") {
            let key = RecordKey(text);
            let name = key.file_name().unwrap();
            prop_assert!(!name.contains('/') && !name.starts_with('.') && name.is_ascii());
            prop_assert_eq!(RecordKey::from_file_name(&name), Some(key));
        }

        #[test]
        fn a_seal_holds_for_its_content_only(content: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
            let mut sealed = content.clone();
            sealed.extend_from_slice(format!("\n{}\n", Digest::of(&content).hex()).as_bytes());
            prop_assert_eq!(unseal(sealed.clone()), Some(content));
            let index = at.index(sealed.len());
            sealed[index] ^= 1 << bit;
            // Bit 5 of a hex letter only changes its case, which reads as the same digest.
            prop_assume!(!(bit == 5 && sealed[index].is_ascii_alphabetic()));
            prop_assert_eq!(unseal(sealed), None);
        }
    }

    #[test]
    fn refuses_what_cannot_be_a_name() {
        assert!(RecordKey::from("").file_name().is_err());
        assert!(RecordKey::from(&*"é".repeat(100)).file_name().is_err());
        assert_eq!(RecordKey::from("../x").file_name().unwrap(), "%2E.%2Fx");
        assert_eq!(RecordKey::from_file_name("%2e"), None);
        assert_eq!(RecordKey::from_file_name(".hidden"), None);
    }
}
