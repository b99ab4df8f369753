//! A component that is linked against its grants: what a version is made of, once it is known to be good.

use berth_database::Migration;

use crate::capabilities::outgoing_http::{Client, ClientError};
use crate::capabilities::{migrations, openapi};
use crate::capability::Capability;
use crate::compile::Compiled;
use crate::link::{LinkError, link};
use crate::resources::Resources;
use crate::version::{ComponentSpec, Version};

/// Why a component cannot do what it imports, or would not run.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// It does not link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Outgoing requests cannot be made on this machine.
    #[error("it may send requests, but the client for them does not start: {0}")]
    Client(ClientError),
    /// A function that it exports for the host failed.
    #[error("`{export}` failed: {reason}")]
    Export {
        /// The interface.
        export: &'static str,
        /// Why.
        reason: String,
    },
    /// It brings migrations, but has no database.
    #[error(
        "it exports `berth:migrations/migrations`, but \"postgres\" is not granted; add it to `capabilities` in \
         [components.{component}] of the manifest"
    )]
    MigrationsWithoutDatabase {
        /// The component's name.
        component: String,
    },
}

/// A component that has passed every check that needs no database. It answers no requests yet.
pub struct Candidate {
    /// Without a number, and without anything behind its grants.
    unnumbered: Version,
}

impl Candidate {
    /// Links `compiled` as `spec` says.
    pub fn link(compiled: &Compiled, spec: ComponentSpec) -> Result<Self, CandidateError> {
        let pre = link(&compiled.component, &spec)?;
        let client =
            Client::new(&spec.outgoing, &spec.outgoing_authorities).map_err(CandidateError::Client)?;
        Ok(Self { unnumbered: Version::new(spec, compiled, pre, client) })
    }

    /// Asks the component for what it brings: its OpenAPI document and its migrations.
    pub async fn ask(&mut self) -> Result<(), CandidateError> {
        let failed = |export| move |reason| CandidateError::Export { export, reason };
        let version = &mut self.unnumbered;
        if migrations::is_exported(version) && !version.spec.capabilities.contains(&Capability::Postgres) {
            return Err(CandidateError::MigrationsWithoutDatabase { component: version.spec.name.clone() });
        }
        version.openapi = openapi::get(version).await.map_err(failed(openapi::EXPORT))?;
        version.migrations = migrations::list(version).await.map_err(failed(migrations::EXPORT))?.into();
        Ok(())
    }

    /// What the manifest says of the component.
    #[must_use]
    pub fn spec(&self) -> &ComponentSpec {
        self.unnumbered.spec()
    }

    /// The SHA-256 of its bytes.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.unnumbered.digest()
    }

    /// The migrations that it brings, once it [was asked](Self::ask).
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        self.unnumbered.migrations()
    }

    /// The interfaces that it imports and exports.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.unnumbered.authority()
    }

    /// The version with this number, with `resources` behind its grants.
    #[must_use]
    pub fn version(&self, number: u32, resources: Resources) -> Version {
        self.unnumbered.numbered(number, resources)
    }

    /// What it would be, linked, but without anything behind its grants.
    pub(crate) fn linked(&self) -> &Version {
        &self.unnumbered
    }
}

/// The interfaces of a component, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
}
