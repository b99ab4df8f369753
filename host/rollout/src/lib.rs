//! Versions of components: how they arrive, and how a version replaces another while requests are served.
//!
//! Every version goes live by the same `stages`, whatever its entrance. Starting up is the first swap.
//!
//! - `entrances`: the manifest, operators, saved files and other hosts, which make plans
//! - `plan`, [`Precedence`]: the changes that a swap has to make, and whether files or the database decide them
//! - `permit`: the right to swap, which one swap has at a time
//! - [`Rollout`]: the means of every swap on this host
//! - `swap`: the engine that carries out plans
//! - `stages`: verified, compatible, prepared, probed and live
//! - `builder`: the compiler, and the resources behind a component's grants
//! - [`Prober`]: the requests that a version must answer, made by the binary
//! - [`LiveVersions`], `status`: the versions that answer requests, and the state of each component on this host
//! - [`report`], `recorder`, `failures`: the wire format of reports, a report while it is being written, and the step
//!   that each error fails
//! - `stores`: the records of versions and hosts in the database
//! - [`overview`]: components and versions, as operators see them
//! - [`check`]: whether a manifest could be applied
//!
//! The crate knows neither routes nor accounts nor the binary's configuration: the binary hands in a [`Prober`] and
//! settings.

mod builder;
mod check;
mod components;
mod entrances;
mod failures;
mod live_versions;
pub mod metrics;
pub mod overview;
mod permit;
mod plan;
mod precedence;
mod prober;
mod recorder;
pub mod report;
mod rollout;
mod stages;
mod status;
mod stores;
mod swap;
#[cfg(test)]
mod testing;

pub use builder::HostDatabase;
pub use check::{Checked, check};
pub use components::Components;
pub use entrances::{
    ApplyManifestError, HostSync, Intent, ManifestRefusal, OperatorError, Requested, SavedFiles,
    apply_manifest,
};
pub use live_versions::LiveVersions;
pub use precedence::Precedence;
pub use prober::{ProbeResponse, Prober, Trial};
pub use rollout::{Rollout, RolloutSettings};
pub use status::{Status, Statuses};
