//! Cohere's models, through the host: `berth:cohere/chat`.

pub use crate::bindings::http::berth::cohere::chat::{
    AssistantMessage, ChatStream, Error, Event, FinishReason, Message, Reply, Request, Tool, ToolCall,
    ToolChoice, ToolResult, Usage, chat, stream,
};

/// A sentence about `error` for the log.
#[must_use]
pub fn describe(error: &Error) -> String {
    match error {
        Error::NotConfigured => "the host has no key for Cohere: set COHERE_API_KEY".to_owned(),
        Error::Unauthorized => "Cohere refuses the host's key".to_owned(),
        Error::InvalidRequest(reason) => format!("the request to the model is wrong: {reason}"),
        Error::ModelUnavailable(model) => format!("the model {model} is not allowed or does not exist"),
        Error::RequestTooLarge(limit) => format!("the request to the model has more than {limit} bytes"),
        Error::ReplyTooLarge(limit) => format!("the model's reply has more than {limit} bytes"),
        Error::ContentRefused => "Cohere does not take this text".to_owned(),
        Error::RateLimited(_) => "Cohere is rate-limiting the host".to_owned(),
        Error::Busy => "the host has as many calls of models in flight as it allows".to_owned(),
        Error::Timeout => "the model took longer than the host waits".to_owned(),
        Error::Unavailable => "Cohere cannot be reached, or failed".to_owned(),
        Error::Broken => "the model's reply broke off, or cannot be understood".to_owned(),
    }
}
