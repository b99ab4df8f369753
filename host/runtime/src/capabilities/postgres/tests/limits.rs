//! Caps, each one below, at and above.

use super::{Guest, text};
use crate::capabilities::postgres::bindings::{ArrayValue, Error, Value};

#[tokio::test]
async fn a_result_has_no_more_rows_than_the_limit() {
    let mut guest = Guest::start().await;
    guest.next_request(3, 1_000_000);
    for rows in [2, 3] {
        let statement = format!("SELECT n FROM generate_series(1, {rows}) AS n");
        assert_eq!(guest.query(&statement, vec![]).await.unwrap().values.len(), rows);
        assert_eq!(
            guest.query_json(&statement, vec![]).await.unwrap().count as usize,
            rows
        );
    }
    for rows in [4, 1_000_000] {
        let statement = format!("SELECT n FROM generate_series(1, {rows}) AS n");
        assert_eq!(
            guest.query(&statement, vec![]).await.unwrap_err(),
            Error::TooManyRows(3)
        );
        assert_eq!(
            guest.query_json(&statement, vec![]).await.unwrap_err(),
            Error::TooManyRows(3)
        );
        // The rest of the result is not read.
        assert_eq!(guest.value("SELECT 'next'").await, text("next"));
    }
    let statement = "SELECT n FROM generate_series(1, 4) AS n";
    assert_eq!(guest.execute(statement, vec![]).await, Ok(4));
}

#[tokio::test]
async fn a_result_has_no_more_bytes_than_the_limit() {
    let mut guest = Guest::start().await;
    guest.next_request(1_000, 1_000);
    let texts = |length: usize| format!("SELECT repeat('a', {length}), NULL");
    for length in [951, 952] {
        assert_eq!(guest.query(&texts(length), vec![]).await.unwrap().values.len(), 2);
    }
    assert_eq!(
        guest.query(&texts(953), vec![]).await.unwrap_err(),
        Error::TooManyBytes(1_000)
    );
    assert_eq!(guest.value("SELECT 'next'").await, text("next"));

    let elements = |count: usize| format!("SELECT array_fill(NULL::int2, ARRAY[{count}])");
    assert!(guest.query(&elements(40), vec![]).await.is_ok());
    assert_eq!(
        guest.query(&elements(41), vec![]).await.unwrap_err(),
        Error::TooManyBytes(1_000)
    );
    assert_eq!(
        guest.query("SELECT 1e1000", vec![]).await.unwrap_err(),
        Error::TooManyBytes(1_000)
    );
}

#[tokio::test]
async fn json_has_no_more_bytes_than_the_limit() {
    let mut guest = Guest::start().await;
    guest.next_request(1_000, 1_000);
    let of = |length: usize| format!("SELECT repeat('a', {}) AS it", length - r#"[{"it":""}]"#.len());
    for length in [999, 1_000] {
        assert_eq!(
            guest.query_json(&of(length), vec![]).await.unwrap().body.len(),
            length
        );
    }
    for length in [1_001, 1_002, 1_003, 100_000] {
        assert_eq!(
            guest.query_json(&of(length), vec![]).await.unwrap_err(),
            Error::TooManyBytes(1_000)
        );
    }
    // Few bytes in PostgreSQL's format, many in JSON.
    let many = "SELECT array_fill(1e100000, ARRAY[1000])";
    assert_eq!(
        guest.query_json(many, vec![]).await.unwrap_err(),
        Error::TooManyBytes(1_000)
    );
}

#[tokio::test]
async fn parameters_have_no_more_bytes_than_the_limit() {
    let mut guest = Guest::start().await;
    guest.next_request(1_000, 1_000);
    let statement = "SELECT length($1) + $2";
    let params = |length: usize| vec![text(&"a".repeat(length)), Value::Int4(0)];
    for length in [951, 952] {
        assert!(guest.query(statement, params(length)).await.is_ok());
    }
    assert_eq!(
        guest.query(statement, params(953)).await.unwrap_err(),
        Error::TooManyBytes(1_000)
    );
    let array = |count: usize| vec![Value::Array(ArrayValue::Boolean(vec![None; count]))];
    assert!(guest.query("SELECT cardinality($1)", array(40)).await.is_ok());
    assert_eq!(
        guest
            .query("SELECT cardinality($1)", array(41))
            .await
            .unwrap_err(),
        Error::TooManyBytes(1_000)
    );
}

#[tokio::test]
async fn a_statement_has_at_most_65535_parameters() {
    let mut guest = Guest::start().await;
    let statement = |count: usize| {
        let places: Vec<_> = (1..=count).map(|place| format!("${place}")).collect();
        format!("SELECT cardinality(ARRAY[{}])", places.join(","))
    };
    let most = usize::from(u16::MAX);
    let rows = guest
        .query(&statement(most), vec![Value::Int2(1); most])
        .await
        .unwrap();
    assert_eq!(rows.values, [Value::Int4(i32::from(u16::MAX))]);
    let more = guest
        .query(&statement(most + 1), vec![Value::Int2(1); most + 1])
        .await;
    assert!(matches!(more, Err(Error::Unsupported(_))));
    let kept = "SELECT count(*) FROM pg_prepared_statements WHERE length(statement) > 16384";
    assert_eq!(
        guest.value(kept).await,
        Value::Int8(0),
        "a text of that length does not stay prepared"
    );
}
