//! The progress of swaps as server-sent events: `step` and `report`, with the JSON of a
//! [`Progress`](berth_rollout::report::Progress) each.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use berth_rollout::report::Progress;
use berth_rollout::{Requested, Rollout};
use futures_util::{Stream, stream};
use http::{HeaderMap, header};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::openapi::ErrorBody;

/// How often a silent stream sends a comment, to keep the connection alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whether a client asks for events.
pub(super) fn are_wanted(headers: &HeaderMap) -> bool {
    let accept = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accept
        .flat_map(|value| value.split(','))
        .any(|kind| kind.trim().starts_with("text/event-stream"))
}

/// Swaps
///
/// Every swap on this host from now on: the events `step` and `report`, without end.
#[utoipa::path(
    get,
    path = "/admin/events",
    operation_id = "watchSwaps",
    tag = "operators",
    responses(
        (status = 200, description = "Events, each with the JSON of `Progress` as its data", content((Progress = "text/event-stream"))),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
    ),
)]
pub(super) async fn all(State(rollout): State<Arc<Rollout>>) -> Response {
    let events = stream::unfold(rollout.progress(), async |mut progress| {
        loop {
            match progress.recv().await {
                Ok(one) => return Some((Ok(event(&one)), progress)),
                // A subscriber that is too slow loses events.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    response(events)
}

/// Runs a swap, which goes on if the client hangs up. The last event is its report.
pub(super) fn run(requested: Requested) -> Response {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(requested.run(Some(sender)));
    response(stream::unfold(receiver, async |mut receiver| {
        Some((Ok(event(&receiver.recv().await?)), receiver))
    }))
}

fn event(progress: &Progress) -> Event {
    let name = match progress {
        Progress::Step { .. } => "step",
        Progress::Report { .. } => "report",
    };
    let event = Event::default().event(name);
    // All of the event's fields have a JSON form.
    event
        .json_data(progress)
        .unwrap_or_else(|_| Event::default().event(name))
}

fn response(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response()
}
