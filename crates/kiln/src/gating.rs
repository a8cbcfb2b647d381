//! From files and an image to a verdict, and from a verdict back to whether it still holds: what
//! `kiln gate` and `kiln build --gate` share.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kiln_definition::{Document, ignores, policy};
use kiln_inventory::read::document;
use kiln_pipeline::{AdvisoryError, AdvisoryFolder, PipelineError, database_fact, open_database};
use kiln_types::{
    Allowance, Clock as _, Digest, Effect, ErrorClass, Findings, Inventory, JudgedImage, Outcome,
    Policy, Support, Timestamp, UsedDatabase, UsedFile, Verdict, VerdictInputs,
};
use kiln_vuln::gate::{Case, inventory_digest, judge};
use kiln_vuln::support::last_day;
use kiln_vuln::vex::{self, VexDocument, VexOptions};
use kiln_vuln::{EndOfLife, match_inventory};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images;
use crate::loading::read_document;
use crate::render::{self, Table};
use crate::statements::{self, Statements};

/// The documents that a verdict depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct GateFiles {
    /// The policy; none for the default one.
    pub(crate) policy: Option<Named>,
    /// Ignore files of other tools.
    pub(crate) ignore_files: Vec<Named>,
    /// Documents about what is in the image.
    pub(crate) sboms: Vec<Named>,
    /// VEX documents and folders of them.
    pub(crate) vex: Vec<PathBuf>,
    /// References by which they name the image besides the one it was named by.
    pub(crate) vex_products: Vec<String>,
    /// Up to when their statements count; none for the moment of the verdict.
    pub(crate) vex_until: Option<Timestamp>,
    /// What a verdict calls them: documents that lie elsewhere now are told by their content.
    pub(crate) vex_names: Vec<UsedFile>,
}

impl GateFiles {
    /// A policy alone; `default` is the default one.
    pub(crate) fn of_policy(policy: &Path) -> Self {
        Self {
            policy: Named::of_policy(policy),
            ..Self::default()
        }
    }
}

/// A file, and what the verdict calls it: in a replay it may lie elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is called.
    pub(crate) name: String,
}

impl Named {
    /// A policy; none for `default`, which is the default one.
    pub(crate) fn of_policy(path: &Path) -> Option<Self> {
        (path != Path::new("default")).then(|| Self::of(path))
    }

    /// A file that is called what it is.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            name: path.display().to_string(),
        }
    }
}

/// Documents that were read.
pub(crate) struct Gate {
    policy: Policy,
    policy_file: Option<UsedFile>,
    ignores: Vec<Allowance>,
    ignore_files: Vec<UsedFile>,
    sboms: Vec<Inventory>,
    sbom_files: Vec<UsedFile>,
    vex: Vex,
}

/// VEX documents that were read.
#[derive(Default)]
pub(crate) struct Vex {
    documents: Vec<VexDocument>,
    products: Vec<String>,
    /// Up to when statements count; none for the moment of judging.
    until: Option<Timestamp>,
}

impl Vex {
    /// Reads documents and folders of them.
    pub(crate) fn load(
        context: &Context,
        places: &[PathBuf],
        products: &[String],
        names: &[UsedFile],
    ) -> Result<Self, Failure> {
        let mut documents = statements::read(context, places)?;
        for document in &mut documents {
            if let Some(known) = names.iter().find(|known| known.sha256 == document.digest) {
                document.name.clone_from(&known.name);
            }
        }
        documents.sort_by(|one, other| (&one.name, one.digest).cmp(&(&other.name, other.digest)));
        Ok(Self {
            documents,
            products: products.to_vec(),
            until: None,
        })
    }

    /// Those that the command line names, with what they said until a day.
    pub(crate) fn of(
        context: &Context,
        given: &Statements,
        day: Option<Timestamp>,
    ) -> Result<Self, Failure> {
        let vex = Self::load(context, given.places(), given.products(), &[])?;
        Ok(Self {
            until: day.map(statements::whole_day),
            ..vex
        })
    }

