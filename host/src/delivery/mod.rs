//! Versions of components: how they come, and how one takes the place of another while requests are served.
//!
//! There is one way in, whoever brings a version and whenever: `swap`. Starting up is the first one.
//!
//! - [`report`]: what a swap did, as operators see it
//! - `swap`: the steps of a swap, in which several components may change together
//! - `plan`: what it is to do
//! - `verify`: the steps that need no database
//! - `prepare`: migrations, which can still be taken back
//! - `probe`, `recorder`: the requests that a version must answer; the report while it is being written
//! - `apply_manifest`: applies a manifest at the start, and when it has changed
//! - `operator`: what an operator asks for: pushes, rollbacks, and how things stand
//! - `check`: whether a manifest could be adopted
//! - `sync`: takes the versions that other hosts on the same database have made live
//! - `reload`: what is saved while the host runs, as `watch` finds it
//! - `versions`, `hosts`: what the database keeps of versions and hosts
//! - `status`: the state of each component on this host

mod apply_manifest;
mod check;
mod hosts;
mod operator;
mod plan;
mod prepare;
mod probe;
mod recorder;
mod reload;
pub mod report;
mod status;
mod swap;
mod sync;
mod verify;
mod versions;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use berth_database::{
    Backends, ComponentDatabase, Isolation, IsolationError, Pool, PoolSettings, Repair, Server, SessionPool,
    component_database,
};
use berth_runtime::{
    Capability, Compiler, ComponentSpec, Deployment, Engine, EngineError, EngineSettings, Registry,
    Resources, Version,
};
use http::HeaderValue;
use tokio::sync::{Mutex, broadcast};

use crate::app::App;
use crate::config::{Config, Manifest};
use crate::database::Database;
use crate::routes::Routes;
pub use apply_manifest::{ApplyManifestError, Precedence};
pub use check::{Checked, check};
use hosts::Hosts;
pub use operator::{OperatorError, Requested};
use recorder::Listeners;
pub use reload::Watched;
use report::{Failure, Progress};
pub use status::{Status, Statuses};
use versions::Versions;

/// How long a request waits for a connection of its component's.
const CONNECTION_QUEUE: Duration = Duration::from_secs(3);

/// How long opening one may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The fewest instances that a host has room for, so that components may be added while it runs. An unused one takes nothing
/// but addresses.
const ROOM: u32 = 1000;

/// What the turn to swap is called in the database: all hosts on it have one.
const SWAP_LOCK: &str = "swap";

/// Brings components live on this host.
pub struct Delivery {
    app: App,
    compiler: Compiler,
    instances: u32,
    /// Connections that one component may have open at once.
    connections: usize,
    server: Server,
    pool: Pool,
    backends: Backends,
    cohere: berth_cohere::Client,
    versions: Versions,
    replicas: Hosts,
    host: String,
    /// Whether a component's file or the database says what runs.
    precedence: Precedence,
    /// What the live components are as the manifest has it; none before the first swap.
    manifest: ArcSwap<Manifest>,
    one_at_a_time: Mutex<()>,
    listeners: Listeners,
    follow_interval: Option<Duration>,
}

impl Delivery {
    /// For the components of `app`, none of which is live yet. Starts wasmtime.
    pub fn new(
        config: &Config,
        app: App,
        database: &Database,
        cohere: berth_cohere::Client,
        precedence: Precedence,
    ) -> Result<Self, EngineError> {
        let instances = instances(&config.manifest).max(ROOM);
        let engine = Engine::new(EngineSettings { instances, guest_memory: config.sizes.guest_memory })?;
        let host = host_name();
        Ok(Self {
            app,
            compiler: Compiler::new(engine, config.code_cache.clone(), Some(config.compiler.clone())),
            instances,
            connections: config.sizes.component_connections,
            server: database.server().clone(),
            pool: database.pool(),
            backends: database.backends(),
            cohere,
            versions: Versions::new(database.pool()),
            replicas: Hosts::new(database.pool(), host.clone()),
            host,
            precedence,
            manifest: ArcSwap::default(),
            one_at_a_time: Mutex::default(),
            listeners: Listeners::new(),
            follow_interval: config.follow_interval,
        })
    }

    /// Hears of every swap on this host from now on.
    #[must_use]
    pub fn progress(&self) -> broadcast::Receiver<Progress> {
        self.listeners.subscribe()
    }

