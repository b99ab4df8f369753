//! `berth serve`: starts a host from its configuration, and stops it.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use berth_database::{MigrationError, Trouble, host_tables};
use berth_rollout::{
    ApplyManifestError, Components, HostSync, LiveVersions, ManifestRefusal, Precedence, Rollout,
    RolloutSettings, SavedFiles, apply_manifest,
};
use berth_runtime::EngineError;
use berth_traces::Traces;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::admin::Operated;
use crate::app::App;
use crate::auth::{Auth, AuthSettings};
use crate::config::{self, Config, ConfigError};
use crate::database::{Database, DatabaseError, OwnServer};
use crate::files::{self, FilesError, FilesTables};
use crate::logging::Logging;
use crate::metrics::{Exporter, Sources};
use crate::prober::RouteProber;
use crate::{admin, server, shutdown};

/// How long the host waits for its database before it listens without, so that probes see it live, if not ready.
const DATABASE_WAIT: Duration = Duration::from_secs(3);

/// The backlog of the listening socket, in connections. With tokio's 128, a burst of clients fills it, and the next
/// client or probe is accepted only when it retries after a second.
const BACKLOG: u32 = 4096;

/// The shortest pause between attempts to reach a database that is not available.
const MIN_RETRY_PAUSE: Duration = Duration::from_millis(250);
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(5);

/// Why the host does not start, or stops serving.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// This machine does not support the configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A directory of files cannot be served.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The database cannot be opened.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The host's own tables cannot be used.
    #[error("the host's own tables: {0}")]
    Tables(#[from] MigrationError),
    /// wasmtime does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The components of the manifest cannot go live.
    #[error(transparent)]
    Adopt(#[from] ApplyManifestError),
    /// The client of Cohere cannot be made.
    #[error(transparent)]
    Cohere(#[from] berth_cohere::ClientError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another with {variables}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The variables that set the address.
        variables: &'static str,
        /// The operating system's error.
        error: std::io::Error,
    },
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] berth_traces::TracesError),
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

impl ServeError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Tables(MigrationError::Database(_) | MigrationError::Locked { .. }) => true,
            Self::Adopt(error) => error.is_temporary(),
            _ => false,
        }
    }

    /// The trouble with the database, if that is the cause.
    fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Tables(MigrationError::Database(error)) => Some(error.into()),
            _ => None,
        }
    }
}

/// Serves until the host is stopped and the requests in flight are done. With `watch`, swaps in files that are saved
/// meanwhile.
pub async fn serve(config: &Config, watch: bool, log: &Logging) -> Result<(), ServeError> {
    let components = Components::from(config.manifest.components.clone());
    let watched = if watch {
        Some(SavedFiles::watch(config.manifest_path.clone(), &components).await)
    } else {
        None
    };
    let stop = shutdown::on_signal(log.queue().clone()).map_err(ServeError::Signals)?;
    let (database, mut own_server) = Database::open(config).await?;
    let served = Box::pin(serve_on(
        &database,
        &mut own_server,
        config,
        components,
        watched,
        log,
        stop,
    ))
    .await;
    database.backends().end_all().await;
    own_server.stop().await;
    served
}

async fn serve_on(
    database: &Database,
    own_server: &mut OwnServer,
    config: &Config,
    components: Components,
    watched: Option<SavedFiles>,
    log: &Logging,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    let traces = config
        .traces
        .as_ref()
        .map(Traces::start)
        .transpose()?
        .unwrap_or_default();
    let auth = Auth::new(auth_settings(config)?, database.pool());
    let cohere = berth_cohere::Client::new(config.cohere.clone())?;
    let live = LiveVersions::new(&components);
    let files = FilesTables::read(&config.manifest.files)?;
    let app = App::new(
        config,
        auth,
        database.pool(),
        &live,
        files,
        traces.clone(),
        stop.clone(),
    );
    let rollout = Arc::new(Rollout::new(
        rollout_settings(config, watched.is_some()),
        &components,
        database.for_rollout(),
        cohere,
        traces.clone(),
        live,
        Box::new(RouteProber::new(app.clone())),
    )?);

    let exporter = Exporter::new(Sources {
        app: app.clone(),
        rollout: Arc::clone(&rollout),
        server: database.server().clone(),
        pool: database.pool(),
        log: log.queue().clone(),
    });

    let mut live = pin!(go_live(&rollout, database, components));
    let is_live = timeout(DATABASE_WAIT, &mut live)
        .await
        .ok()
        .transpose()?
        .is_some();
    if !is_live {
        tracing::warn!("the database has not answered yet: listening without it");
    }

    let listener = listen(config.address, "HOST and PORT")?;
    tracing::info!("listening on http://{}", address(&listener, config.address));
    let operators = listen(config.admin.address, "ADMIN_ADDR")?;
    tracing::info!(
        "operators are served on http://{}",
        address(&operators, config.admin.address)
    );
    let operated = Operated::new(config, Arc::clone(&rollout), log, exporter)?;
    let work = async {
        if !is_live {
            live.await?;
        }
        rollout.observe().await;
        tokio::join!(
            HostSync::new(Arc::clone(&rollout)).follow(),
            follow_files(&app, watched.is_some()),
            swap_in(&rollout, config, watched),
        );
        Ok(())
    };
    let result = tokio::select! {
        () = server::serve(listener, &app, &config.edge, stop) => Ok(()),
        () = admin::serve(operators, operated, &config.admin, &config.edge) => Ok(()),
        result = work => result,
        error = own_server.supervise() => Err(error.into()),
    };
    rollout.leave().await;
    traces.shut_down().await;
    result
}

