//! What `gate`, `compare` and `score` print, whose values live in rooms that know no schemas. Tests of
//! the whole binary hold what is printed against what stands here.

use schemars::JsonSchema;

/// Of one platform its verdict, of several a list, one for each.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum Verdicts {
    /// Of one platform.
    One(Box<Verdict>),
    /// Of several.
    Several(Vec<Verdict>),
}

/// Whether an image may ship. Equal inputs give equal bytes.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Verdict {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// The answer.
    outcome: Outcome,
    /// The name of the policy.
    policy: String,
    /// The moment that ages and expiries were counted to.
    at: String,
    /// The version of kiln that judged.
    kiln: String,
    /// What it depends on.
    inputs: Inputs,
    /// How many components were looked at.
    components: u64,
    /// How many findings to act on there are of each level, whatever the policy says of them.
    counts: Counts,
    /// Every reason, sorted: failures, what cannot be known, warnings.
    reasons: Vec<Reason>,
    /// What was not counted, sorted.
    suppressed: Vec<Suppressed>,
}

/// The answer of a gate.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Outcome {
    /// It may ship.
    Pass,
    /// It may not.
    Fail,
    /// Something that the policy asks about cannot be known.
    Unknown,
}

/// Everything that a verdict depends on besides the program.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Inputs {
    /// The image.
    image: JudgedImage,
    /// The policy; absent for the default policy.
    policy: Option<UsedFile>,
    /// The advisories; absent where there were none.
    database: Option<UsedDatabase>,
    /// Documents with VEX statements.
    #[serde(default)]
    vex: Vec<UsedFile>,
    /// References by which those documents may name the image besides the one it was asked for by.
    #[serde(default)]
    vex_products: Vec<String>,
    /// Up to when their statements count; absent where that is the moment of the verdict.
    vex_until: Option<String>,
    /// Ignore files of other tools.
    #[serde(default)]
    ignore_files: Vec<UsedFile>,
    /// Documents about what is in the image.
    #[serde(default)]
    sboms: Vec<UsedFile>,
}

/// The image that was judged.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct JudgedImage {
    /// As the person named it.
    name: String,
    /// Its platform; of one that names none, the platform that was asked for.
    platform: Option<String>,
    /// The digest of its manifest.
    manifest: Option<String>,
    /// The digest of its configuration.
    config: Option<String>,
    /// The digest of everything that was found in it, its name aside.
    inventory: String,
}

/// A document that was used.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct UsedFile {
    /// Where it was.
    name: String,
    /// The digest of its bytes.
    sha256: String,
}

/// The advisories that were used.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct UsedDatabase {
    /// The digest of its file.
    sha256: String,
    /// When it was built.
    built: String,
}

/// How many of each level.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Counts {
    /// Critical ones.
    critical: u64,
    /// High ones.
    high: u64,
    /// Medium ones.
    medium: u64,
    /// Low ones.
    low: u64,
    /// Negligible ones.
    negligible: u64,
    /// Those that nobody has rated.
    unknown: u64,
}

/// One reason of a verdict.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Reason {
    /// `fail`, `unknown` or `warning`.
    effect: String,
    /// A stable code such as `vulnerability/fixable`, which an allow-list may name.
    code: String,
    /// The vulnerability, where it is about one.
    vulnerability: Option<String>,
    /// How bad that is.
    level: Option<String>,
    /// The package, where it is about one.
    package: Option<String>,
    /// Its version.
    version: Option<String>,
    /// The version that has the fix.
    fixed_version: Option<String>,
    /// A path in the image, or the place of an entry in a document.
    place: Option<String>,
    /// In words.
    message: String,
}

/// Something that would have been a reason, or a finding that is none to act on.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Suppressed {
    /// The vulnerability, or the code of the rule.
    id: String,
    /// The package or path.
    about: Option<String>,
    /// By what: `owner`, `vex`, `allowed`, `unimportant`, `informational`, `undetermined`.
    by: String,
    /// Why.
    reason: String,
    /// The place of the entry, where an entry allows it.
    place: Option<String>,
    /// Who answers for it.
    owner: Option<String>,
    /// From when on it holds no more.
    expires: Option<String>,
}

