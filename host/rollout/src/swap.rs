//! A swap: the steps that components take together, until all of them are live or nothing has changed.

use std::sync::Arc;

use berth_database::SwapLock;
use berth_runtime::{Candidate, Deployment, Registry, Version, check_compatibility};
use tokio::sync::MutexGuard;

use super::plan::{Change, Plan, Source};
use super::prepare::Prepared;
use super::recorder::Recorder;
use super::report::{Failure, Outcome, Report, Step};
use super::verify::verify;
use super::versions::make_live;
use super::{Delivery, probe};
use crate::config::Manifest;

/// Why a swap changed nothing.
pub(super) struct Refused {
    /// The component that was refused.
    pub(super) component: String,
    pub(super) failure: Failure,
    /// The reports of all components, in the order of the changes.
    pub(super) reports: Vec<Report>,
}

/// A component that was refused, and the reason.
struct Refusal {
    component: String,
    failure: Failure,
}

impl Refusal {
    fn of(change: &Change, failure: Failure) -> Self {
        Self {
            component: change.component.name.clone(),
            failure,
        }
    }
}

/// Carries out a plan and returns a report for each change, in their order. `_here` proves that no other swap runs on
/// this host.
pub(super) async fn swap(
    delivery: &Delivery,
    _here: &MutexGuard<'_, ()>,
    mut plan: Plan,
) -> Result<Vec<Report>, Refused> {
    let listeners = delivery.listeners.and(plan.caller.clone());
    let record = |Change { component, source }: &Change| {
        let mut record = Recorder::new(&component.name, source.digest(), listeners.clone());
        record.report().replaced = delivery.live(&component.name).map(|version| version.number());
        record
    };
    let mut records: Vec<Recorder> = plan.changes.iter().map(record).collect();
    let passed = if plan.is_dry_run {
        Outcome::Passed
    } else {
        Outcome::Live
    };
    let mut swap = Swap {
        delivery,
        lock: plan.swap_lock.take(),
        records: &mut records,
    };
    // The future is boxed because it is large, and a part of every future that waits for it.
    let result = Box::pin(swap.run(plan)).await;
    if let Some(swap_lock) = swap.lock {
        swap_lock.give_up().await;
    }
    match result {
        Ok(()) => Ok(records
            .into_iter()
            .map(|record| close(record, passed, None))
            .collect()),
        Err(refusal) => {
            let mut reports = Vec::with_capacity(records.len());
            for mut record in records {
                let failure = failure_of(&record.report().component, &refusal);
                let report = close(record, Outcome::Refused, Some(failure));
                remember(delivery, &report).await;
                reports.push(report);
            }
            let Refusal { component, failure } = refusal;
            Err(Refused {
                component,
                failure,
                reports,
            })
        }
    }
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
async fn remember(delivery: &Delivery, report: &Report) {
    let (Some(number), Some(failure)) = (report.number, &report.failure) else {
        return;
    };
    if let Err(error) = delivery
        .versions
        .refuse(&report.component, number, &failure.reason)
        .await
    {
        tracing::warn!(component = report.component, %error, "a refusal could not be written down");
    }
}

struct Swap<'a> {
    delivery: &'a Delivery,
    /// The swap lock, held until the decision for all hosts is committed.
    lock: Option<SwapLock>,
    records: &'a mut [Recorder],
}

