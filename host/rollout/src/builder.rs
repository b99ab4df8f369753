//! The means to make a version: the compiler, and the resources behind a component's grants.

use std::sync::Arc;
use std::time::Duration;

use berth_database::{
    Backends, ComponentDatabase, Isolation, IsolationError, Migrating, MigrationError, Pool, PoolSettings,
    Repair, Server, SessionPool, component_database,
};
use berth_runtime::{Candidate, Capability, Compiler, ComponentSpec, Resources, Version};

/// How long a request waits for a connection of its component.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
            && (live.spec().limits == spec.limits && live.spec().capabilities == spec.capabilities)
        {
            return live.resources().clone();
        }
        let sessions = database.map(|database| self.databases.sessions(spec, database));
        let cohere = spec.has(Capability::Cohere).then(|| self.cohere.clone());
        Resources::new(spec, sessions, cohere)
    }
}

impl ComponentDatabases {
    /// The schema and the role of a component. Creates them where they are missing.
    pub(crate) async fn open(&self, component: &str) -> Result<ComponentDatabase, IsolationError> {
        let database = self.create(component).await?;
        if let Isolation::SchemaOnly { reason } = &database.isolation {
            tracing::warn!(
                component,
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
        let target = database.server.direct_target();
        Migrating::begin(
            &target,
            &self.host.backends,
            &database.schema,
            candidate.migrations(),
        )
        .await
    }

    /// The pool of a component's sessions with its database.
    fn sessions(&self, spec: &ComponentSpec, database: &ComponentDatabase) -> SessionPool {
        let settings = PoolSettings {
            max_connections: self.max_connections,
            queue_timeout: QUEUE_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            // A request has no use for an answer that comes after its end.
            statement_timeout: spec.limits.time,
            search_path: Some(database.schema.clone()),
        };
        let repair = self.repair(&spec.name);
        if let Some(role) = database.role() {
            self.host.backends.end_overdue_later(role, spec.limits.time);
        }
        SessionPool::new(
            database.server.clone(),
            settings,
            self.host.backends.clone(),
            Some(repair),
        )
    }

    /// Sets the password of the component's role again.
    fn repair(&self, component: &str) -> Repair {
        let (databases, component) = (self.clone(), component.to_owned());
        Arc::new(move || {
            let (databases, component) = (databases.clone(), component.clone());
            Box::pin(async move {
                if let Err(error) = databases.create(&component).await {
                    tracing::warn!(component, %error, "the role of a component cannot be made good again");
                }
            })
        })
    }

    async fn create(&self, component: &str) -> Result<ComponentDatabase, IsolationError> {
        let HostDatabase { server, pool, .. } = &self.host;
        component_database(pool, server, component, self.max_connections).await
    }
}
