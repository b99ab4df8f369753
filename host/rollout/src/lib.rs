//! Versions of components: how they arrive, and how a version replaces another while requests are served.
//!
//! Every version goes live by `swap`, whatever its origin. Starting up is the first swap.
//!
//! - [`report`]: what a swap did, as operators see it
//! - `swap`: the steps of a swap, in which several components may change together
//! - `plan`: the changes that a swap has to make
//! - `verify`: the steps that need no database
//! - `prepare`: migrations, which can still be rolled back
//! - `probe`, `recorder`: the requests that a version must answer; the report while it is being written
//! - `apply_manifest`: applies a manifest at the start, and when it has changed
//! - `operator`: the requests of operators: pushes, rollbacks, and status
//! - `check`: whether a manifest could be applied
//! - `sync`: takes the versions that other hosts on the same database have made live
//! - `saved_files`: swaps in files that are saved while the host runs, as `watch` finds them
//! - `versions`, `hosts`: the records of versions and hosts in the database
//! - `status`: the state of each component on this host

mod apply_manifest;
mod check;
mod hosts;
mod operator;
mod plan;
mod prepare;
mod probe;
mod recorder;
pub mod report;
mod saved_files;
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
use report::{Failure, Progress};
pub use saved_files::Watched;
pub use status::{Status, Statuses};
use versions::Versions;

/// How long a request waits for a connection of its component.
const CONNECTION_QUEUE: Duration = Duration::from_secs(3);

/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The fewest instances that a host has room for, so that components may be added while the host runs. An unused
/// instance takes nothing but addresses.
const ROOM: u32 = 1000;

/// The name of the swap lock in the database. All hosts on a database share this lock.
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
    /// Whether a component's file or the database decides which version runs.
    precedence: Precedence,
    /// The manifest that the live components came from; none before the first swap.
    manifest: ArcSwap<Manifest>,
    one_at_a_time: Mutex<()>,
    listeners: Listeners,
    follow_interval: Option<Duration>,
}

impl Delivery {
    /// Makes the delivery for the components of `app`, none of which is live yet. Starts wasmtime.
    pub fn new(
        config: &Config,
        app: App,
        database: &Database,
        cohere: berth_cohere::Client,
        precedence: Precedence,
    ) -> Result<Self, EngineError> {
        let instances = instances(&config.manifest).max(ROOM);
        let engine = Engine::new(EngineSettings {
            instances,
            guest_memory: config.sizes.guest_memory,
        })?;
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

    /// Subscribes to every swap on this host from now on.
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
        manifest
            .components
            .iter()
            .filter_map(|component| self.live(&component.name))
            .collect()
    }

    /// Lets new requests see `deployment`, which `manifest` describes.
    fn publish(&self, deployment: Deployment, manifest: Arc<Manifest>) {
        let numbers = deployment.versions().values();
        let numbers: Vec<_> = numbers
            .map(|version| (version.spec().name.clone(), version.number()))
            .collect();
        self.app.registry().publish(deployment);
        self.manifest.store(manifest);
        self.app.statuses().set_live(numbers);
    }

    /// Routes into a deployment that no other request reaches, and the token that its requests need.
    fn trial(&self, registry: Registry) -> Result<(Routes, HeaderValue), Failure> {
        let token = self.app.auth().token_for(probe::CALLER);
        let token = token
            .ok()
            .and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let token = token.ok_or_else(|| Failure {
            step: report::Step::Probe,
            reason: "no token can be made for the probes' caller".to_owned(),
            temporary: false,
        })?;
        Ok((Routes::new(&self.app.on_trial(Arc::new(registry))), token))
    }

    /// The schema and the role of a component. Creates them where they are missing.
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

    /// The resources behind a component's grants: those of the live version, unless the manifest has changed them.
    fn resources(&self, spec: &ComponentSpec, database: Option<&ComponentDatabase>) -> Resources {
        if let Some(live) = self.live(&spec.name)
            && (live.spec().limits == spec.limits && live.spec().capabilities == spec.capabilities)
        {
            return live.resources().clone();
        }
        let sessions = database.map(|database| self.sessions(spec, database));
        let cohere = spec
            .capabilities
            .contains(&Capability::Cohere)
            .then(|| self.cohere.clone());
        Resources::new(spec, sessions, cohere)
    }

    /// The pool of a component's sessions with its database.
    fn sessions(&self, spec: &ComponentSpec, database: &ComponentDatabase) -> SessionPool {
        let settings = PoolSettings {
            max_connections: self.connections,
            queue_timeout: CONNECTION_QUEUE,
            connect_timeout: CONNECT,
            // A request has no use for an answer that comes after its end.
            statement_timeout: spec.limits.time,
            search_path: Some(database.schema.clone()),
        };
        let repair = self.repair(&spec.name);
        if let Some(role) = database.role() {
            self.backends.end_overdue_later(role, spec.limits.time);
        }
        SessionPool::new(
            database.server.clone(),
            settings,
            self.backends.clone(),
            Some(repair),
        )
    }

    /// Sets the password of the component's role again.
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

/// How many instances the components of a manifest may need at once: twice what requests may have, because a version on
/// trial has its own instances, and instances with changed limits finish beside the new ones.
fn instances(manifest: &Manifest) -> u32 {
    let sum: usize = manifest
        .components
        .iter()
        .map(|component| component.limits.concurrency)
        .sum();
    u32::try_from(sum.saturating_mul(2)).unwrap_or(u32::MAX).max(8)
}

/// The name of this host among those on the same database.
fn host_name() -> String {
    let machine = Config::machine_name().unwrap_or_else(|| "host".to_owned());
    format!("{machine}/{}", std::process::id())
}
