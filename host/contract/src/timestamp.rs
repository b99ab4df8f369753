//! Timestamps, as clients write them.

mod text;

use serde_json::{Number, Value};

use crate::rules::Rule;
use crate::violations::Violations;

/// A timestamp: whole microseconds since 1970-01-01T00:00:00Z, between the years 1 and 9999.
///
/// It is shown, and serialised, in RFC 3339 and UTC, with as many digits of a second as it has. It is deserialised from
/// RFC 3339, or from an integer of microseconds.
///
/// ```
/// use berth_contract::Timestamp;
///
/// let time: Timestamp = serde_json::from_str(r#""2026-11-23T10:30:00.5+01:00""#)?;
/// assert_eq!(time.to_string(), "2026-11-23T09:30:00.5Z");
/// assert_eq!(time.microseconds(), 1_795_426_200_500_000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The timestamp at these microseconds since 1970-01-01T00:00:00Z; `None` outside of the years 1 to 9999.
    ///
    /// ```
    /// # use berth_contract::Timestamp;
    /// let time = Timestamp::from_microseconds(1_500_000).map(|time| time.to_string());
    /// assert_eq!(time.as_deref(), Some("1970-01-01T00:00:01.5Z"));
    /// ```
    #[must_use]
    pub fn from_microseconds(microseconds: i64) -> Option<Self> {
        within_years(microseconds).ok()
    }

    /// Microseconds since 1970-01-01T00:00:00Z, negative before: a `timestamptz` of `berth:postgres`.
    ///
    /// ```
    /// # use berth_contract::Timestamp;
    /// assert_eq!(Timestamp::default().microseconds(), 0);
    /// ```
    #[must_use]
    pub const fn microseconds(self) -> i64 {
        self.0
    }
}

/// Reads a timestamp as pydantic 2 does: RFC 3339, also with a space for the `T`, without seconds, with an offset
/// without a colon or with none (UTC then); a date alone is its midnight; a number is a Unix time in seconds, or in
/// milliseconds from 20,000,000,000 on. Digits beyond microseconds are cut off.
///
/// ```
/// # use berth_contract::{Rule, Datetime};
/// # use serde_json::json;
/// assert_eq!(Datetime.check(&json!("2026-11-23"))?.to_string(), "2026-11-23T00:00:00Z");
/// # Ok::<(), berth_contract::Violations>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Datetime;

impl Rule for Datetime {
    type Output = Timestamp;

    fn check(&self, input: &Value) -> Result<Timestamp, Violations> {
        let read = match input {
            Value::String(text) => parse(text),
            Value::Number(number) => from_unix(number.as_f64().unwrap_or(f64::INFINITY)),
            _ => {
                return Err(Violations::one(
                    "datetime_type",
                    "Input should be a valid datetime",
                    input.clone(),
                ));
            }
        };
        read.map_err(|fault| match fault {
            Fault::Text(reason) => {
                let message = format!("Input should be a valid datetime or date, {reason}");
                Violations::one("datetime_from_date_parsing", message, input.clone())
            }
            Fault::Range(reason) => {
                let message = format!("Input should be a valid datetime, {reason}");
                Violations::one("datetime_parsing", message, input.clone())
            }
        })
    }

    #[cfg(feature = "openapi")]
    fn schema(&self) -> Value {
        crate::rules::schema::datetime()
    }
}

