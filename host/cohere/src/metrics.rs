//! The numbers of a component's calls, which the host exports.

use berth_metrics::{ByKey, Counter, Gauge, Histogram};

use crate::error::Error;

/// The outcome of a call with a reply.
pub(crate) const REPLIED: &str = "replied";

/// The outcome of a call whose caller has gone before the reply.
pub(crate) const ABANDONED: &str = "abandoned";

/// All outcomes of a call.
const OUTCOMES: [&str; 14] = [
    REPLIED,
    ABANDONED,
    "not-configured",
    "unauthorized",
    "invalid-request",
    "model-unavailable",
    "request-too-large",
    "reply-too-large",
    "content-refused",
    "rate-limited",
    "busy",
    "timeout",
    "unavailable",
    "broken",
];

/// The calls of one component, or of all callers that share a client.
#[derive(Debug)]
pub struct Metrics {
    /// Calls that have ended, by outcome: `replied`, `abandoned`, or the kind of the [`Error`].
    pub outcomes: ByKey<&'static str, Counter>,
    /// Attempts after the first one.
    pub retries: Counter,
    /// The tokens sent.
    pub input_tokens: Counter,
    /// The tokens answered.
    pub output_tokens: Counter,
    /// Calls that have not ended.
    pub in_flight: Gauge,
    /// The times from the beginnings of calls to their ends.
    pub durations: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let outcomes = ByKey::default();
        for outcome in OUTCOMES {
            outcomes.get(&outcome);
        }
        Self {
            outcomes,
            retries: Counter::default(),
            input_tokens: Counter::default(),
            output_tokens: Counter::default(),
            in_flight: Gauge::default(),
            durations: Histogram::of_times(),
        }
    }
}

impl Error {
    /// The kind of the error, as an outcome.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NotConfigured => "not-configured",
            Self::Unauthorized => "unauthorized",
            Self::InvalidRequest(_) => "invalid-request",
            Self::ModelUnavailable(_) => "model-unavailable",
            Self::RequestTooLarge(_) => "request-too-large",
            Self::ReplyTooLarge(_) => "reply-too-large",
            Self::ContentRefused => "content-refused",
            Self::RateLimited(_) => "rate-limited",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Broken => "broken",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_an_outcome() {
        let errors = [
            Error::NotConfigured,
            Error::Unauthorized,
            Error::InvalidRequest(String::new()),
            Error::ModelUnavailable(String::new()),
            Error::RequestTooLarge(1),
            Error::ReplyTooLarge(1),
            Error::ContentRefused,
            Error::RateLimited(None),
            Error::Busy,
            Error::Timeout,
            Error::Unavailable,
            Error::Broken,
        ];
        for error in errors {
            assert!(OUTCOMES.contains(&error.kind()), "{error}");
        }
    }
}
