//! What the solver and the assembler need of a distribution. `kiln-deb` implements these traits;
//! another distribution is another crate and one line in `kiln-pipeline`.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};
use std::sync::Arc;

use crate::{
    Alternatives, Classify, Comparison, Digest, ErrorClass, FileEntry, Mark, MultiArch,
    PackageName, PackageVersion, Provide, Relation, RelativePath,
};

/// A package version in a [`Universe`]; an index that means nothing outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

/// Debian policy 2.5, "Priorities"; lower is more important.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of Debian policy 2.5")]
pub enum Priority {
    Required,
    Important,
    Standard,
    #[default]
    Optional,
    Extra,
}

/// One version of one package, as an index describes it.
#[derive(Clone, Debug)]
pub struct PackageRecord {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: PackageVersion,
    /// `amd64`, `arm64` or `all`.
    pub architecture: String,
    /// The name of the source package.
    pub source: String,
    /// Pre-Depends and then Depends, in the order of the index.
    pub depends: Vec<Alternatives>,
    /// Conflicts and Breaks.
    pub conflicts: Vec<Relation>,
    /// Names it offers.
    pub provides: Vec<Provide>,
    /// Its `Multi-Arch`.
    pub multi_arch: MultiArch,
    /// Its `Priority`.
    pub priority: Priority,
    /// Whether it is marked `Essential: yes`.
    pub essential: bool,
    /// The archive that holds it.
    pub archive: String,
    /// The suite whose index named it.
    pub suite: String,
    /// The path below the archive's root.
    pub path: String,
    /// The size of the package file in bytes.
    pub size: u64,
    /// `Installed-Size`, in bytes.
    pub installed_size: u64,
    /// The digest of the package file.
    pub sha256: Digest,
}

/// All packages there are for one architecture: what the solver chooses from.
pub trait Universe {
    /// The versions of the package of this name, most preferred first: higher pin priority, then
    /// higher version, then earlier source.
    fn named(&self, name: &str) -> Vec<PackageId>;

    /// The packages (of whatever name) that list this name in Provides, in index order. The package
    /// of that name itself is not among them unless it lists itself.
    fn providing(&self, name: &str) -> Vec<PackageId>;

    /// The record of a package.
    ///
    /// # Errors
    /// When the record cannot be read or is malformed (records are parsed when asked for).
    fn record(&self, id: PackageId) -> Result<Arc<PackageRecord>, FormatError>;

    /// Compares two versions by the rules of the distribution.
    fn compare(&self, left: &str, right: &str) -> std::cmp::Ordering;

    /// Whether `version` satisfies `comparison wanted`.
    fn satisfies(&self, version: &str, comparison: Comparison, wanted: &str) -> bool {
        comparison.holds(self.compare(version, wanted))
    }

    /// All names of real packages that begin with or resemble `name`, for "did you mean"; at most
    /// `limit`, best first.
    fn similar(&self, name: &str, limit: usize) -> Vec<String>;

    /// The place of the package's name in the order in which the indexes first mention names, be it
    /// as a package or in a relation of one. apt breaks ties between otherwise equal providers by it
    /// (the later mentioned name wins), so a universe that wants apt's choices keeps it; without it,
    /// the order of ids does.
    fn first_mention(&self, id: PackageId) -> u32 {
        id.0
    }

    /// The architecture of this universe (`amd64`).
    fn architecture(&self) -> &str;
}

/// What was wrong with a file of a distribution's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatErrorKind {
    /// The bytes break the format.
    Malformed,
    /// The bytes are well-formed but claim something that does not hold (hash, signature, name).
    Lies,
    /// A limit on size, count or depth was passed.
    Limit,
    /// Reading failed.
    Io,
    /// kiln does not support this.
    Unsupported,
}

/// A file of a distribution's format that cannot be used: which, where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject}: {reason}")]
pub struct FormatError {
    /// What was read: `nginx_1.26.3-3_amd64.deb: data.tar.xz`.
    pub subject: String,
    /// What is wrong with it.
    pub reason: String,
    /// The kind of failure.
    pub kind: FormatErrorKind,
}

impl FormatError {
    /// An error of a kind.
    pub fn new(
        kind: FormatErrorKind,
        subject: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            reason: reason.into(),
            kind,
        }
    }

    /// The bytes break the format.
    pub fn malformed(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(FormatErrorKind::Malformed, subject, reason)
    }
}

impl Classify for FormatError {
    fn class(&self) -> ErrorClass {
        match self.kind {
            FormatErrorKind::Malformed | FormatErrorKind::Lies | FormatErrorKind::Limit => {
                ErrorClass::Integrity
            }
            FormatErrorKind::Io => ErrorClass::Environment,
            FormatErrorKind::Unsupported => ErrorClass::User,
        }
    }
}

