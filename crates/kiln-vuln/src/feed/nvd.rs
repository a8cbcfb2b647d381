//! NVD's JSON 2.0, for severities and dates of publication: what is affected is not taken from it.

use std::io::Read;

use kiln_types::{Rating, RiskLevel};
use serde::Deserialize;

use super::FeedError;
use super::osv::moment;
use crate::advisories::AdvisorySet;
use crate::rating::of_vector;

#[derive(Deserialize)]
struct Page {
    vulnerabilities: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    cve: Entry,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    metrics: Metrics,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metrics {
    cvss_metric_v40: Vec<Metric>,
    cvss_metric_v31: Vec<Metric>,
    cvss_metric_v30: Vec<Metric>,
    cvss_metric_v2: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    source: String,
    cvss_data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    vector_string: String,
    #[serde(default)]
    base_severity: Option<String>,
}

/// Reads a page of NVD.
///
/// # Errors
/// When it is none.
pub fn read_nvd(input: impl Read) -> Result<AdvisorySet, FeedError> {
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    let page = Page::deserialize(&mut reader)
        .and_then(|page| reader.end().map(|()| page))
        .map_err(|error| FeedError::json("nvd", &error))?;
    let mut set = AdvisorySet::new();
    for Item { cve } in page.vulnerabilities {
        if let Some(date) = cve.published.as_deref().and_then(moment) {
            set.published.insert(cve.id.clone(), date);
        }
        let metrics = cve.metrics;
        let all = metrics
            .cvss_metric_v40
            .into_iter()
            .chain(metrics.cvss_metric_v31)
            .chain(metrics.cvss_metric_v30)
            .chain(metrics.cvss_metric_v2);
        let mut ratings: Vec<Rating> = all
            .filter_map(|metric| {
                // NVD passes on what the issuer of the id says.
                let source = if metric.source == "nvd@nist.gov" {
                    "nvd"
                } else {
                    "cna"
                };
                of_vector(source, &metric.cvss_data.vector_string).or_else(|| {
                    let word = metric.cvss_data.base_severity.as_deref()?;
                    Some(Rating {
                        source: source.to_owned(),
                        level: RiskLevel::of_word(word)?,
                        score: None,
                        vector: Some(metric.cvss_data.vector_string.clone()),
                    })
                })
            })
            .collect();
        ratings.sort();
        ratings.dedup();
        if !ratings.is_empty() {
            set.ratings.insert(cve.id, ratings);
        }
    }
    Ok(set)
}
