//! One function for each part of a policy.

use std::collections::BTreeSet;

use kiln_types::{
    AdvisorySource, Affected, ComponentKind, Demand, Effect, EvidenceDemand, EvidenceKind,
    FileFact, Finding, LevelCounts, Reason, RiskLevel, Suppressed, Suppression, Timestamp,
};

use super::allowances::{About, about_reason, unjudged};
use super::{Bench, licences, plain};
use crate::ecosystem::of_distribution;
use crate::report::fraction;

pub(super) const DAY: i64 = 86_400;

fn days(from: Timestamp, to: Timestamp) -> i64 {
    (to.unix() - from.unix()).div_euclid(DAY)
}

pub(super) fn effect(demand: Demand) -> Option<Effect> {
    match demand {
        Demand::Deny => Some(Effect::Fail),
        Demand::Warn => Some(Effect::Warning),
        Demand::Allow => None,
    }
}

impl Bench<'_> {
    /// Whether enough is known to judge at all.
    pub(super) fn knowledge(&mut self) {
        let case = self.case;
        for missed in &case.inventory.incomplete {
            let message = format!("it could not be read: {}", missed.reason);
            self.unknown("inventory/incomplete", Some(&missed.place), message);
        }
        if case.inventory.components.is_empty() {
            let message = "nothing in it was recognised, so nothing can be known about it";
            self.unknown("inventory/empty", None, message.to_owned());
        }
        if let Some(distribution) = &case.inventory.distribution
            && of_distribution(distribution).is_none()
        {
            let message = format!(
                "no advisories speak of the distribution `{}`",
                distribution.id
            );
            self.unknown("inventory/unknown-distribution", None, message);
        }
        let Some(findings) = case.findings else {
            let message = "there are no advisories: `kiln db update` fetches them, `kiln db build` takes files"
                .to_owned();
            self.unknown("database/missing", None, message);
            return;
        };
        let rules = &case.policy.database;
        let age = days(findings.database.built, case.now);
        if age > i64::from(rules.max_age_days) {
            let message = format!("it is {age} days old, more than {}", rules.max_age_days);
            self.unknown("database/old", None, message);
        }
        // A clock that is wrong makes every age wrong.
        if age < -1 {
            let message = format!(
                "it was built on {}, which is to come",
                findings.database.built
            );
            self.unknown("database/future", None, message);
        }
        let is_rating = |name: &str| matches!(name, "kev" | "epss" | "nvd");
        let speaks = |source: &&AdvisorySource| source.facts > 0 || is_rating(&source.name);
        for source in findings.database.sources.iter().filter(speaks) {
            let age = days(source.as_of, case.now);
            if let Some(most) = rules
                .source_max_age_days
                .filter(|most| age > i64::from(*most))
            {
                let message = format!("it is {age} days old, more than {most}");
                self.unknown("database/old-source", Some(&source.name), message);
            }
            if age < -1 {
                let message = format!("it is of {}, which is to come", source.as_of);
                self.unknown("database/future", Some(&source.name), message);
            }
        }
        for blind in &findings.blind {
            let name = &blind.ecosystem;
            let may_lack = |pattern: &String| super::pattern::fits(pattern, name);
            let message = format!("{} components: {}", blind.components, blind.reason);
            match rules.may_lack.iter().any(may_lack) {
                true => self.firm(Effect::Warning, "database/blind", Some(name), message),
                false => self.unknown("database/blind", Some(name), message),
            }
        }
    }

    /// The findings that count.
    fn active(&self) -> impl Iterator<Item = &'_ Finding> {
        self.case
            .findings
            .into_iter()
            .flat_map(|findings| findings.active())
    }

    pub(super) fn counts(&self) -> LevelCounts {
        let mut counts = LevelCounts::default();
        for finding in self.active() {
            let named = self.allowances.find(&about_finding("", finding));
            if named.is_none() || finding.affected == Affected::Unknown {
                counts.add(finding.level);
            }
        }
        counts
    }

    pub(super) fn vulnerabilities(&mut self) {
        let case = self.case;
        let rules = &case.policy.vulnerabilities;
        for finding in case.findings.into_iter().flat_map(|all| &all.findings) {
            if let Some(suppression) = &finding.suppressed {
                self.suppressed.insert(suppressed(finding, suppression));
                continue;
            }
            // What names the vulnerability allows every rule about it, and is listed once. Where nobody
            // can say whether it is there, the entry has what it is about and allows nothing.
            let named = self.allowances.find(&about_finding("", finding));
            if let Some(allowance) = named.filter(|_| finding.affected == Affected::Yes) {
                self.suppressed.insert(Suppressed {
                    id: finding.vulnerability.id.clone(),
                    about: Some(package(finding)),
                    by: "allowed".to_owned(),
                    reason: allowance.reason.clone(),
                    place: Some(allowance.place.clone()),
                    owner: allowance.owner.clone(),
                    expires: allowance.expires,
                });
                continue;
            }
            let level = match finding.level {
                RiskLevel::Unknown => rules.unrated,
                level => level,
            };
            let threshold = match finding.is_fixable() {
                true => rules.fixable,
                false => rules.no_fix,
            };
            if threshold.is_some_and(|least| level >= least) {
                self.at_level(finding, level);
            }
            if let Some(exploited) = &finding.vulnerability.exploited
                && let Some(effect) = effect(rules.exploited)
            {
                let ransomware = match exploited.ransomware {
                    true => ", also by ransomware",
                    false => "",
                };
                let message = format!(
                    "known to be exploited since {}{ransomware}",
                    exploited.added
                );
                self.about_finding(effect, "vulnerability/exploited", finding, message);
            }
            if let (Some(least), Some(epss)) = (rules.epss, finding.vulnerability.epss)
                && epss.probability >= least
            {
                let message = format!(
                    "the probability that it is exploited is {}, at least {}",
                    fraction(epss.probability),
                    fraction(least)
                );
                self.about_finding(Effect::Fail, "vulnerability/epss", finding, message);
            }
        }
        self.asked_in_vain();
    }

    /// What the policy asks of findings and no source of the database can say. Without a finding
    /// nothing is asked.
    fn asked_in_vain(&mut self) {
        let Some(findings) = self.case.findings else {
            return;
        };
        let is_there = |name: &str| {
            let mut sources = findings.database.sources.iter();
            sources.any(|source| source.name == name)
        };
        let rules = &self.case.policy.vulnerabilities;
        let mut lacking = Vec::new();
        if rules.exploited == Demand::Deny && !is_there("kev") {
            lacking.push(("kev", "which of them are exploited"));
        }
        if rules.epss.is_some() && !is_there("epss") {
            lacking.push(("epss", "how probable their exploitation is"));
        }
        let count = self
            .active()
            .filter(|finding| self.allowances.find(&about_finding("", finding)).is_none())
            .count();
        if count == 0 {
            return;
        }
        for (name, what) in lacking {
            let message = format!("there are {count} findings, and no source says {what}");
            self.unknown("database/lacking", Some(name), message);
        }
    }

    /// A finding at or above its threshold.
    fn at_level(&mut self, finding: &Finding, level: RiskLevel) {
        let says = match finding.level {
            RiskLevel::Unknown => format!("nobody has rated it, which counts as {level}"),
            level => match &finding.level_source {
                Some(source) => format!("{level} by {source}"),
                None => level.to_string(),
            },
        };
        if finding.affected == Affected::Unknown {
            let message = format!("{says}; whether this version is affected cannot be said");
            let code = "vulnerability/uncertain";
            self.reasons
                .insert(of_finding(Effect::Unknown, code, finding, message));
            return;
        }
        let Some(fix) = finding
            .fixed_version
            .as_ref()
            .filter(|_| finding.is_fixable())
        else {
            let message = format!("{says}; {}", crate::report::remedy(finding));
            self.about_finding(Effect::Fail, "vulnerability/no-fix", finding, message);
            return;
        };
        let grace = i64::from(self.case.policy.vulnerabilities.grace_days);
        let age = finding.fixed_at.map(|at| days(at, self.case.now));
        let (effect, since) = match age {
            // A day to come is a mistake of the source, and no grace.
            Some(age) if age < 0 => (Effect::Fail, " on a day that is to come".to_owned()),
            Some(age) if grace > 0 && age < grace => (
                Effect::Warning,
                format!(" {age} days ago, within {grace} days of grace"),
            ),
            Some(age) => (Effect::Fail, format!(" {age} days ago")),
            None => (Effect::Fail, String::new()),
        };
        let message = format!("{says}; fixed in {fix}{since}");
        self.about_finding(effect, "vulnerability/fixable", finding, message);
    }

    fn about_finding(&mut self, effect: Effect, code: &str, finding: &Finding, message: String) {
        let reason = of_finding(effect, code, finding, message);
        self.unless_allowed(reason, &about_finding(code, finding));
    }

    /// A reason that an entry may allow.
    pub(super) fn unless_allowed(&mut self, reason: Reason, about: &About<'_>) {
        let Some(allowance) = self.allowances.find(about) else {
            self.reasons.insert(reason);
            return;
        };
        let package = match (&reason.package, &reason.version) {
            (Some(name), Some(version)) => Some(format!("{name} {version}")),
            (name, _) => name.clone(),
        };
        self.suppressed.insert(Suppressed {
            id: reason.vulnerability.unwrap_or(reason.code),
            about: package.or(reason.place),
            by: "allowed".to_owned(),
            reason: allowance.reason.clone(),
            place: Some(allowance.place.clone()),
            owner: allowance.owner.clone(),
            expires: allowance.expires,
        });
    }

    fn property(&mut self, demand: Demand, code: &str, path: Option<&str>, message: &str) {
        let Some(effect) = effect(demand) else { return };
        let mut reason = plain(effect, code, message.to_owned());
        reason.place = path.map(str::to_owned);
        let copy = reason.clone();
        self.unless_allowed(reason, &about_reason(&copy));
    }

    pub(super) fn image(&mut self) {
        let case = self.case;
        let rules = &case.policy.image;
        let Some(facts) = &case.inventory.facts else {
            let asked = [
                rules.root,
                rules.shell,
                rules.package_manager,
                rules.setuid,
                rules.setgid,
                rules.capabilities,
                rules.world_writable,
                rules.secrets,
            ];
            if asked.contains(&Demand::Deny) || !rules.labels.is_empty() {
                let message = "the policy asks how it runs, and only an image says that";
                self.unknown("image/unknown", None, message.to_owned());
            }
            return;
        };
        if case.inventory.subject.config.is_none() {
            if rules.root == Demand::Deny || !rules.labels.is_empty() {
                let message = "it has no configuration, so nobody can say how it runs";
                self.unknown("image/unknown", None, message.to_owned());
            }
        } else {
            if facts.is_root {
                self.property(rules.root, "image/root", None, "it runs as root");
            }
            if facts.is_user_unknown && rules.root == Demand::Deny {
                let message = format!(
                    "it runs as `{}`, and its accounts do not say who that is",
                    facts.user
                );
                self.unknown("image/unknown", None, message);
            }
            for label in &rules.labels {
                if facts
                    .labels
                    .get(label)
                    .is_none_or(|value| value.trim().is_empty())
                {
                    let message = format!("it has no label `{label}`");
                    self.property(Demand::Deny, "image/label", Some(label), &message);
                }
            }
        }
        for path in &facts.shells {
            self.property(rules.shell, "image/shell", Some(path), "it is a shell");
        }
        for path in &facts.package_managers {
            let message = "it is a package manager";
            self.property(
                rules.package_manager,
                "image/package-manager",
                Some(path),
                message,
            );
        }
        let lists: [(&[FileFact], Demand, &str, &str); 5] = [
            (
                &facts.setuid,
                rules.setuid,
                "image/setuid",
                "it has the setuid bit",
            ),
            (
                &facts.setgid,
                rules.setgid,
                "image/setgid",
                "it has the setgid bit",
            ),
            (
                &facts.capabilities,
                rules.capabilities,
                "image/capabilities",
                "it has capabilities",
            ),
            (
                &facts.world_writable,
                rules.world_writable,
                "image/world-writable",
                "everybody may write to it",
            ),
            (
                &facts.secrets,
                rules.secrets,
                "image/secrets",
                "it looks like a secret",
            ),
        ];
        for (files, demand, code, message) in lists {
            for file in files {
                self.property(demand, code, Some(&file.path), message);
            }
        }
    }

    pub(super) fn licences(&mut self) {
        let case = self.case;
        let rules = &case.policy.licences;
        let is_asked = !rules.allowed.is_empty() || !rules.denied.is_empty();
        for component in &case.inventory.components {
            let (demand, code, message) = match &component.licences.expression {
                None => (
                    rules.unknown,
                    "licence/unknown",
                    "its licence is not known".to_owned(),
                ),
                Some(_) if !is_asked => continue,
                Some(expression) => match licences::obstacle(expression, rules) {
                    Ok(denied) if denied.is_empty() => continue,
                    Ok(denied) => {
                        let verb = if denied.len() > 1 { "are" } else { "is" };
                        let message = format!("{} {verb} not allowed", denied.join(", "));
                        (Demand::Deny, "licence/denied", message)
                    }
                    Err(reason) => (
                        Demand::Deny,
                        "licence/unreadable",
                        format!("`{expression}` cannot be judged: {reason}"),
                    ),
                },
            };
            let Some(effect) = effect(demand) else {
                continue;
            };
            let mut reason = plain(effect, code, message);
            reason.package = Some(component.name.clone());
            reason.version = Some(component.version.clone());
            reason.place = component.evidence.first().map(|one| one.path.clone());
            let copy = reason.clone();
            let purl = component.purl.as_ref().map(ToString::to_string);
            let mut about = about_reason(&copy);
            about.purl = purl.as_deref();
            self.unless_allowed(reason, &about);
        }
    }

    pub(super) fn evidence(&mut self) {
        let case = self.case;
        for demand in &case.policy.evidence {
            let code = format!("evidence/{}", demand.as_str());
            let missing: Vec<String> = match demand {
                EvidenceDemand::Digest => {
                    let subject = &case.inventory.subject;
                    match subject.manifest.or(subject.config) {
                        Some(_) => continue,
                        None => vec!["it has no digest of its own".to_owned()],
                    }
                }
                EvidenceDemand::PackageDatabase => of_components(case.inventory, |one| {
                    let is_vouched = one.evidence.iter().any(|evidence| {
                        matches!(evidence.kind, EvidenceKind::Database | EvidenceKind::Lock)
                    });
                    let is_program = one.kind == ComponentKind::Binary && one.owner.is_none();
                    (one.kind.is_system() && !is_vouched) || is_program
                }),
                EvidenceDemand::Supplier => of_components(case.inventory, |one| {
                    one.supplier.is_none() && one.owner.is_none()
                }),
                EvidenceDemand::Sbom if case.sboms.is_empty() => {
                    vec!["no document about it was given (`--sbom`)".to_owned()]
                }
                EvidenceDemand::Sbom => {
                    let listed: BTreeSet<(ComponentKind, &str, &str)> = case
                        .sboms
                        .iter()
                        .flat_map(|sbom| &sbom.components)
                        .map(|one| (one.kind, one.name.as_str(), one.version.as_str()))
                        .collect();
                    of_components(case.inventory, |one| {
                        !listed.contains(&(one.kind, one.name.as_str(), one.version.as_str()))
                    })
                }
            };
            let words = match demand {
                EvidenceDemand::Digest => "",
                EvidenceDemand::PackageDatabase => "no package database speaks for it",
                EvidenceDemand::Sbom if case.sboms.is_empty() => "",
                EvidenceDemand::Sbom => "no given document lists it",
                EvidenceDemand::Supplier => "nobody says who made it",
            };
            if *demand == EvidenceDemand::PackageDatabase {
                self.programs(&code);
            }
            for what in missing {
                let (package, message) = match words {
                    "" => (None, what),
                    words => (Some(what), words.to_owned()),
                };
                let mut reason = plain(Effect::Fail, &code, message);
                reason.package = package;
                let copy = reason.clone();
                self.unless_allowed(reason, &about_reason(&copy));
            }
        }
    }

    /// Programs of Go and Rust that no package brought: each once, not every module in it.
    fn programs(&mut self, code: &str) {
        let case = self.case;
        let paths: BTreeSet<&str> = case
            .inventory
            .components
            .iter()
            .filter(|one| one.owner.is_none())
            .flat_map(|one| &one.evidence)
            .filter(|evidence| evidence.kind == EvidenceKind::BuildInformation)
            .map(|evidence| evidence.path.as_str())
            .collect();
        for path in paths {
            let message = "no package database speaks for this program".to_owned();
            let mut reason = plain(Effect::Fail, code, message);
            reason.place = Some(path.to_owned());
            let copy = reason.clone();
            self.unless_allowed(reason, &about_reason(&copy));
        }
    }

    /// The entries themselves: those that have ended, that fit nothing, and that nobody can judge.
    pub(super) fn entries(&mut self) {
        let case = self.case;
        if !case.policy.accepts_ignore_files && !case.ignores.is_empty() {
            let message = "the policy refuses ignore files, and one was given".to_owned();
            self.firm(Effect::Fail, "allow/refused", None, message);
        }
        let has_vex = case
            .findings
            .is_some_and(|findings| !findings.vex.is_empty());
        if !case.policy.accepts_vex && has_vex {
            let message = "the policy refuses VEX documents, and one was given".to_owned();
            self.firm(Effect::Fail, "vex/refused", None, message);
        }
        let mut said = Vec::new();
        for entry in &self.allowances.entries {
            let place = entry.allowance.place.as_str();
            if let Some(reason) = unjudged(entry.allowance) {
                let message = format!("the entry allows nothing: {reason}");
                said.push((Effect::Warning, "allow/unjudged", place, message));
            } else if entry.is_expired {
                let day = entry.allowance.expires.unwrap_or_default().to_string();
                let day = day.get(..10).unwrap_or(&day).to_owned();
                // Other tools pass over what has ended; the entry is not this policy's.
                let effect = match entry.is_foreign {
                    true => Effect::Warning,
                    false => Effect::Fail,
                };
                said.push((
                    effect,
                    "allow/expired",
                    place,
                    format!("the entry ended on {day}"),
                ));
            } else if !entry.is_used.get() {
                let message = "the entry is about nothing that is here".to_owned();
                said.push((Effect::Warning, "allow/unused", place, message));
            }
        }
        for (effect, code, place, message) in said {
            self.firm(effect, code, Some(place), message);
        }
    }
}

