//! An operator's push or rollback, which becomes a swap if no other swap is under way.

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_database::{StorageError, SwapLock};
use berth_runtime::{ComponentSpec, Wasm};
use tokio::sync::mpsc;

use crate::live_versions::LiveVersions;
use crate::permit::SwapPermit;
use crate::plan::{Change, Plan, Source, StoredVersion};
use crate::recorder::{Listeners, Recorder};
use crate::report::{Origin, Outcome, Progress, Report, VersionState, VersionSummary};
use crate::rollout::Rollout;
use crate::stages::Refused;
use crate::swap::{dry_run, swap};

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
        /// The version, as the client sends it.
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
        number: NonZeroU32,
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

/// An operator's wish for another version of a component.
pub struct Intent {
    component: String,
    wanted: Wanted,
    is_dry_run: bool,
}

/// The version that an operator wants to be live.
enum Wanted {
    /// These bytes.
    New { bytes: Wasm, by: String },
    /// A version that was live before, by its number.
    Number(NonZeroU32),
    /// The version that was live before the present version.
    Previous,
}

/// A swap that may begin: it holds the swap lock.
pub struct Requested {
    rollout: Arc<Rollout>,
    component: String,
    swap_lock: SwapLock,
    source: Source,
    /// The version that is live for all hosts.
    live: Option<StoredVersion>,
    is_dry_run: bool,
}

impl Intent {
    /// Wants `bytes` to be the live version of `component`. `by` is the operator's name, as the client sends it.
    #[must_use]
    pub fn push(component: &str, bytes: Wasm, by: String) -> Self {
        Self::new(component, Wanted::New { bytes, by })
    }

    /// Wants the version of `component` with the number `to`, or else the version that was live before the present
    /// version.
    #[must_use]
    pub fn roll_back(component: &str, to: Option<NonZeroU32>) -> Self {
        Self::new(component, to.map_or(Wanted::Previous, Wanted::Number))
    }

    fn new(component: &str, wanted: Wanted) -> Self {
        Self {
            component: component.to_owned(),
            wanted,
            is_dry_run: false,
        }
    }

    /// Stops the swap before anything is changed, if `is_dry_run` is set.
    #[must_use]
    pub fn with_dry_run(self, is_dry_run: bool) -> Self {
        Self { is_dry_run, ..self }
    }

    /// Takes the swap lock for this intent.
    ///
    /// # Errors
    ///
    /// If there is no such component or version, if another swap holds the lock, or if the database is unavailable.
    pub async fn request(self, rollout: &Arc<Rollout>) -> Result<Requested, OperatorError> {
        let component = find_component(&rollout.live, &self.component)?.name.clone();
        let versions = &rollout.stores.versions;
        let source = match self.wanted {
            Wanted::New { bytes, by } => Source::bytes(bytes, Origin::Push, &by),
            Wanted::Number(number) => Source::Kept(with_number(
                &component,
                number,
                &versions.history(&component).await?,
            )?),
            Wanted::Previous => Source::Kept(previous(&component, &versions.history(&component).await?)?),
        };
        let swap_lock = rollout.exclusive.try_swap_lock().await?;
        let swap_lock = swap_lock.ok_or(OperatorError::Busy)?;
        let live = versions.live().await?.remove(&component);
        Ok(Requested {
            rollout: Arc::clone(rollout),
            component,
            swap_lock,
            source,
            live,
            is_dry_run: self.is_dry_run,
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
            rollout,
            component,
            swap_lock,
            source,
            live,
            is_dry_run,
        } = self;
        let permit = SwapPermit::for_all_hosts(rollout.exclusive.this_host().await, swap_lock);
        let number = rollout.live.number(&component);
        if let Some(live) = live.filter(|live| live.digest == source.digest() && number == Some(live.number))
        {
            let _no_other_swap = permit.roll_back().await;
            return Some(unchanged(
                &component,
                &live,
                rollout.listeners.with_caller(caller),
            ));
        }
        // The components are read now because they may have changed while the swap waited.
        let components = rollout.live.components();
        let Some(spec) = components.find(&component).cloned() else {
            permit.roll_back().await;
            return None;
        };
        let plan = Plan {
            caller,
            ..Plan::new(components, vec![Change { spec, source }])
        };
        let result = if is_dry_run {
            dry_run(&rollout, permit, plan).await
        } else {
            swap(&rollout, permit, plan).await
        };
        let reports = result.unwrap_or_else(|Refused { reports, .. }| reports);
        rollout.report_to_others().await;
        reports.into_iter().next()
    }
}

/// The report of a swap for which there is nothing to do.
fn unchanged(component: &str, live: &StoredVersion, listeners: Listeners) -> Report {
    let mut record = Recorder::new(component, &live.digest, listeners, &berth_traces::Traces::off());
    record.report().number = Some(live.number);
    record.finish(Outcome::Unchanged, None)
}

/// A component of the manifest as it is now.
pub(crate) fn find_component(live: &LiveVersions, name: &str) -> Result<Arc<ComponentSpec>, OperatorError> {
    let components = live.components();
    if !live.is_complete() {
        return Err(OperatorError::Starting);
    }
    components.find(name).cloned().ok_or_else(|| {
        let known: Vec<_> = components.iter().map(|one| &*one.name).collect();
        OperatorError::UnknownComponent {
            name: name.to_owned(),
            known: known.join(", "),
        }
    })
}

/// The version of `history` with this number, if it was live.
fn with_number(
    component: &str,
    number: NonZeroU32,
    history: &[VersionSummary],
) -> Result<StoredVersion, OperatorError> {
    let version = history
        .iter()
        .find(|version| version.number == number && version.live_at.is_some());
    stored(version.ok_or_else(|| OperatorError::UnknownVersion {
        component: component.to_owned(),
        number: number.get(),
    })?)
}

/// The last version of `history` that was live before the present version.
fn previous(component: &str, history: &[VersionSummary]) -> Result<StoredVersion, OperatorError> {
    let retired = history
        .iter()
        .filter(|version| version.live_at.is_some() && version.state == VersionState::Retired);
    let version = retired.max_by(|one, other| one.live_at.cmp(&other.live_at));
    stored(version.ok_or_else(|| OperatorError::NothingBefore {
        component: component.to_owned(),
    })?)
}

/// A version whose bytes are kept.
fn stored(version: &VersionSummary) -> Result<StoredVersion, OperatorError> {
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

#[cfg(test)]
mod tests;
