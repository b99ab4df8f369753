//! Rows as JSON, as the host encodes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::param::date_and_time;
use crate::bindings::http::berth::postgres::client::{ArrayValue, Interval, JsonRows, Rows, Value};

/// An array with an object for each row, whose members are in the order of the columns.
pub(super) fn encode(rows: &Rows) -> JsonRows {
    let width = rows.columns.len().max(1);
    let objects: Vec<String> = rows
        .values
        .chunks(width)
        .map(|row| {
            let members = rows.columns.iter().zip(row);
            let members =
                members.map(|(column, value)| format!("{}:{}", Json::from(&*column.name), text(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
        .collect();
    JsonRows {
        count: u32::try_from(objects.len()).unwrap_or(u32::MAX),
        body: format!("[{}]", objects.join(",")).into_bytes(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int2(value) => value.to_string(),
        Value::Int4(value) => value.to_string(),
        Value::Int8(value) => value.to_string(),
        Value::Float4(value) => json!(value).to_string(),
        Value::Float8(value) => json!(value).to_string(),
        Value::Numeric(text) | Value::Json(text) => text.clone(),
        Value::Text(text) | Value::Uuid(text) => Json::from(&**text).to_string(),
        Value::Bytea(bytes) => Json::from(STANDARD.encode(bytes)).to_string(),
        Value::Date(days) => quoted(date_and_time(i64::from(*days) * 86_400_000_000).chars().take(10)),
        Value::Time(microseconds) => quoted(date_and_time(*microseconds).chars().skip(11)),
        Value::Timestamp(microseconds) => quoted(date_and_time(*microseconds).chars()),
        Value::Timestamptz(microseconds) => {
            let time = date_and_time(*microseconds);
            let zone = if time.ends_with("infinity") { "" } else { "Z" };
            quoted(time.chars().chain(zone.chars()))
        }
        Value::Interval(interval) => quoted(duration(*interval).chars()),
        Value::Array(array) => {
            let elements: Vec<String> = elements(array).iter().map(text).collect();
            format!("[{}]", elements.join(","))
        }
    }
}

fn quoted(characters: impl Iterator<Item = char>) -> String {
    Json::from(characters.collect::<String>()).to_string()
}

/// An ISO 8601 duration: `P1M2DT3.5S`.
fn duration(interval: Interval) -> String {
    let Interval {
        months,
        days,
        microseconds,
    } = interval;
    let seconds = format!(
        "{}.{:06}",
        microseconds / 1_000_000,
        (microseconds % 1_000_000).abs()
    );
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    let minus = if microseconds < 0 && !seconds.starts_with('-') {
        "-"
    } else {
        ""
    };
    format!("P{months}M{days}DT{minus}{seconds}S")
}

/// The elements of an array, each as a value of its own.
pub(super) fn elements(array: &ArrayValue) -> Vec<Value> {
    macro_rules! each {
        ($($case:ident)*) => {
            match array {
                $(ArrayValue::$case(elements) => elements
                    .iter()
                    .map(|element| element.clone().map_or(Value::Null, Value::$case))
                    .collect(),)*
            }
        };
    }
    each! {
        Boolean Int2 Int4 Int8 Float4 Float8 Numeric Text Bytea Uuid Date Time Timestamp Timestamptz Interval Json
    }
}
