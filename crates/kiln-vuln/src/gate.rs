//! The gate: may an image ship? A pure function from what is in it, what is wrong with it and a policy
//! to a verdict with every reason.
//!
//! It fails closed. What the policy asks about and nobody can say makes the answer "unknown", never a
//! pass: no advisories, old ones, a distribution that nobody knows, an image that could not be read to
//! its end. A failure that is certain stays one, whatever else is unknown.

mod allowances;
mod licences;
mod pattern;
mod rules;
mod support;

use std::collections::BTreeSet;

use kiln_types::{
    Allowance, Effect, Findings, Inventory, Outcome, Policy, Reason, Suppressed, Timestamp,
    VERDICT_FORMAT, Verdict, VerdictInputs,
};

use crate::EndOfLife;
use allowances::Allowances;

/// Everything that a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The name of the image, as the person wrote it.
    pub name: &'a str,
    /// What is in the image.
    pub inventory: &'a Inventory,
    /// What is wrong with it; none where there are no advisories.
    pub findings: Option<&'a Findings>,
    /// The ends of support that the advisories know.
    pub ends: &'a [EndOfLife],
    /// What documents say is in it.
    pub sboms: &'a [Inventory],
    /// What is demanded.
    pub policy: &'a Policy,
    /// The entries of ignore files.
    pub ignores: &'a [Allowance],
    /// What ages and expiries are counted to.
    pub now: Timestamp,
}

/// The digest of everything that was found in an image, its name aside: what a replay compares.
#[must_use]
pub fn inventory_digest(inventory: &Inventory) -> kiln_types::Digest {
    let mut inventory = inventory.clone();
    inventory.subject.name = String::new();
    let bytes =
        serde_json::to_vec(&inventory).expect("an inventory has text keys only and cannot fail");
    kiln_types::Digest::of(&bytes)
}

/// Judges an image.
#[must_use]
pub fn judge(case: &Case<'_>, inputs: VerdictInputs, kiln: &str) -> Verdict {
    let mut bench = Bench {
        case,
        allowances: Allowances::new(case),
        reasons: BTreeSet::new(),
        suppressed: BTreeSet::new(),
    };
    bench.knowledge();
    bench.vulnerabilities();
    bench.end_of_life();
    bench.image();
    bench.licences();
    bench.evidence();
    bench.entries();
    let outcome = match bench.reasons.first().map(|reason| reason.effect) {
        Some(Effect::Fail) => Outcome::Fail,
        Some(Effect::Unknown) => Outcome::Unknown,
        Some(Effect::Warning) | None => Outcome::Pass,
    };
    Verdict {
        format: VERDICT_FORMAT,
        outcome,
        policy: case.policy.name.clone(),
        at: case.now,
        kiln: kiln.to_owned(),
        inputs,
        components: case.inventory.components.len() as u64,
        counts: bench.counts(),
        reasons: bench.reasons.into_iter().collect(),
        suppressed: bench.suppressed.into_iter().collect(),
    }
}

/// Where reasons come together.
struct Bench<'a> {
    case: &'a Case<'a>,
    allowances: Allowances<'a>,
    reasons: BTreeSet<Reason>,
    suppressed: BTreeSet<Suppressed>,
}

impl Bench<'_> {
    /// A reason that no entry can allow.
    fn firm(&mut self, effect: Effect, code: &str, place: Option<&str>, message: String) {
        self.reasons.insert(Reason {
            place: place.map(str::to_owned),
            ..plain(effect, code, message)
        });
    }

    fn unknown(&mut self, code: &str, place: Option<&str>, message: String) {
        self.firm(Effect::Unknown, code, place, message);
    }
}

/// A reason without anything but its code and its words.
fn plain(effect: Effect, code: &str, message: String) -> Reason {
    Reason {
        effect,
        code: code.to_owned(),
        vulnerability: None,
        level: None,
        package: None,
        version: None,
        fixed_version: None,
        place: None,
        message,
    }
}
