//! The routes of components: list and show, push, roll back.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::response::{IntoResponse, Response};
use berth_rollout::report::{ComponentSummary, Outcome, Report, SwapSummary, VersionSummary};
use berth_rollout::{Intent, OperatorError, Requested, Rollout, overview};
use berth_runtime::Wasm;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::AdminError;
use super::events;
use super::openapi::ErrorBody;

/// Header with the name of the operator who pushed, as the client sends it. The name is stored, and never trusted.
const PUSHED_BY: &str = "x-pushed-by";

/// The longest such name, in characters.
const MAX_NAME_CHARACTERS: usize = 100;

/// The longest body that is read: a little more than a component may have, so that the swap can report the excess.
const MAX_COMPONENT_BODY_BYTES: usize = 65 * 1024 * 1024;

/// The options of a swap.
#[derive(Deserialize)]
pub(super) struct Manner {
    /// Whether to stop before anything is changed.
    #[serde(default)]
    dry_run: bool,
}

/// The body of a rollback.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// The version's number; without it, the version that was live before.
    to: Option<u32>,
    #[serde(default)]
    dry_run: bool,
}

/// Components
///
/// The components of this host, with the state of each on every host.
#[utoipa::path(
    get,
    path = "/admin/components",
    operation_id = "listComponents",
    tag = "operators",
    responses(
        (status = 200, description = "The components", body = [ComponentSummary]),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
        (status = 503, description = "The host is starting, or the database is away; see `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn list(
    State(rollout): State<Arc<Rollout>>,
) -> Result<Json<Vec<ComponentSummary>>, AdminError> {
    Ok(Json(overview::components(&rollout).await?))
}

/// A component
///
/// Its live version, and the state of each host.
#[utoipa::path(
    get,
    path = "/admin/components/{name}",
    operation_id = "showComponent",
    tag = "operators",
    params(
        ("name" = String, Path, description = "The component's name"),
    ),
    responses(
        (status = 200, description = "The component", body = ComponentSummary),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
        (status = 404, description = "There is no such component", body = ErrorBody),
        (status = 503, description = "The host is starting, or the database is away; see `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn show(
    State(rollout): State<Arc<Rollout>>,
    Path(name): Path<String>,
) -> Result<Json<ComponentSummary>, AdminError> {
    Ok(Json(overview::component(&rollout, &name).await?))
}

/// The versions of a component
///
/// The newest first.
#[utoipa::path(
    get,
    path = "/admin/components/{name}/history",
    operation_id = "componentHistory",
    tag = "operators",
    params(
        ("name" = String, Path, description = "The component's name"),
    ),
    responses(
        (status = 200, description = "The versions", body = [VersionSummary]),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
        (status = 404, description = "There is no such component", body = ErrorBody),
        (status = 503, description = "The host is starting, or the database is away; see `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn history(
    State(rollout): State<Arc<Rollout>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<VersionSummary>>, AdminError> {
    Ok(Json(overview::history(&rollout, &name).await?))
}

/// The last swaps of a component
///
/// The reports of the last 50 on all hosts, the newest first. Dry runs are not among them.
#[utoipa::path(
    get,
    path = "/admin/components/{name}/swaps",
    operation_id = "componentSwaps",
    tag = "operators",
    params(
        ("name" = String, Path, description = "The component's name"),
    ),
    responses(
        (status = 200, description = "The swaps", body = [SwapSummary]),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and the request does not come from its machine", body = ErrorBody),
        (status = 404, description = "There is no such component", body = ErrorBody),
        (status = 503, description = "The host is starting, or the database is away; see `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn swaps(
    State(rollout): State<Arc<Rollout>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<SwapSummary>>, AdminError> {
    Ok(Json(overview::swaps(&rollout, &name).await?))
}

/// Push a version
///
/// Checks, compiles, migrates and probes a new version, and makes it live.
#[utoipa::path(
    put,
    path = "/admin/components/{name}",
    operation_id = "pushComponent",
    tag = "operators",
    params(
        ("name" = String, Path, description = "The component's name"),
        ("dry_run" = Option<bool>, Query, description = "Whether to stop before anything is changed"),
        ("x-pushed-by" = Option<String>, Header, description = "The name of the operator, which is stored"),
    ),
    request_body(content = Vec<u8>, content_type = "application/wasm", description = "The component"),
    responses(
        (status = 200, description = "The version is live, was live already, or passed the dry run; events with `accept: text/event-stream`", content((Report = "application/json"), (String = "text/event-stream"))),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and so allows no change", body = ErrorBody),
        (status = 404, description = "There is no such component", body = ErrorBody),
        (status = 409, description = "Another swap is under way", body = ErrorBody),
        (status = 413, description = "The body is larger than any component may be", body = ErrorBody),
        (status = 415, description = "The body is not `application/wasm`", body = ErrorBody),
        (status = 422, description = "The version was refused, and nothing was changed: the report says why", body = Report),
        (status = 503, description = "The host is starting, or the database is away; see `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn push(
    State(rollout): State<Arc<Rollout>>,
    Path(name): Path<String>,
    Query(Manner { dry_run }): Query<Manner>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, AdminError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if content_type != Some("application/wasm") {
        return Err(AdminError::UnsupportedMediaType);
    }
    let wasm = receive(&rollout, body).await?;
    let intent = Intent::push(&name, wasm, pushed_by(&headers, peer)).with_dry_run(dry_run);
    answer(intent.request(&rollout).await?, &headers).await
}

/// Receives a component into a file, because it may be large and a swap takes long.
async fn receive(rollout: &Rollout, body: Body) -> Result<Wasm, AdminError> {
    let mut incoming = rollout.incoming().map_err(AdminError::Storage)?;
    let mut body = Limited::new(body, MAX_COMPONENT_BODY_BYTES);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                AdminError::TooLarge
            } else {
                AdminError::Unreadable
            }
        })?;
        if let Some(piece) = frame.data_ref() {
            incoming.add(piece).await.map_err(AdminError::Storage)?;
        }
    }
    incoming.finish().await.map_err(AdminError::Storage)
}

/// Roll back
///
/// Makes an earlier version live again: that of the body, or the version that was live before.
#[utoipa::path(
    post,
    path = "/admin/components/{name}/rollback",
    operation_id = "rollBackComponent",
    tag = "operators",
    params(
        ("name" = String, Path, description = "The component's name"),
    ),
    request_body(content = Option<Rollback>, description = "The version; may be empty"),
    responses(
        (status = 200, description = "The version is live, was live already, or passed the dry run; events with `accept: text/event-stream`", content((Report = "application/json"), (String = "text/event-stream"))),
        (status = 400, description = "The body broke off", body = ErrorBody),
        (status = 401, description = "The token is missing or wrong", body = ErrorBody),
        (status = 403, description = "The host has no `ADMIN_TOKEN`, and so allows no change", body = ErrorBody),
        (status = 404, description = "There is no such component, or no such version", body = ErrorBody),
        (status = 409, description = "Another swap is under way", body = ErrorBody),
        (status = 422, description = "The version was refused, and the report says why; or the body is not valid", body = Report),
        (status = 503, description = "The host is starting, or the database is away; see `Retry-After`", body = ErrorBody),
    ),
)]
pub(super) async fn roll_back(
    State(rollout): State<Arc<Rollout>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AdminError> {
    let body = body.map_err(|_| AdminError::Unreadable)?;
    let Rollback { to, dry_run } = if body.trim_ascii().is_empty() {
        Rollback::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            AdminError::Invalid(format!(
                "The body is not as in {{\"to\": 3, \"dry_run\": false}}: {error}"
            ))
        })?
    };
    let to = to.map(|number| version_number(&name, number)).transpose()?;
    let intent = Intent::roll_back(&name, to).with_dry_run(dry_run);
    answer(intent.request(&rollout).await?, &headers).await
}