    fn used(&self) -> Vec<UsedFile> {
        let used = |document: &VexDocument| UsedFile {
            name: document.name.clone(),
            sha256: document.digest,
        };
        self.documents.iter().map(used).collect()
    }
}

/// The advisories of one moment.
pub(crate) struct Advice {
    used: Option<UsedDatabase>,
    database: Option<(kiln_pipeline::Snapshot, kiln_vuln::Database<std::fs::File>)>,
    ends: Vec<EndOfLife>,
}

impl Gate {
    /// Reads everything, so that a wrong document is told before any work is done.
    pub(crate) fn load(context: &Context, files: &GateFiles) -> Result<Self, Failure> {
        let (policy, policy_file) = match &files.policy {
            None => (Policy::default(), None),
            Some(named) => {
                let (document, used) = read(named)?;
                let parsed = policy::parse(&document);
                let policy = accept(context, &document, parsed.value, parsed.diagnostics)?;
                (policy, Some(used))
            }
        };
        let (mut ignores, mut ignore_files) = (Vec::new(), Vec::new());
        for named in &files.ignore_files {
            let (document, used) = read(named)?;
            let parsed = ignores::parse(&document);
            ignores.extend(accept(
                context,
                &document,
                parsed.value,
                parsed.diagnostics,
            )?);
            ignore_files.push(used);
        }
        let (mut sboms, mut sbom_files) = (Vec::new(), Vec::new());
        for named in &files.sboms {
            let (text, used) = read(named)?;
            sboms.push(document(&named.name, text.text.as_bytes())?);
            sbom_files.push(used);
        }
        let vex = Vex {
            until: files.vex_until,
            ..Vex::load(context, &files.vex, &files.vex_products, &files.vex_names)?
        };
        Ok(Self {
            policy,
            policy_file,
            ignores,
            ignore_files,
            sboms,
            sbom_files,
            vex,
        })
    }

    /// Judges an image.
    pub(crate) fn judge(
        &self,
        image: (&str, Option<&str>),
        inventory: &Inventory,
        advice: &Advice,
        now: Timestamp,
    ) -> Result<Verdict, Failure> {
        let (name, platform) = image;
        let findings = advice.findings(name, inventory, &self.vex, now)?;
        let inputs = VerdictInputs {
            image: JudgedImage {
                name: name.to_owned(),
                // What was judged, also where nobody asked for it.
                platform: inventory
                    .subject
                    .platform
                    .clone()
                    .or_else(|| platform.map(str::to_owned)),
                manifest: inventory.subject.manifest,
                config: inventory.subject.config,
                inventory: inventory_digest(inventory),
            },
            policy: self.policy_file.clone(),
            database: advice.used.clone(),
            vex: self.vex.used(),
            vex_products: self.vex.products.clone(),
            vex_until: self.vex.until,
            ignore_files: self.ignore_files.clone(),
            sboms: self.sbom_files.clone(),
        };
        let case = Case {
            name,
            inventory,
            findings: findings.as_ref(),
            ends: &advice.ends,
            sboms: &self.sboms,
            policy: &self.policy,
            ignores: &self.ignores,
            now,
        };
        Ok(judge(&case, inputs, env!("CARGO_PKG_VERSION")))
    }
}

impl Advice {
    /// The advisories in use, or those of a day. That there are none is for the verdict to say.
    pub(crate) fn of_day(context: &Context, at: Option<Timestamp>) -> Result<Self, Failure> {
        let folder = AdvisoryFolder::new(&context.settings.home.value);
        match folder.open(at.map(statements::whole_day)) {
            Ok((snapshot, database)) => Self::new(snapshot, database),
            Err(AdvisoryError::None { .. }) => Ok(Self {
                used: None,
                database: None,
                ends: Vec::new(),
            }),
            Err(error) => Err(PipelineError::from(error).into()),
        }
    }

