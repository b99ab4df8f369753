//! An OpenTelemetry collector: receives traces as OTLP over HTTP, by the protocol's own definitions.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::HeaderMap;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message as _;
use tokio::net::TcpListener;

use super::patience::eventually;

/// A collector on the loopback interface. It ends with the test.
pub(crate) struct Collector {
    /// The value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub(crate) url: String,
    received: Received,
}

type Received = Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>;

/// A span that was received.
#[derive(Clone, Debug)]
pub(crate) struct Span(otlp::Span);

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Received::default();
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    /// The headers of the batches.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        let received = self.received.lock().unwrap();
        received.iter().map(|(headers, _)| headers.clone()).collect()
    }

    /// The attributes of the service in the first batch.
    pub(crate) fn resource(&self, key: &str) -> Option<String> {
        let received = self.received.lock().unwrap();
        let resource = received.first()?.1.resource_spans.first()?.resource.clone()?;
        let found = resource.attributes.into_iter().find(|one| one.key == key)?;
        Some(text(found.value?.value?))
    }

    /// All spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|(_, batch)| &batch.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).cloned().map(Span).collect()
    }

    /// Waits for a span of this name, and returns all spans of its trace that have come until then.
    pub(crate) async fn trace_with(&self, name: &str) -> Vec<Span> {
        eventually(true, async || self.spans().iter().any(|span| span.name() == name)).await;
        let spans = self.spans();
        let trace = spans.iter().find(|span| span.name() == name).unwrap().trace();
        spans.into_iter().filter(|span| span.trace() == trace).collect()
    }
}

async fn receive(
    State(received): State<Received>,
    headers: HeaderMap,
    body: Bytes,
) -> ([(&'static str, &'static str); 1], Bytes) {
    let batch = ExportTraceServiceRequest::decode(body).unwrap();
    received.lock().unwrap().push((headers, batch));
    // An empty answer of the protocol.
    ([("content-type", "application/x-protobuf")], Bytes::new())
}

impl Span {
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// The identifier of the trace, in hexadecimal.
    pub(crate) fn trace(&self) -> String {
        hex(&self.0.trace_id)
    }

    /// The identifier of the span, in hexadecimal.
    pub(crate) fn id(&self) -> String {
        hex(&self.0.span_id)
    }

    /// The identifier of the parent, in hexadecimal; empty without one.
    pub(crate) fn parent(&self) -> String {
        hex(&self.0.parent_span_id)
    }

    /// Whether the operation failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.0
            .status
            .as_ref()
            .is_some_and(|status| status.code() == otlp::status::StatusCode::Error)
    }

    /// An attribute as text.
    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        let found = self.0.attributes.iter().find(|one| one.key == key)?;
        Some(text(found.value.clone()?.value?))
    }

    /// Every text of the span.
    pub(crate) fn texts(&self) -> String {
        format!("{:?}", self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text(value: Value) -> String {
    match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::ArrayValue(array) => {
            let values = array.values.into_iter().filter_map(|one| one.value);
            values.map(text).collect::<Vec<_>>().join(",")
        }
        other => format!("{other:?}"),
    }
}
