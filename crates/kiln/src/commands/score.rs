//! `kiln score`.

use clap::Args;
use kiln_types::{Clock as _, Timestamp};
use kiln_vuln::score::{Score, score};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::gating::{Advice, Vex};
use crate::images;
use crate::render::{self, Table, Versioned};
use crate::statements::{self, Statements};

/// Score an image, and show what the score is made of
///
/// Each input says what was found and how many points it gave. What cannot be known gives none, and
/// there is no letter if it could make it another. To decide whether an image may ship, use `kiln gate`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    kiln score nginx\n  \
    kiln score docker-archive:app.tar --json\n\n\
    Exit codes: 0 done · 1 could not be done · 3 done, but an input is not known ·\n\
    4 the image is not what it claims · 64 usage")]
pub(crate) struct ScoreArgs {
    /// An image, named as for `kiln scan`
    image: String,
    /// Of which platform, such as `linux/arm64` [default: this machine's, or the first]
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    #[command(flatten)]
    statements: Statements,
    /// By the newest database of this day or before
    #[arg(long, value_name = "DATE")]
    db_date: Option<Timestamp>,
}

pub(crate) fn run(context: &Context, args: &ScoreArgs) -> Result<(), Failure> {
    let inventory = images::inventory(context, &args.image, args.platform.as_deref())?;
    let advice = Advice::of_day(context, args.db_date)?;
    let vex = Vex::of(context, &args.statements, args.db_date)?;
    // The score of a day is by what was known and supported on that day.
    let now = args
        .db_date
        .map_or_else(|| context.clock.now(), statements::whole_day);
    let findings = advice.findings(&args.image, &inventory, &vex, now)?;
    let end = advice.end_of_life(&inventory);
    let answer = score(&inventory, findings.as_ref(), end.as_deref(), now);
    context.answer(&Versioned::new(&answer), || {
        text(context, &args.image, &answer)
    })?;
    // A letter that stands whatever the answer would be is no answer to what was asked.
    match answer.inputs.iter().all(|input| input.points.is_some()) {
        true => Ok(()),
        false => Err(Failure::Answered(Exit::Unknown)),
    }
}

fn text(context: &Context, image: &str, answer: &Score) -> String {
    let letter = answer
        .grade
        .map_or("no letter".to_owned(), |grade| grade.to_string());
    let head = format!(
        "{letter}  {} of {} points  {}",
        answer.points,
        answer.of,
        render::printable(image)
    );
    let mut table = Table::new(&["input", ">points", ">of", "found"]);
    for input in &answer.inputs {
        table.row([
            input.name.to_owned(),
            input
                .points
                .map_or("?".to_owned(), |points| points.to_string()),
            input.of.to_string(),
            render::printable(&input.found).into_owned(),
        ]);
    }
    format!(
        "{}\n\n{}",
        context.painter.bold(&head),
        table.render(context.painter)
    )
}
