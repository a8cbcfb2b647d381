//! Questions about another day: by a database of that day, or by the dates that facts carry.

use clap::Args;
use kiln_pipeline::{AdvisoryFolder, PipelineError, Snapshot, database_fact};
use kiln_types::{DayFact, Findings, Inventory, Timestamp, UndatedPart};
use kiln_vuln::{Advisories as _, Database, match_inventory, match_inventory_at};

use crate::context::Context;
use crate::failure::Failure;
use crate::statements::whole_day;

/// The most ids that are named in a line.
const NAMED: usize = 20;

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
            return Ok(match_inventory(inventory, &database, fact).map_err(damaged)?);
        };
        let mut findings = match_inventory_at(inventory, &database, fact, at).map_err(damaged)?;
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

/// What the answer leaves open, in words.
pub(crate) fn told(day: &DayFact, built: Timestamp) -> Vec<String> {
    let mut out = vec![format!(
        "as known on {}: {} findings came later",
        day.at, day.later
    )];
    if is_beyond(day, built) {
        out.push(format!(
            "not known: the database is of {built}, before the end of that day"
        ));
    }
    let ids = |part| {
        let ids = day.undated(part);
        let more = ids.len().saturating_sub(NAMED);
        let named = ids.get(..NAMED).unwrap_or(&ids).join(", ");
        let rest = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (ids.len(), format!("{named}{rest}"))
    };
    let (count, named) = ids(UndatedPart::Advisory);
    if count > 0 {
        out.push(format!(
            "not known: no date says whether {count} vulnerabilities were known: {named}"
        ));
    }
    let (count, named) = ids(UndatedPart::Fix);
    if count > 0 {
        out.push(format!(
            "no date says when {count} were fixed, so they stand without a fix: {named}"
        ));
    }
    out.push(match &day.epss {
        Some(_) => "EPSS scores are of that day; severities and reasons are today's".to_owned(),
        None => {
            "no EPSS scores of that day are here; severities and reasons are today's".to_owned()
        }
    });
    out
}

/// Whether the day goes on after the database was built.
fn is_beyond(day: &DayFact, built: Timestamp) -> bool {
    whole_day(Timestamp::from_unix(
        built.unix() - built.unix().rem_euclid(86_400),
    )) < day.at
}

/// Whether it can be said at all what was known.
pub(crate) fn is_known(day: &DayFact, built: Timestamp) -> bool {
    day.undated(UndatedPart::Advisory).is_empty() && !is_beyond(day, built)
}