/// The reason why a value is no timestamp.
enum Fault {
    /// The text has another form.
    Text(&'static str),
    /// The year is out of range.
    Range(&'static str),
}

const EXTRA: Fault = Fault::Text("unexpected extra characters at the end of the input");
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

fn parse(text: &str) -> Result<Timestamp, Fault> {
    if let Some(seconds) = unix_number(text) {
        return from_unix(seconds);
    }
    let bytes = text.as_bytes();
    let Some((date, rest)) = bytes.split_first_chunk::<10>() else {
        return Err(Fault::Text("input is too short"));
    };
    let midnight = days(date)? * DAY;
    let time = if rest.is_empty() {
        0
    } else {
        time(rest).ok_or(EXTRA)?
    };
    within_years(midnight + time)
}

/// Days since 1970-01-01 of a `YYYY-MM-DD`.
fn days(date: &[u8; 10]) -> Result<i64, Fault> {
    let [y1, y2, y3, y4, dash, m1, m2, second_dash, d1, d2] = *date;
    let year = digits(&[y1, y2, y3, y4]).ok_or(Fault::Text("invalid character in year"))?;
    if dash != b'-' || second_dash != b'-' {
        return Err(Fault::Text("invalid date separator, expected `-`"));
    }
    let month = digits(&[m1, m2]).ok_or(Fault::Text("invalid character in month"))?;
    let day = digits(&[d1, d2]).ok_or(Fault::Text("invalid character in day"))?;
    if !(1..=12).contains(&month) {
        return Err(Fault::Text("month value is outside expected range of 1-12"));
    }
    if !(1..=days_in_month(year, month)).contains(&day) {
        return Err(Fault::Text("day value is outside expected range"));
    }
    if year == 0 {
        return Err(Fault::Range("year 0 is out of range"));
    }
    Ok(days_from_civil(year, month, day))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, for years from 0 on. The year begins in March here, so
/// that the leap day is its last: <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    const DAYS_TO_1970: i64 = 719_468; // from 0000-03-01
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970
}

/// The microseconds that `Thh:mm[:ss[.fraction]][Z|±hh[:]mm]` adds to its date, in UTC.
fn time(text: &[u8]) -> Option<i64> {
    let (b'T' | b't' | b' ' | b'_', rest) = text.split_first()? else {
        return None;
    };
    let (hour, rest) = two_digits(rest, 23)?;
    let (minute, rest) = two_digits(rest.strip_prefix(b":")?, 59)?;
    let mut time = (hour * 60 + minute) * MINUTE;
    let mut rest = rest;
    if let Some(seconds) = rest.strip_prefix(b":") {
        let (second, after) = two_digits(seconds, 59)?;
        let (fraction, after) = fraction(after)?;
        time += second * SECOND + fraction;
        rest = after;
    }
    Some(time - offset(rest)?)
}

/// The microseconds of `.123456789`, and the rest of the text. A comma may stand for the point, as in ISO 8601.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.' | b',', rest)) = text.split_first() else {
        return Some((0, text));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, after) = rest.split_at(length);
    let mut microseconds = [b'0'; 6];
    for (place, digit) in microseconds.iter_mut().zip(fraction) {
        *place = *digit;
    }
    if length == 0 {
        None
    } else {
        Some((digits(&microseconds)?, after))
    }
}

/// The microseconds east of Greenwich of `Z`, `±hh:mm`, `±hhmm` or nothing.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = two_digits(rest, 23)?;
    let (minutes, rest) = two_digits(rest.strip_prefix(b":").unwrap_or(rest), 59)?;
    rest.is_empty().then_some(sign * (hours * 60 + minutes) * MINUTE)
}

fn two_digits(text: &[u8], max: i64) -> Option<(i64, &[u8])> {
    let (pair, rest) = text.split_first_chunk::<2>()?;
    let value = digits(pair)?;
    (value <= max).then_some((value, rest))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
    })
}

/// The number that a text holds, if it holds one.
fn unix_number(text: &str) -> Option<f64> {
    serde_json::from_str::<Number>(text).ok()?.as_f64()
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, as Unix times in seconds.
const FIRST_SECOND: f64 = -62_135_596_800.0;
const LAST_SECOND: f64 = 253_402_300_799.0;

fn from_unix(number: f64) -> Result<Timestamp, Fault> {
    /// Larger numbers are milliseconds: as seconds, they would be past the year 2603.
    const MILLISECONDS_FROM: f64 = 2e10;
    let seconds = if number.abs() > MILLISECONDS_FROM {
        number / 1e3
    } else {
        number
    };
    if seconds > LAST_SECOND {
        return Err(Fault::Range(
            "dates after 9999 are not supported as unix timestamps",
        ));
    }
    if seconds < FIRST_SECOND {
        return Err(Fault::Range(
            "dates before 0000 are not supported as unix timestamps",
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the bounds above are far within i64"
    )]
    within_years((seconds * 1e6).round() as i64)
}

/// Checks the year again, because an offset can move a timestamp out of the years with four digits.
fn within_years(microseconds: i64) -> Result<Timestamp, Fault> {
    const FIRST: i64 = -62_135_596_800 * SECOND; // 0001-01-01T00:00:00Z
    const END: i64 = 253_402_300_800 * SECOND; // 10000-01-01T00:00:00Z
    if microseconds < FIRST {
        return Err(Fault::Range("year 0 is out of range"));
    }
    if microseconds >= END {
        return Err(Fault::Range("year 10000 is out of range"));
    }
    Ok(Timestamp(microseconds))
}

#[cfg(test)]
mod tests;
