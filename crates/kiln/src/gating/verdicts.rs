//! What becomes of verdicts: whether one still holds, whether an image may leave, how a command ends by
//! them, and how they look.

use kiln_types::{
    Clock as _, Digest, Effect, ErrorClass, Outcome, Reason, Timestamp, UsedDatabase, UsedFile,
    Verdict, VerdictInputs,
};

use super::{Advice, Gate};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::images;
use crate::render::{self, Table};

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
        let shown = uncut(&verdict.reasons, most);
        for reason in &shown {
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
        if verdict.reasons.len() > shown.len() {
            let more = verdict.reasons.len() - shown.len();
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

/// The reasons that are shown where about so many are, in their order. What is about the image or the
/// database is never among those that are cut: without it nothing else counts.
fn uncut(reasons: &[Reason], most: usize) -> Vec<&Reason> {
    let is_general = |reason: &Reason| reason.vulnerability.is_none();
    let general = reasons.iter().filter(|reason| is_general(reason)).count();
    let mut left = most.saturating_sub(general);
    let mut shown = Vec::new();
    for reason in reasons {
        if is_general(reason) {
            shown.push(reason);
        } else if left > 0 {
            left -= 1;
            shown.push(reason);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_image_is_never_cut() {
        let reason = |code: &str, about: Option<&str>| -> Reason {
            let mut reason = serde_json::json!({ "code": code, "effect": "fail", "message": "m" });
            if let Some(id) = about {
                reason["vulnerability"] = id.into();
            }
            serde_json::from_value(reason).unwrap()
        };
        let reasons = [
            reason("a", Some("CVE-1")),
            reason("b", Some("CVE-2")),
            reason("c", Some("CVE-3")),
            reason("d", None),
            reason("e", None),
        ];
        let codes = |most: usize| -> String {
            let shown = uncut(&reasons, most);
            shown.iter().map(|reason| reason.code.as_str()).collect()
        };
        for (most, expected) in [(5, "abcde"), (3, "ade"), (2, "de"), (0, "de")] {
            assert_eq!(codes(most), expected, "{most}");
        }
    }
}
