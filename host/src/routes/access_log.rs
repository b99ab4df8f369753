//! One line for each request, when the last of its response is sent: what operators grep.
//!
//! The path is logged without its query, which may carry a token. Probes come every few seconds and are only logged
//! with `RUST_LOG=berth=debug`.

use std::net::IpAddr;
use std::time::Instant;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode};

use super::components::X_COMPONENT;
use super::keep::keep;
use super::request_id::RequestId;

/// What is known of a request. Logged when it is dropped: with the response's body, or before there was a response.
pub(super) struct Entry {
    began: Instant,
    method: Method,
    path: String,
    is_probe: bool,
    request_id: Option<RequestId>,
    client: Option<IpAddr>,
    status: Option<StatusCode>,
    component: Option<HeaderValue>,
}

impl Entry {
    /// The request has come, from this client. `is_probe` says whether monitoring makes it.
    pub(super) fn begin(request: &Request, client: Option<IpAddr>, is_probe: bool) -> Self {
        Self {
            began: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            is_probe,
            request_id: request.extensions().get().cloned(),
            client,
            status: None,
            component: None,
        }
    }

    /// The response, which is logged when the last of it has been sent, or its client has gone.
    pub(super) fn end(mut self, response: Response) -> Response {
        self.status = Some(response.status());
        self.component = response.headers().get(X_COMPONENT).cloned();
        keep(response, self)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Self { began, method, path, .. } = self;
        let duration_ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        let request_id = self.request_id.as_ref().map(tracing::field::display);
        let client = self.client.map(tracing::field::display);
        let component = self
            .component
            .as_ref()
            .and_then(|component| component.to_str().ok())
            .map(tracing::field::display);
        let Some(status) = self.status.map(|status| status.as_u16()) else {
            tracing::info!(%method, %path, duration_ms, request_id, client, "the client went away before the response");
            return;
        };
        if self.is_probe {
            tracing::debug!(%method, %path, status, duration_ms, request_id, client, "request");
        } else {
            tracing::info!(%method, %path, status, duration_ms, request_id, client, component, "request");
        }
    }
}
