//! A request in its trace, by OpenTelemetry's conventions for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>).

use axum::extract::Request;
use berth_traces::{KeyValue, Span, SpanKind, Traces};
use http::{Method, StatusCode, header};

use super::access_log::beginning;
use crate::client::Client;
use crate::request_record::RequestRecord;

/// Begins the span of a request, which is stored in the request's extensions. Only a trusted proxy decides which trace the
/// request belongs to.
pub(super) fn begin(traces: &Traces, request: &mut Request, client: &Client) -> Span {
    let headers = client.trace_id.is_some().then(|| request.headers());
    let span = traces.begin(SpanKind::Server, request.method().as_str(), headers);
    span.set(|| {
        let user_agent = request.headers().get(header::USER_AGENT).map(beginning);
        let address = client.address.map(|address| address.to_string());
        [
            KeyValue::new("http.request.method", request.method().as_str().to_owned()),
            KeyValue::new("url.path", request.uri().path().to_owned()),
            KeyValue::new("url.scheme", if client.https { "https" } else { "http" }),
            KeyValue::new("client.address", address.unwrap_or_default()),
            KeyValue::new("user_agent.original", user_agent.unwrap_or_default()),
        ]
    });
    request.extensions_mut().insert(span.clone());
    span
}

/// Ends the span of a request with the status of its response. Without one, the client has gone.
pub(super) fn end(span: &Span, method: &Method, status: Option<StatusCode>, record: &RequestRecord) {
    if !span.is_recorded() {
        return;
    }
    if let Some(route) = record.read().route {
        span.rename(|| format!("{method} {route}"));
        span.set(|| [KeyValue::new("http.route", route.to_string())]);
    }
    match status {
        Some(status) => {
            span.set(|| {
                [KeyValue::new(
                    "http.response.status_code",
                    i64::from(status.as_u16()),
                )]
            });
            if status.is_server_error() {
                span.fail(|| status.as_str().to_owned());
            }
        }
        None => span.fail(|| "client_gone".to_owned()),
    }
    span.end();
}