    /// The live version of a component.
    fn live(&self, component: &str) -> Option<Arc<Version>> {
        self.app.registry().current().version(component)
    }

    /// The live versions of the components of a manifest.
    fn live_of(&self, manifest: &Manifest) -> Vec<Arc<Version>> {
        manifest.components.iter().filter_map(|component| self.live(&component.name)).collect()
    }

    /// Lets new requests see `deployment`, which is what `manifest` says.
    fn publish(&self, deployment: Deployment, manifest: Arc<Manifest>) {
        let numbers = deployment.versions().values();
        let numbers: Vec<_> =
            numbers.map(|version| (version.spec().name.clone(), version.number())).collect();
        self.app.registry().publish(deployment);
        self.manifest.store(manifest);
        self.app.statuses().set_live(numbers);
    }

    /// A way for requests into a deployment that nobody else sees, and the token that they need.
    fn trial(&self, registry: Registry) -> Result<(Routes, HeaderValue), Failure> {
        let token = self.app.auth().token_for(probe::CALLER);
        let token = token.ok().and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let token = token.ok_or_else(|| Failure {
            step: report::Step::Probe,
            reason: "no token can be made for the probes' caller".to_owned(),
            temporary: false,
        })?;
        Ok((Routes::new(&self.app.on_trial(Arc::new(registry))), token))
    }

    /// The schema and the role of a component, made where they are missing, and as they were made.
    async fn database(&self, component: &str) -> Result<ComponentDatabase, IsolationError> {
        let database = component_database(&self.pool, &self.server, component, self.connections).await?;
        if let Isolation::SchemaOnly { reason } = &database.isolation {
            tracing::warn!(
                component,
                reason,
                "this database lets no roles be made: the component has a schema of its own, but nothing keeps its SQL in it"
            );
        }
        Ok(database)
    }

    /// What is behind a component's grants: that of the version that is live, unless the manifest now says otherwise.
    fn resources(&self, spec: &ComponentSpec, database: Option<&ComponentDatabase>) -> Resources {
        if let Some(live) = self.live(&spec.name)
            && (live.spec().limits == spec.limits && live.spec().capabilities == spec.capabilities)
        {
            return live.resources().clone();
        }
        let sessions = database.map(|database| self.sessions(spec, database));
        let cohere = spec.capabilities.contains(&Capability::Cohere).then(|| self.cohere.clone());
        Resources::new(spec, sessions, cohere)
    }

    /// The sessions of a component with its database.
    fn sessions(&self, spec: &ComponentSpec, database: &ComponentDatabase) -> SessionPool {
        let settings = PoolSettings {
            max_connections: self.connections,
            queue_timeout: CONNECTION_QUEUE,
            connect_timeout: CONNECT,
            // No request needs an answer that comes after its end.
            statement_timeout: spec.limits.time,
            search_path: Some(database.schema.clone()),
        };
        let repair = self.repair(&spec.name);
        if let Some(role) = database.role() {
            self.backends.end_overdue_later(role, spec.limits.time);
        }
        SessionPool::new(database.server.clone(), settings, self.backends.clone(), Some(repair))
    }

    /// Gives the component's role its password back.
    fn repair(&self, component: &str) -> Repair {
        let (pool, server, connections) = (self.pool.clone(), self.server.clone(), self.connections);
        let component = component.to_owned();
        Arc::new(move || {
            let (pool, server, component) = (pool.clone(), server.clone(), component.clone());
            Box::pin(async move {
                if let Err(error) = component_database(&pool, &server, &component, connections).await {
                    tracing::warn!(component, %error, "the role of a component cannot be made good again");
                }
            })
        })
    }
}

/// How many instances the components of a manifest may need at once: twice what requests may have, since a version that is
/// tried has some of its own, and those of limits that have changed finish beside the next.
fn instances(manifest: &Manifest) -> u32 {
    let sum: usize = manifest.components.iter().map(|component| component.limits.concurrency).sum();
    u32::try_from(sum.saturating_mul(2)).unwrap_or(u32::MAX).max(8)
}

/// What this host is called among those on the same database.
fn host_name() -> String {
    let machine = Config::machine_name().unwrap_or_else(|| "host".to_owned());
    format!("{machine}/{}", std::process::id())
}
