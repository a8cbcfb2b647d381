//! From a definition to plans: one for each version line, variant and platform.
//!
//! The settings of the profile, of the image and of its variant are laid over each other in this
//! order: lists and maps add up, a later value of the same name wins, single values and command
//! lines replace each other. Where the profile declares an override, its word wins over the
//! image's (but not over the variant's own).

use std::collections::{BTreeMap, BTreeSet};

use kiln_types::{
    Account, Accounts, Architecture, ArchiveSource, Cuts, Diagnostic, Digest, Group, PackageName,
    PackageRequest, PathKind, PathPlan, Plan, Platform, RelativePath, Request, RuntimeConfig,
    TestExpectation, TestPlan, TestProbe,
};

use crate::builtin;
use crate::entry::{self, PackageWish};
use crate::format;
use crate::model::*;
use crate::shape::Rule;
use crate::span::{Document, Span, Spanned};
use crate::substitute::{BUILT_IN, Scope};
use crate::yaml::shorten;

/// The largest file beside a definition, in bytes.
const LARGEST_SOURCE: usize = 16 << 20;

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

struct Evaluation<'a> {
    definition: &'a Definition,
    line: &'a VersionLine,
    profile: &'a Profile,
    distribution: &'a Distribution,
    variant: &'a str,
    platform: Platform,
    /// Profile, image, variant.
    layers: [&'a Settings; 3],
    scope: Scope,
    files: SourceFiles<'a>,
    /// Files beside the definition that were read: the content, or that it was reported.
    sources: &'a mut BTreeMap<String, Option<Vec<u8>>>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Evaluation<'a> {
    fn error(&mut self, code: &str, message: impl Into<String>, span: &Span) -> &mut Diagnostic {
        let index = self.diagnostics.len();
        self.diagnostics
            .push(Diagnostic::error(&format!("definition/{code}"), message).at(span.location()));
        &mut self.diagnostics[index]
    }

    fn text(&mut self, text: &Spanned<String>) -> String {
        self.scope.apply(text, self.diagnostics)
    }

    /// Text after substitution that keeps a rule.
    fn word(&mut self, text: &Spanned<String>, rule: &Rule) -> String {
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
    fn last<T: ?Sized>(
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

    fn plan(&mut self) -> Option<Plan> {
        let request = self.request();
        let sources = self.sources();
        let accounts = self.accounts();
        let paths = self.paths(&accounts);
        let config = self.config(&accounts);
        let tests = self.tests();
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
            checks: self
                .profile
                .checks
                .iter()
                .map(|check| check.value.clone())
                .collect(),
            tests,
        })
    }

    fn request(&mut self) -> PackageRequest {
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
                    diagnostic.expected = Some(format::PACKAGE.form.to_owned());
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

    fn sources(&mut self) -> Vec<ArchiveSource> {
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
                            diagnostic.expected = Some(format::REPOSITORY.form.to_owned());
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

    fn fields(&mut self, fields: &RepositoryFields, span: &Span) -> ArchiveSource {
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
            .expected = Some(format::REPOSITORY_URL.form.to_owned());
        }
        ArchiveSource {
            archive: fields.name.clone().unwrap_or_default(),
            suites,
            components,
            url,
            flat: fields.flat.clone(),
            keyrings: fields.keyrings.clone(),
            trusted: fields.trusted,
            origin: fields.origin.clone(),
            label: fields.label.clone(),
            priority: fields.priority.unwrap_or(500),
        }
    }

    fn accounts(&mut self) -> Accounts {
        let [profile, image, variant] = self.layers;
        // The profile's accounts are for images that bring none.
        let own = !image.accounts.users.is_empty() || !variant.accounts.users.is_empty();
        let layers = if own {
            vec![image, variant]
        } else {
            vec![profile, image, variant]
        };
        let mut users: Vec<Account> = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        for layer in layers {
            for user in &layer.accounts.users {
                if user.uid.value == 0 && user.name.value != "root" {
                    let message = format!("the user `{}` has the uid of root", user.name.value);
                    self.error("uid-zero", message, &user.uid.span).help =
                        Some("choose another uid, such as 65532".to_owned());
                }
                let account = Account {
                    name: user.name.value.clone(),
                    uid: user.uid.value,
                    gid: user.gid.as_ref().map_or(user.uid.value, |gid| gid.value),
                    home: user.home.as_ref().map_or_else(
                        || format!("/home/{}", user.name.value),
                        |home| home.value.clone(),
                    ),
                    shell: user.shell.as_ref().map_or_else(
                        || "/usr/sbin/nologin".to_owned(),
                        |shell| shell.value.clone(),
                    ),
                    comment: user
                        .comment
                        .as_ref()
                        .map_or_else(|| user.name.value.clone(), |comment| comment.value.clone()),
                };
                users.retain(|known| known.name != account.name);
                users.push(account);
            }
            for group in &layer.accounts.groups {
                groups.retain(|known| known.name != group.name.value);
                groups.push(Group {
                    name: group.name.value.clone(),
                    gid: group.gid.value,
                    members: group
                        .members
                        .iter()
                        .map(|member| member.value.clone())
                        .collect(),
                });
            }
        }
        for user in &users {
            let exists = groups.iter().any(|group| group.gid == user.gid)
                || self
                    .distribution
                    .users
                    .iter()
                    .any(|(_, _, gid)| *gid == user.gid)
                || groups.iter().any(|group| group.name == user.name);
            if !exists {
                groups.push(Group {
                    name: user.name.clone(),
                    gid: user.gid,
                    members: Vec::new(),
                });
            }
        }
        let mut accounts = Accounts {
            run_as: None,
            users,
            groups,
        };
        let run_as = self.last("run-as", |layer| layer.accounts.run_as.as_ref());
        accounts.run_as = match run_as {
            Some(text) => self.identity(text, &accounts),
            None => Some((0, 0)),
        };
        accounts
    }

    /// `user`, `user:group`, or numbers in their place. A number without a group is its own group.
    fn identity(&mut self, text: &Spanned<String>, accounts: &Accounts) -> Option<(u32, u32)> {
        let (user, group) = text
            .split_once(':')
            .map_or((text.as_str(), None), |(user, group)| (user, Some(group)));
        let known = |name: &str| {
            let own = accounts
                .users
                .iter()
                .find(|account| account.name == name)
                .map(|account| (account.uid, account.gid));
            own.or_else(|| {
                self.distribution
                    .users
                    .iter()
                    .find(|(known, ..)| known == name)
                    .map(|(_, uid, gid)| (*uid, *gid))
            })
        };
        let uid_gid = match user.parse::<u32>() {
            Ok(uid) => Some((
                uid,
                accounts
                    .users
                    .iter()
                    .find(|account| account.uid == uid)
                    .map_or(uid, |account| account.gid),
            )),
            Err(_) => known(user),
        };
        let Some((uid, gid)) = uid_gid else {
            let names: Vec<String> = accounts
                .users
                .iter()
                .map(|account| account.name.clone())
                .chain(["root".to_owned()])
                .collect();
            self.diagnostics
                .push(placed(builtin::unknown("user", user, &names), &text.span));
            return None;
        };
        let Some(group) = group else {
            return Some((uid, gid));
        };
        let by_name = accounts
            .groups
            .iter()
            .find(|known| known.name == group)
            .map(|known| known.gid);
        match group
            .parse::<u32>()
            .ok()
            .or(by_name)
            .or_else(|| known(group).map(|(_, gid)| gid))
        {
            Some(gid) => Some((uid, gid)),
            None => {
                let names: Vec<String> = accounts
                    .groups
                    .iter()
                    .map(|known| known.name.clone())
                    .collect();
                self.diagnostics
                    .push(placed(builtin::unknown("group", group, &names), &text.span));
                None
            }
        }
    }

    fn paths(&mut self, accounts: &Accounts) -> Vec<PathPlan> {
        let mut plans: Vec<PathPlan> = Vec::new();
        for layer in self.layers {
            let mut here: BTreeMap<RelativePath, u32> = BTreeMap::new();
            for item in &layer.paths {
                if !item.only.applies(self.variant, self.platform) {
                    continue;
                }
                let Some(plan) = self.path(item, accounts) else {
                    continue;
                };
                let replaces = !matches!(plan.kind, PathKind::Permissions);
                if replaces {
                    if let Some(line) = here.insert(plan.path.clone(), item.path.span.line) {
                        let message = format!("the path `{}` stands here twice", plan.path);
                        self.error("duplicate", message, &item.path.span).help =
                            Some(format!("it is first given in line {line}"));
                    }
                    plans.retain(|known| known.path != plan.path);
                }
                plans.push(plan);
            }
        }
        plans
    }

    fn path(&mut self, item: &PathEntry, accounts: &Accounts) -> Option<PathPlan> {
        let text = self.word(&item.path, &format::PATH);
        let path = RelativePath::new(&text).ok()?;
        let kind = match &item.kind {
            PathEntryKind::Directory => PathKind::Directory,
            PathEntryKind::EmptyFile => PathKind::File(Vec::new()),
            PathEntryKind::Permissions => PathKind::Permissions,
            PathEntryKind::Delete => PathKind::Delete,
            PathEntryKind::Content(content) => PathKind::File(self.text(content).into_bytes()),
            PathEntryKind::Symlink(target) => PathKind::Symlink(self.word(target, &format::TARGET)),
            PathEntryKind::Source(source) => PathKind::File(self.source(source)?),
        };
        if path.is_root() && !matches!(kind, PathKind::Directory | PathKind::Permissions) {
            self.error(
                "path",
                "the root directory can only be a directory",
                &item.path.span,
            );
            return None;
        }
        let (uid, gid) = match &item.owner {
            Some(owner) => self.identity(owner, accounts)?,
            None => {
                let uid = item.uid.as_ref().map(|uid| uid.value);
                let gid = item.gid.as_ref().map(|gid| gid.value);
                (uid.unwrap_or(0), gid.or(uid).unwrap_or(0))
            }
        };
        Some(PathPlan {
            path,
            kind,
            mode: item.mode.as_ref().map(|mode| mode.value),
            uid,
            gid,
            writable: item.writable,
        })
    }

    fn source(&mut self, source: &Spanned<String>) -> Option<Vec<u8>> {
        let name = self.word(source, &format::SOURCE);
        if !(format::SOURCE.holds)(&name) {
            return None;
        }
        if let Some(known) = self.sources.get(&name) {
            return known.clone();
        }
        let content = match (self.files)(&name) {
            Ok(content) if content.len() > LARGEST_SOURCE => {
                let message = format!(
                    "the file `{}` is larger than {LARGEST_SOURCE} bytes",
                    shorten(&name)
                );
                self.error("source", message, &source.span).help =
                    Some("put it into a package".to_owned());
                None
            }
            Ok(content) => Some(content),
            Err(reason) => {
                self.error(
                    "source",
                    format!("the file `{}` cannot be read: {reason}", shorten(&name)),
                    &source.span,
                );
                None
            }
        };
        self.sources.insert(name, content.clone());
        content
    }

    fn config(&mut self, accounts: &Accounts) -> RuntimeConfig {
        let (uid, gid) = accounts.run_as.unwrap_or((0, 0));
        let about = &self.definition.about;
        let mut described = BTreeMap::new();
        for (name, value) in [
            ("org.opencontainers.image.title", &about.title),
            ("org.opencontainers.image.description", &about.summary),
            ("org.opencontainers.image.url", &about.upstream),
            ("org.opencontainers.image.licenses", &about.license),
        ] {
            if let Some(value) = value {
                described.insert(name.to_owned(), self.text(value));
            }
        }
        let mut config = RuntimeConfig {
            user: format!("{uid}:{gid}"),
            entrypoint: self.command("entrypoint", |layer| layer.entrypoint.as_ref()),
            cmd: self.command("cmd", |layer| layer.cmd.as_ref()),
            work_dir: "/".to_owned(),
            stop_signal: self
                .last("stop-signal", |layer| layer.stop_signal.as_ref())
                .map(|signal| signal.value.clone()),
            labels: described.clone(),
            annotations: described,
            ..RuntimeConfig::default()
        };
        if let Some(work_dir) = self.last("work-dir", |layer| layer.work_dir.as_ref()) {
            config.work_dir = self.word(work_dir, &format::PATH);
        }
        for layer in self.layers {
            for (pairs, map) in [
                (&layer.environment, &mut config.environment),
                (&layer.labels, &mut config.labels),
                (&layer.annotations, &mut config.annotations),
            ] {
                for pair in pairs {
                    map.insert(
                        pair.name.value.clone(),
                        self.scope.apply(&pair.value, self.diagnostics),
                    );
                }
            }
            for port in &layer.ports {
                let port = self.word(port, &format::PORT);
                config.ports.insert(if port.contains('/') {
                    port
                } else {
                    format!("{port}/tcp")
                });
            }
            for volume in &layer.volumes {
                let volume = self.word(volume, &format::PATH);
                config.volumes.insert(volume);
            }
        }
        config
    }

    fn command(
        &mut self,
        setting: &str,
        get: impl Fn(&'a Settings) -> Option<&'a Spanned<Vec<Spanned<String>>>>,
    ) -> Vec<String> {
        self.last(setting, get).map_or(Vec::new(), |words| {
            words.value.iter().map(|word| self.text(word)).collect()
        })
    }

    fn tests(&mut self) -> Vec<TestPlan> {
        let mut tests = Vec::new();
        let layers = self.layers;
        for item in layers.iter().flat_map(|layer| &layer.tests) {
            if !item.only.applies(self.variant, self.platform) {
                continue;
            }
            let probe = match &item.probe {
                ProbeEntry::Run(words) => {
                    TestProbe::Run(words.iter().map(|word| self.text(word)).collect())
                }
                ProbeEntry::Http { url } => TestProbe::Http {
                    url: self.word(url, &format::TEST_URL),
                },
            };
            tests.push(TestPlan {
                name: self.text(&item.name),
                probe,
                expectation: TestExpectation {
                    code: item.code.as_ref().map(|code| code.value),
                    contains: item.contains.as_ref().map(|text| self.text(text)),
                    must_fail: item.must_fail,
                },
            });
        }
        tests
    }
}

/// The digest of everything in these plans that resolution depends on: targets, formats, sources
/// and requests. Give it all plans of a definition; their order does not matter.
#[must_use]
pub fn inputs_digest(plans: &[Plan]) -> Digest {
    let mut sorted: Vec<&Plan> = plans.iter().collect();
    sorted.sort_by_key(|plan| plan.target());
    let inputs: Vec<_> = sorted
        .iter()
        .map(|plan| {
            (
                plan.image.as_str(),
                plan.target(),
                &plan.distribution,
                &plan.format,
                &plan.sources,
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
