//! What `sbom` and `quickview` print, whose values live in rooms that know no schemas. Tests of the
//! whole binary hold what is printed against what stands here.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// What is inside one image on one platform; `sbom:FILE` takes it back.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Inventory {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// Which image.
    subject: ImageSubject,
    /// How it was built, for an image that kiln built.
    built: Option<BuildFact>,
    /// The distribution; absent where nothing names one.
    distribution: Option<ImageDistribution>,
    /// The components, sorted by kind, name, version, architecture and first location.
    components: Vec<Component>,
    /// How it runs and what stands out; absent for what came from a document.
    facts: Option<ImageFacts>,
    /// What could not be read. Where this is not empty, everything else is a lower bound.
    #[serde(default)]
    incomplete: Vec<NotRead>,
}

/// Which image, directory or document.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ImageSubject {
    /// Its name.
    name: String,
    /// The digest of its manifest; absent where there is none.
    manifest: Option<String>,
    /// The digest of its configuration, which is the image id.
    config: Option<String>,
    /// `linux/amd64`, as the configuration says.
    platform: Option<String>,
    /// When it was made.
    created: Option<String>,
    /// The layers, the lowest first.
    #[serde(default)]
    layers: Vec<Layer>,
}

/// One layer of an image.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Layer {
    /// The digest of its uncompressed archive.
    diff_id: String,
    /// The digest of the blob, where the source has one.
    blob: Option<String>,
    /// Bytes of the blob.
    size: u64,
    /// Bytes of the archive.
    unpacked: u64,
}

/// How an image was made.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct BuildFact {
    /// The image of the definition.
    image: String,
    /// Which target of it.
    target: String,
    /// The digest of what the definition asks for.
    inputs: String,
    /// The snapshot of the archives that was read, where it was one.
    snapshot: Option<String>,
    /// The signed indexes that named the packages, sorted.
    indexes: Vec<SignedIndex>,
}

/// A signed index of a package archive.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct SignedIndex {
    /// The archive.
    archive: String,
    /// The suite.
    suite: String,
    /// The digest of its release file.
    release: String,
    /// The date that it carries.
    date: String,
}

/// The distribution, as `os-release` names it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct ImageDistribution {
    /// `ID`: `debian`, `alpine`.
    id: String,
    /// `ID_LIKE`, split.
    #[serde(default)]
    id_like: Vec<String>,
    /// `VERSION_ID`.
    version: Option<String>,
    /// `VERSION_CODENAME`.
    codename: Option<String>,
    /// `PRETTY_NAME`.
    pretty_name: Option<String>,
}

/// One thing in an image that has a name and a version of its own.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Component {
    /// What it is: `deb`, `apk`, `rpm`, `npm`, `pypi`, `golang`, `cargo`, `maven`, `gem`, `composer`,
    /// `nuget`, `binary` or `other`.
    kind: String,
    /// Its name, in full as its ecosystem writes it.
    name: String,
    /// Its version; empty where none is known.
    version: String,
    /// Its package URL.
    purl: Option<String>,
    /// The source package, for packages of a distribution.
    source: Option<SourcePackage>,
    /// The architecture in its ecosystem's words.
    architecture: Option<String>,
    /// Who made or maintains it.
    supplier: Option<String>,
    /// Its licences; absent where nothing is known.
    licences: Option<Licences>,
    /// Its copyright notices, one a line.
    copyright: Option<String>,
    /// What it says of itself, in one line.
    summary: Option<String>,
    /// Its home page.
    homepage: Option<String>,
    /// The digest of the package file that was installed, where it is known.
    sha256: Option<String>,
    /// Where that file came from, for an image that kiln built.
    origin: Option<PackageOrigin>,
    /// The files that speak for it, sorted.
    evidence: Vec<Evidence>,
    /// The place among the components, counted from 0, of the package of the distribution that all its
    /// files came with.
    owner: Option<u32>,
    /// The places of the components that it needs and that are here, sorted.
    #[serde(default)]
    depends: Vec<u32>,
    /// What else its ecosystem says, by name.
    #[serde(default)]
    properties: BTreeMap<String, String>,
}

