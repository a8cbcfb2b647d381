//! secdb, the form of Alpine, Wolfi, Chainguard and those that build like them: origin → version →
//! ids that it fixes. Version `0` says that an id never affected the origin.

use std::io::Read;

use kiln_types::{Fact, FixState, RiskLevel};
use serde::Deserialize;

use super::unique::Unique;
use super::{FeedError, LONGEST, before};
use crate::advisories::AdvisorySet;

/// Whose secdb it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecdbKind {
    /// A rolling distribution: one namespace for all its releases (`wolfi`, `chainguard`).
    Rolling(String),
    /// A distribution with releases; which one stands in the file (`distroversion`).
    Released(String),
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    distroversion: Option<String>,
    packages: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// An empty list stands for an empty map in old files of Alpine.
    #[serde(default)]
    secfixes: Unique<Option<Vec<String>>>,
}

/// Reads a secdb.
///
/// # Errors
/// When it is no JSON of that form.
pub fn read_secdb(kind: &SecdbKind, input: impl Read) -> Result<AdvisorySet, FeedError> {
    let feed = match kind {
        SecdbKind::Rolling(name) | SecdbKind::Released(name) => format!("{name}-secdb"),
    };
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    let document = Document::deserialize(&mut reader)
        .and_then(|document| reader.end().map(|()| document))
        .map_err(|error| FeedError::json(&feed, &error))?;
    let ecosystem = match (kind, &document.distroversion) {
        (SecdbKind::Rolling(name), _) => name.clone(),
        (SecdbKind::Released(name), Some(version)) => {
            format!("{name}:{}", version.strip_prefix('v').unwrap_or(version))
        }
        (SecdbKind::Released(_), None) => {
            return Err(FeedError::new(
                &feed,
                "`distroversion`",
                "no release is named",
            ));
        }
    };
    let mut set = AdvisorySet::new();
    set.cover(&ecosystem);
    for Item { pkg } in document.packages {
        if pkg.secfixes.0.is_empty() {
            continue;
        }
        if pkg.name.is_empty() || pkg.name.len() > LONGEST {
            return Err(FeedError::new(
                &feed,
                &pkg.name,
                "the name is empty or too long",
            ));
        }
        for (version, texts) in pkg.secfixes.0 {
            for id in texts.iter().flatten().flat_map(|text| ids(text)) {
                let is_never = version == "0";
                set.add(
                    &ecosystem,
                    &pkg.name,
                    Fact {
                        vulnerability: id.clone(),
                        record: id,
                        source: feed.clone(),
                        ranges: if is_never {
                            Vec::new()
                        } else {
                            before(&version)
                        },
                        versions: Vec::new(),
                        state: if is_never {
                            FixState::NotAffected
                        } else {
                            FixState::Fixed
                        },
                        level: RiskLevel::Unknown,
                        informational: false,
                        reason: String::new(),
                        fixed_at: None,
                    },
                );
            }
        }
    }
    Ok(set)
}

/// The ids in a text such as `CVE-2017-2616 (+ regression fix)` or `CVE_2017_1 XSA-2`.
fn ids(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split([' ', '\t', '\n', ',', ';']) {
        let word = word.trim_matches(['(', ')', '.', ':']);
        let word = match word.get(..4) {
            Some("CVE_") => word.replace('_', "-"),
            _ => word.to_owned(),
        };
        let is_id = word.split_once('-').is_some_and(|(kind, rest)| {
            !kind.is_empty()
                && kind
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                && (kind == "GHSA" || rest.bytes().any(|byte| byte.is_ascii_digit()))
        });
        if is_id && word.len() <= LONGEST && !out.contains(&word) {
            out.push(word);
        }
    }
    out
}
