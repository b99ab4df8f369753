//! A private server for the tests of other crates, behind the feature `testing`.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

use crate::{PrivatePostgres, PrivateSettings, Search};

impl PrivateSettings {
    /// Settings with the programs of this machine's `PATH`, data that need not survive a power failure, and 50
    /// connections.
    #[expect(
        clippy::disallowed_methods,
        reason = "PATH is where the programs are, and tests have no configuration"
    )]
    #[must_use]
    pub fn for_tests(data_directory: &Path) -> Self {
        Self {
            data_directory: data_directory.to_owned(),
            binaries: Search {
                path: std::env::var_os("PATH"),
                tools: Vec::new(),
            },
            durable: false,
            max_connections: 50,
        }
    }
}

/// A server in a directory that is removed on drop.
pub struct TestServer {
    // The order matters: the server stops before its directory is removed.
    server: PrivatePostgres,
    _directory: TempDir,
}

impl TestServer {
    /// Starts a server.
    ///
    /// # Panics
    ///
    /// If the machine has no PostgreSQL, or the server does not start.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = PrivateSettings::for_tests(directory.path());
        Self {
            server: PrivatePostgres::start(&settings).await.unwrap(),
            _directory: directory,
        }
    }

    /// The host's database on the server.
    #[must_use]
    pub fn options(&self) -> PgConnectOptions {
        self.server.options()
    }
}
