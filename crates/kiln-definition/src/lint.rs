//! What a careful person would change in a definition that works.
//!
//! Every finding is a warning with a code `lint/…`, a place and what to do. The codes are a closed
//! set ([`CODES`]); a test holds it and the guide together.

use std::collections::BTreeMap;

use kiln_types::{Diagnostic, PathKind, Plan, RelativePath, secret};

use crate::builtin;
use crate::entry::{self, PackageWish};
use crate::model::*;
use crate::plan::PlanOptions;
use crate::span::{Span, Spanned};

/// Every code and what it finds.
pub const CODES: &[(&str, &str)] = &[
    ("lint/duplicate-package", "a package is listed twice"),
    (
        "lint/included-and-excluded",
        "a package is both wanted and excluded; the wish wins",
    ),
    (
        "lint/no-end-of-life",
        "a version line does not say when it ends",
    ),
    ("lint/no-license", "the image does not say its licence"),
    ("lint/no-summary", "the image does not say what it is"),
    ("lint/no-tests", "nothing about the image is tested"),
    (
        "lint/no-upstream",
        "the image does not say where what it packs comes from",
    ),
    (
        "lint/privileged-port",
        "an unprivileged user listens below 1024",
    ),
    (
        "lint/relative-entrypoint",
        "the program is looked up in PATH",
    ),
    ("lint/root", "a variant that must not run as root does"),
    ("lint/secret", "an environment variable looks like a secret"),
    (
        "lint/setuid",
        "a path gives its owner's rights to whoever runs it",
    ),
    (
        "lint/shell-entrypoint",
        "the program is a shell, which the variant does not have",
    ),
    (
        "lint/shell-form",
        "a command line is written as a shell would read it",
    ),
    (
        "lint/variants-disagree",
        "variants differ in user, work dir or entrypoint",
    ),
    (
        "lint/version-not-pinned",
        "a version line does not say which package gives its version",
    ),
    ("lint/world-writable", "everybody may write to a path"),
    (
        "lint/writable-owner",
        "a writable path does not belong to the user that runs",
    ),
    (
        "lint/writable-system-path",
        "a path of the system is declared writable",
    ),
];

/// Lints a definition and the plans that [`crate::plans`] made of it with these options.
#[must_use]
pub fn lint(definition: &Definition, plans: &[Plan], options: &PlanOptions) -> Vec<Diagnostic> {
    let mut linter = Linter {
        definition,
        diagnostics: Vec::new(),
    };
    linter.about();
    linter.versions();
    linter.packages();
    linter.environment();
    for plan in plans {
        linter.runtime(plan);
        linter.paths(plan);
    }
    linter.agreement(plans, options);
    linter.diagnostics.sort();
    linter.diagnostics.dedup();
    linter.diagnostics
}

