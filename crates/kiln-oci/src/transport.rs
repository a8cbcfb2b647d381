//! `TRANSPORT:WHERE`: where images come from and go to, in the words of skopeo
//! (containers-transports(5)).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Reference;

/// A place for images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// `oci:DIR[:TAG]`: an OCI image layout.
    Oci {
        /// The directory.
        directory: PathBuf,
        /// The tag in it.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: an OCI image layout in a tar archive.
    OciArchive {
        /// The archive.
        file: PathBuf,
        /// The tag in it.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:REFERENCE]`: what `docker load` takes.
    DockerArchive {
        /// The archive.
        file: PathBuf,
        /// The name of the image in it.
        reference: Option<Reference>,
    },
    /// `docker-daemon:REFERENCE`: the local engine.
    DockerDaemon {
        /// The name of the image there.
        reference: Reference,
    },
    /// `rootfs:DIR`: the files of the image in a directory.
    RootFs {
        /// The directory.
        directory: PathBuf,
    },
    /// `registry:REFERENCE`: a registry.
    Registry {
        /// The image.
        reference: Reference,
    },
}

/// A text that names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}`: {reason}; expected {expected}")]
pub struct TransportError {
    /// What was written, shortened.
    pub found: String,
    /// What is wrong with it.
    pub reason: String,
    /// What would have been right.
    pub expected: String,
}

/// Each transport with what follows it.
const FORMS: [(&str, &str); 6] = [
    ("oci", "oci:DIR[:TAG]"),
    ("oci-archive", "oci-archive:FILE[:TAG]"),
    ("docker-archive", "docker-archive:FILE[:REFERENCE]"),
    ("docker-daemon", "docker-daemon:REFERENCE"),
    ("rootfs", "rootfs:DIR"),
    ("registry", "registry:REFERENCE"),
];

impl Transport {
    /// Whether a text begins with the name of a transport and a colon, so that it should be parsed
    /// as one rather than as a name or file.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.split_once(':')
            .is_some_and(|(word, _)| FORMS.iter().any(|(name, _)| *name == word))
    }

    /// The name of the transport: `oci`, `docker-archive` …
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Oci { .. } => "oci",
            Self::OciArchive { .. } => "oci-archive",
            Self::DockerArchive { .. } => "docker-archive",
            Self::DockerDaemon { .. } => "docker-daemon",
            Self::RootFs { .. } => "rootfs",
            Self::Registry { .. } => "registry",
        }
    }
}

impl FromStr for Transport {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.split(':').next().unwrap_or_default();
        let form = FORMS
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, form)| *form);
        let error = |reason: String| TransportError {
            found: text.chars().take(120).collect(),
            reason,
            expected: match form {
                Some(form) => format!("`{form}`"),
                None => format!(
                    "one of {}",
                    FORMS.map(|(_, form)| format!("`{form}`")).join(", ")
                ),
            },
        };
        let Some(form) = form else {
            return Err(error(match word {
                "docker" => "the transport of registries is `registry`, not `docker`".to_owned(),
                "dir" | "containers-storage" | "sif" | "ostree" => {
                    format!("kiln has no transport `{word}`")
                }
                _ => "it does not begin with a transport".to_owned(),
            }));
        };
        let Some(place) = text.get(word.len() + 1..).filter(|place| !place.is_empty()) else {
            return Err(error(format!("nothing follows `{word}`")));
        };
        // As in skopeo the first colon ends the path.
        let (path, rest) = match place.split_once(':') {
            Some((path, rest)) => (path, Some(rest)),
            None => (place, None),
        };
        let path = || match path {
            "" => Err(error("the path is empty".to_owned())),
            path if path.contains('\0') => Err(error("the path holds a NUL".to_owned())),
            path => Ok(PathBuf::from(path)),
        };
        let tag = || match rest {
            Some(tag) if !is_layout_tag(tag) => Err(error(format!(
                "`{tag}` is no tag of a layout: letters, digits and single `-._:@/+` between them are"
            ))),
            tag => Ok(tag.map(str::to_owned)),
        };
        let reference = |text: &str| -> Result<Reference, TransportError> {
            let reference: Reference = text.parse().map_err(|source| error(format!("{source}")))?;
            if word != "registry" && reference.digest().is_some() {
                return Err(error(
                    "an image gets a name and a tag there, not a digest".to_owned(),
                ));
            }
            Ok(reference)
        };
        Ok(match word {
            "oci" => Self::Oci {
                directory: path()?,
                tag: tag()?,
            },
            "oci-archive" => Self::OciArchive {
                file: path()?,
                tag: tag()?,
            },
            "docker-archive" => Self::DockerArchive {
                file: path()?,
                reference: rest.map(reference).transpose()?,
            },
            "docker-daemon" => Self::DockerDaemon {
                reference: reference(place)?,
            },
            "registry" => Self::Registry {
                reference: reference(place.trim_start_matches("//"))?,
            },
            _ => {
                debug_assert_eq!(form, "rootfs:DIR");
                Self::RootFs {
                    directory: PathBuf::from(place),
                }
            }
        })
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Oci {
                directory: path,
                tag,
            }
            | Self::OciArchive { file: path, tag } => {
                write!(f, "{name}:{}", path.display())?;
                tag.iter().try_for_each(|tag| write!(f, ":{tag}"))
            }
            Self::DockerArchive { file, reference } => {
                write!(f, "{name}:{}", file.display())?;
                reference
                    .iter()
                    .try_for_each(|reference| write!(f, ":{reference}"))
            }
            Self::RootFs { directory } => write!(f, "{name}:{}", directory.display()),
            Self::DockerDaemon { reference } | Self::Registry { reference } => {
                write!(f, "{name}:{reference}")
            }
        }
    }
}

