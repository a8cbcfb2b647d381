//! The definition as written, every value with its place. Front ends for other formats fill the
//! same model; `plan` evaluates it.

use std::sync::Arc;

use kiln_types::{ImageName, PackageName, Platform, Timestamp};

use crate::span::{Span, Spanned};

mod tests;

pub use tests::*;

/// One image in all its variants, versions and platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The file, as the person named it.
    pub file: Arc<str>,
    /// The image's name.
    pub name: Spanned<ImageName>,
    /// What people read about the image.
    pub about: About,
    /// When things happen to the image as a whole; version lines have their own dates.
    pub dates: Dates,
    /// The version lines in order; the first is `latest`.
    pub versions: Vec<VersionLine>,
    /// Values for `${name}`, in order; names are unique.
    pub vars: Vec<Pair>,
    /// The platforms; all that kiln knows unless stated.
    pub platforms: Vec<Spanned<Platform>>,
    /// What every variant shares.
    pub settings: Settings,
    /// What single variants add to or change in the profile of the same name.
    pub variants: Vec<Variant>,
    /// Tags besides the computed ones.
    pub tags: Vec<Spanned<String>>,
}

/// What people read about an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// A name for people.
    pub title: Option<Spanned<String>>,
    /// One line.
    pub summary: Option<Spanned<String>>,
    /// A paragraph or two.
    pub description: Option<Spanned<String>>,
    /// A guide to using the image, in Markdown.
    pub documentation: Option<Spanned<String>>,
    /// The home page of what is packed.
    pub upstream: Option<Spanned<String>>,
    /// An SPDX licence expression.
    pub license: Option<Spanned<String>>,
    /// Catalog categories.
    pub categories: Vec<Spanned<String>>,
}

/// Dates of a life cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// When it was released.
    pub release: Option<Spanned<Timestamp>>,
    /// When its makers stop supporting it.
    pub end_of_support: Option<Spanned<Timestamp>>,
    /// When nobody mends it any more.
    pub end_of_life: Option<Spanned<Timestamp>>,
}

/// A version line, such as `1.26`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionLine {
    /// Its name.
    pub name: Spanned<String>,
    /// The id of the distribution it is built from.
    pub distribution: Spanned<String>,
    /// The package whose version names the tags.
    pub track: Option<Spanned<PackageName>>,
    /// Its dates.
    pub dates: Dates,
    /// Values for `${name}` in this line; they win over those of the image.
    pub vars: Vec<Pair>,
}

/// A name and a value, both as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Spanned<String>,
    /// The value.
    pub value: Spanned<String>,
}

/// What one variant adds or changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The variant, which is also the name of its profile.
    pub name: Spanned<String>,
    /// What it adds (lists, maps) or changes (single values).
    pub settings: Settings,
}

/// What an image, a variant of it or a profile can set. Lists and maps of several settings add
/// up, single values and command lines replace each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// What goes in.
    pub contents: Contents,
    /// Users, groups and who runs.
    pub accounts: AccountSettings,
    /// Files, links and directories to add or change, in order.
    pub paths: Vec<PathEntry>,
    /// Environment variables.
    pub environment: Vec<Pair>,
    /// Start under the start program.
    pub init: Option<Spanned<bool>>,
    /// What happens before the program starts.
    pub start: Option<StartSettings>,
    /// The program.
    pub entrypoint: Option<Spanned<Vec<Spanned<String>>>>,
    /// Its default arguments.
    pub cmd: Option<Spanned<Vec<Spanned<String>>>>,
    /// Where it starts.
    pub work_dir: Option<Spanned<String>>,
    /// Ports, such as `8080/tcp`.
    pub ports: Vec<Spanned<String>>,
    /// Volumes.
    pub volumes: Vec<Spanned<String>>,
    /// The signal that stops the program.
    pub stop_signal: Option<Spanned<String>>,
    /// Labels of the image config.
    pub labels: Vec<Pair>,
    /// Annotations of manifest and index.
    pub annotations: Vec<Pair>,
    /// Declared tests.
    pub tests: Vec<TestEntry>,
}

