//! Where an archive can be fetched from.
//!
//! An archive is a name (`debian`, `debian-security`); which machine serves it is a setting of the
//! machine kiln runs on. In order: the address that the definition itself gives; the snapshot
//! service of its distribution, when a snapshot is asked for; the mirrors of the settings; the
//! machine's own apt sources; the snapshot service as of today. A locked package that none of them
//! has any more is asked for at the snapshot service as of the lock.
//!
//! Apt sources are not known by archive. Each of their addresses is a candidate for every archive,
//! and the signed index decides: an address whose index is not of the wanted origin and suite is
//! passed over.

use std::collections::BTreeMap;
use std::path::Path;

use kiln_deb::sources_list::{ArchiveType, parse_deb822, parse_list};
use kiln_types::{ArchiveSource, Lock, Timestamp};

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

/// Where to ask for a locked package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackageAddresses {
    /// Base URLs, best first.
    pub(crate) mirrors: Vec<String>,
    /// Where it is asked for when no mirror has it any more: the snapshot service as of the lock.
    pub(crate) last_resort: Option<String>,
}

/// Seconds of a day.
const DAY: i64 = 86_400;

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
        if let Some((at, url)) = self
            .snapshot
            .and_then(|at| Some((at, snapshot_url(source, at)?)))
        {
            return Some(told(vec![url], Some(at)));
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
        let at = Timestamp::from_unix(today.unix().div_euclid(DAY) * DAY);
        snapshot_url(source, at).map(|url| told(vec![url], Some(at)))
    }

    /// Where to ask for the locked packages of an archive: at the addresses above, and at last at
    /// the snapshot service as of the lock. `source` is what the plan says of the archive.
    pub(crate) fn for_packages(
        &self,
        source: &ArchiveSource,
        lock: &Lock,
        today: Timestamp,
    ) -> PackageAddresses {
        let mirrors = self
            .candidates(source, today)
            .map(|candidates| candidates.urls)
            .unwrap_or_default();
        let last_resort = kept_at(source, lock).filter(|url| !mirrors.contains(url));
        PackageAddresses {
            mirrors,
            last_resort,
        }
    }
}

/// Where the state of an archive that a lock names is kept for good, where somebody does.
pub(crate) fn kept_at(source: &ArchiveSource, lock: &Lock) -> Option<String> {
    as_of(lock, &source.archive)
        .and_then(|at| snapshot_url(source, at))
        .filter(|_| source.url.is_none())
}

/// A moment at which an archive held what a lock names: that of the snapshot which was read, or a
/// day after the newest of its indexes. The snapshot service looks at an archive a few times a day,
/// so that at the index's own date it may have the state before it; and archives keep superseded
/// files for more than a day.
fn as_of(lock: &Lock, archive: &str) -> Option<Timestamp> {
    let newest = || {
        lock.indexes
            .iter()
            .filter(|index| index.archive == archive)
            .map(|index| index.date)
            .max()
    };
    lock.snapshot
        .or_else(|| newest().map(|date| Timestamp::from_unix(date.unix().saturating_add(DAY))))
}

/// The address of an archive as it was at a time, where somebody keeps its old states.
fn snapshot_url(source: &ArchiveSource, at: Timestamp) -> Option<String> {
    let stamp: String = at
        .to_string()
        .chars()
        .filter(|c| !matches!(c, '-' | ':'))
        .collect();
    let template = source.snapshot.as_ref()?;
    Some(
        template
            .replace("{archive}", &source.archive)
            .replace("{timestamp}", &stamp),
    )
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
mod tests;
