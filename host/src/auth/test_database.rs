//! A test's own database, with the host's tables.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use berth_database::{Pool, PoolSettings, host_tables};
use berth_private_postgres::{PrivatePostgres, PrivateSettings, Search};
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

/// A private server in a directory that is removed on drop.
pub(crate) struct TestDatabase {
    // The order matters: the server stops before its directory is removed.
    server: PrivatePostgres,
    _directory: TempDir,
}

impl TestDatabase {
    /// Starts the server and creates the host's tables.
    pub(crate) async fn start() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "a test has no configuration to ask for the programs' path"
        )]
        let path = std::env::var_os("PATH");
        let directory = tempfile::tempdir().unwrap();
        let settings = PrivateSettings {
            data_directory: directory.path().to_owned(),
            binaries: Search {
                path,
                tools: Vec::new(),
            },
            durable: false,
            max_connections: 20,
        };
        let server = PrivatePostgres::start(&settings).await.unwrap();
        host_tables::prepare(&server.options()).await.unwrap();
        Self {
            server,
            _directory: directory,
        }
    }

    /// A new pool of connections to the server.
    pub(crate) fn pool(&self) -> Pool {
        pool(self.server.options())
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
    };
    Pool::new(options, settings)
}
