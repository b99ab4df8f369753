//! A component that is linked against its grants, before it becomes a version.

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_database::Migration;
use bytesize::ByteSize;

use super::compile::Compiled;
use super::exports::{migrations, openapi};
use super::link::link;
use super::link_error::LinkError;
use crate::ambient::outgoing_http::{Client, ClientError};
use crate::capabilities::Capability;
use crate::limits::{MIB, size};
use crate::run::resources::Resources;
use crate::run::version::{Authority, LinkedCode, Version};
use crate::spec::ComponentSpec;

/// Why a component cannot become a version.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// The component does not link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The client for outgoing requests does not start on this machine.
    #[error("it may send requests, but the client for them does not start: {0}")]
    Client(ClientError),
    /// An export that the host calls failed.
    #[error("`{export}` failed: {reason}")]
    Export {
        /// The interface.
        export: &'static str,
        /// The reason.
        reason: String,
    },
    /// The component's initial memory exceeds its limit.
    #[error(
        "it asks for {} of memory at its start, and `limits.memory = {}` allows no more than that; set `memory` in \
         `limits` of [components.{component}] of the manifest to {} or more",
        ByteSize(*.needed).display().iec(), size(*.limit), size(.needed.next_multiple_of(MIB))
    )]
    Memory {
        /// The component's name.
        component: String,
        /// The initial memory, in bytes.
        needed: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The component exports migrations, but has no database.
    #[error(
        "it exports `berth:migrations/migrations`, but \"postgres\" is not granted; add it to `capabilities` in \
         [components.{component}] of the manifest"
    )]
    MigrationsWithoutDatabase {
        /// The component's name.
        component: String,
    },
}

/// A component that has passed every check that needs no database. A candidate serves no requests yet.
pub struct Candidate {
    /// The version, without a number and without resources for its grants.
    unnumbered: Version,
}

impl Candidate {
    /// Links `compiled` according to `spec`.
    pub fn link(compiled: &Compiled, spec: Arc<ComponentSpec>) -> Result<Self, CandidateError> {
        let pre = link(&compiled.component, &spec)?;
        let client =
            Client::new(&spec.outgoing, &spec.outgoing_authorities).map_err(CandidateError::Client)?;
        let code = LinkedCode {
            digest: Arc::clone(&compiled.digest),
            lines: compiled.lines.clone(),
            pre,
        };
        Ok(Self {
            unnumbered: Version::new(
                spec,
                code,
                client,
                compiled.engine.memory().trials(),
                compiled.engine.background().clone(),
            ),
        })
    }

    /// Reads the component's OpenAPI document and its migrations.
    pub async fn ask(&mut self) -> Result<(), CandidateError> {
        let failed = |export| move |reason| CandidateError::Export { export, reason };
        let version = &mut self.unnumbered;
        if let Some(needed) = version.memory_at_start_beyond_limit().await {
            let (component, limit) = (version.spec.name.clone(), version.spec.limits.memory);
            return Err(CandidateError::Memory {
                component,
                needed,
                limit,
            });
        }
        if migrations::is_exported(version) && !version.spec.has(Capability::Postgres) {
            return Err(CandidateError::MigrationsWithoutDatabase {
                component: version.spec.name.clone(),
            });
        }
        version.openapi = openapi::get(version).await.map_err(failed(openapi::EXPORT))?;
        version.migrations = migrations::list(version)
            .await
            .map_err(failed(migrations::EXPORT))?
            .into();
        Ok(())
    }

    /// The component, as the manifest describes it.
    #[must_use]
    pub fn spec(&self) -> &Arc<ComponentSpec> {
        self.unnumbered.spec()
    }

    /// The SHA-256 of the component's bytes.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.unnumbered.digest()
    }

    /// The component's migrations, after [`ask`](Self::ask).
    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        self.unnumbered.migrations()
    }

    /// The interfaces that it imports and exports.
    #[must_use]
    pub fn authority(&self) -> Authority {
        self.unnumbered.authority()
    }

    /// The version with this number, if it has one, and with `resources` for its grants.
    #[must_use]
    pub fn version(&self, number: Option<NonZeroU32>, resources: Resources) -> Version {
        self.unnumbered.numbered(number, resources)
    }

    /// The linked version, without resources for its grants.
    pub(crate) fn linked(&self) -> &Version {
        &self.unnumbered
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::fixtures::{Host, component, spec};

    const WIT: &str = "package test:large; world large { export wasi:http/incoming-handler@0.2.12; }";

    /// Loads a component whose module has this memory and table, with a memory limit. Returns the error, if
    /// any.
    async fn refusal(memory_and_table: &str, limit: u64) -> Option<String> {
        let module = format!(
            r#"(module {memory_and_table}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
                (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)))"#
        );
        let mut spec = spec("large", &[]);
        spec.limits.memory = limit;
        Host::new()
            .verify(spec, &component(WIT, "large", &module))
            .await
            .err()
            .map(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_component_that_starts_with_more_memory_than_its_limit_is_refused_with_what_it_needs() {
        let memory = r#"(memory (export "memory") 320)"#;
        let reason = refusal(memory, 16 * MIB).await.unwrap();
        let (needs, advice) = (
            "asks for 20.0 MiB of memory",
            "[components.large] of the manifest to 20MiB or more",
        );
        assert!(
            reason.contains(needs) && reason.contains("`limits.memory = 16MiB`"),
            "{reason}"
        );
        assert!(reason.ends_with(advice), "{reason}");
        assert_eq!(
            refusal(memory, 20 * MIB).await,
            None,
            "the advice can be followed"
        );
    }

    #[tokio::test]
    async fn a_table_may_be_as_large_as_the_limit_of_memory_allows() {
        let table = r#"(memory (export "memory") 1) (table 300000 funcref)"#;
        assert_eq!(refusal(table, 64 * MIB).await, None);
        let reason = refusal(table, MIB).await.unwrap();
        assert!(
            reason.contains("asks for 2.4 MiB of memory") && reason.ends_with("to 3MiB or more"),
            "{reason}"
        );
    }
}
