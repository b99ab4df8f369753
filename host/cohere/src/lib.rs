//! A client of Cohere's v2 chat API (<https://docs.cohere.com/v2/reference/chat>), with the bounds that a host needs: on
//! models, sizes, times and calls in flight.
//!
//! The steps of a call: the `request` is checked and converted to Cohere's format (`wire`); the `client` gets a permit
//! among the calls in flight and sends the request, with retries (`retry`); the response is read as a whole, or as a
//! `stream` of `events` that an `assembly` puts together. An error is a `failure`, of which the caller gets an `error`
//! and the log the detail. When a `call` ends, however it ends, it is logged, its tokens are added to the `ledger`,
//! and it counts in the `metrics` of its client.
//!
//! Dropping a future or a [`ChatStream`] of this crate closes its connection to Cohere. The key is in no error, no log
//! and no `Debug`.

mod assembly;
mod call;
mod client;
mod error;
mod events;
mod failure;
mod ledger;
mod metrics;
mod reply;
mod request;
mod retry;
mod settings;
mod stream;
mod wire;

pub use client::{Client, ClientError};
pub use error::Error;
pub use ledger::{Caller, Tally};
pub use metrics::Metrics;
pub use reply::{Event, FinishReason, Reply, Usage};
pub use request::{AssistantMessage, Message, Request, Tool, ToolCall, ToolChoice, ToolResult};
pub use settings::{ApiKey, ApiKeyError, Backoff, BaseUrl, BaseUrlError, DEFAULT_MODEL, Settings};
pub use stream::ChatStream;

#[cfg(test)]
mod tests;