struct Linter<'a> {
    definition: &'a Definition,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Linter<'a> {
    fn warn(
        &mut self,
        code: &str,
        message: impl Into<String>,
        span: &Span,
        help: impl Into<String>,
    ) {
        self.diagnostics.push(
            Diagnostic::warning(&format!("lint/{code}"), message)
                .at(span.location())
                .help(help),
        );
    }

    /// The settings of the definition: of all variants, then of single ones.
    fn settings(&self) -> impl Iterator<Item = (&'a Settings, Option<&'a str>)> + use<'a> {
        let definition = self.definition;
        std::iter::once((&definition.settings, None)).chain(
            definition
                .variants
                .iter()
                .map(|variant| (&variant.settings, Some(variant.name.as_str()))),
        )
    }

    /// Where a setting of a variant stands: there, or for all variants, or nowhere.
    fn place<T: 'a>(
        &self,
        variant: &str,
        get: impl Fn(&'a Settings) -> Option<&'a Spanned<T>>,
    ) -> &'a Span {
        let own = self
            .definition
            .variants
            .iter()
            .find(|one| one.name.value == variant)
            .and_then(|one| get(&one.settings));
        own.or_else(|| get(&self.definition.settings))
            .map_or(&self.definition.name.span, |value| &value.span)
    }

    fn about(&mut self) {
        let definition = self.definition;
        let (about, place) = (&definition.about, &definition.name.span);
        if about.summary.is_none() {
            self.warn(
                "no-summary",
                "the image has no `summary`",
                place,
                "say in one line what it is",
            );
        }
        if about.license.is_none() {
            self.warn(
                "no-license",
                "the image has no `license`",
                place,
                "add the licence of what is packed, such as `license: Apache-2.0`",
            );
        }
        if about.upstream.is_none() {
            self.warn(
                "no-upstream",
                "the image has no `upstream`",
                place,
                "add the home page of what is packed",
            );
        }
        if self
            .settings()
            .all(|(settings, _)| settings.tests.is_empty())
        {
            self.warn(
                "no-tests",
                "the image has no `tests`",
                place,
                "add a test that runs the program, and one that it has no shell",
            );
        }
    }

    fn versions(&mut self) {
        let definition = self.definition;
        for line in &definition.versions {
            let number = line
                .name
                .starts_with(|letter: char| letter.is_ascii_digit());
            if number && line.track.is_none() {
                let message = format!("the version line `{}` tracks no package", line.name.value);
                let help = "add `track: PACKAGE`, so that kiln refuses another version and names tags after the exact one";
                self.warn("version-not-pinned", message, &line.name.span, help);
            }
            if line.dates.end_of_life.is_none() && definition.dates.end_of_life.is_none() {
                let message = format!(
                    "the version line `{}` does not say when it ends",
                    line.name.value
                );
                self.warn(
                    "no-end-of-life",
                    message,
                    &line.name.span,
                    "add `end-of-life: YYYY-MM-DD`",
                );
            }
        }
    }

    fn packages(&mut self) {
        let mut wanted: BTreeMap<String, &Span> = BTreeMap::new();
        let mut unwanted: Vec<(String, &Span)> = Vec::new();
        for (settings, variant) in self.settings() {
            let mut here: Vec<(&str, &Only, u32)> = Vec::new();
            for item in &settings.contents.packages {
                if let Some((_, _, line)) = here
                    .iter()
                    .find(|(text, only, _)| *text == item.text.value && same(only, &item.only))
                {
                    let message =
                        format!("the package entry `{}` stands here twice", item.text.value);
                    self.warn(
                        "duplicate-package",
                        message,
                        &item.text.span,
                        format!("it is first given in line {line}; remove one of them"),
                    );
                }
                here.push((&item.text.value, &item.only, item.text.span.line));
                let everywhere = item.only == Only::default() && variant.is_none();
                match entry::package(&item.text) {
                    Ok(PackageWish::Include(request)) if everywhere => {
                        wanted.insert(request.name.to_string(), &item.text.span);
                    }
                    Ok(PackageWish::Exclude(name)) => {
                        unwanted.push((name.to_string(), &item.text.span))
                    }
                    _ => {}
                }
            }
        }
        for (name, span) in unwanted {
            if let Some(wish) = wanted.get(&name) {
                let help = format!(
                    "it is wanted in line {}, which wins; remove one of them",
                    wish.line
                );
                self.warn(
                    "included-and-excluded",
                    format!("the package `{name}` is both wanted and excluded"),
                    span,
                    help,
                );
            }
        }
    }

    fn environment(&mut self) {
        for (settings, _) in self.settings() {
            for pair in &settings.environment {
                if *secret::shown(&pair.name.value, &pair.value.value) != *pair.value.value {
                    let message = format!(
                        "`{}` looks like a secret, and everybody who has the image can read it",
                        pair.name.value
                    );
                    self.warn(
                        "secret",
                        message,
                        &pair.name.span,
                        "give it when the container is started",
                    );
                }
            }
        }
    }

    fn runtime(&mut self, plan: &Plan) {
        let (uid, _) = plan.accounts.run_as.unwrap_or((0, 0));
        let checked = |check: &str| plan.checks.iter().any(|known| known == check);
        if uid == 0 && checked("non-root") {
            let place = self.place(&plan.variant, |settings| settings.accounts.run_as.as_ref());
            let message = format!("the variant `{}` runs as root", plan.variant);
            self.warn(
                "root",
                message,
                place,
                "remove `run-as`, or name an unprivileged user",
            );
        }
        let entrypoint = self.place(&plan.variant, |settings| settings.entrypoint.as_ref());
        let cmd = self.place(&plan.variant, |settings| settings.cmd.as_ref());
        for (words, place, key) in [
            (&plan.config.entrypoint, entrypoint, "entrypoint"),
            (&plan.config.cmd, cmd, "cmd"),
        ] {
            let operators = ["&&", "||", "|", ";", ">", ">>", "<", "&"];
            let one_line = key == "entrypoint"
                && words.len() == 1
                && words.iter().any(|word| word.contains(' '));
            if one_line || words.iter().any(|word| operators.contains(&word.as_str())) {
                let message =
                    format!("`{key}` is written as a shell would read it, but no shell reads it");
                self.warn(
                    "shell-form",
                    message,
                    place,
                    "write each argument as an item of its own: `[/usr/bin/program, --option]`",
                );
            }
        }
        if let Some(program) = plan.config.entrypoint.first() {
            let name = program.rsplit('/').next().unwrap_or(program);
            if checked("no-shell")
                && matches!(
                    name,
                    "sh" | "bash" | "dash" | "ash" | "busybox" | "ksh" | "zsh"
                )
            {
                let message = format!(
                    "the program `{program}` is a shell, which the variant `{}` does not have",
                    plan.variant
                );
                self.warn(
                    "shell-entrypoint",
                    message,
                    entrypoint,
                    "start the program itself",
                );
            }
            if !program.starts_with('/') {
                let message = format!(
                    "the program `{program}` is looked up in PATH when the container starts"
                );
                self.warn(
                    "relative-entrypoint",
                    message,
                    entrypoint,
                    "write its whole path",
                );
            }
        }
        if uid != 0 {
            for port in &plan.config.ports {
                let number = port
                    .split('/')
                    .next()
                    .and_then(|number| number.parse::<u16>().ok())
                    .unwrap_or(u16::MAX);
                if number < 1024 {
                    let spans = self.settings().flat_map(|(settings, _)| &settings.ports);
                    let place = spans
                        .into_iter()
                        .find(|one| one.value == *port)
                        .map_or(&self.definition.name.span, |one| &one.span);
                    let message = format!("an unprivileged user listens on port {number}");
                    self.warn(
                        "privileged-port",
                        message,
                        place,
                        "take a port from 1024, such as 8080; engines can publish it as another",
                    );
                }
            }
        }
    }

    fn paths(&mut self, plan: &Plan) {
        const SYSTEM: [&str; 8] = [
            "usr", "etc", "bin", "sbin", "lib", "lib64", "boot", "opt/kiln",
        ];
        let (uid, _) = plan.accounts.run_as.unwrap_or((0, 0));
        for path in &plan.paths {
            let place = self.path_place(&path.path);
            let mode = path.mode.unwrap_or(0);
            let link = matches!(path.kind, PathKind::Symlink(_));
            if mode & 0o002 != 0 && mode & 0o1000 == 0 && !link {
                let message = format!("everybody may write to `{}`", path.path);
                self.warn(
                    "world-writable",
                    message,
                    place,
                    "give it an owner and take the last digit's 2 away, such as `\"0755\"`",
                );
            }
            if mode & 0o6000 != 0 && !matches!(path.kind, PathKind::Directory) {
                let message = format!(
                    "`{}` gives its owner's rights to whoever runs it",
                    path.path
                );
                self.warn(
                    "setuid",
                    message,
                    place,
                    "take a mode of three digits, such as `\"0755\"`",
                );
            }
            if path.writable
                && (path.path.is_root()
                    || SYSTEM.iter().any(|directory| path.path.is_below(directory)))
            {
                let message = format!(
                    "`{}` belongs to the system and is declared writable",
                    path.path
                );
                self.warn(
                    "writable-system-path",
                    message,
                    place,
                    "write below `/var`, `/run` or `/tmp`",
                );
            }
            if path.writable && uid != 0 && path.uid != uid && mode & 0o022 == 0 {
                let message = format!(
                    "`{}` is declared writable, but the user that runs (uid {uid}) does not own it",
                    path.path
                );
                self.warn(
                    "writable-owner",
                    message,
                    place,
                    "add `owner:` with that user",
                );
            }
        }
    }

    fn path_place(&self, path: &RelativePath) -> &'a Span {
        let mut entries = self.settings().flat_map(|(settings, _)| &settings.paths);
        let found =
            entries.find(|item| RelativePath::new(&item.path).is_ok_and(|known| known == *path));
        found.map_or(&self.definition.name.span, |item| &item.path.span)
    }

    /// Variants of one line on one platform agree on user, work dir and entrypoint, unless their
    /// profile declares otherwise.
    fn agreement(&mut self, plans: &[Plan], options: &PlanOptions) {
        for plan in plans {
            let Some(first) = plans
                .iter()
                .find(|one| one.line == plan.line && one.platform == plan.platform)
            else {
                continue;
            };
            if first.variant == plan.variant {
                continue;
            }
            let declared = builtin::profile(&plan.variant, &options.profiles)
                .map_or(Vec::new(), |profile| profile.overrides);
            let declared = |setting: &str| declared.iter().any(|name| name.value == setting);
            let run_as = self.place(&plan.variant, |settings| settings.accounts.run_as.as_ref());
            let work_dir = self.place(&plan.variant, |settings| settings.work_dir.as_ref());
            let entrypoint = self.place(&plan.variant, |settings| settings.entrypoint.as_ref());
            for (differ, setting, what, place) in [
                (
                    first.config.user != plan.config.user,
                    "run-as",
                    "the user",
                    run_as,
                ),
                (
                    first.config.work_dir != plan.config.work_dir,
                    "work-dir",
                    "the work dir",
                    work_dir,
                ),
                (
                    first.config.entrypoint != plan.config.entrypoint,
                    "entrypoint",
                    "the entrypoint",
                    entrypoint,
                ),
            ] {
                if differ && !declared(setting) {
                    let message = format!(
                        "the variants `{}` and `{}` disagree on {what}",
                        first.variant, plan.variant
                    );
                    self.warn(
                        "variants-disagree",
                        message,
                        place,
                        format!("give `{setting}` once for all variants"),
                    );
                }
            }
        }
    }
}

/// Whether two conditions are written alike, wherever they stand.
fn same(left: &Only, right: &Only) -> bool {
    let platforms = |only: &Only| {
        only.platforms
            .as_ref()
            .map(|list| list.iter().map(|item| item.value).collect::<Vec<_>>())
    };
    let variants = |only: &Only| {
        only.variants.as_ref().map(|list| {
            list.iter()
                .map(|item| item.value.clone())
                .collect::<Vec<_>>()
        })
    };
    platforms(left) == platforms(right) && variants(left) == variants(right)
}
