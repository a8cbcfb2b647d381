//! One entry of a file tree, as packages carry it and layers hold it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A path below the root of an image: no leading `/` or `./`, no empty part, no `.` or `..`,
/// no NUL, valid UTF-8 (Debian policy 10.10). The root itself is the empty path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct RelativePath(String);

/// A path that could leave the root, or that no file system would hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path `{found}` is not allowed: {reason}")]
pub struct RelativePathError {
    /// The path, shortened.
    pub found: String,
    /// Why.
    pub reason: &'static str,
}

impl RelativePath {
    /// The longest path accepted, in bytes (PATH_MAX).
    pub const MAX: usize = 4096;

    /// The root of the image.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Normalises a path as tar archives and people write it: leading `/` and `./`, doubled and
    /// trailing slashes and `.` parts go.
    ///
    /// # Errors
    /// When a part is `..`, when a part is longer than 255 bytes or the whole longer than
    /// [`Self::MAX`], or when there is a NUL or other control character.
    pub fn new(text: &str) -> Result<Self, RelativePathError> {
        let error = |reason| RelativePathError {
            found: text.chars().take(120).collect(),
            reason,
        };
        if text.len() > Self::MAX {
            return Err(error("longer than 4096 bytes"));
        }
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(error("it holds a control character"));
        }
        let mut path = String::with_capacity(text.len());
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(error("it holds `..`")),
                part if part.len() > 255 => return Err(error("a part is longer than 255 bytes")),
                part => {
                    if !path.is_empty() {
                        path.push('/');
                    }
                    path.push_str(part);
                }
            }
        }
        Ok(Self(path))
    }

    /// The text, without a leading slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that holds this entry; the root's parent is the root.
    #[must_use]
    pub fn parent(&self) -> Self {
        Self(
            self.0
                .rsplit_once('/')
                .map_or(String::new(), |(parent, _)| parent.to_owned()),
        )
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Whether this path is `directory` or lies below it.
    #[must_use]
    pub fn is_below(&self, directory: &str) -> bool {
        directory.is_empty()
            || self
                .0
                .strip_prefix(directory)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for RelativePath {
    /// With the leading slash that people expect.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

impl std::borrow::Borrow<str> for RelativePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RelativePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A regular file; its content follows.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and its target, exactly as it stands (it may be absolute or point outside:
    /// links are resolved inside the image only).
    Symlink(String),
    /// A hard link to a file of the same package.
    Hardlink(RelativePath),
}

/// One entry of a file tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Where.
    pub path: RelativePath,
    /// What.
    pub kind: EntryKind,
    /// Permission bits, setuid, setgid and sticky included (`0o7777` at most).
    pub mode: u32,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Modification time in seconds since the epoch.
    pub mtime: i64,
    /// Size in bytes; 0 for everything but files.
    pub size: u64,
    /// Extended attributes by name (`security.capability`), sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_stay_below_the_root() {
        for (written, kept) in [
            ("./usr/bin/", "usr/bin"),
            ("/etc//passwd", "etc/passwd"),
            ("./", ""),
            ("a/./b", "a/b"),
        ] {
            assert_eq!(RelativePath::new(written).unwrap().as_str(), kept);
        }
        for bad in ["../etc", "a/../../b", "a\0b", "a\nb", "..", "a/.."] {
            assert!(RelativePath::new(bad).is_err(), "{bad:?}");
        }
        assert!(RelativePath::new("usr/lib").unwrap().is_below("usr"));
        assert!(!RelativePath::new("usrlib").unwrap().is_below("usr"));
        assert_eq!(
            RelativePath::new("a").unwrap().parent(),
            RelativePath::root()
        );
    }
}
