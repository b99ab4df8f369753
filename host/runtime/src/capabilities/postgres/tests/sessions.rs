//! Sessions: refusals, broken connections, and a clean session for the next request.

use std::time::Duration;

use berth_database::PoolSettings;
use sqlx::Row as _;
use tokio::select;

use super::{Guest, refusal, run, settings, sqlstate, text};
use crate::capabilities::postgres::bindings::{Error, Value};

#[tokio::test]
async fn a_refusal_says_what_postgresql_says() {
    let mut guest = Guest::start().await;
    guest
        .execute(
            "CREATE TABLE notes (id int4 CONSTRAINT one_each PRIMARY KEY)",
            vec![],
        )
        .await
        .unwrap();
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
    let mut guest = Guest::start_with(PoolSettings {
        statement_timeout,
        ..settings()
    })
    .await;
    let before = guest.process().await;
    assert_eq!(
        guest.query("SELECT pg_sleep(60)", vec![]).await,
        Err(Error::Timeout)
    );
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
    let mut guest = Guest::start_with(PoolSettings {
        queue_timeout,
        ..settings()
    })
    .await;
    let transaction = guest.begin().await.unwrap();
    assert_eq!(guest.query("SELECT 1", vec![]).await, Err(Error::PoolExhausted));
    guest.roll_back(transaction).await.unwrap();
    assert_eq!(guest.value("SELECT 1").await, Value::Int4(1));
}

#[tokio::test]
async fn what_a_statement_leaves_on_its_session_ends_with_it() {
    let mut guest = Guest::start().await;
    guest.execute("CREATE SEQUENCE numbers", vec![]).await.unwrap();
    let before = guest.process().await;
    let found = "SELECT current_setting('application_name') || ' ' || current_setting('work_mem') || ' '
        || current_setting('transaction_read_only') || current_setting('transaction_isolation')
        || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())
        || (SELECT count(*) FROM pg_cursors WHERE is_holdable)
        || (SELECT count(*) FROM pg_class WHERE relname = 'left_behind')
        || (SELECT count(*) FROM pg_listening_channels())
        || (SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind')";
    let clean = guest.value(found).await;
    for statement in LEAVES_TRACES {
        guest.execute(statement, vec![]).await.unwrap();
        assert_eq!(guest.value(found).await, clean, "{statement}");
        let hidden = format!("DO $do$ BEGIN EXECUTE $${statement}$$; END $do$");
        guest.execute(&hidden, vec![]).await.unwrap();
        assert_eq!(guest.value(found).await, clean, "{hidden}");
    }
    assert_eq!(sqlstate(guest.query("SELECT lastval()", vec![]).await), "55000");
    assert_eq!(guest.process().await, before, "and no session was closed for it");
}

const LEAVES_TRACES: [&str; 12] = [
    "SET application_name = 'left'",
    "SET work_mem = '1GB'",
    "SELECT set_config('application_name', 'left', false)",
    "CREATE TEMPORARY TABLE left_behind ()",
    "CREATE TEMP TABLE left_behind AS SELECT 1 AS a",
    "PREPARE left_behind AS SELECT 1",
    "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1",
    "SELECT pg_advisory_lock(1)",
    "SELECT nextval('numbers')",
    "SET search_path = pg_temp",
    "SET default_transaction_read_only = on",
    "SET default_transaction_isolation = serializable",
];

#[tokio::test]
async fn what_a_view_or_a_trigger_hides_ends_with_its_request() {
    let mut guest = Guest::start().await;
    for statement in [
        "CREATE TABLE notes (id int4)",
        "CREATE FUNCTION hide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             PERFORM set_config('application_name', 'left', false), pg_advisory_lock(1);
             RETURN NEW;
         END $$",
        "CREATE TRIGGER hide BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION hide()",
        "CREATE VIEW hidden AS SELECT set_config('application_name', 'left', false) AS it",
    ] {
        guest.execute(statement, vec![]).await.unwrap();
    }
    let clean = guest.value("SELECT current_setting('application_name')").await;
    for statement in ["INSERT INTO notes VALUES (1)", "SELECT * FROM hidden"] {
        guest.query(statement, vec![]).await.unwrap();
        assert_eq!(
            guest.value("SELECT current_setting('application_name')").await,
            clean,
            "{statement}"
        );
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'";
        assert_eq!(guest.value(locks).await, Value::Int8(0), "{statement}");
    }
}