/// The number of a version. No component has a version 0.
fn version_number(component: &str, number: u32) -> Result<NonZeroU32, OperatorError> {
    NonZeroU32::new(number).ok_or_else(|| OperatorError::UnknownVersion {
        component: component.to_owned(),
        number,
    })
}

/// Answers with the report, or with events if the client asks for them.
async fn answer(requested: Requested, headers: &HeaderMap) -> Result<Response, AdminError> {
    if events::are_wanted(headers) {
        return Ok(events::run(requested));
    }
    let report = requested.run(None).await.ok_or(AdminError::Internal)?;
    Ok((status(&report), Json(report)).into_response())
}

fn status(report: &Report) -> StatusCode {
    match report.outcome {
        Outcome::Live | Outcome::Unchanged | Outcome::Passed => StatusCode::OK,
        Outcome::Refused => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn pushed_by(headers: &HeaderMap, peer: SocketAddr) -> String {
    let said = headers
        .get(PUSHED_BY)
        .and_then(|value| value.to_str().ok())
        .map(str::trim);
    match said.filter(|said| !said.is_empty()) {
        Some(said) => said
            .chars()
            .filter(|one| !one.is_control())
            .take(MAX_NAME_CHARACTERS)
            .collect(),
        None => peer.ip().to_canonical().to_string(),
    }
}
