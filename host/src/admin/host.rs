//! The host itself: its sizes, its routes, and the grants and limits of its components.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use berth_rollout::Rollout;

use super::host_summary::{HostFacts, HostSummary};
use super::openapi::ErrorBody;

/// The host
///
/// Its version, the sizes that its start chose, its routes, and the grants and limits of its components. Values of settings
/// are not shown.
#[utoipa::path(
    get,
    path = "/admin/host",
    operation_id = "showHost",
    tag = "operators",
    responses(
        (status = 200, description = "The host", body = HostSummary),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
    ),
)]
pub(super) async fn show(
    State(rollout): State<Arc<Rollout>>,
    State(facts): State<Arc<HostFacts>>,
) -> Json<HostSummary> {
    let components = rollout.live().components();
    Json(facts.summary(components.iter().map(AsRef::as_ref)))
}
