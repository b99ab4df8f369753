//! Logs a line for each request, when the last byte of its response is sent: operators search these lines.
//!
//! The path is logged without its query, which may carry a token. Probes come every few seconds and are only logged
//! with `RUST_LOG=berth=debug`. Requests that probe a version before it goes live have the field `probe`.
//! docs/logging.md describes the fields.

use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::response::Response;
use berth_traces::Span;
use http::{HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use tracing::field::{DisplayValue, display};

use super::guarded_body::count_body;
use super::request_id::RequestId;
use super::request_span;
use crate::client::Client;
use crate::logging::ACCESS_TARGET;
use crate::metrics::Measured;
use crate::request_record::RequestRecord;

/// The longest part of a `user-agent` that is logged and traced, in bytes.
const MAX_USER_AGENT_BYTES: usize = 256;

/// Marks a request that the host itself makes, to probe a version.
#[derive(Clone, Copy)]
pub(crate) struct Probe;

/// The log entry of a request. Dropping it logs it: with the response's body, or before there was a response.
pub(super) struct Entry {
    began: Instant,
    method: Method,
    path: String,
    user_agent: Option<HeaderValue>,
    /// Whether the request is a probe by monitoring.
    is_monitoring: bool,
    request_id: Option<RequestId>,
    client: Client,
    status: Option<StatusCode>,
    /// Bytes of the response's body that were passed to the connection.
    sent: u64,
    /// Whether the request probes a version before it goes live.
    is_probe: bool,
    record: RequestRecord,
    /// The request in its trace, which ends with the entry.
    span: Span,
}

impl Entry {
    /// Begins the entry of a request from `client`, and counts the bytes of the request's body. `is_monitoring` tells
    /// whether monitoring makes the request.
    pub(super) fn begin(
        request: &mut Request,
        client: Client,
        record: RequestRecord,
        is_monitoring: bool,
        span: Span,
    ) -> Self {
        let entry = Self {
            began: Instant::now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
            is_monitoring,
            request_id: request.extensions().get().cloned(),
            client,
            status: None,
            sent: 0,
            is_probe: request.extensions().get::<Probe>().is_some(),
            record,
            span,
        };
        if !request.body().is_end_stream() {
            let body = std::mem::take(request.body_mut());
            let counter = entry.record.clone();
            *request.body_mut() = count_body(body, counter, |record, bytes| record.add_received(bytes));
        }
        entry
    }

    /// Adds the response. The entry is logged, and `measured` recorded, when the response's last byte has been sent, or the
    /// client has gone.
    pub(super) fn end(mut self, mut measured: Measured, response: Response) -> Response {
        self.status = Some(response.status());
        measured.set_status(response.status());
        let guards = (self, measured);
        response.map(|body| count_body(body, guards, |(entry, _), bytes| entry.sent += bytes))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        request_span::end(&self.span, &self.method, self.status, &self.record);
        // Most of the work below is for lines that are written.
        let is_logged = if self.is_monitoring && self.status.is_some() {
            tracing::event_enabled!(target: ACCESS_TARGET, tracing::Level::DEBUG)
        } else {
            tracing::event_enabled!(target: ACCESS_TARGET, tracing::Level::INFO)
        };
        if is_logged {
            self.log();
        }
    }
}

/// Writes a request's line. tracing needs the level and the message at compile time.
macro_rules! line {
    ($level:ident, $entry:ident, $message:literal) => {{
        let entry = $entry;
        let facts = entry.record.read();
        let component = facts.component.as_ref();
        let used = component.map(|_| entry.record.usage().read());
        let of_database = used.filter(|used| used.statements > 0);
        let of_model = used.filter(|used| used.tokens > 0 || !used.model.is_zero());
        tracing::event!(
            target: ACCESS_TARGET,
            tracing::Level::$level,
            method = %entry.method,
            path = %entry.path,
            route = facts.route.as_deref(),
            status = entry.status.map(|status| status.as_u16()),
            duration_ms = milliseconds(entry.began.elapsed()),
            request_bytes = entry.record.received(),
            response_bytes = entry.sent,
            request_id = entry.request_id.as_ref().map(display),
            trace_id = entry.trace_id(),
            client = entry.client.address.map(display),
            user = facts.user.as_deref(),
            user_agent = entry.user_agent(),
            component = component.map(|(spec, _)| &*spec.name),
            version = component.and_then(|(_, number)| *number),
            probe = entry.is_probe.then_some(true),
            queue_ms = used.map(|used| milliseconds(used.queue)),
            instance_ms = used.map(|used| milliseconds(used.instance)),
            cpu_ms = used.map(|used| milliseconds(used.cpu)),
            memory_bytes = used.map(|used| used.memory),
            database_ms = of_database.map(|used| milliseconds(used.database)),
            statements = of_database.map(|used| used.statements),
            model_ms = of_model.map(|used| milliseconds(used.model)),
            tokens = of_model.map(|used| used.tokens),
            $message
        );
    }};
}

impl Entry {
    fn log(&self) {
        if self.status.is_none() {
            line!(INFO, self, "the client went away before the response");
        } else if self.is_monitoring {
            line!(DEBUG, self, "request");
        } else {
            line!(INFO, self, "request");
        }
    }

    /// The trace of the request: the host's, or the one that a trusted proxy names.
    fn trace_id(&self) -> Option<DisplayValue<String>> {
        let own = self.span.trace_id().map(|id| id.to_string());
        own.or_else(|| self.client.trace_id.map(|id| id.to_string()))
            .map(display)
    }

    /// The beginning of the header `user-agent`. The log escapes it.
    fn user_agent(&self) -> Option<DisplayValue<String>> {
        self.user_agent.as_ref().map(beginning).map(display)
    }
}

/// The beginning of a client's `user-agent`.
pub(super) fn beginning(user_agent: &HeaderValue) -> String {
    let bytes = user_agent.as_bytes();
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_USER_AGENT_BYTES)]).into_owned();
    if bytes.len() > MAX_USER_AGENT_BYTES {
        text.push('…');
    }
    text
}

