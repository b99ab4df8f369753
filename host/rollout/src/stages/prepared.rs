//! The third stage: migrations, which can be rolled back until the version is live, and the resources behind the
//! grants.

use berth_database::{Migrating, MigrationError};
use berth_runtime::{Capability, Resources, Version};

use super::compatible::Compatible;
use super::verified::VerifiedChange;
use super::{Number, Refusal, Refused, Swap};
use crate::plan::Source;
use crate::prober::PROBE_TIMEOUT;
use crate::recorder::{Recorder, Remark};
use crate::report::{Failure, Step};
use crate::rollout::Rollout;

/// A swap whose migrations have run, in transactions that stay open.
pub(crate) struct Prepared<'a, N> {
    pub(super) swap: Swap<'a>,
    /// The changes, in the order of the plan.
    pub(super) changes: Vec<PreparedChange<N>>,
}

/// A change that is ready to be tried.
pub(super) struct PreparedChange<N> {
    pub(super) verified: VerifiedChange<N>,
    resources: Resources,
    /// None for a component without a database.
    migrating: Option<Migrating>,
}

impl<'a, N: Number> Prepared<'a, N> {
    /// Runs the migrations of each candidate, and gets the resources behind its grants.
    pub(crate) async fn prepare(compatible: Compatible<'a, N>) -> Result<Self, Refused> {
        let Compatible { swap, changes } = compatible;
        let mut prepared = Self {
            swap,
            changes: Vec::with_capacity(changes.len()),
        };
        match prepared.add_all(changes).await {
            Ok(()) => Ok(prepared),
            Err(refusal) => Err(prepared.abort(refusal).await),
        }
    }

    /// After a refusal, the stage has the changes that were prepared before it.
    async fn add_all(&mut self, changes: Vec<VerifiedChange<N>>) -> Result<(), Refusal> {
        for (verified, record) in changes.into_iter().zip(&mut self.swap.records) {
            self.changes
                .push(PreparedChange::prepare(self.swap.rollout, verified, record).await?);
        }
        Ok(())
    }

    /// Ends the swap, and rolls the migrations back.
    pub(super) async fn abort(self, refusal: Refusal) -> Refused {
        roll_back(self.changes).await;
        self.swap.refuse(refusal).await
    }
}

/// Rolls the migrations of all changes back.
pub(super) async fn roll_back<N>(changes: impl IntoIterator<Item = PreparedChange<N>>) {
    for change in changes {
        if let Some(migrating) = change.migrating {
            migrating.roll_back().await;
        }
    }
}

impl<N: Number> PreparedChange<N> {
    async fn prepare(
        rollout: &Rollout,
        verified: VerifiedChange<N>,
        record: &mut Recorder,
    ) -> Result<Self, Refusal> {
        let spec = verified.candidate.spec();
        let (resources, migrating) = if spec.has(Capability::Postgres) {
            let migrated = record.step(Step::Migrations, migrate(rollout, &verified)).await;
            let (resources, migrating) = migrated.map_err(|failure| Refusal::new(&spec.name, failure))?;
            (resources, Some(migrating))
        } else {
            record.skip(Step::Migrations, "it has no database");
            let live = rollout.live.version(&spec.name);
            (rollout.builder.resources(spec, live.as_deref(), None), None)
        };
        Ok(Self {
            verified,
            resources,
            migrating,
        })
    }

    pub(super) fn component(&self) -> &str {
        self.verified.change.component()
    }

    /// The version on trial: it sees its migrations, and none of its changes becomes permanent.
    pub(super) async fn trial(&mut self) -> Result<Version, MigrationError> {
        let pool = match &mut self.migrating {
            Some(migrating) => Some(migrating.trial(PROBE_TIMEOUT, PROBE_TIMEOUT).await?),
            None => None,
        };
        let all_rows = self
            .migrating
            .as_ref()
            .and_then(|migrating| migrating.all_rows_trial(PROBE_TIMEOUT));
        let VerifiedChange {
            candidate, number, ..
        } = &self.verified;
        Ok(candidate.version((*number).into(), self.resources.for_trial(pool, all_rows)))
    }

    /// Commits the migrations, and makes the version that clients reach.
    pub(super) async fn commit(self) -> Result<Version, MigrationError> {
        if let Some(migrating) = self.migrating {
            migrating.commit().await?;
        }
        let VerifiedChange {
            candidate, number, ..
        } = self.verified;
        Ok(candidate.version(number.into(), self.resources))
    }
}

/// Runs the migrations that the tables lack, and gets the resources behind the candidate's grants.
async fn migrate<N>(
    rollout: &Rollout,
    verified: &VerifiedChange<N>,
) -> Result<((Resources, Migrating), Remark), Failure> {
    let VerifiedChange {
        change, candidate, ..
    } = verified;
    let database = rollout.builder.databases.open(candidate.spec()).await?;
    let migrating = rollout.builder.databases.migrate(candidate, &database).await?;
    if !matches!(change.source, Source::Live(_)) {
        check_way_back(&migrating)?;
    }
    let live = rollout.live.version(change.component());
    let resources = rollout
        .builder
        .resources(candidate.spec(), live.as_deref(), Some(&database));
    let ran: Vec<String> = migrating.ran().iter().map(u32::to_string).collect();
    let remark = if ran.is_empty() {
        "nothing to run".to_owned()
    } else {
        format!("ran {}", ran.join(", "))
    };
    Ok(((resources, migrating), Some(remark)))
}

/// Refuses a version whose tables have had a newer migration that is not compatible with it.
fn check_way_back(migrating: &Migrating) -> Result<(), Failure> {
    let unknown: Vec<String> = migrating
        .newer()
        .iter()
        .filter(|applied| !applied.compatible)
        .map(ToString::to_string)
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "its tables have been changed by a newer version, and it does not know how: {}; that migration was not declared \
         `compatible` with versions that do not know it, so push a version that does",
        unknown.join(", ")
    );
    Err(Failure {
        step: Step::Migrations,
        reason,
        temporary: false,
    })
}
