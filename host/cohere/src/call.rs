//! One call, from its first attempt until it is over, however it ends: then it leaves a line in the log, and its tokens
//! in the ledger.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::error::Error;
use crate::failure::Failure;
use crate::ledger::{Caller, Ledger};
use crate::reply::{FinishReason, Usage};
use crate::settings::ApiKey;

/// A call that is not over yet. Dropped without an outcome, it was abandoned.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) model: String,
    pub(crate) streamed: bool,
    pub(crate) attempts: u32,
    /// Its place among the calls in flight, once it has one.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    /// What must not be in the log.
    key: Option<ApiKey>,
    started: Instant,
    ledger: Arc<Ledger>,
    outcome: Outcome,
}

enum Outcome {
    Abandoned,
    Replied(Usage, FinishReason, Option<String>),
    /// With the detail.
    Failed(String),
}

impl Call {
    pub(crate) fn new(
        caller: Caller,
        model: &str,
        streamed: bool,
        key: Option<ApiKey>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            caller,
            model: model.to_owned(),
            streamed,
            attempts: 0,
            permit: None,
            key,
            started: Instant::now(),
            ledger,
            outcome: Outcome::Abandoned,
        }
    }

    /// It is over, with a reply. `error` is what Cohere says if the model failed on its way.
    pub(crate) fn replied(mut self, usage: Usage, finish_reason: FinishReason, error: Option<String>) {
        self.ledger.enter(&self.caller, usage);
        self.outcome = Outcome::Replied(usage, finish_reason, error.map(|error| self.redact(error)));
    }

    /// It is over, without a reply. Gives what the caller is told.
    pub(crate) fn failed(mut self, failure: Failure) -> Error {
        self.outcome = Outcome::Failed(self.redact(failure.detail));
        failure.error
    }

    fn redact(&self, text: String) -> String {
        match &self.key {
            Some(key) => key.redact(&text),
            None => text,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // tracing wants its levels and fields at compile time.
        macro_rules! line {
            ($level:ident, $($rest:tt)*) => {
                tracing::$level!(
                    component = self.caller.component,
                    user = self.caller.user,
                    model = self.model,
                    stream = self.streamed,
                    attempts = self.attempts,
                    duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                    $($rest)*
                )
            };
        }
        match &self.outcome {
            Outcome::Abandoned => line!(info, "a model was asked, and nobody waited for its reply"),
            Outcome::Replied(usage, finish_reason, error) => line!(
                info,
                input_tokens = usage.input_tokens,
                output_tokens = usage.output_tokens,
                finish_reason = ?finish_reason,
                error,
                "a model was asked"
            ),
            Outcome::Failed(detail) => line!(warn, error = detail, "a model was asked, and gave no reply"),
        }
    }
}
