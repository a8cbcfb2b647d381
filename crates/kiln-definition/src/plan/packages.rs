//! What is asked of the package manager: requests, and the archives to choose from.

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{ArchiveSource, PackageName, PackageRequest, Request};

use super::evaluation::Evaluation;
use crate::entry::{self, PackageWish};
use crate::format::rules;
use crate::model::*;
use crate::span::{Span, Spanned};
use crate::yaml::shorten;

impl Evaluation<'_> {
    pub(super) fn request(&mut self) -> PackageRequest {
        let mut include: BTreeSet<Request> = BTreeSet::new();
        let mut exclude: BTreeSet<PackageName> = BTreeSet::new();
        let entries: Vec<&PackageEntry> = self
            .layers
            .iter()
            .flat_map(|layer| &layer.contents.packages)
            .collect();
        for item in entries {
            if !item.only.applies(self.variant, self.platform) {
                continue;
            }
            let text = self.text(&item.text);
            match entry::package(&text) {
                Ok(PackageWish::Include(request)) => {
                    include.insert(request);
                }
                Ok(PackageWish::Exclude(name)) => {
                    exclude.insert(name);
                }
                Err(reason) => {
                    let diagnostic = self.error(
                        "bad-value",
                        format!("`{}` is not a package entry", shorten(&text)),
                        &item.text.span,
                    );
                    diagnostic.expected = Some(rules::PACKAGE.form.to_owned());
                    diagnostic.help = Some(reason);
                }
            }
        }
        // An explicit entry beats `!`; what the distribution puts into every image does not.
        exclude.retain(|name| !include.iter().any(|request| &request.name == name));
        for name in self
            .distribution
            .packages
            .iter()
            .filter_map(|name| PackageName::new(name.as_str()).ok())
        {
            if !exclude.contains(&name) {
                include.insert(Request {
                    name,
                    constraint: None,
                    suite: None,
                });
            }
        }
        let stricter: BTreeSet<PackageName> = include
            .iter()
            .filter(|request| request.constraint.is_some() || request.suite.is_some())
            .map(|request| request.name.clone())
            .collect();
        include.retain(|request| {
            request.constraint.is_some()
                || request.suite.is_some()
                || !stricter.contains(&request.name)
        });
        PackageRequest {
            include: include.into_iter().collect(),
            exclude,
            unmet: self.profile.unmet,
            pins: BTreeMap::new(),
        }
    }

    pub(super) fn sources(&mut self) -> Vec<ArchiveSource> {
        let own: Vec<&RepositoryEntry> = self
            .layers
            .iter()
            .filter_map(|layer| layer.contents.repositories.as_ref())
            .flatten()
            .collect();
        let keyring: Vec<String> = self
            .layers
            .iter()
            .flat_map(|layer| &layer.contents.keyring)
            .map(|name| name.value.clone())
            .collect();
        let mut sources = Vec::new();
        if self
            .layers
            .iter()
            .all(|layer| layer.contents.repositories.is_none())
        {
            sources.clone_from(&self.distribution.sources);
        }
        for item in own {
            if !item.only.applies(self.variant, self.platform) {
                continue;
            }
            match &item.kind {
                RepositoryKind::Line(line) if line == "distribution" => {
                    sources.extend(self.distribution.sources.iter().cloned())
                }
                RepositoryKind::Line(line) => {
                    let line = self.text(&Spanned::new(line.clone(), item.span.clone()));
                    match entry::repository(&line) {
                        Ok(line) => {
                            let architecture = self.platform.architecture.as_str();
                            if line
                                .architectures
                                .as_ref()
                                .is_none_or(|list| list.iter().any(|name| name == architecture))
                            {
                                sources.push(line.source);
                            }
                        }
                        Err(reason) => {
                            let diagnostic = self.error(
                                "bad-value",
                                format!("`{}` is not a repository", shorten(&line)),
                                &item.span,
                            );
                            diagnostic.expected = Some(rules::REPOSITORY.form.to_owned());
                            diagnostic.help = Some(reason);
                        }
                    }
                }
                RepositoryKind::Fields(fields) => {
                    let source = self.fields(fields, &item.span);
                    sources.push(source);
                }
            }
        }
        for source in &mut sources {
            if source.keyrings.is_empty() {
                source.keyrings.clone_from(&keyring);
            }
        }
        if let Some(span) = sources
            .iter()
            .any(|source| source.keyrings.is_empty() && !source.trusted)
            .then(|| {
                self.layers
                    .iter()
                    .find_map(|layer| layer.contents.repositories.as_ref()?.first())
                    .map(|item| item.span.clone())
            })
            .flatten()
        {
            let names: Vec<&str> = sources
                .iter()
                .filter(|source| source.keyrings.is_empty() && !source.trusted)
                .map(|source| source.archive.as_str())
                .collect();
            let message = format!(
                "nothing says who may sign the repository `{}`",
                names.join("`, `")
            );
            self.error("no-keyring", message, &span).help =
                Some("name a keyring with `signed-by` or `contents.keyring`, or write `trusted` if it may be unsigned".to_owned());
        }
        sources
    }

    pub(super) fn fields(&mut self, fields: &RepositoryFields, span: &Span) -> ArchiveSource {
        let mut apply = |text: &String| {
            self.scope
                .apply(&Spanned::new(text.clone(), span.clone()), self.diagnostics)
        };
        let url = fields
            .url
            .as_ref()
            .map(|url| apply(url).trim_end_matches('/').to_owned());
        let suites: Vec<String> = fields.suites.iter().map(&mut apply).collect();
        let components: Vec<String> = fields.components.iter().map(&mut apply).collect();
        if let Some(bad) = suites
            .iter()
            .chain(&components)
            .find(|word| !entry::suite(word))
            .cloned()
        {
            self.error(
                "bad-value",
                format!("`{}` is not a suite or component", shorten(&bad)),
                span,
            );
        }
        if let Some(bad) = url
            .as_ref()
            .filter(|url| !entry::repository_url(url))
            .cloned()
        {
            self.error(
                "bad-value",
                format!("`{}` is not the address of a repository", shorten(&bad)),
                span,
            )
            .expected = Some(rules::REPOSITORY_URL.form.to_owned());
        }
        let archive = fields.name.clone().unwrap_or_default();
        // An archive of the distribution, with other suites perhaps, is kept where that one is.
        let snapshot = self
            .distribution
            .sources
            .iter()
            .find(|known| url.is_none() && known.archive == archive)
            .and_then(|known| known.snapshot.clone());
        ArchiveSource {
            archive,
            suites,
            components,
            url,
            flat: fields.flat.clone(),
            keyrings: fields.keyrings.clone(),
            trusted: fields.trusted,
            origin: fields.origin.clone(),
            label: fields.label.clone(),
            priority: fields.priority.unwrap_or(500),
            snapshot,
        }
    }
}
