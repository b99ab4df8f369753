//! The plan of a swap, which every entrance makes: the components that the host shall have, and the code of each
//! component that is to change.

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_runtime::{ComponentSpec, Wasm, digest};
use tokio::sync::mpsc;

use crate::components::Components;
use crate::report::{Origin, Progress};

/// The changes of a swap, all of which go live or none.
pub(crate) struct Plan {
    /// The components that the host shall have afterwards.
    pub(crate) components: Components,
    /// The components that are to change.
    pub(crate) changes: Vec<Change>,
    /// The channel to the caller, if it wants to hear of the progress.
    pub(crate) caller: Option<mpsc::UnboundedSender<Progress>>,
}

/// A component that is to change.
pub(crate) struct Change {
    pub(crate) spec: Arc<ComponentSpec>,
    pub(crate) source: Source,
}

/// The code that a component shall have.
#[derive(Clone)]
pub(crate) enum Source {
    /// Bytes that the manifest or a push brings.
    Bytes(NewBytes),
    /// A version that went live before.
    Kept(StoredVersion),
    /// The version that is live in the database. This host has yet to take the version, or the manifest's new
    /// description of the component.
    Live(StoredVersion),
}

/// Bytes that may become a version.
#[derive(Clone)]
pub(crate) struct NewBytes {
    pub(crate) bytes: Wasm,
    /// The SHA-256 of the bytes, in lower-case hexadecimal.
    pub(crate) digest: String,
    pub(crate) origin: Origin,
    /// The operator or the host that brings the bytes.
    pub(crate) by: String,
}

/// A version that the database has, by its number and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredVersion {
    pub(crate) number: NonZeroU32,
    pub(crate) digest: String,
}

impl Plan {
    /// Plans `changes`, after which the host has `components`.
    pub(crate) fn new(components: Components, changes: Vec<Change>) -> Self {
        Self {
            components,
            changes,
            caller: None,
        }
    }

    /// Whether the plan decides what all hosts shall have, so that its swap needs the swap lock. A plan without news
    /// follows what was decided before.
    pub(crate) fn has_news(&self) -> bool {
        self.changes
            .iter()
            .any(|change| !matches!(change.source, Source::Live(_)))
    }
}

impl Change {
    pub(crate) fn component(&self) -> &str {
        &self.spec.name
    }
}

impl Source {
    /// Makes a source from the bytes of the manifest's file or of a push.
    pub(crate) fn bytes(bytes: Wasm, origin: Origin, by: &str) -> Self {
        Self::Bytes(NewBytes {
            digest: digest(&bytes),
            bytes,
            origin,
            by: by.to_owned(),
        })
    }

    pub(crate) fn digest(&self) -> &str {
        match self {
            Self::Bytes(new) => &new.digest,
            Self::Kept(stored) | Self::Live(stored) => &stored.digest,
        }
    }
}
