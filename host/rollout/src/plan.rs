//! The plan of a swap: the manifest that the host shall have, and the code of each component that is to change.

use std::sync::Arc;

use berth_database::SwapLock;
use berth_runtime::{ComponentSpec, Wasm, digest};
use tokio::sync::mpsc;

use super::report::{Origin, Progress};
use super::versions::StoredVersion;
use crate::config::Manifest;

/// The code that a component shall have.
#[derive(Clone)]
pub(super) enum Source {
    /// Bytes that the manifest or a push brings.
    Bytes {
        bytes: Wasm,
        digest: String,
        origin: Origin,
        by: String,
    },
    /// A version that went live before.
    Kept(StoredVersion),
    /// The version that is live in the database. This host has yet to take the version, or what the manifest says of
    /// it.
    Live(StoredVersion),
}

impl Source {
    /// Makes a source from the bytes of the manifest's file or of a push.
    pub(super) fn bytes(bytes: Wasm, origin: Origin, by: &str) -> Self {
        Self::Bytes {
            digest: digest(&bytes),
            bytes,
            origin,
            by: by.to_owned(),
        }
    }

    pub(super) fn digest(&self) -> &str {
        match self {
            Self::Bytes { digest, .. } => digest,
            Self::Kept(known) | Self::Live(known) => &known.digest,
        }
    }
}

/// A component that is to change.
pub(super) struct Change {
    pub(super) component: Arc<ComponentSpec>,
    pub(super) source: Source,
}

/// The changes of a swap, all of which go live or none.
pub(super) struct Plan {
    /// The manifest that the host shall have afterwards.
    pub(super) manifest: Arc<Manifest>,
    /// The components of the manifest that are to change.
    pub(super) changes: Vec<Change>,
    /// The swap lock, for a plan that decides what all hosts shall have. None for a plan that follows such a decision.
    pub(super) swap_lock: Option<SwapLock>,
    /// Whether to stop before anything is changed.
    pub(super) is_dry_run: bool,
    /// The channel to the caller, if it wants to hear of the progress.
    pub(super) caller: Option<mpsc::UnboundedSender<Progress>>,
}

impl Plan {
    /// Makes a plan for changes that have been decided already.
    pub(super) fn of(manifest: Arc<Manifest>, changes: Vec<Change>) -> Self {
        Self {
            manifest,
            changes,
            swap_lock: None,
            is_dry_run: false,
            caller: None,
        }
    }

    /// Whether the other hosts have to hear of the changes.
    pub(super) fn has_news(&self) -> bool {
        self.changes
            .iter()
            .any(|change| !matches!(change.source, Source::Live(_)))
    }

    /// The component whose report gets the failures that concern all of them.
    pub(super) fn first(&self) -> String {
        self.changes
            .first()
            .map(|change| change.component.name.clone())
            .unwrap_or_default()
    }
}
