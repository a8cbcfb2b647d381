//! Ends of support: `endoflife.date` (API v1, all products), and Debian's `distro-info-data`.

use std::io::Read;

use serde::Deserialize;

use super::FeedError;
use crate::advisories::{AdvisorySet, EndOfLife};

#[derive(Deserialize)]
struct Document {
    result: Vec<Product>,
}

#[derive(Deserialize)]
struct Product {
    name: String,
    #[serde(default)]
    releases: Vec<Release>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    name: String,
    #[serde(default)]
    eol_from: Option<String>,
    #[serde(default)]
    eoes_from: Option<String>,
}

/// Reads all products of `endoflife.date`.
///
/// # Errors
/// When it is not that document.
pub fn read_end_of_life(input: impl Read) -> Result<AdvisorySet, FeedError> {
    let feed = "end-of-life";
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::new(input));
    let document = Document::deserialize(&mut reader)
        .and_then(|document| reader.end().map(|()| document))
        .map_err(|error| FeedError::json(feed, &error))?;
    let mut set = AdvisorySet::new();
    for product in document.result {
        for release in product.releases {
            set.ends.insert(EndOfLife {
                product: product.name.clone(),
                release: release.name,
                ends: release.eol_from,
                extended: release.eoes_from,
            });
        }
    }
    Ok(set)
}

/// Reads `debian.csv` or `ubuntu.csv` of `distro-info-data`.
///
/// # Errors
/// When the header lacks a column, or a row has another number of columns.
pub fn read_distro_info(product: &str, text: &str) -> Result<AdvisorySet, FeedError> {
    let feed = "distro-info";
    let mut lines = text.lines().enumerate();
    let header: Vec<&str> = lines
        .next()
        .map(|(_, line)| line.split(',').collect())
        .unwrap_or_default();
    let column = |name: &str| header.iter().position(|found| *found == name);
    let (Some(version), Some(ends)) = (column("version"), column("eol")) else {
        return Err(FeedError::new(
            feed,
            "line 1",
            "`version` and `eol` are no columns",
        ));
    };
    let extended = column("eol-lts").or_else(|| column("eol-esm"));
    let mut set = AdvisorySet::new();
    for (number, line) in lines {
        let columns: Vec<&str> = line.split(',').collect();
        let at = |place: usize| columns.get(place).copied().filter(|text| !text.is_empty());
        // `7` for wheezy, `24.04 LTS` for noble; unreleased ones have none.
        let Some(release) = at(version).and_then(|text| text.split(' ').next()) else {
            continue;
        };
        let day = |text: &str| text.parse::<kiln_types::Timestamp>().is_ok();
        let ends = at(ends).map(str::to_owned);
        let extended = extended.and_then(at).map(str::to_owned);
        if ends.iter().chain(&extended).any(|text| !day(text)) {
            let place = format!("line {}", number + 1);
            return Err(FeedError::new(feed, place, "a date is none"));
        }
        set.ends.insert(EndOfLife {
            product: product.to_owned(),
            release: release.to_owned(),
            ends,
            extended,
        });
    }
    Ok(set)
}
