//! Whether somebody still supports what is in the image.

use kiln_types::{Effect, Timestamp};

use super::allowances::about_reason;
use super::rules::{DAY, effect};
use super::{Bench, pattern, plain};
use crate::support::{Other, Runtime, distribution_release, last_day, others, runtimes};

impl Bench<'_> {
    pub(super) fn end_of_life(&mut self) {
        let rules = &self.case.policy.end_of_life;
        let Some(effect) = effect(rules.ended) else {
            return;
        };
        let others = others(self.case.inventory, self.case.ends, rules.support);
        self.distribution(effect, &others);
        for other in &others {
            let name = format!("{} {}", other.product, other.release);
            self.release(
                effect,
                &name,
                other.last_day.as_deref(),
                other.place.as_deref(),
            );
        }
        for runtime in runtimes(self.case.inventory, self.case.ends, rules.support) {
            self.runtime(effect, &runtime);
        }
    }

    fn distribution(&mut self, effect: Effect, others: &[Other]) {
        let case = self.case;
        let Some(distribution) = &case.inventory.distribution else {
            // What has no distribution cannot outlive one, unless its packages say that it has. Those
            // of a document may say which.
            let has_packages = |one: &kiln_types::Component| one.kind.is_system();
            if others.is_empty() && case.inventory.components.iter().any(has_packages) {
                let message = "the distribution is not known, nor when its support ends";
                let unknown = unknown(effect);
                self.firm(unknown, "end-of-life/unknown", None, message.to_owned());
            }
            return;
        };
        let Some((product, release)) = distribution_release(distribution) else {
            return;
        };
        let name = format!("{product} {release}");
        let day = last_day(distribution, case.ends, case.policy.end_of_life.support);
        self.release(effect, &name, day.as_deref(), None);
    }

    fn release(&mut self, effect: Effect, name: &str, day: Option<&str>, place: Option<&str>) {
        match day.filter(|day| day.parse::<Timestamp>().is_ok()) {
            Some(day) => self.end(effect, name, day, place),
            None => {
                let message = format!("nothing says when the support of {name} ends");
                self.firm(unknown(effect), "end-of-life/unknown", place, message);
            }
        }
    }

    /// A runtime that came without the distribution is supported by whoever makes it.
    fn runtime(&mut self, effect: Effect, runtime: &Runtime<'_>) {
        let name = format!("{} {}", runtime.component.name, runtime.component.version);
        let place = runtime.component.evidence.first();
        let place = place.map(|evidence| evidence.path.as_str());
        let day = runtime.last_day.as_deref();
        if let Some(day) = day.filter(|day| day.parse::<Timestamp>().is_ok()) {
            self.end(effect, &name, day, place);
            return;
        }
        if runtime.is_open_ended {
            return;
        }
        // As with advisories: whoever accepts that nobody speaks of programs is only warned.
        let may_lack = &self.case.policy.database.may_lack;
        let kind = runtime.component.kind.as_str();
        let is_accepted = may_lack.iter().any(|lacking| pattern::fits(lacking, kind));
        let unknown = match is_accepted || effect != Effect::Fail {
            true => Effect::Warning,
            false => Effect::Unknown,
        };
        let message = format!("nothing says when the support of {name} ends");
        self.firm(unknown, "end-of-life/unknown", place, message);
    }

    fn end(&mut self, effect: Effect, name: &str, day: &str, place: Option<&str>) {
        let Ok(end) = day.parse::<Timestamp>() else {
            return;
        };
        // The last day is a day of support.
        let left = end.unix() + DAY - self.case.now.unix();
        if left <= 0 {
            let message = format!("the support of {name} ended on {day}");
            let mut reason = plain(effect, "end-of-life/ended", message);
            reason.place = place.map(str::to_owned);
            let copy = reason.clone();
            self.unless_allowed(reason, &about_reason(&copy));
        } else if left < i64::from(self.case.policy.end_of_life.warn_days) * DAY {
            let message = format!("the support of {name} ends on {day}");
            self.firm(Effect::Warning, "end-of-life/soon", place, message);
        }
    }
}

/// What is not known cannot be worse than what is feared.
const fn unknown(effect: Effect) -> Effect {
    match effect {
        Effect::Fail => Effect::Unknown,
        effect => effect,
    }
}
