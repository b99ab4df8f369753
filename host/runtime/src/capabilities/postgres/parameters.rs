//! A statement's parameters, in PostgreSQL's binary format.

use berth_postgres::Parameters;
use uuid::Uuid;

use super::bindings::{ArrayValue, Interval, Value};
use super::kind::Scalar;
use super::wire::{ValueError, postgres_days, postgres_microseconds};
use super::{Error, FIELD, numeric};

/// The parameters as a message carries them.
pub(crate) fn encode(values: &[Value]) -> Result<Parameters, Error> {
    let mut parameters = Parameters::default();
    for (index, value) in values.iter().enumerate() {
        let pushed = match (value, plain(value)) {
            (Value::Array(array), _) => parameters.push(|out| write_array(array, out)),
            (_, Some(value)) => parameters.push(|out| value.write(out)),
            (_, None) => {
                parameters.push_null();
                Ok(())
            }
        };
        pushed.map_err(|reason| Error::Unsupported(format!("parameter ${} {reason}", index + 1)))?;
    }
    Ok(parameters)
}

/// The identifier of the type that a parameter is declared with. NULL has type 0: PostgreSQL infers it from the
/// statement.
pub(crate) fn declared_type(value: &Value) -> u32 {
    match value {
        Value::Array(array) => element_type(array).array_oid(),
        value => plain(value).map_or(0, |value| value.scalar().oid()),
    }
}

/// A character that tells the declared type from every other.
pub(crate) fn mark(value: &Value) -> char {
    match value {
        Value::Array(array) => element_type(array).mark().to_ascii_uppercase(),
        value => plain(value).map_or('0', |value| value.scalar().mark()),
    }
}

/// How many bytes of the component's limit a parameter takes.
pub(crate) fn size(value: &Value) -> usize {
    let more = match value {
        Value::Array(array) => elements(array)
            .map(|element| FIELD + element.map_or(0, Plain::length))
            .sum(),
        value => plain(value).map_or(0, Plain::length),
    };
    FIELD + more
}

/// Writes an array of one dimension; PostgreSQL's empty arrays have none.
fn write_array(array: &ArrayValue, out: &mut Vec<u8>) -> Result<(), ValueError> {
    const LOWER_BOUND: i32 = 1;
    /// PostgreSQL looks for them itself.
    const HAS_NULLS: i32 = 0;
    const NULL: i32 = -1;
    let elements = elements(array);
    let length = i32::try_from(elements.len()).map_err(|_| ValueError::TooLong)?;
    out.extend_from_slice(&i32::from(length > 0).to_be_bytes());
    out.extend_from_slice(&HAS_NULLS.to_be_bytes());
    out.extend_from_slice(&element_type(array).oid().to_be_bytes());
    if length > 0 {
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&LOWER_BOUND.to_be_bytes());
    }
    for element in elements {
        let start = out.len();
        out.extend_from_slice(&NULL.to_be_bytes());
        if let Some(element) = element {
            let prefixed = out.len();
            element.write(out)?;
            let written = i32::try_from(out.len() - prefixed).map_err(|_| ValueError::TooLong)?;
            out[start..prefixed].copy_from_slice(&written.to_be_bytes());
        }
    }
    Ok(())
}