/// What goes into an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Packages, as `name`, `name=version`, `name (>= version)`, `name/suite` or `!name`.
    pub packages: Vec<PackageEntry>,
    /// Repositories in place of the distribution's; absent means the distribution's.
    pub repositories: Option<Vec<RepositoryEntry>>,
    /// Keyrings for repositories that name none.
    pub keyring: Vec<Spanned<String>>,
    /// Files of packages that are left out, as patterns.
    pub cuts: Vec<Spanned<String>>,
    /// Roots of what the image needs: programs by name, paths, patterns.
    pub keep: Vec<KeepEntry>,
    /// What files open at run time.
    pub loads: Vec<LoadEntry>,
    /// Languages whose interpreters may be in the image.
    pub interpreters: Vec<Spanned<String>>,
    /// Files that can start a shell and do without: pattern and reason.
    pub without_shell: Vec<Pair>,
}

/// A root of what the image needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepEntry {
    /// The entry as written.
    pub text: Spanned<String>,
    /// When it applies.
    pub only: Only,
}

/// What a file opens at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadEntry {
    /// The file, as a pattern.
    pub file: Spanned<String>,
    /// Patterns or names of libraries.
    pub opens: Vec<Spanned<String>>,
    /// Whether it does without what is not there.
    pub optional: bool,
}

/// When an item of a list applies; always, where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only {
    /// On these platforms.
    pub platforms: Option<Vec<Spanned<Platform>>>,
    /// In these variants.
    pub variants: Option<Vec<Spanned<String>>>,
}

impl Only {
    /// Whether an item with this condition applies.
    #[must_use]
    pub fn applies(&self, variant: &str, platform: Platform) -> bool {
        self.platforms
            .as_ref()
            .is_none_or(|list| list.iter().any(|item| item.value == platform))
            && self
                .variants
                .as_ref()
                .is_none_or(|list| list.iter().any(|item| item.value == variant))
    }
}

/// A package asked for or excluded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageEntry {
    /// The entry as written; read after substitution.
    pub text: Spanned<String>,
    /// When it applies.
    pub only: Only,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryEntry {
    /// What it is.
    pub kind: RepositoryKind,
    /// Where it was written.
    pub span: Span,
    /// When it applies.
    pub only: Only,
}

/// The ways to write a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryKind {
    /// `deb [options] URL SUITE COMPONENT…`, or `distribution` for those of the distribution.
    Line(String),
    /// A map.
    Fields(Box<RepositoryFields>),
}

/// A repository written as a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryFields {
    /// The archive's name, under which a lock knows it.
    pub name: Option<String>,
    /// Its address; the machine's mirrors for `name` where absent.
    pub url: Option<String>,
    /// Suites.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// The path of a flat repository.
    pub flat: Option<String>,
    /// Who may sign.
    pub keyrings: Vec<String>,
    /// Accept it unsigned.
    pub trusted: bool,
    /// The `Origin` its index must name.
    pub origin: Option<String>,
    /// The `Label` its index must name.
    pub label: Option<String>,
    /// Its pin priority.
    pub priority: Option<i32>,
}

