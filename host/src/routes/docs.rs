//! `/openapi.json`, and `/docs` to try the routes: Swagger UI, served from this binary.
//!
//! The page sends no request to another site, and its content security policy enforces that.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde_json::Value;

use super::openapi;
use super::schemas::Error;
use crate::app::App;
use crate::config::OwnRoutes;
use crate::error::ApiError;

const PAGE: &str = include_str!("docs.html");
const START: &str = include_str!("docs.js");

/// Allows scripts from this origin only; Swagger UI styles its elements itself, and has its icons inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Assets change with the binary only.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

const NO_GUESSING: HeaderValue = HeaderValue::from_static("nosniff");

/// OpenAPI document
///
/// OpenAPI 3.1 of every route of this host and of the components that it runs.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "host",
    responses(
        (status = 200, description = "The document", body = Object),
        (status = 503, description = "Too busy; see `Retry-After`", body = Error),
    ),
)]
pub(super) async fn document(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let deployment = app.registry().current();
    let parts = deployment
        .versions()
        .iter()
        .filter_map(|(name, version)| version.openapi().map(|part| (name.as_str(), part)));
    let document = openapi::document(app.own_routes(), app.has_root(), parts);
    Ok(Json(document.map_err(|error| ApiError::Internal(error.into()))?))
}

/// This page
///
/// Shows the routes, and lets you try them.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "host",
    responses(
        (status = 200, description = "A page for browsers", body = String, content_type = "text/html"),
        (status = 503, description = "Too busy; see `Retry-After`", body = Error),
    ),
)]
pub(super) async fn page(State(app): State<App>) -> impl IntoResponse {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, NO_GUESSING),
    ];
    (headers, placed(PAGE, app.own_routes()))
}

/// A text of the page, with the paths of its files on this host.
fn placed(text: &str, own: &OwnRoutes) -> String {
    let docs = own.docs.as_deref().unwrap_or_default();
    let openapi = own.openapi.as_deref().unwrap_or_default();
    text.replace("\"/docs/", &format!("\"{docs}/"))
        .replace("/openapi.json", openapi)
}

/// Serves the files of the page.
pub(super) async fn asset(State(app): State<App>, Path(file): Path<String>) -> Result<Response, ApiError> {
    let content_type = match &*file {
        "start.js" | "swagger-ui-bundle.js" => "text/javascript; charset=utf-8",
        "swagger-ui.css" => "text/css; charset=utf-8",
        "favicon-32x32.png" => "image/png",
        _ => return Err(ApiError::NotFound),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, CACHE),
        (header::X_CONTENT_TYPE_OPTIONS, NO_GUESSING),
    ];
    if file == "start.js" {
        return Ok((headers, placed(START, app.own_routes())).into_response());
    }
    let config = Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
    let asset = utoipa_swagger_ui::serve(&file, config)
        .ok()
        .flatten()
        .ok_or(ApiError::NotFound)?;
    let encoding = asset
        .gzpipped
        .then_some([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
    Ok((headers, encoding, asset.bytes).into_response())
}
