//! Transactions, and every way in which they end.

use super::{Guest, Handle, sqlstate, text};
use crate::capabilities::postgres::bindings::{Error, Value};
use berth_database::PoolSettings;

/// A guest with an empty table, and a transaction that has put a row into it.
async fn guest_with_a_row() -> (Guest, Handle) {
    let mut guest = Guest::start().await;
    guest
        .execute("CREATE TABLE notes (id int4 PRIMARY KEY)", vec![])
        .await
        .unwrap();
    let transaction = guest.begin().await.unwrap();
    assert_eq!(
        guest
            .execute_in(transaction, "INSERT INTO notes VALUES (1)")
            .await,
        Ok(1)
    );
    (guest, transaction)
}

async fn count(guest: &mut Guest) -> Value {
    guest.value("SELECT count(*) FROM notes").await
}

#[tokio::test]
async fn a_commit_makes_it_permanent_and_a_rollback_does_not() {
    let (mut guest, transaction) = guest_with_a_row().await;
    guest.commit(transaction).await.unwrap();
    assert_eq!(count(&mut guest).await, Value::Int8(1));
    let transaction = guest.begin().await.unwrap();
    guest.execute_in(transaction, "DELETE FROM notes").await.unwrap();
    guest.roll_back(transaction).await.unwrap();
    assert_eq!(count(&mut guest).await, Value::Int8(1));
}

#[tokio::test]
async fn a_transaction_that_is_dropped_is_rolled_back() {
    let (mut guest, transaction) = guest_with_a_row().await;
    guest.drop_transaction(transaction).await;
    assert_eq!(count(&mut guest).await, Value::Int8(0));

    let before = guest.process().await;
    let transaction = guest.begin().await.unwrap();
    guest
        .execute_in(transaction, "INSERT INTO notes VALUES (1)")
        .await
        .unwrap();
    // The end of the request, by whatever cause. The next one gets the same connection.
    guest.next_request(10, 1_000);
    assert_eq!(count(&mut guest).await, Value::Int8(0));
    assert_eq!(guest.process().await, before);
}

#[tokio::test]
async fn an_aborted_transaction_cannot_be_committed() {
    let (mut guest, transaction) = guest_with_a_row().await;
    assert_eq!(
        sqlstate(
            guest
                .execute_in(transaction, "INSERT INTO notes VALUES (1)")
                .await
        ),
        "23505"
    );
    assert_eq!(sqlstate(guest.query_in(transaction, "SELECT 1").await), "25P02");
    assert_eq!(sqlstate(guest.commit(transaction).await), "25P02");
    assert_eq!(count(&mut guest).await, Value::Int8(0));
}

#[tokio::test]
async fn a_savepoint_saves_an_aborted_transaction() {
    let (mut guest, transaction) = guest_with_a_row().await;
    let before = guest
        .query_in(transaction, "SELECT pg_backend_pid()")
        .await
        .unwrap()
        .values
        .remove(0);
    guest.execute_in(transaction, "SAVEPOINT here").await.unwrap();
    assert_eq!(
        sqlstate(
            guest
                .execute_in(transaction, "INSERT INTO notes VALUES (1)")
                .await
        ),
        "23505"
    );
    guest.execute_in(transaction, "ROLLBACK TO here").await.unwrap();
    guest.commit(transaction).await.unwrap();
    assert_eq!(count(&mut guest).await, Value::Int8(1));
    assert_eq!(guest.process().await, before);
}

#[tokio::test]
async fn a_commit_can_be_refused() {
    let mut guest = Guest::start().await;
    let table = "CREATE TABLE notes (id int4 UNIQUE DEFERRABLE INITIALLY DEFERRED)";
    guest.execute(table, vec![]).await.unwrap();
    let before = guest.process().await;
    let transaction = guest.begin().await.unwrap();
    guest
        .execute_in(transaction, "INSERT INTO notes VALUES (1), (1)")
        .await
        .unwrap();
    assert_eq!(sqlstate(guest.commit(transaction).await), "23505");
    assert_eq!(count(&mut guest).await, Value::Int8(0));
    assert_eq!(guest.process().await, before);
}

#[tokio::test]
async fn a_result_over_a_limit_ends_the_transaction() {
    let (mut guest, transaction) = guest_with_a_row().await;
    let many = "SELECT n FROM generate_series(1, 1001) AS n";
    assert_eq!(
        guest.query_in(transaction, many).await,
        Err(Error::TooManyRows(1000))
    );
    assert_eq!(sqlstate(guest.execute_in(transaction, "SELECT 1").await), "25P02");
    assert_eq!(sqlstate(guest.commit(transaction).await), "25P02");
    assert_eq!(count(&mut guest).await, Value::Int8(0));
}

#[tokio::test]
async fn what_a_transaction_leaves_on_its_connection_ends_with_it() {
    let (mut guest, transaction) = guest_with_a_row().await;
    guest
        .execute_in(transaction, "SET application_name = 'left'")
        .await
        .unwrap();
    let name = guest
        .query_in(transaction, "SHOW application_name")
        .await
        .unwrap()
        .values;
    assert_eq!(name, [text("left")]);
    guest.commit(transaction).await.unwrap();
    assert_ne!(guest.value("SHOW application_name").await, text("left"));
    assert_eq!(count(&mut guest).await, Value::Int8(1));
}

#[tokio::test]
async fn a_request_has_two_transactions_open_at_most() {
    let mut guest = Guest::start_with(PoolSettings {
        max_connections: 5,
        ..super::settings()
    })
    .await;
    let first = guest.begin().await.unwrap();
    let second = guest.begin().await.unwrap();
    assert_eq!(sqlstate(guest.begin().await.map(|_| ())), "53300");
    guest.commit(first).await.unwrap();
    let third = guest.begin().await.unwrap();
    guest.roll_back(second).await.unwrap();
    guest.drop_transaction(third).await;
    assert!(guest.begin().await.is_ok());
}
