//! The numbers of this host, for a monitoring system.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::openapi::ErrorBody;
use crate::metrics::Exporter;

/// Metrics
///
/// The metrics of this host, in Prometheus' text format, or in `OpenMetrics` if `Accept` prefers it. With `METRICS=open`, the
/// route needs no token.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "adminMetrics",
    tag = "operators",
    responses(
        (status = 200, description = "The metrics", content_type = "text/plain", body = String),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
    ),
)]
pub(super) async fn show(State(exporter): State<Arc<Exporter>>, headers: HeaderMap) -> Response {
    exporter.answer(&headers)
}
