//! A private server of the test's own, in a directory that goes away with it.
#![expect(clippy::unwrap_used, reason = "a failing test is meant to panic")]

use std::path::{Path, PathBuf};

use berth_database::private::{PrivateError, PrivatePostgres, PrivateSettings, Search};
use tempfile::TempDir;

/// A data directory for a private server.
pub(crate) struct DataDirectory(TempDir);

impl DataDirectory {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Starts a server in it, or says why that cannot be.
    pub(crate) async fn try_start(&self) -> Result<PrivatePostgres, PrivateError> {
        PrivatePostgres::start(&settings(self.path().to_owned())).await
    }

    /// Starts a server in it.
    pub(crate) async fn start(&self) -> PrivatePostgres {
        self.try_start().await.unwrap()
    }
}

/// Settings for a server that need not outlive the test.
pub(crate) fn settings(data_directory: PathBuf) -> PrivateSettings {
    let path = std::env::var_os("PATH");
    let binaries = Search { path, tools: Vec::new() };
    PrivateSettings { data_directory, binaries, durable: false, max_connections: 50 }
}
