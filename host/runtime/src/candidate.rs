//! The steps from a file to a version that can go live. A failure at any of them changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use berth_database::{ComponentDatabase, MigrationError, Pool, PoolSettings};

use crate::capabilities::outgoing_http::{Client, ClientError};
use crate::capabilities::{migrations, openapi};
use crate::capability::Capability;
use crate::compile::{CompileError, Compiler, digest};
use crate::link::{LinkError, link};
use crate::registry::Registry;
use crate::version::{ComponentSpec, Version};

/// At which step a component was refused, and why.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the component `{name}` cannot be read from `{}`: {error}", path.display())]
    Read {
        /// The component.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// It does not compile.
    #[error("the component `{name}` was refused when it was compiled: {error}")]
    Compile {
        /// The component.
        name: String,
        /// Why.
        error: CompileError,
    },
    /// It does not link.
    #[error("the component `{name}` was refused when it was linked: {error}")]
    Link {
        /// The component.
        name: String,
        /// Why.
        error: LinkError,
    },
    /// A function that it exports for the host failed.
    #[error("the component `{name}` was refused: `{export}` failed: {reason}")]
    Export {
        /// The component.
        name: String,
        /// The interface and function.
        export: &'static str,
        /// Why.
        reason: String,
    },
    /// It brings migrations, but has no database.
    #[error(
        "the component `{name}` was refused: it exports `berth:migrations/migrations`, but \"postgres\" is not \
         granted; add it to `capabilities` in [components.{name}] of the manifest"
    )]
    MigrationsWithoutDatabase {
        /// The component.
        name: String,
    },
    /// A migration failed, or the database was not there to run it.
    #[error("the component `{name}` was refused when its migrations ran: {error}")]
    Migrate {
        /// The component.
        name: String,
        /// Why.
        error: MigrationError,
    },
    /// Outgoing requests cannot be made on this machine.
    #[error("the component `{name}` may send requests, but the client for them does not start: {error}")]
    Client {
        /// The component.
        name: String,
        /// Why.
        error: ClientError,
    },
}

impl LoadError {
    /// Whether the same component may load a moment later: the database was away, or another host was at work.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Migrate { error: MigrationError::Database(_) | MigrationError::Locked { .. }, .. }
        )
    }
}

/// A component that has passed every check that needs no database. It answers no requests yet.
pub struct Candidate(Version);

impl Candidate {
    /// Reads, compiles and links the component at `path`, and asks it for its OpenAPI document. The components that
    /// it may call will be those that are live in `registry`.
    pub async fn verify(
        compiler: &Compiler,
        registry: &Arc<Registry>,
        spec: ComponentSpec,
        path: &Path,
    ) -> Result<Self, LoadError> {
        let name = spec.name.clone();
        let bytes = tokio::fs::read(path).await.map_err(|error| LoadError::Read {
            name: name.clone(),
            path: path.to_owned(),
            error,
        })?;
        let digest = digest(&bytes);
        let component = compiler
            .compile(Arc::from(bytes), &digest)
            .await
            .map_err(|error| LoadError::Compile { name: name.clone(), error })?;
        let pre = link(&component, &spec, registry)
            .map_err(|error| LoadError::Link { name: name.clone(), error })?;
        let client =
            Client::new(&spec.outgoing).map_err(|error| LoadError::Client { name: name.clone(), error })?;
        let mut version = Version::new(spec, &digest, pre, client);
        if migrations::is_exported(&version) && !version.spec.capabilities.contains(&Capability::Postgres) {
            return Err(LoadError::MigrationsWithoutDatabase { name });
        }
        version.openapi = openapi::get(&version).await.map_err(|reason| LoadError::Export {
            name,
            export: openapi::EXPORT,
            reason,
        })?;
        Ok(Self(version))
    }

    /// What the manifest says of the component.
    #[must_use]
    pub fn spec(&self) -> &ComponentSpec {
        self.0.spec()
    }

    /// The version that it would be, linked, but without a database.
    pub(crate) fn linked(&self) -> &Version {
        &self.0
    }

    /// Which version it would be: the first twelve digits of the SHA-256 of its bytes.
    #[must_use]
    pub fn version(&self) -> &str {
        self.0.id()
    }

    /// Runs the migrations that the component brings, and makes it a version that may go live. `database` is the
    /// component's own and `cohere` the host's, each if it is granted.
    ///
    /// After an error that [is temporary](LoadError::is_temporary) it can be called again.
    pub async fn promote(
        &self,
        database: Option<(ComponentDatabase, PoolSettings)>,
        cohere: Option<berth_cohere::Client>,
    ) -> Result<Version, LoadError> {
        let mut version = self.0.clone();
        version.cohere = cohere;
        if let Some((database, settings)) = database {
            self.migrate(&database).await?;
            version.database = Some(Pool::new(database.options, settings));
        }
        Ok(version)
    }

    async fn migrate(&self, database: &ComponentDatabase) -> Result<(), LoadError> {
        let name = &self.spec().name;
        let list = migrations::list(&self.0).await.map_err(|reason| LoadError::Export {
            name: name.clone(),
            export: migrations::EXPORT,
            reason,
        })?;
        let ran = berth_database::migrate(&database.options, &database.schema, &list)
            .await
            .map_err(|error| LoadError::Migrate { name: name.clone(), error })?;
        if !ran.is_empty() {
            tracing::info!(component = name, versions = ?ran, "migrations have run");
        }
        Ok(())
    }
}
