//! The engine that carries out every plan, whatever its entrance.

use std::num::NonZeroU32;

use crate::permit::SwapPermit;
use crate::plan::Plan;
use crate::report::Report;
use crate::rollout::Rollout;
use crate::stages::{Compatible, Live, Prepared, Probed, Refused, Verified};

/// Carries out a plan: all of its changes go live, or nothing changes. Returns a report for each change, in their order.
pub(crate) async fn swap(rollout: &Rollout, permit: SwapPermit, plan: Plan) -> Result<Vec<Report>, Refused> {
    let has_news = plan.has_news();
    // The future is boxed because it is large, and a part of every future that waits for it.
    let live = Box::pin(async {
        let verified = Verified::<NonZeroU32>::verify(rollout, permit, plan).await?;
        let compatible = Compatible::check(verified).await?;
        let prepared = Prepared::prepare(compatible).await?;
        let probed = Probed::probe(prepared).await?;
        Live::publish(probed).await
    });
    let result = live.await;
    // A host that takes what was decided before, as each does at its start, reports only what goes wrong.
    let reports = match &result {
        Ok(live) if has_news => &*live.reports,
        Ok(_) => &[],
        Err(refused) => &*refused.reports,
    };
    rollout.stores.reports.add(reports).await;
    Ok(result?.reports)
}

/// Takes all steps of a plan but the last, and changes nothing. Returns a report for each change, in their order.
pub(crate) async fn dry_run(
    rollout: &Rollout,
    permit: SwapPermit,
    plan: Plan,
) -> Result<Vec<Report>, Refused> {
    let reports = Box::pin(async {
        let verified = Verified::<Option<NonZeroU32>>::verify(rollout, permit, plan).await?;
        let compatible = Compatible::check(verified).await?;
        let prepared = Prepared::prepare(compatible).await?;
        let probed = Probed::probe(prepared).await?;
        Ok(probed.undo().await)
    });
    reports.await
}