/// A reader that can also seek.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// The control information of a package file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Control {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub architecture: String,
    /// The source package's name.
    pub source: String,
    /// The source package's version.
    pub source_version: String,
    /// The fields of the control file, in its order, values with their continuation lines.
    pub fields: Vec<(String, String)>,
    /// The `Replaces` relations.
    pub replaces: Vec<Relation>,
    /// The `Provides` names, for the conflicts of files between packages that replace a virtual one.
    pub provides: Vec<Provide>,
    /// `Multi-Arch`.
    pub multi_arch: MultiArch,
    /// Files marked as configuration (paths without leading slash), in order.
    pub conffiles: Vec<String>,
    /// The other members of the control archive by name (`md5sums`, `postinst`, `triggers` …).
    #[serde(with = "crate::member_text")]
    pub members: BTreeMap<String, Vec<u8>>,
    /// The MD5 in hex of each shipped configuration file, by path as in `conffiles`: what a package
    /// database records to see later edits. Empty until [`OpenPackage::entries`] has walked over
    /// the whole package, so keep the control information of after the walk.
    #[serde(default)]
    pub conffile_digests: BTreeMap<String, String>,
}

/// An open package file. Entries come in the order of the archive, one pass, streaming.
pub trait OpenPackage {
    /// The control information, read when the package was opened; complete with
    /// [`Control::conffile_digests`] after [`Self::entries`] has come to the end.
    fn control(&self) -> &Control;

    /// Walks over the entries of the package once. `visit` gets each entry and a reader of its
    /// content (empty for all but files); what it leaves unread is skipped. Paths are normalised and
    /// safe; kinds other than those of [`FileEntry`] are an error.
    ///
    /// # Errors
    /// When the package is malformed or passes a limit, or with what `visit` returned.
    fn entries(
        &mut self,
        visit: &mut dyn FnMut(FileEntry, &mut dyn Read) -> Result<(), FormatError>,
    ) -> Result<(), FormatError>;
}

/// What a package became in an image, for the package database.
#[derive(Clone, Debug)]
pub struct InstalledPackage {
    /// Its control information.
    pub control: Control,
    /// Every path it owns in the image (directories included), sorted.
    pub paths: Vec<RelativePath>,
    /// Owned paths that were left out of the image by the cuts, sorted.
    pub cut: Vec<RelativePath>,
}

/// A file that kiln makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthesisedFile {
    /// The entry; its size is that of `content`.
    pub entry: FileEntry,
    /// The content; empty for all but files.
    pub content: Vec<u8>,
}

/// What a package database is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// Keep maintainer scripts. A hardened image leaves them out: they are programs for a shell
    /// that is not there, and nothing will run them.
    pub scripts: bool,
}

/// What the assembler needs of a distribution.
pub trait PackageFormat: Send + Sync {
    /// The key of this format (`deb`).
    fn id(&self) -> &'static str;

    /// Opens a package file and reads its control information. `subject` names the file in errors.
    ///
    /// # Errors
    /// When the bytes are no package of this format.
    fn open<'a>(
        &self,
        subject: &str,
        file: Box<dyn ReadSeek + 'a>,
    ) -> Result<Box<dyn OpenPackage + 'a>, FormatError>;

    /// The files of the package database for an image that holds these packages, sorted by path;
    /// the directories of the database itself are among them, those above it are not. `native` is
    /// the architecture of the image. All have root as owner and the epoch as time.
    fn database(
        &self,
        installed: &[InstalledPackage],
        native: &str,
        options: &DatabaseOptions,
    ) -> Vec<SynthesisedFile>;

    /// Whether a file that both `holder` and `newcomer` ship goes from `holder` to `newcomer`
    /// (Debian policy 7.6.1: `newcomer` replaces `holder` at its version).
    fn replaces(&self, newcomer: &Control, holder: &Control) -> bool;

    /// What a package must have beside it to work: Pre-Depends and then Depends. What cannot be
    /// parsed is left out.
    fn depends(&self, control: &Control) -> Vec<Alternatives>;

    /// Whether a package satisfies a relation, by its name or by what it provides.
    fn satisfies(&self, relation: &Relation, by: &Control) -> bool;
}

/// Blobs by digest: the assembler reads from one, the store is one.
pub trait BlobSource: Send + Sync {
    /// Opens a blob for reading.
    ///
    /// # Errors
    /// When the blob is not there or cannot be read.
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>>;

    /// The mark of a blob as it lies there now; `None` where nobody can tell whether it was written
    /// to. Two equal marks say that the bytes are the same, not that they are right.
    ///
    /// # Errors
    /// When the blob cannot be looked at.
    fn mark(&self, digest: &Digest) -> io::Result<Option<Mark>> {
        let _ = digest;
        Ok(None)
    }
}