#[tokio::test]
async fn prepared_statements_that_a_function_drops_are_prepared_again() {
    let mut guest = Guest::start().await;
    let hidden =
        "CREATE FUNCTION hide() RETURNS int4 LANGUAGE plpgsql AS $$ BEGIN DEALLOCATE ALL; RETURN 1; END $$";
    guest.execute(hidden, vec![]).await.unwrap();
    let statement = "SELECT 7";
    assert_eq!(guest.value(statement).await, Value::Int4(7));
    guest.query("SELECT hide()", vec![]).await.unwrap();
    assert_eq!(guest.value(statement).await, Value::Int4(7));
    assert_eq!(guest.value(statement).await, Value::Int4(7));
}

#[tokio::test]
async fn a_guest_that_goes_in_the_middle_of_a_statement_takes_its_backend_along() {
    for statement in [
        "SELECT pg_sleep(3600)",
        "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END $$",
    ] {
        let mut guest = Guest::start().await;
        let mut other = guest.other_connection().await;
        let Value::Int4(before) = guest.process().await else {
            panic!("not a number")
        };
        let sleeps = format!("state = 'active' AND wait_event = 'PgSleep' AND pid = {before}");
        select! {
            biased;
            answer = guest.execute(statement, vec![]) => panic!("{answer:?}"),
            () = wait_for(&mut other, &sleeps) => {}
        }
        // There is one place in the pool: it is free when the backend is gone.
        let Value::Int4(after) = guest.process().await else {
            panic!("not a number")
        };
        assert_ne!(after, before);
        let there = format!("SELECT FROM pg_stat_activity WHERE pid = {before}");
        let there = sqlx::query(sqlx::AssertSqlSafe(there))
            .fetch_optional(&mut other)
            .await
            .unwrap();
        assert!(there.is_none(), "{statement}");
    }
}

#[tokio::test]
async fn a_transaction_that_a_guest_leaves_open_is_rolled_back_and_its_session_kept() {
    let mut guest = Guest::start().await;
    guest
        .execute("CREATE TABLE notes (id int4)", vec![])
        .await
        .unwrap();
    let before = guest.process().await;
    let transaction = guest.begin().await.unwrap();
    guest
        .execute_in(transaction, "INSERT INTO notes VALUES (1)")
        .await
        .unwrap();
    guest.next_request(10, 1_000_000);
    assert_eq!(guest.value("SELECT count(*) FROM notes").await, Value::Int8(0));
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

/// Waits until a backend is as the condition on `pg_stat_activity` says.
async fn wait_for(connection: &mut sqlx::PgConnection, condition: &str) {
    let waiting = format!("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE {condition})");
    while !sqlx::query(sqlx::AssertSqlSafe(waiting.clone()))
        .fetch_one(&mut *connection)
        .await
        .unwrap()
        .get::<bool, _>(0)
    {}
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
    run(
        &mut other,
        "CREATE TABLE notes (id int4); INSERT INTO notes VALUES (1)",
    )
    .await;
    let statement = "SELECT * FROM notes";
    assert_eq!(
        guest.query(statement, vec![]).await.unwrap().values,
        [Value::Int4(1)]
    );
    run(&mut other, "ALTER TABLE notes ADD COLUMN word text DEFAULT 'a'").await;
    assert_eq!(
        guest.query(statement, vec![]).await.unwrap().values,
        [Value::Int4(1), text("a")]
    );

    run(&mut other, "ALTER TABLE notes DROP COLUMN word").await;
    let transaction = guest.begin().await.unwrap();
    assert_eq!(sqlstate(guest.query_in(transaction, statement).await), "0A000");
    guest.roll_back(transaction).await.unwrap();
    let transaction = guest.begin().await.unwrap();
    assert_eq!(
        guest.query_in(transaction, statement).await.unwrap().values,
        [Value::Int4(1)]
    );
}
