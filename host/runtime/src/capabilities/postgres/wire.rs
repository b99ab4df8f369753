//! PostgreSQL's binary format, read: <https://www.postgresql.org/docs/current/protocol-overview.html>.
//!
//! Only the `…send` functions of PostgreSQL's sources define the format of each type. Dates and times are
//! integers there, without exception since version 10.

use std::str;

use uuid::Uuid;

/// 1970-01-01 to 2000-01-01, where PostgreSQL's count of days begins.
pub(crate) const EPOCH_DAYS: i32 = 10_957;

/// Microseconds in a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// [`EPOCH_DAYS`] in microseconds.
const EPOCH_MICROSECONDS: i64 = EPOCH_DAYS as i64 * DAY;

/// Why a value cannot cross. Each message ends a sentence that begins with where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("holds a value that is not in the binary format of its type")]
    Malformed,
    #[error("holds text that is not UTF-8")]
    NotUtf8,
    #[error("holds NaN or an infinity, which only a float can")]
    NotFinite,
    #[error("holds an array of more than one dimension")]
    Dimensions,
    #[error("holds a time that is out of range")]
    OutOfRange,
    #[error("is not a decimal number, as `-12.50` is, of at most 16383 digits after the point")]
    NotNumeric,
    #[error("is not a UUID, as `67e55044-10b1-426f-9247-bb680e5fe0c8` is")]
    NotUuid,
    #[error("is longer than PostgreSQL accepts")]
    TooLong,
}

/// Whole months, whole days, and the rest in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) microseconds: i64,
}

pub(crate) fn boolean(bytes: &[u8]) -> Result<bool, ValueError> {
    fixed(bytes).map(|[byte]| byte != 0)
}

pub(crate) fn int2(bytes: &[u8]) -> Result<i16, ValueError> {
    fixed(bytes).map(i16::from_be_bytes)
}

/// Also `date`: days since 2000-01-01.
pub(crate) fn int4(bytes: &[u8]) -> Result<i32, ValueError> {
    fixed(bytes).map(i32::from_be_bytes)
}

/// Also `time`: microseconds since midnight; and `timestamp` and `timestamptz`: microseconds since
/// 2000-01-01.
pub(crate) fn int8(bytes: &[u8]) -> Result<i64, ValueError> {
    fixed(bytes).map(i64::from_be_bytes)
}

pub(crate) fn float4(bytes: &[u8]) -> Result<f32, ValueError> {
    fixed(bytes).map(f32::from_be_bytes)
}

pub(crate) fn float8(bytes: &[u8]) -> Result<f64, ValueError> {
    fixed(bytes).map(f64::from_be_bytes)
}

pub(crate) fn text(bytes: &[u8]) -> Result<&str, ValueError> {
    str::from_utf8(bytes).map_err(|_| ValueError::NotUtf8)
}

pub(crate) fn uuid(bytes: &[u8]) -> Result<Uuid, ValueError> {
    fixed(bytes).map(Uuid::from_bytes)
}

pub(crate) fn interval(bytes: &[u8]) -> Result<Interval, ValueError> {
    let (microseconds, rest) = bytes.split_first_chunk().ok_or(ValueError::Malformed)?;
    let (days, months) = rest.split_first_chunk().ok_or(ValueError::Malformed)?;
    Ok(Interval {
        months: int4(months)?,
        days: i32::from_be_bytes(*days),
        microseconds: i64::from_be_bytes(*microseconds),
    })
}

/// `jsonb` is its text after the number of the format, which has always been 1.
pub(crate) fn jsonb(bytes: &[u8]) -> Result<&str, ValueError> {
    match bytes {
        [1, json @ ..] => text(json),
        _ => Err(ValueError::Malformed),
    }
}

/// Days since 2000-01-01 to days since 1970-01-01; the least and the greatest, PostgreSQL's infinities, stay.
pub(crate) fn unix_days(days: i32) -> Result<i32, ValueError> {
    shift(days.into(), EPOCH_DAYS.into(), (i32::MIN.into(), i32::MAX.into()))
        .and_then(|shifted| shifted.try_into().map_err(|_| ValueError::OutOfRange))
}

/// Days since 1970-01-01 to days since 2000-01-01.
pub(crate) fn postgres_days(days: i32) -> Result<i32, ValueError> {
    shift(
        days.into(),
        (-EPOCH_DAYS).into(),
        (i32::MIN.into(), i32::MAX.into()),
    )
    .and_then(|shifted| shifted.try_into().map_err(|_| ValueError::OutOfRange))
}

/// Microseconds since 2000-01-01 to microseconds since 1970-01-01; the infinities stay.
///
/// PostgreSQL's last thirty years, those before the end of 294276, are out of range.
pub(crate) fn unix_microseconds(microseconds: i64) -> Result<i64, ValueError> {
    shift(microseconds, EPOCH_MICROSECONDS, (i64::MIN, i64::MAX))
}

/// Microseconds since 1970-01-01 to microseconds since 2000-01-01.
pub(crate) fn postgres_microseconds(microseconds: i64) -> Result<i64, ValueError> {
    shift(microseconds, -EPOCH_MICROSECONDS, (i64::MIN, i64::MAX))
}

/// Adds `offset`, except to the infinities; a sum that equals an infinity is out of range.
fn shift(value: i64, offset: i64, infinities: (i64, i64)) -> Result<i64, ValueError> {
    if value == infinities.0 || value == infinities.1 {
        return Ok(value);
    }
    value
        .checked_add(offset)
        .filter(|shifted| (infinities.0 + 1..infinities.1).contains(shifted))
        .ok_or(ValueError::OutOfRange)
}

/// The elements of an array, `None` for NULL.
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
    left: usize,
}

/// An array's elements, if it has one dimension, or none at all, as an empty one has.
pub(crate) fn array(bytes: &[u8]) -> Result<Elements<'_>, ValueError> {
    let (dimensions, rest) = take_int4(bytes)?;
    let (_has_nulls, rest) = take_int4(rest)?;
    let (_element_type, rest) = take_int4(rest)?;
    match dimensions {
        0 => Ok(Elements { rest, left: 0 }),
        1 => {
            let (length, rest) = take_int4(rest)?;
            let (_lower_bound, rest) = take_int4(rest)?;
            let left = usize::try_from(length).map_err(|_| ValueError::Malformed)?;
            Ok(Elements { rest, left })
        }
        _ => Err(ValueError::Dimensions),
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Option<&'a [u8]>, ValueError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.take())
    }
}

impl<'a> Elements<'a> {
    fn take(&mut self) -> Result<Option<&'a [u8]>, ValueError> {
        let (length, rest) = take_int4(self.rest)?;
        self.rest = rest;
        let Ok(length) = usize::try_from(length) else {
            return Ok(None);
        };
        let (element, rest) = rest.split_at_checked(length).ok_or(ValueError::Malformed)?;
        self.rest = rest;
        Ok(Some(element))
    }
}

fn take_int4(bytes: &[u8]) -> Result<(i32, &[u8]), ValueError> {
    let (number, rest) = bytes.split_first_chunk().ok_or(ValueError::Malformed)?;
    Ok((i32::from_be_bytes(*number), rest))
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueError> {
    bytes.try_into().map_err(|_| ValueError::Malformed)
}
