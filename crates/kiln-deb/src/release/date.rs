//! The dates of Release files: RFC 5322 (once 2822, 822), section 3.3, in UTC.

use kiln_types::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Reads `Sat, 15 Nov 2025 10:00:00 UTC`. The zone must be one of the names of UTC (`UTC`, `GMT`,
/// `Z`, `+0000`), as for apt: a local zone would mean another moment to each reader. The day of
/// the week may be left out, and must be right where it stands.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    let (weekday, rest) = match text.split_once(',') {
        Some((weekday, rest)) => (Some(weekday.trim()), rest),
        None => (None, text),
    };
    let mut words = rest.split_ascii_whitespace();
    let (day, month, year, time, zone) = (
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
        words.next()?,
    );
    if words.next().is_some() || !matches!(zone, "UTC" | "GMT" | "Z" | "+0000" | "-0000") {
        return None;
    }
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))?;
    if year.len() != 4 {
        return None;
    }
    let mut clock = time.split(':');
    let (hour, minute, second) = (clock.next()?, clock.next()?, clock.next()?);
    if clock.next().is_some() {
        return None;
    }
    let moment = Timestamp::from_civil(
        number(year)?,
        u8::try_from(month + 1).ok()?,
        u8::try_from(number(day)?).ok()?,
        u8::try_from(number(hour)?).ok()?,
        u8::try_from(number(minute)?).ok()?,
        u8::try_from(number(second)?).ok()?,
    )?;
    // The epoch was a Thursday.
    let index = usize::try_from(moment.unix().div_euclid(86_400).rem_euclid(7)).ok()?;
    match weekday {
        Some(weekday) if !DAYS.get(index)?.eq_ignore_ascii_case(weekday) => None,
        _ => Some(moment),
    }
}

/// One to four digits.
fn number(text: &str) -> Option<i64> {
    ((1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        for (text, expected) in [
            ("Sat, 15 Nov 2025 10:00:00 UTC", "2025-11-15T10:00:00Z"),
            ("Sat, 21 Nov 2026 09:15:44 UTC", "2026-11-21T09:15:44Z"),
            ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            ("Thu,  1 Jan 1970  0:00:01 +0000", "1970-01-01T00:00:01Z"),
            ("29 Feb 2024 23:59:59 Z", "2024-02-29T23:59:59Z"),
        ] {
            assert_eq!(
                parse_date(text)
                    .unwrap_or_else(|| panic!("{text}"))
                    .to_string(),
                expected
            );
        }
    }

    #[test]
    fn refuses_other_texts() {
        for text in [
            "",
            "2025-11-15T10:00:00Z",
            "Sun, 15 Nov 2025 10:00:00 UTC",
            "Sat, 15 Nov 2025 10:00:00",
            "Sat, 15 Nov 2025 10:00:00 CET",
            "Sat, 15 Nov 2025 10:00:00 +0100",
            "Sat, 15 Nov 25 10:00:00 UTC",
            "Sat, 15 Nov 2025 10:00 UTC",
            "Sat, 15 Nov 2025 10:00:00:00 UTC",
            "Sat, 15 Nov 2025 24:00:00 UTC",
            "Sat, 31 Nov 2025 10:00:00 UTC",
            "Sat, 15 Nov 2025 10:00:00 UTC UTC",
            "Sat, -5 Nov 2025 10:00:00 UTC",
            "Sät, 15 Nov 2025 10:00:00 UTC",
            "15 Nov 99999999999999999999 10:00:00 UTC",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_day_comes_back(unix in 0_i64..253_402_300_800) {
            let moment = Timestamp::from_unix(unix);
            let (year, month, day) = moment.date();
            let seconds = unix.rem_euclid(86_400);
            let weekday = DAYS[usize::try_from(unix.div_euclid(86_400).rem_euclid(7)).unwrap()];
            let text = format!(
                "{weekday}, {day:02} {} {year:04} {:02}:{:02}:{:02} UTC",
                MONTHS[usize::from(month) - 1], seconds / 3_600, seconds / 60 % 60, seconds % 60,
            );
            proptest::prop_assert_eq!(parse_date(&text), Some(moment));
        }

        #[test]
        fn never_panics(text in ".{0,80}") {
            let _ = parse_date(&text);
        }
    }
}
