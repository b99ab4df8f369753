//! The private server: it starts, stops, keeps its data, and belongs to one host at a time.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use berth_database::private::{PrivateError, PrivatePostgres};
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

use crate::support::{DataDirectory, settings};

async fn note(server: &PrivatePostgres, word: &'static str) {
    let mut connection = PgConnection::connect_with(&server.options()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE IF NOT EXISTS notes (word text)").execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO notes VALUES ($1)").bind(word).execute(&mut connection).await.unwrap();
}

async fn notes(server: &PrivatePostgres) -> Vec<String> {
    let mut connection = PgConnection::connect_with(&server.options()).await.unwrap();
    let rows = sqlx::query("SELECT word FROM notes ORDER BY word").fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The server's process, as its lock file has it.
fn process(server: &PrivatePostgres) -> i32 {
    let text = fs::read_to_string(server.path().join("data/postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn data_outlive_the_server() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    note(&server, "kept").await;
    server.stop().await;

    let server = directory.start().await;
    assert_eq!(notes(&server).await, ["kept"]);
    server.stop().await;
}

#[tokio::test]
async fn a_second_host_on_the_same_data_is_told_so() {
    let directory = DataDirectory::new();
    let server = directory.start().await;
    let error = directory.try_start().await.unwrap_err();
    assert!(matches!(error, PrivateError::InUse { .. }), "{error}");
    server.stop().await;
}
