//! CVSS vectors: their score and their level.

use std::str::FromStr as _;

use kiln_types::{Rating, RiskLevel};

/// The rating of a vector; none where it is no vector of version 2, 3 or 4.
#[must_use]
pub(crate) fn of_vector(source: &str, vector: &str) -> Option<Rating> {
    let vector = vector.trim().trim_start_matches('(').trim_end_matches(')');
    let (tenths, version) = score(vector)?;
    Some(Rating {
        source: source.to_owned(),
        level: RiskLevel::of_score(tenths, version),
        score: Some(tenths),
        vector: Some(vector.to_owned()),
    })
}

/// The score in tenths, and the version of CVSS.
fn score(vector: &str) -> Option<(u8, u8)> {
    if vector.len() > 512 {
        return None;
    }
    let (score, version) = if vector.starts_with("CVSS:3.") {
        (cvss::v3::Vector::from_str(vector).ok()?.score().value(), 3)
    } else if vector.starts_with("CVSS:4.") {
        (cvss::v4::Vector::from_str(vector).ok()?.score().value(), 4)
    } else {
        (cvss::v2::Vector::from_str(vector).ok()?.score().value(), 2)
    };
    Some((tenths(score)?, version))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a score is 0 to 10, checked here"
)]
fn tenths(score: f64) -> Option<u8> {
    (0.0..=10.0)
        .contains(&score)
        .then(|| (score * 10.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_specifications() {
        for (vector, score, level) in [
            // NVD's own: CVE-2002-0392, CVE-2021-44228, CVE-2014-0160.
            ("AV:N/AC:L/Au:N/C:N/I:N/A:C", 78, RiskLevel::High),
            ("AV:N/AC:M/Au:N/C:C/I:C/A:C", 93, RiskLevel::High),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
                100,
                RiskLevel::Critical,
            ),
            (
                "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
                75,
                RiskLevel::High,
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                93,
                RiskLevel::Critical,
            ),
        ] {
            let rating = of_vector("nvd", vector).unwrap();
            assert_eq!(
                (rating.score, rating.level),
                (Some(score), level),
                "{vector}"
            );
        }
        for broken in [
            "",
            "AV:N",
            "CVSS:3.1/AV:Q",
            "CVSS:9.9/AV:N",
            "AV:N/AC:L/Au:N/C:N/I:N",
        ] {
            assert_eq!(of_vector("nvd", broken), None, "{broken}");
        }
    }
}
