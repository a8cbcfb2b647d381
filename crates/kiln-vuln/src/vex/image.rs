//! Names of images, taken apart so that their spellings can be compared.

use std::collections::BTreeMap;

use kiln_types::{Purl, Subject};

/// The package URL of an image: its name and the digest of its manifest, or of its configuration;
/// none for what has no digest.
#[must_use]
pub fn image_purl(subject: &Subject) -> Option<Purl> {
    let digest = subject.manifest.or(subject.config)?;
    let reference = subject.name.split('@').next().unwrap_or_default();
    let (path, last) = match reference.rsplit_once('/') {
        Some((path, last)) => (Some(path), last),
        None => (None, reference),
    };
    let (name, tag) = last.split_once(':').unwrap_or((last, ""));
    let name = name.to_lowercase();
    let mut qualifiers = BTreeMap::new();
    if let Some(path) = path {
        qualifiers.insert("repository_url".to_owned(), format!("{path}/{name}"));
    }
    if !tag.is_empty() {
        qualifiers.insert("tag".to_owned(), tag.to_owned());
    }
    let digest = digest.to_string();
    Purl::build("oci", None, &name, Some(&digest), qualifiers, None).ok()
}

/// Whether a name is one for images.
pub(super) fn is_of_image(name: &str) -> bool {
    match name.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("pkg:") => {
            let kind = name.get(4..).unwrap_or_default().trim_start_matches('/');
            kind.starts_with("oci/") || kind.starts_with("docker/")
        }
        _ => true,
    }
}

/// The name of an image, taken apart. What it says twice must both be so.
#[derive(Default)]
pub(super) struct ImageName {
    /// Without tag and digest, with Docker Hub's spellings made one.
    pub(super) repository: String,
    /// Whether it may be the end of a longer one.
    pub(super) is_partial: bool,
    pub(super) tags: Vec<String>,
    pub(super) digests: Vec<String>,
    /// What it says of the platform, with the spelling.
    pub(super) platforms: Vec<(String, Platform)>,
    /// What it says besides, which is not known of images.
    pub(super) other: Option<String>,
}

/// What is said of a platform; everything where it is not said.
#[derive(Default)]
pub(super) struct Platform {
    pub(super) os: Option<String>,
    pub(super) architecture: Option<String>,
    pub(super) variant: Option<String>,
}

impl Platform {
    /// `linux/arm64`, `linux/arm/v7`; one word is an architecture.
    pub(super) fn of(text: &str) -> Self {
        let mut parts = text.splitn(3, '/').map(str::to_owned);
        match text.contains('/') {
            true => Self {
                os: parts.next(),
                architecture: parts.next(),
                variant: parts.next(),
            },
            false => Self {
                architecture: parts.next(),
                ..Self::default()
            },
        }
    }

    /// Whether an image of this platform is what was said.
    pub(super) fn is(&self, said: &Self) -> bool {
        let same = |said: &Option<String>, is: &Option<String>| said.is_none() || said == is;
        let word = |word: &Option<String>| word.as_deref().map(architecture).map(str::to_owned);
        let own = word(&self.architecture);
        // `arm64/v8` and `arm64` are one.
        let is_default = own.as_deref() == Some("arm64")
            && self.variant.is_none()
            && said.variant.as_deref() == Some("v8");
        same(&said.os, &self.os)
            && same(&word(&said.architecture), &own)
            && (is_default || same(&said.variant, &self.variant))
    }
}

/// One word for an architecture of many.
pub(super) fn architecture(word: &str) -> &str {
    match word {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i686" | "x86" => "386",
        other => other,
    }
}

impl ImageName {
    pub(super) fn of(name: &str) -> Self {
        let Ok(purl) = name.parse::<Purl>() else {
            return Self::of_reference(name);
        };
        let own = match purl.namespace() {
            Some(namespace) => format!("{namespace}/{}", purl.name()),
            None => purl.name().to_owned(),
        };
        let url = purl.qualifier("repository_url");
        let url = url.map(|url| url.split_once("://").map_or(url, |(_, rest)| rest));
        let url = url.map(|url| url.trim_end_matches('/'));
        let repository = match url {
            // The registry, or the whole repository: both are written.
            Some(url) if url.ends_with(&format!("/{own}")) => url.to_owned(),
            Some(url) if purl.kind() == "oci" && !own.contains('/') && url.contains('/') => {
                match url.rsplit('/').next() {
                    Some(end) if end.eq_ignore_ascii_case(&own) => url.to_owned(),
                    _ => format!("{url}/{own}"),
                }
            }
            Some(url) => format!("{url}/{own}"),
            None => own,
        };
        let mut out = Self {
            repository: hub(&repository),
            // `pkg:oci` without a repository says no registry; `pkg:docker` means Docker Hub.
            is_partial: purl.kind() == "oci" && url.is_none(),
            other: purl.subpath().map(|path| format!("the path {path}")),
            ..Self::default()
        };
        match purl.version() {
            Some(version) if version.starts_with("sha256:") => out.digests.push(version.to_owned()),
            version => out.tags.extend(version.map(str::to_owned)),
        }
        for (key, value) in purl.qualifiers() {
            let said = Some(value.clone());
            let platform = match key.as_str() {
                "repository_url" => continue,
                "tag" => {
                    out.tags.push(value.clone());
                    continue;
                }
                "digest" => {
                    out.digests.push(value.clone());
                    continue;
                }
                "platform" => Platform::of(value),
                "os" => Platform {
                    os: said,
                    ..Platform::default()
                },
                "arch" => Platform {
                    architecture: said,
                    ..Platform::default()
                },
                "variant" => Platform {
                    variant: said,
                    ..Platform::default()
                },
                _ => {
                    out.other = Some(format!("{key}={value}"));
                    continue;
                }
            };
            out.platforms.push((format!("{key}={value}"), platform));
        }
        out
    }

    fn of_reference(reference: &str) -> Self {
        if reference.starts_with("sha256:") {
            return Self {
                digests: vec![reference.to_owned()],
                ..Self::default()
            };
        }
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (reference, None),
        };
        let name_at = rest.rfind('/').map_or(0, |at| at + 1);
        let tag_at = rest.get(name_at..).and_then(|name| name.find(':'));
        let (repository, tag) = match tag_at.map(|at| name_at + at) {
            Some(at) => (rest.get(..at), rest.get(at + 1..)),
            None => (Some(rest), None),
        };
        Self {
            repository: hub(repository.unwrap_or_default()),
            tags: tag.map(str::to_owned).into_iter().collect(),
            digests: digest.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// One spelling for Docker Hub: without host and without `library/`.
fn hub(repository: &str) -> String {
    let mut rest = repository;
    for host in [
        "index.docker.io/",
        concat!("registry-1", ".docker.io/"),
        "registry.hub.docker.com/",
        "hub.docker.com/",
        "docker.io/",
    ] {
        rest = rest.strip_prefix(host).unwrap_or(rest);
    }
    rest.strip_prefix("library/").unwrap_or(rest).to_lowercase()
}
