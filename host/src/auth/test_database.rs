//! A test's own database, with the host's tables.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use berth_database::{Pool, PoolSettings, host_tables};
use berth_private_postgres::testing::TestServer;
use sqlx::postgres::PgConnectOptions;

/// A private server with the host's tables.
pub(crate) struct TestDatabase(TestServer);

impl TestDatabase {
    /// Starts the server and creates the host's tables.
    pub(crate) async fn start() -> Self {
        let server = TestServer::start().await;
        host_tables::prepare(&server.options()).await.unwrap();
        Self(server)
    }

    /// A new pool of connections to the server.
    pub(crate) fn pool(&self) -> Pool {
        pool(self.0.options())
    }
}

/// A pool for a server that does not exist.
pub(crate) fn nowhere() -> Pool {
    pool(
        PgConnectOptions::new_without_pgpass()
            .socket("/nonexistent")
            .username("nobody"),
    )
}

fn pool(options: PgConnectOptions) -> Pool {
    let settings = PoolSettings {
        max_connections: 5,
        queue_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(5),
        search_path: None,
        claims: None,
    };
    Pool::new(options, settings)
}
