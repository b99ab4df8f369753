//! What requests share.

use std::sync::Arc;

use berth_database::Pool;
use berth_runtime::Registry;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::auth::Auth;
use crate::config::{Config, CorsOrigins, Environment};
use crate::routes::InFlight;

/// A host that is serving. A clone is the same host.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    environment: Environment,
    cors_origins: CorsOrigins,
    auth: Arc<Auth>,
    pool: Pool,
    one_check: Mutex<()>,
    component_names: Vec<String>,
    registry: Arc<Registry>,
    in_flight: InFlight,
    draining: CancellationToken,
}

impl App {
    /// A host on `pool`, the host's own, whose components are not live yet. It is draining once `draining` is cancelled.
    #[must_use]
    pub fn new(config: &Config, auth: Auth, pool: Pool, draining: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            environment: config.environment.clone(),
            cors_origins: config.cors_origins.clone(),
            auth: Arc::new(auth),
            pool,
            one_check: Mutex::new(()),
            component_names: config
                .manifest
                .components
                .iter()
                .map(|component| component.name.clone())
                .collect(),
            registry: Arc::default(),
            in_flight: InFlight::new(config.edge.max_in_flight),
            draining,
        }))
    }

    /// The value of `ENVIRONMENT`.
    #[must_use]
    pub fn environment(&self) -> &str {
        self.0.environment.as_str()
    }

    /// Which web sites may read the answers.
    #[must_use]
    pub fn cors_origins(&self) -> &CorsOrigins {
        &self.0.cors_origins
    }

    /// Accounts and tokens.
    #[must_use]
    pub fn auth(&self) -> &Arc<Auth> {
        &self.0.auth
    }

    /// The components that are live, and their routes.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    /// The requests that are being served.
    #[must_use]
    pub fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    /// Whether the host is shutting down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.is_cancelled()
    }

    /// The components of the manifest, each with its version if it is live.
    #[must_use]
    pub fn components(&self) -> Vec<(String, Option<String>)> {
        let deployment = self.0.registry.current();
        let version = |name: &String| deployment.versions().get(name).map(|version| version.id().to_owned());
        self.0.component_names.iter().map(|name| (name.clone(), version(name))).collect()
    }

    /// Whether the database answers a query. Takes as long as the database does; one query at a time, so that nobody
    /// can keep the pool's connections busy by asking.
    pub async fn database_answers(&self) -> bool {
        let _one = self.0.one_check.lock().await;
        let Ok(mut connection) = self.0.pool.acquire().await else { return false };
        sqlx::query("SELECT 1").execute(&mut *connection).await.is_ok()
    }
}