/// A developer's files take precedence over the database.
fn precedence(config: &Config, watch: bool) -> Precedence {
    if watch || config.environment.is_development() {
        Precedence::File
    } else {
        Precedence::Database
    }
}

fn rollout_settings(config: &Config, watch: bool) -> RolloutSettings {
    RolloutSettings {
        host: config::host_name(),
        poll_interval: config.follow_interval,
        precedence: precedence(config, watch),
        guest_memory: config.sizes.guest_memory,
        component_connections: config.sizes.component_connections,
        code_cache: config.code_cache.clone(),
        compiler: Some(config.compiler.clone()),
    }
}

/// Swaps in saved files and never returns, if `--watch` is set.
async fn swap_in(rollout: &Rollout, config: &Config, watched: Option<SavedFiles>) {
    match watched {
        Some(watched) => watched.swap_in(rollout, || read_manifest(config)).await,
        None => std::future::pending().await,
    }
}

/// Makes changed directories of files live, if `--watch` is set.
async fn follow_files(app: &App, watch: bool) {
    if watch {
        files::follow(app.files()).await;
    }
}

/// Reads the manifest as it is now. `[http]` and `[files]` stay as they were at the start.
fn read_manifest(config: &Config) -> Result<Components, ManifestRefusal> {
    let manifest = config.read_manifest().map_err(|error| ManifestRefusal {
        reason: error.to_string(),
        may_pass: true,
    })?;
    if manifest.http != config.manifest.http {
        return Err(ManifestRefusal {
            reason: "[http] has changed: start the host again, because [http] is read at the start only"
                .to_owned(),
            may_pass: false,
        });
    }
    if manifest.files != config.manifest.files {
        return Err(ManifestRefusal {
            reason: "[files] has changed: start the host again, because [files] is read at the start only"
                .to_owned(),
            may_pass: false,
        });
    }
    Ok(manifest.components.into())
}

fn listen(address: SocketAddr, variables: &'static str) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A restarted host can use the port of the host before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error| ServeError::Listen {
        address,
        variables,
        error,
    })
}

/// The address of a listener, whose port the system may have chosen.
fn address(listener: &TcpListener, wanted: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(wanted)
}

fn auth_settings(config: &Config) -> Result<AuthSettings, ConfigError> {
    Ok(AuthSettings {
        secret: config.jwt_secret()?,
        token_lifetime: config.jwt_lifetime,
        anonymous_user: config.anonymous_user.clone(),
        secure_cookies: config.environment.is_production(),
        cors_origins: config.cors_origins.clone(),
    })
}

/// Prepares the database and makes the components live, however long the database is not available.
async fn go_live(rollout: &Rollout, database: &Database, components: Components) -> Result<(), ServeError> {
    let mut pause = MIN_RETRY_PAUSE;
    loop {
        match try_to_go_live(rollout, database, components.clone()).await {
            Err(error) if error.is_temporary() => {
                let trouble = error
                    .trouble()
                    .map_or_else(String::new, |trouble| format!(": {trouble}"));
                tracing::warn!(%error, "the components cannot go live yet, trying again{trouble}");
            }
            result => return result,
        }
        sleep(pause).await;
        pause = (pause * 2).min(MAX_RETRY_PAUSE);
    }
}

async fn try_to_go_live(
    rollout: &Rollout,
    database: &Database,
    components: Components,
) -> Result<(), ServeError> {
    host_tables::prepare(database.server().direct()).await?;
    Ok(apply_manifest(rollout, components).await?)
}
