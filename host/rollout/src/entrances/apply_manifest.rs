//! Compares a manifest with the live versions, at the start and when the manifest has changed, and swaps what differs.
//!
//! A file whose bytes the database has never seen is a new version. Where the bytes were seen before and another
//! version is live in the database, the host's [`Precedence`] decides, and the host logs the decision.

use std::collections::BTreeMap;
use std::path::PathBuf;

use berth_database::StorageError;
use berth_runtime::{ComponentSpec, EngineError, Wasm};

use crate::components::Components;
use crate::permit::SwapPermit;
use crate::plan::{Change, Plan, Source, StoredVersion};
use crate::precedence::Precedence;
use crate::report::{Failure, Origin, VersionState, VersionSummary};
use crate::rollout::Rollout;
use crate::stages::Refused;
use crate::swap::swap;

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

/// A file whose bytes were seen before, and the different version that is live in the database.
struct Conflict {
    component: String,
    path: PathBuf,
    file: VersionSummary,
    live: StoredVersion,
}

/// The bytes of each component's file.
pub(crate) type Files = BTreeMap<String, Wasm>;

/// Makes the host have `components` as the manifest describes them, all of them or none. Where a new file is refused,
/// but every component has a version that went live before, the host takes those versions instead.
pub async fn apply_manifest(rollout: &Rollout, components: Components) -> Result<(), ApplyManifestError> {
    let most = rollout.builder.max_instances;
    if components.instances() > most {
        return Err(ApplyManifestError::TooManyInstances { most });
    }
    let files = read_files(&components).await?;
    let (permit, plan, conflicts) = begin(rollout, &components, &files).await?;
    let Err(refused) = swap(rollout, permit, plan).await else {
        for conflict in conflicts {
            conflict.log(rollout.precedence);
        }
        return Ok(());
    };
    if !refused.failure.temporary
        && let Some(plan) = fallback(rollout, components).await?
    {
        tracing::warn!(
            "the files of the manifest were refused: starting with the versions that were live before"
        );
        let permit = SwapPermit::for_this_host(refused.permit);
        swap(rollout, permit, plan).await?;
        return Ok(());
    }
    Err(refused.into())
}

/// Takes the right to swap, and plans. The plan needs the swap lock only if it has news. During the wait for the swap
/// lock, other swaps may run on this host, so that the holder of the swap lock can swap.
async fn begin(
    rollout: &Rollout,
    components: &Components,
    files: &Files,
) -> Result<(SwapPermit, Plan, Vec<Conflict>), StorageError> {
    let this_host = rollout.exclusive.this_host().await;
    let (plan, conflicts) = plan(rollout, components, files).await?;
    if !plan.has_news() {
        return Ok((SwapPermit::for_this_host(this_host), plan, conflicts));
    }
    drop(this_host);
    let swap_lock = rollout.exclusive.swap_lock().await?;
    let this_host = rollout.exclusive.this_host().await;
    let (plan, conflicts) = self::plan(rollout, components, files).await?;
    Ok((SwapPermit::for_all_hosts(this_host, swap_lock), plan, conflicts))
}

/// The changes that make this host have `components`, and the conflicts between files and database.
async fn plan(
    rollout: &Rollout,
    components: &Components,
    files: &Files,
) -> Result<(Plan, Vec<Conflict>), StorageError> {
    let live = rollout.stores.versions.live().await?;
    let current = rollout.live.components();
    let (mut changes, mut conflicts) = (Vec::new(), Vec::new());
    for spec in components.iter() {
        let Some(bytes) = files.get(&spec.name) else {
            continue;
        };
        let (source, conflict) = source(rollout, spec, bytes, live.get(&spec.name)).await?;
        if !is_done(rollout, &current, spec, &source) {
            changes.push(Change {
                spec: spec.clone(),
                source,
            });
            conflicts.extend(conflict);
        }
    }
    Ok((Plan::new(components.clone(), changes), conflicts))
}

async fn source(
    rollout: &Rollout,
    spec: &ComponentSpec,
    bytes: &Wasm,
    live: Option<&StoredVersion>,
) -> Result<(Source, Option<Conflict>), StorageError> {
    let by = format!("the manifest of {}", rollout.stores.hosts.this_host());
    let file = Source::bytes(bytes.clone(), Origin::Manifest, &by);
    let Some(live) = live else { return Ok((file, None)) };
    if live.digest == file.digest() {
        return Ok((Source::Live(live.clone()), None));
    }
    let versions = &rollout.stores.versions;
    let seen = versions.with_digest(&spec.name, file.digest()).await?;
    // A version that another host has only just staged is not decided yet.
    let Some(seen) = seen.filter(|version| version.state != VersionState::Staged) else {
        return Ok((file, None));
    };
    let conflict = Conflict {
        component: spec.name.clone(),
        path: spec.source.clone(),
        file: seen,
        live: live.clone(),
    };
    let source = match rollout.precedence {
        Precedence::File => file,
        Precedence::Database => Source::Live(live.clone()),
    };
    Ok((source, Some(conflict)))
}

/// Whether the wanted version of a component is live already, as `spec` describes the component.
fn is_done(rollout: &Rollout, current: &Components, spec: &ComponentSpec, source: &Source) -> bool {
    let Source::Live(stored) = source else {
        return false;
    };
    current.find(&spec.name).is_some_and(|current| **current == *spec)
        && rollout.live.number(&spec.name) == Some(stored.number)
}

/// The versions that were live before this host started, if every component of the manifest has one and none is live
/// here yet.
async fn fallback(rollout: &Rollout, components: Components) -> Result<Option<Plan>, StorageError> {
    if rollout.live.is_complete() {
        return Ok(None);
    }
    let live = rollout.stores.versions.live().await?;
    let changes = components.iter().map(|spec| {
        let source = Source::Live(live.get(&spec.name)?.clone());
        Some(Change {
            spec: spec.clone(),
            source,
        })
    });
    let changes = changes.collect::<Option<_>>();
    Ok(changes.map(|changes| Plan::new(components.clone(), changes)))
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
pub(crate) async fn read_files(components: &Components) -> Result<Files, ApplyManifestError> {
    let mut files = Files::new();
    for spec in components.iter() {
        let bytes = tokio::fs::read(&spec.source)
            .await
            .map_err(|error| ApplyManifestError::Read {
                component: spec.name.clone(),
                path: spec.source.clone(),
                error,
            })?;
        files.insert(spec.name.clone(), bytes.into());
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

#[cfg(test)]
mod tests;
