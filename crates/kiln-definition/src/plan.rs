//! From a definition to plans: one for each version line, variant and platform.
//!
//! The settings of the profile, of the image and of its variant are laid over each other in this
//! order: lists and maps add up, a later value of the same name wins, single values and command
//! lines replace each other. Where the profile declares an override, its word wins over the
//! image's (but not over the variant's own).

mod accounts;
mod evaluation;
mod packages;
mod paths;
mod reach;
mod runtime;
mod start;
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{Architecture, Diagnostic, Digest, Plan, Platform};

use crate::builtin;
use crate::model::*;
use crate::span::{Document, Span};
use crate::substitute::{BUILT_IN, Scope};
use evaluation::Evaluation;

/// What to plan, and with what. The default is everything, with nothing of one's own.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Only these version lines; all where empty.
    pub lines: Vec<String>,
    /// Only these variants; all where empty.
    pub variants: Vec<String>,
    /// Only these platforms; all of the definition where empty.
    pub platforms: Vec<Platform>,
    /// Values that win over those of the definition (`--set NAME=VALUE`).
    pub sets: BTreeMap<String, String>,
    /// A team's own profiles; they win over built-in ones of the same name.
    pub profiles: Vec<Document>,
    /// Own distributions; they win over built-in ones of the same id.
    pub distributions: Vec<Document>,
}

/// Reads a file beside the definition, by the path that stands there (relative, never `..`); the
/// error is a reason for people.
pub type SourceFiles<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// The variants of a definition: the built-in ones, then those that it names.
#[must_use]
pub fn variants(definition: &Definition) -> Vec<String> {
    let mut names: Vec<String> = builtin::profile_names().map(str::to_owned).collect();
    for variant in &definition.variants {
        if !names.contains(&variant.name.value) {
            names.push(variant.name.value.clone());
        }
    }
    names
}

/// The platforms of a definition.
#[must_use]
pub fn platforms(definition: &Definition) -> Vec<Platform> {
    if definition.platforms.is_empty() {
        Architecture::ALL.map(Platform::linux).to_vec()
    } else {
        let mut platforms: Vec<Platform> = definition
            .platforms
            .iter()
            .map(|platform| platform.value)
            .collect();
        platforms.sort();
        platforms
    }
}

/// Evaluates a definition: lines in their order, in each the variants, in each the platforms.
///
/// # Errors
/// All diagnostics, when there is an error.
pub fn plans(
    definition: &Definition,
    options: &PlanOptions,
    files: SourceFiles<'_>,
) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let lines: Vec<&VersionLine> = definition
        .versions
        .iter()
        .filter(|line| options.lines.is_empty() || options.lines.contains(&line.name.value))
        .collect();
    let known: Vec<String> = definition
        .versions
        .iter()
        .map(|line| line.name.value.clone())
        .collect();
    for wanted in options
        .lines
        .iter()
        .filter(|wanted| !known.contains(wanted))
    {
        diagnostics.push(builtin::unknown("version", wanted, &known));
    }
    let known_variants = variants(definition);
    for wanted in options
        .variants
        .iter()
        .filter(|wanted| !known_variants.contains(wanted))
    {
        diagnostics.push(builtin::unknown("variant", wanted, &known_variants));
    }
    let known_platforms = platforms(definition);
    for wanted in options
        .platforms
        .iter()
        .filter(|wanted| !known_platforms.contains(wanted))
    {
        let names: Vec<String> = known_platforms.iter().map(Platform::to_string).collect();
        diagnostics.push(builtin::unknown("platform", &wanted.to_string(), &names));
    }
    let mut names: BTreeSet<&str> = definition
        .vars
        .iter()
        .map(|var| var.name.as_str())
        .collect();
    names.extend(
        definition
            .versions
            .iter()
            .flat_map(|line| line.vars.iter().map(|var| var.name.as_str())),
    );
    for wanted in options
        .sets
        .keys()
        .filter(|wanted| !names.contains(wanted.as_str()))
    {
        let known: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        diagnostics.push(builtin::unknown("variable", wanted, &known));
    }
    for var in definition
        .vars
        .iter()
        .chain(definition.versions.iter().flat_map(|line| &line.vars))
    {
        if BUILT_IN.contains(&var.name.as_str()) {
            diagnostics.push(
                Diagnostic::error(
                    "definition/reserved-name",
                    format!("the name `{}` is given by kiln", var.name.value),
                )
                .at(var.name.span.location())
                .help("choose another name"),
            );
        }
    }
    unknown_variants(definition, &known_variants, &mut diagnostics);

    let mut sources = BTreeMap::new();
    let mut plans = Vec::new();
    for line in lines {
        let distribution = match builtin::distribution(&line.distribution, &options.distributions) {
            Ok(distribution) => distribution,
            Err(found) => {
                diagnostics.extend(
                    found
                        .into_iter()
                        .map(|diagnostic| placed(diagnostic, &line.distribution.span)),
                );
                continue;
            }
        };
        for name in known_variants
            .iter()
            .filter(|name| options.variants.is_empty() || options.variants.contains(name))
        {
            let variant = definition
                .variants
                .iter()
                .find(|variant| &variant.name.value == name);
            let profile = match builtin::profile(name, &options.profiles) {
                Ok(profile) => profile,
                Err(found) => {
                    let place = variant.map_or_else(
                        || definition.name.span.clone(),
                        |variant| variant.name.span.clone(),
                    );
                    diagnostics.extend(
                        found
                            .into_iter()
                            .map(|diagnostic| placed(diagnostic, &place)),
                    );
                    continue;
                }
            };
            for platform in known_platforms
                .iter()
                .filter(|one| options.platforms.is_empty() || options.platforms.contains(one))
            {
                let nothing = Settings::default();
                let scope = scope(definition, line, name, *platform, options, &mut diagnostics);
                let mut evaluation = Evaluation {
                    definition,
                    line,
                    profile: &profile,
                    distribution: &distribution,
                    variant: name,
                    platform: *platform,
                    layers: [
                        &profile.settings,
                        &definition.settings,
                        variant.map_or(&nothing, |variant| &variant.settings),
                    ],
                    scope,
                    files,
                    sources: &mut sources,
                    diagnostics: &mut diagnostics,
                };
                plans.extend(evaluation.plan());
            }
        }
    }
    diagnostics.sort();
    diagnostics.dedup();
    if diagnostics.is_empty() {
        Ok(plans)
    } else {
        Err(diagnostics)
    }
}

