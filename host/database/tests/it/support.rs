//! A private server of the test's own, in a directory that goes away with it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test is meant to panic"
)]

use std::path::Path;
use std::time::Duration;

use berth_database::PoolSettings;
use berth_private_postgres::{PrivatePostgres, PrivateSettings};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};
use tempfile::TempDir;

/// A data directory for a private server.
pub(crate) struct DataDirectory(TempDir);

impl DataDirectory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn start(&self) -> PrivatePostgres {
        PrivatePostgres::start(&PrivateSettings::for_tests(self.path()))
            .await
            .unwrap()
    }
}

/// Settings for a pool of at most `max_connections` that gives up soon.
pub(crate) fn pool_settings(max_connections: usize) -> PoolSettings {
    PoolSettings {
        max_connections,
        queue_timeout: Duration::from_millis(10),
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        search_path: None,
        claims: None,
    }
}

/// A connection outside of any pool.
pub(crate) async fn connect(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.unwrap()
}

/// Runs statements that have to succeed.
pub(crate) async fn run(connection: &mut PgConnection, statements: &str) {
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(connection)
        .await
        .unwrap();
}

/// Runs a statement that has to fail, and returns its SQLSTATE.
pub(crate) async fn refusal(connection: &mut PgConnection, statement: &str) -> String {
    let outcome = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    let error = outcome.expect_err(statement);
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

/// The one value that a query returns, as text.
pub(crate) async fn text(connection: &mut PgConnection, query: &str) -> String {
    let query = format!("SELECT ({query})::text");
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(connection)
        .await
        .unwrap()
}
