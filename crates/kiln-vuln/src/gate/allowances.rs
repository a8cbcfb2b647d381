//! Entries of allow-lists and ignore files: which of them fits what, and which fit nothing.

use std::cell::Cell;

use kiln_types::{Allowance, Condition, Finding, Purl, Reason, Timestamp};

use super::Case;
use super::pattern::{fits, fits_path};

/// What an entry may be about.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// The code of the rule, or none where it is about a finding as such.
    pub(super) code: &'a str,
    /// The finding.
    pub(super) finding: Option<&'a Finding>,
    /// The package.
    pub(super) package: Option<&'a str>,
    /// Its package URL.
    pub(super) purl: Option<&'a str>,
    /// The path.
    pub(super) path: Option<&'a str>,
}

/// An entry, and how it fared.
pub(super) struct Entry<'a> {
    pub(super) allowance: &'a Allowance,
    pub(super) is_foreign: bool,
    pub(super) is_expired: bool,
    pub(super) is_used: Cell<bool>,
}

/// All entries that speak of this image.
pub(super) struct Allowances<'a> {
    pub(super) entries: Vec<Entry<'a>>,
}

impl<'a> Allowances<'a> {
    pub(super) fn new(case: &Case<'a>) -> Self {
        let own = case.policy.allow.iter().map(|entry| (entry, false));
        // Where the policy refuses ignore files, none of their entries counts.
        let foreign = case
            .ignores
            .iter()
            .filter(|_| case.policy.accepts_ignore_files)
            .map(|entry| (entry, true));
        let entries = own
            .chain(foreign)
            .filter(|(entry, _)| entry.is_about_image(case.name))
            .map(|(allowance, is_foreign)| Entry {
                allowance,
                is_foreign,
                is_expired: allowance.has_ended(case.now),
                is_used: Cell::new(false),
            });
        Self {
            entries: entries.collect(),
        }
    }

    /// The first entry in force that allows this.
    pub(super) fn find(&self, about: &About<'_>) -> Option<&'a Allowance> {
        let mut found = None;
        for entry in &self.entries {
            // Without an id an entry speaks of findings, and of nothing else that has a package.
            let has_id = |one: &Condition| matches!(one, Condition::Id { .. });
            if about.finding.is_none() && !entry.allowance.conditions.iter().any(has_id) {
                continue;
            }
            // A code names a rule of the policy, and other tools' files know nothing of it: there an
            // id is a vulnerability's.
            let about = match entry.is_foreign {
                true => &About { code: "", ..*about },
                false => about,
            };
            if !entry
                .allowance
                .conditions
                .iter()
                .all(|one| holds(one, about))
            {
                continue;
            }
            // An entry that has ended, or comes after another, still has what it is about.
            entry.is_used.set(true);
            if !entry.is_expired {
                found = found.or(Some(entry.allowance));
            }
        }
        found
    }
}

trait Speaks {
    fn is_about_image(&self, name: &str) -> bool;
    fn has_ended(&self, now: Timestamp) -> bool;
}

impl Speaks for Allowance {
    fn is_about_image(&self, name: &str) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Image(patterns) => patterns.iter().any(|pattern| fits(pattern, name)),
            _ => true,
        })
    }

    fn has_ended(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|day| day <= now)
    }
}

/// Why an entry can never apply, where it cannot.
pub(super) fn unjudged(allowance: &Allowance) -> Option<&str> {
    allowance
        .conditions
        .iter()
        .find_map(|condition| match condition {
            Condition::Unjudged(reason) => Some(reason.as_str()),
            _ => None,
        })
}

fn holds(condition: &Condition, about: &About<'_>) -> bool {
    let finding = about.finding;
    let among = |patterns: &[String], text: Option<&str>| {
        text.is_some_and(|text| patterns.iter().any(|pattern| fits(pattern, text)))
    };
    match condition {
        Condition::Id { id, or_alias } => {
            let is_code = !id.is_empty() && id == about.code;
            is_code
                || finding.is_some_and(|finding| {
                    finding.vulnerability.id.eq_ignore_ascii_case(id)
                        || (*or_alias && has_alias(finding, id))
                })
        }
        // The entries of other images are not here.
        Condition::Image(_) => true,
        Condition::Package(patterns) => {
            among(patterns, about.package)
                || among(patterns, about.purl)
                || among(
                    patterns,
                    finding.and_then(|one| one.source_package.as_deref()),
                )
        }
        Condition::Purl(purls) => {
            let purl: Option<Purl> = about.purl.and_then(|text| text.parse().ok());
            purl.is_some_and(|purl| purls.iter().any(|wanted| is_of(wanted, &purl)))
        }
        Condition::Path(patterns) => about
            .path
            .is_some_and(|path| patterns.iter().any(|pattern| fits_path(pattern, path))),
        Condition::Version(version) => finding.is_some_and(|one| one.version == *version),
        Condition::Kind(kind) => finding.is_some_and(|one| one.kind == *kind),
        Condition::Source(name) => finding.is_some_and(|one| {
            let source = one.source_package.as_deref().unwrap_or(&one.package);
            fits(name, source)
        }),
        Condition::Ecosystem(name) => finding.is_some_and(|one| one.ecosystem == *name),
        Condition::State(states) => finding.is_some_and(|one| states.contains(&one.state)),
        Condition::Unjudged(_) => false,
    }
}

/// Whether a finding is known under an id, be it of the vulnerability or of a record about it.
fn has_alias(finding: &Finding, id: &str) -> bool {
    let records = finding.facts.iter().map(|fact| &fact.record);
    finding
        .vulnerability
        .aliases
        .iter()
        .chain(records)
        .any(|name| name.eq_ignore_ascii_case(id))
}

/// Whether everything that one package URL says is so in another.
fn is_of(wanted: &Purl, found: &Purl) -> bool {
    wanted.kind() == found.kind()
        && wanted.namespace() == found.namespace()
        && wanted.name() == found.name()
        && wanted
            .version()
            .is_none_or(|version| found.version() == Some(version))
        && wanted
            .qualifiers()
            .iter()
            .all(|(key, value)| found.qualifier(key) == Some(value))
        && wanted
            .subpath()
            .is_none_or(|path| found.subpath() == Some(path))
}

/// What a reason without a finding is about.
pub(super) fn about_reason(reason: &Reason) -> About<'_> {
    About {
        code: &reason.code,
        finding: None,
        package: reason.package.as_deref(),
        purl: None,
        path: reason.place.as_deref(),
    }
}
