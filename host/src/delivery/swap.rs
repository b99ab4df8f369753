//! One swap: the steps that components take together, until all of them are live or nothing has happened.

use std::sync::Arc;

use berth_database::{IsolationError, Migrating, MigrationError, Turn};
use berth_runtime::{Candidate, Capability, Deployment, Registry, Resources, Version, check_fit, digest};
use tokio::sync::{MutexGuard, mpsc};

use super::record::{Record, Remark};
use super::report::{Failure, Origin, Outcome, Progress, Report, Step};
use super::verify::verify;
use super::versions::{Known, make_live};
use super::{Delivery, probe};
use crate::config::{Component, Manifest};

/// The code that a component shall have.
#[derive(Clone)]
pub(super) enum Source {
    /// Bytes that came in.
    Bytes { bytes: Arc<[u8]>, digest: String, origin: Origin, by: String },
    /// A version that went live before.
    Kept(Known),
    /// The version that the database says is live. This host has yet to take it, or to take what the manifest says of it.
    Live(Known),
}

impl Source {
    /// Bytes of the manifest's file or of a push.
    pub(super) fn bytes(bytes: Arc<[u8]>, origin: Origin, by: &str) -> Self {
        Self::Bytes { digest: digest(&bytes), bytes, origin, by: by.to_owned() }
    }

    pub(super) fn digest(&self) -> &str {
        match self {
            Self::Bytes { digest, .. } => digest,
            Self::Kept(known) | Self::Live(known) => &known.digest,
        }
    }
}

/// A component that is to change.
pub(super) struct Change {
    pub(super) component: Component,
    pub(super) source: Source,
}

/// What is to be done, all of it or nothing.
pub(super) struct Plan {
    /// What the host shall have afterwards.
    pub(super) manifest: Arc<Manifest>,
    /// The components of the manifest that are to change.
    pub(super) changes: Vec<Change>,
    /// The turn to say what all hosts shall have. None for who does what has been said already.
    pub(super) turn: Option<Turn>,
    /// Whether to stop before anything is changed.
    pub(super) is_dry_run: bool,
    /// Who wants to hear of its progress.
    pub(super) caller: Option<mpsc::UnboundedSender<Progress>>,
}

impl Plan {
    /// Changes that have been decided already.
    pub(super) fn of(manifest: Arc<Manifest>, changes: Vec<Change>) -> Self {
        Self { manifest, changes, turn: None, is_dry_run: false, caller: None }
    }

    /// Whether there is anything that other hosts have to hear of.
    pub(super) fn has_news(&self) -> bool {
        self.changes.iter().any(|change| !matches!(change.source, Source::Live(_)))
    }

    /// The component that is told what concerns all of them.
    fn first(&self) -> String {
        self.changes.first().map(|change| change.component.name.clone()).unwrap_or_default()
    }
}

/// Why nothing has happened.
pub(super) struct Refused {
    /// The component that was refused.
    pub(super) component: String,
    pub(super) failure: Failure,
    /// The reports of all, in the order of the changes.
    pub(super) reports: Vec<Report>,
}

/// A component that was refused, and why.
struct Refusal {
    component: String,
    failure: Failure,
}

/// A change that is ready to go live.
struct Prepared {
    candidate: Candidate,
    number: u32,
    resources: Resources,
    migrating: Option<Migrating>,
}

/// Carries out a plan. Returns a report for each change, in their order. One at a time on a host: `_here` is proof.
pub(super) async fn swap(
    delivery: &Delivery,
    _here: &MutexGuard<'_, ()>,
    plan: Plan,
) -> Result<Vec<Report>, Refused> {
    let listeners = delivery.listeners.and(plan.caller.clone());
    let record = |Change { component, source }: &Change| {
        let mut record = Record::new(&component.name, source.digest(), listeners.clone());
        record.report().replaced = delivery.live(&component.name).map(|version| version.number());
        record
    };
    let mut records: Vec<Record> = plan.changes.iter().map(record).collect();
    let passed = if plan.is_dry_run { Outcome::Passed } else { Outcome::Live };
    // Boxed, since it is large, and a part of every future that waits for it.
    match Box::pin(Swap { delivery, records: &mut records }.run(plan)).await {
        Ok(()) => Ok(records.into_iter().map(|record| close(record, passed, None)).collect()),
        Err(refusal) => {
            let mut reports = Vec::with_capacity(records.len());
            for mut record in records {
                let failure = failure_of(&record.report().component, &refusal);
                let report = close(record, Outcome::Refused, Some(failure));
                remember(delivery, &report).await;
                reports.push(report);
            }
            let Refusal { component, failure } = refusal;
            Err(Refused { component, failure, reports })
        }
    }
}

