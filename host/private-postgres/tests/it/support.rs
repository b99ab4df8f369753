//! A private server of the test's own, in a directory that goes away with it.

use std::path::Path;

use berth_private_postgres::{PrivateError, PrivatePostgres, PrivateSettings};
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
        try_start(self.path()).await.unwrap()
    }
}

/// Starts a server that need not survive a power cut, or says why that cannot be.
pub(crate) async fn try_start(data_directory: &Path) -> Result<PrivatePostgres, PrivateError> {
    PrivatePostgres::start(&PrivateSettings::for_tests(data_directory)).await
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

/// The one value that a query returns, as text.
pub(crate) async fn text(connection: &mut PgConnection, query: &str) -> String {
    let query = format!("SELECT ({query})::text");
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(connection)
        .await
        .unwrap()
}
