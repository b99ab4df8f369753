//! Why there is no reply, by what the caller can do about it.

use std::time::Duration;

/// Why there is no reply. Carries nothing that a component must not see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no key.
    #[error("no key is configured")]
    NotConfigured,
    /// Cohere refuses the account: a bad key (401), one that is used up (402) or may not do this (403).
    #[error("the account was refused")]
    Unauthorized,
    /// The request is wrong, as the text says.
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
    /// As many calls are in flight as are allowed.
    #[error("too many calls are in flight")]
    Busy,
    /// It took too long.
    #[error("there was no answer in time")]
    Timeout,
    /// Cohere cannot be reached, or failed.
    #[error("the service is unavailable")]
    Unavailable,
    /// Cohere's answer cannot be understood, or broke off.
    #[error("the answer cannot be understood")]
    Broken,
}
