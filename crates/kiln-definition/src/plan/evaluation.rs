//! One version line, one variant, one platform: what all parts of its plan share.

use std::collections::BTreeMap;

use kiln_types::{Cuts, Diagnostic, Plan, Platform};

use super::SourceFiles;
use crate::model::*;
use crate::shape::Rule;
use crate::span::{Span, Spanned};
use crate::substitute::Scope;
use crate::yaml::shorten;

/// One target, with everything that its settings may refer to.
pub(super) struct Evaluation<'a> {
    pub(super) definition: &'a Definition,
    pub(super) line: &'a VersionLine,
    pub(super) profile: &'a Profile,
    pub(super) distribution: &'a Distribution,
    pub(super) variant: &'a str,
    pub(super) platform: Platform,
    /// Profile, image, variant.
    pub(super) layers: [&'a Settings; 3],
    pub(super) scope: Scope,
    pub(super) files: SourceFiles<'a>,
    /// Files beside the definition that were read: the content, or that it was reported.
    pub(super) sources: &'a mut BTreeMap<String, Option<Vec<u8>>>,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn error(
        &mut self,
        code: &str,
        message: impl Into<String>,
        span: &Span,
    ) -> &mut Diagnostic {
        let index = self.diagnostics.len();
        self.diagnostics
            .push(Diagnostic::error(&format!("definition/{code}"), message).at(span.location()));
        &mut self.diagnostics[index]
    }

    pub(super) fn text(&mut self, text: &Spanned<String>) -> String {
        self.scope.apply(text, self.diagnostics)
    }

    /// Text after substitution that keeps a rule.
    pub(super) fn word(&mut self, text: &Spanned<String>, rule: &Rule) -> String {
        let word = self.text(text);
        // Without substitution the rule has been checked when the document was read.
        if text.contains("${") && !(rule.holds)(&word) {
            self.error(
                "bad-value",
                format!("`{}` is not {}", shorten(&word), rule.what),
                &text.span,
            )
            .expected = Some(rule.form.to_owned());
        }
        word
    }

    /// The last word on a single setting: the variant's, then the image's, then the profile's,
    /// unless the profile overrides this setting.
    pub(super) fn last<T: ?Sized>(
        &self,
        setting: &str,
        get: impl Fn(&'a Settings) -> Option<&'a T>,
    ) -> Option<&'a T> {
        let [profile, image, variant] = self.layers;
        if self
            .profile
            .overrides
            .iter()
            .any(|name| name.value == setting)
        {
            get(variant).or_else(|| get(profile)).or_else(|| get(image))
        } else {
            get(variant).or_else(|| get(image)).or_else(|| get(profile))
        }
    }

    pub(super) fn plan(&mut self) -> Option<Plan> {
        let request = self.request();
        let sources = self.sources();
        let accounts = self.accounts();
        let paths = self.paths(&accounts);
        let start = self.start(&accounts);
        let mut config = self.config(&accounts);
        let start = start.map(|start| start.under(&mut config));
        let tests = self.tests();
        let reach = self.reach();
        let cuts = self
            .layers
            .iter()
            .flat_map(|layer| &layer.contents.cuts)
            .map(|cut| cut.value.clone())
            .collect();
        let about = &self.definition.about;
        let title = about
            .title
            .as_ref()
            .map(|title| self.text(title))
            .unwrap_or_else(|| self.definition.name.to_string());
        Some(Plan {
            image: self.definition.name.value.clone(),
            title,
            line: self.line.name.value.clone(),
            variant: self.variant.to_owned(),
            platform: self.platform,
            distribution: self.distribution.id.clone(),
            format: self.distribution.format.clone(),
            track: self.line.track.as_ref().map(|track| track.value.clone()),
            end_of_life: self
                .line
                .dates
                .end_of_life
                .as_ref()
                .or(self.definition.dates.end_of_life.as_ref())
                .map(|date| date.value),
            sources,
            request,
            cuts: Cuts(cuts),
            reach,
            merged_usr: self.distribution.merged_usr,
            foundation: self
                .distribution
                .foundation
                .iter()
                .map(|group| group.iter().cloned().collect())
                .collect(),
            emulators: self.distribution.emulators.clone(),
            maintainer_scripts: self.profile.maintainer_scripts,
            accounts,
            paths,
            config,
            start,
            checks: self
                .profile
                .checks
                .iter()
                .map(|check| check.value.clone())
                .collect(),
            tests,
        })
    }
}
