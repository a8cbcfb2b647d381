//! Which findings are looked at. A filter hides rows and says how many; it never changes whether an
//! image is in order, which is for `--fail-on` and the gate.

use kiln_types::{ComponentKind, FilterFact, Finding, Findings, RiskLevel};

/// What is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only vulnerabilities of these levels; empty: all.
    pub levels: Vec<RiskLevel>,
    /// Only those that an update cures, or only those that none does.
    pub fixable: Option<bool>,
    /// Only packages of these kinds; empty: all.
    pub kinds: Vec<ComponentKind>,
}

impl Filter {
    /// Whether it lets a finding through.
    #[must_use]
    pub fn shows(&self, finding: &Finding) -> bool {
        let kind = |kind: &ComponentKind| kind.as_str() == finding.kind;
        (self.levels.is_empty() || self.levels.contains(&finding.level))
            && self
                .fixable
                .is_none_or(|wanted| finding.is_fixable() == wanted)
            && (self.kinds.is_empty() || self.kinds.iter().any(kind))
    }

    /// The findings with only what it lets through, and what was hidden. A filter that asks for
    /// nothing hides nothing.
    #[must_use]
    pub fn applied(&self, findings: &Findings) -> Findings {
        let mut out = findings.clone();
        if *self == Self::default() {
            return out;
        }
        out.findings.retain(|finding| self.shows(finding));
        let hidden = |all: usize, shown: usize| u64::try_from(all - shown).unwrap_or(u64::MAX);
        let mut levels = self.levels.clone();
        levels.sort_by(|one, other| other.cmp(one));
        levels.dedup();
        let mut kinds: Vec<String> = self.kinds.iter().map(ToString::to_string).collect();
        kinds.sort();
        kinds.dedup();
        out.filter = Some(FilterFact {
            levels,
            fixable: self.fixable,
            kinds,
            counts: findings.counts(),
            hidden: hidden(findings.active().count(), out.active().count()),
            hidden_suppressed: hidden(findings.suppressed().count(), out.suppressed().count()),
        });
        out
    }
}
