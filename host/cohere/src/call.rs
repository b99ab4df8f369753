//! One call, from its first attempt to its end. At its end, however it ends, the call is logged, and its tokens are
//! added to the ledger.

use std::sync::Arc;

use berth_metrics::Present;
use berth_traces::{Array, KeyValue, Span, SpanKind, StringValue, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::error::Error;
use crate::failure::Failure;
use crate::ledger::{Caller, Ledger};
use crate::metrics::{ABANDONED, Metrics, REPLIED};
use crate::reply::{FinishReason, Usage};
use crate::settings::ApiKey;

/// A call that has not ended. Dropping it without an outcome logs it as abandoned.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) model: String,
    pub(crate) streamed: bool,
    pub(crate) attempts: u32,
    /// Its permit among the calls in flight, once it has one.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    /// The key, which is removed from logged texts.
    key: Option<ApiKey>,
    started: Instant,
    ledger: Arc<Ledger>,
    log: LogGate,
    /// The call in its trace.
    pub(crate) span: Span,
    metrics: Arc<Metrics>,
    outcome: Outcome,
    _in_flight: Present,
}

/// The longest logged text that a component or Cohere wrote, in bytes; longer texts are cut.
const MAX_LOGGED: usize = 1024;

/// Whether the log budget allows a line of so many bytes. By default always.
#[derive(Clone, Default)]
pub(crate) struct LogGate(Option<Arc<dyn Fn(usize) -> bool + Send + Sync>>);

impl LogGate {
    pub(crate) fn new(admit: impl Fn(usize) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(admit)))
    }

    fn admits(&self, bytes: usize) -> bool {
        self.0.as_ref().is_none_or(|admit| admit(bytes))
    }
}

enum Outcome {
    Abandoned,
    Replied(Usage, FinishReason, Option<String>),
    /// With the kind of the error, and the detail.
    Failed(&'static str, String),
}

impl Outcome {
    /// The failure of the call, if there was one.
    fn detail(&self) -> Option<&str> {
        match self {
            Self::Abandoned => None,
            Self::Replied(_, _, error) => error.as_deref(),
            Self::Failed(_, detail) => Some(detail),
        }
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_LOGGED)]
}

/// Where a call is recorded at its end.
pub(crate) struct Records {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) log: LogGate,
    pub(crate) metrics: Arc<Metrics>,
}

impl Call {
    pub(crate) fn new(
        caller: Caller,
        model: &str,
        streamed: bool,
        key: Option<ApiKey>,
        records: Records,
        parent: &Span,
    ) -> Self {
        let Records { ledger, log, metrics } = records;
        Self {
            caller,
            model: model.to_owned(),
            streamed,
            attempts: 0,
            permit: None,
            key,
            started: Instant::now(),
            ledger,
            log,
            span: begin_span(parent, model),
            _in_flight: metrics.in_flight.enter(),
            metrics,
            outcome: Outcome::Abandoned,
        }
    }

    /// Ends the call with a reply. `error` is Cohere's message if the model failed.
    pub(crate) fn replied(mut self, usage: Usage, finish_reason: FinishReason, error: Option<String>) {
        self.ledger.enter(&self.caller, usage);
        self.metrics.input_tokens.add(usage.input_tokens);
        self.metrics.output_tokens.add(usage.output_tokens);
        self.outcome = Outcome::Replied(usage, finish_reason, error.map(|error| self.redact(error)));
    }

    /// Ends the call without a reply. Returns the caller's error.
    pub(crate) fn failed(mut self, failure: Failure) -> Error {
        self.outcome = Outcome::Failed(failure.error.kind(), self.redact(failure.detail));
        failure.error
    }

    /// Counts the call, which ends.
    fn count(&self) {
        let outcome = match &self.outcome {
            Outcome::Abandoned => ABANDONED,
            Outcome::Replied(..) => REPLIED,
            Outcome::Failed(kind, _) => kind,
        };
        self.metrics.outcomes.get(&outcome).increment();
        self.metrics
            .retries
            .add(u64::from(self.attempts.saturating_sub(1)));
        self.metrics.durations.observe_time(self.started.elapsed());
    }

    fn redact(&self, text: String) -> String {
        match &self.key {
            Some(key) => key.redact(&text),
            None => text,
        }
    }
}

/// The span of a call, by OpenTelemetry's conventions for generative AI
/// (<https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/>). It has no content of the conversation.
fn begin_span(parent: &Span, model: &str) -> Span {
    parent.child(SpanKind::Client, || {
        let attributes = vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", "cohere"),
            KeyValue::new("gen_ai.request.model", cut(model).to_owned()),
        ];
        (format!("chat {}", cut(model)), attributes)
    })
}

impl Call {
    fn end_span(&self) {
        match &self.outcome {
            Outcome::Abandoned => self.span.fail(|| "abandoned".to_owned()),
            Outcome::Failed(kind, _) => self.span.fail(|| (*kind).to_owned()),
            Outcome::Replied(usage, finish_reason, _) => self.span.set(|| {
                let tokens = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
                let reasons = vec![StringValue::from(finish_reason.as_str())];
                [
                    KeyValue::new("gen_ai.usage.input_tokens", tokens(usage.input_tokens)),
                    KeyValue::new("gen_ai.usage.output_tokens", tokens(usage.output_tokens)),
                    KeyValue::new(
                        "gen_ai.response.finish_reasons",
                        Value::Array(Array::String(reasons)),
                    ),
                ]
            }),
        }
        self.span.end();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end_span();
        self.count();
        let (model, detail) = (cut(&self.model), self.outcome.detail().map(cut));
        if !self.log.admits(model.len() + detail.map_or(0, str::len)) {
            return;
        }
        // tracing needs its levels and fields at compile time.
        macro_rules! line {
            ($level:ident, $($rest:tt)*) => {
                tracing::$level!(
                    component = self.caller.component,
                    user = self.caller.user,
                    model,
                    stream = self.streamed,
                    attempts = self.attempts,
                    duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    $($rest)*
                )
            };
        }
        match &self.outcome {
            Outcome::Abandoned => line!(info, "a model was asked, and nobody waited for its reply"),
            Outcome::Replied(usage, finish_reason, _) => line!(
                info,
                input_tokens = usage.input_tokens,
                output_tokens = usage.output_tokens,
                finish_reason = ?finish_reason,
                error = detail,
                "a model was asked"
            ),
            Outcome::Failed(..) => line!(warn, error = detail, "a model was asked, and gave no reply"),
        }
    }
}
