//! The first steps of a swap, which need only the component itself: from bytes to a linked component whose metadata is
//! known.

use std::sync::Arc;

use berth_database::Migration;
use berth_runtime::{
    Authority, Candidate, CandidateError, CompileError, Compiled, ComponentSpec, LinkError, Uncompiled, Wasm,
};
use tokio::task::spawn_blocking;

use super::Delivery;
use super::plan::{Change, Source};
use super::recorder::{Recorder, Remark};
use super::report::{Difference, Failure, Step};
use super::versions::StoredVersion;

/// Takes the steps from [`Step::Size`] to [`Step::Exports`]. Bytes that are a component get a number, except in a dry
/// run.
pub(super) async fn verify(
    delivery: &Delivery,
    change: &Change,
    is_dry_run: bool,
    record: &mut Recorder,
) -> Result<Candidate, Failure> {
    let Change { component, source } = change;
    let compiled = match source {
        Source::Bytes {
            bytes,
            digest,
            origin,
            by,
        } => {
            let looked = look_at(component, bytes).await;
            record_first_steps(&looked, bytes.len(), record).await?;
            if !is_dry_run {
                let staged = delivery
                    .versions
                    .stage(&component.name, digest, bytes.len(), *origin, by)
                    .await;
                record.report().number = Some(staged.map_err(|error| Failure::passing(Step::Kind, &error))?);
            }
            let uncompiled = looked.inspect_err(|failure| record.fail(failure))?;
            record
                .step(Step::Compile, compile(delivery, &uncompiled, digest))
                .await?
        }
        Source::Kept(known) | Source::Live(known) => {
            record.report().number = Some(known.number);
            record
                .step(Step::Compile, recall(delivery, &component.name, known))
                .await?
        }
    };
    let link = async { Ok((Candidate::link(&compiled, Arc::clone(component))?, None)) };
    let mut candidate = record.step(Step::Imports, link).await?;
    record
        .step(Step::Exports, async { Ok((candidate.ask().await?, None)) })
        .await?;
    compare(delivery, &candidate, record);
    Ok(candidate)
}

/// Checks, before compilation, the size of the bytes and the names of the component's imports and exports.
async fn look_at(component: &ComponentSpec, bytes: &Wasm) -> Result<Uncompiled, Failure> {
    let uncompiled = read(bytes.clone()).await?;
    uncompiled.check(component).map_err(CandidateError::from)?;
    Ok(uncompiled)
}

/// Reads a component's sections.
pub(super) async fn read(bytes: Wasm) -> Result<Uncompiled, Failure> {
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
    delivery: &Delivery,
    uncompiled: &Uncompiled,
    digest: &str,
) -> Result<(Compiled, Remark), Failure> {
    let compiled = delivery.compiler.compile(uncompiled, digest).await;
    let compiled = compiled.map_err(|error| Failure::from(&error))?;
    let remark = compiled.was_cached.then(|| "from the code cache".to_owned());
    Ok((compiled, remark))
}

/// The code of a version that was compiled before, on this host or another.
async fn recall(
    delivery: &Delivery,
    component: &str,
    known: &StoredVersion,
) -> Result<(Compiled, Remark), Failure> {
    if let Some(compiled) = delivery.compiler.recall(&known.digest).await {
        return Ok((compiled, Some("from the code cache".to_owned())));
    }
    let bytes = delivery.versions.bytes(component, known.number).await;
    let Some(bytes) = bytes.map_err(|error| Failure::passing(Step::Compile, &error))? else {
        let reason = format!(
            "the bytes of version {} are no longer kept; push them again",
            known.number
        );
        return Err(Failure {
            step: Step::Compile,
            reason,
            temporary: false,
        });
    };
    compile(delivery, &read(bytes.into()).await?, &known.digest).await
}

/// Records how a candidate differs from the live version.
fn compare(delivery: &Delivery, candidate: &Candidate, record: &mut Recorder) {
    let before = delivery.live(&candidate.spec().name);
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

impl From<&CompileError> for Failure {
    fn from(error: &CompileError) -> Self {
        let step = match error {
            CompileError::TooLarge(_) => Step::Size,
            CompileError::Precompiled
            | CompileError::CoreModule
            | CompileError::Program
            | CompileError::NotWebAssembly
            | CompileError::NeedsWasi03(_) => Step::Kind,
            CompileError::TooMuch { .. }
            | CompileError::Invalid(_)
            | CompileError::TooSlow(_)
            | CompileError::TooMuchMemory(_)
            | CompileError::Crashed { .. }
            | CompileError::Cache { .. } => Step::Compile,
            CompileError::Killed(_) | CompileError::Process(_) => {
                return Failure::passing(Step::Compile, error);
            }
        };
        Failure::lasting(step, error)
    }
}

impl From<CandidateError> for Failure {
    fn from(error: CandidateError) -> Self {
        let step = match &error {
            CandidateError::Link(LinkError::NoHandler | LinkError::OtherHandler(_))
            | CandidateError::Export { .. }
            | CandidateError::Memory { .. }
            | CandidateError::MigrationsWithoutDatabase { .. } => Step::Exports,
            CandidateError::Link(_) | CandidateError::Client(_) => Step::Imports,
        };
        Failure::lasting(step, &error)
    }
}
