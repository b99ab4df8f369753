//! Every route, and what happens to a request before it is routed.

mod access_log;
pub mod auth;
mod components;
mod cors;
mod docs;
mod health;
mod in_flight;
mod keep;
mod openapi;
mod request_id;
mod trailing_slash;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use tower::ServiceBuilder;

use crate::app::App;
use crate::error::ApiError;
use cors::Cors;
pub use in_flight::InFlight;
pub use request_id::{RequestId, X_REQUEST_ID};

/// Everything behind the socket.
pub fn router(app: &App) -> Router {
    let bounded = Router::new()
        .merge(auth::router(Arc::clone(app.auth())))
        .route("/openapi.json", get(docs::document))
        .route("/docs", get(docs::page))
        .route("/docs/{file}", get(docs::asset))
        .fallback(components::dispatch)
        .layer(from_fn_with_state(app.clone(), in_flight::bound));

    // Outside of the bound, so that a host that is merely busy is not taken for a dead one.
    let probes = Router::new()
        .route("/", get(health::index))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready));

    let routes =
        bounded.merge(probes).method_not_allowed_fallback(method_not_allowed).with_state(app.clone());

    // A router around the routes, since what changes a path must run before it is looked up.
    Router::new().fallback_service(routes).layer(
        ServiceBuilder::new()
            .layer(from_fn(request_id::name))
            .layer(from_fn(access_log::log))
            .layer(from_fn_with_state(Cors::new(app.cors_origins()), cors::share))
            .layer(from_fn(trailing_slash::strip)),
    )
}

/// The body of a 405; the router adds the header `Allow`.
async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

#[cfg(test)]
mod tests;
