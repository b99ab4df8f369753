//! The state that requests share.

use std::sync::Arc;

use berth_database::{Pool, PoolError, Trouble};
use berth_rollout::{LiveVersions, Statuses};
use berth_runtime::{Registry, RoutePattern};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::config::{Config, CorsOrigins, Environment, HttpTable, OwnRoutes, TrustedProxies};
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
    auth: Arc<Auth>,
    pool: Pool,
    one_check: Mutex<()>,
    statuses: Arc<Statuses>,
    draining: CancellationToken,
    /// Whether a component of the manifest that the host started with answers `/`.
    root_is_claimed: bool,
}

impl App {
    /// Makes a host on its own `pool`, which serves `live`. The host drains once `draining` is cancelled.
    #[must_use]
    pub fn new(
        config: &Config,
        auth: Auth,
        pool: Pool,
        live: &LiveVersions,
        draining: CancellationToken,
    ) -> Self {
        let shared = Shared {
            environment: config.environment.clone(),
            cors_origins: config.cors_origins.clone(),
            http: Arc::new(config.manifest.http.clone()),
            trusted_proxies: config.trusted_proxies.clone(),
            auth: Arc::new(auth),
            pool,
            one_check: Mutex::new(()),
            statuses: Arc::clone(live.statuses()),
            draining,
            root_is_claimed: config
                .manifest
                .components
                .iter()
                .flat_map(|one| &one.routes)
                .any(RoutePattern::answers_root),
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

    /// Accounts and tokens.
    #[must_use]
    pub fn auth(&self) -> &Arc<Auth> {
        &self.shared.auth
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
            self.shared.root_is_claimed
        }
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
