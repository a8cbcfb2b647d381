//! What is inside an image: components with their evidence, the distribution, and the facts that
//! hardening asks about. `kiln-inventory` makes the value; matching, gate and comparison read it.
//!
//! Invariants of a finished inventory
//! - `components` is sorted (kind, name, version, architecture, first location) and holds every
//!   component once, however many files speak of it; a [`ComponentId`] is an index into it.
//! - All lists are sorted and without duplicates, so equal images give equal bytes.
//! - What could not be read stands in `incomplete`. An inventory with such an entry is a lower
//!   bound: nobody may conclude from it that something is absent.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BuildFact, Digest, PackageOrigin, Purl, Timestamp};

/// The place of a component in [`Inventory::components`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComponentId(pub u32);

/// What a component is: the package system that its name and version belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ComponentKind {
    /// A Debian-format package.
    Deb,
    /// An Alpine-format package.
    Apk,
    /// An RPM package.
    Rpm,
    /// A package of npm; the name has its scope (`@scope/name`).
    Npm,
    /// A Python distribution; the name is as its metadata writes it.
    Pypi,
    /// A Go module (`stdlib` for the standard library, as OSV names it).
    Golang,
    /// A Rust crate.
    Cargo,
    /// A Java archive; the name is `group:artifact`, or the artifact alone where no group is known.
    Maven,
    /// A Ruby gem.
    Gem,
    /// A PHP package; the name is `vendor/package`.
    Composer,
    /// A .NET package.
    Nuget,
    /// A program known by what is in its file, with no package to name it.
    Binary,
    /// Anything else that a document names.
    Other,
}

impl ComponentKind {
    /// The word for it, which is the type of its package URL where it has one of its own.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Maven => "maven",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Binary => "binary",
            Self::Other => "other",
        }
    }

    /// The kind that a package URL's type names; [`Self::Other`] for every unknown one.
    #[must_use]
    pub fn of_purl_type(purl_type: &str) -> Self {
        match purl_type {
            "deb" => Self::Deb,
            "apk" => Self::Apk,
            "rpm" => Self::Rpm,
            "npm" => Self::Npm,
            "pypi" => Self::Pypi,
            "golang" => Self::Golang,
            "cargo" => Self::Cargo,
            "maven" => Self::Maven,
            "gem" => Self::Gem,
            "composer" => Self::Composer,
            "nuget" => Self::Nuget,
            "generic" => Self::Binary,
            _ => Self::Other,
        }
    }

    /// Whether the distribution's own package manager installed it.
    #[must_use]
    pub const fn is_system(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm)
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The source package that a binary package was built from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name: the key of a distribution's advisories.
    pub name: String,
    /// Its version, which need not be that of the binary package (`+b1`, other epochs).
    pub version: String,
}

/// What is known of a component's licences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licences {
    /// A valid SPDX expression over identifiers of the licence list and over the `LicenseRef-…` of
    /// `texts`; absent where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// What the `LicenseRef-…` stand for, by that identifier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, LicenceText>,
}

/// A licence that the list of SPDX does not have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LicenceText {
    /// What the component calls it.
    pub name: String,
    /// Its text as found, or its name again where no text is there.
    pub text: String,
}

/// How a cataloger came to know of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EvidenceKind {
    /// The database of a package manager.
    Database,
    /// Metadata that an installed package carries (`METADATA`, `package.json`, `pom.properties`).
    Metadata,
    /// What a compiler or build tool wrote into a program (Go build information, Rust audit data,
    /// package notes).
    BuildInformation,
    /// Text in a program that gives away name and version.
    BinaryText,
    /// A document in the image that lists components.
    Document,
    /// The lock that kiln built the image from.
    Lock,
}

/// A file that speaks for a component.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// The file, from the root of the image without a slash in front. What lies inside an archive
    /// follows after `!/` (`app.jar!/BOOT-INF/lib/a.jar`).
    pub path: String,
    /// The layer that the file comes from: its place among [`Subject::layers`]; absent for a
    /// directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// How it was found.
    pub kind: EvidenceKind,
}

/// One thing in an image that has a name and a version of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// What it is.
    pub kind: ComponentKind,
    /// Its name, in full as its ecosystem writes it.
    pub name: String,
    /// Its version; empty where none is known.
    pub version: String,
    /// Its package URL, in the form that [`Purl`] writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<Purl>,
    /// The source package, for packages of a distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    /// The architecture in its ecosystem's words (`amd64`, `all`, `noarch`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Who made or maintains it: `Name <address>` or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<String>,
    /// Its licences.
    #[serde(default, skip_serializing_if = "Licences::is_unknown")]
    pub licences: Licences,
    /// Its copyright notices, one a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copyright: Option<String>,
    /// What it says of itself, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Digests of the package file that was installed, where a lock or database has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Where that file came from, for an image that kiln built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<PackageOrigin>,
    /// The files that speak for it, sorted.
    pub evidence: Vec<Evidence>,
    /// The package of the distribution that owns the first file of the evidence, where packages of
    /// it own them all: then the component came with them, and the distribution answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ComponentId>,
    /// The components that it says it needs and that are here, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<ComponentId>,
    /// What else its ecosystem says and a later stage needs, by name (`go-settings`, `apk-origin`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

