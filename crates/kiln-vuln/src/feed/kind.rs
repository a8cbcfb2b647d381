//! The kinds of feeds: their names, where each is by default, and how a file of one is read.

use std::fmt;
use std::io::{self, Read, Seek};
use std::str::FromStr;

use kiln_archive::zip::ZipReader;
use kiln_archive::{ArchiveError, Limits};
use kiln_types::Timestamp;

use super::{
    DebianLists, FeedError, SecdbKind, read_changelog_fixes, read_debian_tracker, read_distro_info,
    read_end_of_life, read_epss, read_kev, read_nvd, read_osv, read_osv_lines, read_secdb,
};
use crate::advisories::AdvisorySet;

/// The longest record of OSV, in bytes.
const RECORD: u64 = 32 << 20;

/// A feed that kiln reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedKind {
    /// Debian's security tracker, JSON.
    DebianTracker,
    /// The tracker's list of vulnerabilities.
    DebianVulnerabilities,
    /// The list of advisories of the security team.
    DebianAdvisories,
    /// The list of advisories of the long-term support team.
    DebianLtsAdvisories,
    /// Fixes that only changelogs name, one JSON object a line.
    DebianChangelogs,
    /// Ends of support of Debian, CSV.
    DebianReleases,
    /// Ends of support of Ubuntu, CSV.
    UbuntuReleases,
    /// Alpine's secdb, one file a repository.
    AlpineSecdb,
    /// Wolfi's secdb.
    WolfiSecdb,
    /// Chainguard's secdb.
    ChainguardSecdb,
    /// OSV records: zip, tar, one a file or one a line.
    Osv,
    /// NVD, JSON 2.0.
    Nvd,
    /// CISA's catalogue of exploited vulnerabilities.
    Kev,
    /// EPSS.
    Epss,
    /// Ends of support of products.
    EndOfLife,
}

/// How a feed is named, and where it is by default.
struct Entry(FeedKind, &'static str, &'static [&'static str]);

const KINDS: [Entry; 15] = [
    Entry(
        FeedKind::DebianTracker,
        "debian-tracker",
        &["https://security-tracker.debian.org/tracker/data/json"],
    ),
    Entry(
        FeedKind::DebianVulnerabilities,
        "debian-vulnerabilities",
        &[],
    ),
    Entry(
        FeedKind::DebianAdvisories,
        "debian-advisories",
        &[
            "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DSA/list",
        ],
    ),
    Entry(
        FeedKind::DebianLtsAdvisories,
        "debian-lts-advisories",
        &[
            "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DLA/list",
        ],
    ),
    Entry(FeedKind::DebianChangelogs, "debian-changelogs", &[]),
    Entry(FeedKind::DebianReleases, "debian-releases", &[]),
    Entry(FeedKind::UbuntuReleases, "ubuntu-releases", &[]),
    Entry(
        FeedKind::AlpineSecdb,
        "alpine-secdb",
        &[
            "https://secdb.alpinelinux.org/v3.20/main.json",
            "https://secdb.alpinelinux.org/v3.20/community.json",
            "https://secdb.alpinelinux.org/v3.21/main.json",
            "https://secdb.alpinelinux.org/v3.21/community.json",
            "https://secdb.alpinelinux.org/v3.22/main.json",
            "https://secdb.alpinelinux.org/v3.22/community.json",
            "https://secdb.alpinelinux.org/v3.23/main.json",
            "https://secdb.alpinelinux.org/v3.23/community.json",
            "https://secdb.alpinelinux.org/edge/main.json",
            "https://secdb.alpinelinux.org/edge/community.json",
        ],
    ),
    // Their secdb lies beside the packages; the OSV form of the same advisories is a default below.
    Entry(FeedKind::WolfiSecdb, "wolfi-secdb", &[]),
    Entry(FeedKind::ChainguardSecdb, "chainguard-secdb", &[]),
    Entry(
        FeedKind::Osv,
        "osv",
        &[
            "https://storage.googleapis.com/osv-vulnerabilities/npm/all.zip",
            "https://storage.googleapis.com/osv-vulnerabilities/PyPI/all.zip",
            "https://storage.googleapis.com/osv-vulnerabilities/Go/all.zip",
            concat!(
                "https://storage.googleapis.com/osv-vulnerabilities/crates",
                ".io/all.zip"
            ),
            "https://storage.googleapis.com/osv-vulnerabilities/Maven/all.zip",
            "https://storage.googleapis.com/osv-vulnerabilities/RubyGems/all.zip",
            "https://storage.googleapis.com/osv-vulnerabilities/Packagist/all.zip",
            "https://storage.googleapis.com/osv-vulnerabilities/NuGet/all.zip",
            "https://storage.googleapis.com/osv-vulnerabilities/Ubuntu/all.zip",
            "https://advisories.cgr.dev/chainguard/v3/osv/chainguard-osv.tar.gz",
        ],
    ),
    Entry(FeedKind::Nvd, "nvd", &[]),
    Entry(
        FeedKind::Kev,
        "kev",
        &["https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"],
    ),
    Entry(
        FeedKind::Epss,
        "epss",
        &["https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"],
    ),
    Entry(
        FeedKind::EndOfLife,
        "end-of-life",
        &["https://endoflife.date/api/v1/products/full"],
    ),
];

impl FeedKind {
    /// All kinds, in the order in which they are read.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|Entry(kind, ..)| *kind)
    }

    fn entry(self) -> Option<&'static Entry> {
        KINDS.iter().find(|Entry(kind, ..)| *kind == self)
    }

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.entry().map_or("feed", |Entry(_, name, _)| name)
    }

    /// Where it is, unless settings say otherwise; nothing for one that is only read on request.
    #[must_use]
    pub fn default_urls(self) -> &'static [&'static str] {
        self.entry().map_or(&[], |Entry(_, _, urls)| urls)
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for FeedKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        KINDS
            .iter()
            .find(|Entry(_, name, _)| *name == text)
            .map(|Entry(kind, ..)| *kind)
            .ok_or_else(|| {
                let names: Vec<&str> = KINDS.iter().map(|Entry(_, name, _)| *name).collect();
                format!(
                    "`{text}` is no kind of feed; these are: {}",
                    names.join(", ")
                )
            })
    }
}