/// Users, groups and who runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// Keep the `root` account in the passwd file.
    pub root: Option<Spanned<bool>>,
    /// A user's name, a uid, or `uid:gid`.
    pub run_as: Option<Spanned<String>>,
    /// Users to add.
    pub users: Vec<UserEntry>,
    /// Groups to add.
    pub groups: Vec<GroupEntry>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEntry {
    /// Login name.
    pub name: Spanned<String>,
    /// Numeric id.
    pub uid: Spanned<u32>,
    /// Primary group; the uid unless stated.
    pub gid: Option<Spanned<u32>>,
    /// Home directory.
    pub home: Option<Spanned<String>>,
    /// Login shell.
    pub shell: Option<Spanned<String>>,
    /// The comment field.
    pub comment: Option<Spanned<String>>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// Name.
    pub name: Spanned<String>,
    /// Numeric id.
    pub gid: Spanned<u32>,
    /// Names of members.
    pub members: Vec<Spanned<String>>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathEntryKind {
    /// A directory.
    Directory,
    /// A file with this text.
    Content(Spanned<String>),
    /// A file with the content of a file beside the definition.
    Source(Spanned<String>),
    /// A file without content.
    EmptyFile,
    /// A link to this target.
    Symlink(Spanned<String>),
    /// Owner and mode of what is there.
    Permissions,
    /// What is there goes.
    Delete,
}

/// A file, link or directory to add or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// Where.
    pub path: Spanned<String>,
    /// What.
    pub kind: PathEntryKind,
    /// Owner by name: `nginx` or `nginx:adm`.
    pub owner: Option<Spanned<String>>,
    /// Owner by number.
    pub uid: Option<Spanned<u32>>,
    /// Group by number.
    pub gid: Option<Spanned<u32>>,
    /// Permission bits.
    pub mode: Option<Spanned<u32>>,
    /// Must be writable at run time.
    pub writable: bool,
    /// When it applies.
    pub only: Only,
}

/// What happens before the program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartSettings {
    /// Where it was written.
    pub span: Span,
    /// The program that the steps are for.
    pub program: Option<Spanned<String>>,
    /// The commands that the gate runs.
    pub gate: Vec<Spanned<String>>,
    /// The steps.
    pub steps: Vec<StartEntry>,
}

/// A step, as written: its texts before substitution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartEntry {
    /// The step.
    pub step: kiln_script::Step,
    /// Where it was written.
    pub span: Span,
    /// When it applies.
    pub only: Only,
}

/// What hardening all images of a variant share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name, which is that of the variant.
    pub name: Spanned<String>,
    /// One line.
    pub summary: Option<Spanned<String>>,
    /// What its tags end with (`-dev`).
    pub tag_suffix: String,
    /// What to do about dependencies that exclusions leave open.
    pub unmet: kiln_types::Unmet,
    /// Whether the package database keeps maintainer scripts, for a package manager in the image.
    pub maintainer_scripts: bool,
    /// Whether what nothing reaches is cut.
    pub cut_unreached: bool,
    /// What must hold of the built image.
    pub checks: Vec<Spanned<String>>,
    /// The settings in which this profile's word stands above the image's own: the declared
    /// exceptions to "all variants agree".
    pub overrides: Vec<Spanned<String>>,
    /// What it sets.
    pub settings: Settings,
}

/// A distribution, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Its id, such as `debian-13`.
    pub id: String,
    /// A name for people.
    pub title: String,
    /// The package format (`deb`).
    pub format: String,
    /// What tags call it (`debian13`).
    pub tag_name: String,
    /// Whether `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`.
    pub merged_usr: bool,
    /// Where packages come from.
    pub sources: Vec<kiln_types::ArchiveSource>,
    /// Where old states of its archives are: `{archive}` and `{timestamp}` are to be filled in.
    pub snapshot: Option<String>,
    /// Packages that are in every image unless excluded.
    pub packages: Vec<String>,
    /// The emulators that stand for maintainer scripts, in order.
    pub emulators: Vec<String>,
    /// Packages that many images share, a list a layer.
    pub foundation: Vec<Vec<String>>,
    /// The accounts that its base system has, by name: uid and gid.
    pub users: Vec<(String, u32, u32)>,
    /// The languages of its interpreters and modules.
    pub languages: Vec<kiln_types::Language>,
    /// What files open at run time.
    pub loads: Vec<kiln_types::Load>,
    /// Files that can start a shell and do without one in any image.
    pub without_shell: Vec<kiln_types::ShellCaller>,
}
