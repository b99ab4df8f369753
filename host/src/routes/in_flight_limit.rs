//! The limit of requests in flight.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::guarded_body::guard_body;
use crate::app::App;
use crate::connections::{Busy, Closing};
use crate::error::ApiError;
use crate::request_record::RequestRecord;

/// Refuses requests above the limit: 503 with `Retry-After`. The connection of an admitted request is not closed. The
/// access line of a request to the host's own route gets the pattern here, since every such request passes.
pub(super) async fn bound(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Some(matched) = request.extensions().get::<MatchedPath>() {
        RequestRecord::of(request.extensions()).set_route(matched.as_str().into());
    }
    let Some(token) = app.in_flight().enter() else {
        return ApiError::Busy.into_response();
    };
    match Busy::begin(request.extensions()) {
        Ok(busy) => guard_body(next.run(request).await, (token, busy)),
        Err(Closing) => ApiError::Busy.into_response(),
    }
}
