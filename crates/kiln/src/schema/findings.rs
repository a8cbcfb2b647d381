//! What `scan` and `explain` print, whose values live in rooms that know no schemas. Tests of the
//! whole binary hold what is printed against what stands here.

use schemars::JsonSchema;

use super::images::Counts;
use super::inventory::{ImageDistribution, ImageSubject, NotRead};

/// What is wrong with one image.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Findings {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// What was known on a past day, where that was asked (`--at`).
    at: Option<PastDay>,
    /// Which findings stand here, where not all do (`--only-…`).
    filter: Option<Shown>,
    /// Which image.
    subject: ImageSubject,
    /// Its distribution.
    distribution: Option<ImageDistribution>,
    /// Which database.
    database: UsedAdvisories,
    /// How many components the image has.
    components: u64,
    /// How many of them are asked about through the packages that own them.
    #[serde(default)]
    owned: u64,
    /// How many are of a kind that has no advisories anywhere.
    #[serde(default)]
    unasked: u64,
    /// The findings, the worst first; suppressed ones among them.
    findings: Vec<Finding>,
    /// Whose support ends on a known day: the distribution, others that have a root in the image, and
    /// runtimes that were copied into it.
    #[serde(default)]
    support: Vec<SupportedUntil>,
    /// What the database has nothing about. Where this is not empty, "none found" means nothing.
    #[serde(default)]
    blind: Vec<NoAdvisories>,
    /// What of the image could not be read.
    #[serde(default)]
    incomplete: Vec<NotRead>,
    /// The VEX documents that they were held against.
    #[serde(default)]
    vex: Vec<UsedVex>,
}

/// Up to when somebody supports something in an image.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct SupportedUntil {
    /// Its name and release.
    name: String,
    /// The file that speaks for it; absent for the distribution of the image.
    place: Option<String>,
    /// The last day.
    last_day: String,
}

/// That not all findings are shown.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Shown {
    /// Only these levels, the worst first; empty: all.
    #[serde(default)]
    levels: Vec<String>,
    /// Only those that an update cures, or only those that none does.
    fixable: Option<bool>,
    /// Only these kinds of packages, sorted; empty: all.
    #[serde(default)]
    kinds: Vec<String>,
    /// How many findings to act on there are of each level, shown or not.
    counts: Counts,
    /// How many findings to act on are not shown.
    hidden: u64,
    /// How many suppressed ones are not.
    hidden_suppressed: u64,
}

/// What findings of a past day leave open.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct PastDay {
    /// The moment: what was known then.
    at: String,
    /// How many findings came later.
    later: u64,
    /// What carries no date, sorted.
    #[serde(default)]
    undated: Vec<NoDate>,
    /// The database whose EPSS scores are of that day, by its digest.
    epss: Option<String>,
}

/// A vulnerability of which it cannot be said what was known on a day.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct NoDate {
    /// What has no date: `advisory` (so it is no finding) or `fix` (so it is one without a fix).
    part: String,
    /// The vulnerability.
    vulnerability: String,
    /// The advisories that speak of it.
    ecosystem: String,
    /// The package.
    package: String,
}

/// Which database gave the answer.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct UsedAdvisories {
    /// The SHA-256 of its file, in hexadecimal.
    sha256: String,
    /// When it was built.
    built: String,
    /// Its sources.
    sources: Vec<UsedFeed>,
}

/// A feed that facts came from.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct UsedFeed {
    /// Its name.
    name: String,
    /// Where it was read.
    origin: String,
    /// When its content was current.
    as_of: String,
    /// The SHA-256 of its bytes, in hexadecimal.
    sha256: String,
    /// How many facts about packages it gave.
    facts: u64,
    /// How many of what else, by name, such as `exploited` or `ratings`.
    #[serde(default)]
    others: std::collections::BTreeMap<String, u64>,
}

/// A part of the image about which the database cannot say anything.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct NoAdvisories {
    /// The advisories that would be needed.
    ecosystem: String,
    /// How many components it concerns.
    components: u64,
    /// What is missing.
    reason: String,
}

/// A VEX document that findings were held against.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct UsedVex {
    /// Its name.
    name: String,
    /// The digest of its bytes.
    digest: String,
    /// `openvex`, `csaf` or `cyclonedx`.
    form: String,
    /// Who says what it says.
    author: Option<String>,
    /// How many statements it has.
    statements: u64,
    /// How many of them suppressed a finding.
    applied: u64,
}

/// One vulnerability in one component.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Finding {
    /// The place of the component in the inventory, counted from 0.
    component: u32,
    /// Its kind.
    kind: String,
    /// Its name.
    package: String,
    /// Its version.
    version: String,
    /// Its package URL.
    purl: Option<String>,
    /// The first file that speaks for it.
    location: Option<String>,
    /// The layer that this file comes from: its place among the layers of the subject.
    layer: Option<u32>,
    /// The name that was looked up, where it is another (the source package).
    source_package: Option<String>,
    /// The version that was compared, where it is another.
    source_version: Option<String>,
    /// The advisories that were asked (`debian:13`, `npm`).
    ecosystem: String,
    /// The vulnerability.
    vulnerability: Known,
    /// `yes`, or `unknown` where nobody can say.
    affected: String,
    /// What is known of a fix: `fixed`, `open`, `no-advisory`, `wont-fix`, `deferred`, `end-of-life`,
    /// `undetermined` or `not-affected`.
    state: String,
    /// The lowest version that has the fix.
    fixed_version: Option<String>,
    /// When that came.
    fixed_at: Option<String>,
    /// How bad it is: `critical`, `high`, `medium`, `low`, `negligible` or `unknown`.
    level: String,
    /// Who says so; absent where nobody does.
    level_source: Option<String>,
    /// Whether sources disagree on being affected.
    #[serde(default)]
    disputed: bool,
    /// Every fact that was used.
    facts: Vec<Fact>,
    /// Every VEX statement that is about it.
    #[serde(default)]
    vex: Vec<Statement>,
    /// Why it is none to act on.
    suppressed: Option<NotToActOn>,
}

