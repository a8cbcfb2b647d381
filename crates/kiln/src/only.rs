//! What of the findings is looked at: the options that `kiln scan` and `kiln compare` share.

use clap::Args;
use kiln_types::{ComponentKind, RiskLevel};
use kiln_vuln::Filter;

/// Only some of the findings.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Only {
    /// Only vulnerabilities of these levels, such as `high,critical`
    #[arg(
        long = "only-severity",
        visible_alias = "severity",
        value_name = "LEVELS",
        value_delimiter = ',',
        value_parser = level
    )]
    levels: Vec<RiskLevel>,
    /// Only vulnerabilities that an update cures
    #[arg(
        long,
        visible_alias = "ignore-unfixed",
        conflicts_with = "only_unfixed"
    )]
    only_fixed: bool,
    /// Only vulnerabilities that no update cures
    #[arg(long)]
    only_unfixed: bool,
    /// Only packages of these kinds, such as `deb,npm`
    #[arg(
        long = "only-package-type",
        value_name = "KINDS",
        value_delimiter = ',',
        value_parser = kind
    )]
    kinds: Vec<ComponentKind>,
}

impl Only {
    /// As a filter.
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            levels: self.levels.clone(),
            fixable: match (self.only_fixed, self.only_unfixed) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            kinds: self.kinds.clone(),
        }
    }
}

/// A level; other tools write them in capitals.
pub(crate) fn level(text: &str) -> Result<RiskLevel, String> {
    RiskLevel::ALL
        .into_iter()
        .find(|level| {
            let words = [level.to_string(), level.as_str().to_owned()];
            words.iter().any(|word| word.eq_ignore_ascii_case(text))
        })
        .ok_or_else(|| "expected critical, high, medium, low, negligible or unrated".to_owned())
}

fn kind(text: &str) -> Result<ComponentKind, String> {
    match ComponentKind::of_purl_type(text) {
        ComponentKind::Other if text == "binary" => Ok(ComponentKind::Binary),
        ComponentKind::Other => {
            Err("expected a kind such as deb, apk, npm, pypi or golang".to_owned())
        }
        kind => Ok(kind),
    }
}
