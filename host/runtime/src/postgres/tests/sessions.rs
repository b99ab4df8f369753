//! Connections: what is refused on them, what breaks them, and what they pass on to the next request.

use std::time::Duration;

use berth_database::PoolSettings;
use sqlx::Row as _;
use tokio::select;

use super::{Guest, refusal, run, settings, sqlstate, text};
use crate::capabilities::postgres::bindings::{Error, Value};

#[tokio::test]
async fn a_refusal_says_what_postgresql_says() {
    let mut guest = Guest::start().await;
    guest.execute("CREATE TABLE notes (id int4 CONSTRAINT one_each PRIMARY KEY)", vec![]).await.unwrap();
    let before = guest.process().await;
    let insert = "INSERT INTO notes VALUES ($1)";
    assert_eq!(guest.execute(insert, vec![Value::Int4(1)]).await, Ok(1));
    let error = refusal(guest.execute(insert, vec![Value::Int4(1)]).await);
    assert_eq!(error.sqlstate, "23505");
    assert!(error.message.contains("one_each"), "{}", error.message);
    assert_eq!(error.detail.as_deref(), Some("Key (id)=(1) already exists."));
    assert_eq!(error.constraint.as_deref(), Some("one_each"));

    for (statement, params, code) in [
        ("SELEC 1", vec![], "42601"),
        ("SELECT 1; SELECT 2", vec![], "42601"),
        ("SELECT * FROM nowhere", vec![], "42P01"),
        ("SELECT 1 / $1", vec![Value::Int4(0)], "22012"),
        ("SELECT $1", vec![text("\0")], "22021"),
        ("SELECT $1", vec![Value::Json("{".to_owned())], "22P02"),
    ] {
        assert_eq!(sqlstate(guest.query(statement, params).await), code);
        // A refusal is no reason to close a connection.
        assert_eq!(guest.process().await, before, "{statement}");
    }
    assert_eq!(guest.execute("", vec![]).await, Ok(0));
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_cancelled() {
    let statement_timeout = Duration::from_millis(100);
    let mut guest = Guest::start_with(PoolSettings { statement_timeout, ..settings() }).await;
    let before = guest.process().await;
    assert_eq!(guest.query("SELECT pg_sleep(60)", vec![]).await, Err(Error::Timeout));
    assert_eq!(guest.process().await, before);
}

#[tokio::test]
async fn a_connection_that_breaks_is_away_and_replaced() {
    let mut guest = Guest::start().await;
    let terminate = "SELECT pg_terminate_backend(pg_backend_pid())";
    assert_eq!(guest.query(terminate, vec![]).await, Err(Error::Away));
    assert_eq!(guest.value("SELECT 1").await, Value::Int4(1));
}

#[tokio::test]
async fn a_request_that_finds_no_connection_is_told_so() {
    let queue_timeout = Duration::from_millis(10);
    let mut guest = Guest::start_with(PoolSettings { queue_timeout, ..settings() }).await;
    let transaction = guest.begin().await.unwrap();
    assert_eq!(guest.query("SELECT 1", vec![]).await, Err(Error::PoolExhausted));
    guest.roll_back(transaction).await.unwrap();
    assert_eq!(guest.value("SELECT 1").await, Value::Int4(1));
}

#[tokio::test]
async fn what_a_statement_leaves_on_its_connection_ends_with_it() {
    let mut guest = Guest::start().await;
    guest.execute("CREATE TABLE notes (id int4)", vec![]).await.unwrap();
    for statement in [
        "SET application_name = 'left'",
        "SELECT set_config('application_name', 'left', false)",
        "CREATE TEMPORARY TABLE left_behind ()",
        "SELECT 1 AS a INTO TEMP left_behind",
        "PREPARE left_behind AS SELECT 1",
        "LISTEN left_behind",
        "SELECT pg_advisory_lock(1)",
        "DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$",
    ] {
        let before = guest.process().await;
        guest.execute(statement, vec![]).await.unwrap();
        assert_ne!(guest.process().await, before, "{statement}");
    }
    let before = guest.process().await;
    for statement in [
        "INSERT INTO notes VALUES (1)",
        "WITH a AS (DELETE FROM notes RETURNING id) SELECT * FROM a",
        "SELECT pg_advisory_xact_lock(1)",
    ] {
        guest.execute(statement, vec![]).await.unwrap();
    }
    assert_eq!(guest.process().await, before);
}

#[tokio::test]
async fn a_guest_that_goes_in_the_middle_of_a_statement_holds_nobody_up() {
    let mut guest = Guest::start().await;
    let mut other = guest.other_connection().await;
    run(&mut other, "SELECT pg_advisory_lock(1)").await;
    let before = guest.process().await;
    select! {
        biased;
        answer = guest.query("SELECT pg_advisory_xact_lock(1)", vec![]) => panic!("{answer:?}"),
        () = wait_for_waiter(&mut other) => {}
    }
    assert_ne!(guest.process().await, before);
}

/// Waits until a session waits for an advisory lock.
async fn wait_for_waiter(connection: &mut sqlx::PgConnection) {
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";
    loop {
        let row = sqlx::query(waiting).fetch_one(&mut *connection).await.unwrap();
        if row.get(0) {
            return;
        }
    }
}

#[tokio::test]
async fn an_altered_table_does_not_spoil_prepared_statements() {
    let mut guest = Guest::start().await;
    let mut other = guest.other_connection().await;
    run(&mut other, "CREATE TABLE notes (id int4); INSERT INTO notes VALUES (1)").await;
    let statement = "SELECT * FROM notes";
    assert_eq!(guest.query(statement, vec![]).await.unwrap().values, [Value::Int4(1)]);
    run(&mut other, "ALTER TABLE notes ADD COLUMN word text DEFAULT 'a'").await;
    assert_eq!(guest.query(statement, vec![]).await.unwrap().values, [Value::Int4(1), text("a")]);

    run(&mut other, "ALTER TABLE notes DROP COLUMN word").await;
    let transaction = guest.begin().await.unwrap();
    assert_eq!(sqlstate(guest.query_in(transaction, statement).await), "0A000");
    guest.roll_back(transaction).await.unwrap();
    let transaction = guest.begin().await.unwrap();
    assert_eq!(guest.query_in(transaction, statement).await.unwrap().values, [Value::Int4(1)]);
}
