//! What operators are served, on a listener of their own: components, their versions, and swapping one for another.
//!
//! - `access`: who may do so
//! - `components`: the routes
//! - `events`: the progress of swaps, as it happens
//! - `error`: how a request can fail

mod access;
mod components;
mod error;
mod events;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn_with_state, map_request};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::config::Admin;
use crate::delivery::Delivery;
use crate::linger::Lingering;
use access::Access;
use error::AdminError;

/// The longest body that is read: a little more than a component may have, so that the swap says what is wrong with it.
const MAX_BODY: usize = 65 * 1024 * 1024;

/// Serves operators for ever.
pub async fn serve(listener: TcpListener, delivery: Arc<Delivery>, admin: &Admin) {
    let app = router(delivery, Access::new(admin.token.clone()));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).await {
        tracing::error!(%error, "operators are no longer served");
    }
    std::future::pending::<()>().await;
}

fn router(delivery: Arc<Delivery>, access: Access) -> Router {
    Router::new()
        .route("/admin/components", get(components::list))
        .route("/admin/components/{name}", get(components::show).put(components::push))
        .route("/admin/components/{name}/history", get(components::history))
        .route("/admin/components/{name}/rollback", post(components::roll_back))
        .route("/admin/events", get(events::all))
        .fallback(async || AdminError::NotFound)
        .method_not_allowed_fallback(async || AdminError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        // Around everything, so that nobody learns what is there.
        .layer(from_fn_with_state(access, access::check))
        .layer(map_request(linger))
        .with_state(delivery)
}

/// A push that is refused before it was read is still answered.
async fn linger(request: Request) -> Request {
    Lingering::of(request).map(Body::new)
}
