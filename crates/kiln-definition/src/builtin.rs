//! The profiles and distributions that kiln carries, as documents in the formats of this crate.

use kiln_types::Diagnostic;

use crate::model::{Distribution, Profile};
use crate::parse::{parse_distribution, parse_profile};
use crate::span::Document;
use crate::suggest::nearest;

const PROFILES: &[(&str, &str)] = &[
    (
        "standard",
        include_str!("../builtin/profiles/standard.yaml"),
    ),
    ("dev", include_str!("../builtin/profiles/dev.yaml")),
];

const DISTRIBUTIONS: &[(&str, &str)] = &[
    (
        "debian-13",
        include_str!("../builtin/distributions/debian-13.yaml"),
    ),
    (
        "debian-12",
        include_str!("../builtin/distributions/debian-12.yaml"),
    ),
];

/// The names of the built-in profiles, in the order in which variants are built.
pub fn profile_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

/// The ids of the built-in distributions, newest first.
pub fn distribution_ids() -> impl Iterator<Item = &'static str> {
    DISTRIBUTIONS.iter().map(|(id, _)| *id)
}

/// The document of a built-in profile.
#[must_use]
pub fn profile_document(name: &str) -> Option<Document> {
    PROFILES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(name, text)| Document::new(format!("kiln:profiles/{name}.yaml"), *text))
}

/// The document of a built-in distribution.
#[must_use]
pub fn distribution_document(id: &str) -> Option<Document> {
    DISTRIBUTIONS
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(id, text)| Document::new(format!("kiln:distributions/{id}.yaml"), *text))
}

/// A profile by name: one of `own` (a team's), or a built-in one.
///
/// # Errors
/// When there is none of this name, or its document is wrong.
pub fn profile(name: &str, own: &[Document]) -> Result<Profile, Vec<Diagnostic>> {
    let mut known: Vec<String> = profile_names().map(str::to_owned).collect();
    for document in own {
        let profile = parse_profile(document).into_result()?;
        if profile.name.value == name {
            return Ok(profile);
        }
        known.push(profile.name.value);
    }
    match profile_document(name) {
        Some(document) => parse_profile(&document).into_result(),
        None => Err(vec![unknown("variant", name, &known)]),
    }
}

/// A distribution by id: one of `own`, or a built-in one.
///
/// # Errors
/// When there is none of this id, or its document is wrong.
pub fn distribution(id: &str, own: &[Document]) -> Result<Distribution, Vec<Diagnostic>> {
    let mut known: Vec<String> = distribution_ids().map(str::to_owned).collect();
    for document in own {
        let distribution = parse_distribution(document).into_result()?;
        if distribution.id == id {
            return Ok(distribution);
        }
        known.push(distribution.id);
    }
    match distribution_document(id) {
        Some(document) => parse_distribution(&document).into_result(),
        None => Err(vec![unknown("distribution", id, &known)]),
    }
}

/// "There is no such thing", with what there is.
pub(crate) fn unknown(what: &str, name: &str, known: &[String]) -> Diagnostic {
    let message = format!("there is no {what} `{}`", crate::yaml::shorten(name));
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => format!("there is no {what} at all"),
        None => format!(
            "there are {}",
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    Diagnostic::error(&format!("definition/unknown-{what}"), message).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_document_is_sound() {
        for name in profile_names() {
            let profile = profile(name, &[]).unwrap();
            assert_eq!(profile.name.value, name);
        }
        for id in distribution_ids() {
            let distribution = distribution(id, &[]).unwrap();
            assert_eq!(distribution.id, id);
            assert!(!distribution.sources.is_empty());
        }
    }

    #[test]
    fn a_team_can_bring_its_own_profile() {
        let own = [Document::new(
            "own.yaml",
            "kiln: 1\nprofile: debug\ntag-suffix: -debug\n",
        )];
        assert_eq!(profile("debug", &own).unwrap().tag_suffix, "-debug");
        let error = profile("debgu", &own).unwrap_err();
        assert_eq!(error[0].help.as_deref(), Some("did you mean `debug`?"));
    }
}
