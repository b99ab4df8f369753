//! Results that the host encodes.

use serde_json::{Value as Json, json};

use super::{Guest, text, unsupported};

/// The only field of the only row.
async fn json_of(guest: &mut Guest, expression: &str) -> String {
    let rows = guest
        .query_json(&format!("SELECT {expression} AS it"), vec![])
        .await
        .unwrap();
    assert_eq!(rows.count, 1);
    let body = String::from_utf8(rows.body).unwrap();
    serde_json::from_str::<Json>(&body).unwrap();
    body.strip_prefix("[{\"it\":")
        .and_then(|rest| rest.strip_suffix("}]"))
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn every_type_has_its_form_in_json() {
    let mut guest = Guest::start().await;
    for (expression, expected) in [
        ("NULL::int4", "null"),
        ("pg_notify('news', '')", "null"),
        ("true", "true"),
        ("(-32768)::int2", "-32768"),
        ("2147483647", "2147483647"),
        ("(-9223372036854775808)::int8", "-9223372036854775808"),
        ("1.1::float4", "1.1"),
        ("0.1::float8", "0.1"),
        ("'NaN'::float8", "null"),
        ("'-Infinity'::float4", "null"),
        ("-12.50", "-12.50"),
        ("0.000", "0.000"),
        ("1e20::numeric", "100000000000000000000"),
        ("E'a\"\\\\\\n\\u0001é'", "\"a\\\"\\\\\\n\\u0001é\""),
        ("'\\x00ff10'::bytea", "\"AP8Q\""),
        ("'\\x00'::bytea", "\"AA==\""),
        (
            "'67E55044-10B1-426F-9247-BB680E5FE0C8'::uuid",
            "\"67e55044-10b1-426f-9247-bb680e5fe0c8\"",
        ),
        ("'{\"b\": 1,   \"a\": [ ]}'::json", "{\"b\": 1,   \"a\": [ ]}"),
        ("'{\"b\":1,\"a\":null}'::jsonb", "{\"a\": null, \"b\": 1}"),
        ("'{1,NULL,3}'::int8[]", "[1,null,3]"),
        ("'{}'::int8[]", "[]"),
        ("'{a,\"b,c\"}'::text[]", "[\"a\",\"b,c\"]"),
        (
            "'{\"2026-11-23 09:30+00\"}'::timestamptz[]",
            "[\"2026-11-23T09:30:00Z\"]",
        ),
    ] {
        assert_eq!(json_of(&mut guest, expression).await, expected, "{expression}");
    }
}

#[tokio::test]
async fn times_are_iso_8601() {
    let mut guest = Guest::start().await;
    for (expression, expected) in [
        ("timestamptz '2026-11-23 09:30:00+00'", "2026-11-23T09:30:00Z"),
        (
            "timestamptz '2026-11-23 00:30:00.250+02'",
            "2026-11-22T22:30:00.25Z",
        ),
        (
            "timestamptz '1969-12-31 23:59:59.999999+00'",
            "1969-12-31T23:59:59.999999Z",
        ),
        ("timestamptz 'infinity'", "infinity"),
        ("timestamp '-infinity'", "-infinity"),
        ("timestamp '2000-02-29 23:59:59'", "2000-02-29T23:59:59"),
        (
            "timestamp '294276-12-31 23:59:59.999999'",
            "+294276-12-31T23:59:59.999999",
        ),
        ("timestamp '4714-11-24 00:00:00 BC'", "-4713-11-24T00:00:00"),
        ("date '1900-03-01'", "1900-03-01"),
        ("date '0001-12-31 BC'", "0000-12-31"),
        ("date '5874897-12-31'", "+5874897-12-31"),
        ("date 'infinity'", "infinity"),
        ("time '00:00'", "00:00:00"),
        ("time '24:00'", "24:00:00"),
        ("time '13:05:09.000001'", "13:05:09.000001"),
        ("interval '1 year 2 months 3 days 04:05:06.5'", "P1Y2M3DT4H5M6.5S"),
        (
            "interval '-1 year -2 months +3 days -04:05:06.000001'",
            "P-1Y-2M3DT-4H-5M-6.000001S",
        ),
        ("interval '-0.5 seconds'", "PT-0.5S"),
        ("interval '0'", "PT0S"),
        ("interval '1 day'", "P1D"),
    ] {
        assert_eq!(
            json_of(&mut guest, expression).await,
            format!("\"{expected}\""),
            "{expression}"
        );
    }
}

#[tokio::test]
async fn the_calendar_agrees_with_postgresql() {
    let mut guest = Guest::start().await;
    let statement = "SELECT day AS it, to_char(day, 'YYYY-MM-DD') AS expected \
         FROM (SELECT date '1600-01-01' + n * 37 AS day FROM generate_series(0, 7000) AS n) AS days \
         WHERE date_part('year', day) BETWEEN 1600 AND 2400";
    guest.next_request(10_000, 10_000_000);
    let rows = guest.query_json(statement, vec![]).await.unwrap();
    let days: Vec<Json> = serde_json::from_slice(&rows.body).unwrap();
    assert_eq!(days.len(), 7001);
    assert!(days.iter().all(|day| day["it"] == day["expected"]));
}

#[tokio::test]
async fn rows_are_objects_in_the_order_of_the_columns() {
    let mut guest = Guest::start().await;
    let statement = "SELECT n AS \"z\", $1 || n AS \"a \"\"quoted\"\" name\" FROM generate_series(1, 2) AS n";
    let rows = guest.query_json(statement, vec![text("row ")]).await.unwrap();
    let expected =
        "[{\"z\":1,\"a \\\"quoted\\\" name\":\"row 1\"},{\"z\":2,\"a \\\"quoted\\\" name\":\"row 2\"}]";
    assert_eq!(
        (rows.count, String::from_utf8(rows.body).unwrap().as_str()),
        (2, expected)
    );

    let rows = guest
        .query_json("SELECT 1 AS a WHERE false", vec![])
        .await
        .unwrap();
    assert_eq!((rows.count, rows.body), (0, b"[]".to_vec()));
    let rows = guest
        .query_json("SELECT FROM generate_series(1, 2)", vec![])
        .await
        .unwrap();
    assert_eq!(
        (rows.count, serde_json::from_slice(&rows.body).unwrap()),
        (2, json!([{}, {}]))
    );
}

#[tokio::test]
async fn what_json_cannot_hold_is_named_with_its_place() {
    let mut guest = Guest::start().await;
    for (column, reason) in [
        ("'NaN'::numeric", "column 1 (`it`) holds NaN"),
        (
            "'{{1}}'::int4[]",
            "column 1 (`it`) holds an array of more than one dimension",
        ),
        ("'1'::money", "column 1 (`it`) is of type `money`"),
    ] {
        let said = unsupported(guest.query_json(&format!("SELECT {column} AS it"), vec![]).await);
        assert!(said.starts_with(reason), "{said}");
    }
}