/// A diagnostic without a place gets this one.
fn placed(mut diagnostic: Diagnostic, span: &Span) -> Diagnostic {
    diagnostic.location.get_or_insert_with(|| span.location());
    diagnostic
}

/// Conditions that name a variant which the image does not have never hold: a spelling mistake.
fn unknown_variants(definition: &Definition, known: &[String], diagnostics: &mut Vec<Diagnostic>) {
    for settings in std::iter::once(&definition.settings)
        .chain(definition.variants.iter().map(|variant| &variant.settings))
    {
        let conditions = settings
            .contents
            .packages
            .iter()
            .map(|item| &item.only)
            .chain(
                settings
                    .contents
                    .repositories
                    .iter()
                    .flatten()
                    .map(|item| &item.only),
            )
            .chain(settings.contents.keep.iter().map(|item| &item.only))
            .chain(settings.paths.iter().map(|item| &item.only))
            .chain(settings.tests.iter().map(|item| &item.only));
        for name in conditions
            .filter_map(|only| only.variants.as_ref())
            .flatten()
        {
            if !known.contains(&name.value) {
                diagnostics.push(placed(builtin::unknown("variant", name, known), &name.span));
            }
        }
    }
}

/// The names that `${…}` knows for one target.
fn scope(
    definition: &Definition,
    line: &VersionLine,
    variant: &str,
    platform: Platform,
    options: &PlanOptions,
    diagnostics: &mut Vec<Diagnostic>,
) -> Scope {
    let built_in = Scope(BTreeMap::from([
        ("version".to_owned(), line.name.value.clone()),
        ("arch".to_owned(), platform.architecture.as_str().to_owned()),
        (
            "triplet".to_owned(),
            platform.architecture.triplet().to_owned(),
        ),
        ("variant".to_owned(), variant.to_owned()),
        ("distribution".to_owned(), line.distribution.value.clone()),
    ]));
    let mut scope = built_in.clone();
    for var in definition.vars.iter().chain(&line.vars) {
        let value = match options.sets.get(&var.name.value) {
            Some(set) => set.clone(),
            None => built_in.apply(&var.value, diagnostics),
        };
        scope.0.insert(var.name.value.clone(), value);
    }
    scope
}

/// The digest of everything in these plans that resolution depends on: targets, formats, sources
/// and requests. Give it all plans of a definition; their order does not matter. Where an archive's
/// old states are kept does not count: it is a way to get what was resolved.
#[must_use]
pub fn inputs_digest(plans: &[Plan]) -> Digest {
    let mut sorted: Vec<&Plan> = plans.iter().collect();
    sorted.sort_by_key(|plan| plan.target());
    let inputs: Vec<_> = sorted
        .iter()
        .map(|plan| {
            let mut sources = plan.sources.clone();
            for source in &mut sources {
                source.snapshot = None;
            }
            (
                plan.image.as_str(),
                plan.target(),
                &plan.distribution,
                &plan.format,
                sources,
                &plan.request,
            )
        })
        .collect();
    Digest::of(
        serde_json::to_string(&inputs)
            .unwrap_or_default()
            .as_bytes(),
    )
}