    /// The very advisories that a verdict used; none where they are not on this machine.
    pub(crate) fn same(
        context: &Context,
        used: Option<&UsedDatabase>,
    ) -> Result<Option<Self>, Failure> {
        let Some(used) = used else {
            return Ok(Some(Self {
                used: None,
                database: None,
                ends: Vec::new(),
            }));
        };
        let folder = AdvisoryFolder::new(&context.settings.home.value);
        let snapshots = folder.snapshots().map_err(PipelineError::from)?;
        let Some(snapshot) = snapshots.into_iter().find(|one| one.digest == used.sha256) else {
            return Ok(None);
        };
        let database = open_database(&snapshot.path).map_err(PipelineError::from)?;
        Self::new(snapshot, database).map(Some)
    }

    fn new(
        snapshot: kiln_pipeline::Snapshot,
        database: kiln_vuln::Database<std::fs::File>,
    ) -> Result<Self, Failure> {
        // A verdict names the digest of what was read, not of what the file's name promises.
        let describe = || format!("cannot read `{}`", snapshot.path.display());
        let file = std::fs::File::open(&snapshot.path).with_context(describe)?;
        let mut reader = kiln_types::HashReader::new(file);
        std::io::copy(&mut reader, &mut std::io::sink()).with_context(describe)?;
        let (digest, _, _) = reader.finish();
        if digest != snapshot.digest {
            return Err(Failure::Classed(
                kiln_types::ErrorClass::Integrity,
                anyhow::anyhow!("`{}` is not what its name says", snapshot.path.display()),
            ));
        }
        Ok(Self {
            used: Some(UsedDatabase {
                sha256: digest,
                built: snapshot.built,
            }),
            ends: database.meta().ends.clone(),
            database: Some((snapshot, database)),
        })
    }

    /// The ends of support that the advisories know.
    pub(crate) fn ends(&self) -> &[EndOfLife] {
        &self.ends
    }

    /// The last day of the support of an image's distribution.
    pub(crate) fn end_of_life(&self, inventory: &Inventory) -> Option<String> {
        let distribution = inventory.distribution.as_ref()?;
        last_day(distribution, &self.ends, Support::Extended)
    }

    /// What is wrong with an image, by what VEX documents said until now or their own day; none where there are no
    /// advisories.
    pub(crate) fn findings(
        &self,
        image: &str,
        inventory: &Inventory,
        vex: &Vex,
        now: Timestamp,
    ) -> Result<Option<Findings>, Failure> {
        let Some((snapshot, database)) = &self.database else {
            return Ok(None);
        };
        let fact = database_fact(snapshot, database);
        let damaged = |source| AdvisoryError::Database {
            path: snapshot.path.display().to_string(),
            source,
        };
        let mut findings = match_inventory(inventory, database, fact)
            .map_err(damaged)
            .map_err(PipelineError::from)?;
        let options = VexOptions {
            references: images::references(image, &vex.products),
            until: Some(vex.until.map_or(now, |until| until.min(now))),
        };
        vex::apply(&mut findings, inventory, &vex.documents, &options);
        Ok(Some(findings))
    }
}

fn read(named: &Named) -> Result<(Document, UsedFile), Failure> {
    let mut document = read_document(&named.path)?;
    document.name.clone_from(&named.name);
    let used = UsedFile {
        name: named.name.clone(),
        sha256: Digest::of(document.text.as_bytes()),
    };
    Ok((document, used))
}

fn accept<T>(
    context: &Context,
    document: &Document,
    value: Option<T>,
    diagnostics: Vec<kiln_types::Diagnostic>,
) -> Result<T, Failure> {
    match value {
        Some(value) => {
            context.tell_diagnostics(&diagnostics, &|_| Some(document.text.clone()));
            Ok(value)
        }
        None => Err(Failure::of_text(
            diagnostics,
            &document.name,
            &document.text,
        )),
    }
}

