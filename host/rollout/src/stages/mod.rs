//! The stages of a swap, in which several components may change together. Each stage consumes the stage before, and a
//! stage that is refused undoes its own work and ends the swap:
//!
//! - [`Verified`]: the bytes of each change are a component that links
//! - [`Compatible`]: the components that call each other agree on their interfaces
//! - [`Prepared`]: the migrations have run, in transactions that stay open
//! - [`Probed`]: the versions have answered the probes
//! - [`Live`]: new requests reach the versions
//!
//! A stage of type `…<NonZeroU32>` belongs to a swap that goes live: each version has a number. A stage of type
//! `…<Option<NonZeroU32>>` belongs to a dry run, which cannot go live: bytes that the database has never seen get no
//! number.

mod compatible;
mod live;
mod prepared;
mod probed;
#[cfg(test)]
mod tests;
mod verified;

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_database::StorageError;
use berth_runtime::{Deployment, Version};

use crate::components::Components;
use crate::permit::{HostPermit, SwapPermit};
use crate::plan::{NewBytes, Plan};
use crate::recorder::Recorder;
use crate::report::{Failure, Outcome, Report, Step};
use crate::rollout::Rollout;
use crate::stores::Versions;
pub(crate) use compatible::Compatible;
pub(crate) use live::Live;
pub(crate) use prepared::Prepared;
pub(crate) use probed::Probed;
pub(crate) use verified::{Verified, read};

/// The number of a version in a swap.
pub(crate) trait Number: Copy + From<NonZeroU32> + Into<Option<NonZeroU32>> {
    /// The number of bytes that are a component.
    async fn for_bytes(versions: &Versions, component: &str, new: &NewBytes) -> Result<Self, StorageError>;
}

impl Number for NonZeroU32 {
    async fn for_bytes(versions: &Versions, component: &str, new: &NewBytes) -> Result<Self, StorageError> {
        versions.stage(component, new).await
    }
}

impl Number for Option<NonZeroU32> {
    async fn for_bytes(_: &Versions, _: &str, _: &NewBytes) -> Result<Self, StorageError> {
        Ok(None)
    }
}

/// The part of a swap that all stages hand on.
pub(crate) struct Swap<'a> {
    rollout: &'a Rollout,
    permit: SwapPermit,
    /// The components that the host shall have afterwards.
    components: Components,
    /// The reports, in the order of the changes.
    records: Vec<Recorder>,
}

/// A swap that has ended without a change.
pub(crate) struct Refused {
    /// The component that was refused.
    pub(crate) component: String,
    pub(crate) failure: Failure,
    /// The reports of all components, in the order of the changes.
    pub(crate) reports: Vec<Report>,
    /// Proves that no other swap has begun on this host since.
    pub(crate) permit: HostPermit,
}

/// A component that was refused, and the reason.
struct Refusal {
    component: String,
    failure: Failure,
}

impl Refusal {
    fn new(component: &str, failure: impl Into<Failure>) -> Self {
        Self {
            component: component.to_owned(),
            failure: failure.into(),
        }
    }
}

impl<'a> Swap<'a> {
    fn begin(rollout: &'a Rollout, permit: SwapPermit, plan: &Plan) -> Self {
        let listeners = rollout.listeners.with_caller(plan.caller.clone());
        let records = plan.changes.iter().map(|change| {
            let mut record = Recorder::new(
                change.component(),
                change.source.digest(),
                listeners.clone(),
                &rollout.traces,
            );
            record.report().replaced = rollout.live.number(change.component());
            record
        });
        Self {
            rollout,
            permit,
            components: plan.components.clone(),
            records: records.collect(),
        }
    }

    /// The component whose report gets the failures that concern all components.
    fn first(&self) -> &str {
        self.records.first().map_or("", Recorder::component)
    }

    /// Ends the swap: releases the swap lock, ends the reports, and stores the refusal of each version.
    async fn refuse(self, refusal: Refusal) -> Refused {
        let permit = self.permit.roll_back().await;
        let mut reports = Vec::with_capacity(self.records.len());
        for record in self.records {
            let failure = failure_of(record.component(), &refusal);
            let report = close(record, Outcome::Refused, Some(failure));
            remember(&self.rollout.stores.versions, &report).await;
            reports.push(report);
        }
        let Refusal { component, failure } = refusal;
        Refused {
            component,
            failure,
            reports,
            permit,
        }
    }

    /// Ends a dry run that has passed its steps: releases the swap lock, and ends the reports.
    async fn pass(self) -> Vec<Report> {
        let Self { permit, records, .. } = self;
        let _no_other_swap = permit.roll_back().await;
        close_all(records, Outcome::Passed)
    }

    /// Ends the reports of a swap whose versions are live.
    fn finish(self) -> Vec<Report> {
        close_all(self.records, Outcome::Live)
    }
}

fn close_all(records: Vec<Recorder>, outcome: Outcome) -> Vec<Report> {
    let records = records.into_iter();
    records.map(|record| close(record, outcome, None)).collect()
}

/// The failure in a component's report: its own, or that of the component that stopped the swap.
fn failure_of(component: &str, refusal: &Refusal) -> Failure {
    if component == refusal.component {
        return refusal.failure.clone();
    }
    let reason = format!(
        "`{}`, which was to change with it, was refused",
        refusal.component
    );
    Failure {
        reason,
        ..refusal.failure.clone()
    }
}

/// Ends a report and logs it.
fn close(record: Recorder, outcome: Outcome, failure: Option<Failure>) -> Report {
    let report = record.finish(outcome, failure);
    let Report {
        component,
        number,
        digest,
        replaced,
        milliseconds,
        ..
    } = &report;
    match &report.failure {
        Some(Failure { step, reason, .. }) => {
            let step = step.as_str();
            tracing::error!(
                component,
                version = number,
                digest,
                step,
                error = reason,
                "a version was refused"
            );
        }
        None if outcome == Outcome::Live => {
            tracing::info!(
                component,
                version = number,
                digest,
                replaced,
                milliseconds,
                "live"
            );
        }
        None => tracing::info!(component, digest, milliseconds, "a dry run went well"),
    }
    report
}

/// Stores in the database that a version was refused.
async fn remember(versions: &Versions, report: &Report) {
    let (Some(number), Some(failure)) = (report.number, &report.failure) else {
        return;
    };
    if let Err(error) = versions.refuse(&report.component, number, &failure.reason).await {
        tracing::warn!(component = report.component, %error, "a refusal could not be written down");
    }
}

/// Replaces the version of the same component.
fn replace(versions: &mut Vec<Arc<Version>>, version: Version) {
    versions.retain(|other| other.spec().name != version.spec().name);
    versions.push(Arc::new(version));
}

/// Makes the routes of `versions`, for a step.
fn deployment(versions: Vec<Arc<Version>>, step: Step) -> Result<Deployment, Refusal> {
    Deployment::new(versions).map_err(|error| Refusal::new(&error.component, Failure::lasting(step, &error)))
}
