//! Values on their way to PostgreSQL and back.

use super::{Guest, text, unsupported};
use crate::capabilities::postgres::bindings::{ArrayValue, Interval, Value};

const INTERVALS: [Interval; 3] = [
    Interval {
        months: 14,
        days: -3,
        microseconds: 14_706_500_000,
    },
    Interval {
        months: i32::MIN,
        days: i32::MIN,
        microseconds: i64::MIN,
    },
    Interval {
        months: i32::MAX,
        days: i32::MAX,
        microseconds: i64::MAX - 1,
    },
];

/// The least and the greatest timestamp that both PostgreSQL and a count of microseconds since 1970 can hold.
const TIMESTAMPS: [i64; 2] = [-210_866_803_200_000_000, i64::MAX - 1];

fn scalars() -> Vec<Value> {
    let numeric = |number: &str| Value::Numeric(number.to_owned());
    let json = |json: &str| Value::Json(json.to_owned());
    let mut values = vec![
        Value::Boolean(true),
        Value::Boolean(false),
        Value::Int2(i16::MIN),
        Value::Int2(i16::MAX),
        Value::Int4(i32::MIN),
        Value::Int4(i32::MAX),
        Value::Int8(i64::MIN),
        Value::Int8(i64::MAX),
        Value::Float4(f32::MIN),
        Value::Float4(f32::INFINITY),
        Value::Float8(f64::MIN_POSITIVE),
        Value::Float8(f64::NEG_INFINITY),
        numeric("0"),
        numeric("-12.50"),
        numeric("100000000"),
        numeric("0.00001000"),
        numeric(&format!("-{}.{}", "9".repeat(3000), "1".repeat(1000))),
        text(""),
        text("žluťoučký 🐎 \"'\\"),
        Value::Bytea(Vec::new()),
        Value::Bytea((0..=255).collect()),
        Value::Uuid("67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned()),
        Value::Date(-2_440_588), // 4714-11-24 BC, the least
        Value::Date(0),
        Value::Date(2_145_042_905), // 5874897-12-31, the greatest
        Value::Date(i32::MIN),
        Value::Date(i32::MAX),
        Value::Time(0),
        Value::Time(86_400_000_000),
        json(r#"{"a": [1, null, "b"]}"#),
        json("null"),
    ];
    values.extend(INTERVALS.map(Value::Interval));
    for moment in TIMESTAMPS.into_iter().chain([0, i64::MIN, i64::MAX]) {
        values.extend([Value::Timestamp(moment), Value::Timestamptz(moment)]);
    }
    values
}

fn arrays() -> Vec<ArrayValue> {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| Some((*text).to_owned()))
            .chain([None])
            .collect()
    };
    vec![
        ArrayValue::Boolean(vec![Some(true), None, Some(false)]),
        ArrayValue::Int2(vec![Some(i16::MIN), None, Some(i16::MAX)]),
        ArrayValue::Int4(vec![Some(i32::MIN), None, Some(i32::MAX)]),
        ArrayValue::Int8(vec![Some(i64::MIN), None, Some(i64::MAX)]),
        ArrayValue::Float4(vec![Some(1.5), None, Some(f32::INFINITY)]),
        ArrayValue::Float8(vec![Some(-0.1), None, Some(f64::MAX)]),
        ArrayValue::Numeric(texts(&["-12.50", "0"])),
        ArrayValue::Text(texts(&["", "NULL", "{a,\"b\"}"])),
        ArrayValue::Bytea(vec![Some(vec![0, 255]), None, Some(Vec::new())]),
        ArrayValue::Uuid(texts(&["67e55044-10b1-426f-9247-bb680e5fe0c8"])),
        ArrayValue::Date(vec![Some(-1), None, Some(i32::MAX)]),
        ArrayValue::Time(vec![Some(1), None, Some(86_399_999_999)]),
        ArrayValue::Timestamp(vec![Some(-1), None, Some(i64::MIN)]),
        ArrayValue::Timestamptz(vec![Some(-1), None, Some(i64::MAX)]),
        ArrayValue::Interval(INTERVALS.map(Some).into_iter().chain([None]).collect()),
        ArrayValue::Json(texts(&[r#"{"a": 1}"#, "[]"])),
        ArrayValue::Int4(Vec::new()),
        ArrayValue::Text(vec![None]),
    ]
}

#[tokio::test]
async fn every_type_survives_the_way_there_and_back() {
    let mut guest = Guest::start().await;
    for value in scalars()
        .into_iter()
        .chain(arrays().into_iter().map(Value::Array))
    {
        let rows = guest
            .query("SELECT $1, $1 IS NULL", vec![value.clone()])
            .await
            .unwrap();
        assert_eq!(rows.values, [value, Value::Boolean(false)]);
    }
    let rows = guest
        .query("SELECT $1", vec![Value::Float8(f64::NAN)])
        .await
        .unwrap();
    assert!(matches!(rows.values[..], [Value::Float8(number)] if number.is_nan()));
}

#[tokio::test]
async fn null_has_the_type_that_its_place_expects() {
    let mut guest = Guest::start().await;
    guest
        .execute(
            "CREATE TABLE every (a bool, b int2, c jsonb, d uuid, e timestamptz, f interval[], g bytea)",
            vec![],
        )
        .await
        .unwrap();
    let insert = "INSERT INTO every VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *";
    let rows = guest.query(insert, vec![Value::Null; 7]).await.unwrap();
    assert_eq!(rows.values, vec![Value::Null; 7]);
    let types: Vec<_> = rows
        .columns
        .iter()
        .map(|column| column.type_name.as_str())
        .collect();
    assert_eq!(
        types,
        [
            "bool",
            "int2",
            "jsonb",
            "uuid",
            "timestamptz",
            "interval[]",
            "bytea"
        ]
    );
    let rows = guest
        .query("SELECT coalesce($1, $2)", vec![Value::Null, Value::Int8(5)])
        .await
        .unwrap();
    assert_eq!(rows.values, [Value::Int8(5)]);
}

#[tokio::test]
async fn one_text_with_other_types_is_another_statement() {
    let mut guest = Guest::start().await;
    let before = guest.process().await;
    for _ in 0..2 {
        for value in [
            Value::Int4(1),
            Value::Int8(2),
            Value::Float8(3.0),
            text("4"),
            Value::Array(ArrayValue::Int8(vec![Some(5)])),
            Value::Timestamp(6),
            Value::Timestamptz(7),
        ] {
            // The text ends in a comment, to which the types are added.
            let rows = guest
                .query("SELECT $1 -- as it is", vec![value.clone()])
                .await
                .unwrap();
            assert_eq!(rows.values, [value]);
        }
    }
    // Neither is a text that looks like another one with its types.
    assert!(guest.query("SELECT $1\n--c", vec![]).await.is_err());
    assert_eq!(
        guest
            .query("SELECT $1", vec![Value::Int4(1)])
            .await
            .unwrap()
            .values,
        [Value::Int4(1)]
    );
    assert_eq!(guest.process().await, before);
}

#[tokio::test]
async fn further_types_are_read_as_the_nearest_one() {
    let mut guest = Guest::start().await;
    for statement in [
        "CREATE EXTENSION citext",
        "CREATE TYPE mood AS ENUM ('sad', 'glad')",
        "CREATE DOMAIN age AS int4 CHECK (value >= 0)",
        "CREATE SCHEMA elsewhere",
        "CREATE TYPE elsewhere.\"Size\" AS ENUM ('s', 'l')",
    ] {
        guest.execute(statement, vec![]).await.unwrap();
    }
    let one = |text: &str| Value::Array(ArrayValue::Text(vec![Some(text.to_owned())]));
    for (expression, type_name, value) in [
        ("'a'::varchar(3)", "varchar", text("a")),
        ("'a'::char(3)", "char", text("a  ")),
        ("'a'::name", "name", text("a")),
        ("'A'::citext", "citext", text("A")),
        ("'glad'::mood", "mood", text("glad")),
        ("'l'::elsewhere.\"Size\"", "elsewhere.\"Size\"", text("l")),
        ("7::age", "int4", Value::Int4(7)),
        ("'[1,  2]'::json", "json", Value::Json("[1,  2]".to_owned())),
        ("pg_notify('news', '')", "void", Value::Null),
        ("'{a}'::varchar[]", "varchar[]", one("a")),
        ("'{a}'::char(1)[]", "char[]", one("a")),
        ("'{A}'::citext[]", "citext[]", one("A")),
        ("'{sad}'::mood[]", "mood[]", one("sad")),
        (
            "'{7}'::age[]",
            "age[]",
            Value::Array(ArrayValue::Int4(vec![Some(7)])),
        ),
        (
            "'[5:6]={1,2}'::int2[]",
            "int2[]",
            Value::Array(ArrayValue::Int2(vec![Some(1), Some(2)])),
        ),
    ] {
        let rows = guest
            .query(&format!("SELECT {expression} AS it"), vec![])
            .await
            .unwrap();
        assert_eq!(rows.values, [value], "{expression}");
        assert_eq!(
            (rows.columns[0].name.as_str(), rows.columns[0].type_name.as_str()),
            ("it", type_name)
        );
    }
}

#[tokio::test]
async fn what_cannot_cross_is_named_with_its_place() {
    let mut guest = Guest::start().await;
    let before = guest.process().await;
    for (column, reason) in [
        (
            "'1'::money",
            "column 2 (`it`) is of type `money`, which cannot cross",
        ),
        (
            "point(1, 2)",
            "column 2 (`it`) is of type `point`, which cannot cross",
        ),
        (
            "ROW(1, 2)",
            "column 2 (`it`) is of type `record`, which cannot cross",
        ),
        (
            "'{}'::money[]",
            "column 2 (`it`) is of type `money[]`, which cannot cross",
        ),
        (
            "'[1,2)'::int4range",
            "column 2 (`it`) is of type `int4range`, which cannot cross",
        ),
    ] {
        let answer = guest.query(&format!("SELECT 1, {column} AS it"), vec![]).await;
        let said = unsupported(answer);
        assert!(said.starts_with(reason) && said.contains("cast it"), "{said}");
    }
    // Nothing ran, so the connection is as good as new.
    assert_eq!(guest.process().await, before);
    for column in [
        "'{{1},{2}}'::int4[]",
        "'NaN'::numeric",
        "'{-Infinity}'::numeric[]",
        "'294276-12-31'::timestamp",
        "'{294276-12-31}'::timestamptz[]",
    ] {
        let said = unsupported(guest.query(&format!("SELECT {column} AS it"), vec![]).await);
        assert!(said.starts_with("column 1 (`it`) holds"), "{said}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_what_its_case_says_is_refused() {
    let mut guest = Guest::start().await;
    for value in [
        Value::Numeric("NaN".to_owned()),
        Value::Uuid("67e55044".to_owned()),
        Value::Date(i32::MIN + 1),
        Value::Timestamp(i64::MIN + 1),
        Value::Array(ArrayValue::Numeric(vec![None, Some("1e5".to_owned())])),
    ] {
        let said = unsupported(guest.query("SELECT $1, $2", vec![Value::Int2(1), value]).await);
        assert!(said.starts_with("parameter $2 "), "{said}");
    }
    for params in [vec![], vec![Value::Int4(1)]] {
        let said = unsupported(guest.execute("SELECT $1::int4 + $2", params).await);
        assert!(said.starts_with("the statement has 2 parameters"), "{said}");
    }
}
