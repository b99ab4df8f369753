//! Dates and times in ISO 8601, from PostgreSQL's counts of days and microseconds since 2000-01-01.
//!
//! Written by hand: no date library reaches from 4713 BC to the year 294276, as PostgreSQL does, and this
//! runs for each timestamp of each row.

use super::wire::{DAY, EPOCH_DAYS, Interval};

/// `2026-11-23`. A year that has not four digits carries a sign: `+12026`, and `-0043` for 44 BC.
pub(crate) fn write_date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MIN => out.extend_from_slice(b"-infinity"),
        i32::MAX => out.extend_from_slice(b"infinity"),
        _ => write_day(i64::from(days) + i64::from(EPOCH_DAYS), out),
    }
}

/// `09:30:00.25`: as many digits of a second as there are.
pub(crate) fn write_time(microseconds: i64, out: &mut Vec<u8>) {
    let seconds = microseconds / 1_000_000;
    write_digits::<2>(seconds / 3600, out);
    out.push(b':');
    write_digits::<2>(seconds / 60 % 60, out);
    out.push(b':');
    write_digits::<2>(seconds % 60, out);
    write_fraction(microseconds % 1_000_000, out);
}

/// `2026-11-23T09:30:00`
pub(crate) fn write_timestamp(microseconds: i64, out: &mut Vec<u8>) {
    write_moment(microseconds, "", out);
}

/// RFC 3339, in UTC: `2026-11-23T09:30:00Z`.
pub(crate) fn write_timestamptz(microseconds: i64, out: &mut Vec<u8>) {
    write_moment(microseconds, "Z", out);
}

fn write_moment(microseconds: i64, zone: &str, out: &mut Vec<u8>) {
    match microseconds {
        i64::MIN => out.extend_from_slice(b"-infinity"),
        i64::MAX => out.extend_from_slice(b"infinity"),
        _ => {
            write_day(microseconds.div_euclid(DAY) + i64::from(EPOCH_DAYS), out);
            out.push(b'T');
            write_time(microseconds.rem_euclid(DAY), out);
            out.extend_from_slice(zone.as_bytes());
        }
    }
}

/// `P1Y2M3DT4H5M6.5S`, each part with a sign of its own, as PostgreSQL's `intervalstyle = iso_8601` has it.
pub(crate) fn write_interval(interval: Interval, out: &mut Vec<u8>) {
    let Interval {
        months,
        days,
        microseconds,
    } = interval;
    let start = out.len();
    out.push(b'P');
    write_part(i64::from(months / 12), b'Y', out);
    write_part(i64::from(months % 12), b'M', out);
    write_part(i64::from(days), b'D', out);
    if microseconds != 0 {
        out.push(b'T');
        let seconds = microseconds / 1_000_000;
        write_part(seconds / 3600, b'H', out);
        write_part(seconds / 60 % 60, b'M', out);
        write_seconds(microseconds % 60_000_000, out);
    }
    if out.len() == start + 1 {
        out.extend_from_slice(b"T0S");
    }
}

fn write_part(number: i64, unit: u8, out: &mut Vec<u8>) {
    if number != 0 {
        out.extend_from_slice(number.to_string().as_bytes());
        out.push(unit);
    }
}

fn write_seconds(microseconds: i64, out: &mut Vec<u8>) {
    if microseconds == 0 {
        return;
    }
    if microseconds < 0 {
        out.push(b'-');
    }
    out.extend_from_slice((microseconds / 1_000_000).abs().to_string().as_bytes());
    write_fraction(microseconds.abs() % 1_000_000, out);
    out.push(b'S');
}

/// `.25` for 250,000 microseconds; nothing for none.
fn write_fraction(microseconds: i64, out: &mut Vec<u8>) {
    if microseconds == 0 {
        return;
    }
    out.push(b'.');
    write_digits::<6>(microseconds, out);
    let zeros = out.iter().rev().take_while(|&&digit| digit == b'0').count();
    out.truncate(out.len() - zeros);
}

/// A date, given in days since 1970-01-01.
fn write_day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(days);
    if (0..=9999).contains(&year) {
        write_digits::<4>(year, out);
    } else {
        out.extend_from_slice(format!("{year:+05}").as_bytes());
    }
    out.push(b'-');
    write_digits::<2>(month, out);
    out.push(b'-');
    write_digits::<2>(day, out);
}

/// Year, month and day in the Gregorian calendar, of a count of days since 1970-01-01.
///
/// Counted in years that begin in March, the leap day is a year's last, and every month's first day follows
/// from one line: months have 30.6 days, rounded.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_FOUR_CENTURIES: i64 = 146_097;
    const FROM_MARCH_OF_YEAR_ZERO: i64 = 719_468;
    let days = days + FROM_MARCH_OF_YEAR_ZERO;
    let cycle = days.div_euclid(DAYS_OF_FOUR_CENTURIES);
    let of_cycle = days.rem_euclid(DAYS_OF_FOUR_CENTURIES);
    let leap_days = of_cycle / 1460 - of_cycle / 36_524 + of_cycle / 146_096;
    let year_of_cycle = (of_cycle - leap_days) / 365;
    let of_year = of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (month, next_year) = if from_march < 10 {
        (from_march + 3, 0)
    } else {
        (from_march - 9, 1)
    };
    (400 * cycle + year_of_cycle + next_year, month, day)
}

/// The last `N` decimal digits of a number that is not negative.
fn write_digits<const N: usize>(number: i64, out: &mut Vec<u8>) {
    let mut number = number.unsigned_abs();
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}
