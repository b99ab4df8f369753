//! Timestamps in RFC 3339.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DAY, Fault, MINUTE, SECOND, Timestamp, parse, within_years};

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY));
        let time = self.0.rem_euclid(DAY);
        let (hour, minute) = (time / (60 * MINUTE), time / MINUTE % 60);
        let (second, microseconds) = (time / SECOND % 60, time % SECOND);
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if microseconds > 0 {
            let digits = format!("{microseconds:06}");
            write!(formatter, ".{}", digits.trim_end_matches('0'))?;
        }
        formatter.write_str("Z")
    }
}

/// The inverse of `days_from_civil`: <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    const DAYS_TO_1970: i64 = 719_468; // from 0000-03-01
    let days = days + DAYS_TO_1970;
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + days.div_euclid(DAYS_PER_ERA) * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct("Timestamp", AsText)
    }
}

struct AsText;

impl<'de> Visitor<'de> for AsText {
    type Value = Timestamp;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a timestamp in RFC 3339, or microseconds since 1970")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Timestamp, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_i64<E: de::Error>(self, microseconds: i64) -> Result<Timestamp, E> {
        within_years(microseconds).map_err(Fault::into_error)
    }

    fn visit_u64<E: de::Error>(self, microseconds: u64) -> Result<Timestamp, E> {
        self.visit_i64(i64::try_from(microseconds).unwrap_or(i64::MAX))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        parse(text).map_err(Fault::into_error)
    }
}

impl Fault {
    fn into_error<E: de::Error>(self) -> E {
        match self {
            Self::Text(reason) | Self::Range(reason) => E::custom(format_args!("no timestamp: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_timestamp_is_shown_as_it_is_read() {
        for text in [
            "1970-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999999Z",
            "2024-02-29T12:30:45.5Z",
            "2000-03-01T00:00:00Z",
            "1900-02-28T23:00:01.000001Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
        ] {
            let json = format!("\"{text}\"");
            let time: Timestamp = serde_json::from_str(&json).unwrap();
            assert_eq!(
                (time.to_string(), serde_json::to_string(&time).unwrap()),
                (text.to_owned(), json)
            );
        }
    }

    #[test]
    fn microseconds_are_read_too_and_years_are_bounded() {
        assert_eq!(
            serde_json::from_str::<Timestamp>("1500000")
                .unwrap()
                .microseconds(),
            1_500_000
        );
        assert_eq!(
            serde_json::from_str::<Timestamp>("-1").unwrap().microseconds(),
            -1
        );
        for wrong in ["\"soon\"", "9223372036854775807", "true", "{}"] {
            assert!(serde_json::from_str::<Timestamp>(wrong).is_err(), "{wrong}");
        }
    }
}
