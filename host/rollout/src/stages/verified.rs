//! The first stage, which needs only the component itself: from bytes to a linked component whose metadata is known.

use std::sync::Arc;

use berth_database::Migration;
use berth_runtime::{Authority, Candidate, CandidateError, Compiled, ComponentSpec, Uncompiled, Wasm};
use tokio::task::spawn_blocking;

use super::{Number, Refusal, Refused, Swap};
use crate::permit::SwapPermit;
use crate::plan::{Change, NewBytes, Plan, Source, StoredVersion};
use crate::recorder::{Recorder, Remark};
use crate::report::{Difference, Failure, Step};
use crate::rollout::Rollout;

/// A swap whose changes have passed the steps from [`Step::Size`] to [`Step::Exports`].
pub(crate) struct Verified<'a, N> {
    pub(super) swap: Swap<'a>,
    /// The changes, in the order of the plan.
    pub(super) changes: Vec<VerifiedChange<N>>,
}

/// A change that links.
pub(super) struct VerifiedChange<N> {
    pub(super) change: Change,
    pub(super) candidate: Candidate,
    pub(super) number: N,
}

impl<'a, N: Number> Verified<'a, N> {
    /// Begins a swap and verifies its changes, one after the other. Bytes that are a component get a number, except in
    /// a dry run.
    pub(crate) async fn verify(
        rollout: &'a Rollout,
        permit: SwapPermit,
        plan: Plan,
    ) -> Result<Self, Refused> {
        let mut swap = Swap::begin(rollout, permit, &plan);
        let mut changes = Vec::with_capacity(plan.changes.len());
        for (index, change) in plan.changes.into_iter().enumerate() {
            match verify(rollout, &change, &mut swap.records[index]).await {
                Ok((candidate, number)) => changes.push(VerifiedChange {
                    change,
                    candidate,
                    number,
                }),
                Err(failure) => return Err(swap.refuse(Refusal::new(change.component(), failure)).await),
            }
        }
        Ok(Self { swap, changes })
    }

    /// Ends the swap. Nothing but the reports and the numbers of new versions has been written.
    pub(super) async fn abort(self, refusal: Refusal) -> Refused {
        self.swap.refuse(refusal).await
    }
}

async fn verify<N: Number>(
    rollout: &Rollout,
    change: &Change,
    record: &mut Recorder,
) -> Result<(Candidate, N), Failure> {
    let (compiled, number) = match &change.source {
        Source::Bytes(new) => compile_new(rollout, &change.spec, new, record).await?,
        Source::Kept(stored) | Source::Live(stored) => {
            record.report().number = Some(stored.number);
            let recall = recall(rollout, change.component(), stored);
            (record.step(Step::Compile, recall).await?, N::from(stored.number))
        }
    };
    let link = async { Ok((Candidate::link(&compiled, Arc::clone(&change.spec))?, None)) };
    let mut candidate = record.step(Step::Imports, link).await?;
    record
        .step(Step::Exports, async { Ok((candidate.ask().await?, None)) })
        .await?;
    compare(rollout, &candidate, record);
    Ok((candidate, number))
}

/// Checks new bytes, gives them a number, and compiles them.
async fn compile_new<N: Number>(
    rollout: &Rollout,
    spec: &ComponentSpec,
    new: &NewBytes,
    record: &mut Recorder,
) -> Result<(Compiled, N), Failure> {
    let looked = look_at(spec, &new.bytes).await;
    record_first_steps(&looked, new.bytes.len(), record).await?;
    let number = N::for_bytes(&rollout.stores.versions, &spec.name, new).await;
    let number = number.map_err(|error| Failure::passing(Step::Kind, &error))?;
    record.report().number = number.into();
    let uncompiled = looked.inspect_err(|failure| record.fail(failure))?;
    let compile = compile(rollout, &uncompiled, &new.digest);
    Ok((record.step(Step::Compile, compile).await?, number))
}

/// Checks, before compilation, the size of the bytes and the names of the component's imports and exports.
async fn look_at(spec: &ComponentSpec, bytes: &Wasm) -> Result<Uncompiled, Failure> {
    let uncompiled = read(bytes.clone()).await?;
    uncompiled.check(spec).map_err(CandidateError::from)?;
    Ok(uncompiled)
}

/// Reads a component's sections.
pub(crate) async fn read(bytes: Wasm) -> Result<Uncompiled, Failure> {
    let read = spawn_blocking(|| Uncompiled::read(bytes)).await;
    let read = read.map_err(|error| Failure::passing(Step::Kind, &error))?;
    read.map_err(|error| Failure::from(&error))
}

/// Records the first two steps of a report. A component that fails at a later step has passed these.
async fn record_first_steps(
    looked: &Result<Uncompiled, Failure>,
    size: usize,
    record: &mut Recorder,
) -> Result<(), Failure> {
    let failed = looked.as_ref().err();
    let step = |step, remark| {
        let failed = failed.filter(|failure| failure.step == step).cloned();
        async { failed.map_or(Ok(((), remark)), Err) }
    };
    record
        .step(Step::Size, step(Step::Size, Some(format!("{size} bytes"))))
        .await?;
    record.step(Step::Kind, step(Step::Kind, None)).await
}

async fn compile(
    rollout: &Rollout,
    uncompiled: &Uncompiled,
    digest: &str,
) -> Result<(Compiled, Remark), Failure> {
    let compiled = rollout.builder.compiler.compile(uncompiled, digest).await;
    let compiled = compiled.map_err(|error| Failure::from(&error))?;
    let remark = compiled.was_cached.then(|| "from the code cache".to_owned());
    Ok((compiled, remark))
}

/// The code of a version that was compiled before, on this host or another.
async fn recall(
    rollout: &Rollout,
    component: &str,
    stored: &StoredVersion,
) -> Result<(Compiled, Remark), Failure> {
    if let Some(compiled) = rollout.builder.compiler.recall(&stored.digest).await {
        return Ok((compiled, Some("from the code cache".to_owned())));
    }
    let bytes = rollout.stores.versions.bytes(component, stored.number).await;
    let Some(bytes) = bytes.map_err(|error| Failure::passing(Step::Compile, &error))? else {
        return Err(Failure {
            step: Step::Compile,
            reason: format!(
                "the bytes of version {} are no longer kept; push them again",
                stored.number
            ),
            temporary: false,
        });
    };
    compile(rollout, &read(bytes.into()).await?, &stored.digest).await
}

/// Records how a candidate differs from the live version.
fn compare(rollout: &Rollout, candidate: &Candidate, record: &mut Recorder) {
    let before = rollout.live.version(&candidate.spec().name);
    let authority = before
        .as_ref()
        .map_or_else(Authority::default, |version| version.authority());
    let migrations = before
        .map(|version| names(version.migrations()))
        .unwrap_or_default();
    let after = candidate.authority();
    let changes = &mut record.report().changes;
    changes.imports = Difference::between_interfaces(&authority.imports, &after.imports);
    changes.exports = Difference::between_interfaces(&authority.exports, &after.exports);
    changes.migrations = Difference::between(&migrations, &names(candidate.migrations()));
}

/// The names of migrations in reports.
fn names(migrations: &[Migration]) -> Vec<String> {
    migrations
        .iter()
        .map(|migration| format!("{} {}", migration.version, migration.name))
        .collect()
}