/// A value that is not an array.
#[derive(Clone, Copy)]
enum Plain<'a> {
    Boolean(bool),
    Int2(i16),
    Int4(i32),
    Int8(i64),
    Float4(f32),
    Float8(f64),
    Numeric(&'a str),
    Text(&'a str),
    Bytea(&'a [u8]),
    Uuid(&'a str),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    Timestamptz(i64),
    Interval(Interval),
    Json(&'a str),
}

impl Plain<'_> {
    fn scalar(self) -> Scalar {
        match self {
            Self::Boolean(_) => Scalar::Boolean,
            Self::Int2(_) => Scalar::Int2,
            Self::Int4(_) => Scalar::Int4,
            Self::Int8(_) => Scalar::Int8,
            Self::Float4(_) => Scalar::Float4,
            Self::Float8(_) => Scalar::Float8,
            Self::Numeric(_) => Scalar::Numeric,
            Self::Text(_) => Scalar::Text,
            Self::Bytea(_) => Scalar::Bytea,
            Self::Uuid(_) => Scalar::Uuid,
            Self::Date(_) => Scalar::Date,
            Self::Time(_) => Scalar::Time,
            Self::Timestamp(_) => Scalar::Timestamp,
            Self::Timestamptz(_) => Scalar::Timestamptz,
            Self::Interval(_) => Scalar::Interval,
            Self::Json(_) => Scalar::Jsonb,
        }
    }

    /// The bytes of a text or byte string.
    fn length(self) -> usize {
        match self {
            Self::Numeric(text) | Self::Text(text) | Self::Uuid(text) | Self::Json(text) => text.len(),
            Self::Bytea(bytes) => bytes.len(),
            _ => 0,
        }
    }

    fn write(self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        match self {
            Self::Boolean(value) => out.push(u8::from(value)),
            Self::Int2(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Int4(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Int8(value) | Self::Time(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Float4(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Float8(value) => out.extend_from_slice(&value.to_be_bytes()),
            Self::Numeric(value) => numeric::encode(value, out)?,
            Self::Text(value) => out.extend_from_slice(value.as_bytes()),
            Self::Bytea(value) => out.extend_from_slice(value),
            Self::Uuid(value) => {
                let uuid = Uuid::try_parse(value).map_err(|_| ValueError::NotUuid)?;
                out.extend_from_slice(uuid.as_bytes());
            }
            Self::Date(value) => out.extend_from_slice(&postgres_days(value)?.to_be_bytes()),
            Self::Timestamp(value) | Self::Timestamptz(value) => {
                out.extend_from_slice(&postgres_microseconds(value)?.to_be_bytes());
            }
            Self::Interval(Interval {
                months,
                days,
                microseconds,
            }) => {
                out.extend_from_slice(&microseconds.to_be_bytes());
                out.extend_from_slice(&days.to_be_bytes());
                out.extend_from_slice(&months.to_be_bytes());
            }
            Self::Json(value) => {
                out.push(1); // the number of jsonb's format
                out.extend_from_slice(value.as_bytes());
            }
        }
        Ok(())
    }
}

/// The value, unless it is NULL or an array.
fn plain(value: &Value) -> Option<Plain<'_>> {
    Some(match value {
        Value::Null | Value::Array(_) => return None,
        Value::Boolean(value) => Plain::Boolean(*value),
        Value::Int2(value) => Plain::Int2(*value),
        Value::Int4(value) => Plain::Int4(*value),
        Value::Int8(value) => Plain::Int8(*value),
        Value::Float4(value) => Plain::Float4(*value),
        Value::Float8(value) => Plain::Float8(*value),
        Value::Numeric(value) => Plain::Numeric(value),
        Value::Text(value) => Plain::Text(value),
        Value::Bytea(value) => Plain::Bytea(value),
        Value::Uuid(value) => Plain::Uuid(value),
        Value::Date(value) => Plain::Date(*value),
        Value::Time(value) => Plain::Time(*value),
        Value::Timestamp(value) => Plain::Timestamp(*value),
        Value::Timestamptz(value) => Plain::Timestamptz(*value),
        Value::Interval(value) => Plain::Interval(*value),
        Value::Json(value) => Plain::Json(value),
    })
}

fn element_type(array: &ArrayValue) -> Scalar {
    match array {
        ArrayValue::Boolean(_) => Scalar::Boolean,
        ArrayValue::Int2(_) => Scalar::Int2,
        ArrayValue::Int4(_) => Scalar::Int4,
        ArrayValue::Int8(_) => Scalar::Int8,
        ArrayValue::Float4(_) => Scalar::Float4,
        ArrayValue::Float8(_) => Scalar::Float8,
        ArrayValue::Numeric(_) => Scalar::Numeric,
        ArrayValue::Text(_) => Scalar::Text,
        ArrayValue::Bytea(_) => Scalar::Bytea,
        ArrayValue::Uuid(_) => Scalar::Uuid,
        ArrayValue::Date(_) => Scalar::Date,
        ArrayValue::Time(_) => Scalar::Time,
        ArrayValue::Timestamp(_) => Scalar::Timestamp,
        ArrayValue::Timestamptz(_) => Scalar::Timestamptz,
        ArrayValue::Interval(_) => Scalar::Interval,
        ArrayValue::Json(_) => Scalar::Jsonb,
    }
}

type Elements<'a> = Box<dyn ExactSizeIterator<Item = Option<Plain<'a>>> + 'a>;

fn elements(array: &ArrayValue) -> Elements<'_> {
    fn each<'a, T>(of: &'a [Option<T>], plain: impl Fn(&'a T) -> Plain<'a> + 'a) -> Elements<'a> {
        Box::new(of.iter().map(move |element| element.as_ref().map(&plain)))
    }
    match array {
        ArrayValue::Boolean(of) => each(of, |value| Plain::Boolean(*value)),
        ArrayValue::Int2(of) => each(of, |value| Plain::Int2(*value)),
        ArrayValue::Int4(of) => each(of, |value| Plain::Int4(*value)),
        ArrayValue::Int8(of) => each(of, |value| Plain::Int8(*value)),
        ArrayValue::Float4(of) => each(of, |value| Plain::Float4(*value)),
        ArrayValue::Float8(of) => each(of, |value| Plain::Float8(*value)),
        ArrayValue::Numeric(of) => each(of, |value| Plain::Numeric(value)),
        ArrayValue::Text(of) => each(of, |value| Plain::Text(value)),
        ArrayValue::Bytea(of) => each(of, |value| Plain::Bytea(value)),
        ArrayValue::Uuid(of) => each(of, |value| Plain::Uuid(value)),
        ArrayValue::Date(of) => each(of, |value| Plain::Date(*value)),
        ArrayValue::Time(of) => each(of, |value| Plain::Time(*value)),
        ArrayValue::Timestamp(of) => each(of, |value| Plain::Timestamp(*value)),
        ArrayValue::Timestamptz(of) => each(of, |value| Plain::Timestamptz(*value)),
        ArrayValue::Interval(of) => each(of, |value| Plain::Interval(*value)),
        ArrayValue::Json(of) => each(of, |value| Plain::Json(value)),
    }
}
