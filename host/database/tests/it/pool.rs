//! The pool: its limits, its timeouts, and the state of a connection that returns to it.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use std::time::Duration;

use berth_database::{Pool, PoolError, PoolSettings};
use sqlx::Connection;

use crate::support::{DataDirectory, pool_settings, run, text};

/// The server process behind the connection that the pool lends next.
async fn process(pool: &Pool) -> String {
    text(&mut pool.acquire().await.unwrap(), "pg_backend_pid()").await
}

#[tokio::test]
async fn a_connection_is_used_again_and_a_discarded_one_is_not() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let pool = Pool::new(server.options(), pool_settings(1));
    let first = process(&pool).await;
    assert_eq!(process(&pool).await, first);

    pool.acquire().await.unwrap().discard();
    assert_ne!(process(&pool).await, first);
    server.stop().await;
}

#[tokio::test]
async fn who_waits_too_long_is_told_that_the_pool_is_exhausted() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let pool = Pool::new(server.options(), pool_settings(1));
    let held = pool.acquire().await.unwrap();
    assert!(matches!(pool.acquire().await, Err(PoolError::Exhausted)));
    drop(held);
    assert!(pool.acquire().await.is_ok());
    server.stop().await;
}

#[tokio::test]
async fn a_transaction_left_open_ends_with_its_connection() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let pool = Pool::new(server.options(), pool_settings(1));
    let mut connection = pool.acquire().await.unwrap();
    run(&mut connection, "CREATE TABLE notes (word text)").await;
    let before = text(&mut connection, "pg_backend_pid()").await;
    let mut transaction = connection.begin().await.unwrap();
    run(&mut transaction, "INSERT INTO notes VALUES ('lost')").await;
    drop(transaction);
    drop(connection);

    assert_ne!(process(&pool).await, before);
    // Would wait for the lock if the transaction were still there.
    let mut connection = pool.acquire().await.unwrap();
    run(&mut connection, "SET lock_timeout = '5s'; LOCK TABLE notes").await;
    assert_eq!(text(&mut connection, "SELECT count(*) FROM notes").await, "0");
    server.stop().await;
}

#[tokio::test]
async fn a_query_given_up_on_does_not_keep_the_next_user_waiting() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let pool = Pool::new(server.options(), pool_settings(1));
    let mut connection = pool.acquire().await.unwrap();
    let before = text(&mut connection, "pg_backend_pid()").await;
    let sleep = sqlx::raw_sql("SELECT pg_sleep(3600)").execute(&mut *connection);
    assert!(tokio::time::timeout(Duration::ZERO, sleep).await.is_err());
    drop(connection);

    assert_ne!(process(&pool).await, before);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_begins_with_the_pools_settings() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let settings = PoolSettings {
        statement_timeout: Duration::from_millis(1500),
        search_path: Some("odd\"name".to_owned()),
        claims: None,
        ..pool_settings(1)
    };
    let pool = Pool::new(server.options(), settings);
    let mut connection = pool.acquire().await.unwrap();
    assert_eq!(
        text(&mut connection, "current_setting('statement_timeout')").await,
        "1500ms"
    );
    assert_eq!(
        text(&mut connection, "current_setting('search_path')").await,
        "\"odd\"\"name\""
    );
    server.stop().await;
}

#[tokio::test]
async fn the_pool_recovers_when_the_server_is_back() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    // The socket is in the same place after a restart.
    let pool = Pool::new(server.options(), pool_settings(1));
    let before = process(&pool).await;
    server.stop().await;

    // A connection that answered a moment ago is trusted, and is found dead when it is used.
    if let Ok(mut stale) = pool.acquire().await {
        assert!(sqlx::raw_sql("SELECT 1").execute(&mut *stale).await.is_err());
        stale.discard();
    }
    assert!(matches!(pool.acquire().await, Err(PoolError::Away(_))));

    let server = directory.start().await;
    assert_ne!(process(&pool).await, before);
    server.stop().await;
}

#[tokio::test]
async fn a_pool_keeps_its_password_to_itself() {
    let options = berth_database::url::parse("postgres://ann:hunter2@db.invalid/tasks").unwrap();
    let pool = Pool::new(options, pool_settings(1));
    assert!(!format!("{pool:?}").contains("hunter2"));
}
