//! The fourth stage: the versions have answered the manifest's probes, in a deployment that no other request reaches.

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_runtime::Registry;

use super::prepared::{Prepared, PreparedChange, roll_back};
use super::{Number, Refusal, Refused, Swap, deployment, replace};
use crate::prober::{Trial, probe};
use crate::recorder::Recorder;
use crate::report::{Failure, Report, Step};

/// A swap that has passed all steps but the last. Its migrations can still be rolled back.
pub(crate) struct Probed<'a, N> {
    pub(super) swap: Swap<'a>,
    /// The changes, in the order of the plan.
    pub(super) changes: Vec<PreparedChange<N>>,
}

impl<'a, N: Number> Probed<'a, N> {
    /// Probes each version together with the others of the swap and with the live versions that they do not replace.
    pub(crate) async fn probe(mut prepared: Prepared<'a, N>) -> Result<Self, Refused> {
        if let Err(refusal) = probe_all(&mut prepared).await {
            return Err(prepared.abort(refusal).await);
        }
        let Prepared { swap, changes } = prepared;
        Ok(Self { swap, changes })
    }

    /// Ends the swap, and rolls the migrations back.
    pub(super) async fn abort(self, refusal: Refusal) -> Refused {
        roll_back(self.changes).await;
        self.swap.refuse(refusal).await
    }
}

impl Probed<'_, Option<NonZeroU32>> {
    /// Ends a dry run: rolls the migrations back, releases the swap lock and ends the reports.
    pub(crate) async fn undo(mut self) -> Vec<Report> {
        roll_back(self.changes).await;
        for record in &mut self.swap.records {
            record.skip(Step::Live, "a dry run");
        }
        self.swap.pass().await
    }
}

async fn probe_all<N: Number>(prepared: &mut Prepared<'_, N>) -> Result<(), Refusal> {
    let Prepared { swap, changes } = prepared;
    let mut versions = swap.rollout.live.versions_of(&swap.components);
    for change in &mut *changes {
        let version = change.trial().await;
        let version = version
            .map_err(|error| Refusal::new(change.component(), Failure::passing(Step::Probe, &error)))?;
        replace(&mut versions, version);
    }
    let registry = Registry::new(deployment(versions, Step::Probe)?);
    let trial = swap.rollout.prober.begin(Arc::new(registry));
    let trial = trial.map_err(|error| Refusal::new(swap.first(), Failure::lasting(Step::Probe, &*error)))?;
    for (change, record) in changes.iter().zip(&mut swap.records) {
        probe_change(&*trial, change, record)
            .await
            .map_err(|failure| Refusal::new(change.component(), failure))?;
    }
    Ok(())
}

async fn probe_change<N>(
    trial: &dyn Trial,
    change: &PreparedChange<N>,
    record: &mut Recorder,
) -> Result<(), Failure> {
    let probes = &change.verified.candidate.spec().probes;
    if probes.is_empty() {
        record.skip(Step::Probe, "the manifest has none");
        return Ok(());
    }
    let mut answers = Vec::new();
    let work = async {
        probe(trial, probes, &mut answers).await?;
        Ok(((), Some(format!("{} answers", answers.len()))))
    };
    let result = record.step(Step::Probe, work).await;
    record.report().probes = answers;
    result
}