/// The components of which something is so, as `name version`.
fn of_components(
    inventory: &kiln_types::Inventory,
    is_so: impl Fn(&kiln_types::Component) -> bool,
) -> Vec<String> {
    inventory
        .components
        .iter()
        .filter(|component| is_so(component))
        .map(|component| format!("{} {}", component.name, component.version))
        .collect()
}

fn about_finding<'a>(code: &'a str, finding: &'a Finding) -> About<'a> {
    About {
        code,
        finding: Some(finding),
        package: Some(&finding.package),
        purl: finding.purl.as_deref(),
        path: finding.location.as_deref(),
    }
}

fn of_finding(effect: Effect, code: &str, finding: &Finding, message: String) -> Reason {
    Reason {
        effect,
        code: code.to_owned(),
        vulnerability: Some(finding.vulnerability.id.clone()),
        level: Some(finding.level),
        package: Some(finding.package.clone()),
        version: Some(finding.version.clone()),
        fixed_version: finding.fixed_version.clone(),
        place: finding.location.clone(),
        message,
    }
}

fn package(finding: &Finding) -> String {
    format!("{} {}", finding.package, finding.version)
}

fn suppressed(finding: &Finding, suppression: &Suppression) -> Suppressed {
    Suppressed {
        id: finding.vulnerability.id.clone(),
        about: Some(package(finding)),
        by: suppression.kind().to_owned(),
        reason: suppression.reason(),
        place: None,
        owner: None,
        expires: None,
    }
}
