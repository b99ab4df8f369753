//! The last failures of components.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use berth_rollout::report::TrapSummary;
use berth_rollout::{Rollout, overview};
use serde::Deserialize;

use super::error::AdminError;
use super::openapi::ErrorBody;

/// The filter, from the query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    component: Option<String>,
}

/// The last failures of components
///
/// Traps, and ends by the limits of time: the last 20 of each component on this host, the oldest first.
#[utoipa::path(
    get,
    path = "/admin/traps",
    operation_id = "listTraps",
    tag = "operators",
    params(
        ("component" = Option<String>, Query, description = "Failures of this component only"),
    ),
    responses(
        (status = 200, description = "The failures", body = [TrapSummary]),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
        (status = 404, description = "There is no such component", body = ErrorBody),
        (status = 422, description = "The query is not valid", body = ErrorBody),
    ),
)]
pub(super) async fn list(
    State(rollout): State<Arc<Rollout>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<Vec<TrapSummary>>, AdminError> {
    let Query(filter) = filter.map_err(|rejection| AdminError::Invalid(rejection.body_text()))?;
    Ok(Json(overview::traps(&rollout, filter.component.as_deref())?))
}
