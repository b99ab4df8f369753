//! Why there is no reply, classified by the caller's possible reactions.

use std::time::Duration;

/// Why there is no reply. Contains nothing that a component must not see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No key is configured.
    #[error("no key is configured")]
    NotConfigured,
    /// Cohere refuses the account: the key is wrong (401), used up (402) or lacks a permission (403).
    #[error("the account was refused")]
    Unauthorized,
    /// The request is invalid, for the reason in the text.
    #[error("the request is invalid: {0}")]
    InvalidRequest(String),
    /// The model is not allowed, or Cohere does not have it.
    #[error("the model `{0}` is not available")]
    ModelUnavailable(String),
    /// The request has more bytes than this.
    #[error("the request is larger than {0} bytes")]
    RequestTooLarge(u64),
    /// The reply has more bytes than this.
    #[error("the reply is larger than {0} bytes")]
    ReplyTooLarge(u64),
    /// The text holds something on Cohere's deny-list (498).
    #[error("the content was refused")]
    ContentRefused,
    /// Too many requests (429). Cohere may say how long to wait.
    #[error("too many requests for the account")]
    RateLimited(Option<Duration>),
    /// The maximum of calls is in flight.
    #[error("too many calls are in flight")]
    Busy,
    /// The call timed out.
    #[error("there was no answer in time")]
    Timeout,
    /// Cohere cannot be reached, or failed.
    #[error("the service is unavailable")]
    Unavailable,
    /// Cohere's response is malformed or incomplete.
    #[error("the answer cannot be understood")]
    Broken,
}
