//! From the manifest to components that are live.
//!
//! First everything that needs no database, so that a component that cannot run stops the start. Then, as soon as the
//! database is there, a schema and the migrations of each. Then all of them go live at once.

use std::sync::Arc;
use std::time::Duration;

use berth_database::isolation::{Isolation, IsolationError};
use berth_database::{ComponentDatabase, Pool, PoolSettings, component_database};
use berth_runtime::{
    Candidate, Capability, CodeCache, Compiler, ComponentSpec, Deployment, Engine, EngineError,
    EngineSettings, FitError, LoadError, Registry, RouteError, check_fit,
};
use sqlx::postgres::PgConnectOptions;

use crate::config::{Authentication, Component, Manifest, Pattern};

/// Connections that one component may have open at once.
const CONNECTIONS: usize = 16;

/// How long a request waits for one of them.
const CONNECTION_QUEUE: Duration = Duration::from_secs(3);

/// How long opening one may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Why the components are not live.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// wasmtime does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A component was refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Components that call each other do not agree on it.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A component's schema and role could not be prepared.
    #[error(transparent)]
    Isolation(#[from] IsolationError),
    /// Routes of two components clash.
    #[error(transparent)]
    Route(#[from] RouteError),
}

impl DeployError {
    /// Whether it is the database that is missing, so that another try may go well.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Load(error) => error.is_temporary(),
            Self::Isolation(IsolationError::Pool(_) | IsolationError::Database { .. }) => true,
            _ => false,
        }
    }
}

/// Compiles, or takes from `cache`, what the manifest lists, links each component against its grants, and checks that
/// those that call each other, through `registry`, agree on it. Needs no database.
pub async fn verify(
    manifest: &Manifest,
    cache: &CodeCache,
    registry: &Arc<Registry>,
) -> Result<Vec<Candidate>, DeployError> {
    let engine = Engine::new(engine_settings(manifest))?;
    let compiler = Compiler::new(engine, cache.clone());
    let mut candidates = Vec::with_capacity(manifest.components.len());
    for component in &manifest.components {
        let candidate = Candidate::verify(&compiler, registry, spec(component), &component.source).await?;
        tracing::info!(component = component.name, version = candidate.version(), "component verified");
        candidates.push(candidate);
    }
    check_fit(&candidates, [])?;
    Ok(candidates)
}

/// Prepares the database of each candidate and makes a deployment of them, in which those that are granted it share
/// `cohere`. After an error that [is temporary](DeployError::is_temporary) it can be called again.
pub async fn promote(
    candidates: &[Candidate],
    host_pool: &Pool,
    options: &PgConnectOptions,
    cohere: &berth_cohere::Client,
) -> Result<Deployment, DeployError> {
    let mut versions = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let spec = candidate.spec();
        let granted = |capability| spec.capabilities.contains(&capability);
        let database = if granted(Capability::Postgres) {
            Some(database(spec, host_pool, options).await?)
        } else {
            None
        };
        let cohere = granted(Capability::Cohere).then(|| cohere.clone());
        versions.push(Arc::new(candidate.promote(database, cohere).await?));
    }
    Ok(Deployment::new(versions)?)
}

async fn database(
    spec: &ComponentSpec,
    host_pool: &Pool,
    options: &PgConnectOptions,
) -> Result<(ComponentDatabase, PoolSettings), DeployError> {
    let database = component_database(host_pool, options, &spec.name).await?;
    if let Isolation::SchemaOnly { reason } = &database.isolation {
        tracing::warn!(
            component = spec.name,
            reason,
            "this database lets no roles be made: the component has a schema of its own, but nothing keeps its SQL in it"
        );
    }
    let settings = PoolSettings {
        max_connections: CONNECTIONS,
        queue_timeout: CONNECTION_QUEUE,
        connect_timeout: CONNECT,
        // No request needs an answer that comes after its end.
        statement_timeout: spec.limits.time,
        search_path: Some(database.schema.clone()),
    };
    Ok((database, settings))
}

fn engine_settings(manifest: &Manifest) -> EngineSettings {
    let limits = || manifest.components.iter().map(|component| &component.limits);
    let instances: usize = limits().map(|limits| limits.concurrency).sum();
    EngineSettings {
        // Twice, since a version that is being replaced finishes its requests beside the next.
        instances: u32::try_from(instances.saturating_mul(2)).unwrap_or(u32::MAX).max(8),
        memory: limits().map(|limits| limits.memory).max().unwrap_or_default(),
    }
}

fn spec(component: &Component) -> ComponentSpec {
    ComponentSpec {
        name: component.name.clone(),
        capabilities: component.capabilities.clone(),
        limits: component.limits.clone(),
        config: component.config.clone(),
        outgoing: component.outgoing.clone(),
        imports: component.imports.clone(),
        routes: component.routes.iter().map(Pattern::to_string).collect(),
        authentication_required: component.authentication == Authentication::Required,
    }
}
