//! The means to make a version: the compiler, and the resources behind a component's grants.

use std::sync::Arc;
use std::time::Duration;

use berth_database::{
    Backends, ClaimKey, ComponentDatabase, Isolation, IsolationError, Migrating, MigrationError, Pool,
    PoolMetrics, PoolSettings, Repair, RowOwnership, Server, SessionPool, component_database,
};
use berth_runtime::{Candidate, Capability, Compiler, ComponentSpec, Resources, Version};

/// How long a request waits for a connection of its component.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that see the rows of all users. Few requests have a reason to use one.
const MAX_ALL_ROWS_CONNECTIONS: usize = 2;

/// The host's access to its database, with the rights to make schemas and roles.
#[derive(Clone)]
pub struct HostDatabase {
    /// The server.
    pub server: Server,
    /// The host's own connections.
    pub pool: Pool,
    /// The server's processes that serve components.
    pub backends: Backends,
}

/// Makes versions.
pub(crate) struct Builder {
    pub(crate) compiler: Compiler,
    /// The number of instances that the compiler's engine has room for.
    pub(crate) max_instances: u32,
    pub(crate) databases: ComponentDatabases,
    pub(crate) cohere: berth_cohere::Client,
}

/// The schemas and roles of components, and the pools of their sessions.
#[derive(Clone)]
pub(crate) struct ComponentDatabases {
    pub(crate) host: HostDatabase,
    /// Connections that one component may have open at once.
    pub(crate) max_connections: usize,
}

impl Builder {
    /// The resources behind a component's grants: those of the `live` version, unless the manifest has changed them.
    pub(crate) fn resources(
        &self,
        spec: &ComponentSpec,
        live: Option<&Version>,
        database: Option<&ComponentDatabase>,
    ) -> Resources {
        if let Some(live) = live
            && live.spec().limits == spec.limits
            && live.spec().capabilities == spec.capabilities
            && live.spec().rows == spec.rows
        {
            return live.resources().clone();
        }
        let before = live.map(Version::resources);
        let [own, all] = before.map_or([None, None], Resources::session_pools).map(metrics);
        let sessions = database.map(|database| self.databases.sessions(spec, database, own));
        let all_rows = database.and_then(|database| self.databases.all_rows_sessions(spec, database, all));
        let cohere = spec.has(Capability::Cohere).then(|| self.cohere.clone());
        Resources::new(spec, sessions, all_rows, cohere, before)
    }
}

/// The numbers of a pool so far; new ones without a pool.
fn metrics(pool: Option<&SessionPool>) -> Arc<PoolMetrics> {
    let so_far = pool.and_then(SessionPool::metrics);
    so_far.map_or_else(Arc::default, |(metrics, _)| Arc::clone(metrics))
}

impl ComponentDatabases {
    /// The schema and the roles of a component. Creates them where they are missing.
    pub(crate) async fn open(&self, spec: &ComponentSpec) -> Result<ComponentDatabase, IsolationError> {
        let database = Box::pin(self.create(spec)).await?;
        if let Isolation::SchemaOnly { reason } = &database.isolation {
            tracing::warn!(
                component = spec.name,
                reason,
                "this database lets no roles be made: the component has a schema of its own, but nothing keeps its SQL in it"
            );
        }
        Ok(database)
    }

    /// Runs the migrations that a candidate's tables lack, in a transaction that stays open.
    pub(crate) async fn migrate(
        &self,
        candidate: &Candidate,
        database: &ComponentDatabase,
    ) -> Result<Migrating, MigrationError> {
        Box::pin(Migrating::begin(
            database,
            &self.host.backends,
            candidate.migrations(),
        ))
        .await
    }

    /// The pool of a component's sessions with its database.
    fn sessions(
        &self,
        spec: &ComponentSpec,
        database: &ComponentDatabase,
        metrics: Arc<PoolMetrics>,
    ) -> SessionPool {
        let claims = database.rows.as_ref().map(|rows| rows.key.clone());
        self.pool(
            spec,
            database,
            database.server.clone(),
            self.max_connections,
            claims,
            metrics,
        )
    }

    /// The pool of the sessions that see the rows of all users, for a component that is granted them.
    fn all_rows_sessions(
        &self,
        spec: &ComponentSpec,
        database: &ComponentDatabase,
        metrics: Arc<PoolMetrics>,
    ) -> Option<SessionPool> {
        let server = database.rows.as_ref()?.all_rows.clone()?;
        Some(self.pool(spec, database, server, MAX_ALL_ROWS_CONNECTIONS, None, metrics))
    }

    fn pool(
        &self,
        spec: &ComponentSpec,
        database: &ComponentDatabase,
        server: Server,
        max_connections: usize,
        claims: Option<ClaimKey>,
        metrics: Arc<PoolMetrics>,
    ) -> SessionPool {
        let settings = PoolSettings {
            max_connections,
            queue_timeout: QUEUE_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            // A request has no use for an answer that comes after its end.
            statement_timeout: spec.limits.time,
            search_path: Some(database.schema.clone()),
            claims,
        };
        if database.isolation == Isolation::Role {
            let role = server.direct().get_username();
            self.host.backends.end_overdue_later(role, spec.limits.time);
        }
        let repair = self.repair(spec);
        SessionPool::counting_in(
            metrics,
            server,
            settings,
            self.host.backends.clone(),
            Some(repair),
        )
    }

    /// Sets the passwords of the component's roles again.
    fn repair(&self, spec: &ComponentSpec) -> Repair {
        let (databases, spec) = (self.clone(), Arc::new(spec.clone()));
        Arc::new(move || {
            let (databases, spec) = (databases.clone(), Arc::clone(&spec));
            Box::pin(async move {
                if let Err(error) = databases.create(&spec).await {
                    tracing::warn!(component = spec.name, %error, "the role of a component cannot be made good again");
                }
            })
        })
    }

    async fn create(&self, spec: &ComponentSpec) -> Result<ComponentDatabase, IsolationError> {
        let HostDatabase { server, pool, .. } = &self.host;
        let rows = spec.rows.as_ref().map(|rules| RowOwnership {
            rules,
            sees_all_rows: spec.has(Capability::PostgresAllRows),
        });
        component_database(pool, server, &spec.name, self.max_connections, rows).await
    }
}