/// The inputs that are not the same, each in a sentence.
pub(crate) fn differences(was: &VerdictInputs, is: &VerdictInputs) -> Vec<String> {
    let mut out = Vec::new();
    let digest = |digest: Option<Digest>| digest.map_or("none".to_owned(), |one| one.to_string());
    let mut compare = |what: &str, was: String, is: String| {
        if was != is {
            out.push(format!("{what}: it was {was} and is {is}"));
        }
    };
    let (one, other) = (&was.image, &is.image);
    compare(
        "the image's manifest",
        digest(one.manifest),
        digest(other.manifest),
    );
    compare(
        "the image's configuration",
        digest(one.config),
        digest(other.config),
    );
    compare(
        "what was found in the image",
        one.inventory.to_string(),
        other.inventory.to_string(),
    );
    let of_file = |file: Option<&UsedFile>| digest(file.map(|file| file.sha256));
    compare(
        "the policy",
        of_file(was.policy.as_ref()),
        of_file(is.policy.as_ref()),
    );
    let of_database = |one: &Option<UsedDatabase>| digest(one.as_ref().map(|one| one.sha256));
    compare(
        "the advisories",
        of_database(&was.database),
        of_database(&is.database),
    );
    compare(
        "the names that VEX documents may use",
        was.vex_products.join(", "),
        is.vex_products.join(", "),
    );
    let of_moment = |at: Option<Timestamp>| at.map_or("none".to_owned(), |at| at.to_string());
    compare(
        "the day of VEX statements",
        of_moment(was.vex_until),
        of_moment(is.vex_until),
    );
    for (what, was, is) in [
        ("the VEX document", &was.vex, &is.vex),
        ("the ignore file", &was.ignore_files, &is.ignore_files),
        ("the document about the image", &was.sboms, &is.sboms),
    ] {
        for place in 0..was.len().max(is.len()) {
            let (one, other) = (was.get(place), is.get(place));
            let name = one.or(other).map_or("", |file| file.name.as_str());
            compare(&format!("{what} `{name}`"), of_file(one), of_file(other));
        }
    }
    out
}

/// Lets an image of the store pass, or fails with what stands in its way: every platform is judged.
pub(crate) fn admit(
    context: &Context,
    gate: &Gate,
    reference: &str,
    index: (Digest, u64),
) -> Result<(), Failure> {
    let advice = Advice::of_day(context, None)?;
    let now = context.clock.now();
    let mut refused: Vec<Verdict> = Vec::new();
    for image in images::of_index(context, reference, index.0, index.1)? {
        let platform = image.subject.platform.clone();
        let inventory = images::read(context, image, images::Known::ByDigest)?;
        let verdict = gate.judge((reference, platform.as_deref()), &inventory, &advice, now)?;
        if verdict.outcome != Outcome::Pass {
            refused.push(verdict);
        }
    }
    let class = match refused.iter().map(|verdict| verdict.outcome).min() {
        None => return Ok(()),
        Some(Outcome::Fail) => ErrorClass::Policy,
        Some(_) => ErrorClass::Unknown,
    };
    const SHOWN: usize = 5;
    let mut said = Vec::new();
    for verdict in &refused {
        context.say(&table(context, verdict));
        let mut reasons: Vec<String> = verdict
            .reasons
            .iter()
            .filter(|reason| reason.effect != Effect::Warning)
            .map(|reason| {
                let about = reason.vulnerability.as_ref();
                let about = about.or(reason.package.as_ref()).or(reason.place.as_ref());
                format!("{} {}", reason.code, about.map_or("", String::as_str))
            })
            .map(|text| render::printable(text.trim_end()).into_owned())
            .collect();
        reasons.dedup();
        let more = match reasons.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        reasons.truncate(SHOWN);
        let platform = verdict.inputs.image.platform.as_deref();
        let platform = platform.unwrap_or("its only platform");
        said.push(format!("{platform}: {}{more}", reasons.join(", ")));
    }
    Err(Failure::Classed(
        class,
        anyhow::anyhow!(
            "the gate does not let `{reference}` pass: {}; nothing was written or loaded, and the \
             image stays in the store ({})",
            said.join("; "),
            index.0
        ),
    ))
}

