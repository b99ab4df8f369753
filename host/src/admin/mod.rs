//! The listener of operators: an API that shows components, their versions, the log and the metrics, and swaps a version for
//! another; and a page that uses it.
//!
//! - `access`, `host_names`: check whether a request is allowed
//! - `console`: the page for operators
//! - `host`, `host_summary`: the host's sizes, routes, and grants
//! - `components`: the routes of components
//! - `events`: the progress of swaps
//! - `logs`, `traps`: the last lines of the log, and the last failures of components
//! - `log_level`: the filter of the log
//! - `metrics`: the numbers for a monitoring system
//! - `openapi`: the document of the routes
//! - `error`: the failures of a request

mod access;
mod components;
mod console;
mod error;
mod events;
mod host;
mod host_names;
mod host_summary;
mod log_level;
mod logs;
mod metrics;
mod openapi;
mod traps;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use berth_rollout::Rollout;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::Instrument as _;

use crate::config::{Admin, Config, Edge};
use crate::files::FilesError;
use crate::logging::{Level, Logging, Recent};
use crate::metrics::{ConnectionMetrics, Exporter};
use crate::routes::{RequestId, settle};
use crate::server::Server;
use access::Access;
use console::Console;
use error::AdminError;
use host_summary::HostFacts;

/// The most connections to the operators' listener. Those that have sent the token are not closed for others.
const MAX_CONNECTIONS: usize = 64;

/// The parts of the host that operators see and change. Clones share them.
#[derive(Clone)]
pub struct Operated {
    rollout: Arc<Rollout>,
    recent: Recent,
    level: Level,
    exporter: Arc<Exporter>,
    facts: Arc<HostFacts>,
    console: Arc<Console>,
}

impl Operated {
    /// The parts of a host with this configuration and this log.
    ///
    /// # Errors
    ///
    /// If the files of the console cannot be served, which is a bug.
    pub fn new(
        config: &Config,
        rollout: Arc<Rollout>,
        log: &Logging,
        exporter: Exporter,
    ) -> Result<Self, FilesError> {
        Ok(Self {
            rollout,
            recent: log.recent().clone(),
            level: log.level().clone(),
            exporter: Arc::new(exporter),
            facts: Arc::new(HostFacts::new(config)),
            console: Arc::new(Console::new()?),
        })
    }
}

impl FromRef<Operated> for Arc<Rollout> {
    fn from_ref(host: &Operated) -> Self {
        Self::clone(&host.rollout)
    }
}

impl FromRef<Operated> for Recent {
    fn from_ref(host: &Operated) -> Self {
        host.recent.clone()
    }
}

impl FromRef<Operated> for Level {
    fn from_ref(host: &Operated) -> Self {
        host.level.clone()
    }
}

impl FromRef<Operated> for Arc<Exporter> {
    fn from_ref(host: &Operated) -> Self {
        Self::clone(&host.exporter)
    }
}

impl FromRef<Operated> for Arc<HostFacts> {
    fn from_ref(host: &Operated) -> Self {
        Self::clone(&host.facts)
    }
}

impl FromRef<Operated> for Arc<Console> {
    fn from_ref(host: &Operated) -> Self {
        Self::clone(&host.console)
    }
}

/// The path of the metrics.
pub(crate) const METRICS_PATH: &str = "/metrics";

/// Serves operators and never returns, with the time limits of `edge`.
pub async fn serve(listener: TcpListener, host: Operated, admin: &Admin, edge: &Edge) {
    let router = router(host, Access::new(admin));
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
    let span = id.span(false, &berth_traces::Span::none());
    let answer = async {
        match settle(&mut request) {
            Ok(()) => router.oneshot(request).await.into_response(),
            Err(error) => error.into_response(),
        }
    };
    let mut response = answer.instrument(span).await;
    // A file of the console has a rule of its own.
    let headers = response.headers_mut();
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    id.write_on(&mut response);
    response
}

/// Every route of the API. A test compares the list with the OpenAPI document.
fn routes() -> [(&'static str, MethodRouter<Operated>); 12] {
    [
        ("/admin/components", get(components::list)),
        (
            "/admin/components/{name}",
            get(components::show).put(components::push),
        ),
        ("/admin/components/{name}/history", get(components::history)),
        ("/admin/components/{name}/rollback", post(components::roll_back)),
        ("/admin/components/{name}/swaps", get(components::swaps)),
        ("/admin/events", get(events::all)),
        ("/admin/host", get(host::show)),
        ("/admin/log-level", get(log_level::show).put(log_level::set)),
        ("/admin/logs", get(logs::lines)),
        ("/admin/openapi.json", get(openapi::show)),
        ("/admin/traps", get(traps::list)),
        (METRICS_PATH, get(metrics::show)),
    ]
}

fn router(host: Operated, access: Access) -> Router {
    let router = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| {
            router.route(path, methods)
        });
    router
        .route(console::PAGE, get(console::answer))
        .route(console::PARTS, get(console::answer))
        .fallback(async || AdminError::NotFound)
        .method_not_allowed_fallback(async || AdminError::MethodNotAllowed)
        // The check is outermost, so that a refused client does not learn which routes exist.
        .layer(from_fn_with_state(access, access::check))
        .with_state(host)
}
