//! CISA's catalogue of exploited vulnerabilities.

use std::io::Read;

use kiln_types::Exploited;
use serde::Deserialize;

use super::FeedError;
use crate::advisories::AdvisorySet;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    vulnerabilities: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    id: String,
    date_added: String,
    #[serde(default)]
    known_ransomware_campaign_use: Option<String>,
}

/// Reads the catalogue.
///
/// # Errors
/// When it is none.
pub fn read_kev(input: impl Read) -> Result<AdvisorySet, FeedError> {
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    let catalogue = Catalogue::deserialize(&mut reader)
        .and_then(|catalogue| reader.end().map(|()| catalogue))
        .map_err(|error| FeedError::json("kev", &error))?;
    let mut set = AdvisorySet::new();
    for entry in catalogue.vulnerabilities {
        let ransomware = entry.known_ransomware_campaign_use.as_deref() == Some("Known");
        let exploited = Exploited {
            added: entry.date_added,
            ransomware,
        };
        set.exploited.insert(entry.id, exploited);
    }
    Ok(set)
}