/// What a component is told that may not go live: its own failure, or that of the one with which it would have.
fn failure_of(component: &str, refusal: &Refusal) -> Failure {
    if component == refusal.component {
        return refusal.failure.clone();
    }
    let reason = format!("`{}`, which was to change with it, was refused", refusal.component);
    Failure { reason, ..refusal.failure.clone() }
}

/// Ends a report and logs it.
fn close(record: Record, outcome: Outcome, failure: Option<Failure>) -> Report {
    let report = record.finish(outcome, failure);
    let Report { component, number, digest, replaced, milliseconds, .. } = &report;
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
            tracing::info!(component, version = number, digest, replaced, milliseconds, "live");
        }
        None => tracing::info!(component, digest, milliseconds, "a dry run went well"),
    }
    report
}

/// Has the database remember that a version was refused.
async fn remember(delivery: &Delivery, report: &Report) {
    let (Some(number), Some(failure)) = (report.number, &report.failure) else { return };
    if let Err(error) = delivery.versions.refuse(&report.component, number, &failure.reason).await {
        tracing::warn!(component = report.component, %error, "a refusal could not be written down");
    }
}

struct Swap<'a> {
    delivery: &'a Delivery,
    records: &'a mut [Record],
}

impl Swap<'_> {
    async fn run(&mut self, plan: Plan) -> Result<(), Refusal> {
        let mut candidates = Vec::with_capacity(plan.changes.len());
        for (change, record) in plan.changes.iter().zip(&mut *self.records) {
            let candidate = verify(self.delivery, change, plan.is_dry_run, record).await;
            candidates.push(candidate.map_err(|failure| change.refused(failure))?);
        }
        self.fit(&candidates, &plan.manifest)?;
        let mut prepared = Vec::with_capacity(candidates.len());
        let result = match self.prepare(candidates, &plan.changes, &mut prepared).await {
            Ok(()) => self.probe(&mut prepared, &plan).await,
            refused => refused,
        };
        if result.is_err() || plan.is_dry_run {
            for migrating in prepared.into_iter().filter_map(|one| one.migrating) {
                migrating.roll_back().await;
            }
            self.records
                .iter_mut()
                .filter(|_| result.is_ok())
                .for_each(|one| one.skip(Step::Live, "a dry run"));
            return result;
        }
        self.go_live(prepared, plan).await
    }

    /// Whether the components of the manifest fit together, with the candidates among them.
    fn fit(&mut self, candidates: &[Candidate], manifest: &Manifest) -> Result<(), Refusal> {
        let live = self.delivery.live_of(manifest);
        let Err(error) = check_fit(candidates, live.iter().map(AsRef::as_ref)) else { return Ok(()) };
        let is_candidate = |name: &str| candidates.iter().any(|candidate| candidate.spec().name == name);
        // An exporter is to blame only where the importer was content before.
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

    /// Runs the migrations, in transactions that stay open, and gets what is behind the grants. What was prepared before
    /// one was refused is in `prepared` too.
    async fn prepare(
        &mut self,
        candidates: Vec<Candidate>,
        changes: &[Change],
        prepared: &mut Vec<Prepared>,
    ) -> Result<(), Refusal> {
        for ((candidate, change), record) in candidates.into_iter().zip(changes).zip(&mut *self.records) {
            let number = record.report().number.unwrap_or_default();
            let (resources, migrating) = if candidate.spec().capabilities.contains(&Capability::Postgres) {
                let work = migrate(self.delivery, &candidate, &change.source);
                let result = record.step(Step::Migrations, work).await;
                let (resources, migrating) = result.map_err(|failure| change.refused(failure))?;
                (resources, Some(migrating))
            } else {
                record.skip(Step::Migrations, "it has no database");
                (self.delivery.resources(candidate.spec(), None), None)
            };
            prepared.push(Prepared { candidate, number, resources, migrating });
        }
        Ok(())
    }

    /// Probes each candidate beside the others, where nobody sees them.
    async fn probe(&mut self, prepared: &mut [Prepared], plan: &Plan) -> Result<(), Refusal> {
        let mut versions = self.delivery.live_of(&plan.manifest);
        for (one, change) in prepared.iter_mut().zip(&plan.changes) {
            replace(&mut versions, one.trial().await.map_err(|failure| change.refused(failure))?);
        }
        let deployment = deployment(versions, Step::Probe)?;
        let trial = self.delivery.trial(Registry::of(deployment));
        let (router, token) = trial.map_err(|failure| Refusal { component: plan.first(), failure })?;
        for (change, record) in plan.changes.iter().zip(&mut *self.records) {
            let probes = &change.component.probes;
            if probes.is_empty() {
                record.skip(Step::Probe, "the manifest has none");
                continue;
            }
            let mut answers = Vec::new();
            let work = async {
                probe::probe(&router, &token, probes, &mut answers).await?;
                Ok(((), Some(format!("{} answers", answers.len()))))
            };
            let result = record.step(Step::Probe, work).await;
            record.report().probes = answers;
            result.map_err(|failure| change.refused(failure))?;
        }
        Ok(())
    }

    /// Writes down what all hosts shall have, makes migrations permanent, tells every host, and lets new requests in. What
    /// is likelier to fail comes first, and the last cannot.
    async fn go_live(&mut self, prepared: Vec<Prepared>, mut plan: Plan) -> Result<(), Refusal> {
        let first = plan.first();
        let away =
            |error| Refusal { component: first.clone(), failure: Failure::passing(Step::Live, &error) };
        let mut turn = plan.turn.take();
        if let Some(turn) = &mut turn {
            write_down(turn, &plan.changes, self.records).await.map_err(away)?;
        }
        let mut versions = self.delivery.live_of(&plan.manifest);
        for (one, change) in prepared.into_iter().zip(&plan.changes) {
            if let Some(migrating) = one.migrating {
                let committed = migrating.commit().await;
                committed.map_err(|error| change.refused(Failure::passing(Step::Live, &error)))?;
            }
            replace(&mut versions, one.candidate.version(one.number, one.resources));
        }
        let deployment = deployment(versions, Step::Live)?;
        if let Some(turn) = turn {
            turn.commit().await.map_err(away)?;
        }
        self.delivery.publish(deployment, plan.manifest);
        self.records.iter_mut().for_each(|record| record.pass(Step::Live));
        Ok(())
    }
}