/// Two images side by side. What one side does not have is null, never zero.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Comparison {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// The first image.
    from: Side,
    /// The second image.
    to: Side,
    /// Vulnerabilities that only the first has, the worst first; null without advisories.
    went: Option<Vec<Vulnerable>>,
    /// Vulnerabilities that only the second has.
    came: Option<Vec<Vulnerable>>,
    /// Packages that are not the same, sorted.
    packages: Vec<PackageChange>,
    /// How many packages are the same.
    same_packages: u64,
    /// Settings, lists and files that are not the same, sorted.
    values: Vec<ValueChange>,
    /// Directories whose size is not the same, the largest difference first.
    directories: Vec<DirectoryChange>,
}

/// A runtime that no package of the distribution owns, or another distribution in the image.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RuntimeSupport {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
    /// The last day of the support of its line, where known.
    end_of_life: Option<String>,
}

/// One side of a comparison.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Side {
    /// Its name.
    name: String,
    /// The digest of its manifest, or of its configuration.
    digest: Option<String>,
    /// `linux/amd64`.
    platform: Option<String>,
    /// When it was made.
    created: Option<String>,
    /// Its distribution.
    distribution: Option<String>,
    /// The last day of that distribution's support.
    end_of_life: Option<String>,
    /// Runtimes that came without the distribution, and other distributions with a root in it.
    runtimes: Vec<RuntimeSupport>,
    /// How many vulnerabilities; null where there are no advisories.
    vulnerabilities: Option<Counts>,
    /// How many of them an update cures.
    fixable: Option<Counts>,
    /// Whether there may be more: of some components no advisory speaks, or something could not be
    /// read.
    is_lower_bound: bool,
    /// How many packages.
    packages: u64,
    /// Bytes of its layers as a registry stores them.
    compressed: Option<u64>,
    /// Bytes of its layers unpacked.
    unpacked: Option<u64>,
    /// How many layers.
    layers: Option<u64>,
    /// How many files.
    files: Option<u64>,
    /// The user it runs as.
    user: Option<String>,
    /// Whether that is root.
    is_root: Option<bool>,
    /// How many shells.
    shells: Option<u64>,
    /// How many package managers.
    package_managers: Option<u64>,
    /// How many setuid and setgid files.
    setuid: Option<u64>,
    /// What is not known, each in a sentence: where this is not empty, its numbers are lower bounds.
    not_known: Vec<String>,
    /// The answer of the policy (`--policy`).
    policy: Option<Outcome>,
}

/// A vulnerability of one side that the other has not.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Vulnerable {
    /// How bad it is.
    level: String,
    /// Its id.
    id: String,
    /// The package.
    package: String,
    /// Its version.
    version: String,
    /// The version that has the fix.
    fixed_version: Option<String>,
    /// Whether it is known to be exploited.
    exploited: bool,
}

/// A package that is not the same on both sides.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct PackageChange {
    /// `removed`, `added`, `up`, `down` or `other`.
    change: String,
    /// Its kind.
    kind: String,
    /// Its name.
    name: String,
    /// Its version before.
    from: Option<String>,
    /// Its version after.
    to: Option<String>,
    /// Vulnerabilities that went with it.
    went: Vec<String>,
    /// Vulnerabilities that came with it.
    came: Vec<String>,
}

/// A setting, list or file that is not the same on both sides.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ValueChange {
    /// What it belongs to: `environment`, `label`, `port`, `shell`, `setuid`, `licence` …
    of: String,
    /// Its name.
    name: String,
    /// Before, without what looks like a secret; null where it was not there.
    from: Option<String>,
    /// After, without what looks like a secret; null where it is not there.
    to: Option<String>,
    /// Whether something of it is hidden; where both sides look the same then, that is what changed.
    is_hidden: bool,
}

/// Files below a directory, on both sides.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct DirectoryChange {
    /// The directory.
    path: String,
    /// Before.
    from: DirectoryFiles,
    /// After.
    to: DirectoryFiles,
}

/// What lies below a directory.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct DirectoryFiles {
    /// Files.
    files: u64,
    /// Their bytes.
    bytes: u64,
}

/// A score, and everything that it is made of.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Score {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// The sum of all points.
    points: u32,
    /// The most there could be.
    of: u32,
    /// `A` to `F`; null where inputs that are not known could make it another.
    grade: Option<String>,
    /// Every input.
    inputs: Vec<ScoreInput>,
}

/// One question.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct ScoreInput {
    /// The question.
    name: String,
    /// The most points that it gives.
    of: u32,
    /// The points that it gave; null where the answer is not known.
    points: Option<u32>,
    /// What was found.
    found: String,
}
