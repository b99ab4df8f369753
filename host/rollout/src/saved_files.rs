//! `berth serve --watch`: files that are saved while the host runs go live by the same swap as all other versions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use berth_runtime::Wasm;
use tokio::time::sleep;

use super::Delivery;
use super::apply_manifest::ApplyManifestError;
use super::plan::{Change, Plan, Source};
use super::report::Origin;
use super::swap::swap;
use super::watch::{self, Watcher};
use crate::config::{Config, Manifest};
use berth_database::StorageError;

/// How soon a refused manifest is tried again, because a file that it names may have been built meanwhile.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A manifest that could not be applied.
struct Refused {
    /// The reason, as it was logged.
    reason: String,
    /// Whether the manifest may be applied later although none of the watched files changes.
    may_pass: bool,
}

/// The manifest and the files that it names, under watch.
pub struct Watched {
    watcher: Watcher,
}

impl Watched {
    /// Watches from now on. Call this before the host reads the files, so that no change is missed.
    pub async fn new(config: &Config) -> Self {
        Self {
            watcher: Watcher::new(paths(config, &config.manifest)).await,
        }
    }
}

impl Delivery {
    /// Swaps in each saved file, and never returns. A file that cannot be used is logged, and changes nothing.
    pub async fn watch(&self, config: &Config, mut watched: Watched) {
        tracing::info!(manifest = %config.manifest_path.display(), "watching the manifest and its files");
        let mut refused: Option<Refused> = None;
        loop {
            let may_pass = refused.as_ref().is_some_and(|refused| refused.may_pass);
            let again = async {
                if may_pass {
                    sleep(RETRY_PAUSE).await
                } else {
                    std::future::pending().await
                }
            };
            tokio::select! {
                change = watched.watcher.changed() => {
                    let of_manifest = change.path == config.manifest_path;
                    // A manifest that was refused for a component's file may be valid with the file that is saved now.
                    if of_manifest && change.is_new || !of_manifest && refused.is_some() {
                        refused = self.reload(config, &mut watched.watcher, refused).await;
                    } else if !of_manifest {
                        self.file_changed(change).await;
                    }
                }
                () = again => refused = self.reload(config, &mut watched.watcher, refused).await,
            }
        }
    }

    /// Applies the manifest as it is now. Returns the reason of a failure, which is logged unless it equals `before`.
    async fn reload(
        &self,
        config: &Config,
        watcher: &mut Watcher,
        before: Option<Refused>,
    ) -> Option<Refused> {
        let result = match config.read_manifest() {
            Ok(manifest) if manifest.own_routes != config.manifest.own_routes => {
                let reason =
                    "[http] has changed: start the host again, for its own routes to move".to_owned();
                Err(Refused {
                    reason,
                    may_pass: false,
                })
            }
            Ok(manifest) => {
                watcher.set_paths(paths(config, &manifest)).await;
                self.apply_manifest(Arc::new(manifest))
                    .await
                    .map_err(Refused::from)
            }
            Err(error) => Err(Refused {
                reason: error.to_string(),
                may_pass: true,
            }),
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

    async fn file_changed(&self, change: watch::Change) {
        let path = &change.path;
        let swapped = match change.content {
            Ok(bytes) => self.swap_in(path, bytes.into()).await,
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
    async fn swap_in(&self, path: &Path, bytes: Wasm) -> Result<(), StorageError> {
        let by = format!("the file of {}", self.host);
        let source = Source::bytes(bytes, Origin::Manifest, &by);
        if self.changes(&self.manifest.load(), path, &source).is_empty() {
            return Ok(());
        }
        let swap_lock = self.swap_lock().await?;
        let here = self.one_at_a_time.lock().await;
        // The manifest is loaded now because it may have changed while the swap waited.
        let manifest = self.manifest.load_full();
        let changes = self.changes(&manifest, path, &source);
        if changes.is_empty() {
            swap_lock.give_up().await;
            return Ok(());
        }
        // The swap logs its outcome.
        let _ = swap(
            self,
            &here,
            Plan {
                swap_lock: Some(swap_lock),
                ..Plan::of(manifest.clone(), changes)
            },
        )
        .await;
        Ok(())
    }

    /// The components whose file is at `path`, and that do not run the code of `source` yet.
    fn changes(&self, manifest: &Manifest, path: &Path, source: &Source) -> Vec<Change> {
        let is_news = |name| {
            self.live(name)
                .is_none_or(|version| version.digest() != source.digest())
        };
        let components = manifest
            .components
            .iter()
            .filter(|one| one.source == path && is_news(&one.name));
        components
            .map(|one| Change {
                component: one.clone(),
                source: source.clone(),
            })
            .collect()
    }
}

impl From<ApplyManifestError> for Refused {
    fn from(error: ApplyManifestError) -> Self {
        let may_pass = error.is_temporary() || matches!(error, ApplyManifestError::Read { .. });
        Self {
            reason: error.to_string(),
            may_pass,
        }
    }
}

/// The paths to watch for a manifest: its own, and those of the files that it names.
fn paths(config: &Config, manifest: &Manifest) -> Vec<std::path::PathBuf> {
    let sources = manifest
        .components
        .iter()
        .map(|component| component.source.clone());
    sources.chain([config.manifest_path.clone()]).collect()
}
