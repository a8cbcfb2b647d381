//! Readers of feeds: bytes in, facts out.
//!
//! Each reads into a set of its own, so that a broken feed says what is wrong with it and takes
//! nothing from the others. A record that cannot be understood is an error with its place; nothing is
//! guessed. Sizes are bounded by the caller's reader and by the limits here.

mod debian_list;
mod debian_tracker;
mod end_of_life;
mod epss;
mod kev;
mod kind;
mod nvd;
mod osv;
mod secdb;
mod unique;

pub use debian_list::{DebianLists, read_changelog_fixes};
pub use debian_tracker::read_debian_tracker;
pub use end_of_life::{read_distro_info, read_end_of_life};
pub use epss::read_epss;
pub use kev::read_kev;
pub use kind::{FeedKind, ReadFeed, read_feed};
pub use nvd::read_nvd;
pub use osv::{read_osv, read_osv_lines};
pub use secdb::{SecdbKind, read_secdb};

use std::io;

use kiln_types::{Classify, ErrorClass, RangeEnd, VersionRange};

/// The longest single text of a feed (a name, an id, a version), in bytes.
const LONGEST: usize = 4096;

/// Why a feed cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the feed {feed} cannot be read at {place}: {reason}")]
pub struct FeedError {
    /// Which feed.
    pub feed: String,
    /// Where in it: a line, a record.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl Classify for FeedError {
    fn class(&self) -> ErrorClass {
        ErrorClass::Integrity
    }
}

impl FeedError {
    pub(crate) fn new(feed: &str, place: impl Into<String>, reason: impl Into<String>) -> Self {
        let short = |text: String| text.chars().take(300).collect();
        Self {
            feed: feed.to_owned(),
            place: short(place.into()),
            reason: short(reason.into()),
        }
    }

    pub(crate) fn json(feed: &str, error: &serde_json::Error) -> Self {
        Self::new(
            feed,
            format!("line {}, column {}", error.line(), error.column()),
            error.to_string(),
        )
    }

    pub(crate) fn io(feed: &str, place: impl Into<String>, error: &io::Error) -> Self {
        Self::new(feed, place, error.to_string())
    }
}

/// Everything below a version.
pub(crate) fn before(version: &str) -> Vec<VersionRange> {
    vec![VersionRange {
        from: None,
        end: RangeEnd::Before(version.to_owned()),
    }]
}

/// Every version.
pub(crate) fn all_versions() -> Vec<VersionRange> {
    vec![VersionRange {
        from: None,
        end: RangeEnd::Open,
    }]
}

/// The major number of a release of Debian by its codename, `unstable` for sid.
pub(crate) fn debian_release(codename: &str) -> Option<&'static str> {
    Some(match codename {
        "wheezy" => "7",
        "jessie" => "8",
        "stretch" => "9",
        "buster" => "10",
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "forky" => "14",
        "duke" => "15",
        "sid" => "unstable",
        _ => return None,
    })
}