/// What a file of a feed gave.
#[derive(Debug)]
pub struct ReadFeed {
    /// The facts.
    pub set: AdvisorySet,
    /// When its content was current, where it says so itself.
    pub as_of: Option<Timestamp>,
}

/// Reads a file of a feed. `name` is its name, for errors and to tell an archive by. Compressed
/// files are taken as they are.
///
/// A feed that says nothing is none: somebody named the wrong file, or what gives it out is broken.
/// Only a single record of OSV may be about something that kiln does not match.
///
/// # Errors
/// When it is not what its kind says, or says nothing.
pub fn read_feed(
    kind: FeedKind,
    name: &str,
    input: impl Read + Seek,
) -> Result<ReadFeed, FeedError> {
    let read = read_any(kind, name, input)?;
    if kind != FeedKind::Osv && read.set.is_empty() {
        return Err(nothing(kind, name, "nothing of that"));
    }
    Ok(read)
}

/// What files of a kind hold, in words.
const fn expected(kind: FeedKind) -> &'static str {
    match kind {
        FeedKind::DebianTracker => "the tracker's JSON: source packages, and of each its CVEs",
        FeedKind::DebianVulnerabilities => "the tracker's `data/CVE/list`",
        FeedKind::DebianAdvisories | FeedKind::DebianLtsAdvisories => {
            "the tracker's `data/DSA/list` or `data/DLA/list`"
        }
        FeedKind::DebianChangelogs => "lines of JSON, each a fix that a changelog names",
        FeedKind::DebianReleases | FeedKind::UbuntuReleases => {
            "the CSV of `distro-info-data` with ends of support"
        }
        FeedKind::AlpineSecdb | FeedKind::WolfiSecdb | FeedKind::ChainguardSecdb => {
            "a secdb: JSON with `packages` and their `secfixes`"
        }
        FeedKind::Osv => "OSV records as JSON, of an ecosystem that kiln matches",
        FeedKind::Nvd => "NVD's JSON 2.0 with `vulnerabilities`",
        FeedKind::Kev => "CISA's JSON with `vulnerabilities`",
        FeedKind::Epss => "the CSV with a probability for each CVE",
        FeedKind::EndOfLife => "endoflife.date's JSON with `result`",
    }
}

fn nothing(kind: FeedKind, name: &str, found: &str) -> FeedError {
    let expected = expected(kind);
    FeedError::new(
        kind.as_str(),
        name,
        format!("it says nothing: expected {expected}, found {found}"),
    )
}

/// What was seen in an archive of OSV records.
#[derive(Default)]
struct Seen {
    records: u64,
    others: u64,
    /// The first that is no record.
    other: String,
}

impl Seen {
    fn other(&mut self, name: &str) {
        if self.others == 0 {
            name.clone_into(&mut self.other);
        }
        self.others += 1;
    }

    /// An archive must say something.
    fn expect(&self, name: &str, set: &AdvisorySet) -> Result<(), FeedError> {
        if !set.is_empty() {
            return Ok(());
        }
        let (records, others, other) = (self.records, self.others, &self.other);
        let found = match (records, others) {
            (0, 0) => "no file".to_owned(),
            (0, _) => format!("{others} files that are none, the first `{other}`"),
            _ => format!("{records} records of other ecosystems"),
        };
        Err(nothing(FeedKind::Osv, name, &found))
    }
}