impl Licences {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.expression.is_none() && self.texts.is_empty()
    }
}

impl Component {
    /// A component of which nothing but this is known.
    #[must_use]
    pub fn new(kind: ComponentKind, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            purl: None,
            source: None,
            architecture: None,
            supplier: None,
            licences: Licences::default(),
            copyright: None,
            summary: None,
            homepage: None,
            sha256: None,
            origin: None,
            evidence: Vec::new(),
            owner: None,
            depends: Vec::new(),
            properties: BTreeMap::new(),
        }
    }

    /// The name under which a distribution keeps its advisories: that of the source package, or its
    /// own.
    #[must_use]
    pub fn source_name(&self) -> &str {
        self.source
            .as_ref()
            .map_or(&self.name, |source| &source.name)
    }

    /// The version that those advisories are compared with.
    #[must_use]
    pub fn source_version(&self) -> &str {
        self.source
            .as_ref()
            .map_or(&self.version, |source| &source.version)
    }
}

/// The distribution, as `os-release` names it (os-release(5)), or a document in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributionFact {
    /// `ID`: `debian`, `alpine`, `wolfi`.
    pub id: String,
    /// `ID_LIKE`, split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_like: Vec<String>,
    /// `VERSION_ID`; absent for a rolling one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `VERSION_CODENAME`, or what `/etc/debian_version` says of testing and unstable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// `PRETTY_NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<String>,
}

/// One layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFact {
    /// The digest of its uncompressed archive, as the configuration names it.
    pub diff_id: Digest,
    /// The digest of the blob, where the source has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blob: Option<Digest>,
    /// Bytes of the blob.
    pub size: u64,
    /// Bytes of the archive.
    pub unpacked: u64,
}

/// Which image (or directory, or document) this is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name: a reference or catalog name where there is one, else that of the file or directory.
    pub name: String,
    /// The digest of its manifest; absent where there is none (docker archives, directories).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// The digest of its configuration, which is the image id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Digest>,
    /// `linux/amd64`, as the configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// When it was made, as the configuration or the document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The layers, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerFact>,
}

/// Something that could not be read, so that the inventory is a lower bound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Incomplete {
    /// Where: a path in the image, a layer, a stanza.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// An account of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccountFact {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its home.
    pub home: String,
    /// Its shell.
    pub shell: String,
}

/// A file that stands out by its mode or its attributes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileFact {
    /// The path, without a slash in front.
    pub path: String,
    /// The mode, octal (`4755`).
    pub mode: String,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// What stands out, where the list that holds it does not say so already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How an image runs and what an intruder would find in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageFacts {
    /// `User` of the configuration; empty for root.
    pub user: String,
    /// Whether the image runs as root: no user, `root`, `0`, or a name that its accounts give the uid 0.
    pub is_root: bool,
    /// Whether nobody can say who it runs as: a name that its accounts do not have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_user_unknown: bool,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub command: Vec<String>,
    /// `WorkingDir`.
    pub working_directory: String,
    /// `Env`, in its order.
    pub environment: Vec<String>,
    /// `ExposedPorts`, sorted.
    pub ports: Vec<String>,
    /// `Volumes`, sorted.
    pub volumes: Vec<String>,
    /// `Labels`.
    pub labels: BTreeMap<String, String>,
    /// The accounts of `/etc/passwd`.
    pub accounts: Vec<AccountFact>,
    /// Paths of shells.
    pub shells: Vec<String>,
    /// Paths of package managers.
    pub package_managers: Vec<String>,
    /// Paths of interpreters other than shells.
    pub interpreters: Vec<String>,
    /// Files with the setuid bit.
    pub setuid: Vec<FileFact>,
    /// Files with the setgid bit.
    pub setgid: Vec<FileFact>,
    /// Files with capabilities.
    pub capabilities: Vec<FileFact>,
    /// Files and directories that everybody may write to; a directory with the sticky bit is not
    /// among them.
    pub world_writable: Vec<FileFact>,
    /// Files that look like secrets.
    pub secrets: Vec<FileFact>,
    /// Regular files and hard links in the merged view.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub links: u64,
    /// Bytes of the files in the merged view, each content once.
    pub content_bytes: u64,
    /// Bytes of files by directory, two components deep (`usr/lib`), and the files themselves.
    pub by_directory: BTreeMap<String, DirectoryFact>,
}

/// What lies below a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryFact {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What is inside one image on one platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Which image.
    pub subject: Subject,
    /// How it was built, for an image that kiln built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built: Option<BuildFact>,
    /// The distribution; absent where nothing names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<DistributionFact>,
    /// The components.
    pub components: Vec<Component>,
    /// How it runs and what stands out; absent for what came from a document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<ImageFacts>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<Incomplete>,
}

impl Inventory {
    /// A component by its place.
    #[must_use]
    pub fn component(&self, id: ComponentId) -> Option<&Component> {
        self.components.get(usize::try_from(id.0).ok()?)
    }

    /// The components with their places.
    pub fn entries(&self) -> impl Iterator<Item = (ComponentId, &Component)> {
        (0..).map(ComponentId).zip(&self.components)
    }

    /// Whether everything could be read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.incomplete.is_empty()
    }
}
