//! Image references: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]` (distribution-spec, "Pull"), with
//! Docker's short forms.

use std::fmt;
use std::str::FromStr;

use kiln_types::Digest;

/// The registry of names that do not say one.
const DOCKER: &str = "docker.io";
/// The longest name, registry included.
const MAX_NAME: usize = 255;

/// A reference to an image in a registry; normalised, so that `nginx` and
/// `docker.io/library/nginx` are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// A text that is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not an image reference: {reason}")]
pub struct ReferenceError {
    /// What was written, shortened.
    pub found: String,
    /// What is wrong with it, and what was expected.
    pub reason: String,
}

impl Reference {
    /// The registry, with its port: `docker.io`, `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in the registry: `library/nginx`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, where one was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The tag; `latest` where neither tag nor digest was written.
    #[must_use]
    pub fn tag_or_latest(&self) -> Option<&str> {
        self.tag
            .as_deref()
            .or_else(|| self.digest.is_none().then_some("latest"))
    }

    /// The digest, where one was written.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository with this tag and no digest.
    ///
    /// # Errors
    /// When this is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        check_tag(tag).map_err(|reason| error(tag, reason))?;
        Ok(Self {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        })
    }

    /// The name as Docker shows it: without `docker.io/` and `library/`.
    #[must_use]
    pub fn familiar(&self) -> String {
        let name = match self.registry.as_str() {
            DOCKER => self
                .repository
                .strip_prefix("library/")
                .unwrap_or(&self.repository)
                .to_owned(),
            registry => format!("{registry}/{}", self.repository),
        };
        self.qualified(name)
    }

    fn qualified(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(&digest.to_string());
        }
        name
    }
}

impl fmt::Display for Reference {
    /// The full form: `docker.io/library/nginx:1.26`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualified(format!("{}/{}", self.registry, self.repository)))
    }
}

fn error(found: &str, reason: impl Into<String>) -> ReferenceError {
    ReferenceError {
        found: found.chars().take(120).collect(),
        reason: reason.into(),
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason: String| error(text, reason);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (
                rest,
                Some(
                    digest
                        .parse()
                        .map_err(|digest| error(format!("{digest}")))?,
                ),
            ),
            None => (text, None),
        };
        // A colon in the last part begins the tag; one before it belongs to the registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if name.is_empty() {
            return Err(error(
                "it has no name; expected `[REGISTRY/]NAME[:TAG][@DIGEST]`".to_owned(),
            ));
        }
        if let Some(tag) = tag {
            check_tag(tag).map_err(|reason| error(reason.to_owned()))?;
        }
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if is_registry(first) => (first, rest.to_owned()),
            _ => (DOCKER, name.to_owned()),
        };
        let registry = if registry == "index.docker.io" {
            DOCKER
        } else {
            registry
        };
        check_registry(registry).map_err(|reason| error(reason.to_owned()))?;
        let repository = match registry {
            DOCKER if !repository.contains('/') => format!("library/{repository}"),
            _ => repository,
        };
        if repository.is_empty() || !repository.split('/').all(is_component) {
            return Err(error(format!(
                "`{}` is no repository; expected lower-case letters, digits and single `.`, `_`, `-` or `/` \
                 between them",
                repository.chars().take(80).collect::<String>()
            )));
        }
        if registry.len() + 1 + repository.len() > MAX_NAME {
            return Err(error(format!(
                "its name is longer than {MAX_NAME} characters"
            )));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

/// Docker's rule: the first part is a registry if it could not be the name of a person there.
fn is_registry(part: &str) -> bool {
    part == "localhost"
        || part.contains(['.', ':'])
        || part.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    let bracketed = registry
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let (host, port) = match bracketed {
        Some((address, rest)) => {
            if address.is_empty()
                || !address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
            {
                return Err("between the brackets of its registry there is no IPv6 address");
            }
            (
                None,
                if rest.is_empty() {
                    None
                } else {
                    Some(rest.strip_prefix(':').unwrap_or("x"))
                },
            )
        }
        None => match registry.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(registry), None),
        },
    };
    if port
        .is_some_and(|port| port.len() > 5 || port.parse::<u16>().is_err() || port.starts_with('+'))
    {
        return Err("the port of its registry is no number from 0 to 65535");
    }
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match host {
        Some(host) if !host.split('.').all(label) => Err("its registry is no host name"),
        _ => Ok(()),
    }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = tag.as_bytes().first().is_some_and(|byte| word(*byte));
    if starts && tag.len() <= 128 && tag.bytes().all(|byte| word(byte) || b".-".contains(&byte)) {
        Ok(())
    } else {
        Err(
            "its tag is not made of letters, digits, `_`, `.` and `-`, at most 128, the first no `.` or `-`",
        )
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (distribution-spec, "Pull").
fn is_component(part: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let edges = bytes.first().is_some_and(plain) && bytes.last().is_some_and(plain);
    edges
        && part
            .split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit())
            .all(|between| {
                matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-')
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn short_and_full_forms() {
        for (text, full, familiar) in [
            ("nginx", "docker.io/library/nginx", "nginx"),
            (
                "nginx:1.26-dev",
                "docker.io/library/nginx:1.26-dev",
                "nginx:1.26-dev",
            ),
            ("team/app", "docker.io/team/app", "team/app"),
            ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
            (
                "index.docker.io/team/app:x",
                "docker.io/team/app:x",
                "team/app:x",
            ),
            ("localhost/app", "localhost/app", "localhost/app"),
            (
                "localhost:5000/a/b:c",
                "localhost:5000/a/b:c",
                "localhost:5000/a/b:c",
            ),
            ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
            (
                "ghcr.io/a__b/c-d--e.f:V1_.-",
                "ghcr.io/a__b/c-d--e.f:V1_.-",
                "ghcr.io/a__b/c-d--e.f:V1_.-",
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), full);
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(full.parse::<Reference>().unwrap(), reference);
        }
        let pinned: Reference = format!("a.b/c:d@{DIGEST}").parse().unwrap();
        assert_eq!(
            (pinned.tag(), pinned.digest().unwrap().to_string()),
            (Some("d"), DIGEST.to_owned())
        );
        assert_eq!(
            format!("a.b/c@{DIGEST}")
                .parse::<Reference>()
                .unwrap()
                .tag_or_latest(),
            None
        );
        assert_eq!(
            "a.b/c".parse::<Reference>().unwrap().tag_or_latest(),
            Some("latest")
        );
        assert_eq!(pinned.with_tag("e").unwrap().to_string(), "a.b/c:e");
    }

    #[test]
    fn refuses_what_registries_refuse() {
        for text in [
            "",
            ":tag",
            "Nginx",
            "a b",
            "a//b",
            "/a",
            "a/",
            "a..b",
            "a___b",
            "a.-b",
            "../etc",
            "a:",
            "a:-x",
            "a:x y",
            "a@sha256:00",
            "a@",
            "a.b:port/c",
            "a.b:70000/c",
            "a.b:+80/c",
            "-a.b/c",
            "[::g]/a",
            "[::1]x/a",
            "a.b/",
            "é",
            "a\0",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
        assert!(
            format!("a.b/{}", "x".repeat(260))
                .parse::<Reference>()
                .is_err()
        );
        assert!(
            format!("a:{}", "x".repeat(129))
                .parse::<Reference>()
                .is_err()
        );
    }

    proptest::proptest! {
        #[test]
        fn what_parses_prints_and_parses_the_same(text in "[a-zA-Z0-9./:@_\\[\\]-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
            }
        }
    }
}
