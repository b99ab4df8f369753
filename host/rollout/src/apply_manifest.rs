//! Compares a manifest with the live versions, at the start and when the manifest has changed, and swaps what differs.
//!
//! A file whose bytes the database has never seen is a new version. Where the bytes were seen before and another
//! version is live in the database, the host's [`Precedence`] decides, and the host logs the decision.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use berth_database::{StorageError, SwapLock};
use berth_runtime::{ComponentSpec, EngineError, Wasm};

use super::plan::{Change, Plan, Source};
use super::report::{Failure, Origin, VersionState, VersionSummary};
use super::swap::{Refused, swap};
use super::versions::StoredVersion;
use super::{Delivery, SWAP_LOCK, instances};
use crate::config::Manifest;

/// Why the host could not apply a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ApplyManifestError {
    /// The database is not available.
    #[error(transparent)]
    Away(#[from] StorageError),
    /// wasmtime does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file cannot be read.
    #[error("the component `{component}` cannot be read from `{}`: {error}", path.display())]
    Read {
        /// The component.
        component: String,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: std::io::Error,
    },
    /// The components need more instances than the host was started for.
    #[error(
        "the components' `concurrency` adds up to more than this host was started for ({most} with its reserve): start \
         it again"
    )]
    TooManyInstances {
        /// The number of instances that the host was started for.
        most: u32,
    },
    /// A component was refused.
    #[error("the component `{component}` was refused at the step `{}`: {}", .failure.step.as_str(), .failure.reason)]
    Refused {
        /// The component.
        component: String,
        /// The reason.
        failure: Failure,
    },
}

impl ApplyManifestError {
    /// Whether the database is missing, so that a later attempt may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Away(_) => true,
            Self::Refused { failure, .. } => failure.temporary,
            Self::Engine(_) | Self::Read { .. } | Self::TooManyInstances { .. } => false,
        }
    }
}

/// Which version a host runs when a component's file and the live version in the database differ, and the file is not
/// new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precedence {
    /// The file runs, because the host is a developer's.
    File,
    /// The live version in the database runs, because it may have been pushed after the file was installed.
    Database,
}

/// A file whose bytes were seen before, and the different version that is live in the database.
struct Conflict {
    component: String,
    path: PathBuf,
    file: VersionSummary,
    live: StoredVersion,
}

/// The bytes of each component's file.
pub(super) type Files = BTreeMap<String, Wasm>;

impl Delivery {
    /// Makes the host do what `manifest` says, all of it or nothing. Where a new file is refused, but every component
    /// has a version that went live before, the host takes those versions instead.
    pub async fn apply_manifest(&self, manifest: Arc<Manifest>) -> Result<(), ApplyManifestError> {
        if instances(&manifest) > self.instances {
            return Err(ApplyManifestError::TooManyInstances { most: self.instances });
        }
        let files = read(&manifest).await?;
        let mut swap_lock = None;
        // The local lock is released during the wait for the swap lock, so that the holder of the swap lock can swap.
        let (here, plan, conflicts) = loop {
            let here = self.one_at_a_time.lock().await;
            let (plan, conflicts) = self.plan(&manifest, &files).await?;
            if swap_lock.is_some() || !plan.has_news() {
                break (here, plan, conflicts);
            }
            drop(here);
            swap_lock = Some(self.swap_lock().await?);
        };
        let Err(refused) = swap(self, &here, Plan { swap_lock, ..plan }).await else {
            for conflict in conflicts {
                conflict.log(self.precedence);
            }
            return Ok(());
        };
        if !refused.failure.temporary
            && let Some(plan) = self.fallback(&manifest).await?
        {
            tracing::warn!(
                "the files of the manifest were refused: starting with the versions that were live before"
            );
            swap(self, &here, plan).await?;
            return Ok(());
        }
        Err(refused.into())
    }

    /// Waits for the swap lock.
    pub(super) async fn swap_lock(&self) -> Result<SwapLock, StorageError> {
        let swap_lock = SwapLock::take(self.server.direct(), SWAP_LOCK).await?;
        self.versions.refuse_left_over().await?;
        Ok(swap_lock)
    }

