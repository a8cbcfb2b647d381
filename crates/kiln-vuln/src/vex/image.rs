//! Names of images, taken apart so that their spellings can be compared.

use kiln_types::Purl;

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

/// The name of an image, taken apart.
pub(super) struct ImageName {
    /// Without tag and digest, with Docker Hub's spellings made one.
    pub(super) repository: String,
    /// Whether it may be the end of a longer one.
    pub(super) is_partial: bool,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) architecture: Option<String>,
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
        let version = purl.version().map(str::to_owned);
        let (digest, of_version) = match version {
            Some(version) if version.starts_with("sha256:") => (Some(version), None),
            version => (None, version),
        };
        Self {
            repository: hub(&repository),
            // `pkg:oci` without a repository says no registry; `pkg:docker` means Docker Hub.
            is_partial: purl.kind() == "oci" && url.is_none(),
            tag: purl.qualifier("tag").map(str::to_owned).or(of_version),
            digest,
            architecture: purl.qualifier("arch").map(str::to_owned),
        }
    }

    fn of_reference(reference: &str) -> Self {
        if reference.starts_with("sha256:") {
            return Self {
                repository: String::new(),
                is_partial: false,
                tag: None,
                digest: Some(reference.to_owned()),
                architecture: None,
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
            is_partial: false,
            tag: tag.map(str::to_owned),
            digest,
            architecture: None,
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
