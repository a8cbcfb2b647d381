//! The plan: one variant of one version line of an image on one platform, with everything
//! evaluated. Definitions in whatever language become plans; nothing after this stage knows how
//! the definition was written.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Constraint, ImageName, PackageName, Platform, ReachPlan, RelativePath, TargetId, TestPlan,
    Timestamp,
};

/// Everything that is wanted of one image of one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The image's name.
    pub image: ImageName,
    /// A name for people.
    pub title: String,
    /// The version line, such as `1.26`.
    pub line: String,
    /// The variant, such as `standard` or `dev`.
    pub variant: String,
    /// The platform.
    pub platform: Platform,
    /// The distribution's id, such as `debian-13`.
    pub distribution: String,
    /// The package format: the key under which a [`crate::PackageFormat`] is registered (`deb`).
    pub format: String,
    /// The package whose version names the tags.
    pub track: Option<PackageName>,
    /// When the version line ends.
    pub end_of_life: Option<Timestamp>,
    /// Where packages come from, most preferred first.
    pub sources: Vec<ArchiveSource>,
    /// What is asked of the solver.
    pub request: PackageRequest,
    /// Which files of packages are left out.
    pub cuts: Cuts,
    /// What the image needs, and what happens to the rest.
    #[serde(default)]
    pub reach: ReachPlan,
    /// Whether `/bin`, `/sbin`, `/lib` and `/lib64` are links into `/usr`.
    pub merged_usr: bool,
    /// Packages (by name) that many images share and that seldom change: the layers' foundation,
    /// one inner list a layer.
    pub foundation: Vec<BTreeSet<String>>,
    /// The emulators that stand for maintainer scripts, by name, in the order in which they run.
    pub emulators: Vec<String>,
    /// Whether the package database keeps the packages' maintainer scripts, as a package manager
    /// inside the image needs them. Without one they are dead code and a list of shell scripts.
    pub maintainer_scripts: bool,
    /// Users and groups.
    pub accounts: Accounts,
    /// Files, links and directories that the definition adds, in its order.
    pub paths: Vec<PathPlan>,
    /// What the container engine is told.
    pub config: RuntimeConfig,
    /// What happens before the program starts, where kiln's start program does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartPlan>,
    /// What must hold of the built image, by name of the check (`non-root`, `no-shell` …).
    pub checks: Vec<String>,
    /// The declared tests that apply to this variant and platform.
    pub tests: Vec<TestPlan>,
}

impl Plan {
    /// The key of this plan in a lock.
    #[must_use]
    pub fn target(&self) -> TargetId {
        TargetId {
            line: self.line.clone(),
            variant: self.variant.clone(),
            architecture: self.platform.architecture,
        }
    }

    /// The programs that the start program starts besides itself: those of its steps and its gate,
    /// and the image's own, each by path or by its name in `PATH`. Empty where the image has no
    /// start program.
    pub fn start_programs(&self) -> impl Iterator<Item = &str> {
        let start = self.start.iter();
        start.flat_map(|start| start.programs.iter().map(String::as_str))
    }
}

/// An archive of packages with the suites wanted from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ArchiveSource {
    /// The archive's name: `debian`, `debian-security`, or one that the definition gave. Mirrors
    /// of an archive are settings of the machine.
    pub archive: String,
    /// Suites in the archive, such as `trixie` and `trixie-updates`; empty for a flat repository.
    pub suites: Vec<String>,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// Where the archive is, when the definition says so: `https://…`, `file:/…`. Otherwise the
    /// machine's mirrors for `archive` are used.
    pub url: Option<String>,
    /// The path of a flat repository below `url` (`./`); absent for one with suites.
    pub flat: Option<String>,
    /// Keyrings that may sign the index: names of embedded ones (`debian-archive`) or paths.
    pub keyrings: Vec<String>,
    /// Accept an index without any signature (`[trusted=yes]`), only when written.
    pub trusted: bool,
    /// The `Origin` that the index must name, where known.
    pub origin: Option<String>,
    /// The `Label` that the index must name, where known.
    pub label: Option<String>,
    /// The pin priority (apt_preferences(5)); 500 unless stated.
    pub priority: i32,
    /// Where old states of this archive are, with `{archive}` and `{timestamp}` to be filled in;
    /// absent where nobody keeps any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// What to do about a dependency that an exclusion leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmet {
    /// Leave it open: what `standard` wants.
    Tolerate,
    /// An error: what `dev` wants, because apt inside the image would refuse everything.
    #[default]
    Refuse,
}

