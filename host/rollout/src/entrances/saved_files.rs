//! `berth serve --watch`: files that are saved while the host runs go live by the same swap as all other versions.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::Duration;

use berth_database::StorageError;
use berth_runtime::Wasm;
use tokio::time::sleep;

use super::apply_manifest::{ApplyManifestError, apply_manifest};
use super::watch::{self, Watcher};
use crate::components::Components;
use crate::permit::SwapPermit;
use crate::plan::{Change, Plan, Source};
use crate::report::Origin;
use crate::rollout::Rollout;
use crate::swap::swap;

/// How soon a refused manifest is tried again, because a file that it names may have been built meanwhile.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Why the manifest cannot be applied while the host runs.
pub struct ManifestRefusal {
    /// The reason and the remedy, as they are logged.
    pub reason: String,
    /// Whether the manifest may be applied later although none of the watched files changes.
    pub may_pass: bool,
}

/// The manifest and the files that it names, under watch.
pub struct SavedFiles {
    manifest: PathBuf,
    watcher: Watcher,
}

impl SavedFiles {
    /// Watches the file of the manifest, and the files of `components`, from now on. Call this before the host reads
    /// the files, so that no change is missed.
    pub async fn watch(manifest: PathBuf, components: &Components) -> Self {
        let watcher = Watcher::new(paths(&manifest, components)).await;
        Self { manifest, watcher }
    }

    /// Swaps in each saved file, and never returns. `read` reads the manifest as it is now. A file that cannot be used
    /// is logged, and changes nothing.
    pub async fn swap_in(
        mut self,
        rollout: &Rollout,
        read: impl Fn() -> Result<Components, ManifestRefusal>,
    ) {
        tracing::info!(manifest = %self.manifest.display(), "watching the manifest and its files");
        let mut refused: Option<ManifestRefusal> = None;
        loop {
            let may_pass = refused.as_ref().is_some_and(|refused| refused.may_pass);
            let again = async {
                if may_pass {
                    sleep(RETRY_PAUSE).await;
                } else {
                    pending::<()>().await;
                }
            };
            tokio::select! {
                change = self.watcher.changed() => {
                    let of_manifest = change.path == self.manifest;
                    // A manifest that was refused for a component's file may be valid with the file that is saved now.
                    if of_manifest && change.is_new || !of_manifest && refused.is_some() {
                        refused = self.reload(rollout, &read, refused).await;
                    } else if !of_manifest {
                        file_changed(rollout, change).await;
                    }
                }
                () = again => refused = self.reload(rollout, &read, refused).await,
            }
        }
    }

    /// Applies the manifest as it is now. Returns the reason of a failure, which is logged unless it equals `before`.
    async fn reload(
        &mut self,
        rollout: &Rollout,
        read: impl Fn() -> Result<Components, ManifestRefusal>,
        before: Option<ManifestRefusal>,
    ) -> Option<ManifestRefusal> {
        let result = match read() {
            Ok(components) => {
                self.watcher.set_paths(paths(&self.manifest, &components)).await;
                apply_manifest(rollout, components)
                    .await
                    .map_err(ManifestRefusal::from)
            }
            Err(error) => Err(error),
        };
        let Err(refused) = result else {
            tracing::info!("the manifest has changed, and so has the host");
            return None;
        };
        if before.is_none_or(|before| before.reason != refused.reason) {
            tracing::error!(
                error = refused.reason,
                "the manifest has changed, but the host stays as it is"
            );
        }
        Some(refused)
    }
}

async fn file_changed(rollout: &Rollout, change: watch::Change) {
    let path = &change.path;
    let swapped = match change.content {
        Ok(bytes) => swap_file(rollout, path, bytes.into()).await,
        Err(error) => {
            let error = error.to_string();
            tracing::warn!(path = %path.display(), error, "the file cannot be read: its last version stays live");
            return;
        }
    };
    if let Err(error) = swapped {
        tracing::error!(path = %path.display(), %error, "the file has changed, but nothing was swapped");
    }
}

/// Makes `bytes` the version of every component whose file is at `path`.
async fn swap_file(rollout: &Rollout, path: &Path, bytes: Wasm) -> Result<(), StorageError> {
    let by = format!("the file of {}", rollout.stores.hosts.this_host());
    let source = Source::bytes(bytes, Origin::Manifest, &by);
    if changes(rollout, &rollout.live.components(), path, &source).is_empty() {
        return Ok(());
    }
    let swap_lock = rollout.exclusive.swap_lock().await?;
    let permit = SwapPermit::for_all_hosts(rollout.exclusive.this_host().await, swap_lock);
    // The components are read now because they may have changed while the swap waited.
    let components = rollout.live.components();
    let changes = changes(rollout, &components, path, &source);
    if changes.is_empty() {
        permit.roll_back().await;
        return Ok(());
    }
    // The swap logs its outcome.
    let _ = swap(rollout, permit, Plan::new(components, changes)).await;
    Ok(())
}

/// The components whose file is at `path`, and that do not run the code of `source` yet.
fn changes(rollout: &Rollout, components: &Components, path: &Path, source: &Source) -> Vec<Change> {
    let is_news = |name| {
        let live = rollout.live.version(name);
        live.is_none_or(|version| version.digest() != source.digest())
    };
    let components = components
        .iter()
        .filter(|one| one.source == path && is_news(&one.name));
    components
        .map(|spec| Change {
            spec: spec.clone(),
            source: source.clone(),
        })
        .collect()
}

impl From<ApplyManifestError> for ManifestRefusal {
    fn from(error: ApplyManifestError) -> Self {
        let may_pass = error.is_temporary() || matches!(error, ApplyManifestError::Read { .. });
        Self {
            reason: error.to_string(),
            may_pass,
        }
    }
}

/// The paths to watch: the manifest's own, and those of the files that it names.
fn paths(manifest: &Path, components: &Components) -> Vec<PathBuf> {
    let sources = components.iter().map(|component| component.source.clone());
    sources.chain([manifest.to_owned()]).collect()
}
