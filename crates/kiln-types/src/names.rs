//! Names that cross rooms: images, packages, versions. Parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that breaks its rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not {kind}: {rule}")]
pub struct NameError {
    /// What kind of name was expected, with its article.
    pub kind: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// What was written, shortened.
    pub found: String,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks and keeps a name.
            ///
            /// # Errors
            /// When the text breaks the rules of such a name.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) {
                    Ok(Self(text))
                } else {
                    let found = text.chars().take(80).collect();
                    Err(NameError { kind: $kind, rule: $rule, found })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type! {
    /// The name of an image in a catalog: `nginx`, `go-toolset`. Path components are allowed
    /// (`team/app`); the rules are those of an OCI repository name (distribution-spec, "Pull").
    ImageName, "an image name",
    "lower-case letters, digits and single `.`, `_`, `-` or `/` between them",
    |text| {
        text.len() <= 255
            && text.split('/').all(|part| {
                let bytes = part.as_bytes();
                let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
                edge(bytes.first())
                    && edge(bytes.last())
                    && bytes.iter().all(|byte| {
                        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(byte)
                    })
            })
    }
}

name_type! {
    /// The name of a binary package. The rule covers deb-control(5) "Package" and apk names.
    PackageName, "a package name",
    "letters, digits and `+ - . _ :`, beginning with a letter, digit or `.`",
    |text| {
        (1..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._:".contains(&byte))
            && text.as_bytes().first().is_some_and(|byte| byte.is_ascii_alphanumeric())
    }
}

name_type! {
    /// A package version. What it means and how two compare is known to its distribution only.
    PackageVersion, "a package version",
    "printable characters without blanks, slashes and quotes, at most 256",
    |text| {
        (1..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/\\\"'`<>|;&$".contains(&byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names() {
        for good in ["nginx", "go-toolset", "team/app", "a.b_c", "x2"] {
            assert!(ImageName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Nginx", "-a", "a-", "a//b", "a b", "../x", "ä", "/a"] {
            assert!(ImageName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn package_names_and_versions_cannot_leave_a_directory() {
        for bad in ["", "../x", "a/b", "a b", "-x", "a\nb", ".."] {
            assert!(PackageName::new(bad).is_err(), "{bad}");
        }
        for bad in ["", "1/2", "1 2", "1\0"] {
            assert!(PackageVersion::new(bad).is_err(), "{bad:?}");
        }
        assert!(PackageVersion::new("1:2.3~rc1+dfsg-4+deb13u1").is_ok());
        assert!(PackageName::new("libstdc++6").is_ok());
    }
}
