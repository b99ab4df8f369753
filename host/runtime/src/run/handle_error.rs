//! Why a request has no response of a component.

/// Why a component gave no response, or an incomplete one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleError {
    /// The guest trapped, exited, returned without a response, or responded with an error.
    #[error("the component failed")]
    Failed,
    /// The guest exceeded its time limit.
    #[error("the component did not answer in time")]
    TimedOut,
    /// Too many requests are in flight.
    #[error("the component is busy")]
    Busy,
    /// The request's body is longer than the component's limit, which is given in bytes.
    #[error("the request's body is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The request's body is incomplete, or its framing violates HTTP.
    #[error("the request's body broke off")]
    BodyBroken,
}
