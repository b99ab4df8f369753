//! All routes, and the layers that a request passes before it is routed.

mod access_log;
pub mod auth;
mod components;
mod cors;
mod docs;
mod files;
pub(crate) mod guarded_body;
mod health;
mod in_flight_limit;
mod openapi;
mod request_id;
mod request_span;
mod response_headers;
mod schemas;
mod server_timing;
mod target;
mod trailing_slash;
mod whole_body;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::anyhow;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use berth_traces::Traces;
use futures_util::FutureExt as _;
use http::header::{ORIGIN, VARY};
use http::{HeaderValue, Method};
use tower::ServiceExt;
use tracing::Instrument;

use crate::app::App;
use crate::client::Client;
use crate::config::{HttpTable, ServerTiming, TrustedProxies};
use crate::error::ApiError;
use crate::files::{FilesAt, prefers_html};
use crate::metrics::{self, HttpMetrics, Measured, RouteTag};
use crate::request_record::RequestRecord;
use access_log::Entry;
pub(crate) use access_log::Probe;
use cors::Cors;
pub use request_id::{RequestId, X_REQUEST_ID};
pub(crate) use target::settle;

/// Everything behind the socket. Clones share it.
#[derive(Clone)]
pub struct Routes {
    cors: Cors,
    proxies: Arc<TrustedProxies>,
    server_timing: Arc<ServerTiming>,
    http: Arc<HttpTable>,
    traces: Traces,
    metrics: Arc<HttpMetrics>,
    router: Router,
}

impl Routes {
    /// Builds the host's own routes, with the components' behind them.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self {
            cors: Cors::new(app.cors_origins(), &app.http().expose_headers),
            proxies: Arc::new(app.trusted_proxies().clone()),
            server_timing: Arc::new(app.server_timing().clone()),
            http: Arc::clone(app.http()),
            traces: app.traces().clone(),
            metrics: Arc::clone(app.metrics()),
            router: router(app),
        }
    }

    /// Answers a request. The response, and every line logged meanwhile, carry the request's identifier.
    pub async fn answer(&self, mut request: Request) -> Response {
        let id = RequestId::name(&mut request);
        let client = Client::identify(&mut request, &self.proxies);
        let trace = request_span::begin(&self.traces, &mut request, &client);
        let span = id.span(request.extensions().get::<Probe>().is_some(), &trace);
        let record = RequestRecord::begin(&mut request);
        let answer = async {
            let is_probe = self.http.own_routes.is_probe(request.uri().path());
            let measured = Measured::begin(&mut request, &self.metrics);
            let entry = Entry::begin(&mut request, client.clone(), record.clone(), is_probe, trace);
            let mut response = self.answer_shared(request).await;
            server_timing::tell(&self.server_timing, &client, &record, &mut response);
            entry.end(measured, response)
        };
        let mut response = answer.instrument(span).await;
        id.write_on(&mut response);
        response
    }

    /// Answers a request, with the headers of CORS.
    async fn answer_shared(&self, mut request: Request) -> Response {
        let origin = request.headers().get(ORIGIN).cloned();
        let mut response = match settle(&mut request) {
            Err(error) => error.into_response(),
            Ok(()) => match self.cors.preflight(&request) {
                Some(answer) => return answer,
                None => self.route(request).await,
            },
        };
        self.cors.finish(origin.as_ref(), response.headers_mut());
        response
    }

    async fn route(&self, mut request: Request) -> Response {
        // Changes of the path come before the route is looked up.
        trailing_slash::strip(request.uri_mut());
        // A panic is a bug. It must fail this request only, and not the connection; the panic hook logs the place.
        let answer = AssertUnwindSafe(self.router.clone().oneshot(request));
        match answer.catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(_) => ApiError::Internal(anyhow!("the host's code panicked")).into_response(),
        }
    }
}

fn router(app: &App) -> Router {
    let own = app.own_routes();
    let bound = from_fn_with_state(app.clone(), in_flight_limit::bound);
    let counted = from_fn_with_state(Arc::clone(app.metrics()), metrics::tag);
    let mut bounded = Router::new();
    if let Some(path) = &own.openapi {
        bounded = bounded.route(path, get(docs::document));
    }
    if let Some(path) = &own.docs {
        bounded = bounded
            .route(path, get(docs::page))
            .route(&format!("{path}/{{*file}}"), get(docs::asset));
    }
    for path in own.accounts.bases() {
        bounded = bounded
            .route(path, any(not_found))
            .route(&format!("{path}/{{*rest}}"), any(not_found));
    }
    let bounded = bounded
        .layer(counted.clone())
        .route("/", any(root))
        .fallback(dispatch)
        .layer(bound.clone());

    // A slow body counts as in flight only after it has arrived.
    let accounts = auth::router(&own.accounts, Arc::clone(app.auth()))
        .layer(bound)
        .layer(from_fn(whole_body::read_first))
        .layer(counted.clone());

    // Probes are outside of the limit, so that a busy host does not seem dead.
    let probes = Router::new()
        .route(&own.health, get(health::health))
        .route(&own.ready, get(health::ready))
        .layer(counted);

    bounded
        .merge(accounts)
        .merge(probes)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app.clone())
}

/// `/`: a component answers if its routes match. Otherwise files answer browsers, and the host answers other programs.
async fn root(State(app): State<App>, request: Request) -> Response {
    if app.has_root() {
        return components::dispatch(State(app), request).await.into_response();
    }
    RouteTag::set(request.extensions(), &app.metrics().routes.get("/"));
    let files = app.files_at("/").filter(FilesAt::has_file);
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = match &files {
        Some(files) if is_read && prefers_html(request.headers()) => {
            files::answer(&app, files, request).await.into_response()
        }
        _ => {
            let index = get(health::index).fallback(method_not_allowed).with_state(app);
            let Ok(response) = index.oneshot(request).await;
            response
        }
    };
    if files.is_some() {
        response
            .headers_mut()
            .append(VARY, HeaderValue::from_static("accept"));
    }
    response
}

/// A path that is not the host's own: files answer, or a component.
async fn dispatch(State(app): State<App>, request: Request) -> Response {
    match app.files_at(request.uri().path()) {
        Some(files) => files::answer(&app, &files, request).await.into_response(),
        None => components::dispatch(State(app), request).await.into_response(),
    }
}

/// Answers paths that belong to the host but have no route.
async fn not_found() -> ApiError {
    ApiError::NotFound
}

/// The body of a 405; the router adds the header `Allow`.
async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

#[cfg(test)]
mod tests;