/// The source package that a binary package was built from.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct SourcePackage {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
}

/// What is known of licences.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Licences {
    /// A valid SPDX expression.
    expression: Option<String>,
    /// What its `LicenseRef-…` stand for.
    #[serde(default)]
    texts: BTreeMap<String, LicenceText>,
}

/// A licence that the list of SPDX does not have.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct LicenceText {
    /// What the component calls it.
    name: String,
    /// Its text as found, or its name again.
    text: String,
}

/// Where a package file came from.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct PackageOrigin {
    /// The archive; `kiln` for what kiln itself puts in.
    archive: String,
    /// The suite whose index named it.
    suite: Option<String>,
    /// Its path below the archive's root.
    path: Option<String>,
    /// Its size in bytes.
    size: u64,
    /// Where anybody can have the same bytes later.
    download: Option<String>,
}

/// A file that speaks for a component.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Evidence {
    /// The file, without a slash in front; what lies in an archive follows after `!/`.
    path: String,
    /// The layer that it comes from, counted from 0; absent for a directory.
    layer: Option<u32>,
    /// How it was found: `database`, `metadata`, `build-information`, `binary-text`, `document` or
    /// `lock`.
    kind: String,
}

/// Something that could not be read.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct NotRead {
    /// Where: a path in the image, a layer, a stanza.
    place: String,
    /// Why.
    reason: String,
}

/// How an image runs and what an intruder would find in it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ImageFacts {
    /// `User` of the configuration; empty for root.
    user: String,
    /// Whether the image runs as root.
    is_root: bool,
    /// Whether nobody can say who it runs as.
    #[serde(default)]
    is_user_unknown: bool,
    /// `Entrypoint`.
    entrypoint: Vec<String>,
    /// `Cmd`.
    command: Vec<String>,
    /// `WorkingDir`.
    working_directory: String,
    /// `Env`, in its order.
    environment: Vec<String>,
    /// `ExposedPorts`, sorted.
    ports: Vec<String>,
    /// `Volumes`, sorted.
    volumes: Vec<String>,
    /// `Labels`.
    labels: BTreeMap<String, String>,
    /// The accounts of `/etc/passwd`.
    accounts: Vec<Account>,
    /// Paths of shells.
    shells: Vec<String>,
    /// Paths of package managers.
    package_managers: Vec<String>,
    /// Paths of interpreters other than shells.
    interpreters: Vec<String>,
    /// Files with the setuid bit.
    setuid: Vec<OddFile>,
    /// Files with the setgid bit.
    setgid: Vec<OddFile>,
    /// Files with capabilities.
    capabilities: Vec<OddFile>,
    /// Files and directories that everybody may write to.
    world_writable: Vec<OddFile>,
    /// Files that look like secrets.
    secrets: Vec<OddFile>,
    /// Regular files and hard links.
    files: u64,
    /// Directories.
    directories: u64,
    /// Symbolic links.
    links: u64,
    /// Bytes of the files, each content once.
    content_bytes: u64,
    /// What lies below directories, two components deep.
    by_directory: BTreeMap<String, Below>,
}

/// An account of `/etc/passwd`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Account {
    /// Its name.
    name: String,
    /// Its number.
    uid: u32,
    /// The number of its group.
    gid: u32,
    /// Its home.
    home: String,
    /// Its shell.
    shell: String,
}

/// A file that stands out.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct OddFile {
    /// The path, without a slash in front.
    path: String,
    /// The mode, octal.
    mode: String,
    /// The owner.
    uid: u32,
    /// The group.
    gid: u32,
    /// What stands out, where its list does not say so already.
    note: Option<String>,
}

/// What lies below a directory.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Below {
    /// Files.
    files: u64,
    /// Their bytes.
    bytes: u64,
}
