//! The traces of one host: where they are sent, and how they begin and end.

use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanKind, TracerProvider as _};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use url::Url;

use crate::export::Collector;
use crate::sampling::Sampling;
use crate::span::Span;

/// How long the last spans may take to be sent when the host stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// The most attributes of a span. The host's own spans have fewer.
const MAX_ATTRIBUTES: u32 = 32;

/// Where traces are sent, and which.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collector's address for traces, with its path.
    pub endpoint: Url,
    /// Which traces are recorded.
    pub sampling: Sampling,
    /// The name of this host among others, as `service.instance.id`.
    pub host: String,
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The HTTP client does not start.
    #[error("the HTTP client for traces does not start: {0}")]
    Client(#[from] reqwest::Error),
    /// A variable of the exporter has a wrong value.
    #[error("traces cannot be exported: {0}; correct the variable OTEL_EXPORTER_OTLP_… that it names")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The traces of a host. Clones share the exporter.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Recording>);

#[derive(Clone, Debug)]
struct Recording {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Traces {
    /// No traces.
    #[must_use]
    pub fn off() -> Self {
        Self(None)
    }

    /// Starts to send traces, in batches. The SDK reads the variables that bound the batches (`OTEL_BSP_…`) and describe the
    /// service (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`), the exporter those with headers and timeouts
    /// (`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`).
    ///
    /// # Errors
    ///
    /// See [`TracesError`].
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, which sends the batches.
    pub fn start(settings: &Settings) -> Result<Self, TracesError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.as_str())
            .build()?;
        let own = [
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", settings.host.clone()),
        ];
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(settings.sampling.sampler())
            .with_max_attributes_per_span(MAX_ATTRIBUTES)
            .with_resource(resource(own))
            .build();
        let scope = InstrumentationScope::builder("berth").with_version(env!("CARGO_PKG_VERSION"));
        let tracer = provider.tracer_with_scope(scope.build());
        Ok(Self(Some(Recording { provider, tracer })))
    }

    /// Begins a span without a parent, or with the parent that `headers` name (`traceparent`, see
    /// <https://www.w3.org/TR/trace-context/>). Pass only headers of a client that may choose the trace.
    #[must_use]
    pub fn begin(&self, kind: SpanKind, name: &str, headers: Option<&HeaderMap>) -> Span {
        let Some(Recording { tracer, .. }) = &self.0 else {
            return Span::none();
        };
        let parent = headers.map_or_else(Context::new, |headers| {
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers))
        });
        Span::begin(tracer, &parent, kind, name.to_owned(), Vec::new())
    }

    /// Sends the spans that have ended, within three seconds.
    pub async fn shut_down(&self) {
        let Some(Recording { provider, .. }) = &self.0 else {
            return;
        };
        let provider = provider.clone();
        // It blocks its thread.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!("the last traces were not sent: {error}");
        }
    }
}

/// The description of the service: its name is `berth`, unless a variable names another.
fn resource(own: [KeyValue; 2]) -> Resource {
    let described = Resource::builder().with_attributes(own).build();
    let name = described.get(&"service.name".into()).map(|name| name.to_string());
    if name.is_some_and(|name| !name.starts_with("unknown_service")) {
        return described;
    }
    Resource::builder()
        .with_attributes(
            described
                .iter()
                .map(|(key, value)| KeyValue::new(key.clone(), value.clone())),
        )
        .with_service_name("berth")
        .build()
}
