//! `berth serve --watch`: what is saved while the host runs goes live by the same swap as everything else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Delivery;
use super::plan::{Change, Plan, Source};
use super::report::Origin;
use super::swap::swap;
use super::watch::{self, Watcher};
use crate::config::{Config, Manifest};
use crate::storage::StorageError;

/// How soon a manifest that could not be adopted is tried again: a file that it names may have been built meanwhile.
const AGAIN: Duration = Duration::from_secs(1);

/// The manifest and the files that it names, under watch.
pub struct Watched {
    watcher: Watcher,
}

impl Watched {
    /// From now on. To be called before the host reads the files, so that no change is missed.
    pub async fn new(config: &Config) -> Self {
        Self { watcher: Watcher::new(paths(config, &config.manifest)).await }
    }
}

impl Delivery {
    /// Swaps in what is saved, for ever. What cannot be used is logged, and changes nothing.
    pub async fn watch(&self, config: &Config, mut watched: Watched) {
        tracing::info!(manifest = %config.manifest_path.display(), "watching the manifest and its files");
        let mut refused = None;
        loop {
            let again = async {
                match refused {
                    Some(_) => sleep(AGAIN).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                change = watched.watcher.changed() => {
                    if change.path == config.manifest_path {
                        refused = self.reload(config, &mut watched.watcher, refused).await;
                    } else {
                        self.file_changed(change).await;
                    }
                }
                () = again => refused = self.reload(config, &mut watched.watcher, refused).await,
            }
        }
    }

    /// Does what the manifest says now. Returns why it cannot, which is logged unless it was the reason `before`.
    async fn reload(&self, config: &Config, watcher: &mut Watcher, before: Option<String>) -> Option<String> {
        let result = match config.read_manifest() {
            Ok(manifest) if manifest.own_routes != config.manifest.own_routes => {
                Err("[http] has changed: start the host again, for its own routes to move".to_owned())
            }
            Ok(manifest) => {
                watcher.set_paths(paths(config, &manifest)).await;
                self.adopt(Arc::new(manifest)).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(()) => {
                tracing::info!("the manifest has changed, and so has the host");
                None
            }
            Err(error) => {
                if before.as_ref() != Some(&error) {
                    tracing::error!(error, "the manifest has changed, but the host stays as it is");
                }
                Some(error)
            }
        }
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
    async fn swap_in(&self, path: &Path, bytes: Arc<[u8]>) -> Result<(), StorageError> {
        let turn = self.turn().await?;
        let here = self.one_at_a_time.lock().await;
        let manifest = self.manifest.load_full();
        let by = format!("the file of {}", self.host);
        let source = Source::bytes(bytes, Origin::Manifest, &by);
        let is_news = |name| self.live(name).is_none_or(|version| version.digest() != source.digest());
        let components = manifest.components.iter().filter(|one| one.source == path && is_news(&one.name));
        let changes: Vec<_> =
            components.map(|one| Change { component: one.clone(), source: source.clone() }).collect();
        if changes.is_empty() {
            turn.give_up().await;
            return Ok(());
        }
        // Whether it went well is in the log.
        let _ = swap(self, &here, Plan { turn: Some(turn), ..Plan::of(manifest.clone(), changes) }).await;
        Ok(())
    }
}

/// What is watched for a manifest: itself, and the files that it names.
fn paths(config: &Config, manifest: &Manifest) -> Vec<std::path::PathBuf> {
    let sources = manifest.components.iter().map(|component| component.source.clone());
    sources.chain([config.manifest_path.clone()]).collect()
}
