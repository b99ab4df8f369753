//! The step between a candidate and a version: runs its migrations, which can be rolled back until the version is live,
//! and gets the resources behind its grants.

use berth_database::{IsolationError, Migrating, MigrationError};
use berth_runtime::{Candidate, Capability, Resources, Version};

use super::plan::Source;
use super::recorder::{Recorder, Remark};
use super::report::{Failure, Step};
use super::{Delivery, probe};

/// A change that is ready to go live.
pub(super) struct Prepared {
    pub(super) candidate: Candidate,
    pub(super) number: u32,
    pub(super) resources: Resources,
    pub(super) migrating: Option<Migrating>,
}

impl Prepared {
    /// Runs the migrations of a candidate in a transaction that stays open, and gets the resources behind its grants.
    pub(super) async fn of(
        delivery: &Delivery,
        candidate: Candidate,
        source: &Source,
        record: &mut Recorder,
    ) -> Result<Self, Failure> {
        let number = record.report().number.unwrap_or_default();
        let (resources, migrating) = if candidate.spec().capabilities.contains(&Capability::Postgres) {
            let work = migrate(delivery, &candidate, source);
            let (resources, migrating) = record.step(Step::Migrations, work).await?;
            (resources, Some(migrating))
        } else {
            record.skip(Step::Migrations, "it has no database");
            (delivery.resources(candidate.spec(), None), None)
        };
        Ok(Self {
            candidate,
            number,
            resources,
            migrating,
        })
    }

    /// Rolls back its migrations.
    pub(super) async fn give_up(self) {
        if let Some(migrating) = self.migrating {
            migrating.roll_back().await;
        }
    }

    /// The version on trial: it sees its migrations, and none of its changes becomes permanent.
    pub(super) async fn trial(&mut self) -> Result<Version, Failure> {
        let pool = match &mut self.migrating {
            Some(migrating) => {
                let pool = migrating.trial(probe::TIME, probe::TIME).await;
                Some(pool.map_err(|error| Failure::passing(Step::Probe, &error))?)
            }
            None => None,
        };
        Ok(self
            .candidate
            .version(self.number, self.resources.for_trial(pool)))
    }
}

/// Runs the migrations that the tables lack, and gets the resources behind the candidate's grants.
async fn migrate(
    delivery: &Delivery,
    candidate: &Candidate,
    source: &Source,
) -> Result<((Resources, Migrating), Remark), Failure> {
    let database = delivery.database(&candidate.spec().name).await?;
    let target = database.server.direct_target();
    let migrations = candidate.migrations();
    let migrating = Migrating::begin(&target, &delivery.backends, &database.schema, migrations).await?;
    if !matches!(source, Source::Live(_)) {
        check_way_back(&migrating)?;
    }
    let resources = delivery.resources(candidate.spec(), Some(&database));
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

impl From<MigrationError> for Failure {
    fn from(error: MigrationError) -> Self {
        Self {
            step: Step::Migrations,
            reason: error.to_string(),
            temporary: error.is_temporary(),
        }
    }
}

impl From<IsolationError> for Failure {
    fn from(error: IsolationError) -> Self {
        let temporary = !matches!(error, IsolationError::Name(..));
        Self {
            step: Step::Migrations,
            reason: error.to_string(),
            temporary,
        }
    }
}
