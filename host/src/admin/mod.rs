//! The admin API, on a listener of its own: shows components and their versions, swaps a version for another, and has
//! the metrics.
//!
//! - `access`: checks whether a request is allowed
//! - `components`: the routes
//! - `events`: the progress of swaps
//! - `error`: the failures of a request

mod access;
mod components;
mod error;
mod events;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use berth_rollout::Rollout;
use http::HeaderMap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::config::{Admin, Edge};
use crate::metrics::{ConnectionMetrics, Exporter};
use crate::routes::{RequestId, settle};
use crate::server::Server;
use access::Access;
use error::AdminError;

/// The most connections to the operators' listener. Those that have sent the token are not closed for others.
const MAX_CONNECTIONS: usize = 64;

/// The path of the metrics.
pub(crate) const METRICS_PATH: &str = "/metrics";

/// Serves operators and never returns, with the time limits of `edge`.
pub async fn serve(
    listener: TcpListener,
    rollout: Arc<Rollout>,
    exporter: Exporter,
    admin: &Admin,
    edge: &Edge,
) {
    let access = Access::new(admin.token.clone(), admin.has_open_metrics);
    let router = router(rollout, exporter, access);
    let edge = Edge {
        max_connections: MAX_CONNECTIONS,
        max_connections_per_client: MAX_CONNECTIONS,
        ..edge.clone()
    };
    let server = Server::new(
        move |request| answer(router.clone(), request),
        &edge,
        ConnectionMetrics::default(),
        CancellationToken::new(),
    );
    server.accept(&listener).await;
}

/// Answers a request. The response, and every line logged meanwhile, carry the request's identifier.
async fn answer(router: Router, mut request: Request) -> Response {
    let id = RequestId::name(&mut request);
    let span = id.span(false);
    let answer = async {
        match settle(&mut request) {
            Ok(()) => router.oneshot(request).await.into_response(),
            Err(error) => error.into_response(),
        }
    };
    let mut response = answer.instrument(span).await;
    id.write_on(&mut response);
    response
}

fn router(rollout: Arc<Rollout>, exporter: Exporter, access: Access) -> Router {
    let exporter = Arc::new(exporter);
    let metrics = async move |headers: HeaderMap| exporter.answer(&headers);
    Router::new()
        .route(METRICS_PATH, get(metrics))
        .route("/admin/components", get(components::list))
        .route(
            "/admin/components/{name}",
            get(components::show).put(components::push),
        )
        .route("/admin/components/{name}/history", get(components::history))
        .route("/admin/components/{name}/rollback", post(components::roll_back))
        .route("/admin/events", get(events::all))
        .fallback(async || AdminError::NotFound)
        .method_not_allowed_fallback(async || AdminError::MethodNotAllowed)
        // The check is outermost, so that a refused client does not learn which routes exist.
        .layer(from_fn_with_state(access, access::check))
        .with_state(rollout)
}
