//! One operation of a trace.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

/// An operation. Clones are the same span, which ends with [`Span::end`] or with its last clone.
///
/// An empty span is that of a host without traces. A span of a trace that is not recorded has only its identifiers.
#[derive(Clone, Default)]
pub struct Span(Option<Arc<Inner>>);

struct Inner {
    tracer: SdkTracer,
    context: Context,
}

impl Span {
    /// An empty span.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn begin(
        tracer: &SdkTracer,
        parent: &Context,
        kind: SpanKind,
        name: String,
        attributes: Vec<KeyValue>,
    ) -> Self {
        let span = tracer
            .span_builder(name)
            .with_kind(kind)
            .with_attributes(attributes)
            .start_with_context(tracer, parent);
        Self(Some(Arc::new(Inner {
            tracer: tracer.clone(),
            context: parent.with_span(span),
        })))
    }

    /// Whether the span is recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded().is_some()
    }

    fn recorded(&self) -> Option<&Arc<Inner>> {
        self.0
            .as_ref()
            .filter(|inner| inner.context.span().is_recording())
    }

    /// Begins a part of this operation. `describe` makes its name and attributes, if the span is recorded.
    #[must_use]
    pub fn child<N: Into<String>>(
        &self,
        kind: SpanKind,
        describe: impl FnOnce() -> (N, Vec<KeyValue>),
    ) -> Self {
        let Some(inner) = self.recorded() else {
            return self.clone();
        };
        let (name, attributes) = describe();
        Self::begin(&inner.tracer, &inner.context, kind, name.into(), attributes)
    }

    /// Adds attributes, which `attributes` makes if the span is recorded.
    pub fn set<const N: usize>(&self, attributes: impl FnOnce() -> [KeyValue; N]) {
        if let Some(inner) = self.recorded() {
            inner.context.span().set_attributes(attributes());
        }
    }

    /// Gives the span another name.
    pub fn rename(&self, name: impl FnOnce() -> String) {
        if let Some(inner) = self.recorded() {
            inner.context.span().update_name(name());
        }
    }

    /// Records that the operation has failed: `kind` is a word for the failure, as `error.type`.
    pub fn fail(&self, kind: impl FnOnce() -> String) {
        if let Some(inner) = self.recorded() {
            let span = inner.context.span();
            span.set_attribute(KeyValue::new("error.type", kind()));
            span.set_status(Status::error(""));
        }
    }

    /// Ends the span. A later end has no effect.
    pub fn end(&self) {
        if let Some(inner) = &self.0 {
            inner.context.span().end();
        }
    }

    /// The identifier of the trace.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        let inner = self.0.as_ref()?;
        Some(inner.context.span().span_context().trace_id())
    }

    /// Writes `traceparent` and `tracestate` to the headers of a request that is a part of this operation.
    pub fn write_on(&self, headers: &mut HeaderMap) {
        if let Some(inner) = &self.0 {
            TraceContextPropagator::new().inject_context(&inner.context, &mut HeaderInjector(headers));
            if headers.get("tracestate").is_some_and(http::HeaderValue::is_empty) {
                headers.remove("tracestate");
            }
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Span").field(&self.trace_id()).finish()
    }
}