/// The grammar of `org.opencontainers.image.ref.name` (image-spec `annotations.md`).
pub(crate) fn is_layout_tag(tag: &str) -> bool {
    (1..=255).contains(&tag.len())
        && tag.split('/').all(|component| {
            component
                .as_bytes()
                .first()
                .is_some_and(u8::is_ascii_alphanumeric)
                && component
                    .as_bytes()
                    .last()
                    .is_some_and(u8::is_ascii_alphanumeric)
                && component
                    .split(|letter: char| letter.is_ascii_alphanumeric())
                    .all(|between| matches!(between, "" | "-" | "." | "_" | ":" | "@" | "+" | "--"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        for (text, name) in [
            ("oci:out", "oci"),
            ("oci:/tmp/out:1.26-dev", "oci"),
            ("oci:out:docker.io/library/nginx:1.26", "oci"),
            ("oci-archive:a.tar:x", "oci-archive"),
            ("docker-archive:a.tar", "docker-archive"),
            ("rootfs:dir", "rootfs"),
        ] {
            let transport: Transport = text.parse().unwrap();
            assert!(Transport::is_one(text));
            assert_eq!(
                (transport.name(), transport.to_string()),
                (name, text.to_owned())
            );
        }
        assert_eq!(
            "docker-archive:a.tar:nginx:1".parse::<Transport>().unwrap(),
            Transport::DockerArchive {
                file: "a.tar".into(),
                reference: Some("nginx:1".parse().unwrap())
            }
        );
        assert_eq!(
            "registry:localhost:5000/a".parse::<Transport>().unwrap(),
            Transport::Registry {
                reference: "localhost:5000/a".parse().unwrap()
            }
        );
        assert!(!Transport::is_one("nginx:1.26"));
    }

    #[test]
    fn errors_say_what_was_expected() {
        for (text, expected) in [
            (
                "nginx",
                "it does not begin with a transport; expected one of `oci:DIR[:TAG]`",
            ),
            ("oci:", "nothing follows `oci`; expected `oci:DIR[:TAG]`"),
            ("oci", "nothing follows `oci`"),
            ("oci::tag", "the path is empty"),
            ("oci:dir:", "`` is no tag of a layout"),
            ("oci:dir:a b", "`a b` is no tag of a layout"),
            ("docker-archive:f:Nginx", "is not an image reference"),
            (
                "docker://nginx",
                "the transport of registries is `registry`",
            ),
            ("dir:x", "kiln has no transport `dir`"),
            (
                "docker-daemon:a@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "not a digest",
            ),
        ] {
            let error = text.parse::<Transport>().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
