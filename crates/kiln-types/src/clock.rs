//! Time as a value: seconds since 1970-01-01T00:00:00Z, and the trait by which "now" comes in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A point in time, in whole seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// A timestamp from seconds since the epoch.
    #[must_use]
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn unix(self) -> i64 {
        self.0
    }

    /// The year, month (1–12) and day (1–31) of the proleptic Gregorian calendar, in UTC.
    #[must_use]
    pub const fn date(self) -> (i64, u8, u8) {
        // Days to civil date, after Howard Hinnant's `civil_from_days`.
        let days = self.0.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1–12 and 1–31"
        )]
        (year, month as u8, day as u8)
    }

    /// The timestamp of a date and a time of day in UTC; `None` where a part is out of range.
    #[must_use]
    pub fn from_civil(
        year: i64,
        month: u8,
        day: u8,
        hour: u8,
        minute: u8,
        second: u8,
    ) -> Option<Self> {
        const DAYS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let length = match month {
            2 if leap => 29,
            1..=12 => DAYS[usize::from(month) - 1],
            _ => return None,
        };
        if !(0..=9999).contains(&year) || !(1..=length).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let month_index = i64::from(if month > 2 { month - 3 } else { month + 9 });
        let day_of_year = (153 * month_index + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        Some(Self(days * 86_400 + seconds))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC: `2026-11-24T03:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        let seconds = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// A text that is not an RFC 3339 time in UTC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a time of the form `2026-11-24T03:00:00Z` or `20261124T030000Z`")]
pub struct TimestampError {
    /// What was written.
    pub found: String,
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Accepts `YYYY-MM-DDTHH:MM:SSZ`, `YYYYMMDDTHHMMSSZ` (snapshot.debian.org) and `YYYY-MM-DD`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || TimestampError {
            found: text.chars().take(64).collect(),
        };
        let shape: String = text
            .bytes()
            .map(|byte| {
                if byte.is_ascii_digit() {
                    '0'
                } else {
                    char::from(byte)
                }
            })
            .collect();
        if !matches!(
            shape.as_str(),
            "0000-00-00T00:00:00Z" | "00000000T000000Z" | "0000-00-00"
        ) {
            return Err(error());
        }
        let mut digits = text
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(|byte| byte - b'0');
        let mut two = || {
            let tens = digits.next().unwrap_or(0);
            tens * 10 + digits.next().unwrap_or(0)
        };
        let year = i64::from(two()) * 100 + i64::from(two());
        let (month, day, hour, minute, second) = (two(), two(), two(), two(), two());
        Self::from_civil(year, month, day, hour, minute, second).ok_or_else(error)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where "now" comes from. Only the binary has a real one; nothing below it reads the clock.
pub trait Clock: Send + Sync {
    /// The present time.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still, for tests and for questions about another day.
#[derive(Clone, Copy, Debug)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_the_same_moment() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_489_201, "2026-11-24T03:00:01Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Timestamp::from_unix(unix).to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap().unix(), unix);
        }
        assert_eq!(
            "20261124T030001Z".parse::<Timestamp>().unwrap().unix(),
            1_795_489_201
        );
        assert_eq!(
            "2000-02-29".parse::<Timestamp>().unwrap().unix(),
            951_782_400
        );
    }

    #[test]
    fn refuses_what_is_not_a_time() {
        for text in [
            "",
            "2026",
            "2026-02-30T00:00:00Z",
            "2026-11-24T25:00:00Z",
            "2026-11-24 03:00:00",
            "é",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
