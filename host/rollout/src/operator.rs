//! The requests of operators: push a version, roll back, and show the components.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use berth_database::{StorageError, SwapLock};
use berth_runtime::{ComponentSpec, IncomingWasm, Wasm};
use tokio::sync::mpsc;

use super::hosts::in_words;
use super::plan::{Change, Plan, Source};
use super::recorder::{Listeners, Recorder};
use super::report::{
    ComponentSummary, Origin, Outcome, Progress, Replica, Report, VersionState, VersionSummary,
};
use super::swap::{Refused, swap};
use super::versions::StoredVersion;
use super::{Delivery, SWAP_LOCK};

/// Why a request was refused before its swap began.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The manifest has no such component.
    #[error("There is no component {name}; there are: {known}")]
    UnknownComponent {
        /// The name in the request.
        name: String,
        /// The components of the manifest.
        known: String,
    },
    /// The component has no such version, or that version was never live.
    #[error("The component {component} has no version {number} to roll back to")]
    UnknownVersion {
        /// The component.
        component: String,
        /// The version.
        number: u32,
    },
    /// No version was live before the present one.
    #[error("The component {component} has no version that was live before")]
    NothingBefore {
        /// The component.
        component: String,
    },
    /// The version's bytes were deleted to keep newer ones.
    #[error("The bytes of version {number} are no longer kept: push them again")]
    NotKept {
        /// The version.
        number: u32,
    },
    /// Another swap is under way, here or on another host of the same database.
    #[error("Another swap is under way, try again when it is over")]
    Busy,
    /// The host has not begun to serve requests.
    #[error("The host is starting, try again later")]
    Starting,
    /// The database is not available.
    #[error("The database is not available")]
    Away(#[source] StorageError),
    /// A statement of the host failed in a way that another attempt does not mend.
    #[error("Internal Server Error")]
    Statement(#[source] StorageError),
}

impl From<StorageError> for OperatorError {
    fn from(error: StorageError) -> Self {
        if error.is_outage() {
            Self::Away(error)
        } else {
            Self::Statement(error)
        }
    }
}

impl From<sqlx::Error> for OperatorError {
    fn from(error: sqlx::Error) -> Self {
        StorageError::from(error).into()
    }
}

/// A swap that may begin: it holds the swap lock.
pub struct Requested {
    delivery: Arc<Delivery>,
    component: String,
    swap_lock: SwapLock,
    is_dry_run: bool,
    source: Source,
    /// The version that is live for all hosts.
    live: Option<StoredVersion>,
}

impl Delivery {
    /// Asks for `bytes` to be the live version of `component`. `by` is the operator's name, as the client sends it.
    pub async fn push(
        self: &Arc<Self>,
        component: &str,
        bytes: Wasm,
        by: &str,
        is_dry_run: bool,
    ) -> Result<Requested, OperatorError> {
        let component = self.component(component)?.name.clone();
        let source = Source::bytes(bytes, Origin::Push, by);
        self.request(component, source, is_dry_run).await
    }

    /// Makes a file for a component that is being uploaded.
    ///
    /// # Errors
    ///
    /// If the file cannot be made.
    pub fn incoming(&self) -> io::Result<IncomingWasm> {
        self.compiler.incoming()
    }

    /// Asks for a version of `component` that was live before: number `to`, or else the one before the present one.
    pub async fn roll_back(
        self: &Arc<Self>,
        component: &str,
        to: Option<u32>,
        is_dry_run: bool,
    ) -> Result<Requested, OperatorError> {
        let component = self.component(component)?.name.clone();
        let history = self.versions.history(&component).await?;
        let known = destination(&component, to, &history)?;
        self.request(component, Source::Kept(known), is_dry_run).await
    }

    async fn request(
        self: &Arc<Self>,
        component: String,
        source: Source,
        is_dry_run: bool,
    ) -> Result<Requested, OperatorError> {
        let swap_lock = SwapLock::try_take(self.server.direct(), SWAP_LOCK)
            .await?
            .ok_or(OperatorError::Busy)?;
        self.versions.refuse_left_over().await?;
        let live = self.versions.live().await?.remove(&component);
        Ok(Requested {
            delivery: Arc::clone(self),
            component,
            swap_lock,
            is_dry_run,
            source,
            live,
        })
    }

    /// The components of this host, with the state of each on every host.
    pub async fn components(&self) -> Result<Vec<ComponentSummary>, OperatorError> {
        let mut replicas = self.replicas().await?;
        let mut summaries = Vec::new();
        for component in &self.manifest.load().components {
            summaries.push(self.summary(component, replicas.remove(&component.name)).await?);
        }
        Ok(summaries)
    }

    /// The summary of a single component.
    pub async fn component_summary(&self, name: &str) -> Result<ComponentSummary, OperatorError> {
        let component = self.component(name)?;
        let mut replicas = self.replicas().await?;
        self.summary(&component, replicas.remove(name)).await
    }

    /// The versions of a component, newest first.
    pub async fn history(&self, component: &str) -> Result<Vec<VersionSummary>, OperatorError> {
        Ok(self.versions.history(&self.component(component)?.name).await?)
    }

    /// The hosts by component, with this host's present state: a host that follows no others stores none in the
    /// database.
    async fn replicas(&self) -> Result<BTreeMap<String, Vec<Replica>>, OperatorError> {
        let mut replicas = self.replicas.all().await?;
        for hosts in replicas.values_mut() {
            hosts.retain(|host| !host.this);
        }
        for (component, status) in self.app.statuses().all() {
            let hosts = replicas.entry(component).or_default();
            hosts.push(self.replicas.this(status));
            hosts.sort_by(|one, other| one.host.cmp(&other.host));
        }
        Ok(replicas)
    }

    async fn summary(
        &self,
        component: &ComponentSpec,
        replicas: Option<Vec<Replica>>,
    ) -> Result<ComponentSummary, OperatorError> {
        let history = self.versions.history(&component.name).await?;
        let number = self.live(&component.name).map(|version| version.number());
        let wanted = history.iter().find(|version| version.state == VersionState::Live);
        let wanted = wanted.map(|version| version.number);
        let replicas = replicas.unwrap_or_default();
        Ok(ComponentSummary {
            name: component.name.clone(),
            wanted,
            live: history.into_iter().find(|version| Some(version.number) == number),
            routes: component.routes.iter().map(ToString::to_string).collect(),
            capabilities: component.capabilities.iter().map(ToString::to_string).collect(),
            rollout: in_words(&replicas, wanted),
            replicas,
        })
    }

    /// A component of the manifest as it is now.
    fn component(&self, name: &str) -> Result<Arc<ComponentSpec>, OperatorError> {
        let manifest = self.manifest.load();
        if !self.app.registry().current().is_complete() {
            return Err(OperatorError::Starting);
        }
        let found = manifest
            .components
            .iter()
            .find(|component| component.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = manifest
                .components
                .iter()
                .map(|component| &*component.name)
                .collect();
            OperatorError::UnknownComponent {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })
    }
}

impl Requested {
    /// Carries out the swap, even if the caller no longer waits for the report. Sends its progress to `caller`.
    pub async fn run(self, caller: Option<mpsc::UnboundedSender<Progress>>) -> Option<Report> {
        // The swap runs in a task of its own, so that a client that hangs up cannot stop it halfway.
        tokio::spawn(self.carry_out(caller)).await.ok().flatten()
    }

    async fn carry_out(self, caller: Option<mpsc::UnboundedSender<Progress>>) -> Option<Report> {
        let Self {
            delivery,
            component,
            swap_lock,
            is_dry_run,
            source,
            live,
        } = self;
        let here = delivery.one_at_a_time.lock().await;
        let number = delivery.live(&component).map(|version| version.number());
        if let Some(live) = live.filter(|live| live.digest == source.digest() && number == Some(live.number))
        {
            swap_lock.give_up().await;
            return Some(unchanged(&component, &live, delivery.listeners.and(caller)));
        }
        // The manifest is loaded now because it may have changed while the swap waited.
        let manifest = delivery.manifest.load_full();
        let Some(component) = manifest.components.iter().find(|one| one.name == component) else {
            swap_lock.give_up().await;
            return None;
        };
        let changes = vec![Change {
            component: component.clone(),
            source,
        }];
        let plan = Plan {
            swap_lock: Some(swap_lock),
            is_dry_run,
            caller,
            ..Plan::of(manifest.clone(), changes)
        };
        let reports = swap(&delivery, &here, plan)
            .await
            .unwrap_or_else(|Refused { reports, .. }| reports);
        delivery.tell_others().await;
        reports.into_iter().next()
    }
}

/// The report of a swap for which there is nothing to do.
fn unchanged(component: &str, live: &StoredVersion, listeners: Listeners) -> Report {
    let mut record = Recorder::new(component, &live.digest, listeners);
    record.report().number = Some(live.number);
    record.finish(Outcome::Unchanged, None)
}

/// The version of `history` to roll back to: number `to`, or else the last live version before the present one.
fn destination(
    component: &str,
    to: Option<u32>,
    history: &[VersionSummary],
) -> Result<StoredVersion, OperatorError> {
    let was_live = history.iter().filter(|version| version.live_at.is_some());
    let version = match to {
        Some(number) => was_live
            .filter(|version| version.number == number)
            .max_by_key(|version| version.number)
            .ok_or_else(|| OperatorError::UnknownVersion {
                component: component.to_owned(),
                number,
            })?,
        None => was_live
            .filter(|version| version.state == VersionState::Retired)
            .max_by(|one, other| one.live_at.cmp(&other.live_at))
            .ok_or_else(|| OperatorError::NothingBefore {
                component: component.to_owned(),
            })?,
    };
    if !version.kept {
        return Err(OperatorError::NotKept {
            number: version.number,
        });
    }
    Ok(StoredVersion {
        number: version.number,
        digest: version.digest.clone(),
    })
}
