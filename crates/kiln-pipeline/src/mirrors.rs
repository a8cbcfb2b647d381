//! Where an archive can be fetched from.
//!
//! An archive is a name (`debian`, `debian-security`); which machine serves it is a setting of the
//! machine kiln runs on. In order: the address that the definition itself gives; the snapshot
//! service, when a snapshot is asked for; the mirrors of the settings; the machine's own apt
//! sources; the snapshot service as of today.
//!
//! Apt sources are not known by archive. Each of their addresses is a candidate for every archive,
//! and the signed index decides: an address whose index is not of the wanted origin and suite is
//! passed over.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_deb::sources_list::{ArchiveType, parse_deb822, parse_list};
use kiln_types::{ArchiveSource, Timestamp};

/// How sure it is that an address serves the wanted archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certainty {
    /// Somebody said so: an index of another origin is an error.
    Told,
    /// It is one of the machine's apt sources: an index of another origin is passed over.
    Guessed,
}

/// Addresses to try for an archive, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    pub(crate) urls: Vec<String>,
    pub(crate) certainty: Certainty,
    /// The time as of which `Valid-Until` is judged, when it is not now.
    pub(crate) snapshot: Option<Timestamp>,
}

/// What the machine knows of mirrors.
#[derive(Clone, Debug, Default)]
pub struct MirrorSettings {
    /// Base URLs by archive.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Base URLs of the machine's apt sources, in their order.
    pub apt: Vec<String>,
    /// Read every archive as it was at this time.
    pub snapshot: Option<Timestamp>,
}

/// The snapshot service: every state of Debian's archives by time.
const SNAPSHOT_SERVICE: &str = "https://snapshot.debian.org/archive";

/// Archives that the snapshot service keeps.
const SNAPSHOT_ARCHIVES: [&str; 2] = ["debian", "debian-security"];

impl MirrorSettings {
    /// The addresses to try for an archive.
    pub(crate) fn candidates(
        &self,
        source: &ArchiveSource,
        today: Timestamp,
    ) -> Option<Candidates> {
        let told = |urls: Vec<String>, snapshot| Candidates {
            urls,
            certainty: Certainty::Told,
            snapshot,
        };
        if let Some(url) = &source.url {
            return Some(told(vec![url.clone()], None));
        }
        let kept = SNAPSHOT_ARCHIVES.contains(&source.archive.as_str());
        if let Some(at) = self.snapshot.filter(|_| kept) {
            return Some(told(vec![snapshot_url(&source.archive, at)], Some(at)));
        }
        if let Some(urls) = self
            .mirrors
            .get(&source.archive)
            .filter(|urls| !urls.is_empty())
        {
            return Some(told(urls.clone(), self.snapshot));
        }
        if !self.apt.is_empty() {
            return Some(Candidates {
                urls: self.apt.clone(),
                certainty: Certainty::Guessed,
                snapshot: None,
            });
        }
        // Midnight, so that all of a day's builds agree.
        let at = Timestamp::from_unix(today.unix().div_euclid(86_400) * 86_400);
        kept.then(|| told(vec![snapshot_url(&source.archive, at)], Some(at)))
    }

    /// The addresses to try for a locked package of an archive: those above, and at last the
    /// snapshot service as of the lock.
    pub(crate) fn for_packages(
        &self,
        source: Option<&ArchiveSource>,
        archive: &str,
        today: Timestamp,
    ) -> Vec<String> {
        let fallback = ArchiveSource {
            archive: archive.to_owned(),
            suites: Vec::new(),
            components: Vec::new(),
            url: None,
            flat: None,
            keyrings: Vec::new(),
            trusted: false,
            origin: None,
            label: None,
            priority: 500,
        };
        self.candidates(source.unwrap_or(&fallback), today)
            .map(|candidates| candidates.urls)
            .unwrap_or_default()
    }
}

fn snapshot_url(archive: &str, at: Timestamp) -> String {
    let stamp: String = at
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    format!("{SNAPSHOT_SERVICE}/{archive}/{stamp}")
}

/// The base URLs of the enabled `deb` sources below an apt directory (`/etc/apt`), each once. What
/// cannot be read or parsed is passed over: it is apt's affair.
#[must_use]
pub fn apt_mirrors(directory: &Path) -> Vec<String> {
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut paths = vec![directory.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(directory.join("sources.list.d")) {
        let mut listed: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        listed.sort();
        paths.extend(listed);
    }
    for path in paths {
        let small =
            std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= 1 << 20);
        if let (true, Ok(text)) = (small, std::fs::read_to_string(&path)) {
            texts.push((path.display().to_string(), text));
        }
    }
    let mut urls: Vec<String> = Vec::new();
    for (name, text) in texts {
        let sources = match Path::new(&name)
            .extension()
            .and_then(|extension| extension.to_str())
        {
            Some("sources") => parse_deb822(&name, &text).sources,
            Some("list") => parse_list(&name, &text).sources,
            _ => continue,
        };
        for source in sources
            .into_iter()
            .filter(|source| source.enabled && source.types.contains(&ArchiveType::Binary))
        {
            for uri in source.uris {
                let uri = uri.trim_end_matches('/').to_owned();
                let usable = ["http://", "https://", "file:"]
                    .iter()
                    .any(|scheme| uri.starts_with(scheme));
                if usable && !urls.contains(&uri) {
                    urls.push(uri);
                }
            }
        }
    }
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(archive: &str) -> ArchiveSource {
        ArchiveSource {
            archive: archive.to_owned(),
            suites: vec!["trixie".to_owned()],
            components: vec!["main".to_owned()],
            url: None,
            flat: None,
            keyrings: Vec::new(),
            trusted: false,
            origin: None,
            label: None,
            priority: 500,
        }
    }

    const TODAY: Timestamp = Timestamp::from_unix(1_795_489_201);

    #[test]
    fn the_most_explicit_address_wins() {
        let mut settings = MirrorSettings::default();
        let debian = source("debian");
        let urls = |settings: &MirrorSettings, source: &ArchiveSource| {
            settings
                .candidates(source, TODAY)
                .map(|candidates| candidates.urls)
        };
        let snapshot = "https://snapshot.debian.org/archive/debian/20261124T000000Z";
        assert_eq!(urls(&settings, &debian), Some(vec![snapshot.to_owned()]));
        assert_eq!(urls(&settings, &source("mine")), None);

        settings.apt = vec!["http://apt/a".to_owned(), "http://apt/b".to_owned()];
        assert_eq!(urls(&settings, &debian), Some(settings.apt.clone()));

        settings
            .mirrors
            .insert("debian".to_owned(), vec!["http://mirror".to_owned()]);
        assert_eq!(
            urls(&settings, &debian),
            Some(vec!["http://mirror".to_owned()])
        );

        settings.snapshot = "20250101T120000Z".parse().ok();
        let snapshot = "https://snapshot.debian.org/archive/debian/20250101T120000Z";
        assert_eq!(urls(&settings, &debian), Some(vec![snapshot.to_owned()]));

        let own = ArchiveSource {
            url: Some("file:/srv".to_owned()),
            ..debian
        };
        assert_eq!(urls(&settings, &own), Some(vec!["file:/srv".to_owned()]));
    }
}
