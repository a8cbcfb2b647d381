//! EPSS: `cve,epss,percentile`, with the date of the scores in the first line.

use std::io::{BufRead, BufReader, Read};

use kiln_types::{Epss, Timestamp};

use super::FeedError;
use crate::advisories::AdvisorySet;

/// Reads the scores, and the day that they are of.
///
/// # Errors
/// When the first line has no date, the header is another, or a row is none.
pub fn read_epss(input: impl Read) -> Result<(AdvisorySet, Timestamp), FeedError> {
    let mut set = AdvisorySet::new();
    let mut day = None;
    // Far longer than any row; a line that does not end is refused and not read.
    let mut reader = BufReader::new(input);
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        let error = |reason: &str| FeedError::new("epss", format!("line {number}"), reason);
        bytes.clear();
        let length = (&mut reader)
            .take(4096)
            .read_until(b'\n', &mut bytes)
            .map_err(|cause| FeedError::io("epss", format!("line {number}"), &cause))?;
        if length == 0 {
            break;
        }
        let line = std::str::from_utf8(&bytes)
            .map_err(|_| error("it is not UTF-8"))?
            .trim();
        if length == 4096 {
            return Err(error("the line is too long"));
        }
        match number {
            1 => {
                let date = line
                    .split("score_date:")
                    .nth(1)
                    .and_then(|rest| rest.get(..10));
                day = date.and_then(|date| date.parse().ok());
                if day.is_none() {
                    return Err(error("no `score_date` is named"));
                }
            }
            2 if line != "cve,epss,percentile" => {
                return Err(error("the header is not `cve,epss,percentile`"));
            }
            2 => {}
            _ if line.is_empty() => {}
            _ => {
                let mut columns = line.split(',');
                let row = (
                    columns.next(),
                    columns.next(),
                    columns.next(),
                    columns.next(),
                );
                let (Some(id), Some(probability), Some(percentile), None) = row else {
                    return Err(error("a row has three columns"));
                };
                let epss = Epss {
                    probability: fraction(probability).ok_or_else(|| error("no probability"))?,
                    percentile: fraction(percentile).ok_or_else(|| error("no percentile"))?,
                };
                if !id.starts_with("CVE-") {
                    return Err(error("a row begins with a CVE id"));
                }
                set.epss.insert(id.to_owned(), epss);
            }
        }
    }
    let day = day.ok_or_else(|| FeedError::new("epss", "line 1", "it is empty"))?;
    Ok((set, day))
}

/// `0.00383` in hundred-thousandths; further digits are cut.
fn fraction(text: &str) -> Option<u32> {
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E']) {
        // Very small probabilities are written as `9e-05`.
        let value: f64 = format!("{mantissa}e{exponent}").parse().ok()?;
        return fraction(&format!("{value:.8}"));
    }
    let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole, "0" | "1") || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = digits.chars().chain("00000".chars()).take(5).collect();
    let value = whole.parse::<u32>().ok()? * 100_000 + digits.parse::<u32>().ok()?;
    (value <= 100_000).then_some(value)
}
