//! `berth serve`: from a configuration to a host that listens, and back.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use berth_database::{MigrationError, host_tables};
use berth_runtime::{Candidate, Deployment};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::auth::passwords::PasswordError;
use crate::auth::{Auth, AuthSettings};
use crate::config::{Config, ConfigError};
use crate::database::{Database, DatabaseError};
use crate::deploy::{self, DeployError};
use crate::{server, shutdown};

/// How long the host waits for its database before it listens without: probes should see it live, if not ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pauses between attempts to reach a database that is away.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why the host does not serve, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration asks for what this machine cannot do.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The private PostgreSQL has ended by itself.
    #[error(
        "the private PostgreSQL has ended by itself; its log is in the data directory; start the host again"
    )]
    DatabaseEnded,
    /// The host's own tables cannot be used.
    #[error("the host's own tables: {0}")]
    Tables(#[from] MigrationError),
    /// A component was refused.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// Components could not ask Cohere.
    #[error(transparent)]
    Cohere(#[from] berth_cohere::ClientError),
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another with HOST and PORT")]
    Listen {
        /// `HOST` and `PORT`.
        address: SocketAddr,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

impl ServeError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Tables(MigrationError::Database(_) | MigrationError::Locked { .. }) => true,
            Self::Deploy(error) => error.is_temporary(),
            _ => false,
        }
    }
}

/// Serves until it is told to stop and the requests in flight are done. On the main thread: see [`Database::open`].
pub async fn serve(config: &Config) -> Result<(), ServeError> {
    let stop = shutdown::on_signal().map_err(ServeError::Signals)?;
    let database = Database::open(config).await?;
    let served = serve_on(&database, config, stop).await;
    database.close().await;
    served
}

async fn serve_on(database: &Database, config: &Config, stop: CancellationToken) -> Result<(), ServeError> {
    let auth = Auth::new(auth_settings(config)?, database.pool())?;
    let cohere = berth_cohere::Client::new(config.cohere.clone())?;
    let app = App::new(config, auth, database.pool(), stop.clone());
    let candidates = deploy::verify(&config.manifest, &config.code_cache, app.registry()).await?;

    let mut live = pin!(go_live(&app, database, &candidates, &cohere));
    let outcome = timeout(PATIENCE, &mut live).await.ok().transpose()?;
    if outcome.is_none() {
        tracing::warn!("the database has not answered yet: listening without it");
    }

    let failed = |error| ServeError::Listen { address: config.address, error };
    let listener = TcpListener::bind(config.address).await.map_err(failed)?;
    tracing::info!("listening on http://{}", listener.local_addr().map_err(failed)?);
    tokio::select! {
        () = server::serve(listener, &app, &config.edge, stop) => Ok(()),
        Err(error) = live, if outcome.is_none() => Err(error),
    }
}

fn auth_settings(config: &Config) -> Result<AuthSettings, ConfigError> {
    Ok(AuthSettings {
        secret: config.jwt_secret()?,
        token_lifetime: config.jwt_lifetime,
        anonymous_user: config.anonymous_user.clone(),
        secure_cookies: config.environment.is_production(),
    })
}

/// Prepares the database and lets the components answer, however long the database takes to be there.
async fn go_live(
    app: &App,
    database: &Database,
    candidates: &[Candidate],
    cohere: &berth_cohere::Client,
) -> Result<(), ServeError> {
    let mut pause = SHORTEST_PAUSE;
    loop {
        match prepare(database, candidates, cohere).await {
            Ok(deployment) => {
                app.registry().publish(deployment);
                return Ok(());
            }
            Err(error) if !error.is_temporary() => return Err(error),
            Err(error) => tracing::warn!(%error, "the database is away: trying again"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn prepare(
    database: &Database,
    candidates: &[Candidate],
    cohere: &berth_cohere::Client,
) -> Result<Deployment, ServeError> {
    host_tables::prepare(database.options()).await?;
    Ok(deploy::promote(candidates, &database.pool(), database.options(), cohere).await?)
}
