//! Tests of rows as values.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use berth_contract::Timestamp;
use serde::Deserialize;

use super::*;

/// Rows of the columns `a`, `b`, … with these values.
fn rows(width: usize, values: Vec<Value>) -> Rows {
    let columns = ["a", "b", "c", "d", "e"].iter().take(width);
    Rows {
        columns: columns
            .map(|name| Column {
                name: (*name).to_owned(),
                type_name: "some".to_owned(),
            })
            .collect(),
        values,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[derive(Debug, Deserialize, PartialEq)]
struct Note {
    b: String,
    a: i64,
    c: Option<Timestamp>,
    #[serde(default)]
    absent: bool,
}

#[test]
fn a_struct_is_read_by_the_names_of_columns() {
    let values = vec![
        Value::Int4(1),
        text("one"),
        Value::Null,
        Value::Int8(2),
        text("two"),
        Value::Timestamptz(1_500_000),
    ];
    let notes: Vec<Note> = read_all(rows(3, values)).unwrap();
    let note = |a, b: &str, c| Note {
        a,
        b: b.to_owned(),
        c,
        absent: false,
    };
    let time = serde_json::from_str(r#""1970-01-01T00:00:01.5Z""#).unwrap();
    assert_eq!(notes, [note(1, "one", None), note(2, "two", Some(time))]);
}

#[test]
fn a_tuple_is_read_by_order_and_other_types_from_the_only_column() {
    let pairs: Vec<(i64, String)> = read_all(rows(2, vec![Value::Int8(1), text("x")])).unwrap();
    assert_eq!(pairs, [(1, "x".to_owned())]);
    assert_eq!(
        read_all::<bool>(rows(1, vec![Value::Boolean(true)])).unwrap(),
        [true]
    );
    assert_eq!(
        read_all::<Option<i64>>(rows(1, vec![Value::Null])).unwrap(),
        [None]
    );
    assert_eq!(read_first::<i64>(rows(1, vec![])).unwrap(), None);
    assert_eq!(
        read_first::<Timestamp>(rows(1, vec![Value::Timestamptz(7)]))
            .unwrap()
            .unwrap()
            .microseconds(),
        7
    );
}

#[test]
fn arrays_json_and_bytes_are_read() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Role {
        Admin,
    }
    type Read = (
        Vec<Option<String>>,
        serde_json::Value,
        Vec<u8>,
        Role,
        (i32, i32, i64),
    );

    let tags = Value::Array(ArrayValue::Text(vec![Some("x".to_owned()), None]));
    let values = vec![
        tags,
        Value::Json(r#"{"n":[1]}"#.to_owned()),
        Value::Bytea(vec![0, 255]),
        text("admin"),
        Value::Interval(crate::bindings::http::berth::postgres::client::Interval {
            months: 1,
            days: 2,
            microseconds: 3,
        }),
    ];
    let (tags, json, bytes, role, interval): Read = read_first(rows(5, values)).unwrap().unwrap();
    assert_eq!(tags, [Some("x".to_owned()), None]);
    assert_eq!(json, serde_json::json!({ "n": [1] }));
    assert_eq!((bytes, role, interval), (vec![0, 255], Role::Admin, (1, 2, 3)));
}

#[test]
fn a_mismatch_names_the_column() {
    let mismatch = |error: Error| match error {
        Error::Unsupported(reason) => reason,
        other => format!("{other:?}"),
    };
    let error = read_all::<Note>(rows(3, vec![text("x"), text("y"), Value::Null])).unwrap_err();
    assert_eq!(
        mismatch(error),
        "a row is not what was expected: column `a` (some): i64 was expected, and it is a text"
    );
    let error = read_all::<Note>(rows(1, vec![Value::Int8(1)])).unwrap_err();
    assert_eq!(
        mismatch(error),
        "a row is not what was expected: missing field `b`"
    );
    let error = read_all::<i64>(rows(2, vec![Value::Int8(1), Value::Int8(2)])).unwrap_err();
    assert_eq!(
        mismatch(error),
        "a row is not what was expected: the type has one value, and the statement 2 columns"
    );
    let error = read_all::<i64>(rows(1, vec![Value::Null])).unwrap_err();
    assert_eq!(
        mismatch(error),
        "a row is not what was expected: column `a` (some): i64 was expected, and it is NULL"
    );
}