/// One package asked for by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Request {
    /// The package.
    pub name: PackageName,
    /// The versions wanted; any where absent.
    pub constraint: Option<Constraint>,
    /// Take it from this suite only (`name/suite`), where stated.
    pub suite: Option<String>,
}

/// The question to the solver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRequest {
    /// Packages wanted by name; sorted.
    pub include: Vec<Request>,
    /// Packages that must not come in as a dependency; an explicit request wins over this.
    pub exclude: BTreeSet<PackageName>,
    /// What to do about dependencies that the exclusions leave open.
    pub unmet: Unmet,
    /// Pin priorities of single packages, by name (`apt_preferences(5)`).
    pub pins: BTreeMap<String, i32>,
}

/// Which files of packages are left out, as glob patterns over paths with a leading slash
/// (`*` within a part, `**` across parts). The last pattern that matches decides: `keep` is
/// written as a pattern with `!` in front.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cuts(pub Vec<String>);

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// The comment field.
    pub comment: String,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Name.
    pub name: String,
    /// Numeric id.
    pub gid: u32,
    /// Names of members.
    pub members: Vec<String>,
}

/// The users and groups of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// The uid and gid that the image's programs run as.
    pub run_as: Option<(u32, u32)>,
    /// Users to add to those of the distribution.
    pub users: Vec<Account>,
    /// Groups to add.
    pub groups: Vec<Group>,
}

/// What stands at a path that the definition adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// A directory.
    Directory,
    /// A file with this content.
    File(#[serde(with = "content")] Vec<u8>),
    /// A symbolic link.
    Symlink(String),
    /// Only owner and mode of what is there change.
    Permissions,
    /// What is there goes.
    Delete,
}

/// A file, link or directory that the definition adds or changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathPlan {
    /// Where.
    pub path: RelativePath,
    /// What.
    pub kind: PathKind,
    /// Permission bits; the default of the kind where absent (0755 directories, 0644 files).
    pub mode: Option<u32>,
    /// Numeric owner; root unless stated.
    pub uid: u32,
    /// Numeric group; root unless stated.
    pub gid: u32,
    /// Must be writable at run time.
    pub writable: bool,
}

/// What the container engine is told (OCI image-spec `config.md`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeConfig {
    /// `User`: `65532:65532`; numeric.
    pub user: String,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `Env`, sorted by name.
    pub environment: BTreeMap<String, String>,
    /// `WorkingDir`.
    pub work_dir: String,
    /// `ExposedPorts`, such as `8080/tcp`.
    pub ports: BTreeSet<String>,
    /// `Volumes`.
    pub volumes: BTreeSet<String>,
    /// `StopSignal`.
    pub stop_signal: Option<String>,
    /// `Labels`, before kiln adds its own.
    pub labels: BTreeMap<String, String>,
    /// Annotations of manifest and index, before kiln adds its own.
    pub annotations: BTreeMap<String, String>,
}

/// Where the start program is in an image.
pub const START_PROGRAM: &str = "/usr/bin/kiln-start";

/// What the start program does. The script is in its own language (`kiln-script`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartPlan {
    /// The script, as it stands in the image.
    pub script: String,
    /// The command lines that the gate at `/bin/sh` runs; without any there is no gate.
    pub gate: Vec<String>,
    /// The programs that it starts, sorted.
    pub programs: Vec<String>,
}

impl StartPlan {
    /// Puts the start program in front of the image's own, which it starts.
    #[must_use]
    pub fn under(mut self, config: &mut RuntimeConfig) -> Self {
        let words = config.entrypoint.iter().chain(&config.cmd);
        self.programs.extend(words.take(1).cloned());
        self.programs.sort();
        self.programs.dedup();
        let own = [START_PROGRAM.to_owned(), "--".to_owned()];
        config.entrypoint.splice(0..0, own);
        self
    }
}

pub(crate) mod content {
    //! File contents as text where they are text, otherwise as numbers in an object.
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Bytes { bytes: Vec<u8> },
    }

    pub(crate) fn serialize<S: Serializer>(
        content: &[u8],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(content) {
            Ok(text) => Content::Text(text.to_owned()),
            Err(_) => Content::Bytes {
                bytes: content.to_vec(),
            },
        }
        .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        Ok(match Content::deserialize(deserializer)? {
            Content::Text(text) => text.into_bytes(),
            Content::Bytes { bytes } => bytes,
        })
    }
}
