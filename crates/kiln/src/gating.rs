//! From files and an image to a verdict, and from a verdict back to whether it still holds: what
//! `kiln gate` and `kiln build --gate` share.

mod verdicts;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use kiln_definition::{Document, ignores, policy};
use kiln_inventory::read::document;
use kiln_pipeline::{AdvisoryError, AdvisoryFolder, PipelineError, database_fact, open_database};
use kiln_types::{
    Allowance, Digest, Findings, Inventory, JudgedImage, Policy, Support, Timestamp, UsedDatabase,
    UsedFile, Verdict, VerdictInputs,
};
use kiln_vuln::gate::{Case, inventory_digest, judge};
use kiln_vuln::support::{facts, last_day};
use kiln_vuln::vex::{self, VexDocument, VexOptions};
use kiln_vuln::{EndOfLife, match_inventory};

use crate::context::Context;
use crate::failure::Failure;
use crate::images;
use crate::loading::read_document;
use crate::statements::{self, Statements};

pub(crate) use verdicts::{Verdicts, admit, differences, end, table};

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
        findings.support = facts(inventory, &self.ends, Support::Extended);
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
