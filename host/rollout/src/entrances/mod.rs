//! The entrances to a swap. Each takes the right to swap, makes a plan, and lets the engine carry the plan out:
//!
//! - [`apply_manifest`]: the manifest, at the start and when it has changed
//! - [`Intent`]: an operator's push or rollback
//! - [`SavedFiles`]: files that are saved while the host runs, as `watch` finds them
//! - [`HostSync`]: versions that other hosts on the database have made live

mod apply_manifest;
mod operator;
mod saved_files;
mod sync;
mod watch;

pub(crate) use apply_manifest::read_files;
pub use apply_manifest::{ApplyManifestError, apply_manifest};
pub(crate) use operator::find_component;
pub use operator::{Intent, OperatorError, Requested};
pub use saved_files::{ManifestRefusal, SavedFiles};
pub use sync::HostSync;
