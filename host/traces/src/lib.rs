//! Traces of a host's work, sent to an OpenTelemetry collector as OTLP over HTTP
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).
//!
//! A [`Span`] is passed from the code that begins an operation to the code that does a part of it; there is no current span.
//! Without a collector every span is empty: it allocates nothing, and its attributes are not made.
//!
//! The names of spans and attributes follow OpenTelemetry's semantic conventions
//! (<https://opentelemetry.io/docs/specs/semconv/>).

mod export;
mod sampling;
mod span;
mod traces;

pub use opentelemetry::trace::SpanKind;
pub use opentelemetry::{Array, KeyValue, StringValue, Value};
pub use sampling::{Sampling, SamplingError};
pub use span::Span;
pub use traces::{Settings, Traces, TracesError};