    /// The changes that make this host do what `manifest` says, and the conflicts between files and database.
    async fn plan(
        &self,
        manifest: &Arc<Manifest>,
        files: &Files,
    ) -> Result<(Plan, Vec<Conflict>), StorageError> {
        let live = self.versions.live().await?;
        let current = self.manifest.load_full();
        let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
        for component in &manifest.components {
            let Some(bytes) = files.get(&component.name) else {
                continue;
            };
            let (source, conflict) = self.source(component, bytes, live.get(&component.name)).await?;
            if !self.is_done(&current, component, &source) {
                changes.push(Change {
                    component: component.clone(),
                    source,
                });
                conflicts.extend(conflict);
            }
        }
        Ok((Plan::of(Arc::clone(manifest), changes), conflicts))
    }

    async fn source(
        &self,
        component: &Arc<ComponentSpec>,
        bytes: &Wasm,
        live: Option<&StoredVersion>,
    ) -> Result<(Source, Option<Conflict>), StorageError> {
        let by = format!("the manifest of {}", self.host);
        let file = Source::bytes(bytes.clone(), Origin::Manifest, &by);
        let Some(live) = live else { return Ok((file, None)) };
        if live.digest == file.digest() {
            return Ok((Source::Live(live.clone()), None));
        }
        let seen = self.versions.with_digest(&component.name, file.digest()).await?;
        // A version that another host has only just staged is not decided yet.
        let Some(seen) = seen.filter(|version| version.state != VersionState::Staged) else {
            return Ok((file, None));
        };
        let conflict = Conflict {
            component: component.name.clone(),
            path: component.source.clone(),
            file: seen,
            live: live.clone(),
        };
        let source = match self.precedence {
            Precedence::File => file,
            Precedence::Database => Source::Live(live.clone()),
        };
        Ok((source, Some(conflict)))
    }

    /// Whether the wanted version of a component is live already.
    fn is_done(&self, current: &Manifest, component: &Arc<ComponentSpec>, source: &Source) -> bool {
        let Source::Live(known) = source else { return false };
        current.components.contains(component)
            && self
                .live(&component.name)
                .is_some_and(|version| version.number() == known.number)
    }

    /// The versions that were live before this host started, if every component of the manifest has one and none is
    /// live here yet.
    async fn fallback(&self, manifest: &Arc<Manifest>) -> Result<Option<Plan>, StorageError> {
        if self.app.registry().current().is_complete() {
            return Ok(None);
        }
        let live = self.versions.live().await?;
        let changes = manifest.components.iter().map(|component| {
            let source = Source::Live(live.get(&component.name)?.clone());
            Some(Change {
                component: component.clone(),
                source,
            })
        });
        Ok(changes
            .collect::<Option<_>>()
            .map(|changes| Plan::of(Arc::clone(manifest), changes)))
    }
}

impl Conflict {
    fn log(&self, precedence: Precedence) {
        let Self {
            component,
            path,
            file,
            live,
        } = self;
        let (path, file_version, live_version) = (path.display(), file.number, live.number);
        let state = if file.state == VersionState::Refused {
            ", which was refused"
        } else {
            ""
        };
        match precedence {
            Precedence::File => tracing::info!(
                component,
                file_version,
                live_version,
                "the file is version {file_version}, and takes the place of version {live_version}, which was live in the \
                 database: this host is for development"
            ),
            Precedence::Database => tracing::warn!(
                component,
                file_version,
                live_version,
                "the file is version {file_version}{state}, but version {live_version} is live in the database and runs: \
                 to run the file, `berth components push {path} --component {component}`; to keep version {live_version}, install \
                 its file"
            ),
        }
    }
}

/// Reads the components' files.
pub(super) async fn read(manifest: &Manifest) -> Result<Files, ApplyManifestError> {
    let mut files = Files::new();
    for component in &manifest.components {
        let ComponentSpec { name, source, .. } = &**component;
        let bytes = tokio::fs::read(source)
            .await
            .map_err(|error| ApplyManifestError::Read {
                component: name.clone(),
                path: source.clone(),
                error,
            })?;
        files.insert(name.clone(), bytes.into());
    }
    Ok(files)
}

impl From<Refused> for ApplyManifestError {
    fn from(refused: Refused) -> Self {
        Self::Refused {
            component: refused.component,
            failure: refused.failure,
        }
    }
}