/// A vulnerability, whatever it affects.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Known {
    /// The id it is shown under.
    id: String,
    /// All other ids, sorted.
    #[serde(default)]
    aliases: Vec<String>,
    /// What it is, in one line.
    summary: Option<String>,
    /// What sources say of how bad it is, sorted.
    #[serde(default)]
    ratings: Vec<Rated>,
    /// When it was published.
    published: Option<String>,
    /// Whether it is exploited, as CISA says.
    exploited: Option<KnownExploited>,
    /// How likely that is, as EPSS says.
    epss: Option<Probability>,
}

/// What one source says of how bad a vulnerability is.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Rated {
    /// Who says so.
    source: String,
    /// The level.
    level: String,
    /// The CVSS score in tenths.
    score: Option<u8>,
    /// The CVSS vector.
    vector: Option<String>,
}

/// That it is exploited.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct KnownExploited {
    /// The day on which it was added to the catalogue.
    added: String,
    /// Whether ransomware uses it.
    ransomware: bool,
}

/// The probability that it will be exploited within 30 days.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Probability {
    /// The probability in hundred-thousandths.
    probability: u32,
    /// The percentile in hundred-thousandths.
    percentile: u32,
}

/// What one source says about one package and one vulnerability.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Fact {
    /// The vulnerability.
    vulnerability: String,
    /// The record of the source that says so.
    record: String,
    /// The source.
    source: String,
    /// The affected versions; any of them is enough.
    #[serde(default)]
    ranges: Vec<AffectedRange>,
    /// Affected versions one by one.
    #[serde(default)]
    versions: Vec<String>,
    /// What it says about a fix.
    state: String,
    /// How bad the source holds it to be for this package.
    level: String,
    /// Whether it is only news, no vulnerability.
    #[serde(default)]
    informational: bool,
    /// Why, in the source's words.
    reason: Option<String>,
    /// When the fix came, where known.
    fixed_at: Option<String>,
}

/// A range of affected versions.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct AffectedRange {
    /// The first affected version; absent where it is the very first.
    from: Option<String>,
    /// Where it ends.
    end: AffectedEnd,
}

/// Where a range of affected versions ends.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "only its schema is used")]
enum AffectedEnd {
    /// Nowhere: every later version is affected too.
    Open,
    /// Before this version.
    Before(String),
    /// With this version.
    With(String),
}

/// A VEX statement that is about a finding.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Statement {
    /// The document.
    document: String,
    /// Its digest.
    digest: String,
    /// The place in it.
    place: String,
    /// Who says so.
    author: Option<String>,
    /// When it was said.
    at: Option<String>,
    /// `not_affected`, `affected`, `fixed` or `under_investigation`.
    status: String,
    /// Why, in a word of its form.
    justification: Option<String>,
    /// Why, in words.
    impact: Option<String>,
    /// The product by which it is about this component.
    product: String,
    /// Whether it is the latest, which holds.
    holds: bool,
}

/// Why a finding is none to act on.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct NotToActOn {
    /// By what: `owner`, `vex`, `allowed`, `unimportant`, `informational` or `undetermined`.
    by: String,
    /// The package that owns the files (`owner`).
    package: Option<String>,
    /// Why, in words; absent for `vex`.
    reason: Option<String>,
    /// The document and the place of the statement in it (`vex`).
    statement: Option<String>,
    /// The digest of the document (`vex`).
    digest: Option<String>,
    /// Who says so (`vex`).
    author: Option<String>,
    /// Its status (`vex`).
    status: Option<String>,
    /// Its justification, or its impact statement (`vex`).
    justification: Option<String>,
    /// Where the entry stands (`allowed`).
    entry: Option<String>,
}

/// Every fact about a vulnerability and an image.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct Explanation {
    /// 1. Changes when a field changes its meaning.
    format: u32,
    /// What was asked about.
    id: String,
    /// When the database was built.
    database: String,
    /// The day whose knowledge was asked for (`--at`).
    at: Option<String>,
    /// Since when it was known at least, of that day.
    known: Option<String>,
    /// It; null where the database has nothing about it, or nothing of that day.
    vulnerability: Option<Known>,
    /// Every fact about something in the image.
    facts: Vec<JudgedFact>,
    /// What VEX documents say.
    statements: Vec<StatementOutcome>,
}

/// A fact, and what it means for a package of the image.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct JudgedFact {
    /// The package.
    package: String,
    /// Its version.
    version: String,
    /// Its package URL.
    purl: Option<String>,
    /// The package of the distribution that it came with.
    owner: Option<String>,
    /// The advisories that were asked.
    ecosystem: String,
    /// Name and version that were compared.
    compared: String,
    /// `affected`, `not affected` or `cannot be compared`.
    answer: String,
    /// When its source was current.
    as_of: Option<String>,
    /// The fact.
    fact: Fact,
}

/// A VEX statement, and what came of it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct StatementOutcome {
    /// The document.
    document: String,
    /// The place in it.
    place: String,
    /// When it was said.
    at: Option<String>,
    /// Who says so.
    author: String,
    /// What it says.
    status: String,
    /// Why.
    why: Option<String>,
    /// What came of it, as in `vex explain`.
    outcome: String,
    /// Why that.
    reason: String,
}
