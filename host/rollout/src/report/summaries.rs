//! The summaries of components, of their versions, and of the hosts that run them.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Report;

/// A component, as `GET /admin/components` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ComponentSummary {
    /// The component's name.
    pub name: String,
    /// The version that answers requests on this host; none while it starts.
    pub live: Option<VersionSummary>,
    /// The number of the version that all hosts shall have; differs from `live` while a rollout is under way, or where
    /// this host could not take it.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub wanted: Option<NonZeroU32>,
    /// The component's path patterns.
    pub routes: Vec<String>,
    /// The component's capabilities.
    pub capabilities: Vec<String>,
    /// The state of the rollout: `live on 2 of 3, 1 compiling`.
    pub rollout: String,
    /// Each host on the database.
    pub replicas: Vec<Replica>,
}

/// The state of a host, as the host has reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replica {
    /// The host's name, made of its machine and its process.
    pub host: String,
    /// Whether this is the host that answers the request.
    pub this: bool,
    /// The number of the version that is live there.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub number: Option<NonZeroU32>,
    /// The state of the component there.
    pub state: ReplicaState,
    /// Why the host is behind.
    pub detail: Option<String>,
    /// When the host last reported: RFC 3339, UTC.
    pub seen_at: String,
}

/// The state of a component on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicaState {
    /// The wanted version is live.
    Live,
    /// The host is taking the wanted version.
    Compiling,
    /// The host could not take the wanted version and stays on the version before.
    Behind,
}

/// A version, as `GET /admin/components/{name}/history` lists it, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionSummary {
    /// The number, counted from 1 for each component.
    #[schema(value_type = u32, minimum = 1)]
    pub number: NonZeroU32,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub digest: String,
    /// The size of its wasm in bytes.
    pub size: u64,
    /// The state of the version.
    pub state: VersionState,
    /// The origin of the version.
    pub origin: Origin,
    /// The name of the operator who pushed the version, as the client sent it.
    pub by: String,
    /// When the version arrived: RFC 3339, UTC.
    pub created_at: String,
    /// When the version last went live.
    pub live_at: Option<String>,
    /// Why the version was refused.
    pub reason: Option<String>,
    /// Whether the version's bytes are kept, so that a rollback to it is possible.
    pub kept: bool,
}

/// A swap that is over, as `GET /admin/components/{name}/swaps` lists it, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SwapSummary {
    /// The host on which the swap ran.
    pub host: String,
    /// When the swap ended: RFC 3339, UTC.
    pub ended_at: String,
    /// The report.
    pub report: Report,
}

/// A failure of a component's instance, as `GET /admin/traps` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrapSummary {
    /// When the instance failed: RFC 3339, UTC.
    pub time: String,
    /// The component.
    pub component: String,
    /// The number of the version; none for a version that was tried before it had a number.
    #[schema(value_type = Option<u32>, minimum = 1)]
    pub version: Option<NonZeroU32>,
    /// The request's `x-request-id`.
    pub request_id: String,
    /// The path pattern of the manifest that the request matched.
    pub route: Option<String>,
    /// Why the instance failed, on one line.
    pub reason: String,
    /// The functions of the guest, innermost first, one on each line; empty if the guest was not running.
    pub backtrace: String,
}

/// The state of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionState {
    /// The version is being checked.
    Staged,
    /// The version answers requests.
    Live,
    /// The version answered requests before.
    Retired,
    /// The version was refused and never answered requests.
    Refused,
}

/// The origin of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The manifest's file.
    Manifest,
    /// A push to the admin API.
    Push,
}

impl Origin {
    /// The origin's name in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Push => "push",
        }
    }
}

impl ReplicaState {
    /// The state's name in JSON and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Compiling => "compiling",
            Self::Behind => "behind",
        }
    }
}
