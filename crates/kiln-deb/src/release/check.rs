//! Whether a Release file is the one that was wanted, and fresh.

use kiln_types::{Diagnostic, Timestamp};

use super::Release;

/// How far in the future a Release file may have been made, in seconds: machines' clocks differ.
const CLOCK_SKEW: i64 = 600;

/// What a Release file must say.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// The suite or codename asked for; `None` for a flat repository.
    pub suite: Option<&'a str>,
    /// Its `Origin`, where known.
    pub origin: Option<&'a str>,
    /// Its `Label`, where known.
    pub label: Option<&'a str>,
    /// The moment at which it must be valid: now for a mirror, the chosen time for a snapshot.
    pub at: Timestamp,
    /// Whether `Valid-Until` counts. Not for a suite that is read on purpose after its end.
    pub verify_valid_until: bool,
}

impl Release {
    /// Compares with what was wanted. `subject` names the file in messages. All findings at once;
    /// none when everything is as expected. All are errors:
    ///
    /// - `release/suite`: it is of another suite: a mirror answers with the wrong directory, or an
    ///   attacker replays the validly signed index of an older release;
    /// - `release/origin`, `release/label`: it is of another archive;
    /// - `release/expired`: its `Valid-Until` has passed;
    /// - `release/future`: it was made after the moment given.
    #[must_use]
    pub fn check(&self, subject: &str, wanted: &Expectation<'_>) -> Vec<Diagnostic> {
        let mut findings = Vec::new();
        if let Some(suite) = wanted.suite {
            let own = [&self.suite, &self.codename];
            if !own.iter().any(|name| name.as_deref() == Some(suite)) {
                let names: Vec<_> = own.iter().filter_map(|name| name.as_deref()).collect();
                findings.push(
                    Diagnostic::error("release/suite", format!("{subject}: the index is of another suite"))
                        .expected(suite)
                        .found(if names.is_empty() { "neither Suite nor Codename".to_owned() } else { names.join(", ") })
                        .help("check the suite's name, and that the mirror's address is that of the archive's root"),
                );
            }
        }
        for (code, field, wanted, own) in [
            ("release/origin", "Origin", wanted.origin, &self.origin),
            ("release/label", "Label", wanted.label, &self.label),
        ] {
            if let Some(wanted) = wanted.filter(|wanted| own.as_deref() != Some(*wanted)) {
                findings.push(
                    Diagnostic::error(
                        code,
                        format!("{subject}: the index is of another archive (`{field}`)"),
                    )
                    .expected(wanted)
                    .found(own.as_deref().unwrap_or("nothing"))
                    .help("check the mirror's address"),
                );
            }
        }
        if let Some(end) = self
            .valid_until
            .filter(|end| wanted.verify_valid_until && *end < wanted.at)
        {
            findings.push(
                Diagnostic::error("release/expired", format!("{subject}: the index was valid until {end} only"))
                    .expected(format!("valid at {}", wanted.at))
                    .found(format!("made at {}, valid until {end}", self.date))
                    .help("the mirror is out of date, or the machine's clock is wrong: use another mirror, or a snapshot"),
            );
        }
        if self.date.unix() > wanted.at.unix().saturating_add(CLOCK_SKEW) {
            findings.push(
                Diagnostic::error(
                    "release/future",
                    format!("{subject}: the index was made in the future"),
                )
                .expected(format!("made at {} or before", wanted.at))
                .found(self.date.to_string())
                .help("the machine's clock is wrong, or the snapshot's time lies before the index"),
            );
        }
        findings
    }
}
