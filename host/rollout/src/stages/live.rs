//! The last stage: the decision is stored for all hosts, and new requests reach the versions.

use std::num::NonZeroU32;

use berth_runtime::Deployment;

use super::prepared::{PreparedChange, roll_back};
use super::probed::Probed;
use super::{Refusal, Refused, Swap, deployment, replace};
use crate::plan::Source;
use crate::report::{Failure, Report, Step};
use crate::stores::make_live;

/// A swap that is over: its versions are live.
pub(crate) struct Live {
    /// The reports, in the order of the changes.
    pub(crate) reports: Vec<Report>,
}

impl Live {
    /// Stores the versions that all hosts shall have, commits migrations, notifies every host, and lets new requests
    /// in. Steps that are likelier to fail come first, and the last step cannot fail. After a failure in the middle,
    /// some tables may have their migrations.
    pub(crate) async fn publish(mut probed: Probed<'_, NonZeroU32>) -> Result<Self, Refused> {
        if let Err(error) = write_decision(&mut probed).await {
            let refusal = away(&probed.swap, &error);
            return Err(probed.abort(refusal).await);
        }
        let Probed { mut swap, changes } = probed;
        match Box::pin(commit(&mut swap, changes)).await {
            Ok(deployment) => {
                swap.rollout.live.publish(deployment, swap.components.clone());
                swap.records.iter_mut().for_each(|record| record.pass(Step::Live));
                Ok(Self {
                    reports: swap.finish(),
                })
            }
            Err(refusal) => Err(swap.refuse(refusal).await),
        }
    }
}

/// Stores the versions that all hosts shall have, in the transaction that holds the swap lock.
async fn write_decision(probed: &mut Probed<'_, NonZeroU32>) -> sqlx::Result<()> {
    let Some(decision) = probed.swap.permit.decision() else {
        return Ok(());
    };
    for PreparedChange { verified, .. } in &probed.changes {
        let bytes = match &verified.change.source {
            Source::Bytes(new) => Some(&*new.bytes),
            Source::Kept(_) => None,
            Source::Live(_) => continue,
        };
        make_live(decision, verified.change.component(), verified.number, bytes).await?;
    }
    Ok(())
}

/// Commits the migrations of each change, and then the decision.
async fn commit(
    swap: &mut Swap<'_>,
    changes: Vec<PreparedChange<NonZeroU32>>,
) -> Result<Deployment, Refusal> {
    let mut versions = swap.rollout.live.versions_of(&swap.components);
    let mut changes = changes.into_iter();
    while let Some(change) = changes.next() {
        let component = change.component().to_owned();
        match change.commit().await {
            Ok(version) => replace(&mut versions, version),
            Err(error) => {
                roll_back(changes).await;
                return Err(Refusal::new(&component, Failure::passing(Step::Live, &error)));
            }
        }
    }
    let deployment = deployment(versions, Step::Live)?;
    match swap.permit.commit().await {
        Ok(()) => Ok(deployment),
        Err(error) => Err(away(swap, &error)),
    }
}

/// The refusal of a swap whose decision cannot be stored.
fn away(swap: &Swap<'_>, error: &sqlx::Error) -> Refusal {
    Refusal::new(swap.first(), Failure::passing(Step::Live, error))
}