/// Milliseconds with three decimals.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use axum::body::Body;

    use super::*;

    fn user_agent(value: &[u8]) -> String {
        let mut request = Request::new(Body::empty());
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert(header::USER_AGENT, value);
        let entry = Entry::begin(
            &mut request,
            Client::default(),
            RequestRecord::default(),
            true,
            Span::none(),
        );
        entry.user_agent().unwrap().to_string()
    }

    #[test]
    fn a_user_agent_is_cut_and_may_have_any_bytes() {
        assert_eq!(user_agent(b"curl/8.5.0"), "curl/8.5.0");
        assert_eq!(user_agent(b"a\xffb"), "a\u{fffd}b");
        let long = "x".repeat(MAX_USER_AGENT_BYTES + 1);
        assert_eq!(user_agent(&long.as_bytes()[1..]).len(), MAX_USER_AGENT_BYTES);
        assert_eq!(
            user_agent(long.as_bytes()),
            format!("{}…", &long[..MAX_USER_AGENT_BYTES])
        );
    }

    #[tokio::test]
    async fn the_bytes_of_a_requests_body_are_counted() {
        use http_body_util::BodyExt as _;

        let mut request = Request::new(Body::from("12345"));
        let record = RequestRecord::begin(&mut request);
        let _entry = Entry::begin(
            &mut request,
            Client::default(),
            record.clone(),
            true,
            Span::none(),
        );
        request.into_body().collect().await.unwrap();
        assert_eq!(record.received(), 5);
    }

    #[test]
    fn times_are_milliseconds_with_three_decimals() {
        let written =
            [1_234_567, 999, 500, 0].map(|nanoseconds| milliseconds(Duration::from_nanos(nanoseconds)));
        assert_eq!(
            written.map(|time| time.to_string()),
            ["1.235", "0.001", "0.001", "0"]
        );
    }
}