/// Puts a version in the place of the one of its component.
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

impl Change {
    fn refused(&self, failure: Failure) -> Refusal {
        Refusal { component: self.component.name.clone(), failure }
    }
}

impl Prepared {
    /// The version as it is tried: with its migrations, and with nothing that it does made permanent.
    async fn trial(&mut self) -> Result<Version, Failure> {
        let pool = match &mut self.migrating {
            Some(migrating) => {
                let pool = migrating.trial(probe::TIME, probe::TIME).await;
                Some(pool.map_err(|error| Failure::passing(Step::Probe, &error))?)
            }
            None => None,
        };
        Ok(self.candidate.version(self.number, self.resources.for_trial(pool)))
    }
}

/// Runs what a candidate's tables lack, and gets what is behind its grants.
async fn migrate(
    delivery: &Delivery,
    candidate: &Candidate,
    source: &Source,
) -> Result<((Resources, Migrating), Remark), Failure> {
    let database = delivery.database(&candidate.spec().name).await?;
    let migrating =
        Migrating::begin(database.server.direct(), &database.schema, candidate.migrations()).await?;
    if !matches!(source, Source::Live(_)) {
        check_way_back(&migrating)?;
    }
    let resources = delivery.resources(candidate.spec(), Some(&database));
    let ran: Vec<String> = migrating.ran().iter().map(u32::to_string).collect();
    let remark = if ran.is_empty() { "nothing to run".to_owned() } else { format!("ran {}", ran.join(", ")) };
    Ok(((resources, migrating), Some(remark)))
}

/// Writes down what all hosts shall have, in the transaction of `turn`: they are told when it is committed.
async fn write_down(turn: &mut Turn, changes: &[Change], records: &mut [Record]) -> sqlx::Result<()> {
    for (Change { component, source }, record) in changes.iter().zip(records) {
        let bytes = match source {
            Source::Bytes { bytes, .. } => Some(&**bytes),
            Source::Kept(_) => None,
            Source::Live(_) => continue,
        };
        let number = record.report().number.unwrap_or_default();
        make_live(turn, &component.name, number, bytes).await?;
    }
    Ok(())
}

/// Refuses a version that would not know what the tables have become.
fn check_way_back(migrating: &Migrating) -> Result<(), Failure> {
    let unknown: Vec<String> =
        migrating.newer().iter().filter(|applied| !applied.compatible).map(ToString::to_string).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "its tables have been changed by a newer version, and it does not know how: {}; that migration was not declared \
         `compatible` with versions that do not know it, so push a version that does",
        unknown.join(", ")
    );
    Err(Failure { step: Step::Migrations, reason, temporary: false })
}

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        Self { step: Step::Migrations, reason: error.to_string(), temporary: error.is_temporary() }
    }
}

impl From<IsolationError> for Failure {
    fn from(error: IsolationError) -> Self {
        let temporary = !matches!(error, IsolationError::Name(..));
        Self { step: Step::Migrations, reason: error.to_string(), temporary }
    }
}
