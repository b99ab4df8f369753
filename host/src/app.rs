//! The state that requests share.

use std::sync::Arc;

use berth_database::{Pool, PoolError, Trouble};
use berth_rollout::{LiveVersions, Statuses};
use berth_runtime::{Registry, RoutePattern};
use berth_traces::Traces;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::config::{
    Config, CorsOrigins, Environment, HttpTable, Manifest, OwnRoutes, ServerTiming, TrustedProxies,
};
use crate::files::{FilesAt, FilesTables};
use crate::in_flight::InFlight;
use crate::metrics::HttpMetrics;

/// The most requests at once to components on trial.
const ON_TRIAL: usize = 16;

/// A host that is serving. Clones share its state.
#[derive(Clone)]
pub struct App {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    in_flight: InFlight,
    metrics: Arc<HttpMetrics>,
}

struct Shared {
    environment: Environment,
    cors_origins: CorsOrigins,
    http: Arc<HttpTable>,
    trusted_proxies: TrustedProxies,
    server_timing: ServerTiming,
    auth: Arc<Auth>,
    pool: Pool,
    traces: Traces,
    one_check: Mutex<()>,
    statuses: Arc<Statuses>,
    draining: CancellationToken,
    files: Arc<FilesTables>,
    /// The components' routes of the manifest that the host started with, for requests before the components are live.
    first_routes: matchit::Router<RoutePattern>,
}

impl App {
    /// Makes a host on its own `pool`, which serves `live` and `files`. The host drains once `draining` is cancelled.
    #[must_use]
    pub fn new(
        config: &Config,
        auth: Auth,
        pool: Pool,
        live: &LiveVersions,
        files: FilesTables,
        traces: Traces,
        draining: CancellationToken,
    ) -> Self {
        let shared = Shared {
            environment: config.environment.clone(),
            cors_origins: config.cors_origins.clone(),
            http: Arc::new(config.manifest.http.clone()),
            trusted_proxies: config.trusted_proxies.clone(),
            server_timing: config.server_timing.clone(),
            auth: Arc::new(auth),
            pool,
            traces,
            one_check: Mutex::new(()),
            statuses: Arc::clone(live.statuses()),
            draining,
            files: Arc::new(files),
            first_routes: routes(&config.manifest),
        };
        let in_flight = InFlight::new(config.edge.max_in_flight);
        Self {
            shared: Arc::new(shared),
            registry: Arc::clone(live.registry()),
            in_flight,
            metrics: Arc::new(HttpMetrics::new(config.edge.max_connections)),
        }
    }

    /// The host with other components, for its own requests, which are separate from those of clients.
    #[must_use]
    pub fn on_trial(&self, registry: Arc<Registry>) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            registry,
            in_flight: InFlight::new(ON_TRIAL),
            metrics: Arc::default(),
        }
    }

    /// The value of `ENVIRONMENT`.
    #[must_use]
    pub fn environment(&self) -> &str {
        self.shared.environment.as_str()
    }

    /// The web sites that may read the responses.
    #[must_use]
    pub fn cors_origins(&self) -> &CorsOrigins {
        &self.shared.cors_origins
    }

    /// The table `[http]` of the manifest, as it was at the start.
    #[must_use]
    pub fn http(&self) -> &Arc<HttpTable> {
        &self.shared.http
    }

    /// The host's own paths, fixed at the start.
    #[must_use]
    pub fn own_routes(&self) -> &OwnRoutes {
        &self.shared.http.own_routes
    }

    /// The proxies whose headers about their clients are trusted.
    #[must_use]
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.shared.trusted_proxies
    }

    /// The clients that are told how long the parts of their requests took.
    #[must_use]
    pub fn server_timing(&self) -> &ServerTiming {
        &self.shared.server_timing
    }

    /// Accounts and tokens.
    #[must_use]
    pub fn auth(&self) -> &Arc<Auth> {
        &self.shared.auth
    }

    /// The traces of requests.
    #[must_use]
    pub fn traces(&self) -> &Traces {
        &self.shared.traces
    }

    /// The components that are live, and their routes.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Whether a component answers `/`, or will after the start.
    #[must_use]
    pub fn has_root(&self) -> bool {
        let deployment = self.registry.current();
        if deployment.is_complete() {
            deployment.find("/").is_some()
        } else {
            self.shared.first_routes.at("/").is_ok()
        }
    }

    /// The directories of files.
    #[must_use]
    pub fn files(&self) -> &Arc<FilesTables> {
        &self.shared.files
    }

    /// The directory of files that answers `path`, unless the path is a component's, or will be after the start.
    #[must_use]
    pub fn files_at(&self, path: &str) -> Option<FilesAt> {
        let found = self.shared.files.find(path)?;
        let deployment = self.registry.current();
        let of_component = if deployment.is_complete() {
            deployment.find(path).map(|route| &route.pattern)
        } else {
            self.shared.first_routes.at(path).ok().map(|route| route.value)
        };
        let is_first = of_component.is_none_or(|other| found.pattern().takes_precedence_over(other));
        is_first.then_some(found)
    }

    /// The numbers of requests and connections.
    #[must_use]
    pub fn metrics(&self) -> &Arc<HttpMetrics> {
        &self.metrics
    }

    /// The requests in flight.
    #[must_use]
    pub fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// Whether the host is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.is_cancelled()
    }

    /// The status of each component of the manifest on this host.
    #[must_use]
    pub fn statuses(&self) -> &Statuses {
        &self.shared.statuses
    }

    /// Sends the database a query, and returns the reason if it fails. Takes as long as the database does. Only a
    /// single query runs at a time, so that probes cannot occupy the pool's connections.
    pub async fn ask_database(&self) -> Result<(), Trouble> {
        let _one = self.shared.one_check.lock().await;
        let mut connection = self.shared.pool.acquire().await.map_err(|error| match error {
            PoolError::Exhausted => Trouble::TooSlow,
            PoolError::Away(error) => Trouble::from(&error),
        })?;
        let asked = sqlx::raw_sql("SELECT 1").execute(&mut *connection).await;
        asked.map(drop).map_err(|error| Trouble::from(&error))
    }
}

/// The routes of the manifest's components. Its check has refused routes of one shape.
fn routes(manifest: &Manifest) -> matchit::Router<RoutePattern> {
    let mut routes = matchit::Router::new();
    let patterns = manifest.components.iter().flat_map(|component| &component.routes);
    for pattern in patterns {
        for path in pattern.paths() {
            // A second route of one shape changes nothing.
            let _ = routes.insert(path, pattern.clone());
        }
    }
    routes
}
