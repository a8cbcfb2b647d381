//! A score that shows its inputs: what was asked, what was found, how many points it gave.
//!
//! The letter is a convenience. What cannot be known gives no points, and where it could change the
//! letter there is none: a letter that hides a gap would be worse than none.

use kiln_types::{Findings, Inventory, Policy, RiskLevel, Timestamp};
use serde::Serialize;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScoreInput {
    /// The question.
    pub name: &'static str,
    /// The most points that it gives.
    pub of: u32,
    /// The points that it gave; absent where the answer is not known.
    pub points: Option<u32>,
    /// What was found.
    pub found: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The sum of all points.
    pub points: u32,
    /// The most there could be.
    pub of: u32,
    /// `A` from 90 % on, `B` from 75, `C` from 60, `D` from 40, `E` from 20, else `F`; absent where
    /// inputs that are not known could make it another.
    pub grade: Option<char>,
    /// Every input.
    pub inputs: Vec<ScoreInput>,
}

/// Scores an image. `end_of_life` is the last day of its distribution's support, where known; without a
/// distribution there is nothing that could end.
#[must_use]
pub fn score(
    inventory: &Inventory,
    findings: Option<&Findings>,
    end_of_life: Option<&str>,
    now: Timestamp,
) -> Score {
    let inputs = [
        vulnerabilities(inventory, findings, now),
        vec![support(inventory, end_of_life, now)],
        properties(inventory),
        vec![licences(inventory)],
    ]
    .concat();
    let points: u32 = inputs.iter().filter_map(|input| input.points).sum();
    let of: u32 = inputs.iter().map(|input| input.of).sum();
    let open: u32 = inputs
        .iter()
        .filter(|input| input.points.is_none())
        .map(|input| input.of)
        .sum();
    // One component of hundreds that names no licence is no reason to say nothing of the others.
    let (worst, best) = (grade(points, of), grade(points + open, of));
    Score {
        points,
        of,
        grade: (worst == best).then_some(worst),
        inputs,
    }
}

fn grade(points: u32, of: u32) -> char {
    match points * 100 / of.max(1) {
        90.. => 'A',
        75.. => 'B',
        60.. => 'C',
        40.. => 'D',
        20.. => 'E',
        _ => 'F',
    }
}

/// All or nothing: points where there is none, with what was found.
fn none_of(name: &'static str, of: u32, found: &[String]) -> ScoreInput {
    const SHOWN: usize = 3;
    let more = match found.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown: Vec<&str> = found.iter().take(SHOWN).map(String::as_str).collect();
    ScoreInput {
        name,
        of,
        points: Some(if found.is_empty() { of } else { 0 }),
        found: match found {
            [] => "none".to_owned(),
            _ => format!("{}{more}", shown.join(", ")),
        },
    }
}

fn not_known(name: &'static str, of: u32, reason: &str) -> ScoreInput {
    ScoreInput {
        name,
        of,
        points: None,
        found: format!("not known: {reason}"),
    }
}

fn vulnerabilities(
    inventory: &Inventory,
    findings: Option<&Findings>,
    now: Timestamp,
) -> Vec<ScoreInput> {
    const FIXABLE: (&str, u32) = ("fixable critical and high vulnerabilities", 20);
    const OTHER: (&str, u32) = ("other critical and high vulnerabilities", 10);
    const EXPLOITED: (&str, u32) = ("vulnerabilities known to be exploited", 20);
    let reason = match findings {
        None => Some("there are no advisories".to_owned()),
        Some(_) if !inventory.is_complete() => Some("not everything could be read".to_owned()),
        Some(_) if inventory.components.is_empty() => Some("nothing was recognised".to_owned()),
        Some(findings) => outdated(findings, now).or_else(|| {
            findings.blind.first().map(|blind| {
                let (count, name) = (blind.components, &blind.ecosystem);
                format!("{count} components of {name}: {}", blind.reason)
            })
        }),
    };
    let findings = match (reason, findings) {
        (None, Some(findings)) => findings,
        (reason, _) => {
            let reason = reason.unwrap_or_default();
            return [FIXABLE, OTHER, EXPLOITED]
                .map(|(name, of)| not_known(name, of, &reason))
                .to_vec();
        }
    };
    let list = |is_asked: &dyn Fn(&kiln_types::Finding) -> bool| -> Vec<String> {
        findings
            .active()
            .filter(|finding| is_asked(finding))
            .map(|finding| format!("{} in {}", finding.vulnerability.id, finding.package))
            .collect()
    };
    // One that nobody has rated may be anything.
    let is_bad = |finding: &kiln_types::Finding| {
        finding.level >= RiskLevel::High || finding.level == RiskLevel::Unknown
    };
    let fixable = list(&|one| is_bad(one) && one.is_fixable());
    let other = list(&|one| is_bad(one) && !one.is_fixable());
    let exploited = list(&|one| one.vulnerability.exploited.is_some());
    vec![
        none_of(FIXABLE.0, FIXABLE.1, &fixable),
        none_of(OTHER.0, OTHER.1, &other),
        none_of(EXPLOITED.0, EXPLOITED.1, &exploited),
    ]
}

