//! Values as parameters, in PostgreSQL's text format.

use std::error::Error;
use std::fmt::Write;

use ::postgres::types::private::BytesMut;
use ::postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use berth_contract::Timestamp;

use crate::bindings::http::berth::postgres::client::{ArrayValue, Interval, Value};

const MICROSECONDS_PER_DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// A parameter.
#[derive(Debug)]
pub(super) struct Param<'v>(pub(super) &'v Value);

/// The PostgreSQL type with which a value is sent.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Boolean(_) => Type::BOOL,
        Value::Int2(_) => Type::INT2,
        Value::Int4(_) => Type::INT4,
        Value::Int8(_) => Type::INT8,
        Value::Float4(_) => Type::FLOAT4,
        Value::Float8(_) => Type::FLOAT8,
        Value::Numeric(_) => Type::NUMERIC,
        Value::Text(_) => Type::TEXT,
        Value::Bytea(_) => Type::BYTEA,
        Value::Uuid(_) => Type::UUID,
        Value::Date(_) => Type::DATE,
        Value::Time(_) => Type::TIME,
        Value::Timestamp(_) => Type::TIMESTAMP,
        Value::Timestamptz(_) => Type::TIMESTAMPTZ,
        Value::Interval(_) => Type::INTERVAL,
        Value::Json(_) => Type::JSONB,
        Value::Array(array) => match array {
            ArrayValue::Boolean(_) => Type::BOOL_ARRAY,
            ArrayValue::Int2(_) => Type::INT2_ARRAY,
            ArrayValue::Int4(_) => Type::INT4_ARRAY,
            ArrayValue::Int8(_) => Type::INT8_ARRAY,
            ArrayValue::Float4(_) => Type::FLOAT4_ARRAY,
            ArrayValue::Float8(_) => Type::FLOAT8_ARRAY,
            ArrayValue::Numeric(_) => Type::NUMERIC_ARRAY,
            ArrayValue::Text(_) => Type::TEXT_ARRAY,
            ArrayValue::Bytea(_) => Type::BYTEA_ARRAY,
            ArrayValue::Uuid(_) => Type::UUID_ARRAY,
            ArrayValue::Date(_) => Type::DATE_ARRAY,
            ArrayValue::Time(_) => Type::TIME_ARRAY,
            ArrayValue::Timestamp(_) => Type::TIMESTAMP_ARRAY,
            ArrayValue::Timestamptz(_) => Type::TIMESTAMPTZ_ARRAY,
            ArrayValue::Interval(_) => Type::INTERVAL_ARRAY,
            ArrayValue::Json(_) => Type::JSONB_ARRAY,
        },
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match text(self.0) {
            None => Ok(IsNull::Yes),
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
        }
    }

    /// The type is that of [`type_of`], or the one that a cast in the statement wants.
    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value as PostgreSQL reads it from a text; `None` for NULL.
fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(value) => value.to_string(),
        Value::Int2(value) => value.to_string(),
        Value::Int4(value) => value.to_string(),
        Value::Int8(value) => value.to_string(),
        Value::Float4(value) => value.to_string(),
        Value::Float8(value) => value.to_string(),
        Value::Numeric(text) | Value::Text(text) | Value::Uuid(text) | Value::Json(text) => text.clone(),
        Value::Bytea(bytes) => bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        }),
        Value::Date(days) => date_and_time(i64::from(*days) * MICROSECONDS_PER_DAY)
            .chars()
            .take(10)
            .collect(),
        Value::Time(microseconds) => date_and_time(*microseconds).chars().skip(11).collect(),
        Value::Timestamp(microseconds) => date_and_time(*microseconds),
        Value::Timestamptz(microseconds) => date_and_time(*microseconds) + "Z",
        Value::Interval(Interval {
            months,
            days,
            microseconds,
        }) => format!("{months} months {days} days {microseconds} microseconds"),
        Value::Array(array) => list(array),
    })
}

/// `2026-11-23T09:30:00.5`, or the word for a time that is infinite.
pub(super) fn date_and_time(microseconds: i64) -> String {
    match Timestamp::from_microseconds(microseconds) {
        Some(time) => time.to_string().trim_end_matches('Z').to_owned(),
        None if microseconds < 0 => "-infinity".to_owned(),
        None => "infinity".to_owned(),
    }
}

/// `{"a","b",NULL}`
fn list(array: &ArrayValue) -> String {
    let elements = super::json::elements(array)
        .into_iter()
        .map(|element| match text(&element) {
            None => "NULL".to_owned(),
            Some(text) => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
        });
    format!("{{{}}}", elements.collect::<Vec<_>>().join(","))
}
