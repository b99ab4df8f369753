//! The second stage: the components that call each other agree on their interfaces, whichever of them is new.

use berth_runtime::{CompatibilityError, check_compatibility};

use super::verified::{Verified, VerifiedChange};
use super::{Number, Refusal, Refused, Swap};
use crate::report::{Failure, Step};

/// A swap whose candidates can be live together with the other components of the host.
pub(crate) struct Compatible<'a, N> {
    pub(super) swap: Swap<'a>,
    /// The changes, in the order of the plan.
    pub(super) changes: Vec<VerifiedChange<N>>,
}

impl<'a, N: Number> Compatible<'a, N> {
    /// Checks the candidates against each other, and against the live versions that they do not replace.
    pub(crate) async fn check(mut verified: Verified<'a, N>) -> Result<Self, Refused> {
        let Verified { swap, changes } = &mut verified;
        let live = swap.rollout.live.versions_of(&swap.components);
        let candidates = changes.iter().map(|change| &change.candidate);
        let Err(error) = check_compatibility(candidates, live.iter().map(AsRef::as_ref)) else {
            let Verified { swap, changes } = verified;
            return Ok(Self { swap, changes });
        };
        let refusal = refusal(&error, changes);
        for record in &mut swap.records {
            if record.component() == refusal.component {
                record.fail(&refusal.failure);
            }
        }
        Err(verified.abort(refusal).await)
    }
}

/// The component at fault. An exporter is at fault only if the importer was compatible with the version before.
fn refusal<N>(error: &CompatibilityError, changes: &[VerifiedChange<N>]) -> Refusal {
    let changes = |name: &str| changes.iter().any(|change| change.change.component() == name);
    let (component, step) = if !changes(&error.importer) && changes(&error.exporter) {
        (&error.exporter, Step::Exports)
    } else {
        (&error.importer, Step::Imports)
    };
    Refusal::new(component, Failure::lasting(step, error))
}
