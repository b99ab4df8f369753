//! Logs a line for each request, when the last byte of its response is sent: operators search these lines.
//!
//! The path is logged without its query, which may carry a token. Probes come every few seconds and are only logged
//! with `RUST_LOG=berth=debug`. Requests that probe a version before it goes live have the field `probe`.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};

use super::components::X_COMPONENT;
use super::guarded_body::guard_body;
use super::request_id::RequestId;

/// Marks a request that the host itself makes, to probe a version.
#[derive(Clone, Copy)]
pub(crate) struct Probe;

/// The log entry of a request. Dropping it logs it: with the response's body, or before there was a response.
pub(super) struct Entry {
    began: Instant,
    method: Method,
    path: String,
    /// Whether the request is a probe by monitoring.
    is_monitoring: bool,
    request_id: Option<RequestId>,
    client: Option<IpAddr>,
    status: Option<StatusCode>,
    component: Option<HeaderValue>,
    /// Whether the request probes a version before it goes live.
    is_probe: bool,
}

impl Entry {
    /// Begins the entry of a request from `client`. `is_monitoring` tells whether monitoring makes the request.
    pub(super) fn begin(request: &Request, client: Option<IpAddr>, is_monitoring: bool) -> Self {
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            is_monitoring,
            request_id: request.extensions().get().cloned(),
            client,
            status: None,
            component: None,
            is_probe: request.extensions().get::<Probe>().is_some(),
        }
    }

    /// Adds the response. The entry is logged when the response's last byte has been sent, or the client has gone.
    pub(super) fn end(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        self.component = response.headers().get(X_COMPONENT).cloned();
        guard_body(response, self)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self {
            began, method, path, ..
        } = self;
        let duration_ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let request_id = self.request_id.as_ref().map(tracing::field::display);
        let client = self.client.map(tracing::field::display);
        let probe = self.is_probe.then_some(true);
        let component = self
            .component
            .as_ref()
            .and_then(|component| component.to_str().ok())
            .map(tracing::field::display);
        let Some(status) = self.status.map(|status| status.as_u16()) else {
            tracing::info!(%method, %path, duration_ms, request_id, client, probe, "the client went away before the response");
            return;
        };
        if self.is_monitoring {
            tracing::debug!(%method, %path, status, duration_ms, request_id, client, "request");
        } else {
            tracing::info!(%method, %path, status, duration_ms, request_id, client, component, probe, "request");
        }
    }
}