/// How a command ends by verdicts: by the worst of them, and a certain failure is the worst.
pub(crate) fn end(verdicts: &[Verdict]) -> Result<(), Failure> {
    let is = |outcome| verdicts.iter().any(|verdict| verdict.outcome == outcome);
    match (is(Outcome::Fail), is(Outcome::Unknown)) {
        (true, _) => Err(Failure::Answered(Exit::No)),
        (false, true) => Err(Failure::Answered(Exit::Unknown)),
        (false, false) => Ok(()),
    }
}

/// The verdicts of an image as the document that is kept: of one platform the verdict, of several a
/// list.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(untagged)]
pub(crate) enum Verdicts {
    /// Of one platform.
    One(Box<Verdict>),
    /// Of several.
    Several(Vec<Verdict>),
}

impl Verdicts {
    /// These.
    pub(crate) fn new(mut verdicts: Vec<Verdict>) -> Self {
        match (verdicts.len(), verdicts.pop()) {
            (1, Some(one)) => Self::One(Box::new(one)),
            (_, last) => {
                verdicts.extend(last);
                Self::Several(verdicts)
            }
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Verdict] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(list) => list,
        }
    }

    /// As text.
    pub(crate) fn to_json(&self) -> Result<String, Failure> {
        let mut text = serde_json::to_string_pretty(self).map_err(anyhow::Error::from)?;
        text.push('\n');
        Ok(text)
    }
}

/// A verdict for people.
pub(crate) fn table(context: &Context, verdict: &Verdict) -> String {
    const SHOWN: usize = 40;
    let printable = |text: &str| render::printable(text).into_owned();
    let mut out = String::new();
    let image = &verdict.inputs.image;
    let platform = image.platform.as_deref().unwrap_or_default();
    let name = printable(&format!("{} {platform}", image.name));
    let head = format!("{}  {}", verdict.outcome, name.trim_end());
    out.push_str(&context.painter.bold(&head));
    let database = match &verdict.inputs.database {
        Some(database) => format!("advisories of {}", database.built),
        None => "no advisories".to_owned(),
    };
    out.push_str(&format!(
        "\npolicy {}, {database}; {} in {} components\n\n",
        printable(&verdict.policy),
        verdict.counts,
        verdict.components
    ));
    if !verdict.reasons.is_empty() {
        let mut table = Table::new(&["effect", "rule", "about", "why"]);
        let most = if context.verbose > 0 {
            usize::MAX
        } else {
            SHOWN
        };
        for reason in verdict.reasons.iter().take(most) {
            let package = match (&reason.package, &reason.version) {
                (Some(name), Some(version)) => Some(format!("{name} {version}")),
                (name, _) => name.clone(),
            };
            let about = match (&reason.vulnerability, package) {
                (Some(id), Some(package)) => format!("{id} in {package}"),
                (_, Some(package)) => package,
                (_, None) => reason.place.clone().unwrap_or_default(),
            };
            table.row([
                reason.effect.as_str().to_owned(),
                reason.code.clone(),
                printable(&about),
                printable(&reason.message),
            ]);
        }
        out.push_str(&table.render(context.painter));
        if verdict.reasons.len() > most {
            let more = verdict.reasons.len() - most;
            out.push_str(&format!("… and {more} more (`-v`, `--json`)\n"));
        }
        out.push('\n');
    }
    let allowed: Vec<_> = verdict
        .suppressed
        .iter()
        .filter(|one| one.by == "allowed")
        .collect();
    for one in &allowed {
        let until = match one.expires {
            Some(day) => format!(", until {}", day.to_string().get(..10).unwrap_or_default()),
            None => ", without an end".to_owned(),
        };
        let line = format!(
            "allowed: {} ({}) by {}: {}{until}",
            one.id,
            one.about.as_deref().unwrap_or_default(),
            one.place.as_deref().unwrap_or_default(),
            one.reason
        );
        out.push_str(&printable(&line));
        out.push('\n');
    }
    let count = |effect| verdict.of(effect).count();
    out.push_str(&format!(
        "{} failures, {} not known, {} warnings; {} suppressed, {} of them allowed by an entry\n",
        count(Effect::Fail),
        count(Effect::Unknown),
        count(Effect::Warning),
        verdict.suppressed.len(),
        allowed.len()
    ));
    out
}