/// Advisories that the default policy would not judge by.
fn outdated(findings: &Findings, now: Timestamp) -> Option<String> {
    let age = (now.unix() - findings.database.built.unix()).div_euclid(86_400);
    let most = i64::from(Policy::default().database.max_age_days);
    match age {
        age if age > most => Some(format!(
            "the advisories are {age} days old, more than {most}"
        )),
        age if age < -1 => Some("the advisories are of a day that is to come".to_owned()),
        _ => None,
    }
}

fn support(inventory: &Inventory, end_of_life: Option<&str>, now: Timestamp) -> ScoreInput {
    const NAME: &str = "a distribution that is supported";
    const OF: u32 = 15;
    let has_packages = inventory.components.iter().any(|one| one.kind.is_system());
    if inventory.distribution.is_none() && !has_packages {
        return ScoreInput {
            name: NAME,
            of: OF,
            points: Some(OF),
            found: "there is none that could end".to_owned(),
        };
    }
    let day = end_of_life.and_then(|day| Some((day, day.parse::<Timestamp>().ok()?)));
    let Some((day, end)) = day else {
        return not_known(NAME, OF, "no source says when its support ends");
    };
    ScoreInput {
        name: NAME,
        of: OF,
        // The last day is a day of support.
        points: Some(if now.unix() < end.unix() + 86_400 {
            OF
        } else {
            0
        }),
        found: format!("until {day}"),
    }
}

fn properties(inventory: &Inventory) -> Vec<ScoreInput> {
    const USER: (&str, u32) = ("a user that is not root", 10);
    const NAMES: [(&str, u32); 4] = [
        ("shells", 5),
        ("package managers", 5),
        ("setuid and setgid files", 5),
        ("files that look like secrets", 5),
    ];
    let Some(facts) = &inventory.facts else {
        let reason = "only an image says how it runs";
        return std::iter::once(USER)
            .chain(NAMES)
            .map(|(name, of)| not_known(name, of, reason))
            .collect();
    };
    let user = match (&inventory.subject.config, facts.is_root) {
        (None, _) => not_known(USER.0, USER.1, "it has no configuration"),
        (Some(_), _) if facts.is_user_unknown => {
            not_known(USER.0, USER.1, "its accounts do not have its user")
        }
        (Some(_), is_root) => ScoreInput {
            name: USER.0,
            of: USER.1,
            points: Some(if is_root { 0 } else { USER.1 }),
            found: match facts.user.as_str() {
                "" => "root".to_owned(),
                user => user.to_owned(),
            },
        },
    };
    let paths = |files: &[kiln_types::FileFact]| -> Vec<String> {
        files.iter().map(|file| file.path.clone()).collect()
    };
    let lists = [
        facts.shells.clone(),
        facts.package_managers.clone(),
        [paths(&facts.setuid), paths(&facts.setgid)].concat(),
        paths(&facts.secrets),
    ];
    let rest = NAMES.iter().zip(lists);
    std::iter::once(user)
        .chain(
            rest.map(|((name, of), list)| match inventory.is_complete() {
                true => none_of(name, *of, &list),
                false => not_known(name, *of, "not everything could be read"),
            }),
        )
        .collect()
}

fn licences(inventory: &Inventory) -> ScoreInput {
    const NAME: &str = "components under the AGPL";
    const OF: u32 = 5;
    // What a package brought is under the package's licence where it says nothing of its own.
    let has_none = |one: &&kiln_types::Component| {
        one.owner.is_none() && one.licences.expression.as_deref().is_none_or(str::is_empty)
    };
    let unknown = inventory.components.iter().filter(has_none).count();
    if unknown > 0 || inventory.components.is_empty() {
        return not_known(NAME, OF, &format!("{unknown} components name no licence"));
    }
    let network: Vec<String> = inventory
        .components
        .iter()
        .filter(|one| {
            let expression = one.licences.expression.as_deref();
            expression.is_some_and(|text| text.contains("AGPL-"))
        })
        .map(|one| one.name.clone())
        .collect();
    none_of(NAME, OF, &network)
}