impl Swap<'_> {
    async fn run(&mut self, plan: Plan) -> Result<(), Refusal> {
        let mut candidates = Vec::with_capacity(plan.changes.len());
        for (change, record) in plan.changes.iter().zip(&mut *self.records) {
            let candidate = verify(self.delivery, change, plan.is_dry_run, record).await;
            candidates.push(candidate.map_err(|failure| Refusal::of(change, failure))?);
        }
        self.fit(&candidates, &plan.manifest)?;
        let mut prepared = Vec::with_capacity(candidates.len());
        let result = match self.prepare(candidates, &plan.changes, &mut prepared).await {
            Ok(()) => self.probe(&mut prepared, &plan).await,
            refused => refused,
        };
        if result.is_err() || plan.is_dry_run {
            for one in prepared {
                one.give_up().await;
            }
            if result.is_ok() {
                self.records
                    .iter_mut()
                    .for_each(|record| record.skip(Step::Live, "a dry run"));
            }
            return result;
        }
        self.go_live(prepared, plan).await
    }

    /// Checks that the components of the manifest, including the candidates, are compatible.
    fn fit(&mut self, candidates: &[Candidate], manifest: &Manifest) -> Result<(), Refusal> {
        let live = self.delivery.live_of(manifest);
        let Err(error) = check_compatibility(candidates, live.iter().map(AsRef::as_ref)) else {
            return Ok(());
        };
        let is_candidate = |name: &str| candidates.iter().any(|candidate| candidate.spec().name == name);
        // An exporter is at fault only if the importer was compatible with the version before.
        let (component, step) = if !is_candidate(&error.importer) && is_candidate(&error.exporter) {
            (error.exporter.clone(), Step::Exports)
        } else {
            (error.importer.clone(), Step::Imports)
        };
        let failure = Failure::lasting(step, &error);
        for record in &mut *self.records {
            if record.report().component == component {
                record.fail(&failure);
            }
        }
        Err(Refusal { component, failure })
    }

    /// Prepares each candidate. After a refusal, `prepared` has the candidates that were prepared before it.
    async fn prepare(
        &mut self,
        candidates: Vec<Candidate>,
        changes: &[Change],
        prepared: &mut Vec<Prepared>,
    ) -> Result<(), Refusal> {
        for ((candidate, change), record) in candidates.into_iter().zip(changes).zip(&mut *self.records) {
            let one = Prepared::of(self.delivery, candidate, &change.source, record).await;
            prepared.push(one.map_err(|failure| Refusal::of(change, failure))?);
        }
        Ok(())
    }

    /// Probes each candidate together with the others, in a deployment that no other request reaches.
    async fn probe(&mut self, prepared: &mut [Prepared], plan: &Plan) -> Result<(), Refusal> {
        let mut versions = self.delivery.live_of(&plan.manifest);
        for (one, change) in prepared.iter_mut().zip(&plan.changes) {
            replace(
                &mut versions,
                one.trial()
                    .await
                    .map_err(|failure| Refusal::of(change, failure))?,
            );
        }
        let deployment = deployment(versions, Step::Probe)?;
        let trial = self.delivery.trial(Registry::of(deployment));
        let (routes, token) = trial.map_err(|failure| Refusal {
            component: plan.first(),
            failure,
        })?;
        for (change, record) in plan.changes.iter().zip(&mut *self.records) {
            let probes = &change.component.probes;
            if probes.is_empty() {
                record.skip(Step::Probe, "the manifest has none");
                continue;
            }
            let mut answers = Vec::new();
            let work = async {
                probe::probe(&routes, &token, probes, &mut answers).await?;
                Ok(((), Some(format!("{} answers", answers.len()))))
            };
            let result = record.step(Step::Probe, work).await;
            record.report().probes = answers;
            result.map_err(|failure| Refusal::of(change, failure))?;
        }
        Ok(())
    }

    /// Stores the versions that all hosts shall have, commits migrations, notifies every host, and lets new requests
    /// in. Steps that are likelier to fail come first, and the last step cannot fail.
    async fn go_live(&mut self, prepared: Vec<Prepared>, plan: Plan) -> Result<(), Refusal> {
        let first = plan.first();
        let away = |error| Refusal {
            component: first.clone(),
            failure: Failure::passing(Step::Live, &error),
        };
        if let Some(swap_lock) = &mut self.lock {
            write_down(swap_lock, &plan.changes, self.records)
                .await
                .map_err(away)?;
        }
        let mut versions = self.delivery.live_of(&plan.manifest);
        for (one, change) in prepared.into_iter().zip(&plan.changes) {
            if let Some(migrating) = one.migrating {
                let committed = migrating.commit().await;
                committed.map_err(|error| Refusal::of(change, Failure::passing(Step::Live, &error)))?;
            }
            replace(&mut versions, one.candidate.version(one.number, one.resources));
        }
        let deployment = deployment(versions, Step::Live)?;
        if let Some(swap_lock) = self.lock.take() {
            swap_lock.commit().await.map_err(away)?;
        }
        self.delivery.publish(deployment, plan.manifest);
        self.records.iter_mut().for_each(|record| record.pass(Step::Live));
        Ok(())
    }
}

/// Replaces the version of the same component.
fn replace(versions: &mut Vec<Arc<Version>>, version: Version) {
    versions.retain(|other| other.spec().name != version.spec().name);
    versions.push(Arc::new(version));
}

fn deployment(versions: Vec<Arc<Version>>, step: Step) -> Result<Deployment, Refusal> {
    Deployment::new(versions).map_err(|error| Refusal {
        component: error.component.clone(),
        failure: Failure::lasting(step, &error),
    })
}

/// Stores the versions that all hosts shall have, in the transaction of `swap_lock`. Its commit notifies the hosts.
async fn write_down(
    swap_lock: &mut SwapLock,
    changes: &[Change],
    records: &mut [Recorder],
) -> sqlx::Result<()> {
    for (Change { component, source }, record) in changes.iter().zip(records) {
        let bytes = match source {
            Source::Bytes { bytes, .. } => Some(&**bytes),
            Source::Kept(_) => None,
            Source::Live(_) => continue,
        };
        let number = record.report().number.unwrap_or_default();
        make_live(swap_lock, &component.name, number, bytes).await?;
    }
    Ok(())
}