fn read_any(
    kind: FeedKind,
    name: &str,
    mut input: impl Read + Seek,
) -> Result<ReadFeed, FeedError> {
    let failed = |error: &dyn fmt::Display| FeedError::new(kind.as_str(), name, error.to_string());
    let mut magic = [0; 6];
    let length = read_start(&mut input, &mut magic).map_err(|error| failed(&error))?;
    let begin = magic.get(..length).unwrap_or_default();
    if kind == FeedKind::Osv && begin.starts_with(b"PK") {
        return read_osv_zip(name, input);
    }
    let limits = Limits::default();
    let codec = kiln_archive::decompress::Codec::from_magic(begin);
    let mut reader =
        kiln_archive::decompress::decoder(codec, input, &limits).map_err(|error| failed(&error))?;
    let only = |set: AdvisorySet| ReadFeed { set, as_of: None };
    Ok(match kind {
        FeedKind::DebianTracker => only(read_debian_tracker(reader)?),
        FeedKind::DebianVulnerabilities => {
            let mut lists = DebianLists::new();
            lists.read_vulnerabilities(reader)?;
            only(lists.finish())
        }
        FeedKind::DebianAdvisories | FeedKind::DebianLtsAdvisories => {
            let mut lists = DebianLists::new();
            lists.read_advisories(reader)?;
            only(lists.finish())
        }
        FeedKind::DebianChangelogs => only(read_changelog_fixes(reader)?),
        FeedKind::DebianReleases | FeedKind::UbuntuReleases => {
            let mut text = String::new();
            reader
                .take(1 << 20)
                .read_to_string(&mut text)
                .map_err(|error| failed(&error))?;
            let product = match kind {
                FeedKind::DebianReleases => "debian",
                _ => "ubuntu",
            };
            only(read_distro_info(product, &text)?)
        }
        FeedKind::AlpineSecdb => only(read_secdb(
            &SecdbKind::Released("alpine".to_owned()),
            reader,
        )?),
        FeedKind::WolfiSecdb => only(read_secdb(&SecdbKind::Rolling("wolfi".to_owned()), reader)?),
        FeedKind::ChainguardSecdb => only(read_secdb(
            &SecdbKind::Rolling("chainguard".to_owned()),
            reader,
        )?),
        FeedKind::Osv if is_tar(name) => only(read_osv_tar(name, &mut reader, &limits)?),
        FeedKind::Osv => {
            let mut set = AdvisorySet::new();
            if read_osv_lines(reader, &mut set)? == 0 {
                return Err(nothing(kind, name, "no record"));
            }
            only(set)
        }
        FeedKind::Nvd => only(read_nvd(reader)?),
        FeedKind::Kev => only(read_kev(reader)?),
        FeedKind::Epss => {
            let (set, day) = read_epss(reader)?;
            ReadFeed {
                set,
                as_of: Some(day),
            }
        }
        FeedKind::EndOfLife => only(read_end_of_life(reader)?),
    })
}

fn is_tar(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.ends_with(".tgz") || name.ends_with(".tar") || name.contains(".tar.")
}

fn read_start(input: &mut (impl Read + Seek), magic: &mut [u8; 6]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = magic.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match input.read(rest)? {
            0 => break,
            count => length += count,
        }
    }
    input.rewind()?;
    Ok(length)
}

fn read_osv_zip(name: &str, input: impl Read + Seek) -> Result<ReadFeed, FeedError> {
    let failed = |place: &str, error: &ArchiveError| {
        FeedError::new("osv", format!("{name}, {place}"), error.to_string())
    };
    let limits = Limits::default();
    let mut zip = ZipReader::open(input, &limits).map_err(|error| failed("the end", &error))?;
    let mut set = AdvisorySet::new();
    let mut seen = Seen::default();
    for entry in zip.entries().to_vec() {
        if !entry.name.ends_with(".json") {
            seen.other(&entry.name);
            continue;
        }
        let bytes = zip
            .read(&entry, RECORD)
            .map_err(|error| failed(&entry.name, &error))?;
        read_osv(&format!("{name}, {}", entry.name), &bytes, &mut set)?;
        seen.records += 1;
    }
    seen.expect(name, &set)?;
    Ok(ReadFeed { set, as_of: None })
}

fn read_osv_tar(
    name: &str,
    input: &mut dyn Read,
    limits: &Limits,
) -> Result<AdvisorySet, FeedError> {
    let failed = |error: &dyn fmt::Display| FeedError::new("osv", name, error.to_string());
    let mut set = AdvisorySet::new();
    let mut seen = Seen::default();
    let mut tar = kiln_archive::tar::Reader::new(input, limits);
    while let Some(entry) = tar.next().map_err(|error| failed(&error))? {
        let path = String::from_utf8_lossy(&entry.path).into_owned();
        // Summaries of the whole (`all.json`) and indexes are no records.
        let file = path.rsplit('/').next().unwrap_or(&path);
        let is_record = file
            .strip_suffix(".json")
            .is_some_and(|id| id.contains('-'));
        if !is_record {
            if entry.kind == kiln_archive::tar::Kind::File {
                seen.other(&path);
            }
            continue;
        }
        let bytes =
            kiln_archive::read_to_vec(tar.content(), RECORD).map_err(|error| failed(&error))?;
        read_osv(&format!("{name}, {path}"), &bytes, &mut set)?;
        seen.records += 1;
    }
    seen.expect(name, &set)?;
    Ok(set)
}
