//! What an operator asks for: another version, the one before, and how things stand.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use berth_database::SwapLock;
use berth_runtime::{IncomingWasm, Wasm};
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
use crate::config::Component;
use crate::storage::StorageError;

/// Why nothing was even tried.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The manifest has no such component.
    #[error("There is no component {name}; there are: {known}")]
    UnknownComponent {
        /// What was asked for.
        name: String,
        /// The components of the manifest.
        known: String,
    },
    /// The component has no such version, or none that was live before.
    #[error("The component {component} has no version {number} to roll back to")]
    UnknownVersion {
        /// The component.
        component: String,
        /// The version.
        number: u32,
    },
    /// There is nothing before the live version.
    #[error("The component {component} has no version that was live before")]
    NothingBefore {
        /// The component.
        component: String,
    },
    /// The version's bytes have made room for newer ones.
    #[error("The bytes of version {number} are no longer kept: push them again")]
    NotKept {
        /// The version.
        number: u32,
    },
    /// Another swap is under way, here or on another host of the same database.
    #[error("Another swap is under way, try again when it is over")]
    Busy,
    /// The host has not begun to serve.
    #[error("The host is starting, try again later")]
    Starting,
    /// The database was not there.
    #[error("The database is not available")]
    Away(#[source] StorageError),
    /// A statement of the host's was wrong, which another try does not mend.
    #[error("Internal Server Error")]
    Statement(#[source] StorageError),
}

impl From<StorageError> for OperatorError {
    fn from(error: StorageError) -> Self {
        if error.is_outage() { Self::Away(error) } else { Self::Statement(error) }
    }
}

impl From<sqlx::Error> for OperatorError {
    fn from(error: sqlx::Error) -> Self {
        StorageError::from(error).into()
    }
}

/// A swap that may begin: nobody else has the turn.
pub struct Requested {
    delivery: Arc<Delivery>,
    component: String,
    turn: SwapLock,
    is_dry_run: bool,
    source: Source,
    /// The version that all hosts have.
    live: Option<StoredVersion>,
}

impl Delivery {
    /// Asks for `bytes` to be the live version of `component`, on behalf of who calls themselves `by`.
    pub async fn push(
        self: &Arc<Self>,
        component: &str,
        bytes: Wasm,
        by: &str,
        is_dry_run: bool,
    ) -> Result<Requested, OperatorError> {
        let component = self.component(component)?.name;
        let source = Source::bytes(bytes, Origin::Push, by);
        self.request(component, source, is_dry_run).await
    }

    /// A file for a component that is coming in.
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
        let component = self.component(component)?.name;
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
        let turn = SwapLock::try_take(self.server.direct(), SWAP_LOCK).await?.ok_or(OperatorError::Busy)?;
        self.versions.refuse_left_over().await?;
        let live = self.versions.live().await?.remove(&component);
        Ok(Requested { delivery: Arc::clone(self), component, turn, is_dry_run, source, live })
    }

    /// The components of this host, and where each stands on every host.
    pub async fn components(&self) -> Result<Vec<ComponentSummary>, OperatorError> {
        let mut replicas = self.replicas().await?;
        let mut summaries = Vec::new();
        for component in &self.manifest.load().components {
            summaries.push(self.summary(component, replicas.remove(&component.name)).await?);
        }
        Ok(summaries)
    }

    /// One of them.
    pub async fn component_summary(&self, name: &str) -> Result<ComponentSummary, OperatorError> {
        let component = self.component(name)?;
        let mut replicas = self.replicas().await?;
        self.summary(&component, replicas.remove(name)).await
    }

    /// The versions of a component, newest first.
    pub async fn history(&self, component: &str) -> Result<Vec<VersionSummary>, OperatorError> {
        Ok(self.versions.history(&self.component(component)?.name).await?)
    }

    /// Each host by component, this one as it is now: a host that follows no others says nothing of itself in the database.
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
        component: &Component,
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
    fn component(&self, name: &str) -> Result<Component, OperatorError> {
        let manifest = self.manifest.load();
        if !self.app.registry().current().is_complete() {
            return Err(OperatorError::Starting);
        }
        let found = manifest.components.iter().find(|component| component.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = manifest.components.iter().map(|component| &*component.name).collect();
            OperatorError::UnknownComponent { name: name.to_owned(), known: known.join(", ") }
        })
    }
}

impl Requested {
    /// Carries it out, also when nobody waits for the report any longer. `caller` hears of its progress.
    pub async fn run(self, caller: Option<mpsc::UnboundedSender<Progress>>) -> Option<Report> {
        // In a task of its own: half a swap, because somebody hung up, would be one too many.
        tokio::spawn(self.carry_out(caller)).await.ok().flatten()
    }

    async fn carry_out(self, caller: Option<mpsc::UnboundedSender<Progress>>) -> Option<Report> {
        let Self { delivery, component, turn, is_dry_run, source, live } = self;
        let here = delivery.one_at_a_time.lock().await;
        let number = delivery.live(&component).map(|version| version.number());
        if let Some(live) = live.filter(|live| live.digest == source.digest() && number == Some(live.number))
        {
            turn.give_up().await;
            return Some(unchanged(&component, &live, delivery.listeners.and(caller)));
        }
        // As it is now: it may have changed while the swap waited.
        let manifest = delivery.manifest.load_full();
        let Some(component) = manifest.components.iter().find(|one| one.name == component) else {
            turn.give_up().await;
            return None;
        };
        let changes = vec![Change { component: component.clone(), source }];
        let plan = Plan { turn: Some(turn), is_dry_run, caller, ..Plan::of(manifest.clone(), changes) };
        let reports = swap(&delivery, &here, plan).await.unwrap_or_else(|Refused { reports, .. }| reports);
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

/// The version of `history` to roll back to: number `to`, or else the one that was live last before the present one.
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
            .ok_or_else(|| OperatorError::UnknownVersion { component: component.to_owned(), number })?,
        None => was_live
            .filter(|version| version.state == VersionState::Retired)
            .max_by(|one, other| one.live_at.cmp(&other.live_at))
            .ok_or_else(|| OperatorError::NothingBefore { component: component.to_owned() })?,
    };
    if !version.kept {
        return Err(OperatorError::NotKept { number: version.number });
    }
    Ok(StoredVersion { number: version.number, digest: version.digest.clone() })
}
