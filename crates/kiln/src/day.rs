//! Questions about another day: by a database of that day, or by the dates that facts carry.

use clap::Args;
use kiln_pipeline::{AdvisoryFolder, PipelineError, Snapshot, database_fact};
use kiln_types::{Findings, Inventory, Support, Timestamp};
use kiln_vuln::support::facts;
use kiln_vuln::{Advisories as _, Database, match_inventory, match_inventory_at};

use crate::context::Context;
use crate::failure::Failure;
use crate::statements::whole_day;

/// Which day is asked about.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Day {
    /// By the newest database of this day or before
    #[arg(long, value_name = "DATE")]
    db_date: Option<Timestamp>,
    /// What was known on this day, by the dates that the facts of the database carry; what carries
    /// none is named
    #[arg(long, value_name = "DATE")]
    at: Option<Timestamp>,
}

impl Day {
    /// By a database of a day alone.
    pub(crate) const fn of_database(db_date: Option<Timestamp>) -> Self {
        Self { db_date, at: None }
    }

    /// The last moment of the day whose knowledge is asked for.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.at.map(whole_day)
    }

    /// Up to when VEX statements count.
    pub(crate) fn statements(&self) -> Option<Timestamp> {
        self.at.or(self.db_date)
    }

    /// The database that answers.
    pub(crate) fn database(
        &self,
        context: &Context,
    ) -> Result<(Snapshot, Database<std::fs::File>), Failure> {
        let folder = AdvisoryFolder::new(&context.settings.home.value);
        let found = folder.open(self.db_date.map(whole_day));
        Ok(found.map_err(PipelineError::from)?)
    }

    /// What is wrong with an image.
    pub(crate) fn findings(
        &self,
        context: &Context,
        inventory: &Inventory,
    ) -> Result<Findings, Failure> {
        let (snapshot, database) = self.database(context)?;
        let fact = database_fact(&snapshot, &database);
        let damaged = |source| {
            PipelineError::from(kiln_pipeline::AdvisoryError::Database {
                path: snapshot.path.display().to_string(),
                source,
            })
        };
        let Some(at) = self.at() else {
            let mut findings = match_inventory(inventory, &database, fact).map_err(damaged)?;
            findings.support = facts(inventory, &database.meta().ends, Support::Extended);
            return Ok(findings);
        };
        let mut findings = match_inventory_at(inventory, &database, fact, at).map_err(damaged)?;
        findings.support = facts(inventory, &database.meta().ends, Support::Extended);
        if let Some((snapshot, scores)) = scores_of(context, at)? {
            for finding in &mut findings.findings {
                let then = scores.vulnerability(&finding.vulnerability.id);
                finding.vulnerability.epss = then.map_err(damaged)?.and_then(|then| then.epss);
            }
            if let Some(day) = &mut findings.at {
                day.epss = Some(snapshot.digest.hex());
            }
        }
        Ok(findings)
    }
}

/// The newest database here whose EPSS scores are of that day.
fn scores_of(
    context: &Context,
    at: Timestamp,
) -> Result<Option<(Snapshot, Database<std::fs::File>)>, Failure> {
    let folder = AdvisoryFolder::new(&context.settings.home.value);
    for snapshot in folder
        .snapshots()
        .map_err(PipelineError::from)?
        .into_iter()
        .rev()
    {
        // A damaged one that is not asked about is for `kiln db verify` to tell.
        let Ok(database) = kiln_pipeline::open_database(&snapshot.path) else {
            continue;
        };
        let mut sources = database.meta().sources.iter();
        if sources.any(|one| one.name == "epss" && one.as_of.date() == at.date()) {
            return Ok(Some((snapshot, database)));
        }
    }
    Ok(None)
}
