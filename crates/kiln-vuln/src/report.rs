//! Findings in the forms that other programs read. Equal findings give equal bytes; texts from outside
//! are escaped for their form.

mod cyclonedx;
mod day;
mod html;
mod markdown;
mod sarif;
mod services;

pub use cyclonedx::cyclonedx_vex;
pub use day::{is_day_known, is_known, not_known, notes, of_day, supported};
pub use html::html;
pub(crate) use html::{page_style, sort_script};
pub(crate) use markdown::cell;
pub use markdown::markdown;
pub use sarif::sarif;
pub use services::{gitlab, junit};

use kiln_types::{ComponentKind, Finding, Findings};

/// What a reader looks for first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// An update cures it now.
    Fixable,
    /// There is no fix, for the reason that stands beside it.
    NoFix,
    /// Not to be acted on, for the reason that stands beside it.
    Suppressed,
}

impl Group {
    /// All groups, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Fixable, Self::NoFix, Self::Suppressed];

    /// The group of a finding.
    #[must_use]
    pub fn of(finding: &Finding) -> Self {
        if finding.suppressed.is_some() {
            Self::Suppressed
        } else if finding.is_fixable() {
            Self::Fixable
        } else {
            Self::NoFix
        }
    }

    /// Its title.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Fixable => "Fixable now",
            Self::NoFix => "No fix",
            Self::Suppressed => "Suppressed",
        }
    }

    /// The findings of this group: those that are exploited first, then as they stand.
    #[must_use]
    pub fn findings(self, findings: &Findings) -> Vec<&Finding> {
        let all = findings.findings.iter();
        let mut out: Vec<&Finding> = all.filter(|finding| Self::of(finding) == self).collect();
        out.sort_by_key(|finding| finding.vulnerability.exploited.is_none());
        out
    }
}

/// The level and who says so: `high (debian-tracker)`; `unrated` where nobody does.
#[must_use]
pub fn rated(finding: &Finding) -> String {
    match &finding.level_source {
        Some(source) => format!("{} ({source})", finding.level),
        None => finding.level.to_string(),
    }
}

/// Where to look for a component that the distribution's package manager knows nothing of.
#[must_use]
pub fn place(finding: &Finding) -> Option<&str> {
    let is_system = ComponentKind::of_purl_type(&finding.kind).is_system();
    finding.location.as_deref().filter(|_| !is_system)
}

/// What cures a finding, or why nothing does.
#[must_use]
pub fn remedy(finding: &Finding) -> String {
    if let Some(suppressed) = &finding.suppressed {
        return format!("{}: {}", suppressed.kind(), suppressed.reason());
    }
    if let Some(version) = &finding.fixed_version {
        return version.clone();
    }
    let reason = finding
        .facts
        .iter()
        .filter(|fact| fact.state == finding.state)
        .map(|fact| fact.reason.as_str())
        .find(|reason| !reason.is_empty());
    match reason {
        Some(reason) => format!("{}: {reason}", finding.state),
        None => finding.state.to_string(),
    }
}

/// The same as a part of a sentence.
pub(crate) fn cure(finding: &Finding) -> String {
    match (&finding.suppressed, &finding.fixed_version) {
        (None, Some(version)) => format!("fixed in {version}"),
        _ => remedy(finding),
    }
}

/// A probability or percentile in hundred-thousandths, as `0.00383`.
#[must_use]
pub fn fraction(value: u32) -> String {
    format!("{}.{:05}", value / 100_000, value % 100_000)
}

/// A score in tenths, as `7.5`.
#[must_use]
pub fn score(tenths: u8) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Whether a character begins a line or turns the direction of what follows, so that a text looks like
/// another.
pub(crate) const fn turns_lines(character: char) -> bool {
    matches!(
        character,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// A text of at most so many characters, for fields whose readers refuse longer ones.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(most.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

/// Text for XML and HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no place for control characters, not even escaped.
            '\n' | '\t' => out.push(' '),
            control if control.is_control() || turns_lines(control) => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}
