//! Values of a result, from PostgreSQL's binary format.

use std::error::Error;
use std::fmt::Write;

use ::postgres::types::{FromSql, Kind, Type};

use crate::bindings::http::berth::postgres::client::{ArrayValue, Interval, Value};

/// 2000-01-01, from which PostgreSQL counts, since 1970-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROSECONDS: i64 = 946_684_800_000_000;

type Failure = Box<dyn Error + Sync + Send>;

/// A value that is not NULL.
pub(super) struct Field(pub(super) Value);

impl<'a> FromSql<'a> for Field {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        if let Kind::Array(element) = kind.kind() {
            let elements = Vec::<Option<Self>>::from_sql(kind, raw)?;
            let elements = elements
                .into_iter()
                .map(|element| element.map(|Self(value)| value));
            return array(element, elements.collect()).map(Value::Array).map(Self);
        }
        single(kind, raw).map(Self)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn single(kind: &Type, raw: &[u8]) -> Result<Value, Failure> {
    Ok(match *kind {
        Type::BOOL => Value::Boolean(bool::from_sql(kind, raw)?),
        Type::INT2 => Value::Int2(i16::from_sql(kind, raw)?),
        Type::INT4 => Value::Int4(i32::from_sql(kind, raw)?),
        Type::INT8 => Value::Int8(i64::from_sql(kind, raw)?),
        Type::FLOAT4 => Value::Float4(f32::from_sql(kind, raw)?),
        Type::FLOAT8 => Value::Float8(f64::from_sql(kind, raw)?),
        Type::NUMERIC => Value::Numeric(numeric(raw)?),
        Type::BYTEA => Value::Bytea(raw.to_vec()),
        Type::UUID => Value::Uuid(uuid(raw)),
        Type::DATE => Value::Date(shifted_days(i32::from_be_bytes(raw.try_into()?))),
        Type::TIME => Value::Time(i64::from_be_bytes(raw.try_into()?)),
        Type::TIMESTAMP => Value::Timestamp(shifted(i64::from_be_bytes(raw.try_into()?))),
        Type::TIMESTAMPTZ => Value::Timestamptz(shifted(i64::from_be_bytes(raw.try_into()?))),
        Type::INTERVAL => Value::Interval(interval(raw)?),
        Type::JSON => Value::Json(text(raw)?),
        // A version stands before the text.
        Type::JSONB => Value::Json(text(raw.get(1..).unwrap_or_default())?),
        Type::VOID => Value::Null,
        _ if is_text(kind) => Value::Text(text(raw)?),
        _ => return Err(format!("a column of type {kind} cannot cross: cast it to text").into()),
    })
}

fn is_text(kind: &Type) -> bool {
    [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN].contains(kind)
        || kind.name() == "citext"
        || matches!(kind.kind(), Kind::Enum(_))
}

fn text(raw: &[u8]) -> Result<String, Failure> {
    Ok(std::str::from_utf8(raw)?.to_owned())
}

/// Leaves the greatest and the least value, which are the infinities, as they are.
fn shifted(microseconds: i64) -> i64 {
    match microseconds {
        i64::MIN | i64::MAX => microseconds,
        _ => microseconds.saturating_add(EPOCH_MICROSECONDS),
    }
}

fn shifted_days(days: i32) -> i32 {
    match days {
        i32::MIN | i32::MAX => days,
        _ => days.saturating_add(EPOCH_DAYS),
    }
}

fn uuid(raw: &[u8]) -> String {
    let mut text = String::new();
    for (index, byte) in raw.iter().enumerate() {
        if [4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn interval(raw: &[u8]) -> Result<Interval, Failure> {
    let (microseconds, rest) = raw.split_at_checked(8).ok_or("an interval is cut")?;
    let (days, months) = rest.split_at_checked(4).ok_or("an interval is cut")?;
    Ok(Interval {
        months: i32::from_be_bytes(months.try_into()?),
        days: i32::from_be_bytes(days.try_into()?),
        microseconds: i64::from_be_bytes(microseconds.try_into()?),
    })
}

/// Groups of four decimal digits, the first of which counts `10000^weight`; then `scale` decimal places are shown.
fn numeric(raw: &[u8]) -> Result<String, Failure> {
    let words: Vec<u16> = raw
        .chunks_exact(2)
        .map(|word| u16::from_be_bytes([word[0], word[1]]))
        .collect();
    let [_, weight, sign, scale, groups @ ..] = &*words else {
        return Err("a numeric is cut".into());
    };
    if ![0, 0x4000].contains(sign) {
        return Err("NaN and the infinities cannot cross: cast them to text".into());
    }
    let (weight, scale) = (i32::from(weight.cast_signed()), usize::from(*scale));
    let group = |position: i32| {
        let index = usize::try_from(weight - position).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or_default()
    };
    let digits = |positions: &mut dyn Iterator<Item = i32>| {
        positions.fold(String::new(), |digits, position| {
            format!("{digits}{:04}", group(position))
        })
    };
    let whole = digits(&mut (0..=weight.max(0)).rev());
    let places = i32::try_from(scale.div_ceil(4))?;
    let fraction = digits(&mut (1..=places).map(|position| -position));
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let minus = if *sign == 0 { "" } else { "-" };
    let point = if scale > 0 { "." } else { "" };
    Ok(format!("{minus}{whole}{point}{}", &fraction[..scale]))
}

/// Gathers the elements of an array under the case of their type.
fn array(element: &Type, elements: Vec<Option<Value>>) -> Result<ArrayValue, Failure> {
    macro_rules! gather {
        ($($case:ident)*) => {
            match first(element, &elements)? {
                $(Value::$case(_) => ArrayValue::$case(
                    elements
                        .into_iter()
                        .map(|element| match element {
                            Some(Value::$case(value)) => Some(value),
                            _ => None,
                        })
                        .collect(),
                ),)*
                Value::Null | Value::Array(_) => return Err("an array in an array cannot cross".into()),
            }
        };
    }
    Ok(gather! {
        Boolean Int2 Int4 Int8 Float4 Float8 Numeric Text Bytea Uuid Date Time Timestamp Timestamptz Interval Json
    })
}

/// An element, for its case. An array without elements, or with NULL only, is of text if its type is none of these.
fn first(element: &Type, elements: &[Option<Value>]) -> Result<Value, Failure> {
    if let Some(value) = elements.iter().flatten().next() {
        return Ok(value.clone());
    }
    let zero: &[u8] = match *element {
        Type::BOOL => &[0],
        Type::INT2 => &[0; 2],
        Type::INT4 | Type::FLOAT4 | Type::DATE => &[0; 4],
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::NUMERIC => {
            &[0; 8]
        }
        Type::INTERVAL => &[0; 16],
        _ => &[],
    };
    single(element, zero)
}
