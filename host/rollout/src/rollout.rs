//! The means of a swap on this host: all that entrances and stages need.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use berth_database::StorageError;
use berth_runtime::{
    CodeCache, Compiler, CompilerProcess, Engine, EngineError, EngineSettings, GuestMemoryUse, IncomingWasm,
};
use berth_traces::Traces;
use tokio::sync::broadcast;
use tokio::time::timeout;

use crate::builder::{Builder, ComponentDatabases, HostDatabase};
use crate::components::Components;
use crate::live_versions::LiveVersions;
use crate::metrics::{Known, SwapMetrics};
use crate::permit::Exclusive;
use crate::precedence::Precedence;
use crate::prober::Prober;
use crate::recorder::Listeners;
use crate::report::Progress;
use crate::stores::Stores;

/// The fewest instances that a host has room for, so that components may be added while the host runs. An unused
/// instance takes nothing but addresses.
const MIN_INSTANCES: u32 = 1000;

/// How long a host that ends tries to report its end.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Brings versions of components live on this host.
pub struct Rollout {
    pub(crate) stores: Stores,
    pub(crate) builder: Builder,
    pub(crate) live: LiveVersions,
    pub(crate) prober: Box<dyn Prober>,
    pub(crate) exclusive: Exclusive,
    pub(crate) listeners: Listeners,
    pub(crate) precedence: Precedence,
    pub(crate) traces: Traces,
    /// The database's last answer about each component.
    known: Mutex<BTreeMap<String, Known>>,
}

/// The settings of a [`Rollout`].
pub struct RolloutSettings {
    /// The name of this host among the hosts on its database.
    pub host: String,
    /// How often the host polls for versions that other hosts have made live. None for a host that is alone on its
    /// database.
    pub poll_interval: Option<Duration>,
    /// Whether a component's file or the database decides which version runs.
    pub precedence: Precedence,
    /// Memory that all instances may have together, in bytes.
    pub guest_memory: u64,
    /// Connections to the database that one component may have open at once.
    pub component_connections: usize,
    /// The directories of machine code.
    pub code_cache: CodeCache,
    /// The compiling process. None compiles in this process, which is for tests.
    pub compiler: Option<CompilerProcess>,
}

impl Rollout {
    /// Starts wasmtime with room for `components` at least. `live` has no live versions yet. New versions are tried by
    /// `prober`.
    ///
    /// # Errors
    ///
    /// If wasmtime does not start on this machine.
    pub fn new(
        settings: RolloutSettings,
        components: &Components,
        database: HostDatabase,
        cohere: berth_cohere::Client,
        traces: Traces,
        live: LiveVersions,
        prober: Box<dyn Prober>,
    ) -> Result<Self, EngineError> {
        let max_instances = components.instances().max(MIN_INSTANCES);
        let engine = Engine::new(EngineSettings {
            instances: max_instances,
            guest_memory: settings.guest_memory,
        })?;
        let stores = Stores::new(
            database.pool.clone(),
            database.server.clone(),
            settings.host,
            settings.poll_interval,
        );
        Ok(Self {
            exclusive: Exclusive::new(database.server.clone(), stores.versions.clone()),
            stores,
            builder: Builder {
                compiler: Compiler::new(engine, settings.code_cache, settings.compiler),
                max_instances,
                databases: ComponentDatabases {
                    host: database,
                    max_connections: settings.component_connections,
                },
                cohere,
            },
            live,
            prober,
            listeners: Listeners::new(),
            precedence: settings.precedence,
            traces,
            known: Mutex::default(),
        })
    }

    /// Subscribes to every swap on this host from now on.
    #[must_use]
    pub fn progress(&self) -> broadcast::Receiver<Progress> {
        self.listeners.subscribe()
    }

    /// The numbers of the swaps on this host.
    #[must_use]
    pub fn metrics(&self) -> &Arc<SwapMetrics> {
        self.listeners.metrics()
    }

    /// The memory of all instances.
    #[must_use]
    pub fn guest_memory(&self) -> GuestMemoryUse {
        self.builder.compiler.guest_memory()
    }

    /// The live versions of this host.
    #[must_use]
    pub fn live(&self) -> &LiveVersions {
        &self.live
    }

    /// The database's last answer about each component of this host, without a query.
    #[must_use]
    pub fn known(&self) -> BTreeMap<String, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the database for what [`known`](Self::known) returns, as well as possible. A host does so when it starts,
    /// after a swap, and whenever it polls: a scrape must not wake a database that sleeps.
    pub async fn observe(&self) {
        if let Err(error) = self.try_observe().await {
            tracing::debug!(%error, "the database does not say how the components stand");
        }
    }

    async fn try_observe(&self) -> Result<(), StorageError> {
        let mut replicas = self.stores.hosts.all().await?;
        let mut kept = self.stores.versions.kept().await?;
        let statuses = self.live.statuses().all().into_iter();
        let known = statuses.map(|(component, status)| {
            let mut hosts = replicas.remove(&component).unwrap_or_default();
            hosts.retain(|host| !host.this);
            hosts.push(self.stores.hosts.this(status));
            let known = Known {
                hosts: Known::count(&hosts),
                kept_versions: kept.remove(&component).unwrap_or_default(),
            };
            (component, known)
        });
        let known = known.collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// Makes a file for a component that is being uploaded.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub fn incoming(&self) -> io::Result<IncomingWasm> {
        self.builder.compiler.incoming()
    }

    /// Reports to the other hosts that this host ends. If that takes too long, its report expires.
    pub async fn leave(&self) {
        if timeout(LEAVE_TIMEOUT, self.stores.hosts.leave()).await.is_err() {
            tracing::debug!("the other hosts could not be told that this one ends");
        }
    }

    /// Reports this host's state to the other hosts, if this host follows them.
    pub(crate) async fn report(&self) -> Result<(), StorageError> {
        self.stores.hosts.report(&self.live.statuses().all()).await
    }

    /// Reports this host's state to the other hosts as well as possible: the next poll repeats the report.
    pub(crate) async fn report_to_others(&self) {
        if let Err(error) = self.report().await {
            tracing::debug!(%error, "the other hosts could not be told of a swap");
        }
        self.observe().await;
    }
}
