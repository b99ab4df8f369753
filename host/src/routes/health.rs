//! The host's own reports: `/`, and the two probes.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use berth_database::Trouble;
use berth_rollout::Status;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::app::App;

/// How long the database may take to answer the readiness probe. Kubernetes' timeout is 1 s by default, and more often
/// 3 s or 5 s.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(2);

/// The name and version of the service, and the paths of its documentation and health.
#[derive(Serialize, ToSchema)]
pub(super) struct Index {
    name: &'static str,
    version: &'static str,
    /// Null where the page is switched off.
    #[schema(required = true)]
    docs: Option<String>,
    health: String,
}

/// A living process.
#[derive(Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `healthy`: a process that is not does not answer.
    status: &'static str,
    #[schema(format = DateTime)]
    timestamp: String,
    /// The manifest's `service` in `[http]`.
    service: String,
    /// The value of `ENVIRONMENT`.
    environment: String,
    components: BTreeMap<String, Component>,
}

/// One component.
#[derive(Serialize, ToSchema)]
pub(super) struct Component {
    /// The number of its version; null until it is live.
    #[schema(example = "3")]
    version: Option<String>,
    /// `live`, `starting`, `compiling` another version, or `behind`: staying on this one, since it could not take the other.
    state: &'static str,
    /// The version that all hosts shall have, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    /// Why it is behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<Status> for Component {
    fn from(status: Status) -> Self {
        let Status {
            live,
            wanted,
            state,
            detail,
        } = status;
        Self {
            version: live.map(|number| number.to_string()),
            state: if live.is_none() {
                "starting"
            } else {
                state.as_str()
            },
            wanted: wanted.filter(|_| wanted != live).map(|number| number.to_string()),
            detail,
        }
    }
}

/// A host that can do its work.
#[derive(Serialize, ToSchema)]
pub(super) struct Ready {
    status: &'static str,
    components: BTreeMap<String, Component>,
}

/// A host that cannot.
#[derive(Serialize, ToSchema)]
pub(super) struct Unready {
    status: &'static str,
    /// The reasons in one sentence.
    detail: String,
    reasons: Vec<String>,
    components: BTreeMap<String, Component>,
}

/// Index
///
/// The name and version of the service, and the paths of its documentation and health.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "index",
    tag = "host",
    responses((status = 200, description = "The host's name and version", body = Index)),
)]
pub(super) async fn index(State(app): State<App>) -> Json<Index> {
    let own = app.own_routes();
    let (docs, health) = (own.docs.clone(), own.health.clone());
    Json(Index {
        name: "berth",
        version: env!("CARGO_PKG_VERSION"),
        docs,
        health,
    })
}

/// Liveness
///
/// 200 for as long as the process can serve, whatever the database does.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "host",
    responses((status = 200, description = "The process serves", body = Health)),
)]
pub(super) async fn health(State(app): State<App>) -> Json<Health> {
    Json(Health {
        status: "healthy",
        timestamp: format!("{:.3}", Timestamp::now()),
        service: app.http().service.clone(),
        environment: app.environment().to_owned(),
        components: components(&app),
    })
}

/// Readiness
///
/// Whether requests should be sent here: the database answers, every component is loaded, the host is not shutting down.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "ready",
    tag = "host",
    responses(
        (status = 200, description = "Requests can be sent here", body = Ready),
        (status = 503, description = "Not now; the body says why", body = Unready),
    ),
)]
pub(super) async fn ready(State(app): State<App>) -> Response {
    let reasons = reasons(&app).await;
    let components = components(&app);
    if reasons.is_empty() {
        return Json(Ready {
            status: "ready",
            components,
        })
        .into_response();
    }
    let unready = Unready {
        status: "unready",
        detail: reasons.join("; "),
        reasons,
        components,
    };
    let retry = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
    (StatusCode::SERVICE_UNAVAILABLE, retry, Json(unready)).into_response()
}

async fn reasons(app: &App) -> Vec<String> {
    let mut reasons = Vec::new();
    if app.is_draining() {
        reasons.push("The host is shutting down".to_owned());
    }
    match timeout(DATABASE_TIMEOUT, app.ask_database())
        .await
        .unwrap_or(Err(Trouble::TooSlow))
    {
        Ok(()) => {}
        Err(trouble) if trouble.is_refusal() => {
            reasons.push(format!("The database cannot be used: {trouble}"));
        }
        Err(trouble) => reasons.push(format!("The database does not answer: {trouble}")),
    }
    let starting = app
        .statuses()
        .all()
        .into_iter()
        .filter(|(_, status)| status.live.is_none());
    reasons.extend(starting.map(|(name, _)| format!("The component {name} is not loaded yet")));
    reasons
}

fn components(app: &App) -> BTreeMap<String, Component> {
    app.statuses()
        .all()
        .into_iter()
        .map(|(name, status)| (name, status.into()))
        .collect()
}
