//! The database of `DATABASE_URL`, or a private one instead.

use std::time::Duration;

use berth_database::url::{self, UrlError};
use berth_database::{Backends, Pool, PoolSettings, Server};
use berth_private_postgres::{PrivateError, PrivatePostgres, PrivateSettings, Search};
use berth_rollout::HostDatabase;

use crate::config::Config;

/// The most connections that a private server accepts, from all pools.
const PRIVATE_CONNECTIONS: u32 = 200;

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// `DATABASE_URL` is not valid.
    #[error("DATABASE_URL: it {0}")]
    Url(#[from] UrlError),
    /// `DATABASE_URL` is not set in production, and this machine has no PostgreSQL either.
    #[error(
        "DATABASE_URL: it is not set, and production needs a database: set it to the database's URL, as in \
         postgres://USER:PASSWORD@HOST:5432/NAME, or set DATABASE_URL_FILE to a file that has the URL"
    )]
    NotSet,
    /// The private server does not start.
    #[error(transparent)]
    Private(#[from] PrivateError),
}

/// The host's database.
pub struct Database {
    server: Server,
    pool: Pool,
    backends: Backends,
}

/// The private server, if `DATABASE_URL` is not set.
pub struct OwnServer(Option<PrivatePostgres>);

impl Database {
    /// Opens the server of `DATABASE_URL`, which need not be up, or starts a private server and waits until it is up.
    pub async fn open(config: &Config) -> Result<(Self, OwnServer), DatabaseError> {
        if let Some(url) = &config.database_url {
            let server = url::parse(url.expose())?;
            tracing::info!(%server, "PostgreSQL");
            return Ok((Self::new(server, config), OwnServer(None)));
        }
        let settings = PrivateSettings {
            data_directory: config.data_directory.clone(),
            binaries: Search {
                path: config.program_path.clone(),
                tools: vec![config.data_directory.join("tools")],
            },
            durable: true,
            max_connections: PRIVATE_CONNECTIONS,
        };
        let is_production = config.environment.is_production();
        let private = PrivatePostgres::start(&settings)
            .await
            .map_err(|error| without_private(error, is_production))?;
        if is_production {
            tracing::warn!(
                "DATABASE_URL is not set: the data are in a private PostgreSQL on this machine only; set DATABASE_URL to \
                 keep them elsewhere"
            );
        }
        tracing::info!(path = %private.path().display(), "private PostgreSQL started");
        Ok((
            Self::new(private.options().into(), config),
            OwnServer(Some(private)),
        ))
    }

    fn new(server: Server, config: &Config) -> Self {
        let settings = PoolSettings {
            max_connections: config.sizes.host_connections,
            queue_timeout: Duration::from_secs(3),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            search_path: None,
            claims: None,
        };
        let pool = Pool::new(server.clone(), settings);
        Self {
            backends: Backends::new(pool.clone()),
            pool,
            server,
        }
    }

    /// The server, for connections as the host itself.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The host's own connections: for accounts and tokens, not for components.
    #[must_use]
    pub fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// Access for the rollout of versions, which makes the components' schemas and roles.
    #[must_use]
    pub fn for_rollout(&self) -> HostDatabase {
        HostDatabase {
            server: self.server.clone(),
            pool: self.pool.clone(),
            backends: self.backends.clone(),
        }
    }

    /// The server processes (backends) that serve components.
    #[must_use]
    pub fn backends(&self) -> Backends {
        self.backends.clone()
    }
}

/// The error of a private server that does not start.
fn without_private(error: PrivateError, is_production: bool) -> DatabaseError {
    match error {
        PrivateError::NotInstalled { .. } if is_production => DatabaseError::NotSet,
        error => error.into(),
    }
}

impl OwnServer {
    /// Restarts the private server when it ends by itself. Returns the error after which it does not try again. Never
    /// returns for the server of `DATABASE_URL`.
    pub async fn supervise(&mut self) -> DatabaseError {
        match &mut self.0 {
            Some(private) => private.supervise().await.into(),
            None => std::future::pending().await,
        }
    }

    /// Stops the private server, and waits for its end.
    pub async fn stop(self) {
        if let Some(private) = self.0 {
            private.stop().await;
            tracing::info!("private PostgreSQL stopped");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_told_what_to_set_and_development_what_to_install() {
        let told = |is_production| {
            let error = PrivateError::NotInstalled {
                tools: "/data/tools".into(),
            };
            without_private(error, is_production).to_string()
        };
        assert!(
            told(true).starts_with("DATABASE_URL: it is not set"),
            "{}",
            told(true)
        );
        assert!(!told(true).contains("install"), "{}", told(true));
        assert!(
            told(false).contains("apt-get install postgresql"),
            "{}",
            told(false)
        );
    }
}
